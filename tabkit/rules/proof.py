"""Test rules on held-out rows: a rule must be better than the rows around it, because of each of its conditions.

A rule is tested against all rows outside of it and against the rows that each of its conditions keeps out, on hold-out
rows, and its p value is the largest one, so that every condition must be proved (Webb 2007, "Discovering Significant
Patterns", Machine Learning 68, sections 2 and 4). Holm's method (1979) bounds the chance that any rule passes that
should not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.rules.clusters import cluster_p
from tabkit.rules.goal import Floats, Goal, Mask
from tabkit.rules.limits import FEWEST_ARM_ROWS, FEWEST_SIDE_ROWS

Dense: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Moments:
    n: int
    mean: float
    variance: float


def dense(y: Floats) -> Dense:
    """Return the dense ranks of values, shape (n,), so that later rankings are quick.

    >>> dense(np.array([0.5, 7.0, 0.5])).tolist()
    [0, 1, 0]
    """
    return np.unique(y, return_inverse=True)[1].astype(np.int64)


def p_value(goal: Goal, inside: Mask, within: Mask, *, order: Dense | None = None) -> float:
    """Return the one-sided p-value of the mean inside against the rest of the surroundings.

    - Share: Fisher's exact test, the tail of the hypergeometric distribution (Fisher 1935).
    - Mean: the largest p value of Welch's t test (1947), Student's (1908, one variance for both sides) and Mann and
      Whitney's rank test (1947, with midranks). The first alone is fooled by heavy tails, and the last by other
      differences than of means; the second keeps few rows that happen to lack the rare losses of the rest from
      looking sure. The price: a higher mean that a few rows alone carry is not proved.
    - Effect: the difference of the effects inside and in the rest over its standard error, with the variance of each
      of the four groups for itself, by Student's distribution with the degrees of freedom of the smallest one. Of two
      values, as many successes and failures as Agresti and Caffo (2000) add to each group keep few rows from looking
      sure; of more, it is the larger p value of this test on `y` and on its ranks.
    - Where the goal knows units, the larger one of this p value and of `tabkit.rules.clusters.cluster_p`.

    Parameters
    ----------
    goal
        The n rows.
    inside
        Shape (n,): the rows of the rule.
    within
        Shape (n,): its surroundings, of which the rows inside are a part.
    order
        `dense` of the goal's `y`, where it is known.

    Returns
    -------
    float
        1 where there are fewer than five rows on a side (of an effect: than ten in each arm of it).

    Examples
    --------
    >>> goal = Goal("y", "share", np.repeat([1.0, 0.0], [6, 6]), positive="yes")
    >>> round(p_value(goal, np.repeat([True, False], 6), np.ones(12, dtype=bool)), 5)
    0.00108
    """
    rest = within & ~inside
    if min(int(inside.sum()), int(rest.sum())) < FEWEST_SIDE_ROWS:
        return 1.0
    found = _row_p(goal, inside, rest, order)
    return found if goal.unit is None else max(found, cluster_p(goal, goal.unit, inside, rest))


def _row_p(goal: Goal, inside: Mask, rest: Mask, order: Dense | None) -> float:
    if goal.treated is not None:
        return _effect_p(goal, goal.treated, inside, rest, order)
    y, other = goal.y[inside], goal.y[rest]
    if goal.kind == "share":
        successes, all_of_them = round(float(y.sum())), round(float(y.sum() + other.sum()))
        return _fisher(successes, all_of_them, y.size, y.size + other.size)
    order = dense(goal.y) if order is None else order
    a, b = _moments(y), _moments(other)
    return max(_welch(a, b), _student(a, b), _ranks(order[inside], order[rest]))


def rule_p(goal: Goal, conditions: Sequence[Mask], *, order: Dense | None = None) -> float:
    """Return the p value of a rule: the largest one against all rows and without each of its conditions.

    Parameters
    ----------
    goal
        The n rows.
    conditions
        Which rows fulfil each condition, shape (n,) each; at least one.
    order
        `dense` of the goal's `y`, where it is known.

    Examples
    --------
    >>> goal = Goal("y", "share", np.repeat([1.0, 0.0], [6, 6]), positive="yes")
    >>> real, empty = np.repeat([True, False], 6), np.tile([True, False], 6)
    >>> rule_p(goal, [real]) < 0.01 < rule_p(goal, [real, empty])
    True
    """
    inside = np.logical_and.reduce(conditions)
    everywhere = np.ones(inside.size, dtype=np.bool_)
    surroundings = [everywhere]
    if len(conditions) > 1:
        for left_out in range(len(conditions)):
            kept = [mask for index, mask in enumerate(conditions) if index != left_out]
            surroundings.append(np.logical_and.reduce(kept))
    return max(p_value(goal, inside, within, order=order) for within in surroundings)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple testing (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    found = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        found[index] = largest
    return found


def totals(goal: Goal) -> Floats:
    """Return what is summed over rows to measure rules by: counts, values and their squares, shape (k, n).

    With them, ``totals(goal) @ mask`` says all about the rows of a mask, and the sums of what is left of its
    surroundings are a difference.

    >>> goal = Goal("y", "share", np.array([1.0, 0.0]), positive="yes")
    >>> totals(goal).tolist()
    [[1.0, 1.0], [0.5, -0.5], [0.25, 0.25]]
    """
    y = goal.y - goal.y.mean()  # for the sake of digits
    if goal.treated is None:
        return np.stack((np.ones(y.size), y, y * y))
    t = goal.treated.astype(np.float64)
    return np.stack((t, t * y, t * y * y, 1 - t, (1 - t) * y, (1 - t) * y * y))


def value_of(sums: Floats) -> float | None:
    """Return the share, mean or effect in sums of `totals`, less the mean of all; None without rows.

    >>> value_of(np.array([4.0, 2.0, 1.0]))
    0.5
    """
    means = [float(part[1] / part[0]) if part[0] > 0 else None for part in sums.reshape(-1, 3)]
    if len(means) == 1 or means[0] is None or means[1] is None:
        return means[0] if len(means) == 1 else None
    return means[0] - means[1]


def z_value(inside: Floats, within: Floats, *, share: bool) -> float:
    """Return by how many standard errors the value inside is above that of the rest of the surroundings.

    It is for rows that were searched, where p values mean nothing. A share has the pooled variance of both sides, a
    mean and an effect have each group's own.

    Parameters
    ----------
    inside, within
        Sums of `totals` over the rows of a rule and over those of its surroundings, itself included.
    share
        Whether it is a share.

    Returns
    -------
    float
        -inf where a side, or an arm of it, has fewer than five rows.

    Examples
    --------
    >>> goal = Goal("y", "share", np.repeat([1.0, 0.0], [6, 6]), positive="yes")
    >>> sums = totals(goal)
    >>> round(z_value(sums @ np.repeat([1.0, 0.0], 6), sums @ np.ones(12), share=True), 2)
    3.46
    """
    rest = within - inside
    value, other = value_of(inside), value_of(rest)
    groups = [*inside.reshape(-1, 3), *rest.reshape(-1, 3)]
    if value is None or other is None or min(float(group[0]) for group in groups) < FEWEST_SIDE_ROWS - 0.5:
        return -math.inf
    if share:
        return _ratio(value - other, math.sqrt(_variance(within) * (1 / inside[0] + 1 / rest[0])))
    return _ratio(value - other, math.sqrt(sum(_variance(group) / (group[0] - 1) for group in groups)))


def _variance(sums: Floats) -> float:
    """Return the variance that counts, sums and sums of squares say, over n; rounding may not make a spread of none."""
    n, total, squares = (float(part) for part in sums)
    found = squares / n - (total / n) ** 2
    return found if found > 1e-12 * squares / n else 0.0


def _moments(y: Floats) -> _Moments:
    return _Moments(y.size, float(y.mean()), float(y.var(ddof=1)))


def _ratio(difference: float, error: float) -> float:
    return difference / error if error > 0 else math.copysign(math.inf, difference) if difference else 0.0


def _fisher(successes: int, all_of_them: int, inside: int, rows: int) -> float:
    """Return the chance of so many successes or more among the rows inside, were they drawn from all rows."""
    k = np.arange(max(successes, inside + all_of_them - rows), min(inside, all_of_them) + 1)
    ways = _chosen(np.array(inside), k) + _chosen(np.array(rows - inside), all_of_them - k)
    return min(1.0, float(np.exp(scipy.special.logsumexp(ways) - _chosen(np.array(rows), np.array(all_of_them)))))


def _chosen(n: Dense, k: Dense) -> Floats:
    """Return the logarithm of how many ways there are to choose k of n."""
    found: Floats = scipy.special.gammaln(n + 1) - scipy.special.gammaln(k + 1) - scipy.special.gammaln(n - k + 1)
    return found


def _welch(a: _Moments, b: _Moments) -> float:
    one, two = a.variance / a.n, b.variance / b.n
    t = _ratio(a.mean - b.mean, math.sqrt(one + two))
    if math.isinf(t) or t == 0:
        return 0.5 if t == 0 else 0.0 if t > 0 else 1.0
    freedom = (one + two) ** 2 / (one**2 / (a.n - 1) + two**2 / (b.n - 1))
    return float(scipy.special.stdtr(freedom, -t))


def _student(a: _Moments, b: _Moments) -> float:
    pooled = ((a.n - 1) * a.variance + (b.n - 1) * b.variance) / (a.n + b.n - 2)
    return float(scipy.special.stdtr(a.n + b.n - 2, -_ratio(a.mean - b.mean, math.sqrt(pooled * (1 / a.n + 1 / b.n)))))


def _ranks(own: Dense, other: Dense) -> float:
    """Return the p value of Mann and Whitney's test in its normal approximation, corrected for ties and continuity."""
    inside = np.bincount(own, minlength=int(other.max()) + 1)
    outside = np.bincount(other, minlength=inside.size)
    below = np.cumsum(outside) - outside
    wins = float((inside * (below + outside / 2)).sum())
    n, ties = own.size + other.size, (inside + outside).astype(np.float64)
    spread = own.size * other.size / 12 * (n + 1 - float((ties**3 - ties).sum()) / (n * (n - 1)))
    if spread <= 0:
        return 0.5
    return float(scipy.special.ndtr(-(wins - own.size * other.size / 2 - 0.5) / math.sqrt(spread)))


def _midranks(order: Dense) -> Floats:
    counts = np.bincount(order)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[order]
    return ranks


def _effect_p(goal: Goal, treated: Mask, inside: Mask, rest: Mask, order: Dense | None) -> float:
    fewest = min(int(np.count_nonzero(side & arm)) for side in (inside, rest) for arm in (treated, ~treated))
    if fewest < FEWEST_ARM_ROWS:
        return 1.0
    two = bool(np.isin(goal.y, (goal.y.min(), goal.y.max())).all())
    t = _interaction(goal.y, treated, inside, rest, two=two)
    if not two:
        both = inside | rest
        ranks = np.zeros(goal.y.size)
        ranks[both] = _midranks((dense(goal.y) if order is None else order)[both])
        t = min(t, _interaction(ranks, treated, inside, rest, two=False))
    return float(scipy.special.stdtr(fewest - 1, -t))


def _interaction(y: Floats, treated: Mask, inside: Mask, rest: Mask, *, two: bool) -> float:
    """Return the difference of the two effects over its standard error."""
    difference, variance = 0.0, 0.0
    for side, side_sign in ((inside, 1), (rest, -1)):
        for arm, arm_sign in ((treated, 1), (~treated, -1)):
            own = y[side & arm]
            found = _shrunk(own, y) if two else _moments(own)
            difference += side_sign * arm_sign * found.mean
            variance += found.variance / found.n
    return _ratio(difference, math.sqrt(variance))


def _shrunk(own: Floats, y: Floats) -> _Moments:
    """Return moments with one success and one failure more, whatever two values they are."""
    low, high = float(y.min()), float(y.max())
    share = ((own > low).sum() + 1) / (own.size + 2)
    return _Moments(own.size + 2, low + (high - low) * float(share), (high - low) ** 2 * float(share * (1 - share)))
