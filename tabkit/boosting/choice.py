"""Choosing among candidate models on rows that none of them saw: a dearer one must be sure to be better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tabkit.errors import ConfigError
from tabkit.metrics import Draws, Metric, joint_bootstrap

Floats = NDArray[np.float64]
KEEP = "keep"
_LEAST, _NOISE = 400, 1e-12
_FEWEST, _FEWEST_ROWS = 5, 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """How one candidate did on the judging rows.

    Parameters
    ----------
    name
        The strategy.
    loss
        Its mean loss.
    gain, low, high
        Its loss less that of `keep`, with the ends of its paired interval: below zero it is better.
    """

    name: str
    loss: float
    gain: float
    low: float
    high: float


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
    candidates: tuple[Candidate, ...]
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
    Student's distribution, and below five groups, or 20 rows, nothing but `keep` is chosen.

    Parameters
    ----------
    predictions
        By candidate, cheapest first, `keep` before all others: shape (n,) or (n, classes).
    y
        Shape (n,): the targets of the judging rows.
    metric
        A loss: lower is better.
    weight, groups, resamples, level, seed
        See `tabkit.metrics.bootstrap`.

    Examples
    --------
    >>> from tabkit.metrics import METRICS
    >>> y = np.array([0.0, 1.0] * 100)
    >>> found = choose({"keep": np.full(200, 0.5), "refit": 0.1 + 0.8 * y}, y, metric=METRICS["log_loss"])
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
    gains = {name: _gain(drawn, k, 0, width) for k, name in enumerate(names)}
    found = tuple(Candidate(name, float(drawn.values[k]), *gains[name]) for k, name in enumerate(names))
    if len(y) < _FEWEST_ROWS or (groups is not None and drawn.units < _FEWEST):
        many = f"{len(y)} rows" + ("" if groups is None else f" of {drawn.units} groups or days")
        why = f"Keep: there are {many} to judge on; below {_FEWEST_ROWS} rows or {_FEWEST} days nothing is sure."
        return Choice(KEEP, why, found, metric.name, level)
    best = 0
    for k in range(1, len(names)):
        if all(_gain(drawn, k, other, width)[2] < 0 for other in {0, best}):
            best = k
    return Choice(names[best], _why(names[best], found, metric.name, level), found, metric.name, level)


def _gain(drawn: Draws, k: int, other: int, width: float) -> tuple[float, float, float]:
    """Return the loss of one candidate less that of another, with the ends of its interval."""
    value = float(drawn.values[k] - drawn.values[other])
    half = width * float(np.nanstd(drawn.draws[:, k] - drawn.draws[:, other], ddof=1))
    return value, value - half, value + half


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
    return float(stats.t.isf(stats.norm.sf(normal), n - 1) * np.sqrt(n / (n - 1)))


def _why(winner: str, candidates: Sequence[Candidate], metric: str, level: float) -> str:
    by_name = {candidate.name: candidate for candidate in candidates}
    if winner == KEEP:
        others = [candidate for candidate in candidates if candidate.name != KEEP]
        if not others:
            return "Keep: nothing else could be tried."
        best = min(others, key=lambda candidate: candidate.gain)
        return (
            f"Keep: the best other candidate, {best.name}, changes {metric} by {best.gain:+.4f} "
            f"({100 * level:.3g}% interval {best.low:+.4f} to {best.high:+.4f}), which is no sure gain."
        )
    won = by_name[winner]
    sentence = (
        f"{winner.capitalize()}: {metric} {won.loss:.4f} instead of {by_name[KEEP].loss:.4f} "
        f"({won.gain:+.4f}, {100 * level:.3g}% interval {won.low:+.4f} to {won.high:+.4f})"
    )
    dearer = [c for c in candidates[[c.name for c in candidates].index(winner) + 1 :] if c.loss < won.loss]
    more = f"; {dearer[0].name} is not surely better than that" if dearer else ""
    return f"{sentence}{more}."
