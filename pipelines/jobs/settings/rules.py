"""Settings of the jobs of rules, and of pages to explore."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from dashboards.explorer.settings import ExploreConfig
from pipelines.jobs.settings.base import EXPOSURE, FIRST, OUTPUT, ROWS, SOURCE, Sources
from tabkit.config import FOLLOWS, UNUSED, Columns, required
from tabkit.propensity.config import WorthConfig
from tabkit.rules.config import AimConfig, SuggestConfig
from tabkit.rules.given import Rules

_JUDGED = {
    "target": "The column that rules tell apart.",
    "id": ROWS["id"],
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
_ABLATION = Columns({**_JUDGED, "weight": ROWS["weight"], "exposure": EXPOSURE})


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

    rules: str = required(FIRST)
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
    report
        A page to write: metrics without and with the rules, and the differences.
    """

    rules: Rules = required(FIRST)
    source: Sources = required(SOURCE)
    roles: Annotated[dict[str, str], _ABLATION] = Field(default_factory=dict)
    report: str | None = None


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
