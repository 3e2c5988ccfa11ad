"""Cuts lie between data values, at even shares of the rows, and read well; codes mean what their conditions say."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabkit.predicates import Levels, Not, Null, Range, Rule
from tabkit.rules.bins import BinnedColumn, axes
from tabkit.rules.cuts import cut, shortest
from tabkit.rules.measurement import masks

ROWS = 4000
ENDS = st.floats(-1e300, 1e300, allow_nan=False)


def only(frame: pl.DataFrame, **options: object) -> BinnedColumn:
    settings = {"rows": None, "bins": 20, "most_levels": 30, **options}
    [axis] = axes(frame, frame.columns, **settings).found  # type: ignore[arg-type]
    return axis


@given(ENDS, ENDS)
def test_the_shortest_decimal_lies_between(one: float, two: float) -> None:
    low, high = sorted((one, two))
    if low < high:
        assert low < shortest(low, high) <= high


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_between_whole_numbers_it_is_whole(low: int, more: int) -> None:
    found = shortest(low, low + more, whole=True)
    assert low < found <= low + more
    assert found == int(found)


def test_bins_hold_about_equally_many_rows() -> None:
    values = np.random.default_rng(0).normal(size=ROWS)
    _, cuts = cut(values, bins=20, slack=0, kind="number", whole=False)
    counts = np.bincount(np.searchsorted(cuts, values, side="right"))
    assert len(counts) == 20
    assert np.abs(counts - ROWS / 20).max() <= 1


def test_slack_makes_cuts_rounder_at_the_price_of_a_few_rows() -> None:
    values = np.random.default_rng(0).normal(50, 20, ROWS)
    bounds, cuts = cut(values, bins=20, slack=0.0025, kind="number", whole=False)
    assert max(len(str(bound)) for bound in bounds) <= 5
    counts = np.bincount(np.searchsorted(cuts, values, side="right"))
    assert np.abs(counts - ROWS / 20).max() <= 0.005 * ROWS + 1


def test_frequent_values_have_a_bin_of_their_own_and_leave_the_others_to_the_rest() -> None:
    chance = np.random.default_rng(0)
    values = np.where(chance.random(ROWS) < 0.7, 0.0, chance.lognormal(0, 1, ROWS))
    bounds, cuts = cut(values, bins=10, slack=0.0025, kind="number", whole=False)
    assert 0 < cuts[0] <= np.min(values[values > 0])
    assert len(bounds) == 9
    counts = np.bincount(np.searchsorted(cuts, values, side="right"))[1:]
    assert counts.max() < 2 * counts.min()


def test_few_values_are_a_bin_each() -> None:
    axis = only(pl.DataFrame({"calls": [0, 1, 2, 5, None] * 20}))
    assert axis.cuts == (1, 2, 5)
    assert axis.codes.tolist()[:5] == [0, 1, 2, 3, 4]


def test_a_rule_at_the_end_of_the_data_has_an_open_end() -> None:
    axis = only(pl.DataFrame({"x": np.arange(100.0)}), bins=4)
    assert axis.condition(np.array([True, True, False, False, False])) == Range(column="x", lt=50)
    assert axis.condition(np.array([False, False, False, True, False])) == Range(column="x", ge=75)
    assert axis.condition(np.array([False, True, True, False, False])) == Range(column="x", ge=25, lt=75)


def test_infinite_values_are_in_the_outer_bins_and_nan_is_missing() -> None:
    values = [float("-inf"), float("inf"), float("nan"), None, 1.0, 2.0, 3.0]
    axis = only(pl.DataFrame({"x": values}))
    assert axis.cuts == (2, 3)
    assert axis.codes.tolist() == [0, 2, 3, 3, 0, 1, 2]


def test_days_are_cut_at_the_first_of_a_month_or_year_where_one_is_near() -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=day) for day in range(1461)]
    assert only(pl.DataFrame({"d": days}), bins=4, slack=0.01).cuts == (
        dt.date(2021, 1, 1),
        dt.date(2022, 1, 1),
        dt.date(2023, 1, 1),
    )


def all_kinds() -> pl.DataFrame:
    chance = np.random.default_rng(1)
    whole = chance.integers(0, 1000, ROWS)
    start = dt.datetime(2020, 1, 1)
    frame = pl.DataFrame(
        {
            "float": chance.normal(size=ROWS),
            "float32": chance.normal(size=ROWS).astype(np.float32),
            "small": whole.astype(np.int16),
            "unsigned": whole.astype(np.uint64) + 2**62,
            "decimal": pl.Series([Decimal(int(value)) / 100 for value in whole], dtype=pl.Decimal(10, 2)),
            "date": [start.date() + dt.timedelta(days=int(value)) for value in whole],
            "datetime": pl.Series([start + dt.timedelta(hours=int(value)) for value in whole]).dt.cast_time_unit("ms"),
            "zoned": pl.Series([start + dt.timedelta(minutes=int(value)) for value in whole]).dt.replace_time_zone(
                "America/New_York"
            ),
            "duration": pl.Series((whole * 1_500_000).tolist(), dtype=pl.Duration("us")),
            "text": [f"level {value % 40}" for value in whole],
            "flag": whole % 3 == 0,
            "category": pl.Series([f"level {value % 5}" for value in whole], dtype=pl.Categorical),
        }
    )
    hidden = pl.Series(chance.random(ROWS) < 0.1)
    return frame.with_columns(pl.when(hidden).then(None).otherwise(pl.all()).name.keep())


@pytest.mark.parametrize("column", all_kinds().columns)
def test_codes_are_what_their_conditions_say(column: str) -> None:
    frame = all_kinds().select(column)
    axis = only(frame)
    others = [] if axis.ordered else [axis.named]
    for code in set(range(axis.groups)) - set(others):
        member = np.arange(axis.groups) == code
        [inside] = masks([Rule(all_of=(axis.condition(member),))], frame)
        # A float holds some 2^62 to a few hundreds: such a number may stand on the wrong side of its cut.
        if column != "unsigned" or code == axis.groups - 1:
            np.testing.assert_array_equal(inside, member[axis.codes])
    known = np.append(np.ones(axis.groups - 1, dtype=np.bool_), False)
    assert axis.condition(known) == Not(Null(column=column))


def test_of_most_levels_those_left_out_are_named_if_all_are_known() -> None:
    frame = pl.DataFrame({"job": ["a", "b", "c", None] * 10})
    inside = np.array([True, True, False, False, False])
    found = only(frame).condition(inside)
    assert found == Not(Levels(column="job", levels=("c",), null=True))
    [rows] = masks([Rule(all_of=(found,))], frame)
    assert rows.tolist() == [True, True, False, False] * 10
    assert only(frame).condition(np.array([True, True, True, False, False])) == Not(Null(column="job"))
    few = only(frame, most_levels=2)
    assert few.condition(np.array([True, True, False, False])) == Levels(column="job", levels=("a", "b"))


def test_columns_that_cannot_be_used_are_told() -> None:
    frame = pl.DataFrame(
        {
            "list": [[1], [2]],
            "struct": [{"a": 1}, {"a": 2}],
            "binary": [b"x", b"y"],
            "time": [dt.time(1), dt.time(2)],
            "object": pl.Series([object(), object()], dtype=pl.Object),
            "^pattern$": [1, 2],
            "constant": ["a", "a"],
            "nothing": [None, None],
            "nan": [float("nan"), None],
        }
    )
    found = axes(frame, frame.columns, rows=None, bins=20, most_levels=30)
    assert found.found == ()
    assert [name for name, _ in found.unusable] == ["list", "struct", "binary", "time", "object", "^pattern$"]
    assert found.constant == ("constant", "nothing", "nan")


def test_times_that_python_cannot_write_are_no_bound() -> None:
    far = pl.Series([0, 1, 2, 10**7], dtype=pl.Int32).cast(pl.Date)
    assert only(pl.DataFrame({"d": far})).cuts == (dt.date(1970, 1, 2), dt.date(1970, 1, 3))
