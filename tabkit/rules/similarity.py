"""How much two rules overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabkit.rules.goal import Mask


@dataclass(frozen=True, slots=True)
class RuleOverlap:
    """How much two sets of rows share.

    Parameters
    ----------
    jaccard
        Rows in both, of rows in any; 0 where there are none.
    inside
        Rows in both, of rows in the first: 1 where the first adds nothing to the second.
    """

    jaccard: float
    inside: float


Overlap = RuleOverlap
"""The old name of `RuleOverlap`, for one release."""


def overlap(first: Mask, second: Mask) -> RuleOverlap:
    """Compare two sets of rows, shape (n,) each.

    >>> import numpy as np
    >>> overlap(np.array([True, True, False]), np.array([True, False, True]))
    RuleOverlap(jaccard=0.3333333333333333, inside=0.5)
    """
    both, some = int((first & second).sum()), int((first | second).sum())
    return RuleOverlap(both / some if some else 0.0, both / int(first.sum()) if first.any() else 0.0)


def most_alike(one: Mask, others: Sequence[Mask]) -> tuple[int, RuleOverlap] | None:
    """Return which of the others is most like `one` by its Jaccard index, and how much; None without others.

    >>> import numpy as np
    >>> most_alike(np.array([True, False]), [np.array([False, True]), np.array([True, True])])
    (1, RuleOverlap(jaccard=0.5, inside=1.0))
    """
    if not others:
        return None
    found = [overlap(one, other) for other in others]
    best = max(range(len(found)), key=lambda index: found[index].jaccard)
    return best, found[best]
