"""Widen forecast intervals by as much as earlier forecasts were wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from tabkit.cltv.forecasting.forecast import Forecaster, Horizon, blocks
from tabkit.cltv.forecasting.predictive import BINS, KINDS, LEVELS, PredictiveScores, PredictiveTally
from tabkit.errors import ScoringError
from tabkit.progress import Progress, Silent
from tabkit.untrusted.manifest import NamedTable, damaged

Floats = NDArray[np.float64]

# the calibration of this many customers counts as much as none at all: shrinks few towards no widening
_CUSTOMERS = 100.0
_FLOOR = 1e-3  # keeps the log finite where nothing was bought
_WIDEST = 10.0  # of a log: totals wrong by a factor of twenty thousand
_CENTRAL = np.array([0.16, 0.84])  # of a normal distribution, one standard deviation to each side


@dataclass(frozen=True, slots=True, eq=False)
class Widening:
    """How far forecasts of purchases or of value are widened.

    What a model does not know - a season, a campaign, a crisis - moves all customers together. It hardly shows in the
    interval of one customer and decides that of the total, so each has a widening of its own: `apply` and
    `apply_total`. Neither shifts a forecast: take means from the draws as they were.

    Parameters
    ----------
    counts
        Whole numbers are forecast, and stay whole.
    levels
        Shape (BINS + 1,), at evenly spaced levels from 0 to 1: the level whose quantile is taken in place.
    deviation
        Standard deviation of the log of the total that a model does not know of: 0.1 means some 10 %.
    origins
        How many earlier origins it was learned from; those that overlap count for less than one.
    customers
        How many PIT values, over all origins.
    beyond
        Share of outcomes outside of all draws of their customer, less what right forecasts would have: no widening of
        levels reaches there.
    """

    counts: bool
    levels: Floats
    deviation: float
    origins: float
    customers: int
    beyond: float

    def apply(self, draws: Floats, *, rng: np.random.Generator | None = None) -> Floats:
        """Return draws of customers, shape (n, S), with the quantiles of each customer replaced.

        The order of a customer's draws is kept (`rng` breaks ties, by default with one seed), so that what happens
        to several customers in one draw still does. Their sums are *not* to be used for totals.

        Examples
        --------
        >>> wide = np.interp(np.linspace(0, 1, BINS + 1), [0, 0.4, 0.6, 1], [0, 0, 1, 1])
        >>> widening = Widening(True, wide, 1.0, 1.0, 500, 0.0)
        >>> widening.apply(np.array([[3.0, 0.0, 2.0, 1.0]]))
        array([[3., 0., 3., 0.]])
        """
        size = draws.shape[1]
        rng = rng or np.random.default_rng(0)
        jitter = rng.random(draws.shape)
        tied = draws + jitter if self.counts else np.where(draws > 0, draws, -jitter)
        order = np.argsort(tied, axis=1)
        rows = np.take_along_axis(draws, order, axis=1)
        place = np.interp((np.arange(size) + 0.5) / size, np.linspace(0, 1, BINS + 1), self.levels) * size - 0.5
        low = np.clip(np.floor(place + (0.5 if self.counts else 0.0)).astype(int), 0, size - 1)
        part = 0.0 if self.counts else np.clip(place - low, 0.0, 1.0)
        wide = rows[:, low] + part * (rows[:, np.minimum(low + 1, size - 1)] - rows[:, low])
        found = np.empty_like(draws)
        np.put_along_axis(found, order, wide, axis=1)
        return found

    def apply_total(self, draws: Floats) -> Floats:
        """Return draws of a sum over customers, shape (S,), stretched by `factor` around their median, in logs.

        >>> widening = Widening(True, np.linspace(0, 1, BINS + 1), 0.1, 1.0, 500, 0.0)
        >>> draws = np.random.default_rng(0).poisson(10_000, 5000).astype(float)
        >>> round(float(widening.apply_total(draws).std()), -2), round(float(draws.std()), -2)
        (1000.0, 100.0)
        """
        median = float(np.median(draws))
        if median <= 0:
            return draws
        wide = median * (draws / median) ** self.factor(draws)
        return np.round(wide) if self.counts else wide

    def factor(self, draws: Floats) -> float:
        """Return by how much the deviations of a total from its median grow: ``sqrt(1 + (deviation / spread)^2)``.

        The spread is that of the draws' own log. The more customers, the smaller it is, and the larger the factor:
        what customers have in common does not average out. 1 where the draws have no spread or a median of zero.
        """
        spread = _spread(draws)
        return float(np.hypot(1.0, self.deviation / spread)) if spread > 0 else 1.0

    def central(self, level: float) -> tuple[float, float]:
        """Return the levels of the quantiles that the interval of a nominal level ends at.

        >>> Widening(True, np.linspace(0, 1, BINS + 1), 1.0, 1.0, 500, 0.0).central(0.94)
        (0.03, 0.97)
        """
        ends = np.interp([(1 - level) / 2, (1 + level) / 2], np.linspace(0, 1, BINS + 1), self.levels)
        return round(float(ends[0]), 4), round(float(ends[1]), 4)

    def report(self, total: Floats) -> dict[str, Any]:
        """Return what people want to know of it, as plain data, with the factor of a total's draws."""
        names = ("deviation", "origins", "customers", "beyond")
        ends = {level: self.central(level) for level in LEVELS}
        levels = [{"level": level, "low": low, "high": high} for level, (low, high) in ends.items()]
        return {"factor": self.factor(total), **{name: getattr(self, name) for name in names}, "levels": levels}

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data; see `from_dict`."""
        return {name: getattr(self, name) for name in self.__slots__} | {"levels": self.levels.tolist()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Widening:
        """Rebuild what `to_dict` gave; anything else is a `BundleError`."""
        fields = NamedTable(values, "a widening").only(cls.__slots__)
        levels = np.array(fields.numbers("levels", size=BINS + 1, low=0, high=1))
        if (np.diff(levels) < 0).any():
            raise damaged("levels of a widening fall from one to the next")
        return cls(
            counts=fields.flag("counts"),
            levels=levels,
            deviation=fields.number("deviation", low=0, high=_WIDEST),
            origins=fields.number("origins", low=0),
            customers=fields.whole("customers"),
            beyond=fields.number("beyond", low=0, high=1),
        )


def learn(
    past: Sequence[PredictiveScores], *, weights: Sequence[float] | None = None, narrow: bool = False
) -> Widening:
    r"""Learn a widening from the errors of earlier forecasts.

    **Customers.** If the share :math:`R(p)` of PIT values is at or below :math:`p`, the quantile at level
    :math:`R^{-1}(p)` is the one that held with frequency :math:`p` (Kuleshov, Fenner and Ermon 2018, "Accurate
    uncertainties for deep learning using calibrated regression", section 3). A hundred customers with a right
    forecast are added to those seen, which shrinks the map towards none.

    **Total.** The log of each origin's outcome deviates by :math:`e_j` from the log of its median forecast, whose own
    standard deviation is :math:`s_j` (half the distance of the quantiles 0.16 and 0.84). What is more than the forecast
    knew of has the variance

    .. math:: \tau^2 = \max(0, \sum_j w_j (e_j^2 - s_j^2)) / (1 + \sum_j w_j),

    an estimate of moments, shrunk towards none as if one more origin had been exactly as expected. A total whose log
    has the spread :math:`s` is stretched by :math:`\sqrt{1 + \tau^2 / s^2}`. One number learned from few others stays
    a rough one: where true deviations are many times what a model believes, an interval of 94 % so widened holds some
    59 % of the time after one earlier origin, 73 % after two, 80 % after three, 90 % after ten. It is stretched, not
    shifted: a lasting bias shows up as width. Forecasts over shorter spans than the one to be widened may
    know too little of what goes wrong later.

    **Never narrower**: levels move away from the median only (unless asked), and the factor is at least 1.

    Parameters
    ----------
    past
        Scores of forecasts that are over: all of what they were scored by must be known at the origin where the
        widening is used. All of purchases, or all of value.
    weights
        What each of them counts: the share of its span that no other one covers. Default: 1 each.
    narrow
        Let the intervals of customers become narrower too; that of the total never does.

    Raises
    ------
    ScoringError
        If there is nothing to learn from, or counts are mixed with amounts.

    Examples
    --------
    >>> from tabkit.cltv.forecasting.predictive import PredictiveTally
    >>> tally, rng = PredictiveTally(counts=True), np.random.default_rng(0)
    >>> tally.add(rng.poisson(3.0, (2000, 100)).astype(float), rng.poisson(3.0, 2000).astype(float), rng=rng)
    >>> found = learn([tally.scores()])
    >>> found.central(0.94)[0] > 0.02, found.deviation < 0.02
    (True, True)
    """
    share = np.ones(len(past)) if weights is None else np.asarray(weights, dtype=float)
    if not past or len({scores.counts for scores in past}) > 1 or share.shape != (len(past),) or not (share > 0).all():
        raise ScoringError("a widening is learned from one or more scores of one kind, each with a weight above zero")
    histogram = np.sum([w * scores.pit for w, scores in zip(share, past, strict=True)], axis=0)
    excess = [max(scores.beyond - scores.beyond_expected, 0.0) for scores in past]
    return Widening(
        counts=past[0].counts,
        levels=_levels(histogram, narrow=narrow),
        deviation=_deviation(past, share),
        origins=float(share.sum()),
        customers=sum(scores.customers for scores in past),
        beyond=float(np.average(excess, weights=share)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of forecasts as the model makes them, and as a widening stretched them, where there is one.

    Of the widened ones the coverage, PIT and CRPS are of customers, and `total` is stretched by `apply_total`.
    """

    plain: PredictiveScores
    widened: PredictiveScores | None


def score(
    forecaster: Forecaster,
    customers: pl.DataFrame,
    outcome: pl.DataFrame,
    *,
    horizon: Horizon,
    learned: Mapping[str, Widening] | None = None,
    progress: Progress | None = None,
) -> dict[str, Scored]:
    """Forecast customers block by block, as `tabkit.cltv.forecasting.forecast` does, and score what came of it.

    Parameters
    ----------
    customers, outcome
        Of a `Holdout`: the summary, and in the same order ``purchases`` and ``value``.
    horizon
        As long as the holdout; value is compared as it was paid, so without discount.
    learned
        Widening by kind.

    Returns
    -------
    dict
        By kind: ``purchases``, and where the forecaster knows spending ``value``.
    """
    learned, shown, seed = learned or {}, progress or Silent(), horizon.seed
    plain, wide = ({kind: PredictiveTally(counts=kind == "purchases") for kind in KINDS} for _ in range(2))
    with shown.task("scoring customers", total=customers.height) as advance:
        for start, block in blocks(forecaster, customers, horizon, then=lambda start, _, found: (start, found)):
            for kind in KINDS if block.value is not None else KINDS[:1]:
                draws: Floats = getattr(block, kind)
                y = outcome[kind][start : start + len(draws)].cast(pl.Float64).to_numpy()
                plain[kind].add(draws, y, rng=np.random.default_rng([seed, start, 1]))
                if kind in learned:
                    stretched = learned[kind].apply(draws, rng=np.random.default_rng([seed, start, 2]))
                    wide[kind].add(stretched, y, rng=np.random.default_rng([seed, start, 1]))
            advance(len(block.alive))
    found = {}
    for kind in KINDS if forecaster.spending is not None else KINDS[:1]:
        one = plain[kind].scores()
        stretched_too = kind in learned
        other = replace(wide[kind].scores(), total=learned[kind].apply_total(one.total)) if stretched_too else None
        found[kind] = Scored(one, other)
    return found


def _levels(histogram: Floats, *, narrow: bool) -> Floats:
    """Return the levels whose quantiles held with evenly spaced frequencies."""
    even = np.linspace(0, 1, BINS + 1)
    seen = np.concatenate([[0.0], np.cumsum(histogram)])
    found = np.interp(even, (seen + _CUSTOMERS * even) / (seen[-1] + _CUSTOMERS), even)
    if narrow:
        return found
    return np.where(even < 0.5, np.minimum(found, even), np.where(even > 0.5, np.maximum(found, even), even))


def _deviation(past: Sequence[PredictiveScores], weights: Floats) -> float:
    """Return the standard deviation of log totals beyond their own; totals without a median say nothing."""
    more, count = 0.0, 1.0
    for scores, weight in zip(past, weights, strict=True):
        median = float(np.median(scores.total))
        if median > 0:
            error = float(np.log(max(scores.actual / median, _FLOOR)))
            more += weight * (error**2 - _spread(scores.total) ** 2)
            count += weight
    return float(np.sqrt(max(more, 0.0) / count))


def _spread(total: Floats) -> float:
    """Return the standard deviation of the log of a total; less than a thousandth of its median counts as that."""
    median = float(np.median(total))
    if median <= 0:
        return 0.0
    low, high = np.quantile(np.log(np.maximum(total / median, _FLOOR)), _CENTRAL)
    below, above = scipy.special.ndtri(_CENTRAL)
    return float(high - low) / float(above - below)
