"""A test for clustered rows, such as those of one customer or one day."""

from __future__ import annotations

import math

import numpy as np
import scipy

from tabkit.dependence import too_few
from tabkit.rules.goal import Codes, Floats, Goal, Mask


def cluster_p(goal: Goal, unit: Codes, inside: Mask, rest: Mask) -> float:
    """Return the p-value of the mean inside against that of the rest, with clustered standard errors.

    The influence of each row on the difference, ``(y - mean) / n`` of its side (of an effect: of its arm of its side),
    is summed within units, and the variance of the difference is that of these sums (Liang and Zeger 1986,
    "Longitudinal data analysis using generalized linear models", Biometrika 73, equation 2). Student's distribution
    has one degree of freedom less than there are units in the side with the fewest (as Donald and Lang 2007 have it).

    Parameters
    ----------
    goal
        The n rows.
    unit
        Shape (n,), codes from 0.
    inside, rest
        Shape (n,): the rows that are compared; no row is in both.

    Returns
    -------
    float
        1 where there are fewer than ten units on a side (of an effect: in each arm of it).

    Examples
    --------
    >>> goal = Goal("y", "share", np.tile([1.0, 0.0, 0.0, 0.0], 40), positive="yes")
    >>> inside = np.arange(160) % 4 < 2
    >>> cluster_p(goal, np.arange(160) // 4, inside, ~inside), cluster_p(goal, np.arange(160) // 20, inside, ~inside)
    (0.0, 1.0)
    """
    cells = _cells(goal, inside, rest)
    counts = [np.bincount(unit[cell]) for cell, _ in cells]
    fewest = min(int(np.count_nonzero(count)) for count in counts)
    if too_few(fewest):
        return 1.0
    influence, difference = np.zeros(goal.y.size), 0.0
    for cell, sign in cells:
        own = goal.y[cell]
        mean = float(own.mean())
        influence[cell] = sign * (own - mean) / own.size
        difference += sign * mean
    error = math.sqrt(_variance(influence, unit, inside | rest))
    if error <= 0:
        return 0.5 if difference == 0 else 0.0 if difference > 0 else 1.0
    return float(scipy.special.stdtr(fewest - 1, -difference / error))


def _cells(goal: Goal, inside: Mask, rest: Mask) -> list[tuple[Mask, float]]:
    if goal.treated is None:
        return [(inside, 1.0), (rest, -1.0)]
    t = goal.treated
    return [(inside & t, 1.0), (inside & ~t, -1.0), (rest & t, -1.0), (rest & ~t, 1.0)]


def _variance(influence: Floats, unit: Codes, rows: Mask) -> float:
    sums = np.bincount(unit[rows], weights=influence[rows])
    units = int(np.count_nonzero(np.bincount(unit[rows])))
    return units / (units - 1) * float(sums @ sums)
