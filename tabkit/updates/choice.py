"""Choose among candidate models by their loss on held-out rows: a costlier one must be significantly better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.dependence import ENOUGH
from tabkit.errors import ConfigError, FitError
from tabkit.metrics import Draws, Metric, joint_bootstrap
from tabkit.wording import decimals_of, number, with_interval

Floats = NDArray[np.float64]
KEEP = "keep"
_LEAST, _NOISE = 400, 1e-12
_FEWEST_ROWS = 20


@dataclass(frozen=True, slots=True)
class CandidateLoss:
    """How one candidate did on the judging rows.

    Parameters
    ----------
    name
        The strategy.
    loss
        Its mean loss.
    gain, low, high
        Its loss less that of `keep`, with the ends of its paired interval: below zero it is better. The ends are None
        where the interval has no width: then nothing was drawn that could differ, and it is no evidence.
    """

    name: str
    loss: float
    gain: float
    low: float | None
    high: float | None

    @property
    def sure(self) -> bool | None:
        """True for a sure gain, False for a sure loss, None for neither."""
        if self.low is None or self.high is None:
            return None
        return True if self.high < 0 else False if self.low > 0 else None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidate won, and why.

    Parameters
    ----------
    winner
        Its name.
    why
        One sentence.
    candidates
        All of them, cheapest first.
    metric
        The loss they were judged by.
    level
        Of the intervals, for all candidates at once.
    """

    winner: str
    why: str
    candidates: tuple[CandidateLoss, ...]
    metric: str
    level: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def choose(
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
) -> Choice:
    """Choose the best candidate, a tie going to the cheaper one.

    In the order of their cost each candidate is compared with the best so far on the same resamples of the judging
    rows, and takes its place only if the whole interval of the difference is on its side. The first is `keep`. The
    intervals hold for all candidates at once: their half-width is the standard error times what the largest of the
    standardised differences exceeds in a share ``1 - level`` of resamples (Montiel Olea and Plagborg-Møller 2019,
    "Simultaneous confidence bands", algorithm 2), which makes less of candidates that are alike than Bonferroni
    would. Of few groups (days, say) resamples know too little of how different others may be: the quantile is that of
    Student's distribution, and below `tabkit.dependence.ENOUGH` groups, or 20 rows, nothing but `keep` is chosen.

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

    Examples
    --------
    >>> from tabkit.metrics import METRICS
    >>> y = np.arange(200.0)
    >>> found = choose({"keep": y + 0.1 * (y % 7), "refit": y + 0.01 * (y % 7)}, y, metric=METRICS["rmse"])
    >>> found.winner
    'refit'
    """
    names = list(predictions)
    if not names or names[0] != KEEP:
        raise ConfigError(f"the first candidate is {names[:1]}; {KEEP!r} was expected")
    if metric.greater_is_better is not False:
        raise ConfigError(f"{metric.name} is no loss", advice="choose by one, such as the task's first metric")
    drawn = joint_bootstrap(
        metric, y, [predictions[name] for name in names],
        weight=weight, groups=groups, resamples=max(resamples, _LEAST), seed=seed,
    )  # fmt: skip
    width = _width(drawn, level)
    found = tuple(
        CandidateLoss(name, float(drawn.values[k]), *_gain(drawn, k, 0, width)) for k, name in enumerate(names)
    )
    if len(y) < _FEWEST_ROWS or (groups is not None and drawn.units < ENOUGH):
        many = f"{len(y)} rows" + ("" if groups is None else f" of {drawn.units} groups or days")
        why = (
            f"Keep: there are {many} to judge on; below {_FEWEST_ROWS} rows or {ENOUGH} groups or days nothing is sure."
        )
        return Choice(KEEP, why, found, metric.name, level)
    objections = {**_unsteady(predictions, y, metric, weight, few or {}, level, seed), **(barred or {})}
    best = 0
    for k in range(1, len(names)):
        ahead = all(_sure(_gain(drawn, k, other, width)) for other in {0, best})
        if ahead and names[k] not in objections:
            best = k
    why = _why(names[best], found, metric.name, level, objections)
    return Choice(names[best], why, found, metric.name, level)


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
    found: dict[str, str] = {}
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
            if worse and not _sure(_gain(drawn, k, 0, width)):
                found.setdefault(names[k], f"in {worse} of {len(lots)} {what}s it is no better")
    return found


def _loss(metric: Metric, y: Floats, p: Floats, weight: Floats | None, rows: NDArray[np.bool_]) -> float:
    try:
        return float(metric.function(y[rows], p[rows], weight=None if weight is None else weight[rows]))
    except FitError:  # no row of any weight
        return float("nan")


def _sure(gain: tuple[float, float | None, float | None]) -> bool:
    return gain[2] is not None and gain[2] < 0


def _gain(drawn: Draws, k: int, other: int, width: float) -> tuple[float, float | None, float | None]:
    """Return the loss of one candidate less that of another, with the ends of its interval if it has a width."""
    value = float(drawn.values[k] - drawn.values[other])
    spread = float(np.nanstd(drawn.draws[:, k] - drawn.draws[:, other], ddof=1))
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


def _why(
    winner: str, candidates: Sequence[CandidateLoss], metric: str, level: float, objections: Mapping[str, str]
) -> str:
    by_name = {candidate.name: candidate for candidate in candidates}
    if winner == KEEP:
        others = [candidate for candidate in candidates if candidate.name != KEEP]
        if not others:
            return "Keep: nothing else could be tried."
        barred = [candidate for candidate in others if candidate.sure and candidate.name in objections]
        best = min(barred or others, key=lambda candidate: candidate.gain)
        said = f"Keep: the best other candidate, {best.name}, changes {metric} by {changed(best, level)}"
        if barred:
            return f"{said}, but {objections[best.name]}."
        return f"{said}, which is no sure gain."
    won = by_name[winner]
    said = with_interval(won.gain, won.low, won.high, sign="+", before=f", {100 * level:.3g}% interval ", after="")
    new, old = (number(each.loss, decimals=decimals_of(won.low, won.high)) for each in (won, by_name[KEEP]))
    sentence = f"{winner.capitalize()}: {metric} {new} instead of {old} ({said})"
    dearer = [c for c in candidates[[c.name for c in candidates].index(winner) + 1 :] if c.loss < won.loss]
    if not dearer:
        return f"{sentence}."
    more = objections.get(dearer[0].name)
    return f"{sentence}; {dearer[0].name} is not surely better than that{f': {more}' if more else ''}."


def changed(candidate: CandidateLoss, level: float) -> str:
    """Write a difference with its interval, or that it has none.

    >>> changed(CandidateLoss("refit", 0.5, -0.1, -0.2, -0.05), 0.95)
    '-0.10 (95% interval -0.20 to -0.05)'
    >>> changed(CandidateLoss("refit", 0.5, -0.1, None, None), 0.95)
    '-0.100 (no interval: every draw gave the same)'
    """
    return with_interval(
        candidate.gain, candidate.low, candidate.high, sign="+", before=f" ({100 * level:.3g}% interval ",
        without=" (no interval: every draw gave the same)",
    )  # fmt: skip
