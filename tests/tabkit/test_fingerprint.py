"""Rows that are known again."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tabkit.fingerprint import KEPT, Sample, row_hashes

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


@pytest.mark.parametrize("share", [0.0, 0.2, 0.83, 1.0])
def test_the_overlap_is_estimated(share: float) -> None:
    rows = row_hashes(pl.DataFrame({"id": range(40_000)}), ["id"])
    sample = Sample.of(rows[:20_000])
    assert sample is not None
    again = Sample.read(sample.text())
    assert again is not None
    start = int(20_000 * (1 - share))
    found = again.overlap(rows[start : start + 20_000])
    assert found == pytest.approx(share, abs=0.06)
    assert (found == 0) == (share == 0)


def test_what_cannot_be_told_is_not_told() -> None:
    rows = row_hashes(pl.DataFrame({"id": range(400_000)}), ["id"])
    sample = Sample.of(rows[:300_000])
    assert sample is not None
    assert sample.overlap(rows[300_000:300_100]) is None
    few = Sample.of(rows[:100])
    assert few is not None
    assert few.overlap(rows[95:105]) == 0.5  # all hundred are kept: of each it can be told
    assert Sample.of(np.repeat(rows[:50], 2)) is None


@pytest.mark.parametrize("text", [None, 3, "", "abc", "é", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "A" * 8 * 4 * KEPT])
def test_other_text_is_no_sample(text: object) -> None:
    assert Sample.read(text) is None
