"""Bootstrap intervals for metrics and for differences of metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import FitError
from tabkit.metrics.estimate import Estimate
from tabkit.metrics.inputs import Floats, check_weight
from tabkit.metrics.prepared import Prepared
from tabkit.metrics.registry import Metric, prepare
from tabkit.metrics.resamples import check_level, estimate_of, multinomial, on_resamples


@dataclass(frozen=True, slots=True)
class Interval(Estimate):
    """A metric with a percentile bootstrap interval.

    Parameters
    ----------
    name
        The metric's.
    undefined
        How many resamples were left out because the metric is undefined on them (a class was lost).
    """

    name: str
    undefined: int = 0


def bootstrap(
    metrics: Sequence[Metric],
    y: ArrayLike,
    prediction: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Interval, ...]:
    """Return each metric with its percentile interval (Efron and Tibshirani 1993, chapter 13).

    Rows are drawn with replacement, the same ones for all metrics. They are never copied: how often a row
    is drawn multiplies its weight. The interval is for these predictions on other rows of the same kind; it
    knows nothing of how another training sample would change the model.

    Parameters
    ----------
    metrics
        Such as `for_task` returns.
    y
        Targets, shape (n,).
    prediction
        Predictions, shape (n,), or (n, k) for metrics of k classes.
    weight
        Non-negative weights, shape (n,); None weighs rows equally.
    groups
        What each row belongs to, shape (n,): whole groups are drawn instead of rows, so that rows which are
        alike (of one household, of one day) do not pass for independent ones (Davison and Hinkley 1997,
        section 3.8). None draws rows.
    resamples
        How many, at least two.
    seed
        Non-negative; the same seed and number of rows draw the same rows.
    level
        Nominal coverage, strictly between 0 and 1.

    Returns
    -------
    tuple of Interval
        One for each metric, in their order.

    Raises
    ------
    FitError
        When an input is unusable, or a metric is undefined on the rows or on every resample.
    ConfigError
        When a setting is out of range.

    Examples
    --------
    >>> from tabkit.metrics.registry import METRICS
    >>> bootstrap([METRICS["mae"]], [1, 2, 3, 4], [2, 3, 4, 5])
    (Interval(value=1.0, low=1.0, high=1.0, level=0.95, se=0.0, name='mae', undefined=0),)
    """
    check_level(level)
    evaluators = [prepare(metric, y, prediction) for metric in metrics]
    values = [evaluate(weight) for evaluate in evaluators]
    draws = _on_resamples(evaluators, len(np.asarray(y)), weight=weight, groups=groups, resamples=resamples, seed=seed)
    return tuple(
        _interval(metric.name, value, column, level=level)
        for metric, value, column in zip(metrics, values, draws.T, strict=True)
    )


def paired_bootstrap(
    metric: Metric,
    y: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the metric of predictions `a` less that of `b`, with its percentile interval.

    Both are taken on the same resamples, so what makes rows easy or hard for both cancels. An interval
    without zero speaks for a difference. Other parameters and errors are those of `bootstrap`.

    Parameters
    ----------
    metric
        The metric to compare by.
    a, b
        Two predictions of `y`, each of shape (n,) or (n, k).

    Examples
    --------
    >>> from tabkit.metrics.registry import METRICS
    >>> paired_bootstrap(METRICS["mae"], [1, 2, 3], [3, 4, 5], [2, 3, 4])
    Interval(value=1.0, low=1.0, high=1.0, level=0.95, se=0.0, name='mae', undefined=0)
    """
    check_level(level)
    of_a, of_b = prepare(metric, y, a), prepare(metric, y, b)
    value, rows = of_a(weight) - of_b(weight), len(np.asarray(y))
    draws = _on_resamples([of_a, of_b], rows, weight=weight, groups=groups, resamples=resamples, seed=seed)
    return _interval(metric.name, value, draws[:, 0] - draws[:, 1], level=level)


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """One metric of several predictions on the same resamples.

    Parameters
    ----------
    values
        Shape (k,): on the rows as they came.
    draws
        Shape (resamples, k); NaN where the metric is undefined on a resample.
    units
        How many rows or groups were drawn from.
    """

    values: Floats
    draws: Floats
    units: int


def joint_bootstrap(
    metric: Metric,
    y: ArrayLike,
    predictions: Sequence[ArrayLike],
    *,
    weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> Draws:
    """Return a metric of several predictions on the same resamples, to compare any two of them; see `bootstrap`.

    Examples
    --------
    >>> from tabkit.metrics.registry import METRICS
    >>> found = joint_bootstrap(METRICS["mae"], [1, 2, 3], [[1, 2, 3], [2, 3, 4]], resamples=5)
    >>> found.values.tolist(), found.draws.shape, found.units
    ([0.0, 1.0], (5, 2), 3)
    """
    rows, evaluators = len(np.asarray(y)), [prepare(metric, y, prediction) for prediction in predictions]
    values = [evaluate(weight) for evaluate in evaluators]
    draws = _on_resamples(evaluators, rows, weight=weight, groups=groups, resamples=resamples, seed=seed)
    units = rows if groups is None else len(np.unique(np.asarray(groups)))
    return Draws(np.array(values), draws, units)


def _on_resamples(
    evaluators: Sequence[Prepared],
    rows: int,
    *,
    weight: ArrayLike | None,
    groups: ArrayLike | None,
    resamples: int,
    seed: int,
) -> Floats:
    """Return each metric on the same resamples of rows or groups, shape (resamples, k)."""
    codes = None if groups is None else _codes(groups, rows=rows)
    units = rows if codes is None else int(codes.max()) + 1
    checked = check_weight(weight, rows=rows)

    def on(counts: NDArray[np.int64]) -> Floats:
        drawn = counts.astype(np.float64)
        drawn = drawn if codes is None else drawn[codes]
        drawn = drawn if checked is None else drawn * checked
        return np.array([_evaluate(evaluate, drawn) for evaluate in evaluators])

    return on_resamples(on, multinomial(units, resamples=resamples, seed=seed))


def _codes(groups: ArrayLike, *, rows: int) -> NDArray[np.int64]:
    found = np.asarray(groups)
    if found.shape != (rows,):
        raise FitError(f"groups have shape {found.shape}; ({rows},) was expected", advice="give one group for each row")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _evaluate(evaluate: Prepared, weight: Floats) -> float:
    """Return the metric, or NaN where it is undefined."""
    try:
        return evaluate(weight)
    except FitError:
        return float("nan")


def _interval(name: str, value: float, draws: Floats, *, level: float) -> Interval:
    found, undefined = estimate_of(value, draws, level=level, what=name)
    return Interval(found.value, found.low, found.high, level, found.se, name, undefined)
