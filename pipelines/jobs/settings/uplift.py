"""Settings of the jobs of a model of effects."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipelines.jobs.settings.base import FIRST, OUTPUT, SOURCE, Sources
from tabkit.config import Columns, Config, required
from tabkit.uplift.config import UpliftConfig, UpliftUpdateConfig

_UPLIFT = Columns(
    {
        "treatment": "The column of the arm that each unit was in.",
        "outcome": "The column of what came of it.",
        "id": "The column that names each unit.",
        "time": "When a unit was contacted: the newest are held out.",
        "group": "What units belong together by, such as a household: errors cluster by it.",
    }
)


class UpliftTrainJob(UpliftConfig):
    """Settings of `uplift train`.

    Parameters
    ----------
    source
        A row per unit: files, globs, folders or URLs.
    output
        The bundle to write.
    roles
        Column by role.
    report
        A page to write: the trust report, with pictures.
    """

    source: Sources = required(SOURCE)
    output: str = required(OUTPUT)
    roles: Annotated[dict[str, str], _UPLIFT] = Field(default_factory=dict)
    report: str | None = None


class UpliftReportJob(Config):
    """Settings of `uplift report`.

    Parameters
    ----------
    bundle
        The bundle of an uplift model.
    report
        The page; by default beside the bundle, and none where the extra that draws is not installed.
    """

    bundle: str = required(FIRST)
    report: str | None = None


class UpliftUpdateJob(UpliftUpdateConfig):
    """Settings of `uplift update`.

    Parameters
    ----------
    bundle
        The bundle of an uplift model.
    source
        Units of a further experiment of the same design.
    output
        The new bundle; the old one stays.
    report
        A page to write: the trust report of the new model, with pictures.
    """

    bundle: str = required(FIRST)
    source: Sources = required(SOURCE)
    output: str = required(OUTPUT)
    report: str | None = None
