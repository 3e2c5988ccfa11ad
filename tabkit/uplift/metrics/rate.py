"""Ranking metrics from doubly robust scores of effects (Yadlowsky and others 2025)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tabkit.metrics.inputs import Floats, check_weight
from tabkit.metrics.resamples import check_count
from tabkit.uplift.metrics.checks import check_effect
from tabkit.uplift.metrics.ties import Block, Runs, block_sums, blocks, falling, run_sums

RateStatistic = Literal["rate_qini", "autoc"]
Weights = NDArray[np.float64] | NDArray[np.uint8]

# Stands for no weight at all in a logarithm, where it is multiplied by zero.
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, eq=False)
class TocCurve:
    """The targeting operator characteristic and the gain of treating the top of a ranking.

    Parameters
    ----------
    share
        Shape (m,), rising in (0, 1]: which part of the units is treated.
    toc
        Shape (m,): mean effect of the top share less the average effect, per unit treated.
    gain
        Shape (m,): summed effect of the top share, per unit of the population; zero at share zero.
    toc_low, toc_high, gain_low, gain_high
        Shape (m,): pointwise intervals; None where none were asked for.
    """

    share: Floats
    toc: Floats
    gain: Floats
    toc_low: Floats | None = None
    toc_high: Floats | None = None
    gain_low: Floats | None = None
    gain_high: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RankedEffects:
    """Effects by falling score.

    Parameters
    ----------
    runs
        The order and its runs of equal scores.
    effect
        Shape (n,), in that order, less their mean: the statistics do not change by a constant, and small
        numbers round less.
    mean
        What was taken off.
    blocks
        The rows in blocks: a resample is computed one block after the other, without a trip to memory.
    """

    runs: Runs
    effect: Floats
    mean: float
    blocks: tuple[Block, ...]


def rate_qini(effect: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None) -> float:
    r"""Return the area between the gain curve and the straight line of a random order.

    .. math:: \int_0^1 q \, \mathrm{TOC}(q) \, dq

    the rank-weighted average treatment effect with weights of the Qini curve (Yadlowsky, Fleming, Shah,
    Brunskill and Wager 2025, section 2). The gain is taken as straight within a run of equal scores, which
    is its expected value over their orders. Zero is a random order. grf's ``rank_average_treatment_effect``
    has the same definition and sums over single rows: alike in large samples. CausalML's
    ``rate_score(weighting="qini")`` divides by the sum of the weights, so it is twice this.

    Parameters
    ----------
    effect
        Shape (n,): a doubly robust score of each unit's effect, of any sign; their mean is the average effect.
    score
        Shape (n,); a higher score asks for earlier treatment. Fit it on other rows, else the metric flatters.
    weight
        Non-negative weights, shape (n,); None weighs rows equally.

    Returns
    -------
    float
        In units of the effect, per unit of the population.

    Raises
    ------
    FitError
        When a column is unusable.

    Examples
    --------
    >>> rate_qini([4, 2, 0, -2], [0.9, 0.7, 0.5, 0.1])
    0.625
    >>> rate_qini([4, 2, 0, -2], [1, 1, 1, 1])
    0.0
    """
    return _statistic(effect, score, weight, "rate_qini")


def autoc(effect: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None) -> float:
    r"""Return the area under the targeting operator characteristic.

    .. math:: \int_0^1 \mathrm{TOC}(q) \, dq

    It weighs the very top of the ranking more than `rate_qini` does: better where few units react, and
    noisier. It is in units of the effect, per unit treated. grf's AUTOC has the same definition. CausalML's
    ``rate_score(weighting="autoc")`` is another metric: a mean of TOC(q) with weights 1 / q. Parameters and
    errors are those of `rate_qini`.

    Examples
    --------
    >>> round(autoc([3, 1], [0.9, 0.1]), 6)
    0.693147
    """
    return _statistic(effect, score, weight, "autoc")


def toc_curve(effect: ArrayLike, score: ArrayLike, *, weight: ArrayLike | None = None, points: int = 1000) -> TocCurve:
    """Return the curve at the ends of runs of equal scores, thinned to at most so many points.

    The gain is straight between the points that are left; the targeting operator characteristic is not
    defined at share zero. Parameters and errors are those of `rate_qini`.

    Parameters
    ----------
    points
        The most points to keep, at least two: those next to an even grid of shares. The last is share one.

    Examples
    --------
    >>> curve = toc_curve([4, 2, 0, -2], [0.9, 0.7, 0.5, 0.1])
    >>> curve.share, curve.toc, curve.gain
    (array([0.25, 0.5 , 0.75, 1.  ]), array([3., 2., 1., 0.]), array([1. , 1.5, 1.5, 1. ]))
    """
    ranked = rank_effects(effect, score)
    grid = np.arange(1, check_count(points, name="points", least=2) + 1) / points
    reached, gained = _gains(ranked, _weights(weight, ranked))
    share = reached / reached[-1]
    kept = np.flatnonzero(share > 0)
    if kept.size > points:
        kept = np.unique(np.clip(np.searchsorted(share, grid), kept[0], share.size - 1))
    kept = kept[np.append(np.diff(share[kept]) > 0, True)]  # runs without weight repeat a share
    total = gained[-1] / reached[-1]
    gain = gained[kept] / reached[-1]
    return TocCurve(share[kept], gain / share[kept] - total, gain + ranked.mean * share[kept])


def rank_effects(effect: ArrayLike, score: ArrayLike) -> RankedEffects:
    """Return the checked effects by falling score; errors are those of `rate_qini`."""
    effects, scores = check_effect(effect, score)
    runs, mean = falling(scores), float(effects.mean())
    return RankedEffects(runs, effects[runs.order] - mean, mean, blocks(runs))


def ranked_statistic(ranked: RankedEffects, weight: Weights, statistic: RateStatistic) -> float:
    """Return a statistic; `weight`, shape (n,), stands in the order of the ranking. NaN without any weight."""
    found = _qini(ranked, weight) if statistic == "rate_qini" else _autoc(ranked, weight)
    return found + 0.0  # no negative zero


def gain_at(ranked: RankedEffects, weight: Weights, share: Floats) -> Floats:
    """Return the gain at each of the shares, shape (k,), straight within runs; NaN without any weight."""
    reached, gained = _gains(ranked, weight)
    total = float(reached[-1])
    if total <= 0:
        return np.full(share.shape, np.nan)
    at = np.interp(share * total, np.append(0.0, reached), np.append(0.0, gained))
    found: Floats = at / total + ranked.mean * share
    return found


def _statistic(effect: ArrayLike, score: ArrayLike, weight: ArrayLike | None, statistic: RateStatistic) -> float:
    ranked = rank_effects(effect, score)
    return ranked_statistic(ranked, _weights(weight, ranked), statistic)


def _weights(weight: ArrayLike | None, ranked: RankedEffects) -> Floats:
    """Return the checked weights in the order of the ranking."""
    checked = check_weight(weight, rows=ranked.effect.size)
    return np.ones(ranked.effect.size) if checked is None else checked[ranked.runs.order]


def _gains(ranked: RankedEffects, weight: Weights) -> tuple[Floats, Floats]:
    """Return weight and summed centred effect at or above the end of each run, shape (m,) each."""
    drawn = weight.astype(np.float64, copy=False)
    reached = np.cumsum(run_sums(ranked.runs, drawn))
    return reached, np.cumsum(run_sums(ranked.runs, drawn * ranked.effect))


def _qini(ranked: RankedEffects, weight: Weights) -> float:
    """Return the area; each run adds its sum times how far its middle stands above the middle of all."""
    reached = gained = moment = 0.0
    for block in ranked.blocks:
        drawn = weight[block.rows].astype(np.float64)
        sums = block_sums(block, drawn * ranked.effect[block.rows])
        weights = block_sums(block, drawn)
        middles = np.cumsum(weights)
        size, gain = float(middles[-1]), float(sums.sum())
        middles -= 0.5 * weights
        moment += float(np.dot(sums, middles)) + reached * gain
        reached += size
        gained += gain
    return (reached / 2 * gained - moment) / reached**2 if reached > 0 else math.nan


def _autoc(ranked: RankedEffects, weight: Weights) -> float:
    r"""Return the area: on a run the gain is a line, :math:`a + b q`, and :math:`\int a / q` is a logarithm.

    The parts with b add up to the average effect, which the definition takes off again.
    """
    reached = gained = area = 0.0
    for block in ranked.blocks:
        drawn, effect = weight[block.rows].astype(np.float64), ranked.effect[block.rows]
        weights, sums = block_sums(block, drawn), block_sums(block, drawn * effect)
        ends, gains = _carried(reached, weights), _carried(gained, sums)
        steps = np.diff(np.log(np.maximum(ends, TINY)))
        slopes = effect if block.starts is None else sums / np.maximum(weights, TINY)
        area += float(np.dot(gains[:-1] - slopes * ends[:-1], steps))
        reached, gained = float(ends[-1]), float(gains[-1])
    return area / reached if reached > 0 else math.nan


def _carried(start: float, steps: Floats) -> Floats:
    """Return the running total from `start`, shape (m + 1,)."""
    totals = np.empty(steps.size + 1)
    totals[0], totals[1:] = start, steps
    return np.cumsum(totals, out=totals)
