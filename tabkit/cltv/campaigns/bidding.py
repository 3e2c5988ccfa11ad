"""Decisions from draws of a user's value: is it above cost, when is the cost paid back, how much to bid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from tabkit.errors import ConfigError

Floats = NDArray[np.float64]
Volume = Callable[[Floats], ArrayLike] | pl.DataFrame

_GRID = 2001  # steps of a two-thousandth of the range: finer than bids are set


@dataclass(frozen=True, slots=True, eq=False)
class Probability:
    """A share of draws and its Monte Carlo standard error, both of the shape of a draw."""

    value: Floats
    error: Floats


def probability_above(values: ArrayLike, *, cost: ArrayLike) -> Probability:
    """Return P(mean CLTV > CAC).

    The error is the standard deviation of Jeffreys' beta posterior of the share, and thus not 0 where all draws agree.
    Draws count as independent.

    Parameters
    ----------
    values
        Shape (draws, ...), in money: the levels of campaigns, for example.
    cost
        Cost of acquiring a user: a number, or of any shape that broadcasts to `values`.

    Raises
    ------
    ConfigError
        If draws or costs are null, NaN or absent, or their shapes do not fit.

    Examples
    --------
    >>> found = probability_above([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0], [4.0, 9.0]], cost=2.5)
    >>> found.value.tolist()
    [0.5, 1.0]
    """
    draws, price = _numbers("values", values), _numbers("cost", cost)
    try:
        above = draws > price
    except ValueError as error:
        raise ConfigError(f"cost has shape {price.shape}, which does not fit values of {draws.shape}") from error
    if above.shape != draws.shape:
        raise ConfigError(f"cost has shape {price.shape}, more than values of {draws.shape}")
    n, hits = len(draws), above.sum(axis=0)
    middle = (hits + 0.5) / (n + 1)
    return Probability(np.asarray(hits / n), np.asarray(np.sqrt(middle * (1 - middle) / (n + 2))))


@dataclass(frozen=True, slots=True, eq=False)
class Payback:
    """When the value of a user covers its cost.

    Parameters
    ----------
    day
        Shape (draws,): the first day, inf where the curve never covers the cost.
    """

    day: Floats

    @property
    def never(self) -> float:
        """Share of draws that are not paid back within the curve."""
        return float(np.isinf(self.day).mean())

    def quantile(self, q: float) -> float:
        """Return the day by which a share `q` of draws is paid back, inf if that is not within the curve."""
        return float(np.quantile(self.day, q, method="inverted_cdf"))

    def distribution(self) -> pl.DataFrame:
        """Return ``day``, ``probability`` and ``cumulative`` of the days that occur; never is the rest to 1."""
        days, counts = np.unique(self.day[np.isfinite(self.day)], return_counts=True)
        share = counts / len(self.day)
        return pl.DataFrame({"day": days, "probability": share, "cumulative": np.cumsum(share)})


def payback(curve: ArrayLike, *, cost: ArrayLike, days: ArrayLike | None = None) -> Payback:
    """Return the distribution of the day on which cumulative value first covers the cost.

    Parameters
    ----------
    curve
        Shape (draws, days), in money: cumulative value per user. It may fall again: the first day counts.
    cost
        Per user, a number or shape (draws,).
    days
        Shape (days,), rising: the days of the curve; 1, 2, ... by default.

    Raises
    ------
    ConfigError
        If numbers are null or NaN, or shapes do not fit.

    Examples
    --------
    >>> found = payback([[1.0, 2.0, 3.0], [0.5, 1.0, 1.2], [2.0, 2.1, 2.2]], cost=2.0)
    >>> found.day.tolist(), round(found.never, 3)
    ([2.0, inf, 1.0], 0.333)
    """
    values, price = _numbers("curve", curve), _numbers("cost", cost)
    if values.ndim != 2:
        raise ConfigError(f"curve has shape {values.shape}; (draws, days) was expected")
    if price.shape not in ((), (len(values),)):
        raise ConfigError(f"cost has shape {price.shape}; a number or one per draw, {len(values)}, was expected")
    when = np.arange(1.0, values.shape[1] + 1) if days is None else _numbers("days", days)
    if when.shape != (values.shape[1],) or (np.diff(when) <= 0).any():
        raise ConfigError(f"days are no {values.shape[1]} rising numbers, one for each point of the curve")
    covered = values >= np.reshape(price, (-1, 1))
    return Payback(np.where(covered.any(axis=1), when[covered.argmax(axis=1)], np.inf))


@dataclass(frozen=True, slots=True, eq=False)
class Bids:
    """Bids for a user, in money; None where no bid of the volume curve qualifies.

    Parameters
    ----------
    best, best_profit, best_profit_error
        The bid with the highest expected profit, that profit, and its Monte Carlo standard error. None, 0 and 0 if
        every bid that brings users loses.
    break_even
        The highest bid whose expected profit is not negative.
    safe
        The highest bid that makes no loss with a probability of at least `confidence`.
    confidence
        That was asked for.
    curve
        ``bid``, ``users``, ``profit`` (expected) and ``no_loss`` (its probability), at the points of the volume curve.
    """

    best: float | None
    best_profit: float
    best_profit_error: float
    break_even: float | None
    safe: float | None
    confidence: float
    curve: pl.DataFrame


def highest_bid(
    values: ArrayLike, *, volume: Volume, limits: tuple[float, float] | None = None, confidence: float = 0.9
) -> Bids:
    """Return the bids that maximise expected profit, break even, and are safe.

    Profit at bid b is users(b) (value - b): what a user costs is the bid, and value does not change with volume. Its
    expectation is users(b) (E value - b), so that between two points of the volume curve it is a parabola, whose top
    is exact; there is no loss where b is at most the value.

    Parameters
    ----------
    values
        Shape (draws,): mean value of a user, in money.
    volume
        Users by bid: a frame with ``bid`` and ``users``, joined by straight lines, or a function of an array of bids,
        taken at 2,001 points from end to end of `limits`. Users must not fall with the bid.
    limits
        Of the bids, for a function alone.
    confidence
        Of the safe bid, between 0 and 1.

    Raises
    ------
    ConfigError
        If draws or the volume curve are not as said.

    Examples
    --------
    >>> table = pl.DataFrame({"bid": [0.0, 10.0], "users": [0.0, 1000.0]})
    >>> found = highest_bid([5.0, 6.0, 7.0], volume=table)
    >>> found.best, found.break_even, found.safe
    (3.0, 6.0, 5.0)
    """
    draws = _numbers("values", values)
    if draws.ndim != 1:
        raise ConfigError(f"values have shape {draws.shape}; one number per draw was expected")
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence is {confidence!r}; a number between 0 and 1 was expected")
    bid, users = _curve(volume, limits)
    mean, error = float(draws.mean()), float(draws.std(ddof=1) / np.sqrt(len(draws))) if len(draws) > 1 else np.inf
    best, gained = _top(bid, users, mean)
    ordered = np.sort(draws)
    certain = float(ordered[int(np.floor(len(draws) * (1 - confidence) + 1e-9))])
    at_most = [_highest(bid, users, limit) for limit in (mean, certain)]
    columns = {"bid": bid, "users": users, "profit": users * (mean - bid)}
    frame = pl.DataFrame({**columns, "no_loss": 1 - np.searchsorted(ordered, bid) / len(draws)})
    wide = 0.0 if best is None else float(np.interp(best, bid, users)) * error
    return Bids(best, gained, wide, at_most[0], at_most[1], confidence, frame)


def _top(bid: Floats, users: Floats, mean: float) -> tuple[float | None, float]:
    """Return where users(b) (mean - b) is greatest, and how great; None and 0 if nowhere above 0."""
    slope = np.diff(users) / np.diff(bid)
    offset = users[:-1] - slope * bid[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.where(slope > 0, (mean - offset / slope) / 2, bid[:-1])
    points = np.concatenate([bid, np.clip(vertex, bid[:-1], bid[1:])])
    profit = np.interp(points, bid, users) * (mean - points)
    place = int(profit.argmax())
    return (float(points[place]), float(profit[place])) if profit[place] > 0 else (None, 0.0)


def _highest(bid: Floats, users: Floats, limit: float) -> float | None:
    """Return the highest bid up to a limit that brings users."""
    first = int(np.flatnonzero(users > 0)[0])
    enough = limit >= bid[0] if first == 0 else limit > bid[first - 1]
    return min(limit, float(bid[-1])) if enough else None


def _curve(volume: Volume, limits: tuple[float, float] | None) -> tuple[Floats, Floats]:
    """Return bids and users of a volume curve, checked."""
    if isinstance(volume, pl.DataFrame):
        if limits is not None or not {"bid", "users"} <= set(volume.columns):
            raise ConfigError(
                f"the volume curve has columns {', '.join(map(repr, volume.columns))}, and limits={limits}",
                advice="give it columns 'bid' and 'users', and no limits",
            )
        bid, users = _numbers("bid", volume["bid"]), _numbers("users", volume["users"])
    else:
        if limits is None or not np.isfinite(limits).all():
            raise ConfigError("a volume curve that is a function has no limits", advice="give limits=(lowest, highest)")
        bid = np.linspace(*limits, _GRID)
        users = _numbers("users", volume(bid))
    if users.shape != bid.shape or len(bid) < 2 or (np.diff(bid) <= 0).any():
        raise ConfigError("the volume curve is not two or more rising bids, each with its users")
    if (users < 0).any() or (np.diff(users) < 0).any() or not users.any():
        raise ConfigError(
            "users of the volume curve are negative, fall with the bid, or are none at all",
            advice="repair it: a higher bid brings as many users or more",
        )
    return bid, users


def _numbers(name: str, values: Any) -> Floats:
    """Return values as finite numbers."""
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} are no numbers, or rows of different lengths: {error}") from error
    if not found.size or not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).sum())
        raise ConfigError(
            f"{name} hold {bad:,} null, NaN or infinite of {found.size:,} numbers; all finite was expected"
        )
    return found
