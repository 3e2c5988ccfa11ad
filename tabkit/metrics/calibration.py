"""Calibration: how far predicted probabilities are from observed rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from tabkit.errors import ConfigError
from tabkit.metrics.inputs import Floats, Integers, check_binary_pair, check_probabilities, check_weight
from tabkit.metrics.prepared import Prepared, metric

Binning = Literal["quantile", "uniform"]
_ROUNDING = 1e-12  # means of probabilities are exact to some 1e-16: what is left below is of the arithmetic


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationCurve:
    """What was predicted and what was seen, for each bin with weight, from low to high probability.

    Parameters
    ----------
    mean_predicted
        Weighted mean probability of the rows in each bin, shape (m,).
    observed_rate
        Weighted share of label 1 in each bin, shape (m,).
    weight
        Sum of the weights in each bin, shape (m,); the count when rows weigh alike.
    count
        Number of rows in each bin, shape (m,).
    """

    mean_predicted: Floats
    observed_rate: Floats
    weight: Floats
    count: Integers


def calibration_curve(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    bins: int = 10,
    strategy: Binning = "quantile",
) -> CalibrationCurve:
    """Return predicted and observed rates in bins of the probability, without the empty bins.

    The bins are scikit-learn's: open on the left, closed on the right. The edges are cut by the rows alone;
    weights count inside the bins. So bins stay the same from resample to resample, and do not move
    when all weights are scaled.

    Parameters
    ----------
    y_true
        Labels in {0, 1}, shape (n,).
    y_pred
        Probabilities of label 1, shape (n,).
    weight
        Non-negative weights, shape (n,); None weighs rows equally.
    bins
        How many bins to cut, at least one.
    strategy
        ``"quantile"`` puts as equal a number of rows as ties allow into each bin, ``"uniform"`` makes the
        bins equally wide.

    Raises
    ------
    FitError
        When an input is unusable.
    ConfigError
        When `bins` or `strategy` is.

    Examples
    --------
    >>> curve = calibration_curve([0, 1, 0, 1], [0.1, 0.2, 0.6, 0.8], bins=2)
    >>> curve.observed_rate, curve.count
    (array([0.5, 0.5]), array([2, 2]))
    """
    y, probability = check_binary_pair(y_true, y_pred)
    number = _bin_numbers(check_probabilities(probability), bins=bins, strategy=strategy)
    checked = check_weight(weight, rows=y.size)
    each = np.ones(y.size) if checked is None else checked
    mass = np.bincount(number, weights=each, minlength=bins).astype(np.float64)
    filled = mass > 0
    return CalibrationCurve(
        mean_predicted=np.bincount(number, weights=each * probability, minlength=bins)[filled] / mass[filled],
        observed_rate=np.bincount(number, weights=each * y, minlength=bins)[filled] / mass[filled],
        weight=mass[filled],
        count=np.bincount(number, minlength=bins)[filled],
    )


@metric
def expected_calibration_error(
    y_true: ArrayLike, y_pred: ArrayLike, *, bins: int = 10, strategy: Binning = "quantile"
) -> Prepared:
    r"""Return the mean distance of observed from predicted rates over bins of the probability, in [0, 1].

    .. math:: \sum_b \frac{W_b}{W} \, |\bar y_b - \bar p_b|

    (Naeini, Cooper and Hauskrecht 2015). It is never negative, so chance alone makes it positive: expect
    some ``0.8 * sqrt(bins / n)`` times the standard deviation of the labels from perfect probabilities,
    and a bootstrap interval that leans upwards. Parameters and errors are those of `calibration_curve`.

    Examples
    --------
    >>> round(expected_calibration_error([0, 1, 0, 1], [0.1, 0.2, 0.6, 0.8], bins=2), 6)
    0.275
    """
    y, probability = check_binary_pair(y_true, y_pred)
    number = _bin_numbers(check_probabilities(probability), bins=bins, strategy=strategy)
    residual = y - probability

    def evaluate(weight: ArrayLike | None) -> float:
        checked = check_weight(weight, rows=residual.size)
        weighted = residual if checked is None else residual * checked
        total = residual.size if checked is None else checked.sum()
        distance = float(np.abs(np.bincount(number, weights=weighted)).sum() / total)
        return distance if distance > _ROUNDING else 0.0

    return evaluate


def _bin_numbers(probability: Floats, *, bins: int, strategy: Binning) -> Integers:
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ConfigError(f"bins must be a whole number of at least 1, got {bins!r}", advice="try 10")
    fractions = np.linspace(0.0, 1.0, bins + 1)
    if strategy == "uniform":
        edges = fractions
    elif strategy == "quantile":
        # Hundredths, as in scikit-learn: np.quantile rounds otherwise, and a row on an edge would move.
        edges = np.percentile(probability, fractions * 100)
    else:
        raise ConfigError(
            f"strategy must be one of {', '.join(get_args(Binning))}, got {strategy!r}",
            advice="use 'quantile' unless the bins have to be equally wide",
        )
    return np.searchsorted(edges[1:-1], probability)
