from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.encoding import Frequency, Input, TableEncoder
from tabkit.encoding.input import shown
from tabkit.errors import ConfigError

quick = settings(deadline=None, max_examples=50, derandomize=True)
NAN = float("nan")


def _input(frame):
    return Input(tuple(frame.columns), tuple(frame.dtypes))


def _levels(frame):
    return frame.select(_input(frame).text()).to_series().to_list()


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["b", "", None], pl.String, ["b", "", None]),
        (["b", "a", None], pl.Categorical, ["b", "a", None]),
        (["b", "a", None], pl.Enum(["b", "a"]), ["b", "a", None]),
        ([True, False, None], pl.Boolean, ["true", "false", None]),
        ([7, -1, None], pl.Int8, ["7", "-1", None]),
        ([2**63 + 1, 2**63, None], pl.UInt64, ["9223372036854775809", "9223372036854775808", None]),
        ([1.0, -0.0, 0.5, NAN, None], pl.Float64, ["1", "0", "0.5", None, None]),
        ([1.0, 0.5, NAN], pl.Float32, ["1", "0.5", None]),
        ([Decimal("1.00"), Decimal("2.50"), None], pl.Decimal(10, 2), ["1", "2.5", None]),
        ([dt.date(2024, 2, 29), None], pl.Date, ["2024-02-29", None]),
    ],
    ids=lambda value: str(value) if not isinstance(value, list) else "",
)
def test_levels_are_told_apart_by_their_text(values, dtype, expected):
    frame = pl.DataFrame({"x": pl.Series(values, dtype=dtype)})
    assert _levels(frame) == expected
    assert frame.select(_input(frame).missing()).to_series().to_list() == [value is None for value in expected]


@pytest.mark.parametrize("fitted", [pl.Int64(), pl.Float64(), pl.Decimal(20, 2)], ids=str)
@pytest.mark.parametrize("now", [pl.Int16, pl.Float32, pl.Float64, pl.Decimal(10, 1)], ids=str)
def test_numbers_of_another_type_are_the_same_levels(fitted, now):
    frame = pl.DataFrame({"x": pl.Series([1, -3, 0, None], dtype=now)})
    assert frame.select(Input(("x",), (fitted,)).text()).to_series().to_list() == ["1", "-3", "0", None]


@pytest.mark.parametrize("values", [[1, 2, 1, 2, None], [Decimal(v) if v else None for v in (1, 2, 1, 2, None)]])
def test_nan_is_null_also_where_the_fit_had_no_floats(values):
    encoder = TableEncoder(default="drop", columns={"x": Frequency()}).fit(pl.DataFrame({"x": values}))
    features, rates = encoder.transform_with_rates(pl.DataFrame({"x": [NAN, None, 2.0, 3.0]}))
    assert features.to_series().to_list() == [1, 1, 2, 0]
    assert rates.select("null", "unseen").row(0) == (0.5, 0.25)


@quick
@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_keep_all_their_digits(values):
    assert _levels(pl.DataFrame({"x": values}, schema={"x": pl.Int64})) == [str(value) for value in values]


def test_a_cross_is_null_only_where_every_column_is():
    frame = pl.DataFrame({"a": ["x", "x", None, None], "b": [1, None, 1, None], "c": [0.5, NAN, NAN, NAN]})
    cross = _input(frame)
    assert (cross.name, cross.family) == ("a x b x c", "text")
    assert cross.described == "'a' (String) x 'b' (Int64) x 'c' (Float64)"
    assert [level and shown(level) for level in _levels(frame)] == [
        "x x 1 x 0.5",
        "x x (null) x (null)",
        "(null) x 1 x (null)",
        None,
    ]
    assert frame.select(cross.missing()).to_series().to_list() == [False, False, False, True]


def test_texts_of_a_cross_do_not_run_into_each_other():
    frame = pl.DataFrame({"a": ["x", "x y", "x ", None], "b": ["y z", "z", " y z", "x"]})
    assert len(set(_levels(frame))) == 4


def test_singles_are_the_columns_one_by_one():
    pair = Input(("a", "b"), (pl.String(), pl.Int64()))
    assert [single.name for single in pair.singles()] == ["a", "b"]
    assert pair.singles()[1].family == "number"
    assert pair.dtype == pl.String()


@pytest.mark.parametrize("dtype", [pl.Time, pl.Datetime, pl.Duration], ids=str)
def test_times_have_no_levels_until_they_are_cast(dtype):
    frame = pl.DataFrame({"x": pl.Series([1, 2, 1, 2]).cast(pl.Int64).cast(dtype)})
    with pytest.raises(ConfigError, match="cast it to String"):
        TableEncoder(default="drop", columns={"x": Frequency()}).fit(frame)


@pytest.mark.parametrize("now", [pl.Float64, pl.Int64, pl.UInt64, pl.Decimal(38, 2)])
@pytest.mark.parametrize("fitted", [pl.Float64, pl.Int64, pl.Decimal(38, 0)])
def test_large_whole_numbers_are_one_level_in_every_type(fitted, now):
    values = pl.Series("x", [10**16, 2 * 10**16, 3])
    column = Input(("x",), (fitted if isinstance(fitted, pl.DataType) else fitted(),))
    assert values.cast(now).to_frame().select(column.text()).to_series().to_list() == [
        str(10**16),
        str(2 * 10**16),
        "3",
    ]
