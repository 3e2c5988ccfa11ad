"""Summarise a transaction log to one row per customer: frequency, recency, age and monetary value."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from tabkit.cltv.refused import refused_rows
from tabkit.cltv.transactions import (
    PARTS,
    Log,
    PurchaseCounts,
    PurchaseRule,
    Refunds,
    Zeros,
    check_choice,
    check_day,
    count,
    open_log,
)
from tabkit.errors import FitError
from tabkit.frames import Source

Unit = Literal["day", "week", "year"]
Resolution = Literal["day", "week"]

UNIT_DAYS: dict[Unit, float] = {"day": 1.0, "week": 7.0, "year": 365.25}
RESOLUTION_DAYS: dict[Resolution, int] = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """The summary of a transaction log up to a day, one row per customer.

    Parameters
    ----------
    customers
        One row per customer, sorted by customer: the customer column (own name and type), `frequency` (Int64,
        repeat purchases), `recency` and `T` (Float64, in `unit`: from the first purchase to the last one, and to
        `end`), `monetary_value` (Float64, the mean amount of the repeat purchases; null without repeat purchase
        or without amounts), `first_value` (Float64, the amount of the first purchase; null without amounts), then the
        columns that were kept.
    customer
        Name of the customer column.
    unit
        The unit of `recency` and `T`.
    end
        The last day observed.
    start
        The day of the first purchase used.
    transactions
        How many purchases were used, after merging.
    refused
        How many rows were left out, by reason; reasons that did not occur are absent.
    log
        What was summarised.
    """

    customers: pl.DataFrame
    customer: str
    unit: Unit
    end: datetime.date
    start: datetime.date
    transactions: int
    refused: Mapping[str, int]
    log: Log = field(repr=False)

    def refused_rows(self) -> pl.DataFrame:
        """Return the rows that were left out, each with its reason: the log is read once more.

        See `tabkit.cltv.refused.refused_rows`; of many rows the first `tabkit.refused.MOST` are returned.
        """
        return refused_rows(self.log, end=self.end)


def summarise(
    source: Source,
    *,
    customer: str,
    date: str,
    amount: str | None = None,
    end: datetime.date | None = None,
    unit: Unit = "week",
    resolution: Resolution = "day",
    merge: bool = True,
    refunds: Refunds = "drop",
    zeros: Zeros = "count",
    keep: Sequence[str] = (),
) -> Summary:
    """Summarise a transaction log by customer, for models such as BG/NBD and Gamma-Gamma.

    The first purchase is the acquisition and no repeat. Nothing after `end` is looked at, so that what follows can
    judge a model. Neither the order of the rows nor the number of threads changes any bit of the result.

    Parameters
    ----------
    source
        Anything that `tabkit.frames.scan` takes, one row per transaction; rows without customer or date are
        refused and counted.
    customer, date, amount
        Names of the columns. Dates are days, datetimes (with a zone: the day there) or text in ISO 8601 (the
        day as written). An amount that is null, not finite or beyond 1e18 is no purchase: its row is refused
        and counted. Without amounts each row counts, and `monetary_value` is null.
    end
        The last day observed, inclusive. Default: the last date in the log.
    unit
        Of `recency` and `T`: days, weeks of 7 days or years of 365.25 days.
    resolution
        With "week", `recency` and `T` of 7k+1 to 7k+7 days both become 7k+4 days, and 0 stays 0. More customers are
        then equal and can be counted; rounded up, recency would bias BG/NBD's alpha by 10 %, the middle does not.
    merge
        Make one purchase of all that a customer buys on one day. Otherwise each row is a purchase; those of the first
        day then count as repeats, with recency 0. Where several are the earliest, their mean is taken for the first.
    refunds
        What negative amounts do. "drop": the rows are left out and counted. "net": amounts are summed by customer
        and day; a day whose sum is not above zero is no purchase, and its rows are counted. What is paid back on a
        later day without purchases is thus not taken off the earlier one.
    zeros
        What amounts of zero do. "count": a free order is a purchase, it says that its customer is there; it enters
        the mean as it is. "drop": the rows are left out and counted.
    keep
        Further columns, constant by customer (covariates, groups): taken from the first purchase used, known at
        acquisition. Where several rows are the earliest, the smallest value counts that is not null.

    Raises
    ------
    SourceError
        If the source cannot be read.
    SchemaError
        If columns are missing, or of a type that cannot play its role.
    ConfigError
        If a setting is unknown, a column has two roles, or a name is that of a result.
    FitError
        If text is no date, or fewer than two customers have a purchase.

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).

    Examples
    --------
    >>> days = [datetime.date(2024, 1, day) for day in (1, 8, 8, 15, 3)]
    >>> log = pl.DataFrame({"who": [1, 1, 1, 1, 2], "day": days, "paid": [10.0, 5.0, 2.0, 9.0, 4.0]})
    >>> summary = summarise(log, customer="who", date="day", amount="paid", end=datetime.date(2024, 1, 17))
    >>> summary.customers.row(0, named=True)
    {'who': 1, 'frequency': 2, 'recency': 2.0, 'T': 2.2857142857142856, 'monetary_value': 8.0, 'first_value': 10.0}
    >>> summary.transactions
    4
    """
    check_choice("unit", unit, UNIT_DAYS)
    check_choice("resolution", resolution, RESOLUTION_DAYS)
    if end is not None:
        check_day("end", end)
    log = open_log(source, PurchaseRule(customer, date, amount, merge, refunds, keep, zeros))
    return summary_of(log, end=end, unit=unit, resolution=resolution)


def summary_of(log: Log, *, end: datetime.date | None, unit: Unit, resolution: Resolution) -> Summary:
    """Summarise an open log; the choices are checked already."""
    counted = count(log, end=end)
    frame, by = counted.frame, log.rule
    if frame.height < 2 or counted.end is None:
        raise _too_few(counted, log.name)
    customers = customers_frame(frame, by, counted.end, unit, resolution)
    start: Any = frame["first"].min()
    return Summary(customers, by.customer, unit, counted.end, start, int(frame["count"].sum()), counted.refused, log)


def customers_frame(
    frame: pl.DataFrame, by: PurchaseRule, end: datetime.date, unit: Unit, resolution: Resolution
) -> pl.DataFrame:
    """Return the summary's columns of purchases that were counted until a day; see `Summary.customers`."""
    repeats, ties = pl.col("count") - 1, pl.col("ties").cast(pl.Int128)
    # Whole numbers up to the one division: the last bit does not hang on the order of the rows.
    mean = (pl.col("total") * ties - pl.col("opening")).cast(pl.Float64) / ((ties * repeats).cast(pl.Float64) * PARTS)
    opening = pl.col("opening").cast(pl.Float64) / (ties.cast(pl.Float64) * PARTS)
    paid = by.amount is not None
    return frame.select(
        pl.col("id").alias(by.customer),
        repeats.alias("frequency"),
        _elapsed(frame, pl.col("last"), resolution, unit).alias("recency"),
        _elapsed(frame, pl.lit(end), resolution, unit).alias("T"),
        pl.when((repeats > 0) & paid).then(mean).alias("monetary_value"),
        pl.when(paid).then(opening).alias("first_value"),
        *(pl.col(f"keep_{i}").alias(name) for i, name in enumerate(by.keep)),
    )


def divided(values: pl.Series, by: float) -> pl.Series:
    """Return the quotients as Python gives them; Polars multiplies by 1 / `by`, and misses the last bit.

    >>> divided(pl.Series([15e9]), 1e9).item()
    15.0
    """
    return pl.Series(values.name, values.to_numpy() / by)


def _elapsed(frame: pl.DataFrame, until: pl.Expr, resolution: Resolution, unit: Unit) -> pl.Series:
    """Return the time since the first purchase, put to the middle of its interval."""
    days, width = frame.select((until - pl.col("first")).dt.total_days()).to_series(), RESOLUTION_DAYS[resolution]
    middle = pl.when(days > 0).then((days - 1) // width * width + (width + 1) / 2).otherwise(0.0)
    return divided(pl.select(middle).to_series(), UNIT_DAYS[unit])


def _too_few(counted: PurchaseCounts, name: str) -> FitError:
    rows = "; ".join(f"{reason}: {count:,} rows" for reason, count in counted.refused.items()) or "no row at all"
    came = "one customer" if counted.frame.height else "no purchase that can be used"
    return FitError(
        f"{name} has {came}; at least two customers with a purchase were expected (left out: {rows})",
        advice="check the columns, the observation end and the export",
    )
