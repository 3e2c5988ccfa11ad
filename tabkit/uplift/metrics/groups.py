"""Observed effects in groups of similar scores, compared with the predicted ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabkit.metrics.inputs import Floats, Integers
from tabkit.metrics.resamples import check_count
from tabkit.uplift.metrics.checks import Clusters, check_clusters, check_effect
from tabkit.uplift.metrics.clustered_errors import critical, influence_se
from tabkit.uplift.metrics.ties import falling, run_ends


@dataclass(frozen=True, slots=True, eq=False)
class GroupEffects:
    """Effects in groups of units, from the lowest scores to the highest.

    Parameters
    ----------
    share
        Shape (m,): which part of the rows each group holds. m is smaller than was asked for when runs of
        equal scores are longer than a group.
    predicted
        Shape (m,): mean score; comparable with `observed` when the score is a predicted effect.
    observed
        Shape (m,): mean effect.
    se, low, high
        Shape (m,): standard error and normal interval of `observed`; NaN for a group of one row or cluster.
    difference
        Observed effect of the last group less that of the first; zero when there is one group.
    difference_se, difference_low, difference_high
        Its standard error and interval; zero when there is one group.
    """

    share: Floats
    predicted: Floats
    observed: Floats
    se: Floats
    low: Floats
    high: Floats
    difference: float
    difference_se: float
    difference_low: float
    difference_high: float


def gates(
    effect: ArrayLike,
    score: ArrayLike,
    *,
    groups: int = 5,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> GroupEffects:
    """Return sorted group average treatment effects (Chernozhukov, Demirer, Duflo and Fernandez-Val 2025).

    A run of equal scores goes as a whole into the group in which its middle lies, so the order of rows never
    matters. Groups that get no run are left out.

    Parameters
    ----------
    effect
        Shape (n,): a doubly robust score of each unit's effect.
    score
        Shape (n,): what the groups are made by, fitted on other rows.
    groups
        How many of about equal size, at least two.
    clusters
        Label of each row's cluster, shape (n,), for standard errors; None treats rows as independent.
    level
        Nominal coverage, strictly between 0 and 1.

    Raises
    ------
    FitError
        When a column is unusable or there are fewer than two clusters.
    ConfigError
        When a setting is out of range.

    Examples
    --------
    >>> found = gates([0, 1, 2, 5], [0.1, 0.2, 0.3, 0.4], groups=2)
    >>> found.observed, found.difference
    (array([0.5, 3.5]), 3.0)
    """
    effects, scores = check_effect(effect, score)
    z = critical(level, clusters, rows=effects.size)
    cluster_codes = check_clusters(clusters, rows=effects.size)
    group = group_numbers(scores, groups=groups)
    sizes, observed = _means(group, effects)
    influences = (effects - observed[group]) / sizes[group]
    se = np.array([_se(influences, group == number, cluster_codes) for number in range(sizes.size)])
    difference, difference_se = 0.0, 0.0
    if sizes.size > 1:
        signs = np.where(group == 0, -1.0, 1.0)
        extreme = (group == 0) | (group == sizes.size - 1)
        difference = float(observed[-1] - observed[0])
        difference_se = (
            _se(influences * signs, extreme, cluster_codes) if cluster_codes else float(np.hypot(se[0], se[-1]))
        )
    return GroupEffects(
        share=sizes / effects.size,
        predicted=_means(group, scores)[1],
        observed=observed,
        se=se,
        low=observed - z * se,
        high=observed + z * se,
        difference=difference,
        difference_se=difference_se,
        difference_low=difference - z * difference_se,
        difference_high=difference + z * difference_se,
    )


def calibration_error(effect: ArrayLike, score: ArrayLike, *, groups: int = 10) -> float:
    """Return the mean squared difference of predicted and observed effects of groups, less its noise.

    It is the expected squared calibration error of Xu and Yadlowsky (2022): in each group the mean, over all
    pairs of two rows, of the product of their residuals, which does not hold the variance of the mean. It
    scatters around zero for a calibrated score, and may be negative. Effects within a group that the score
    orders rightly or wrongly do not count.

    Parameters
    ----------
    effect
        Shape (n,): a doubly robust score of each unit's effect.
    score
        Shape (n,): predicted effects in the same unit, fitted on other rows.
    groups
        How many, as in `gates`, at least two. Groups of one row have no pairs and are left out.

    Returns
    -------
    float
        In squared units of the effect; NaN when all groups have one row.

    Raises
    ------
    FitError
        When a column is unusable.

    Examples
    --------
    >>> calibration_error([1, 1, 3, 3], [0, 0, 3, 3], groups=2)
    0.5
    """
    effects, scores = check_effect(effect, score)
    group = group_numbers(scores, groups=groups)
    residual = effects - scores
    sizes, means = _means(group, residual)
    squares = np.bincount(group, weights=residual**2)
    paired = sizes > 1
    size = sizes[paired]
    products = ((size * means[paired]) ** 2 - squares[paired]) / (size * (size - 1))
    return float(np.dot(size, products) / size.sum()) if size.size else float("nan")


def group_numbers(score: Floats, *, groups: int) -> Integers:
    """Return the group of each row, shape (n,), numbered without gaps from the lowest scores.

    Examples
    --------
    >>> group_numbers(np.array([3.0, 1.0, 2.0, 2.0]), groups=2)
    array([1, 0, 0, 0])
    """
    check_count(groups, name="groups", least=2)
    runs = falling(-score)  # rising
    ends = run_ends(runs)
    sizes = np.diff(ends, prepend=0)
    # Twice the middle of each run, in whole numbers: a middle on a border goes down, by no rounding.
    doubled = 2 * ends - sizes
    of_run = (doubled * groups - 1) // (2 * score.size)
    numbers = np.unique(of_run, return_inverse=True)[1]
    group = np.empty(score.size, dtype=np.int64)
    group[runs.order] = np.repeat(numbers, sizes)
    return group


def _means(group: Integers, values: Floats) -> tuple[Floats, Floats]:
    """Return size and mean of each group."""
    sizes = np.bincount(group).astype(np.float64)
    return sizes, np.bincount(group, weights=values) / sizes


def _se(influences: Floats, kept: np.ndarray, clusters: Clusters | None) -> float:
    """Return the standard error from the rows that count, with only the clusters they belong to."""
    if clusters is None:
        return influence_se(influences[kept], None)
    found, codes = np.unique(clusters.codes[kept], return_inverse=True)
    return influence_se(influences[kept], Clusters(codes, found.size))
