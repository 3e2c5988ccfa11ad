"""Rows that are known again."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tabkit.fingerprint import KEPT, RowSample, key_texts, row_hashes, row_texts

MIXED = pl.DataFrame(
    {
        "n": [1, None, -3],
        "x": [0.5, float("nan"), -0.0],
        "s": ["a", None, "é"],
        "b": [True, None, False],
        "d": [dt.date(1960, 1, 1), None, dt.date(2026, 1, 1)],
        "t": pl.Series([dt.datetime(2026, 1, 1, 5), None, None]).dt.replace_time_zone("Asia/Tokyo"),
        "u": pl.Series([2**64 - 1, 2**64 - 5_000, 1], dtype=pl.UInt64),
    }
)


def test_the_numbers_never_change() -> None:
    assert row_hashes(MIXED, MIXED.columns).tolist() == GOLDEN


GOLDEN = [17390881033300357499, 7618257137194737096, 7341515965652560911]


def test_formats_that_keep_other_types_give_the_same_numbers() -> None:
    other = MIXED.select(
        pl.col("n").cast(pl.Float64),
        pl.col("x").fill_nan(None),
        pl.col("s").cast(pl.Categorical),
        pl.col("b").cast(pl.Int8),
        pl.col("d").cast(pl.Datetime("ms")),
        pl.col("t").dt.convert_time_zone("UTC"),
        pl.col("u").cast(pl.Int128),
    ).select(reversed(MIXED.columns))
    assert row_hashes(other, other.columns).tolist() == row_hashes(MIXED, MIXED.columns).tolist()


@pytest.mark.parametrize("name", MIXED.columns)
def test_every_column_counts(name: str) -> None:
    before = row_hashes(MIXED, MIXED.columns)
    changed = MIXED.with_columns(pl.col(name).shift(1))
    assert (row_hashes(changed, MIXED.columns) != before).any()
    assert (row_hashes(MIXED.rename({name: "other"}), [*MIXED.rename({name: "other"}).columns]) != before).all()


def test_no_two_of_many_rows_are_alike() -> None:
    grid = pl.DataFrame({"a": np.repeat(np.arange(500), 500), "b": np.tile(np.arange(500) / 4, 500)})
    assert len(np.unique(row_hashes(grid, ["a", "b"]))) == 250_000


def keys(start: int, stop: int) -> list[str]:
    return [f"row {i}" for i in range(start, stop)]


@pytest.mark.parametrize("rows", [100, 50_000])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
def test_the_share_of_known_rows_is_found(rows: int, share: float) -> None:
    known = int(rows * share)
    found = RowSample.of(keys(0, rows)).overlap(keys(rows - known, 2 * rows - known))
    # small tables are kept whole, of large ones some 4,096 rows of the new table are looked at
    assert found == pytest.approx(share, abs=0 if rows <= 4096 else 4 * 0.5 / np.sqrt(4096))


@pytest.mark.parametrize(("first", "second"), [(100, 200), (90_000, 300), (300, 90_000), (50_000, 60_000)])
def test_a_merge_is_the_sketch_of_all_rows(first: int, second: int) -> None:
    merged = RowSample.of(keys(0, first)).merge(RowSample.of(keys(first, first + second)))
    whole = RowSample.of(keys(0, first + second))
    assert merged.complete == whole.complete
    shorter = min(len(merged.hashes), len(whole.hashes))
    np.testing.assert_array_equal(merged.hashes[:shorter], whole.hashes[:shorter])
    assert shorter > 50


def test_it_travels_as_a_frame() -> None:
    sketch = RowSample.of(keys(0, 100_000))
    again = RowSample.from_frame(sketch.to_frame())
    assert again.overlap(keys(50_000, 150_000)) == sketch.overlap(keys(50_000, 150_000))
    assert again.complete is False


def test_hashes_are_those_of_every_version() -> None:
    assert RowSample.of(["a", "b"]).hashes.tolist() == sorted(RowSample.of(["b", "a"]).hashes.tolist())
    assert RowSample.of(["a"]).hashes.tolist() == [4681665781835383343]


def test_no_rows_are_known_to_nobody() -> None:
    assert RowSample.of([]).overlap(keys(0, 3)) == 0.0
    assert RowSample.of(keys(0, 3)).overlap([]) == 0.0


@pytest.mark.parametrize("share", [0.0, 0.2, 0.83, 1.0])
def test_it_travels_as_a_line_of_text(share: float) -> None:
    rows = row_hashes(pl.DataFrame({"id": range(40_000)}), ["id"])
    again = RowSample.from_text(RowSample.of(rows[:20_000], size=KEPT).to_text())
    assert again is not None
    start = int(20_000 * (1 - share))
    found = again.overlap(rows[start : start + 20_000])
    assert found == pytest.approx(share, abs=0.06)
    assert (found == 0) == (share == 0)


def test_of_few_rows_all_is_known() -> None:
    rows = row_hashes(pl.DataFrame({"id": range(105)}), ["id"])
    few = RowSample.from_text(RowSample.of(rows[:100], size=KEPT).to_text())
    assert few is not None
    assert few.known(rows[95:105]).tolist() == [True] * 5 + [False] * 5


@pytest.mark.parametrize("text", [None, 3, "", "abc", "é", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "A" * 8 * 4 * KEPT])
def test_other_text_is_no_sketch(text: object) -> None:
    assert RowSample.from_text(text) is None


def test_texts_of_rows_are_those_of_every_version() -> None:
    frame = pl.DataFrame({"b": [1.5, None], "a": ["x", "y"], "list": [[1], [2]]})
    assert row_texts(frame).to_list() == ["x\x1f1.5", "y\x1f\x1e"]
    times = pl.DataFrame({"id": ["a", None], "t": [dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 2)]})
    assert key_texts(times, id="id", time="t").to_list() == ["a\x1f1767225600000000", None]
