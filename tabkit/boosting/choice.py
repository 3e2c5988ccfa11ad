"""Choosing among candidate models on rows that none of them saw: a dearer one must be sure to be better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tabkit.errors import ConfigError
from tabkit.metrics import Interval, Metric, paired_bootstrap

Floats = NDArray[np.float64]
KEEP = "keep"
_IN_TAIL = 4
"""Resamples beyond each end of an interval, at least."""
_FEW, _FEWEST, _FEWEST_ROWS = 30, 5, 20


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
        Its loss less that of `keep`, with the ends of the paired bootstrap interval: below zero it is better.
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
        Of the intervals, as it was asked for made strict for their number.
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
    rows, and takes its place only if the whole interval of the difference is on its side. The first is `keep`. With k
    others the intervals are those of level ``1 - (1 - level) / k`` (Bonferroni): among many candidates one would
    else look sure by chance. Of few groups (days, say) resamples know too little of how different others may be: up to
    30 of them an interval is at least as wide as Student's with the bootstrap's standard error, and from fewer than
    five, or fewer than 20 rows, nothing but `keep` is chosen.

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
    level = 1 - (1 - level) / max(1, len(names) - 1)
    resamples = max(resamples, ceil(_IN_TAIL * 2 / (1 - level)))
    options: dict[str, Any] = {"weight": weight, "groups": groups, "resamples": resamples, "level": level, "seed": seed}

    units = None if groups is None else len(np.unique(groups))
    too_few = len(y) < _FEWEST_ROWS or (units is not None and units < _FEWEST)

    def compared(name: str, other: str) -> Interval:
        found = paired_bootstrap(metric, y, predictions[name], predictions[other], **options)
        return found if units is None or units > _FEW or too_few else _widened(found, units, level)

    best = KEEP
    found = []
    for name in names:
        gain = compared(name, KEEP)
        found.append(
            Candidate(
                name, float(metric.function(y, predictions[name], weight=weight)), gain.value, gain.low, gain.high
            )
        )
        if (
            name != best
            and not too_few
            and (gain.high < 0 if best == KEEP else gain.high < 0 and compared(name, best).high < 0)
        ):
            best = name
    why = _why(best, found, metric.name, level)
    if too_few:
        many = f"{len(y)} rows" + ("" if units is None else f" of {units} groups or days")
        why = f"Keep: there are {many} to judge on; below {_FEWEST_ROWS} rows or {_FEWEST} days nothing is sure."
    return Choice(best, why, tuple(found), metric.name, level)


def _widened(found: Interval, units: int, level: float) -> Interval:
    """Return the interval at least as wide as Student's: a bootstrap of few units is too narrow.

    Hesterberg 2015, "What teachers should know about the bootstrap", section 3.2.
    """
    half = float(stats.t.ppf((1 + level) / 2, units - 1)) * found.error * (units / (units - 1)) ** 0.5
    return replace(found, low=min(found.low, found.value - half), high=max(found.high, found.value + half))


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
