"""Decisions for each campaign: value against cost, the payback day, and bids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.campaigns import bidding
from tabkit.cltv.campaigns.campaign import CampaignFit
from tabkit.cltv.campaigns.forecast import Forecast
from tabkit.cltv.config import CampaignConfig
from tabkit.cltv.forecasting.acquired import repeat_value
from tabkit.cltv.model import CLTVModel

Floats = NDArray[np.float64]

_ENDS = (0.03, 0.97)  # of a 94 % interval, as everywhere in this room
_DRAWS = 1000  # enough for ends of intervals; payback curves take memory per draw
_POINTS = 183  # two points a day for three months, a point in two days for a year: a smooth curve
_SURE = ("campaign", "users", "value_mean", "value_low", "value_high", "to_come", "changed")
_MAYBE = ("cost", "p_above", "p_above_error", "payback_days", "p_never", "break_even", "safe", "bid", "profit")
COLUMNS = (*_SURE, *_MAYBE)
"""Of the decisions, in their order."""


def decide(
    model: CLTVModel,
    fitted: CampaignFit,
    ahead: Forecast,
    people: pl.DataFrame,
    *,
    settings: CampaignConfig,
    volumes: Mapping[str, pl.DataFrame],
) -> pl.DataFrame:
    """Return what follows for each campaign, from at most 1,000 draws.

    The level of the walk and the parameters of the customer model are drawn apart from each other; a draw of the level
    is moved by a draw of the parameters as far as users' value is still to come.

    Parameters
    ----------
    people
        By campaign: ``users``, ``cost`` (mean), ``first`` (mean of what was paid first), ``to_come`` (share of value),
        ``groups`` (of the users, where the model has groups), ``changed``.
    volumes
        Users by bid, by campaign.

    Returns
    -------
    pl.DataFrame
        ``campaign``, ``users``, ``value_mean``, ``value_low``, ``value_high`` (94 %) of a user of the days ahead,
        ``to_come``, ``changed`` (whether newer users do otherwise than the model says), ``cost`` (null if unknown),
        ``p_above`` (chance that value is above cost) with its Monte Carlo error ``p_above_error``, ``payback_days``
        (median, to some days; null if not within the horizon), ``p_never`` (not within it), ``break_even`` and ``safe``
        (bids), ``bid`` and ``profit`` (expected, at the users of the volume curve; null without one).
    """
    rows = []
    size = min(_DRAWS, ahead.level.shape[0])
    place = np.arange(size) * ahead.level.shape[0] // size
    points = min(settings.horizon_days, _POINTS)
    grid = np.unique(np.linspace(0, settings.horizon_days, points + 1).round())
    for k, name in enumerate(fitted.names):
        known = people.row(by_predicate=pl.col("campaign") == name, named=True)
        curve = _curve(model, known["groups"], grid, size)
        level = ahead.level[place, k].mean(axis=1)
        relative = curve[:, -1] / curve[:, -1].mean()
        moved = level * (1 + known["to_come"] * (relative - 1))
        rows.append(_row(name, known, moved, curve, grid, settings, volumes.get(name)))
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=dict.fromkeys(_MAYBE, pl.Float64)).select(
        COLUMNS
    )


def _curve(model: CLTVModel, groups: list[str | None], grid: Floats, size: int) -> Floats:
    """Return what newcomers pay after their first purchase, shape (draws, days): the mean over the users' groups."""
    names, counts = np.unique([name or "" for name in groups], return_counts=True)
    parts = [repeat_value(model.forecaster, grid, draws=size, group=str(name) or None) for name in names]
    return np.asarray(np.average(parts, axis=0, weights=counts))


def _row(
    name: str,
    known: Mapping[str, Any],
    level: Floats,
    curve: Floats,
    grid: Floats,
    settings: CampaignConfig,
    volume: pl.DataFrame | None,
) -> dict[str, Any]:
    low, high = np.quantile(level, _ENDS)
    row = {"campaign": name, "users": known["users"], "value_mean": float(level.mean()), "value_low": float(low)}
    row |= {"value_high": float(high), "to_come": known["to_come"], "changed": known["changed"], "cost": known["cost"]}
    row |= dict.fromkeys(_MAYBE[1:])
    row |= {"break_even": float(level.mean()), "safe": float(np.quantile(level, 1 - settings.confidence))}
    if known["cost"] is not None:
        above = bidding.probability_above(level, cost=known["cost"])
        back = bidding.payback(_paid(level, curve, known["first"]), cost=known["cost"], days=grid)
        half = back.quantile(0.5)
        row |= {"p_above": float(above.value), "p_above_error": float(above.error)}
        row |= {"payback_days": half if np.isfinite(half) else None, "p_never": back.never}
    if volume is not None:
        bids = bidding.highest_bid(level, volume=volume, confidence=settings.confidence)
        row |= {"break_even": bids.break_even, "safe": bids.safe, "bid": bids.best, "profit": bids.best_profit}
    return row


def _paid(level: Floats, curve: Floats, first: float) -> Floats:
    """Return what a user has paid by each day, shape (draws, days): it ends at the level, and begins with its share."""
    last = curve[:, -1:]
    shape = np.divide(curve, last, out=np.ones_like(curve), where=last > 0)
    begins = np.clip(first / level.mean(), 0.0, 1.0) if level.mean() > 0 else 1.0
    return np.asarray(level[:, None] * (begins + (1 - begins) * shape))
