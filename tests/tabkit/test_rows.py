from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from tabkit.errors import FitError, SchemaError
from tabkit.rows import Rows, matrix

FEATURES = pl.DataFrame({"a": [1.0, 2.0, None], "b": [1, 2, 3]})


def test_weights_and_offsets_have_defaults():
    rows = Rows(FEATURES, np.zeros(3))
    assert rows.weights().tolist() == [1.0, 1.0, 1.0]
    assert rows.offsets().tolist() == [0.0, 0.0, 0.0]


def test_anything_that_looks_like_an_array_is_taken():
    rows = Rows(FEATURES, pl.Series([1, 0, 1]), weight=[1, 2, 3], offset=pl.Series([0.5, 0.0, -1.0]))
    assert rows.y.dtype == rows.weights().dtype == rows.offsets().dtype == np.float64
    assert rows.y.tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"y": np.zeros(2)}, r"y has shape \(2,\); \(3,\) was expected"),
        ({"y": np.zeros((3, 1))}, r"y has shape \(3, 1\)"),
        ({"weight": np.ones(4)}, "weight has shape"),
        ({"offset": np.ones(1)}, "offset has shape"),
        ({"weight": [1.0, np.nan, 1.0]}, r"weight.*NaN.*1"),
        ({"offset": [-np.inf, 0.0, np.inf]}, r"offset.*NaN.*2"),
        ({"weight": [1.0, -1.0, 1.0]}, "must not be negative"),
        ({"weight": [0.0, 0.0, 0.0]}, r"negative.*above zero"),
    ],
)
def test_impossible_rows_are_refused(given, said):
    with pytest.raises(FitError, match=said):
        Rows(FEATURES, **{"y": np.zeros(3), **given})


def test_columns_are_chosen_by_name_in_the_order_asked_for():
    assert matrix(FEATURES, ("b", "a")).columns == ["b", "a"]
    assert matrix(FEATURES, ("a",)).columns == ["a"]


def test_all_missing_features_are_named():
    with pytest.raises(SchemaError, match="'c', 'd'"):
        matrix(FEATURES, ("a", "c", "d"))


@pytest.mark.parametrize(
    ("values", "dtype", "numbers"),
    [
        (pl.Series([True, None, False]), pl.UInt8, [1, None, 0]),
        (pl.Series([Decimal("1.50"), None, Decimal(0)]), pl.Float64, [1.5, None, 0.0]),
        (pl.Series([2**100, None, -1], dtype=pl.Int128), pl.Float64, [2.0**100, None, -1.0]),
        (pl.Series([2**100, None, 1], dtype=pl.UInt128), pl.Float64, [2.0**100, None, 1.0]),
        (pl.Series([0.5, None, 1.0], dtype=pl.Float32).cast(pl.Float16), pl.Float64, [0.5, None, 1.0]),
        (pl.Series([None, None, None], dtype=pl.Null), pl.Float64, [None, None, None]),
        (pl.Series([1, None, 2], dtype=pl.Int8), pl.Int8, [1, None, 2]),
        (pl.Series([1, None, 2], dtype=pl.UInt64), pl.UInt64, [1, None, 2]),
        (pl.Series([1, None, 2], dtype=pl.Float32), pl.Float32, [1.0, None, 2.0]),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pl.Series) else "",
)
def test_every_number_comes_in_a_type_that_lightgbm_reads(values, dtype, numbers):
    found = matrix(pl.DataFrame({"x": values}), ("x",))["x"]
    assert found.dtype == dtype
    assert found.to_list() == numbers


@pytest.mark.parametrize(
    "values",
    [
        pl.Series(["1", "2"]),
        pl.Series(["1", "2"], dtype=pl.Categorical),
        pl.Series(["1", "2"], dtype=pl.Enum(["1", "2"])),
        pl.Series([[1], [2]]),
        pl.Series([1, 2]).cast(pl.Date),
        pl.Series([1, 2]).cast(pl.Datetime),
        pl.Series([1, 2]).cast(pl.Duration),
    ],
    ids=lambda values: str(values.dtype),
)
def test_what_is_no_number_is_refused_before_lightgbm_aborts_the_process(values):
    with pytest.raises(SchemaError, match=r"no numbers: 'x' \("):
        matrix(pl.DataFrame({"x": values, "a": [1, 2]}), ("x", "a"))
