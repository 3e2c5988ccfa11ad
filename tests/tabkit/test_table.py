from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from tabkit.errors import ConfigError, FitError, SchemaError, SourceError
from tabkit.roles import Roles
from tabkit.table import read

NAN, INF = float("nan"), float("inf")
FRAME = pl.DataFrame(
    {
        "id": [3, 1, 2, 4],
        "day": [dt.date(2020, 1, d) for d in (3, 1, 2, 4)],
        "y": [1, 0, None, 1],
        "w": [0.0, 1.0, 2.0, 0.5],
        "e": [1, 2, 3, 4],
        "g": ["a", "a", "b", "b"],
        "x": [1.0, None, NAN, 4.0],
    }
)
ROLES = Roles(id="id", time="day", target="y", weight="w", exposure="e", group="g")


def test_rows_and_roles_are_read():
    table = read(FRAME, ROLES)
    assert table.frame.drop("w").equals(FRAME.drop("w"))
    assert (table.roles, table.name, table.dropped) == (ROLES, "a DataFrame", {})
    assert table.span() == ("2020-01-01", "2020-01-04")
    assert table.numbers("weight") == pytest.approx(np.array([0.0, 1.0, 2.0, 0.5]) / 0.875)
    assert table.weight_mean == 0.875
    assert table.numbers("exposure").tolist() == [1.0, 2.0, 3.0, 4.0]
    assert table.numbers("exposure").dtype == np.float64
    assert table.numbers("amount") is None


def test_roles_are_no_must():
    table = read(FRAME.lazy(), Roles())
    assert (table.times(), table.span(), table.name) == (None, None, "a LazyFrame")


def test_excluded_columns_are_not_read(tmp_path):
    FRAME.write_parquet(tmp_path / "t.parquet")
    table = read(tmp_path / "t.parquet", ROLES, exclude=["x", "x"])
    assert table.frame.columns == FRAME.drop("x").columns
    assert table.short_name == "t.parquet"
    assert table.name == repr(str(tmp_path / "t.parquet"))


def test_rows_without_a_target_are_counted():
    table = read(FRAME, ROLES, drop_null_target=True)
    assert table.frame["id"].to_list() == [3, 1, 4]
    assert table.dropped == {"null target": 1}
    assert read(FRAME.drop_nulls("y"), ROLES, drop_null_target=True).dropped == {"null target": 0}


@pytest.mark.parametrize(
    "values",
    [
        [2, 1, 3],
        [2.5, 1.5, 3.5],
        [Decimal(2), Decimal(1), Decimal(3)],
        pl.Series([2, 1, 3], dtype=pl.Int128),
        pl.Series([2, 1, 3], dtype=pl.UInt64),
        [dt.date(2020, 1, d) for d in (2, 1, 3)],
        [dt.datetime(2020, 1, 1, h) for h in (2, 1, 3)],
        pl.Series([dt.datetime(2020, 1, 1, h) for h in (2, 1, 3)], dtype=pl.Datetime("ns", "Europe/Berlin")),
    ],
    ids=lambda values: str(pl.Series(values).dtype),
)
def test_times_sort_like_the_column(values):
    table = read(pl.DataFrame({"t": values}), Roles(time="t"))
    times = table.times()
    assert times.dtype.kind in "iuf"
    assert np.argsort(times).tolist() == [1, 0, 2]
    first, last = (str(pl.Series(values)[i]) for i in (1, 2))
    assert table.span() == (first, last)


def changed(**columns) -> pl.DataFrame:
    return FRAME.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


@pytest.mark.parametrize(
    ("frame", "kind", "match"),
    [
        (FRAME.clear(), FitError, "a DataFrame has no rows"),
        (FRAME.drop("y", "w"), SchemaError, r"lacks columns: 'y' \(target\), 'w'"),
        (changed(id=[1, 2, None, 4]), FitError, r"id 'id'.*null \(or NaN\).*1.*4"),
        (changed(id=[1.0, 2.0, NAN, 4.0]), FitError, r"id 'id'.*null \(or NaN\).*1.*4"),
        (
            changed(id=[1, 2, 1, 1]),
            FitError,
            r"'id'.*2.*DataFrame.*1",
        ),
        (changed(id=["a", "b", "b", "a"]), FitError, "such as 'a', 'b'"),
        (changed(id=[[1], [2], [3], [4]]), SchemaError, r"id 'id'.*List\(Int64\).*plain"),
        (changed(day=[None, *FRAME["day"][1:]]), FitError, "time 'day' is null"),
        (changed(day=["2020-01-01"] * 4), SchemaError, r"'day'.*String"),
        (changed(day=[True] * 4), SchemaError, "time 'day' is Boolean"),
        (changed(day=[dt.time(1)] * 4), SchemaError, "time 'day' is Time"),
        (changed(day=[dt.timedelta(1)] * 4), SchemaError, r"time 'day' is Duration\[us\]"),
        (changed(day=[1.0, 2.0, INF, 3.0]), FitError, "time 'day' is infinite"),
        (changed(day=[1.0, 2.0, NAN, 3.0]), FitError, "time 'day' is null"),
        (changed(g=["a", None, "b", "b"]), FitError, "group 'g' is null"),
        (changed(w=[1.0, None, 1.0, 1.0]), FitError, "weight 'w' is null"),
        (changed(w=[1.0, NAN, 1.0, 1.0]), FitError, "weight 'w' is null"),
        (
            changed(w=[1.0, -1.0, -2.0, 1.0]),
            FitError,
            r"weight 'w'.*finite.*2.*4",
        ),
        (changed(w=[1.0, INF, 1.0, 1.0]), FitError, "weight 'w' must be finite"),
        (changed(w=[0, 0, 0, 0]), FitError, r"weight 'w'.*rows"),
        (changed(w=["1"] * 4), SchemaError, r"'w'.*String"),
        (changed(w=[True] * 4), SchemaError, r"weight 'w'.*Boolean"),
        (changed(e=[1, 0, 2, 3]), FitError, r"exposure 'e'.*zero.*1.*4"),
        (changed(e=[1.0, INF, 2.0, 3.0]), FitError, "exposure 'e' must be finite"),
        (changed(y=[[1], [0], [1], [1]]), SchemaError, r"target 'y' is List\(Int64\)"),
    ],
)
def test_what_a_fit_cannot_use_is_refused(frame, kind, match):
    with pytest.raises(kind, match=match) as caught:
        read(frame, ROLES)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("options", "kind", "match"),
    [
        ({"exclude": ["nope"]}, SchemaError, r"lacks columns: 'nope' \(excluded\)"),
        ({"exclude": ["x", "y", "w"]}, ConfigError, r"excluded: 'y' \(target\), 'w' \(weight\)"),
    ],
)
def test_exclusions_that_cannot_be_are_refused(options, kind, match):
    with pytest.raises(kind, match=match) as caught:
        read(FRAME, ROLES, **options)
    assert caught.value.advice


def test_a_target_that_is_null_throughout_is_refused():
    frame = FRAME.with_columns(y=pl.lit(None))
    with pytest.raises(FitError, match=r"target 'y'.*null.*every") as caught:
        read(frame, ROLES, drop_null_target=True)
    assert caught.value.advice
    assert read(frame, ROLES).frame.height == 4  # the target itself is judged where it is understood


def test_leaving_out_rows_without_a_target_needs_one():
    with pytest.raises(ConfigError, match="no target is given"):
        read(FRAME, Roles(id="id"), drop_null_target=True)


def test_a_source_that_is_none_is_refused():
    with pytest.raises(SourceError, match="folder 'nope"):
        read("nope.csv", ROLES)


def test_rows_whose_target_is_nan_have_none():
    table = read(pl.DataFrame({"y": [1.0, float("nan"), None, 2.0]}), Roles(target="y"), drop_null_target=True)
    assert table.frame["y"].to_list() == [1.0, 2.0]
    assert table.dropped == {"null target": 2}
