"""Comparing candidates by their predictions of the same rows, on resamples of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.dependence import ENOUGH, too_few
from tabkit.errors import ConfigError, FitError
from tabkit.metrics import Draws, Metric, joint_bootstrap
from tabkit.updates.choice import Comparison, Difference, is_below

Floats = NDArray[np.float64]
_LEAST, _NOISE = 400, 1e-12  # resamples that ends of intervals need; relative differences that are rounding
_FEWEST_ROWS = 20  # a bootstrap of fewer rows is too narrow


def resampled(
    predictions: Mapping[str, Floats],
    y: Floats,
    *,
    metric: Metric,
    weight: Floats | None = None,
    groups: NDArray[Any] | None = None,
    few: Mapping[str, NDArray[Any]] | None = None,
    barred: Mapping[str, str] | None = None,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare candidates on the same resamples of the judging rows.

    The intervals hold for all candidates at once: their half-width is the standard error times what the largest of the
    standardised differences exceeds in a share ``1 - level`` of resamples (Montiel Olea and Plagborg-Møller 2019,
    "Simultaneous confidence bands", algorithm 2), which makes less of candidates that are alike than Bonferroni
    would. Of few groups (days, say) resamples know too little of how different others may be: the quantile is that of
    Student's distribution, and below `tabkit.dependence.ENOUGH` groups, or 20 rows, nothing is sure.

    Lots that are too few to draw (three days of a thousand rows) can still object: whoever takes the place of `keep`
    must be better in each of them, or surely better by Student's distribution over them. An interval without width,
    where every draw gives the same, is no evidence.

    Parameters
    ----------
    predictions
        By candidate, cheapest first, `keep` before all others: shape (n,) or (n, classes).
    y
        Shape (n,): the targets of the judging rows.
    metric
        A loss: lower is better.
    few
        By name (``day``), shape (n,): lots that rows share and that are too few to be `groups`.
    barred
        By candidate why it may not win whatever these rows say.
    weight, groups, resamples, level, seed
        See `tabkit.metrics.bootstrap`.

    Raises
    ------
    ConfigError
        If the metric is no loss, or there are no candidates.

    Examples
    --------
    >>> from tabkit.metrics import METRICS
    >>> from tabkit.updates.choice import choose
    >>> y = np.arange(200.0)
    >>> predictions = {"keep": y + 0.1 * (y % 7), "refit": y + 0.01 * (y % 7)}
    >>> choose(resampled(predictions, y, metric=METRICS["rmse"])).strategy
    'refit'
    """
    if metric.greater_is_better is not False:
        raise ConfigError(f"{metric.name} is no loss", advice="choose by one, such as the task's first metric")
    if not predictions:
        raise ConfigError("there is no candidate; 'keep' was expected")
    drawn = joint_bootstrap(
        metric, y, list(predictions.values()),
        weight=weight, groups=groups, resamples=max(resamples, _LEAST), seed=seed,
    )  # fmt: skip
    width = _width(drawn, level)
    unsure = _unsure(len(y), None if groups is None else drawn.units)
    unsteady = {} if unsure else _unsteady(predictions, y, metric, weight, few or {}, level, seed)
    return Comparison(
        losses={name: float(drawn.values[k]) for k, name in enumerate(predictions)},
        difference=lambda new, old: _difference(drawn, new, old, width),
        metric=metric.name,
        level=level,
        objections={**unsteady, **(barred or {})},
        unsure=unsure,
    )


def _unsure(rows: int, groups: int | None) -> str:
    """Say that there are too few rows, or groups of them, for anything to be sure; empty if there are enough."""
    if rows >= _FEWEST_ROWS and (groups is None or not too_few(groups)):
        return ""
    many = f"{rows} rows" + ("" if groups is None else f" of {groups} groups or days")
    return f"there are {many} to judge on; below {_FEWEST_ROWS} rows or {ENOUGH} groups or days nothing is sure"


def _unsteady(
    predictions: Mapping[str, Floats],
    y: Floats,
    metric: Metric,
    weight: Floats | None,
    few: Mapping[str, NDArray[Any]],
    level: float,
    seed: int,
) -> dict[str, str]:
    """Return by candidate what lots that are too few to draw object to it: it is no better in some, nor sure in all."""
    objections: dict[str, str] = {}
    names = list(predictions)
    for what, codes in few.items():
        lots = [codes == code for code in np.unique(codes)]
        if len(lots) < 2:
            continue
        drawn = joint_bootstrap(
            metric, y, list(predictions.values()), weight=weight, groups=codes, resamples=_LEAST, seed=seed
        )
        width = _width(drawn, level)
        losses = np.array([[_loss(metric, y, p, weight, rows) for p in predictions.values()] for rows in lots])
        for k in range(1, len(names)):
            worse = int((~(losses[:, k] < losses[:, 0]) & ~np.isnan(losses[:, 0])).sum())
            if worse and not is_below(_difference(drawn, k, 0, width)):
                objections.setdefault(names[k], f"in {worse} of {len(lots)} {what}s it is no better")
    return objections


def _loss(metric: Metric, y: Floats, p: Floats, weight: Floats | None, rows: NDArray[np.bool_]) -> float:
    try:
        return float(metric.function(y[rows], p[rows], weight=None if weight is None else weight[rows]))
    except FitError:  # no row of any weight
        return float("nan")


def _difference(drawn: Draws, new: int, old: int, width: float) -> Difference:
    """Return the loss of one candidate less that of another, with the ends of its interval if it has a width."""
    value = float(drawn.values[new] - drawn.values[old])
    spread = float(np.nanstd(drawn.draws[:, new] - drawn.draws[:, old], ddof=1))
    if not width or drawn.units < 2 or spread <= _NOISE * np.abs(drawn.values).max():
        return value, None, None
    return value, value - width * spread, value + width * spread


def _width(drawn: Draws, level: float) -> float:
    """Return the half-width of simultaneous intervals in standard errors."""
    apart = drawn.draws[:, 1:] - drawn.draws[:, :1]
    spread = np.nanstd(apart, axis=0, ddof=1) if apart.size else np.empty(0)
    some = spread > _NOISE * np.abs(drawn.values).max()
    if not some.any():
        return 0.0
    off = np.abs(apart - (drawn.values[1:] - drawn.values[0]))[:, some] / spread[some]
    normal = float(np.quantile(np.nanmax(off, axis=1), level))
    n: int = drawn.units
    if n < 2:
        return float("inf")
    # A bootstrap of n units misses a factor n / (n - 1) of the variance, and the tails of Student's distribution.
    return float(scipy.stats.t.isf(scipy.stats.norm.sf(normal), n - 1) * np.sqrt(n / (n - 1)))
