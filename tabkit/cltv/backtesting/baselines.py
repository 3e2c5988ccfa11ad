"""Baseline forecasts that a model must beat: zero, the historical rate, and LightGBM on the same summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import boosting
from tabkit.boosting import BoostingConfig, Rows
from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.holdout import PeriodSplit
from tabkit.cltv.summary import UNIT_DAYS

Floats = NDArray[np.float64]

ZERO, RATE, BOOSTED = "zero", "historical_rate", "lightgbm"
_OBJECTIVES: Mapping[str, Any] = {"purchases": "poisson", "value": "tweedie"}
_FEWEST_ROWS, _MANY_ROWS = 100, 50_000  # below the first, trees are noise; above the second, threads pay


@dataclass(frozen=True, slots=True)
class Point:
    """The errors of point forecasts: mean absolute and root mean squared error, and the bias of the total."""

    mae: float
    rmse: float
    bias: float | None


def simple_forecasts(
    kind: str, held: PeriodSplit, before: PeriodSplit | None, settings: LifetimeConfig
) -> dict[str, Point | None]:
    """Return the errors of each simple forecast; None where it cannot be made."""
    y = held.outcome[kind].cast(pl.Float64).to_numpy()
    boosted = None if before is None else boosted_forecast(before, held, kind=kind, settings=settings)
    found = {ZERO: np.zeros(len(y)), RATE: historical_rate(held, kind=kind), BOOSTED: boosted}
    return {name: None if values is None else _point(values, y) for name, values in found.items()}


def _point(values: Floats, y: Floats) -> Point:
    error = values - y
    bias = float(error.sum() / y.sum()) if y.sum() else None
    return Point(float(np.abs(error).mean()), float(np.sqrt((error**2).mean())), bias)


def historical_rate(held: PeriodSplit, *, kind: str) -> Floats:
    """Return forecasts at each customer's historical rate: ``frequency / T`` times the horizon.

    Value is that times their mean spend. First purchases do not count; who never bought again is forecast zero.
    """
    known, span = held.summary.customers, held.days / UNIT_DAYS[held.summary.unit]
    rate = pl.when(pl.col("T") > 0).then(pl.col("frequency") / pl.col("T") * span).otherwise(0.0)
    worth = pl.lit(1.0) if kind == "purchases" else pl.col("monetary_value").fill_null(0.0)
    return np.asarray(known.select(rate * worth).to_series().to_numpy(), dtype=float)


def boosted_forecast(before: PeriodSplit, held: PeriodSplit, *, kind: str, settings: LifetimeConfig) -> Floats | None:
    """Return LightGBM's forecast from the summary, learned from earlier customers and what they did then.

    Poisson regression of purchases, Tweedie regression of value, with the days as exposure. None if fewer than a
    hundred customers or no purchase are there to learn from. The group is no feature.
    """
    names = ["frequency", "recency", "T", "monetary_value", *settings.covariates]
    y = before.outcome[kind].cast(pl.Float64).to_numpy()
    place = np.random.default_rng(settings.seed).permutation(len(y))
    parts = [np.sort(place[len(y) // 5 :]), np.sort(place[: len(y) // 5])]
    if len(y) < _FEWEST_ROWS or not all(y[part].sum() > 0 for part in parts):
        return None
    features = before.summary.customers.select(names)
    train, stop = (Rows(features[part], y[part], offset=np.full(len(part), np.log(before.days))) for part in parts)
    threads = 1 if len(y) < _MANY_ROWS else 0  # of few rows threads make slower work
    config = BoostingConfig(objective=_OBJECTIVES[kind], num_leaves=15, seed=settings.seed, num_threads=threads)
    model = boosting.fit(train, stop, config=config)
    wanted = held.summary.customers.select(names)
    return model.predict(wanted, offset=np.full(wanted.height, np.log(held.days)))
