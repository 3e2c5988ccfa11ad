"""Cyclic numbers as sine and cosine."""

from __future__ import annotations

from math import tau

import polars as pl


def circle(value: pl.Expr, period: int, first: int) -> dict[str, pl.Expr]:
    """Return sine and cosine of the angle of a value that runs from `first` and comes round after `period`.

    >>> pl.select(circle(pl.lit(6), 24, 0)["sin"]).item()
    1.0
    """
    angle = (value - first).cast(pl.Float64) * (tau / period)
    return {"sin": angle.sin(), "cos": angle.cos()}


def circle_sql(value: str, period: int, first: int) -> list[str]:
    """Return the same in SQL."""
    angle = f"({value} - {first})::DOUBLE * {tau / period!r}::DOUBLE"
    return [f"sin({angle})", f"cos({angle})"]
