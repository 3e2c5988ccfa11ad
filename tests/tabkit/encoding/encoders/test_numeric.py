from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from tabkit.encoding import FittedTable, Numeric, TableEncoder
from tabkit.errors import FitError

INF, NAN = float("inf"), float("nan")


def _fit(values, **options):
    frame = pl.DataFrame({"x": values, "y": [i % 2 for i in range(len(values))], "z": list(range(len(values)))})
    return TableEncoder(folds=2, **options).fit_transform(frame, target="y")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series([1, None, 3, 4], dtype=pl.Int8), [1.0, None, 3.0, 4.0]),
        (pl.Series([1, 2, 3, 4], dtype=pl.UInt64), [1.0, 2.0, 3.0, 4.0]),
        (pl.Series([2**100, -1, None, 4], dtype=pl.Int128), [2.0**100, -1.0, None, 4.0]),
        (pl.Series([2**100, 1, None, 4], dtype=pl.UInt128), [2.0**100, 1.0, None, 4.0]),
        (pl.Series([0.5, NAN, None, 4.0], dtype=pl.Float32), [0.5, None, None, 4.0]),
        (pl.Series([0.5, NAN, None, 4.0], dtype=pl.Float32).cast(pl.Float16), [0.5, None, None, 4.0]),
        (pl.Series([Decimal("1.25"), None, Decimal("-3.50"), Decimal("0.00")]), [1.25, None, -3.5, 0.0]),
        (pl.Series([True, None, False, True]), [1.0, None, 0.0, 1.0]),
        (pl.Series([1500, None, -1, 0]).cast(pl.Duration("ms")), [1.5, None, -0.001, 0.0]),
        (pl.Series([1, None, 2500, 0]).cast(pl.Duration("ns")), [1e-9, None, 2.5e-6, 0.0]),
        (pl.Series([dt.time(0, 1), None, dt.time(23, 59, 59, 500_000), dt.time(0)]), [60.0, None, 86399.5, 0.0]),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pl.Series) else "",
)
def test_numbers_become_float64_and_missing_stays_missing(values, expected):
    encoder, features = _fit(values)
    assert features["x"].dtype == pl.Float64
    assert features["x"].to_list() == pytest.approx(expected)
    new = pl.DataFrame({"z": [1] * len(values), "x": values})
    for fitted in (encoder, FittedTable.from_dict(encoder.to_dict())):
        assert fitted.transform(new)["x"].to_list() == pytest.approx(expected)


def test_durations_longer_than_nanoseconds_can_count():
    millennium = pl.Series([0, 31_556_952_000_000, None, 5]).cast(pl.Duration("ms"))
    assert _fit(millennium).features["x"].to_list() == [0.0, 31_556_952_000.0, None, 0.005]


def test_a_duration_in_another_unit_is_the_same_number():
    encoder, _ = _fit(pl.Series([1500, None, -1, 0]).cast(pl.Duration("ms")))
    new = pl.DataFrame({"z": [1], "x": pl.Series([1_500_000]).cast(pl.Duration("us"))})
    assert encoder.transform(new)["x"].to_list() == [1.5]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([7, 7, 7, 7], "constant (7)"),
        ([True, True, True, True], "constant (1)"),
        ([None, NAN, None, NAN], "all null"),
        (pl.Series([None] * 4, dtype=pl.Null), "all null"),
        (pl.Series([None] * 4, dtype=pl.Boolean), "all null"),
    ],
)
def test_numbers_that_tell_nothing_are_left_out_with_the_reason(values, why):
    encoder, features = _fit(values)
    assert features.columns == ["z"]
    expected = {"column": "x", "encoder": "drop", "levels": None, "outputs": 0, "bytes": 0, "why": why}
    assert encoder.plan().row(0, named=True) == expected


def test_a_constant_that_is_sometimes_missing_stays():
    assert _fit([7, None, 7, 7]).features["x"].to_list() == [7.0, None, 7.0, 7.0]
    assert _fit([7.0, INF, 7.0, 7.0], infinite="null").features["x"].to_list() == [7.0, None, 7.0, 7.0]


def test_infinite_numbers_are_refused_in_all_columns_at_once():
    frame = pl.DataFrame(
        {"a": [INF, 1.0, 2.0, 3.0], "b": [1.0, 2.0, -INF, INF], "c": [1.0, 2, 3, 4], "y": [0, 1, 0, 1]}
    )
    with pytest.raises(FitError, match=r"'a' \(1 rows\), 'b' \(2 rows\)") as caught:
        TableEncoder(folds=2).fit(frame, target="y")
    assert "encoding.infinite=null" in str(caught.value)


def test_infinite_numbers_can_count_as_missing_then_and_later():
    encoder, features = _fit([1.0, INF, -INF, 2.0], infinite="null")
    assert features["x"].to_list() == [1.0, None, None, 2.0]
    again = FittedTable.from_dict(encoder.to_dict())
    assert again.transform(pl.DataFrame({"x": [-INF, 3.0], "z": [1, 1]}))["x"].to_list() == [None, 3.0]


def test_the_choice_can_be_made_for_one_column():
    encoder, features = _fit([1.0, INF, 3.0, 2.0], columns={"x": Numeric(infinite="null")})
    assert features["x"].to_list() == [1.0, None, 3.0, 2.0]
    assert encoder.plan()["why"].to_list() == ["a number", "a number"]
