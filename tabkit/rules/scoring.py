"""Whether a rule was confirmed on held-out rows, in a word or two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabkit.rules.measurement import Measured

FADED = 0.7
"""Below this share of the difference that was found, a replicated rule is said to have a smaller effect."""


def verdict(said: Measured, found: Measured | Mapping[str, Any] | None) -> str:
    """Say whether a rule is confirmed: the interval of inside less rest excludes zero, on the expected side.

    Parameters
    ----------
    said
        On rows that prove.
    found
        On the rows that it was found on, or such numbers from a file; None where they are not known: then a high
        value was wanted.

    Returns
    -------
    str
        ``too few rows``, ``arms differ`` (the share of treated rows is another inside than outside),
        ``not replicated``, ``reversed``, ``replicated, smaller effect`` or ``replicated``.

    Examples
    --------
    >>> shown = Measured(100, 20, 0.5, 0.3, 0.7, 0.18, None, 0.95, 0.1, 0.4, 0.2, 0.6)
    >>> verdict(shown, None), verdict(shown, {"difference": 0.7}), verdict(shown, {"value": 0.1, "base": 0.2})
    ('replicated', 'replicated, smaller effect', 'reversed')
    >>> verdict(Measured(100, 20, 0.5, 0.3, 0.7, 0.18, None, 0.95, 0.4, 0.1, -0.1, 0.3), None)
    'not replicated'
    >>> verdict(Measured(20, 20, 0.5, 0.3, 0.7, 0.5, None, 0.95), None)
    'too few rows'
    """
    if said.difference is None or said.difference_low is None or said.difference_high is None:
        return "too few rows"
    if said.balanced is False:
        return "arms differ"
    if said.difference_low <= 0 <= said.difference_high:
        return "not replicated"
    was = _difference(found)
    if (said.difference < 0) != (was is not None and was < 0):
        return "reversed"
    return "replicated" if was is None or abs(said.difference) >= FADED * abs(was) else "replicated, smaller effect"


def _difference(found: Measured | Mapping[str, Any] | None) -> float | None:
    """Return by how much more was found inside than outside; of older files, than everywhere."""
    if isinstance(found, Measured):
        return found.difference
    known = {name: _number(value) for name, value in ({} if found is None else found).items()}
    if known.get("difference") is not None:
        return known["difference"]
    value, base = known.get("value"), known.get("base")
    return None if value is None or base is None else value - base


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
