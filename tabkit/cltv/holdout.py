"""Split a transaction log at a day: purchases to learn from, and later ones to judge by."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tabkit.cltv.summary import RESOLUTION_DAYS, UNIT_DAYS, Resolution, Summary, Unit, divided, summary_of
from tabkit.cltv.transactions import (
    PARTS,
    PurchaseRule,
    Refunds,
    Zeros,
    check_choice,
    check_day,
    check_free,
    count,
    open_log,
)
from tabkit.errors import ConfigError, FitError
from tabkit.frames import Source

RESULTS = ("purchases", "value")


@dataclass(frozen=True, slots=True, eq=False)
class PeriodSplit:
    """A log split at a day into calibration and hold-out.

    Parameters
    ----------
    summary
        The customers as they were known on the last day of the calibration.
    outcome
        What they did after it, in the order of `summary.customers`: the customer column, `purchases` (Int64, merged
        by the same rule; 0 where nothing was bought) and `value` (Float64, the sum of their amounts, 0.0 where
        nothing was bought; null without amounts).
    days
        Length of the holdout.
    newcomers
        Customers whose first purchase came after the calibration; they are left out.
    refused
        How many rows of the holdout were left out, by reason; those of newcomers count too.
    """

    summary: Summary
    outcome: pl.DataFrame
    days: int
    newcomers: int
    refused: Mapping[str, int]


def split(
    source: Source,
    *,
    customer: str,
    date: str,
    calibration_end: datetime.date,
    end: datetime.date | None = None,
    amount: str | None = None,
    unit: Unit = "week",
    resolution: Resolution = "day",
    merge: bool = True,
    refunds: Refunds = "drop",
    zeros: Zeros = "count",
    keep: Sequence[str] = (),
) -> PeriodSplit:
    """Summarise customers up to a day, and count what each of them bought after it.

    Parameters
    ----------
    source, customer, date, amount, unit, resolution, merge, refunds, zeros, keep
        As for `tabkit.cltv.summary.summarise`. Only the summary depends on `unit`, `resolution` and `keep`.
    calibration_end
        The last day that the summary looks at. No transaction after it changes `summary.customers`.
    end
        The last day of the holdout, inclusive. Default: the last date in the log.

    Raises
    ------
    SourceError, SchemaError, FitError
        As `summarise`; and if the log ends before the holdout begins.
    ConfigError
        As `summarise`; and if the holdout would end before it begins, or the customer column is called as a result.

    Examples
    --------
    >>> days = [datetime.date(2024, 1, day) for day in (1, 8, 20, 3, 25)]
    >>> log = pl.DataFrame({"who": ["a", "a", "a", "b", "c"], "day": days, "paid": [10.0, 5.0, 2.0, 9.0, 4.0]})
    >>> parts = split(log, customer="who", date="day", amount="paid", calibration_end=datetime.date(2024, 1, 15))
    >>> parts.outcome.rows(), parts.days, parts.newcomers
    ([('a', 1, 2.0), ('b', 0, 0.0)], 10, 1)
    """
    check_choice("unit", unit, UNIT_DAYS)
    check_choice("resolution", resolution, RESOLUTION_DAYS)
    check_free([customer], RESULTS)
    _check_order(calibration_end, end)
    log = open_log(source, PurchaseRule(customer, date, amount, merge, refunds, keep, zeros))
    summary = summary_of(log, end=calibration_end, unit=unit, resolution=resolution)
    later = count(log, after=calibration_end, end=end)
    if later.end is None:
        raise FitError(
            f"{log.name} has no transaction after the calibration's end, {calibration_end}",
            advice="choose an earlier calibration_end, or give the end of the holdout if nothing was bought in it",
        )
    known = summary.customers.select(pl.col(customer).alias("id"))
    newcomers = later.frame.join(known, on="id", how="anti").height
    outcome = _outcome(known, later.frame, log.rule)
    return PeriodSplit(summary, outcome, (later.end - calibration_end).days, newcomers, later.refused)


def _outcome(known: pl.DataFrame, bought: pl.DataFrame, rule: PurchaseRule) -> pl.DataFrame:
    """Return what the known customers bought, in their order; zero for those who bought nothing."""
    bought = bought.with_columns(divided(bought["total"].cast(pl.Float64), PARTS))
    value = pl.lit(None, pl.Float64) if rule.amount is None else pl.col("total").fill_null(0.0)
    return known.join(bought, on="id", how="left", maintain_order="left").select(
        pl.col("id").alias(rule.customer), pl.col("count").fill_null(0).alias("purchases"), value.alias("value")
    )


def _check_order(calibration_end: datetime.date, end: datetime.date | None) -> None:
    check_day("calibration_end", calibration_end)
    if end is None:
        return
    check_day("end", end)
    if end <= calibration_end:
        raise ConfigError(
            f"the holdout would end on {end}, which is not after the calibration's end, {calibration_end}",
            advice="give end=None for the last date in the log, or an earlier calibration_end",
        )
