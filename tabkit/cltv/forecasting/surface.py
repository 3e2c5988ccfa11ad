"""Expected purchases and value by frequency and recency: the numbers of a heat map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.forecasting.forecast import Forecaster, arrays, newcomers
from tabkit.cltv.models import gamma_gamma
from tabkit.cltv.models.model import Model
from tabkit.errors import ConfigError, SchemaError

Floats = NDArray[np.float64]

_CELLS = 400_000  # draws in memory at a time: 3 megabytes
_FEWEST, _MOST = 5, 24  # rows of a heat map that a person can still tell apart
_USUAL = 0.995  # a few very frequent buyers would stretch the axis


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a surface.

    Parameters
    ----------
    age
        Time since the first purchase, in the model's unit; the same for all cells. Default: the customers' largest.
    most_frequent
        The last column. Default: what 99.5 % of the customers do not exceed, from 5 to 24.
    steps
        Rows of recency, at most; models in whole periods have one per period, or per so many.
    group
        Of a model with groups: whose customers. Default: the mean over groups that may come.
    mean_spend
        What the purchases of every cell were worth on average. Default: the mean over the customers who bought again.
    draws
        Of the posterior, which is averaged over.
    """

    age: float | None = None
    most_frequent: int | None = None
    steps: int = 24
    group: str | None = None
    mean_spend: float | None = None
    draws: int = 400

    def __post_init__(self) -> None:
        for name in ("age", "most_frequent", "mean_spend"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise ConfigError(f"{name} is {value!r}; a number above zero was expected")
        for name in ("steps", "draws"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; a whole number from 1 was expected")


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Expectations over a grid of frequency and recency.

    Parameters
    ----------
    cells
        One row per cell that can be, by `frequency` (Int64) and recency: `recency_low`, `recency`, `recency_high`
        (Float64, in the model's unit; from the first purchase to the last one), `alive` (the chance to buy ever
        again), `purchases` (expected over the horizon), `value` (expected, undiscounted, in the currency of the
        amounts; null without amounts, or where the posterior allows for a spend without mean) and `customers`
        (Int64, whose own frequency and recency lie in the cell, whatever their age).
    age, horizon_days, unit_days
        As they were used: the age in the model's unit, which has so many days.
    mean_spend
        Of each cell's purchases; None without amounts.
    outside
        Customers who bought more often, or lived longer, than the grid shows.
    """

    cells: pl.DataFrame
    age: float
    horizon_days: float
    unit_days: float
    mean_spend: float | None
    outside: int


def surface(
    forecaster: Forecaster, customers: pl.DataFrame, *, horizon_days: float, grid: Grid | None = None
) -> Surface:
    """Return what is expected of customers of one age, by frequency and recency, averaged over the posterior.

    Expected purchases are the chance to be alive times the model's conditional expectation (of BG/NBD equation 10 of
    Fader, Hardie and Lee 2005), draw by draw; expected value is that times the mean spend per purchase, which for a
    customer who never bought again is that of the population, and of others lies between it and `Grid.mean_spend`,
    the nearer to this the more often they bought. Covariates are at their mean.

    Parameters
    ----------
    customers
        The summary, with ``frequency``, ``recency``, ``T`` and where there are amounts ``monetary_value``.
    horizon_days
        Over how long.

    Raises
    ------
    ConfigError
        If the model has no frequency (shifted beta-geometric), or a setting is out of its range.
    SchemaError
        If the summary lacks columns, or has no customer while the grid leaves its age open.

    Examples
    --------
    >>> from tabkit.cltv.inference.design import Design
    >>> from tabkit.cltv.models import MODELS
    >>> from tabkit.cltv.inference.posterior import Posterior
    >>> values = {"r": 0.243, "alpha": 4.414, "phi": 0.246, "kappa": 3.219}
    >>> draws = {name: np.array([value]) for name, value in values.items()}
    >>> posterior = Posterior(draws, MODELS["bgnbd"].parameters, Design())
    >>> rows = pl.DataFrame({"frequency": [0, 2], "recency": [0.0, 30.4], "T": [38.9, 38.9]})
    >>> found = surface(Forecaster(MODELS["bgnbd"], posterior, None, 7.0), rows, horizon_days=273)
    >>> found.cells.filter(pl.col("customers") > 0).select("frequency", pl.col("purchases").round(2)).rows()
    [(0, 0.19), (2, 1.22)]
    """
    grid, model = grid or Grid(), forecaster.model
    _check(model, customers, horizon_days)
    age = _age(customers, grid, model)
    cells = _cells(customers, grid, age, model)
    spent = _mean_spend(forecaster, customers, grid)
    one = newcomers(forecaster, 1, group=grid.group)
    values = forecaster.purchases.thinned(grid.draws).values(model, one)
    rows = cells.select(pl.col("frequency").cast(pl.Float64), "recency", T=pl.lit(age))
    span = horizon_days / forecaster.unit_days
    worth = None
    if forecaster.spending is not None and spent is not None:
        money = forecaster.spending.thinned(grid.draws).values(None, one)
        seen = {"frequency": rows["frequency"].to_numpy()[:, None], "monetary_value": np.full((rows.height, 1), spent)}
        worth = gamma_gamma.expected(money, seen)
    grids = [np.empty(rows.height) for _ in range(3)]
    size = max(1, _CELLS // grid.draws)
    for start in range(0, rows.height, size):
        data = arrays(rows[start : start + size], model)
        alive = np.broadcast_to(model.alive(values, data), (len(data["T"]), grid.draws))
        purchases = alive * _once_alive(model, values, data, span)
        there = slice(start, start + size)
        grids[0][there], grids[1][there] = alive.mean(axis=1), purchases.mean(axis=1)
        if worth is not None:
            grids[2][there] = (purchases * worth[there]).mean(axis=1)
    value = pl.Series(grids[2] if worth is not None else [None] * rows.height, dtype=pl.Float64)
    expected = cells.with_columns(alive=pl.Series(grids[0]), purchases=pl.Series(grids[1]), value=value)
    expected = expected.with_columns(pl.when(pl.col("value").is_finite()).then("value"))
    columns = ["frequency", "recency_low", "recency", "recency_high", "alive", "purchases", "value", "customers"]
    outside = customers.height - int(cells["customers"].sum())
    return Surface(expected.select(columns), age, horizon_days, forecaster.unit_days, spent, outside)


def _once_alive(model: Model, values: dict[str, Floats], data: dict[str, Floats], span: float) -> Floats:
    """Return the expected purchases of who is alive: given that, the last purchase's time says nothing more."""
    some, place = np.unique(data["frequency"], return_inverse=True)
    ages = np.full((len(some), 1), data["T"].flat[0])
    rows = {**data, "frequency": some[:, None], "recency": ages, "T": ages}
    found = np.asarray(model.expected(values, rows, span))
    return found[place.reshape(-1)] if len(found) > 1 else found


def _check(model: Model, customers: pl.DataFrame, horizon_days: float) -> None:
    if "frequency" not in model.columns:
        raise ConfigError(
            f"{model.title} knows no frequency: it has no heat map of frequency and recency",
            advice="look at its parameters, or fit a model of purchases",
        )
    missing = [name for name in ("frequency", "recency", "T") if name not in customers.columns]
    if missing:
        raise SchemaError(f"the summary lacks columns: {', '.join(map(repr, missing))}", advice="summarise first")
    if not 0 < horizon_days < np.inf:
        raise ConfigError(f"the horizon is {horizon_days!r} days; above zero was expected")


def _age(customers: pl.DataFrame, grid: Grid, model: Model) -> float:
    oldest = customers["T"].cast(pl.Float64).max()
    age = grid.age if grid.age is not None else oldest
    if not isinstance(age, int | float) or not age > 0:
        raise SchemaError(f"the oldest customer's age is {oldest!r}", advice="give the age of the grid")
    if model.discrete and age % 1:
        raise ConfigError(f"the age is {age!r}; {model.title} runs in whole periods")
    return float(age)


def _cells(customers: pl.DataFrame, grid: Grid, age: float, model: Model) -> pl.DataFrame:
    """Return the cells that can be, and how many customers each has."""
    last = grid.most_frequent or _usual(customers)
    if model.discrete:
        last = min(last, int(age))
        edges = _period_edges(int(age), grid.steps)
    else:
        edges = np.linspace(0.0, age, grid.steps + 1)
    low, high = edges[:-1], edges[1:]
    middle = (low + high) / 2
    if model.discrete:
        middle = np.floor(high)  # the latest period of the cell
    rows = pl.DataFrame({"row": np.arange(len(low)), "recency_low": low, "recency": middle, "recency_high": high})
    never = rows.head(1).with_columns(frequency=pl.lit(0, pl.Int64), recency=pl.lit(0.0))
    some = rows.join(pl.DataFrame({"frequency": np.arange(1, last + 1)}), how="cross")
    if model.discrete:
        some = some.filter(pl.col("frequency") <= pl.col("recency"))
    columns = ["frequency", "row", "recency_low", "recency", "recency_high"]
    cells = pl.concat([never.select(columns), some.select(columns)])
    recency = customers["recency"].cast(pl.Float64).to_numpy()
    place = np.clip(np.searchsorted(edges, recency, side="left") - 1, 0, len(low) - 1)
    there = pl.DataFrame({"frequency": customers["frequency"].cast(pl.Int64), "row": place})
    there = there.filter(pl.Series(recency <= age * (1 + 1e-9)))
    counted = there.group_by("frequency", "row").agg(pl.len().cast(pl.Int64).alias("customers"))
    found = cells.join(counted, on=["frequency", "row"], how="left", maintain_order="left")
    return found.with_columns(pl.col("customers").fill_null(0)).sort("frequency", "row").drop("row")


def _period_edges(age: int, steps: int) -> Floats:
    """Return edges half a period before and behind whole periods.

    >>> _period_edges(6, 24).tolist()
    [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    """
    width = -(-(age + 1) // (steps + 1))
    return np.append(np.arange(age, -1, -width)[::-1] + 0.5 - width, age + 0.5)


def _usual(customers: pl.DataFrame) -> int:
    found = customers["frequency"].cast(pl.Float64).quantile(_USUAL, "higher") if customers.height else None
    return int(np.clip(found or 0, _FEWEST, _MOST))


def _mean_spend(forecaster: Forecaster, customers: pl.DataFrame, grid: Grid) -> float | None:
    if forecaster.spending is None or grid.mean_spend is not None:
        return grid.mean_spend if forecaster.spending is not None else None
    if "monetary_value" not in customers.columns:
        return None
    paid = customers.filter((pl.col("frequency") > 0) & (pl.col("monetary_value") > 0))["monetary_value"]
    return None if paid.is_empty() else float(paid.cast(pl.Float64).mean())  # type: ignore[arg-type]  # a number
