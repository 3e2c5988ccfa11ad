"""Intervals of shares, means, effects and their differences; clustered rows count once per cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from tabkit.dependence import too_few
from tabkit.errors import ConfigError
from tabkit.rules.goal import Goal, Mask
from tabkit.rules.limits import FEWEST_NUMBERS


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums from which the mean of some rows and its variance follow.

    Parameters
    ----------
    n
        How many rows.
    total
        The sum of `y`.
    squares
        Of what is left of `y` without its mean, summed within each unit and then squared.
    units
        How many of them are independent; n where the goal knows no units.
    """

    n: int
    total: float
    squares: float
    units: int

    @property
    def mean(self) -> float | None:
        """The mean of the rows; None without any."""
        return self.total / self.n if self.n else None

    @property
    def variance(self) -> float | None:
        """The variance of the mean, clustered by unit (Liang and Zeger 1986); None below two units.

        ``G / (G - 1) * squares / n^2``: without units that is the sample variance over n.
        """
        return None if self.units < 2 else self.units / (self.units - 1) * self.squares / self.n**2


@dataclass(frozen=True, slots=True)
class MeasuredInterval:
    """A value and its interval, each None where there are too few rows to say."""

    value: float | None
    low: float | None = None
    high: float | None = None


def moments(inside: Mask, goal: Goal) -> tuple[Moments, ...]:
    """Return the moments of the rows inside; of an effect those of treated rows and of controls.

    >>> moments(np.array([True, True, False]), Goal("spend", "mean", np.array([1.0, 3.0, 9.0])))
    (Moments(n=2, total=4.0, squares=2.0, units=2),)
    >>> moments(np.ones(3, dtype=bool), Goal("spend", "mean", np.array([1.0, 3.0, 8.0]), unit=np.array([0, 0, 1])))
    (Moments(n=3, total=12.0, squares=32.0, units=2),)
    """
    parts = (inside,) if goal.treated is None else (inside & goal.treated, inside & ~goal.treated)
    return tuple((_counted if goal.unit is None and goal.binary else _moments)(part, goal) for part in parts)


def _counted(rows: Mask, goal: Goal) -> Moments:
    """Return the moments of zeros and ones, which are counts: the fast way for the common case."""
    n, total = int(np.count_nonzero(rows)), float(goal.y @ rows)
    return Moments(n, total, total * (n - total) / n if n else 0.0, n)


def _moments(rows: Mask, goal: Goal) -> Moments:
    y = goal.y[rows]
    if not y.size:
        return Moments(0, 0.0, 0.0, 0)
    total = float(y.sum())
    off = y - total / y.size
    if goal.unit is None:
        return Moments(y.size, total, float(off @ off), y.size)
    units = goal.unit[rows]
    sums = np.bincount(units, weights=off)
    return Moments(y.size, total, float(sums @ sums), int(np.count_nonzero(np.bincount(units))))


def estimate(
    parts: tuple[Moments, ...], *, binary: bool, clustered: bool, level: float = 0.95, exact: bool = True
) -> MeasuredInterval:
    """Return the mean and its interval; with two moments those of their difference.

    Parameters
    ----------
    parts
        Of `moments`.
    binary, clustered
        Whether `y` is 0 or 1 everywhere, and whether the goal knows units: `Goal.binary`, and ``unit is not None``.
    level, exact
        See `limits`.

    Examples
    --------
    >>> found = estimate((Moments(10, 8.0, 1.6, 10),), binary=True, clustered=False)
    >>> round(found.low, 4), round(found.high, 4)
    (0.4439, 0.9748)
    """
    found = []
    for part in parts:
        ends = limits(part, binary=binary, clustered=clustered, level=level, exact=exact)
        found.append(MeasuredInterval(part.mean) if ends is None else MeasuredInterval(part.mean, *ends))
    return found[0] if len(found) == 1 else less(found[0], found[1])


def limits(
    moments: Moments, *, binary: bool, clustered: bool, level: float = 0.95, exact: bool = True
) -> tuple[float, float] | None:
    """Return the interval of one mean.

    A share has that of Clopper and Pearson (1934), or Wilson's where it need not be exact. Where the goal knows units
    it is taken for that of as many independent rows as have the variance of its mean (Korn and Graubard 1998). Other
    means have Student's, with one degree of freedom less than there are units.

    Parameters
    ----------
    moments
        Of the rows.
    binary, clustered
        See `estimate`.
    level
        Of the interval, strictly between 0 and 1.
    exact
        Whether a share must be inside at least as often as `level` says, whatever it is.

    Returns
    -------
    tuple
        The ends; None without rows, with fewer than ten units where the goal knows them, and with fewer than twenty
        rows of numbers.
    """
    mean, variance = moments.mean, moments.variance
    if mean is None or (clustered and too_few(moments.units)) or (not binary and moments.n < FEWEST_NUMBERS):
        return None
    if binary:
        n = _effective(moments, mean) if clustered else float(moments.n)
        return (clopper_pearson if exact else wilson)(mean * n, n, level=level)
    if variance is None:
        return None
    half = float(scipy.special.stdtrit(moments.units - 1, 1 - _alpha(level) / 2)) * math.sqrt(variance)
    return mean - half, mean + half


def _effective(moments: Moments, mean: float) -> float:
    """Return how many independent rows would have the variance of this share."""
    variance = moments.variance
    if not variance:
        return float(moments.units)
    return min(float(moments.n), mean * (1 - mean) / variance)


def less(one: MeasuredInterval, other: MeasuredInterval) -> MeasuredInterval:
    """Return the interval of a difference from those of both sides, which are independent of each other.

    The method of variance estimates recovery (MOVER): Zou and Donner (2008), "Construction of confidence limits about
    effect measures", Statistics in Medicine 27, equation 3.

    >>> less(MeasuredInterval(0.5, 0.2, 0.9), MeasuredInterval(0.25, 0.25, 0.25))
    MeasuredInterval(value=0.25, low=-0.04999999999999999, high=0.65)
    """
    if one.value is None or other.value is None:
        return MeasuredInterval(None)
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return MeasuredInterval(value)
    low = value - math.hypot(one.value - one.low, other.high - other.value)
    return MeasuredInterval(value, low, value + math.hypot(one.high - one.value, other.value - other.low))


def clopper_pearson(successes: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share with coverage of at least `level` (Clopper and Pearson 1934).

    >>> [round(end, 4) for end in clopper_pearson(8, 10)]
    [0.4439, 0.9748]
    """
    half = _alpha(level) / 2
    low = 0.0 if successes <= 0 else float(scipy.special.betaincinv(successes, n - successes + 1, half))
    high = 1.0 if successes >= n else float(scipy.special.betaincinv(successes + 1, n - successes, 1 - half))
    return low, high


def wilson(successes: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share (Wilson 1927; Brown, Cai and DasGupta 2001, equation 4).

    Parameters
    ----------
    successes, n
        Counts; `n` above zero.
    level
        Of the interval, strictly between 0 and 1.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    z = -float(scipy.special.ndtri(_alpha(level) / 2))
    middle = (successes + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(successes * (n - successes) / n + z * z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def _alpha(level: float) -> float:
    if not 0 < level < 1:
        raise ConfigError(f"level is {level}; a number strictly between 0 and 1 was expected")
    return 1 - level
