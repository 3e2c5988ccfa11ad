"""Transactions: which rows count as purchases, which are refused and why, and purchases by customer."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import Source, collect_all, describe, scan
from tabkit.schema import dtype_name, family

Refunds = Literal["drop", "net"]
Zeros = Literal["count", "drop"]

NUMBERS = ("frequency", "recency", "T", "monetary_value", "first_value")
REASONS = (
    *("no date", "date beyond the years 1 to 9999", "after the observation end", "no customer"),
    *("amount is null", "amount is not finite", "amount is beyond 1e18", "amount is zero", "a refund"),
)
CANCELLED = "a day that refunds cancel"

# Whole billionths add up to the same sum in any order, and what is paid back leaves exactly nothing.
PARTS = 1e9
_ROUNDING = 1e-15  # of the money moved on a day: what doubles lose above nine million, where they miss billionths
_ISO = r"^\d{4}-\d\d-\d\d(?:[ T](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d(?::?\d\d)?))?)?$"


@dataclass(frozen=True, slots=True)
class PurchaseRule:
    """Which columns make a transaction, and which transactions make a purchase."""

    customer: str
    date: str
    amount: str | None = None
    merge: bool = True
    refunds: Refunds = "drop"
    keep: Sequence[str] = ()
    zeros: Zeros = "count"

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other."""
        if isinstance(self.keep, str):
            raise ConfigError(
                f"keep={self.keep!r} is text; a list of columns was expected", advice="put brackets around it"
            )
        check_choice("refunds", self.refunds, get_args(Refunds))
        check_choice("zeros", self.zeros, get_args(Zeros))
        given = [self.customer, self.date, *([] if self.amount is None else [self.amount]), *self.keep]
        twice = [name for name, count in Counter(given).items() if count > 1]
        if twice:
            raise ConfigError(
                f"customer, date, amount and the columns to keep must differ; given twice: {listed(twice)}",
                advice="give each column one role",
            )
        check_free((self.customer, *self.keep), NUMBERS)
        if self.refunds == "net" and (self.amount is None or not self.merge):
            came = "no amount is given" if self.amount is None else "merge is off"
            raise ConfigError(
                f"refunds='net' takes refunds off the purchases of their day, but {came}",
                advice="name the amount and merge the purchases of a day, or use refunds='drop'",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """A transaction log under names of our own: `id`, `day`, `moment`, `amount`, `text` and `keep_0`, `keep_1`...

    The columns of the rule as they came are `own_0`, `own_1` and so on; what asks for none of them reads none twice.
    """

    rows: pl.LazyFrame
    name: str
    rule: PurchaseRule


@dataclass(frozen=True, slots=True, eq=False)
class PurchaseCounts:
    """One row per customer with purchases, sorted by `id`.

    The columns are `first` and `last` (days), `count` (purchases), `total` (Int128, billionths), `opening` (likewise,
    of the `ties` purchases that share the first moment) and the columns kept, by their own names.
    """

    frame: pl.DataFrame
    refused: dict[str, int]
    end: datetime.date | None


def open_log(source: Source, rule: PurchaseRule) -> Log:
    """Find the columns of a rule in a source and bring them under our own names."""
    lazy, name = scan(source), describe(source)
    schema = lazy.collect_schema()
    wanted = [column for column in (rule.customer, rule.date, rule.amount, *rule.keep) if column is not None]
    missing = [column for column in wanted if column not in schema]
    if missing:
        raise SchemaError(
            f"{name} lacks columns: {listed(missing)}", advice=f"its columns are {listed(schema.names()[:40])}"
        )
    _check_types(schema, rule)
    amount = pl.lit(1.0) if rule.amount is None else pl.col(rule.amount).cast(pl.Float64)
    text, day, moment = _dates(pl.col(rule.date), schema[rule.date])
    kept = [pl.col(column).alias(f"keep_{i}") for i, column in enumerate(rule.keep)]
    who = pl.col(rule.customer).alias("id")
    own = [pl.col(column).alias(f"own_{i}") for i, column in enumerate(wanted)]
    columns = [who, day.alias("day"), moment.alias("moment"), amount.alias("amount"), text.alias("text"), *kept, *own]
    return Log(lazy.select(columns), name, rule)


def count(log: Log, *, after: datetime.date | None = None, end: datetime.date | None = None) -> PurchaseCounts:
    """Count the purchases of each customer after a day and up to another, in one pass over the log."""
    rows = log.rows if after is None else log.rows.filter(pl.col("day") > after)
    rows = rows.with_columns(reason=reason_of(log, end))
    unread = rows.filter(pl.col("day").is_null() & pl.col("text").is_not_null())
    used = rows.filter(pl.col("reason") == len(REASONS))
    frame, tally, bad = collect_all(
        [
            _purchases(used, log.rule),
            rows.group_by("reason").agg(pl.len(), pl.col("day").max()),
            unread.select(pl.len(), examples=pl.col("text").unique().sort().head(3).implode()),
        ],
        what=log.name,
    )
    if bad["len"].item():
        raise _unreadable(log, bad)
    refused = {
        REASONS[code]: n for code, n in tally.select("reason", "len").sort("reason").iter_rows() if code < len(REASONS)
    }
    if void := int(frame["void"].sum()):
        refused[CANCELLED] = void
    last: Any = tally.filter(pl.col("reason") >= 2)["day"].max()
    return PurchaseCounts(frame.filter(pl.col("count") > 0), refused, end or last)


def check_choice(label: str, value: object, known: Collection[str]) -> None:
    """Refuse a setting that is none of the known ones."""
    if value not in known:
        raise ConfigError(f"{label}={value!r} is unknown; known are {listed(known)}", advice="choose one of these")


def check_day(label: str, day: object) -> None:
    """Refuse what is no calendar day."""
    if not isinstance(day, datetime.date) or isinstance(day, datetime.datetime):
        raise ConfigError(
            f"{label}={day!r} is no calendar day; a datetime.date was expected",
            advice=f"give {label}=datetime.date(2024, 12, 31)",
        )


def check_free(columns: Collection[str], results: Collection[str]) -> None:
    """Refuse columns whose names the results need."""
    if taken := [name for name in columns if name in results]:
        raise ConfigError(
            f"columns have the name of a result: {listed(taken)}",
            advice=f"rename them; {listed(results)} are what is made here",
        )


def _check_types(schema: pl.Schema, rule: PurchaseRule) -> None:
    wanted = {rule.date: ("date", "datetime", "text", "null"), rule.amount: ("number", "null")}
    plain = [column for column in (rule.customer, *rule.keep) if family(schema[column]) == "other"]
    wrong = [column for column, kinds in wanted.items() if column is not None and family(schema[column]) not in kinds]
    if wrong or plain:
        came = ", ".join(f"{column!r} is {dtype_name(schema[column])}" for column in (*wrong, *plain))
        raise SchemaError(
            f"columns are of types that cannot be used: {came}; expected were a date, a datetime or ISO text for "
            f"{rule.date!r}, a number for the amount and single plain values for all others",
            advice="convert them first: 20240131 as a number with pl.col(name).cast(pl.String).str.to_date('%Y%m%d'), "
            "seconds since 1970 with pl.from_epoch(name), text as a number with cast(pl.Float64)",
        )


def _dates(column: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Return the text to show if it is no date, the calendar day, and what orders the rows of a day."""
    none = pl.lit(None, dtype=pl.String)
    if family(dtype) == "text":
        text = column.cast(pl.String).str.strip_chars()
        iso = pl.when(text.str.contains(_ISO)).then(text.str.head(10))
        return text, iso.str.to_date("%Y-%m-%d", strict=False), text.str.replace(" ", "T")
    if family(dtype) == "datetime":
        return none, column.dt.date(), column
    return none, column.cast(pl.Date), column.cast(pl.Date)


def reason_of(log: Log, end: datetime.date | None) -> pl.Expr:
    """Return the place in `REASONS` of the first reason that refuses a row; their number for a row that counts."""
    day, who, amount = pl.col("day"), pl.col("id"), pl.col("amount")
    nobody = who.is_null() | (who.is_nan() if log.rows.collect_schema()["id"].is_float() else False)
    checks = [
        day.is_null(),
        ~day.is_between(datetime.date.min, datetime.date.max),
        pl.lit(False) if end is None else day > end,
        nobody,
        amount.is_null(),
        ~amount.is_finite(),
        amount.abs() > 1e18,
        ((amount * PARTS).round() == 0) & (log.rule.zeros == "drop"),
        (amount < 0) & (log.rule.refunds == "drop"),
    ]
    first = [pl.when(check).then(pl.lit(code, pl.UInt8)) for code, check in enumerate(checks)]
    return pl.coalesce(*first, pl.lit(len(REASONS), pl.UInt8))


def _purchases(used: pl.LazyFrame, rule: PurchaseRule) -> pl.LazyFrame:
    """Return the query that merges rows to purchases, and purchases to customers."""
    kept, moment = [pl.col(f"keep_{i}") for i in range(len(rule.keep))], pl.col("moment")
    sums = pl.col("units", "gross", "rows").sum()
    lines = _in_units(used)
    if kept or not rule.merge:  # rows of one moment are in no order
        lines = lines.group_by("id", "day", "moment").agg(sums, *(column.min() for column in kept))
    count, void = pl.col("rows"), pl.lit(0, pl.Int64)
    if rule.merge:
        lines = lines.group_by("id", "day").agg(sums, *(column.min_by("moment") for column in kept))
        some = _is_purchase()  # a day without purchase becomes null
        count, void = some.cast(pl.Int64), pl.when(some).then(0).otherwise(pl.col("rows"))
        lines = lines.with_columns(pl.when(some).then("units"), day=pl.when(some).then("day"))
        lines = lines.with_columns(moment=pl.col("day"))
    return (
        lines.with_columns(count=count, void=void)
        .group_by("id")
        .agg(
            pl.col("count", "void").sum(),
            first=pl.col("day").min(),
            last=pl.col("day").max(),
            total=pl.col("units").sum(),
            opening=pl.col("units").min_by(moment),
            ties=pl.col("count").min_by(moment),
            **{f"keep_{i}": column.min_by(moment) for i, column in enumerate(kept)},
        )
        .sort("id")
    )


def cancelled_days(used: pl.LazyFrame) -> pl.LazyFrame:
    """Return `id` and `day` of the days whose refunds leave no purchase, of rows that count."""
    days = _in_units(used).group_by("id", "day").agg(pl.col("units", "gross").sum())
    return days.filter(~_is_purchase()).select("id", "day")


def _in_units(used: pl.LazyFrame) -> pl.LazyFrame:
    """Return rows with their amount in whole billionths, its size, and a count of one."""
    units = (pl.col("amount") * PARTS).round().cast(pl.Int128, strict=False)
    return used.with_columns(units=units).with_columns(gross=pl.col("units").abs(), rows=pl.lit(1, pl.Int64))


def _is_purchase() -> pl.Expr:
    """Return whether sums of a day are one: those of doubles that cancel may leave a trace of the money moved."""
    return (pl.col("units") > pl.col("gross").cast(pl.Float64) * _ROUNDING) | (pl.col("gross") == 0)


def _unreadable(log: Log, bad: pl.DataFrame) -> FitError:
    return FitError(
        f"date {log.rule.date!r} of {log.name} holds text that is no date in {bad['len'].item():,} rows, such as "
        f"{listed(bad['examples'].item())}; ISO 8601 was expected, such as '2024-12-31' or '2024-12-31T23:59:00Z'",
        advice="write dates as 2024-12-31, or parse the column yourself with the order that it has: "
        "pl.col(name).str.to_date('%m/%d/%Y') where the month comes first, '%d/%m/%Y' where the day does",
    )


def listed(names: Iterable[object]) -> str:
    """Return names as a message shows them."""
    return ", ".join(map(repr, names))
