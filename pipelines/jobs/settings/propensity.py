"""Settings of the jobs of a model of who acts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipelines.jobs.settings.base import EXPOSURE, FIRST, ROWS, SOURCE, Sources
from tabkit.config import Columns, required
from tabkit.predictors.config import EncodeConfig
from tabkit.propensity.config import TrainConfig, UpdateConfig

_TRAIN = Columns({**ROWS, "exposure": EXPOSURE})
_ENCODE = Columns(
    {
        **ROWS,
        "target": "The column to predict: it is used, but never leaks.",
        "time": "Rows are encoded by earlier ones only.",
        "group": "Rows are encoded by other groups only, unless --time is given.",
        "treatment": "Arms: the target is encoded for each of them.",
    }
)


class TrainJob(TrainConfig):
    """Settings of `train`.

    Parameters
    ----------
    source
        Files, globs, folders or URLs of rows with a target: Parquet, CSV, IPC, NDJSON.
    output
        The bundle to write.
    roles
        Column by role.
    curve
        A picture of the network's learning curve to write (.png, .svg, .html).
    report
        A page to write: metrics beside the baselines, as they were measured, importance and what to look out for.
    """

    source: Sources = required(SOURCE)
    output: str | None = None
    roles: Annotated[dict[str, str], _TRAIN] = Field(default_factory=dict)
    curve: str | None = None
    report: str | None = None


class EncodeJob(EncodeConfig):
    """Settings of `encode`.

    Parameters
    ----------
    source
        Files, globs, folders or URLs: Parquet, CSV, IPC, NDJSON.
    output
        The file that features are written to.
    save
        A bundle to save the fitted encoder in.
    encoder
        Encode new rows with the encoder of this bundle, and fit nothing.
    roles
        Column by role; they are carried along.
    """

    source: Sources = required(SOURCE)
    output: str | None = None
    save: str | None = None
    encoder: str | None = None
    roles: Annotated[dict[str, str], _ENCODE] = Field(default_factory=dict)


class UpdateJob(UpdateConfig):
    """Settings of `update`.

    Parameters
    ----------
    bundle
        The bundle of a trained model.
    source
        Files, globs, folders or URLs of new rows with a target.
    output
        The new bundle, by default BUNDLE-updated; the old one stays.
    reference
        Older rows that a retraining may use beside the new ones.
    report
        A page that says what was tried, in a table and a picture.
    """

    bundle: str = required(FIRST)
    source: Sources = required(SOURCE)
    output: str | None = None
    reference: Sources | None = None
    report: str | None = None
