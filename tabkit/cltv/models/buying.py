"""Simulate customers with known rates: exact draws of purchases, lifetimes and discounted spend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Bools = NDArray[np.bool_]

_TINY = 1e-12  # keeps rates off zero, where lifetimes would be infinite
_MOST = 2**40  # no customer buys so often, and sums of such counts are still exact in doubles


@dataclass(frozen=True, slots=True, eq=False)
class Buyers:
    """Drawn customers; all arrays have one shape (by convention customers by draws).

    Parameters
    ----------
    alive
        Who may still buy.
    rate
        Purchases per unit of time while alive; of the discrete models the chance to buy at each opportunity.
    leaving
        The chance to leave after each purchase (BG/NBD, MBG/NBD), the rate of leaving per unit of time (Pareto/NBD),
        or the chance to leave before each opportunity (BG/BB, shifted beta-geometric).
    """

    alive: Bools
    rate: Floats
    leaving: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Bought:
    """Purchases over a span of time.

    Parameters
    ----------
    purchases
        How many.
    buyers
        The same customers at the end of the span: what they buy next depends on nothing else.
    """

    purchases: Counts
    buyers: Buyers


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """One purchase each of some customers.

    Parameters
    ----------
    where
        Flat places of the customers.
    time
        When, in units of time from the start.
    """

    where: NDArray[np.intp]
    time: Floats


def leave_after_purchases(buyers: Buyers, span: float, rng: np.random.Generator) -> Bought:
    """Simulate purchases of a Poisson process that ends after each purchase with a given chance.

    The number of purchases is the smaller of ``N ~ Poisson(rate span)`` and ``G ~ Geometric(leaving)``, the purchase
    after which the customer leaves.
    """
    found = np.zeros(buyers.alive.shape, np.int64)
    stay = buyers.alive.copy()
    where = np.flatnonzero(buyers.alive)
    offered = rng.poisson(_bounded(buyers.rate.reshape(-1)[where] * span))
    some = np.flatnonzero(offered)
    where, offered = where[some], offered[some]
    last = rng.geometric(np.clip(buyers.leaving.reshape(-1)[where], _TINY, 1.0))
    found.reshape(-1)[where] = np.minimum(offered, last)
    stay.reshape(-1)[where] = last > offered
    return Bought(found, replace(buyers, alive=stay))


def leave_at_any_time(buyers: Buyers, span: float, rng: np.random.Generator) -> Bought:
    """Simulate purchases of a Poisson process over an exponential lifetime."""
    found = np.zeros(buyers.alive.shape, np.int64)
    stay = buyers.alive.copy()
    where = np.flatnonzero(buyers.alive)
    lifetime = rng.standard_exponential(len(where)) / np.maximum(buyers.leaving.reshape(-1)[where], _TINY)
    found.reshape(-1)[where] = rng.poisson(_bounded(buyers.rate.reshape(-1)[where] * np.minimum(lifetime, span)))
    stay.reshape(-1)[where] = lifetime > span
    return Bought(found, replace(buyers, alive=stay))


def leave_between_opportunities(buyers: Buyers, span: float, rng: np.random.Generator) -> Bought:
    """Simulate purchases at whole opportunities, before each of which a customer may leave."""
    found = np.zeros(buyers.alive.shape, np.int64)
    stay = buyers.alive.copy()
    where = np.flatnonzero(buyers.alive)
    count = int(span)
    lived = rng.geometric(np.clip(buyers.leaving.reshape(-1)[where], _TINY, 1.0)) - 1
    found.reshape(-1)[where] = rng.binomial(np.minimum(lived, count), np.clip(buyers.rate.reshape(-1)[where], 0.0, 1.0))
    stay.reshape(-1)[where] = lived >= count
    return Bought(found, replace(buyers, alive=stay))


def when_leaving_after_purchases(buyers: Buyers, span: float, rng: np.random.Generator) -> Iterator[Events]:
    """Yield the first purchase of each customer with its time, then the second, and so on."""
    where = np.flatnonzero(buyers.alive)
    now = np.zeros(len(where))
    while len(where):
        now = now + rng.standard_exponential(len(where)) / np.maximum(buyers.rate.reshape(-1)[where], _TINY)
        inside = now <= span
        where, now = where[inside], now[inside]
        yield Events(where, now)
        stays = rng.random(len(where)) >= buyers.leaving.reshape(-1)[where]
        where, now = where[stays], now[stays]


def when_leaving_at_any_time(buyers: Buyers, span: float, rng: np.random.Generator) -> Iterator[Events]:
    """Yield the first purchase of each customer with its time, then the second, and so on."""
    where = np.flatnonzero(buyers.alive)
    now = np.zeros(len(where))
    end = np.minimum(rng.standard_exponential(len(where)) / np.maximum(buyers.leaving.reshape(-1)[where], _TINY), span)
    while len(where):
        now = now + rng.standard_exponential(len(where)) / np.maximum(buyers.rate.reshape(-1)[where], _TINY)
        inside = now <= end
        where, now, end = where[inside], now[inside], end[inside]
        yield Events(where, now)


def when_leaving_between_opportunities(buyers: Buyers, span: float, rng: np.random.Generator) -> Iterator[Events]:
    """Yield those who buy at the first opportunity, then at the second, and so on."""
    where = np.flatnonzero(buyers.alive)
    for period in range(1, int(span) + 1):
        where = where[rng.random(len(where)) >= buyers.leaving.reshape(-1)[where]]
        bought = where[rng.random(len(where)) < buyers.rate.reshape(-1)[where]]
        yield Events(bought, np.full(len(bought), float(period)))


def _bounded(mean: Floats) -> Floats:
    return np.minimum(mean, _MOST)
