"""Settings of the explorer."""

from __future__ import annotations

from pydantic import Field

from tabkit.rules.config import AimConfig, SuggestConfig


class ExploreConfig(AimConfig):
    """What a page to explore shows.

    Parameters
    ----------
    beside
        A table with further columns, joined by the id: the features beside scores, say.
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
    """

    beside: str | list[str] | None = None
    rules: str | None = None
    suggest: bool = True
    search: SuggestConfig = Field(default_factory=SuggestConfig)
    show: str | None = None
    title: str | None = None
