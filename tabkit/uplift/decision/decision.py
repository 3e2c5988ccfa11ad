"""Which arm each unit gets, from predicted effects and the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

import numpy as np

from tabkit.untrusted.manifest import NamedTable, damaged, shown
from tabkit.uplift.decision.policy import assign
from tabkit.uplift.decision.verdict import Word
from tabkit.uplift.regressor import Codes, Floats


@dataclass(frozen=True, slots=True)
class Decision:
    """How the best arm of a unit is chosen.

    Parameters
    ----------
    words
        The verdict on each treated arm.
    averages
        The average effect of each: what counts for all units where the ranking is not usable.
    costs
        Of giving a unit each arm, in the unit of the outcome.
    """

    words: tuple[str, ...]
    averages: tuple[float, ...]
    costs: tuple[float, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, arms: int) -> Decision:
        """Rebuild what `dataclasses.asdict` gave, for a number of treated arms; anything else is a `BundleError`."""
        given = NamedTable(values, "the decision").only([field.name for field in fields(cls)])
        words = given.texts("words", size=arms)
        unknown = [word for word in words if word not in get_args(Word)]
        if unknown:
            raise damaged(f"words of the decision hold {shown(unknown[0])}; {' or '.join(get_args(Word))} was expected")
        return cls(words, given.numbers("averages", size=arms), given.numbers("costs", size=arms))

    def best(self, effect: Floats) -> Codes:
        """Return the number of each unit's best arm, 0 for control; arms without evidence are not given.

        Examples
        --------
        >>> decision = Decision(("usable", "average only", "none"), (0.1, 0.2, 0.9), (0.0, 0.05, 0.0))
        >>> decision.best(np.array([[0.3, 0.0, 5.0], [-0.1, 0.9, 5.0]])).tolist()
        [1, 2]
        """
        meant = effect.astype(np.float64, copy=True)
        for i, word in enumerate(self.words):
            if word != "usable":
                meant[:, i] = self.averages[i] if word == "average only" else -np.inf
        return assign(meant, costs=np.array(self.costs))
