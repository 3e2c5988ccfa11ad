"""Clustered standard errors of means."""

from __future__ import annotations

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike

from tabkit.metrics.inputs import Floats, check_floats
from tabkit.metrics.resamples import check_level
from tabkit.uplift.metrics.checks import Clusters, check_clusters


def mean_se(values: ArrayLike, clusters: ArrayLike | None = None) -> float:
    r"""Return the standard error of the mean of `values`.

    With residuals :math:`u_i = x_i - \bar x` it is, for G clusters,

    .. math:: \frac{1}{n} \sqrt{\frac{G}{G - 1} \sum_g \Big(\sum_{i \in g} u_i\Big)^2}

    (Liang and Zeger 1986). Without clusters each row is one, which gives the familiar standard deviation
    over the root of n.

    Parameters
    ----------
    values
        Shape (n,), of any unit; the result has the same.
    clusters
        Label of each row's cluster, shape (n,); None treats rows as independent.

    Returns
    -------
    float
        NaN for a single row: nothing is known of its spread.

    Raises
    ------
    FitError
        When an input is unusable or there are fewer than two clusters.

    Examples
    --------
    >>> round(mean_se([1, 2, 3]), 6)
    0.57735
    >>> mean_se([1, 1, 3, 3], clusters=["a", "a", "b", "b"])
    1.0
    """
    column = check_floats(values, name="values")
    return influence_se((column - column.mean()) / column.size, check_clusters(clusters, rows=column.size))


def critical(level: float, clusters: ArrayLike | None, *, rows: int) -> float:
    """Return how many standard errors an interval reaches: Student's t with clusters less one, else normal.

    Examples
    --------
    >>> round(critical(0.95, None, rows=4), 2), round(critical(0.95, [1, 1, 2, 2], rows=4), 2)
    (1.96, 12.71)
    """
    found = check_clusters(clusters, rows=rows)
    share = (1 + check_level(level)) / 2
    return float(scipy.special.ndtri(share) if found is None else scipy.special.stdtrit(found.count - 1, share))


def two_sided(z: float, clusters: ArrayLike | None, *, rows: int) -> float:
    """Return the two-sided p-value of an estimate z standard errors from zero; see `critical`."""
    found = check_clusters(clusters, rows=rows)
    return 2 * float(scipy.special.ndtr(-abs(z)) if found is None else scipy.special.stdtr(found.count - 1, -abs(z)))


def influence_se(influence: Floats, clusters: Clusters | None) -> float:
    """Return the standard error of an estimate from its influence values, summed over clusters.

    Parameters
    ----------
    influence
        Shape (n,): the row's part in estimate less truth, to first order.
    clusters
        None treats rows as independent.

    Returns
    -------
    float
        With the correction G / (G - 1) for G clusters; NaN when there is only one.
    """
    parts = influence if clusters is None else cluster_sums(influence, clusters)
    units = parts.size
    if units < 2:
        return math.nan
    return math.sqrt(float(np.dot(parts, parts)) * units / (units - 1))


def cluster_sums(influence: Floats, clusters: Clusters) -> Floats:
    """Return the sum over each cluster, shape (G,)."""
    sums: Floats = np.bincount(clusters.codes, weights=influence, minlength=clusters.count).astype(np.float64)
    return sums
