"""Ranking metrics: how well a score ranks positive rows first, with ties counted as half."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import FitError
from tabkit.metrics.inputs import Floats, Integers, check_binary_pair, check_classes, check_weight
from tabkit.metrics.prepared import Prepared, metric


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """The receiver operating characteristic, from (0, 0) to (1, 1), without points on straight stretches.

    Parameters
    ----------
    false_positive_rate, true_positive_rate
        Shape (m,), non-decreasing.
    thresholds
        Shape (m,), decreasing: rows scored at or above a threshold count as positive. The first is
        infinite: no row counts.
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Ranking:
    """Rows by falling score; `ends` are the last rows of the runs of equal scores."""

    order: Integers
    positive: Floats
    ends: Integers
    thresholds: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """Weight of the positive and negative rows at or above each distinct score, highest score first."""

    positive: Floats
    negative: Floats


@metric
def auc(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    """Return the area under the receiver operating characteristic.

    It is the weighted share of the pairs of a positive and a negative row that the score puts in the
    right order, a tie counting one half (Hanley and McNeil 1982).

    Parameters
    ----------
    y_true
        Labels in {0, 1}, shape (n,).
    y_pred
        Scores of any scale, shape (n,); larger speaks for label 1.
    weight
        Non-negative weights, shape (n,); None weighs rows equally.

    Raises
    ------
    FitError
        When an input is unusable or either class has no weight.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    ranking = _rank(*check_binary_pair(y_true, y_pred))

    def evaluate(weight: ArrayLike | None) -> float:
        return _area(_count(ranking, check_weight(weight, rows=ranking.order.size)))

    return evaluate


@metric
def multiclass_auc(y_index: ArrayLike, proba: ArrayLike) -> Prepared:
    """Return the mean, over the classes, of the `auc` of that class against the rest.

    Each class counts alike: scikit-learn's ``roc_auc_score(multi_class="ovr", average="macro")``.

    Parameters
    ----------
    y_index
        Class numbers from 0 to k - 1, shape (n,).
    proba
        Probabilities, shape (n, k); each row sums to one.
    weight
        Non-negative weights, shape (n,); None weighs rows equally.

    Raises
    ------
    FitError
        When an input is unusable or a class has no weight.

    Examples
    --------
    >>> multiclass_auc([0, 1, 2], [[0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.2, 0.5, 0.3]])
    0.75
    """
    y, probability = check_classes(y_index, proba)
    rankings = [_rank((y == number).astype(np.float64), column) for number, column in enumerate(probability.T)]

    def evaluate(weight: ArrayLike | None) -> float:
        checked = check_weight(weight, rows=y.size)
        return float(np.mean([_area(_count(ranking, checked)) for ranking in rankings]))

    return evaluate


@metric
def average_precision(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    r"""Return the mean precision at the positive rows, in (0, 1].

    .. math:: \sum_k (R_k - R_{k-1}) P_k

    over the distinct scores from the highest, with recall R and precision P at or above each: the step
    function, not the trapezoid, which is too optimistic. Parameters are those of `auc`.

    Raises
    ------
    FitError
        When an input is unusable or the positive rows have no weight.

    Examples
    --------
    >>> average_precision([0, 1, 1], [0.4, 0.2, 0.8])
    0.8333333333333333
    """
    ranking = _rank(*check_binary_pair(y_true, y_pred))

    def evaluate(weight: ArrayLike | None) -> float:
        counts = _count(ranking, check_weight(weight, rows=ranking.order.size))
        _check_present(counts.positive, "positive")
        at_or_above = counts.positive + counts.negative
        precision = np.divide(counts.positive, at_or_above, out=np.zeros_like(at_or_above), where=at_or_above > 0)
        return float(np.dot(np.diff(counts.positive, prepend=0.0), precision) / counts.positive[-1])

    return evaluate


def roc_curve(y_true: ArrayLike, y_pred: ArrayLike, *, weight: ArrayLike | None = None) -> RocCurve:
    """Return the receiver operating characteristic, thinned of the points that it is straight through.

    The area under it is `auc`. Parameters and errors are those of `auc`.

    Examples
    --------
    >>> curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> curve.false_positive_rate, curve.true_positive_rate
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    >>> curve.thresholds
    array([ inf, 0.8 , 0.4 , 0.35, 0.1 ])
    """
    ranking = _rank(*check_binary_pair(y_true, y_pred))
    counts = _count(ranking, check_weight(weight, rows=ranking.order.size))
    _check_both(counts)
    positive = np.concatenate([[0.0], counts.positive])
    negative = np.concatenate([[0.0], counts.negative])
    corners = _corners(negative, positive)
    return RocCurve(
        false_positive_rate=negative[corners] / negative[-1],
        true_positive_rate=positive[corners] / positive[-1],
        thresholds=np.concatenate([[np.inf], ranking.thresholds])[corners],
    )


def _rank(y: Floats, score: Floats) -> _Ranking:
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    ends = np.append(np.flatnonzero(np.diff(falling)), falling.size - 1)
    return _Ranking(order=order, positive=y[order], ends=ends, thresholds=falling[ends])


def _count(ranking: _Ranking, weight: Floats | None) -> _Counts:
    sorted_weight = 1.0 if weight is None else weight[ranking.order]
    # Two sums, rather than one and a difference: both stay non-decreasing under rounding.
    return _Counts(
        positive=np.cumsum(ranking.positive * sorted_weight)[ranking.ends],
        negative=np.cumsum((1.0 - ranking.positive) * sorted_weight)[ranking.ends],
    )


def _area(counts: _Counts) -> float:
    _check_both(counts)
    below = np.concatenate([[0.0], counts.positive[:-1]])
    widths = np.diff(counts.negative, prepend=0.0) / counts.negative[-1]
    heights = (counts.positive + below) / (2 * counts.positive[-1])
    return float(np.dot(widths, heights))


def _check_both(counts: _Counts) -> None:
    _check_present(counts.positive, "positive")
    _check_present(counts.negative, "negative")


def _check_present(cumulated: Floats, sign: str) -> None:
    if cumulated[-1] <= 0:
        raise FitError(
            f"the metric compares classes, but no {sign} row has weight",
            advice="use rows in which each class occurs: more rows, a stratified or a longer test part",
        )


def _corners(x: Floats, y: Floats) -> Integers:
    """Return the numbers of the points, shape (m,), at which a monotone polyline turns, and of its ends."""
    # Equal neighbours first: beside a step of no length every point would seem to lie on a line.
    moved = np.append(True, (np.diff(x) > 0) | (np.diff(y) > 0))
    points: Integers = np.flatnonzero(moved)
    dx, dy = np.diff(_scaled(x)[points]), np.diff(_scaled(y)[points])
    turns = dx[:-1] * dy[1:] != dx[1:] * dy[:-1]
    kept: Integers = points[np.concatenate([[True], turns, [True]])]
    return kept


def _scaled(rising: Floats) -> Floats:
    """Return the values over a power of two near the last: products cannot underflow, counts stay exact."""
    scaled: Floats = np.ldexp(rising, -np.frexp(rising[-1])[1])
    return scaled
