"""A filter of rules: inside must differ significantly from the rest, with the arms balanced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tabkit.rules.goal import Goal, Mask
from tabkit.rules.measurement import Measured, measure
from tabkit.rules.suggestion import Suggestion


@dataclass(frozen=True, slots=True, eq=False)
class SeparationFilter:
    """Decides whether a rule is worth testing, and counts what it rejected.

    Parameters
    ----------
    goal
        Of the n rows.
    direction
        ``high`` or ``low``.

    Examples
    --------
    >>> import numpy as np
    >>> sound = SeparationFilter(Goal("y", "share", np.repeat([1.0, 0.0], 20), positive="yes"), "high")
    >>> sound(np.arange(40) < 20), sound(np.arange(40) % 2 == 0)
    (True, False)
    """

    goal: Goal
    direction: str
    unbalanced: list[int] = field(default_factory=list)

    def __call__(self, inside: Mask) -> bool:
        """Return whether the rows inside differ clearly from the rest, by units where the goal knows them."""
        found = measure(inside, self.goal)
        if found.balanced is False:
            self.unbalanced.append(found.covered)
            return False
        return differs(found, self.direction)

    def notes(self) -> list[str]:
        """Return in sentences what was rejected."""
        return _unbalanced(len(self.unbalanced))


def differs(found: Measured, direction: str) -> bool:
    """Return whether inside is higher (or lower) than the rest, by the interval of the difference.

    >>> differs(Measured(100, 20, 0.5, 0.3, 0.7, 0.18, None, 0.95, 0.1, 0.4, 0.2, 0.6), "low")
    False
    """
    if found.difference_low is None or found.difference_high is None:
        return False
    return found.difference_low > 0 if direction == "high" else found.difference_high < 0


def clearest(found: Sequence[Suggestion], direction: str) -> tuple[tuple[Suggestion, ...], list[str]]:
    """Return the suggestions that also pass the filter on held-out rows, and notes on the others."""
    alike = [one for one in found if one.holdout.balanced is not False]
    clear = tuple(one for one in alike if differs(one.holdout, direction))
    notes = _unbalanced(len(found) - len(alike))
    if len(clear) < len(alike):
        notes.append(f"proved, but hardly different from the rest: {len(alike) - len(clear)}, left out")
    return clear, notes


def _unbalanced(count: int) -> list[str]:
    rules = "1 rule was" if count == 1 else f"{count:,} rules were"
    return [f"{rules} left out: arms' shares differ inside, so who was treated was not drawn alike"] if count else []
