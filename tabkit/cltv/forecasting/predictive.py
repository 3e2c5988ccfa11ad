"""Score predictive draws against outcomes: coverage, PIT, CRPS and bias, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.cltv.forecasting.quantiles import described, named
from tabkit.errors import ScoringError

Floats = NDArray[np.float64]

KINDS = ("purchases", "value")
LEVELS = (0.5, 0.8, 0.94)  # half, most and nearly all: a forecast may hold at one level and not at another
BINS = 1000  # divides by 10, 20 and 50, the bins that charts show
_CELLS = 1_000_000  # draws in memory at a time: 8 megabytes


def crps(draws: Floats, y: Floats) -> Floats:
    r"""Return the continuous ranked probability score of each row, the smaller the better, in the unit of `y`.

    .. math:: \frac{1}{S} \sum_s |x_s - y| - \frac{1}{2 S (S - 1)} \sum_{s, t} |x_s - x_t|

    This is Gneiting and Raftery (2007, "Strictly proper scoring rules, prediction, and estimation", equation 21) with
    the second mean over pairs of different draws: its expectation is then the score of the distribution that the draws
    come from, however few they are (Ferro 2014, "Fair scores for ensemble forecasts"). The sum over pairs is one over
    the sorted draws.

    Parameters
    ----------
    draws
        Shape (n, S), S from 2.
    y
        What happened, shape (n,). Nulls and NaN are refused, here and in all of this file.

    Returns
    -------
    NDArray
        Shape (n,). With few draws single rows may be below zero; their mean is not biased.

    Raises
    ------
    ScoringError
        If shapes do not fit, values are not finite, there is no row, or one draw only.

    Examples
    --------
    >>> crps(np.array([[0.0, 2.0]]), np.array([3.0]))
    array([1.])
    """
    draws, y = _checked(draws, y, fewest=2)
    size = max(1, _CELLS // draws.shape[1])
    return np.concatenate(
        [_crps(np.sort(draws[i : i + size], axis=1), y[i : i + size]) for i in range(0, len(y), size)]
    )


def pit(draws: Floats, y: Floats, *, rng: np.random.Generator) -> Floats:
    r"""Return where each outcome lies in its predictive distribution: uniform on (0, 1) if forecasts are right.

    For counts the value is drawn between :math:`F(y - 1)` and :math:`F(y)` (Czado, Gneiting and Held 2009, "Predictive
    model assessment for count data", equation 1 and the remarks on its randomised form). Of draws it is taken from the
    rank of the outcome among them,

    .. math:: u = (\#\{x_s < y\} + v\,(\#\{x_s = y\} + 1)) / (S + 1),\quad v \sim U(0, 1),

    which is uniform exactly for any S where outcome and draws come from one distribution, discrete or not.

    Shapes are those of `crps`; `rng` draws `v`.

    Examples
    --------
    >>> pit(np.array([[1.0, 2.0, 3.0]]), np.array([9.0]), rng=np.random.default_rng(0)) > 0.75
    array([ True])
    """
    draws, y = _checked(draws, y)
    below, same = (draws < y[:, None]).sum(axis=1), (draws == y[:, None]).sum(axis=1)
    return np.asarray((below + rng.random(len(y)) * (same + 1)) / (draws.shape[1] + 1))


def coverage(draws: Floats, y: Floats, *, levels: Sequence[float] = LEVELS, counts: bool = True) -> dict[float, float]:
    """Return the share of outcomes inside the central interval of each level, ends included.

    Intervals of counts can only be too wide: they end on whole numbers. `PredictiveTally` says what they should cover.

    With `counts` ends are draws (the inverse of their distribution function), as forecasts of purchases have them;
    otherwise interpolated, as those of value.

    >>> coverage(np.array([[1.0, 2.0, 3.0, 4.0]] * 2), np.array([2.0, 9.0]), levels=[0.5])
    {0.5: 0.5}
    """
    draws, y = _checked(draws, y)
    found = _ends(draws, levels, counts=counts)
    return {level: float(((low <= y) & (y <= high)).mean()) for level, (low, high) in found.items()}


def bias(draws: Floats, y: Floats) -> float:
    """Return the mean of all draws less the mean outcome.

    >>> bias(np.array([[1.0, 3.0], [2.0, 2.0]]), np.array([1.0, 2.0]))
    0.5
    """
    draws, y = _checked(draws, y)
    return float(draws.mean() - y.mean())


@dataclass(frozen=True, slots=True)
class Covered:
    """The coverage of the central interval at one level.

    Parameters
    ----------
    level, share
        The nominal share, and that of the outcomes inside.
    error
        Its binomial standard error, as if customers were independent. They share the season, so it is a lower bound.
    expected
        The mean share of draws inside: what the interval should cover. For counts it is above the level.
    width
        The mean difference of its ends.
    """

    level: float
    share: float
    error: float
    expected: float
    width: float


@dataclass(frozen=True, slots=True, eq=False)
class PredictiveScores:
    """Scores of predictive draws of many customers against their outcomes.

    Parameters
    ----------
    counts, customers
        Whether whole numbers were forecast, and for how many.
    crps, mae_mean, mae_median, rmse_mean
        Means over customers: of the score, and of the errors of the forecasts' means and medians.
    coverage
        By level.
    pit
        Shape (BINS,): how many customers' PIT lies in each of equally wide bins.
    beyond
        Share of the outcomes below or above every draw of their customer.
    beyond_expected
        What it would be if forecasts were right and continuous: ``2 / (S + 1)``.
    total, actual
        Sums over customers: of the draws, shape (S,), and of what happened.
    """

    counts: bool
    customers: int
    crps: float
    mae_mean: float
    mae_median: float
    rmse_mean: float
    coverage: tuple[Covered, ...]
    pit: Floats
    beyond: float
    beyond_expected: float
    total: Floats
    actual: float

    @property
    def bias(self) -> float:
        """Mean forecast of the total, less what happened, as a share of it; NaN where nothing happened."""
        return float(self.total.mean() / self.actual - 1) if self.actual else float("nan")

    def pit_counts(self, bins: int = 10) -> list[int]:
        """Return the histogram of the PIT in fewer bins; `bins` divides `BINS`."""
        return [int(n) for n in self.pit.reshape(bins, -1).sum(axis=1)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; the total has its mean and the ends of the intervals."""
        names = ("customers", "crps", "mae_mean", "mae_median", "rmse_mean", "beyond", "beyond_expected")
        return {name: getattr(self, name) for name in names} | {
            "coverage": [asdict(covered) for covered in self.coverage],
            "pit": self.pit_counts(),
            "total": total_of(self.total, self.actual, counts=self.counts),
        }


@dataclass(slots=True, eq=False)
class PredictiveTally:
    """Adds up blocks of customers, so that their draws never stand in memory together; for `counts` see `coverage`.

    Examples
    --------
    >>> tally, rng = PredictiveTally(counts=True), np.random.default_rng(0)
    >>> for _ in range(2):
    ...     tally.add(rng.poisson(3.0, (500, 100)).astype(float), rng.poisson(3.0, 500).astype(float), rng=rng)
    >>> tally.scores().customers, abs(tally.scores().bias) < 0.1
    (1000, True)
    """

    counts: bool
    levels: tuple[float, ...] = LEVELS
    _customers: int = 0
    _sums: dict[str, float] = field(default_factory=dict)
    _inside: Floats | None = None
    _pit: Floats = field(default_factory=lambda: np.zeros(BINS))
    _total: Floats | None = None

    def add(self, draws: Floats, y: Floats, *, rng: np.random.Generator) -> None:
        """Add a block: draws of shape (n, S), what happened of shape (n,); all blocks have one S, from 2."""
        draws, y = _checked(draws, y, fewest=2)
        if self._total is not None and draws.shape[1] != len(self._total):
            raise ScoringError(f"a block has {draws.shape[1]} draws; {len(self._total)} were expected, as before")
        rows, mean = np.sort(draws, axis=1), draws.mean(axis=1)
        error, median = mean - y, _ends(rows, [0.0], counts=self.counts)[0.0][0]
        sums = {
            "crps": _crps(rows, y).sum(),
            "mae_mean": np.abs(error).sum(),
            "mae_median": np.abs(median - y).sum(),
            "square": (error**2).sum(),
            "beyond": ((y < rows[:, 0]) | (y > rows[:, -1])).sum(),
            "actual": y.sum(),
        }
        self._sums = {name: self._sums.get(name, 0.0) + float(value) for name, value in sums.items()}
        self._inside = (0.0 if self._inside is None else self._inside) + self._interval_sums(rows, y)
        self._pit += np.histogram(pit(rows, y, rng=rng), bins=BINS, range=(0.0, 1.0))[0]
        self._total = (0.0 if self._total is None else self._total) + draws.sum(axis=0)
        self._customers += len(y)

    def scores(self) -> PredictiveScores:
        """Return the scores of all blocks; `ScoringError` without any customer."""
        if self._total is None or self._inside is None or not self._customers:
            raise ScoringError("there is no customer to score", advice="choose a later origin")
        n = self._customers
        covered = [
            Covered(level, share, float(np.sqrt(share * (1 - share) / n)), expected, width)
            for level, (share, expected, width) in zip(self.levels, (self._inside / n).tolist(), strict=True)
        ]
        return PredictiveScores(
            counts=self.counts,
            customers=n,
            rmse_mean=float(np.sqrt(self._sums["square"] / n)),
            **{name: self._sums[name] / n for name in ("crps", "mae_mean", "mae_median", "beyond")},
            coverage=tuple(covered),
            pit=self._pit.copy(),
            beyond_expected=2 / (len(self._total) + 1),
            total=self._total.copy(),
            actual=self._sums["actual"],
        )

    def _interval_sums(self, rows: Floats, y: Floats) -> Floats:
        """Return, by level, outcomes inside, the shares of draws inside, and widths, shape (levels, 3)."""
        found = []
        for low, high in _ends(rows, self.levels, counts=self.counts).values():
            inside = ((rows >= low[:, None]) & (rows <= high[:, None])).mean(axis=1)
            found.append([((low <= y) & (y <= high)).sum(), inside.sum(), (high - low).sum()])
        return np.array(found, dtype=float).reshape(-1, 3)


def total_of(total: Floats, actual: float, *, counts: bool, levels: Sequence[float] = LEVELS) -> dict[str, Any]:
    """Return plain data of a sum, draws of shape (S,): what happened, the mean, and if intervals of each level held.

    >>> total_of(np.arange(101.0), 90.0, counts=True, levels=[0.5])["intervals"]
    [{'level': 0.5, 'low': 25.0, 'high': 75.0, 'holds': False}]
    """
    intervals = []
    for level, ends in _ends(total[None, :], levels, counts=counts).items():
        low, high = (float(end[0]) for end in ends)
        intervals.append({"level": level, "low": low, "high": high, "holds": low <= actual <= high})
    mean = float(total.mean())
    return {"actual": actual, "mean": mean, "bias": mean / actual - 1 if actual else None, "intervals": intervals}


def _crps(rows: Floats, y: Floats) -> Floats:
    """Return the score of each row of sorted draws."""
    size = rows.shape[1]
    pairs = rows @ (2 * np.arange(size) - size + 1.0) / (size * (size - 1))
    return np.asarray(np.abs(rows - y[:, None]).mean(axis=1) - pairs)


def _ends(draws: Floats, levels: Sequence[float], *, counts: bool) -> dict[float, tuple[Floats, Floats]]:
    """Return the ends of central intervals by level, as `described` makes them; level 0 is the median."""
    kind = "purchases" if counts else "value"
    pairs = {level: (round((1 - level) / 2, 12), round((1 + level) / 2, 12)) for level in levels}
    found = described(kind, draws, list(dict.fromkeys(q for pair in pairs.values() for q in pair)))
    return {level: (found[f"{kind}_{named(a)}"], found[f"{kind}_{named(b)}"]) for level, (a, b) in pairs.items()}


def _checked(draws: Floats, y: Floats, *, fewest: int = 1) -> tuple[Floats, Floats]:
    draws, y = np.asarray(draws, dtype=float), np.asarray(y, dtype=float)
    if draws.ndim != 2 or y.shape != draws.shape[:1] or not len(y) or draws.shape[1] < fewest:
        raise ScoringError(
            f"draws have shape {draws.shape} and outcomes {y.shape}; (n, draws) and (n,) were expected, "
            f"n from 1 and draws from {fewest}"
        )
    if not (np.isfinite(draws).all() and np.isfinite(y).all()):
        raise ScoringError("draws or outcomes are NaN or infinite", advice="forecast with other priors, or more data")
    return draws, y
