"""The best linear predictor of the effect from a score: whether there is heterogeneity, and of the right size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import FitError
from tabkit.metrics.inputs import Floats
from tabkit.uplift.metrics.checks import Clusters, check_clusters, check_effect
from tabkit.uplift.metrics.clustered_errors import cluster_sums, critical, mean_se, two_sided

# A row that decides its own fitted value leaves no residual to learn its variance from.
MOST_LEVERAGE = 1 - 1e-10


@dataclass(frozen=True, slots=True)
class BestLine:
    """The line of effects on scores, with normal intervals.

    Parameters
    ----------
    average, average_se
        The effect at the mean score, which is the average effect, and its standard error.
    slope
        Units of effect per unit of score. One: the score has the right spread. Above zero: it finds some
        heterogeneity. NaN when all scores are equal, as are its standard error, interval and p-value.
    slope_se, slope_low, slope_high
        Its standard error and interval.
    p_slope
        Two-sided p-value of a slope of zero.
    """

    average: float
    average_se: float
    slope: float
    slope_se: float
    slope_low: float
    slope_high: float
    p_slope: float


def best_linear_predictor(
    effect: ArrayLike,
    score: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> BestLine:
    """Return the least squares line of `effect` on one and the centred score.

    The test of Chernozhukov, Demirer, Duflo and Fernandez-Val (2025, section 3) with doubly robust scores
    in place of weighted outcomes. Errors allow for unequal variances: HC3 (MacKinnon and White 1985), or
    summed over clusters with the usual corrections for few clusters and two coefficients (CR1). When one
    row alone decides the slope, HC3 does not exist, and the standard errors are NaN.

    Parameters
    ----------
    effect
        Shape (n,): a doubly robust score of each unit's effect.
    score
        Shape (n,): predicted effects, fitted on other rows.
    clusters
        Label of each row's cluster, shape (n,); None treats rows as independent.
    level
        Nominal coverage, strictly between 0 and 1.

    Raises
    ------
    FitError
        When a column is unusable, or there are fewer than three rows or two clusters.
    ConfigError
        When the level is out of range.

    Examples
    --------
    >>> line = best_linear_predictor([0, 2, 2, 4], [1, 1, 2, 2])
    >>> line.average, line.slope
    (2.0, 2.0)
    """
    effects, scores = check_effect(effect, score)
    z = critical(level, clusters, rows=effects.size)
    cluster_codes = check_clusters(clusters, rows=effects.size)
    if effects.size < 3:
        raise FitError(f"a line needs at least three rows, got {effects.size}", advice="pass every unit")
    average, spread = float(effects.mean()), float(scores.max() - scores.min())
    if spread == 0:
        nothing = (math.nan,) * 5
        return BestLine(average, mean_se(effects, clusters), *nothing)
    # Over its range, so that no square of a tiny or a huge score leaves the range of a float.
    x = scores / spread
    x = x - x.mean()
    slope = float(np.dot(x, effects) / np.dot(x, x))
    average_se, slope_se = _errors(x, effects - average - slope * x, cluster_codes)
    slope, slope_se = slope / spread, slope_se / spread
    ends = slope - z * slope_se, slope + z * slope_se
    return BestLine(average, average_se, slope, slope_se, *ends, _p_value(slope, slope_se, clusters, rows=effects.size))


def _p_value(slope: float, se: float, clusters: ArrayLike | None, *, rows: int) -> float:
    """Return the two-sided p-value; without any error a slope is surely zero or surely not."""
    if se == 0:
        return float(slope == 0)
    return two_sided(slope / se, clusters, rows=rows)


def _errors(x: Floats, residual: Floats, clusters: Clusters | None) -> tuple[float, float]:
    """Return the standard errors of the average and of the slope; `x` has mean zero."""
    rows, square = x.size, float(np.dot(x, x))
    leverage = 1 / rows + x**2 / square
    if clusters is None and leverage.max() > MOST_LEVERAGE:
        return math.nan, math.nan
    return (
        _error(residual / rows, leverage, clusters),
        _error(residual * x / square, leverage, clusters),
    )


def _error(influence: Floats, leverage: Floats, clusters: Clusters | None) -> float:
    if clusters is None:
        return float(np.linalg.norm(influence / (1 - leverage)))
    groups, rows = clusters.count, influence.size
    return float(np.linalg.norm(cluster_sums(influence, clusters))) * math.sqrt(
        groups / (groups - 1) * (rows - 1) / (rows - 2)
    )
