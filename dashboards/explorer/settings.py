"""Settings of `explore` and of `rules`."""

from __future__ import annotations

from pydantic import Field

from tabkit.rules.config import AimConfig, SuggestConfig


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
