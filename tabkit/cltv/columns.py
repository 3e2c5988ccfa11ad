"""The columns of a summary: their meaning, other names for them, and their numeric types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

MONEY = "monetary_value"

MEANINGS = {
    "frequency": "how often the customer bought again, so 0 after one purchase",
    "recency": "time from the first purchase to the last one, so 0 after one purchase",
    "T": "time from the first purchase to the end of the observation",
    "churned": "1 for who left, 0 for who is still there",
    MONEY: "mean amount of the repeat purchases",
}
# How packages and RFM tables call these columns, in lower case and without signs.
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "frequency": ("x", "freq", "frequencycal", "repeats", "repeatpurchases", "purchases", "orders", "transactions"),
    "recency": ("tx", "rec", "recencycal", "lastpurchase", "dayssincelastpurchase"),
    "T": ("periods", "nperiods", "period", "ncal", "tcal", "age", "customerage", "tenure", "observed"),
    "churned": ("churn", "lost", "cancelled", "canceled", "left"),
    MONEY: (
        *("monetaryvalue", "m", "mx", "zbar", "monetary", "money", "monetaryvaluecal"),
        *("meanspend", "averagespend", "spend", "aov"),
    ),
}


def meaning_of(name: str) -> str:
    """Return what a column holds, to stand after a verb."""
    return f"the {MEANINGS[name]}" if name in ("recency", "T", MONEY) else MEANINGS[name]


def near_name(name: str, columns: Sequence[str]) -> str | None:
    """Return the column that another tool's name of `name` fits; None where there is none.

    >>> near_name("T", ["id", "n_periods"]), near_name("recency", ["Recency"]), near_name("T", ["id"])
    ('n_periods', 'Recency', None)
    """
    plain = {"".join(sign for sign in column.lower() if sign.isalnum()): column for column in columns}
    return next((plain[other] for other in (name.lower(), *_OTHER_NAMES[name]) if other in plain), None)


def as_numbers(customers: pl.DataFrame) -> pl.DataFrame:
    """Return a summary with booleans and decimals as floats, and a mean spend that is NaN as null."""
    names = [name for name in MEANINGS if name in customers.columns]
    plain = [
        pl.col(name).cast(pl.Float64)
        for name in names
        if customers.schema[name] in (pl.Boolean, pl.Null, pl.Float32) or customers.schema[name].is_decimal()
    ]
    frame = customers.with_columns(plain)
    return frame.with_columns(pl.col(MONEY).cast(pl.Float64).fill_nan(None)) if MONEY in names else frame


def has_money(customers: pl.DataFrame) -> bool:
    """Return whether a checked summary has the mean spend of repeat buyers."""
    if MONEY not in customers.columns or "frequency" not in customers.columns:
        return False
    return not customers.filter((pl.col("frequency") > 0) & pl.col(MONEY).is_not_null()).is_empty()
