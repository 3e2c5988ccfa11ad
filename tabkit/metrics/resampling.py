"""Bootstrap intervals for metrics and for differences of metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import ConfigError, FitError
from tabkit.metrics.inputs import Floats, check_weight
from tabkit.metrics.prepared import Prepared
from tabkit.metrics.registry import Metric, prepare


@dataclass(frozen=True, slots=True)
class Interval:
    """A metric with a percentile bootstrap interval.

    Parameters
    ----------
    name
        The metric's.
    value
        The metric on the rows as they came.
    low, high
        Ends of the interval.
    undefined
        How many resamples were left out because the metric is undefined on them (a class was lost).
    """

    name: str
    value: float
    low: float
    high: float
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
    (Interval(name='mae', value=1.0, low=1.0, high=1.0, undefined=0),)
    """
    _check_settings(resamples=resamples, seed=seed, level=level)
    evaluators = [prepare(metric, y, prediction) for metric in metrics]
    values = [evaluate(weight) for evaluate in evaluators]
    draws = [
        [_evaluate(evaluate, drawn) for evaluate in evaluators]
        for drawn in _resample(len(np.asarray(y)), weight=weight, groups=groups, resamples=resamples, seed=seed)
    ]
    return tuple(
        _interval(metric.name, value, column, level=level)
        for metric, value, column in zip(metrics, values, np.array(draws).T, strict=True)
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
    Interval(name='mae', value=1.0, low=1.0, high=1.0, undefined=0)
    """
    _check_settings(resamples=resamples, seed=seed, level=level)
    of_a, of_b = prepare(metric, y, a), prepare(metric, y, b)
    value = of_a(weight) - of_b(weight)
    rows = len(np.asarray(y))
    draws = np.array(
        [
            _evaluate(of_a, drawn) - _evaluate(of_b, drawn)
            for drawn in _resample(rows, weight=weight, groups=groups, resamples=resamples, seed=seed)
        ]
    )
    return _interval(metric.name, value, draws, level=level)


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
    _check_settings(resamples=resamples, seed=seed, level=0.5)
    rows, evaluators = len(np.asarray(y)), [prepare(metric, y, prediction) for prediction in predictions]
    values = [evaluate(weight) for evaluate in evaluators]
    draws = [
        [_evaluate(evaluate, drawn) for evaluate in evaluators]
        for drawn in _resample(rows, weight=weight, groups=groups, resamples=resamples, seed=seed)
    ]
    units = rows if groups is None else len(np.unique(np.asarray(groups)))
    return Draws(np.array(values), np.array(draws), units)


def _resample(
    rows: int, *, weight: ArrayLike | None, groups: ArrayLike | None, resamples: int, seed: int
) -> Iterator[Floats]:
    """Yield weights times multinomial counts of rows or groups, each of shape (rows,) and its own array."""
    codes = None if groups is None else _codes(groups, rows=rows)
    units = rows if codes is None else int(codes.max()) + 1
    checked = check_weight(weight, rows=rows)
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        # Counting uniform draws is multinomial too, and ten times as fast as Generator.multinomial.
        counts = np.bincount(generator.integers(units, size=units), minlength=units).astype(np.float64)
        counts = counts if codes is None else counts[codes]
        yield counts if checked is None else counts * checked


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
    defined = draws[~np.isnan(draws)]
    if defined.size == 0:
        raise FitError(
            f"{name} is undefined on all {draws.size} resamples",
            advice="use more rows, or report the metric without an interval",
        )
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        name=name,
        value=value,
        low=float(low),
        high=float(high),
        undefined=draws.size - defined.size,
    )


def _check_settings(*, resamples: int, seed: int, level: float) -> None:
    if not isinstance(resamples, int | np.integer) or resamples < 2:
        raise ConfigError(f"resamples must be a whole number of at least 2, got {resamples!r}", advice="try 200")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ConfigError(f"seed must be a non-negative whole number, got {seed!r}", advice="try 0")
    if not 0 < level < 1:
        raise ConfigError(f"level must lie strictly between 0 and 1, got {level!r}", advice="write 0.95 for 95 %")
