"""Settings of jobs: those of a model, and beside them what is read and written.

What a TOML file, `--set` and the arguments of a command fill is one of these; a setting is written here or in the
settings of its model, and nowhere else: options, their help and the tables of the README are made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import Field

from dashboards.explorer.settings import ExploreConfig
from tabkit.cltv.config import BacktestConfig, CampaignConfig, ForecastConfig, LifetimeConfig
from tabkit.config import Config, build, complete, required
from tabkit.encoding.config import EncodingConfig
from tabkit.propensity.config import TrainConfig, UpdateConfig, WorthConfig
from tabkit.rules.config import AimConfig, SuggestConfig
from tabkit.rules.given import Rules
from tabkit.uplift.config import UpliftConfig, UpliftUpdateConfig

Sources = str | list[str]
C = TypeVar("C", bound=Config)

UNUSED: Any = Field(default=None, json_schema_extra={"unused": True})
"""Of a setting that a job passes over, so that one file of settings can serve several commands."""
FOLLOWS: dict[str, Any] = {"follows": True}
"""Of a setting whose default holds only where nothing else speaks."""
_SOURCE, _FIRST, OUTPUT = "as an argument", "as the first argument", "with -o"


def filled(kind: type[C], values: Mapping[str, Any]) -> C:
    """Return the settings of a job; all that is wrong, or what is missing, comes in one `ConfigError`."""
    return complete(build(kind, values))


@dataclass(frozen=True, slots=True)
class Columns:
    """Which roles columns may have in a job, and what each means there."""

    meaning: dict[str, str]


_ROWS = {
    "target": "The column to predict.",
    "id": "The column that names each row.",
    "time": "When a row was known: splits run along it.",
    "group": "Rows of one group stay in one part, unless --time divides them.",
    "weight": "Row weights.",
}
_TRAIN = Columns({**_ROWS, "exposure": "Time or volume at risk, for counts and amounts."})
_ENCODE = Columns(
    {
        **_ROWS,
        "target": "The column to predict: it is used, but never leaks.",
        "time": "Rows are encoded by earlier ones only.",
        "group": "Rows are encoded by other groups only, unless --time is given.",
        "treatment": "Arms: the target is encoded for each of them.",
    }
)
_UPLIFT = Columns(
    {
        "treatment": "The column of the arm that each unit was in.",
        "outcome": "The column of what came of it.",
        "id": "The column that names each unit.",
        "time": "When a unit was contacted: the newest are held out.",
        "group": "What units belong together by, such as a household: errors cluster by it.",
    }
)
_JUDGED = {
    "target": "The column that rules tell apart.",
    "id": _ROWS["id"],
    "time": "When a row was known: the newest are held out.",
    "group": "What rows belong together by: whole groups are held out.",
}
_AIM = Columns(
    {
        **_JUDGED,
        "target": "The column that rules tell apart, or the outcome of a treatment.",
        "treatment": "The column of the arm that each row was in.",
    }
)
_EXPLORE = Columns(
    {
        **_AIM.meaning,
        "target": "A column to tell apart; of scores also: score, uplift or cltv.",
        "outcome": "Of uplift scores: the column of what came of it.",
    }
)
_ABLATION = Columns({**_JUDGED, "weight": _ROWS["weight"], "exposure": _TRAIN.meaning["exposure"]})


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

    source: Sources = required(_SOURCE)
    output: str | None = None
    roles: Annotated[dict[str, str], _TRAIN] = Field(default_factory=dict)
    curve: str | None = None
    report: str | None = None


class EncodeJob(Config):
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
    rules
        Sets of rows that become features of 0 and 1 beside all others: a file of rules, or a list of them.
    drop_null_target
        Leave out rows without a target instead of refusing them.
    seed
        Decides folds.
    encoding
        How columns become features.
    """

    source: Sources = required(_SOURCE)
    output: str | None = None
    save: str | None = None
    encoder: str | None = None
    roles: Annotated[dict[str, str], _ENCODE] = Field(default_factory=dict)
    rules: Rules = ()
    drop_null_target: bool = False
    seed: int = Field(default=0, ge=0)
    encoding: EncodingConfig = Field(default_factory=EncodingConfig)


class ScoreJob(Config):
    """Settings of `score`.

    Parameters
    ----------
    bundle
        The bundle of a trained model.
    source
        Files, globs, folders or URLs: Parquet, CSV, IPC, NDJSON.
    output
        A file for all rows, or a folder for a file per source.
    contributions
        How many of the largest reasons are written beside each score.
    keep
        Further columns that are carried through beside the id.
    """

    bundle: str = required(_FIRST)
    source: Sources = required(_SOURCE)
    output: str = required(OUTPUT)
    contributions: int = Field(default=0, ge=0)
    keep: list[str] = Field(default_factory=list)


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

    bundle: str = required(_FIRST)
    source: Sources = required(_SOURCE)
    output: str | None = None
    reference: Sources | None = None
    report: str | None = None


class CLTVFitJob(LifetimeConfig):
    """Settings of `cltv fit`.

    Parameters
    ----------
    source
        Transactions: files, globs, folders or URLs.
    output
        The bundle to write.
    widen_origins
        Backtest first from so many earlier days, and let forecasts be widened as that teaches; 0 for not at all.
    widen_days
        How far the forecasts of that backtest reach.
    report
        A page of pictures to write.
    """

    source: Sources = required(_SOURCE)
    output: str = required(OUTPUT)
    widen_origins: int = Field(default=0, ge=0, le=100)
    widen_days: int = Field(default=90, ge=1)
    report: str | None = None


class CLTVBacktestJob(BacktestConfig):
    """Settings of `cltv backtest`.

    Parameters
    ----------
    source
        Transactions: files, globs, folders or URLs.
    report
        A page of pictures to write.
    """

    source: Sources = required(_SOURCE)
    output: Any = UNUSED
    report: str | None = None


class CLTVForecastJob(ForecastConfig):
    """Settings of `cltv forecast`.

    Parameters
    ----------
    bundle
        The bundle of a fitted model.
    output
        The file to write.
    """

    bundle: str = required(_FIRST)
    output: str = required(OUTPUT)


class CLTVCampaignsJob(CampaignConfig):
    """Settings of `cltv campaigns`.

    Parameters
    ----------
    bundle
        The bundle of a fitted model, with amounts.
    source
        Acquired users, one row each: files or globs.
    output
        A table to write, a row per campaign.
    volume
        A table of users by bid: ``bid``, ``users``, and ``campaign`` where curves differ.
    report
        A page of pictures to write.
    """

    bundle: str = required(_FIRST)
    source: Sources = required(_SOURCE)
    output: str | None = None
    volume: str | None = None
    report: str | None = None


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

    source: Sources = required(_SOURCE)
    output: str = required(OUTPUT)
    roles: Annotated[dict[str, str], _UPLIFT] = Field(default_factory=dict)
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

    bundle: str = required(_FIRST)
    source: Sources = required(_SOURCE)
    output: str = required(OUTPUT)
    report: str | None = None


class RuleSuggestJob(AimConfig):
    """Settings of `rules suggest`.

    Parameters
    ----------
    output
        The TOML file that suggested rules are written to.
    search
        How rules are searched for.
    """

    output: str = required(OUTPUT)
    roles: Annotated[dict[str, str], _AIM] = Field(default_factory=dict)
    rules: Any = UNUSED
    level: Any = UNUSED
    search: SuggestConfig = Field(default_factory=SuggestConfig)


class RuleScoreJob(AimConfig):
    """Settings of `rules score`.

    Parameters
    ----------
    rules
        A file of rules.
    level
        Of intervals, which hold for all rules of the file at once.
    holdout
        The share of the rows that nobody looks at; by default as when the rules were found.
    seed
        Decides which; by default as when the rules were found.
    """

    rules: str = required(_FIRST)
    roles: Annotated[dict[str, str], _AIM] = Field(default_factory=dict)
    output: Any = UNUSED
    level: float = Field(default=0.95, gt=0, lt=1)
    holdout: float = Field(default=0.3, gt=0, lt=1, json_schema_extra=FOLLOWS)
    seed: int = Field(default=0, ge=0, json_schema_extra=FOLLOWS)
    search: Any = UNUSED


class AblationJob(WorthConfig):
    """Settings of `rules worth`.

    Parameters
    ----------
    rules
        What is compared with and without: a file of rules, or a list of them.
    source
        Files, globs, folders or URLs of rows with a target.
    roles
        Column by role.
    """

    rules: Rules = required(_FIRST)
    source: Sources = required(_SOURCE)
    roles: Annotated[dict[str, str], _ABLATION] = Field(default_factory=dict)


class ExploreJob(ExploreConfig):
    """Settings of `explore`.

    Parameters
    ----------
    output
        The page to write.
    roles
        Column by role.
    embed_holdout
        Put the rows held out into the page too: then it proves rules without a server.
    suggest
        Search for rules; in pages of predictions alone only if it is asked for.
    serve
        Serve the page to this machine until Ctrl-C, in place of writing it.
    port
        Of the server; 0 takes any that is free.
    """

    output: str | None = None
    roles: Annotated[dict[str, str], _EXPLORE] = Field(default_factory=dict)
    embed_holdout: bool = False
    suggest: bool = Field(default=True, json_schema_extra=FOLLOWS)
    serve: bool = False
    port: int = Field(default=0, ge=0, le=65_535)


class HistoryJob(Config):
    """Settings of `history`.

    Parameters
    ----------
    bundle
        The bundle of a model.
    """

    bundle: str = required(_FIRST)


class InspectJob(Config):
    """Settings of `inspect`.

    Parameters
    ----------
    bundle
        The bundle of a trained model.
    """

    bundle: str = required(_FIRST)


class CompareJob(Config):
    """Settings of `compare`.

    Parameters
    ----------
    first
        The bundle of a model.
    second
        The bundle of another model of the same target.
    source
        Labelled rows that neither has seen: files, globs, folders or URLs.
    """

    first: str = required(_FIRST)
    second: str = required("as the second argument")
    source: Sources = required(_SOURCE)


class UpliftReportJob(Config):
    """Settings of `uplift report`.

    Parameters
    ----------
    bundle
        The bundle of an uplift model.
    report
        The page; by default beside the bundle, and none where the extra that draws is not installed.
    """

    bundle: str = required(_FIRST)
    report: str | None = None
