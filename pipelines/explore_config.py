"""Settings of `explore` and of `rules`."""

from __future__ import annotations

from pydantic import Field

from tabkit.config import Config
from tabkit.rules.config import SuggestConfig


class AimConfig(Config):
    """Which rows there are, and what is looked for in them.

    Parameters
    ----------
    source
        Where rows are read from.
    roles
        Column by role: ``target``; ``id``; ``time`` (then the newest rows are held out) or ``group`` (whole groups
        are); ``treatment`` (then the target is an outcome, and what is looked for is the effect).
    positive
        The class whose share is looked for.
    control, arm
        Labels of the treatment.
    exclude
        Columns that are no features, such as what is known only after the target.
    known
        Columns that are known before the target, however well they tell it: they are not asked about.
    holdout
        The share of the rows that nobody looks at.
    seed
        Decides which.
    """

    source: str | list[str] | None = None
    roles: dict[str, str] = Field(default_factory=dict)
    positive: str | None = None
    control: str | None = None
    arm: str | None = None
    exclude: list[str] = Field(default_factory=list)
    known: list[str] = Field(default_factory=list)
    holdout: float = Field(default=0.3, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)


class ExploreConfig(AimConfig):
    """Everything that `explore` can be told.

    Parameters
    ----------
    beside
        A table with further columns, joined by the id: the features beside scores, say.
    output
        The page to write.
    embed_holdout
        Put the rows held out into the page too: then it proves rules without a server.
    rules
        A file of rules to show; a served page saves rules to it.
    suggest
        Search for rules.
    search
        How.
    show
        The name of a rule that the page shows when it is opened.
    title
        The page's heading.
    port
        Of the server; 0 takes any that is free.
    """

    beside: str | list[str] | None = None
    output: str | None = None
    embed_holdout: bool = False
    rules: str | None = None
    suggest: bool = True
    search: SuggestConfig = Field(default_factory=SuggestConfig)
    show: str | None = None
    title: str | None = None
    port: int = Field(default=0, ge=0, le=65_535)


class RulesConfig(AimConfig):
    """Everything that `rules suggest` and `rules score` can be told.

    Parameters
    ----------
    rules
        The file of rules to score.
    output
        The file that suggested rules are written to.
    search
        How rules are searched for.
    level
        Of intervals, which hold for all rules of the file at once.
    """

    rules: str | None = None
    output: str | None = None
    search: SuggestConfig = Field(default_factory=SuggestConfig)
    level: float = Field(default=0.95, gt=0, lt=1)
