"""Forecast purchases and spend: predictive draws by exact simulation, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import forked
from tabkit.cltv.forecasting.parallel import ordered
from tabkit.cltv.forecasting.quantiles import QUANTILES, described
from tabkit.cltv.forecasting.totals import Stretch, Totals
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import gamma_gamma
from tabkit.cltv.models.buying import Buyers
from tabkit.cltv.models.model import Model
from tabkit.errors import ConfigError, SchemaError, ScoringError
from tabkit.progress import Progress, Silent

Floats = NDArray[np.float64]
Result = TypeVar("Result")

YEAR_DAYS = 365.25  # leap years counted in
_CELLS = 500_000  # draws in memory at a time: 4 megabytes, which fits into a processor's cache
_MOST_PURCHASES = 100_000  # more than one an hour for ten years


@dataclass(frozen=True, slots=True, eq=False)
class Forecaster:
    """A fitted model of customers, ready to simulate them: NumPy alone.

    Parameters
    ----------
    model
        Of purchases.
    purchases
        Its posterior.
    spending
        The posterior of the Gamma-Gamma model; None without amounts.
    unit_days
        Days in the unit of time.
    """

    model: Model
    purchases: Posterior
    spending: Posterior | None
    unit_days: float


@dataclass(frozen=True, slots=True)
class Horizon:
    """The horizon of a forecast, and how it is summarised.

    Parameters
    ----------
    days
        Length. Models in whole periods count the whole periods in it.
    draws
        Predictive draws of each customer.
    annual_discount
        The rate ``d`` of a year: money in ``t`` days is worth ``(1 + d)^(-t / 365.25)`` now.
    quantiles
        Levels between 0 and 1.
    seed
        Decides the draws.
    """

    days: float
    draws: int = 1000
    annual_discount: float = 0.0
    quantiles: tuple[float, ...] = QUANTILES
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.days <= 36_525:
            raise ConfigError(f"the horizon is {self.days!r} days; above zero and up to a century was expected")
        if not self.draws >= 1:
            raise ConfigError(f"draws is {self.draws!r}; a number from 1 was expected")
        if not 0 <= self.annual_discount < np.inf:
            raise ConfigError(f"the annual discount is {self.annual_discount!r}; a rate such as 0.1 was expected")
        wrong = [q for q in self.quantiles if not 0 < q < 1]
        if wrong:
            raise ConfigError(f"quantiles must lie between 0 and 1; not so {', '.join(map(str, wrong))}")


def forecast(
    forecaster: Forecaster,
    customers: pl.DataFrame,
    *,
    horizon: Horizon,
    customer: str,
    by: str | None = None,
    totals: Totals | None = None,
    stretch: Mapping[str, Stretch] | None = None,
    progress: Progress | None = None,
) -> Iterator[pl.DataFrame]:
    """Yield forecasts of each customer after the end of observation, some thousand customers at a time.

    All customers of a draw share the parameters of that draw, and whom a draw finds alive buys as the process says:
    the draws are those of the future, not of its mean.

    Parameters
    ----------
    customers
        The summary: the customer column, the model's columns, ``monetary_value`` where there are amounts, covariates
        and group.
    horizon
        How long, how many draws, discount, quantiles, seed.
    customer
        Name of the customer column.
    by
        A column to add totals up by.
    totals
        Is filled while the blocks are taken.
    stretch
        By kind (``purchases``, ``value``) what earlier forecasts taught; quantiles are stretched, means are not.

    Yields
    ------
    pl.DataFrame
        The customer column, ``purchases_mean``, ``purchases_q03`` and so on, with amounts ``value_mean`` and its
        quantiles (discounted), and ``p_alive``, the chance to be a customer still as the model has it.

    Raises
    ------
    SchemaError
        If the summary lacks columns.
    """
    forked.check()
    _check(forecaster, customers, customer, by)
    shown, stretch = progress or Silent(), stretch or {}

    def told(start: int, block: pl.DataFrame, found: Simulated) -> tuple[pl.DataFrame, Totals]:
        sums, columns = Totals(), {customer: block[customer]}
        names = [""] * block.height if by is None else block[by].cast(pl.String).fill_null("(null)").to_list()
        sums.add(names, found.purchases, found.value)
        for kind, draws in (("purchases", found.purchases), ("value", found.value)):
            if draws is not None:
                rng = np.random.default_rng([horizon.seed, start, 2])
                wide = stretch[kind].apply(draws, rng=rng) if kind in stretch else draws
                columns |= described(kind, draws, horizon.quantiles, wide=wide)  # type: ignore[arg-type]  # columns
        return pl.DataFrame({**columns, "p_alive": found.alive}), sums

    with shown.task("simulating customers", total=customers.height) as advance:
        for frame, sums in blocks(forecaster, customers, horizon, then=told):
            if totals is not None:
                totals.merge(sums)
            yield frame
            advance(frame.height)


def columns(forecaster: Forecaster, horizon: Horizon, *, customer: str) -> list[str]:
    """Return the names of the columns that `forecast` yields, before any work."""
    kinds = ["purchases", *(["value"] if forecaster.spending is not None else [])]
    draws = np.zeros((1, 1))
    return [customer, *(name for kind in kinds for name in described(kind, draws, horizon.quantiles)), "p_alive"]


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """Draws of purchases and value of a block, shape (n, draws), and how likely each is alive, shape (n,)."""

    purchases: Floats
    value: Floats | None
    alive: Floats


def blocks(
    forecaster: Forecaster,
    customers: pl.DataFrame,
    horizon: Horizon,
    *,
    then: Callable[[int, pl.DataFrame, Simulated], Result],
) -> Iterator[Result]:
    """Yield what `then` makes of one block after the other: of its first row, its customers and their draws.

    A block has half a million draws. Each has random numbers of its own, so that threads change nothing.
    """
    size = max(1, _CELLS // horizon.draws)
    parameters = forecaster.purchases.thinned(horizon.draws)
    spending = None if forecaster.spending is None else forecaster.spending.thinned(horizon.draws)

    def block_at(start: int) -> Result:
        rng, block = np.random.default_rng([horizon.seed, start // size]), customers[start : start + size]
        return then(start, block, simulate(forecaster, block, parameters, spending, horizon=horizon, rng=rng))

    return ordered(block_at, range(0, customers.height, size))


def simulate(
    forecaster: Forecaster,
    block: pl.DataFrame,
    parameters: Posterior,
    spending: Posterior | None,
    *,
    horizon: Horizon,
    rng: np.random.Generator,
) -> Simulated:
    """Draw the future of a block of customers.

    Raises
    ------
    ScoringError
        If draws are no finite numbers: parameters are too large or too small to be counted with.
    """
    with np.errstate(all="ignore"):
        try:
            found = _simulated(forecaster, block, parameters, spending, horizon=horizon, rng=rng)
        except ValueError as error:  # NumPy refuses to draw with what is no number
            raise _no_numbers() from error
    told = [found.purchases, found.alive, *([] if found.value is None else [found.value])]
    if not all(np.isfinite(values).all() for values in told):
        raise _no_numbers()
    return found


def _no_numbers() -> ScoringError:
    return ScoringError(
        "the forecast of some customers is no finite number: parameters or columns of the summary are too large or too "
        "small to be counted with",
        advice="look at the summary and at the model's parameters; fit with narrower priors",
    )


def _simulated(
    forecaster: Forecaster,
    block: pl.DataFrame,
    parameters: Posterior,
    spending: Posterior | None,
    *,
    horizon: Horizon,
    rng: np.random.Generator,
) -> Simulated:
    model, span = forecaster.model, horizon.days / forecaster.unit_days
    data = arrays(block, model)
    values = parameters.values(model, block)
    alive = np.broadcast_to(model.alive(values, data), (block.height, parameters.size))
    buyers = model.draw(values, data, rng)
    rate = amounts = None
    if spending is not None:
        amounts = spending.values(None, block)
        rate = np.broadcast_to(gamma_gamma.draw(amounts, _money(block), rng), alive.shape)
    if rate is None or amounts is None:
        return Simulated(model.buy(buyers, span, rng).purchases.astype(float), None, alive.mean(axis=1))
    if not horizon.annual_discount:
        purchases = model.buy(buyers, span, rng).purchases.astype(float)
        return Simulated(purchases, gamma_gamma.spend(amounts, rate, purchases, rng), alive.mean(axis=1))
    force = np.log1p(horizon.annual_discount) * forecaster.unit_days / YEAR_DAYS
    purchases, value = discounted(model, buyers, span, force, amounts["p"], rate, rng)
    return Simulated(purchases, value, alive.mean(axis=1))


def discounted(
    model: Model, buyers: Buyers, span: float, force: float, p: Floats, rate: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw purchases one by one, each with its time and its worth then."""
    _check_few(buyers, span)
    purchases, value = np.zeros(buyers.alive.size), np.zeros(buyers.alive.size)
    shape, rates = np.broadcast_to(p, buyers.alive.shape).reshape(-1), rate.reshape(-1)
    for events in model.events(buyers, span, rng):
        where = events.where
        purchases[where] += 1
        value[where] += rng.standard_gamma(shape[where]) / rates[where] * np.exp(-force * events.time)
    return purchases.reshape(buyers.alive.shape), value.reshape(buyers.alive.shape)


def _check_few(buyers: Buyers, span: float) -> None:
    """Refuse to go through more purchases, one by one, than any customer makes."""
    most = float((buyers.rate * buyers.alive).max(initial=0.0)) * span
    if not most <= _MOST_PURCHASES:
        raise ScoringError(
            f"a customer is expected to buy {most:,.3g} times in the horizon; up to {_MOST_PURCHASES:,} were expected",
            advice="look at the summary and at the model's parameters, or forecast a shorter horizon",
        )


def arrays(block: pl.DataFrame, model: Model) -> dict[str, Any]:
    """Return a model's columns, shape (n, 1) each, to stand beside draws."""
    data: dict[str, Any] = {name: block[name].cast(pl.Float64).to_numpy()[:, None] for name in model.columns}
    if "recency" in data:
        data["periods"] = int(max(1, np.ceil((data["T"] - data["recency"]).max(initial=0.0))))
    return data


def newcomers(forecaster: Forecaster, count: int, *, group: str | None = None) -> pl.DataFrame:
    """Return a summary of customers who are acquired at this moment, about whom nothing is known but their group.

    Covariates are at their mean.
    """
    design = forecaster.purchases.design
    columns: dict[str, Any] = {"customer": np.arange(count)}
    columns |= {name: np.zeros(count) for name in forecaster.model.columns}
    columns |= {name: np.full(count, mean) for name, mean in zip(design.covariates, design.mean, strict=True)}
    if design.group is not None:
        columns[design.group] = [group or "(new)"] * count
    none = pl.Series([None] * count, dtype=pl.Float64)
    return pl.DataFrame({**columns, "frequency": np.zeros(count), "monetary_value": none})


def _money(block: pl.DataFrame) -> Mapping[str, Floats]:
    """Return mean spends with the purchases they are of: none where the mean is unknown, so that the population's hold.

    A mean of 0 over some purchases is known: free orders.
    """
    known = "monetary_value" in block.columns
    mean = block["monetary_value"] if known else pl.Series([None] * block.height, dtype=pl.Float64)
    money = mean.cast(pl.Float64).fill_null(np.nan).to_numpy()
    unknown = np.isnan(money)
    frequency = np.where(unknown, 0.0, block["frequency"].cast(pl.Float64).to_numpy())
    return {"frequency": frequency[:, None], "monetary_value": np.where(unknown, 0.0, money)[:, None]}


def _check(forecaster: Forecaster, customers: pl.DataFrame, customer: str, by: str | None) -> None:
    design = forecaster.purchases.design
    wanted = [customer, *forecaster.model.columns, *design.columns, *([by] if by else [])]
    wanted += ["frequency", "monetary_value"] if forecaster.spending is not None else []
    missing = [name for name in dict.fromkeys(wanted) if name not in customers.columns]
    if missing:
        raise SchemaError(
            f"the summary lacks columns: {', '.join(map(repr, missing))}",
            advice=f"its columns are {', '.join(map(repr, customers.columns))}",
        )
