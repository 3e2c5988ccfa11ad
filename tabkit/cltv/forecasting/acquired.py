"""The value of customers since acquisition: paid so far, and forecast up to a common age."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.forecasting.forecast import Forecaster, Horizon, arrays, newcomers, simulate
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import gamma_gamma
from tabkit.errors import FitError, SchemaError
from tabkit.progress import Progress, Silent

Floats = NDArray[np.float64]

_CELLS = 1_000_000  # draws in memory at a time: 8 megabytes
_MONEY = ("first_value", "monetary_value", "frequency", "T")


def worth(
    forecaster: Forecaster,
    customers: pl.DataFrame,
    *,
    horizon_days: int,
    customer: str,
    draws: int = 200,
    seed: int = 0,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Return the value of each customer at the age of `horizon_days`: paid so far, and the mean forecast of the rest.

    All are thus of one age, whenever they came: else those of long ago would be worth more for that alone. Those who
    are older are left out, since a summary does not say what they had paid by then.

    Parameters
    ----------
    customers
        The summary, with ``first_value``.
    draws
        Predictive draws of each customer.

    Returns
    -------
    pl.DataFrame
        The customer column, ``age_days`` (Int64), ``value`` (expected, in money), ``to_come`` (its part that is not
        paid yet) and ``variance`` (of that part).

    Raises
    ------
    SchemaError
        If the summary does not know the first purchase, or the model no spend.

    Examples
    --------
    >>> worth(model.forecaster, model.customers, horizon_days=365, customer="id")  # doctest: +SKIP
    """
    _check(forecaster, customers)
    shown = progress or Silent()
    age = (pl.col("T") * forecaster.unit_days).round().cast(pl.Int64)
    young = customers.with_columns(age_days=age).filter(pl.col("age_days") <= horizon_days)
    size, parts = max(1, _CELLS // draws), []
    parameters, spending = forecaster.purchases.thinned(draws), forecaster.spending
    money = None if spending is None else spending.thinned(draws)
    rng = np.random.default_rng(seed)
    with shown.task("valuing customers", total=young.height) as advance:
        for (days,), cohort in young.group_by("age_days", maintain_order=True):
            for block in cohort.iter_slices(size):
                mean, variance = np.zeros(block.height), np.zeros(block.height)
                if days != horizon_days:
                    horizon = Horizon(days=horizon_days - int(str(days)), draws=draws)
                    found = simulate(forecaster, block, parameters, money, horizon=horizon, rng=rng).value
                    if found is not None:
                        mean, variance = found.mean(axis=1), found.var(axis=1)
                parts.append(
                    block.select(
                        customer, "age_days", value=_paid(block, money) + mean, to_come=mean, variance=variance
                    )
                )
                advance(block.height)
    empty = young.select(customer, "age_days", *(pl.lit(0.0).alias(name) for name in ("value", "to_come", "variance")))
    return pl.concat(parts) if parts else empty


def _paid(block: pl.DataFrame, money: Posterior | None) -> pl.Series:
    """Return what customers paid so far; repeat purchases of unknown spend count as their population's, not as free."""
    usual = pl.lit(None, dtype=pl.Float64)
    if money is not None:
        nothing = np.zeros((block.height, 1))
        mean = gamma_gamma.expected(money.values(None, block), {"frequency": nothing, "monetary_value": nothing})
        # A median over draws: under some of them the mean may be infinite.
        usual = pl.lit(pl.Series(np.broadcast_to(np.median(mean, axis=1), block.height), dtype=pl.Float64))
    repeats = pl.when(pl.col("frequency") > 0).then(pl.col("frequency") * pl.col("monetary_value").fill_null(usual))
    return block.select(pl.col("first_value") + repeats.otherwise(0.0)).to_series()


def repeats(forecaster: Forecaster, days: Sequence[float] | Floats, *, draws: int, group: str | None = None) -> Floats:
    """Return how often a newcomer buys again up to each age, on average under each draw, shape (draws, days)."""
    one, model = newcomers(forecaster, 1, group=group), forecaster.model
    values, data = forecaster.purchases.thinned(draws).values(model, one), arrays(one, model)
    alive = model.alive(values, data)
    counts = [alive * model.expected(values, data, day / forecaster.unit_days) for day in days]
    return np.stack([np.broadcast_to(count, (1, draws))[0] for count in counts], axis=1)


def repeat_value(
    forecaster: Forecaster, days: Sequence[float] | Floats, *, draws: int, group: str | None = None
) -> Floats:
    """Return what a newcomer pays after the first purchase, on average under each draw of the parameters.

    Parameters
    ----------
    days
        Ages.
    group
        Of the newcomer, where groups were fitted; one never seen is as wide as that is.

    Returns
    -------
    array
        Shape (draws, days), cumulative, in money.

    Raises
    ------
    FitError
        If the mean spend is infinite under some draws (Gamma-Gamma's ``q`` is 1 or less).
    """
    spending = forecaster.spending
    if spending is None:
        raise _no_spend()
    one, nothing = newcomers(forecaster, 1, group=group), np.zeros((1, 1))
    data = {"monetary_value": nothing, "frequency": nothing}
    mean = gamma_gamma.expected(spending.thinned(draws).values(None, one), data)
    if not np.isfinite(mean).all():
        raise FitError(
            f"under {np.mean(~np.isfinite(mean)):.1%} of the draws mean spend is infinite (q of Gamma-Gamma up to 1)",
            advice="fit again with a prior of q that excludes it, and look for a few enormous purchases",
        )
    return repeats(forecaster, days, draws=draws, group=group) * np.broadcast_to(mean, (1, draws)).T


def _check(forecaster: Forecaster, customers: pl.DataFrame) -> None:
    if forecaster.spending is None:
        raise _no_spend()
    missing = [name for name in _MONEY if name not in customers.columns]
    if missing:
        raise SchemaError(
            f"the summary lacks columns: {', '.join(map(repr, missing))}",
            advice="fit from the log of transactions, with amounts",
        )


def _no_spend() -> SchemaError:
    return SchemaError(
        "the model knows no spend, so no customer has a value", advice="fit from a log with amounts (--amount)"
    )
