"""The errors, by stage; each message says what was expected, what came and what to do."""

from __future__ import annotations


class TabkitError(Exception):
    """Base of every error that tabkit raises on purpose.

    Parameters
    ----------
    problem
        What came, and what was expected instead.
    advice
        What to do about it; the command prints it on a line of its own.

    Examples
    --------
    >>> print(SourceError("no rows in 'a.csv'", advice="check the export"))
    no rows in 'a.csv'
    To do: check the export
    """

    stage = "tabkit"

    def __init__(self, problem: str, *, advice: str | None = None) -> None:
        self.problem = problem
        self.advice = advice
        super().__init__(problem if advice is None else f"{problem}\nTo do: {advice}")


class SourceError(TabkitError):
    """A source cannot be found, opened or read as a table."""

    stage = "reading"


class SchemaError(TabkitError):
    """Columns are missing, unusable or of another type than a fitted thing needs."""

    stage = "schema"


class ConfigError(TabkitError):
    """A setting is unknown, of the wrong type or contradicts another."""

    stage = "configuration"


class ForkError(TabkitError):
    """A process was forked from one that had computed, and cannot compute itself; see `tabkit.forked`."""

    stage = "process"


class FitError(TabkitError):
    """The data cannot support the fit that was asked for."""

    stage = "fitting"


class BundleError(TabkitError):
    """A bundle is damaged, incomplete, of another kind or from a newer version, or cannot be written."""

    stage = "bundle"


class ScoringError(TabkitError):
    """Scores cannot be computed or written; what stood at the destination before still stands."""

    stage = "scoring"
