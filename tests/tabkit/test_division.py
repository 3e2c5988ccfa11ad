"""One policy of dividing rows: what is the same in all of them is passed over, and that is said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from tabkit import division, splits
from tabkit.roles import Roles
from tabkit.table import Table

ROWS = 40


def table(**columns: Any) -> Table:
    frame = pl.DataFrame({"number": range(ROWS)}).with_columns(**columns)
    roles = {name: name for name in ("time", "group") if name in columns}
    return Table(frame, Roles(**roles), "rows", {})


TIME, GROUP = pl.col("number") // 4, pl.col("number") % 8
CLASSES = np.arange(ROWS) % 2


@pytest.mark.parametrize(
    ("columns", "way"),
    [
        ({"time": TIME, "group": GROUP}, "time"),
        ({"time": pl.lit(1), "group": GROUP}, "group"),
        ({"time": pl.lit("2024-01-31").str.to_date(), "group": GROUP}, "group"),
        ({"time": pl.lit(Decimal("1.5")), "group": pl.lit("a")}, "class"),
        ({"group": pl.lit("a")}, "class"),
        ({}, "class"),
    ],
)
def test_rows_are_divided_by_the_first_role_that_tells_them_apart(columns: dict[str, Any], way: str) -> None:
    rows = table(**columns)
    assert division.way_of(rows, classes=CLASSES) == way
    parts = division.divide(rows, share=0.25, seed=3, classes=CLASSES)
    ways = {
        "time": {"time": np.arange(ROWS) // 4},
        "group": {"groups": np.arange(ROWS) % 8},
        "class": {"stratify": CLASSES},
    }
    assert np.array_equal(parts.test, splits.holdout(ROWS, share=0.25, seed=3, **ways[way]).test)


def test_by_time_can_be_left_out() -> None:
    rows = table(time=TIME)
    assert division.way_of(rows, by_time=False) == "chance"
    parts = division.divide(rows, share=0.25, seed=3, by_time=False)
    assert np.array_equal(parts.test, splits.holdout(ROWS, share=0.25, seed=3).test)


def test_what_was_passed_over_is_said_by_name_and_value() -> None:
    rows = table(time=pl.lit(1), group=pl.lit("a"))
    time, group = division.passed_over(rows, division.way_of(rows, classes=CLASSES), classes="arms")
    assert "one time (time 1)" in time
    assert "one group (group a)" in group
    assert "within arms" in time
    assert "within arms" in group
    rows = table(time=pl.lit(1), group=GROUP)
    [said] = division.passed_over(rows, division.way_of(rows))
    assert "one time (time 1)" in said
    assert "whole groups" in said


@pytest.mark.parametrize("columns", [{"time": TIME, "group": pl.lit("a")}, {"group": GROUP}, {}])
def test_where_nothing_was_passed_over_nothing_is_said(columns: dict[str, Any]) -> None:
    rows = table(**columns)
    assert division.passed_over(rows, division.way_of(rows, classes=CLASSES)) == []
