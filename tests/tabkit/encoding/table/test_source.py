from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.encoding.input import Input
from tabkit.encoding.levels import factorise
from tabkit.encoding.statistics import count
from tabkit.encoding.table.source import Source

NUMBER = pl.Float64()


def _source(values, dtype=NUMBER, columns=("x",)):
    """What a fit on one fold finds out about numbers, with themselves as the target."""
    series = pl.Series("value", values, dtype=pl.Float64)
    levels, code = factorise(series.cast(pl.String))
    y = series.fill_null(0).to_numpy()
    statistics = count(levels, code, fold=np.zeros(len(y), dtype=np.int64), folds=1, targets=[(y, None, 0)])
    counts = series.drop_nulls().value_counts(name="rows").sort("value")
    return Source(Input(columns, (dtype,) * len(columns)), len(series), series.null_count(), statistics, counts)


def _same(found, expected):
    assert found.input == expected.input
    assert (found.rows, found.nulls) == (expected.rows, expected.nulls)
    assert_frame_equal(found.values, expected.values, check_dtypes=False)
    assert_frame_equal(found.levels.to_frame(), expected.levels.to_frame())


def test_merged_sources_are_those_of_all_rows():
    parts = [3.0, None, 1.0, 1.0], [2.0, None, None, 3.0], [None]
    a, b, c = map(_source, parts)
    whole = _source([value for part in parts for value in part])
    _same(a.merge(b, append=False).merge(c, append=False), whole)
    _same(a.merge(b.merge(c, append=False), append=False), whole)
    assert whole.values.rows() == [(1.0, 2), (2.0, 1), (3.0, 2)]


def test_appending_moves_no_level():
    merged = _source([3.0, 4.0]).merge(_source([1.0, 4.0]), append=True)
    assert merged.levels.levels.names.to_list() == ["3.0", "4.0", "1.0"]
    assert merged.values["value"].to_list() == [1.0, 3.0, 4.0]


def test_scaling_counts_every_row_less_and_by_one_changes_nothing():
    source = _source([1.0, None, 1.0, 2.0])
    assert source.scale(1) is source
    half = source.scale(0.5)
    assert (half.rows, half.nulls) == (2.0, 0.5)
    assert half.values.rows() == [(1.0, 1.0), (2.0, 0.5)]
    assert half.levels.rows.sum() == 2.0
    assert source.values["rows"].to_list() == [2, 1]


def test_bare_sources_hold_no_values():
    bare = _source([1.0, 2.0]).bare()
    assert (bare.rows, bare.levels, bare.values, bare.nbytes) == (2, None, None, 0)
    assert _source([1.0, 2.0]).nbytes > 0


@pytest.mark.parametrize("columns", [("x",), ("x", "y")])
@pytest.mark.parametrize("dtype", [pl.Float64(), pl.Datetime("us", "Europe/Berlin"), pl.Decimal(10, 2), pl.String()])
def test_it_travels_as_plain_data(dtype, columns):
    source = _source([1.0, None, 1.0], dtype, columns)
    _same(Source.from_dict(source.to_dict()), source)
    bare = Source.from_dict(source.bare().to_dict())
    assert (bare.levels, bare.values, bare.nulls) == (None, None, 1)
