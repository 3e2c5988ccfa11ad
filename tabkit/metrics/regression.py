"""Metrics of predicted amounts and quantiles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import ConfigError, FitError
from tabkit.metrics.inputs import check_pair, check_weight
from tabkit.metrics.prepared import Prepared, mean_of, metric, weighted_mean


@metric
def rmse(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    r"""Return the root of the mean squared error, in the unit of the target.

    .. math:: \sqrt{\sum_i w_i (y_i - \hat y_i)^2 / \sum_i w_i}

    Parameters
    ----------
    y_true, y_pred
        Targets and predictions, shape (n,).
    weight
        Non-negative weights, shape (n,); None weighs rows equally.

    Raises
    ------
    FitError
        When an input is unusable.

    Examples
    --------
    >>> rmse([0, 0], [3, 4], weight=[1, 0])
    3.0
    """
    y, prediction = check_pair(y_true, y_pred)
    unit = _unit(y, prediction)
    mean_squared_error = mean_of(((y - prediction) / unit) ** 2)

    def evaluate(weight: ArrayLike | None) -> float:
        return unit * math.sqrt(mean_squared_error(weight))

    return evaluate


@metric
def mae(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    r"""Return the mean absolute error, in the unit of the target.

    .. math:: \sum_i w_i |y_i - \hat y_i| / \sum_i w_i

    Parameters and errors are those of `rmse`.

    Examples
    --------
    >>> mae([0, 0], [3, -4])
    3.5
    """
    y, prediction = check_pair(y_true, y_pred)
    return mean_of(np.abs(y - prediction))


@metric
def r2(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    r"""Return the share of the variance of the target that the predictions explain, at most 1.

    .. math:: 1 - \sum_i w_i (y_i - \hat y_i)^2 / \sum_i w_i (y_i - \bar y)^2

    with the weighted mean of the target. Parameters are those of `rmse`.

    Raises
    ------
    FitError
        When an input is unusable, or the rows with weight all have the same target: there is no variance to
        explain. (scikit-learn then returns 1 or 0, which reads like a finding.)

    Examples
    --------
    >>> r2([1, 2, 3], [1, 2, 2])
    0.5
    """
    y, prediction = check_pair(y_true, y_pred)
    unit = _unit(y, prediction)
    error = ((y - prediction) / unit) ** 2

    def evaluate(weight: ArrayLike | None) -> float:
        checked = check_weight(weight, rows=y.size)
        seen = y if checked is None else y[checked > 0]
        if seen.min() == seen.max():
            raise FitError(
                f"r2 needs targets that differ, but every row with weight has {seen[0]:g}",
                advice="use more rows, or report rmse or mae",
            )
        variance = weighted_mean(((y - weighted_mean(y, checked)) / unit) ** 2, checked)
        return 1 - weighted_mean(error, checked) / variance

    return evaluate


@metric
def pinball_loss(y_true: ArrayLike, y_pred: ArrayLike, *, quantile: float = 0.5) -> Prepared:
    r"""Return the mean pinball loss, which the conditional quantile minimises.

    .. math:: \max(\tau (y - \hat y), (\tau - 1) (y - \hat y))

    (Koenker and Bassett 1978, section 3). At the median it is half the absolute error. Other
    parameters and errors are those of `rmse`.

    Parameters
    ----------
    quantile
        The level, strictly between 0 and 1.

    Raises
    ------
    ConfigError
        When `quantile` is not between 0 and 1.

    Examples
    --------
    >>> pinball_loss([10, 10], [8, 12], quantile=0.75)
    1.0
    """
    check_quantile(quantile)
    y, prediction = check_pair(y_true, y_pred)
    difference = y - prediction
    return mean_of(np.maximum(quantile * difference, (quantile - 1) * difference))


def check_quantile(quantile: float) -> float:
    """Return `quantile` when it lies strictly between 0 and 1, else raise ConfigError."""
    if not 0 < quantile < 1:
        raise ConfigError(
            f"quantile must lie strictly between 0 and 1, got {quantile!r}",
            advice="write 0.9 for the ninetieth percentile",
        )
    return quantile


@metric
def coverage(y_true: ArrayLike, y_pred: ArrayLike) -> Prepared:
    """Return the weighted share of targets at or below their predictions, in [0, 1].

    Predictions of the quantile at some level should cover that share. Parameters and errors are those of
    `rmse`.

    Examples
    --------
    >>> coverage([1, 2, 3, 4], [2, 2, 2, 5])
    0.75
    """
    y, prediction = check_pair(y_true, y_pred)
    return mean_of((y <= prediction).astype(np.float64))


def _unit(*numbers: NDArray[np.float64]) -> float:
    """Return a power of two next to the largest number: squares of very small or large ones are zero or infinite."""
    largest = max(float(np.abs(each).max(initial=0.0)) for each in numbers)
    return math.ldexp(1.0, math.frexp(largest)[1] - 1)  # a power of two, lest anything is rounded
