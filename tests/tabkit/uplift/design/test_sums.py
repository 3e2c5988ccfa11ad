"""An outcome that is made of features is found, however it is made; one that goes with them is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.uplift.design.sums import made_of


def columns(rows=1500, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "food": rng.poisson(1.0, rows), "toys": rng.poisson(0.5, rows), "back": rng.poisson(0.2, rows),
            "age": rng.normal(50, 9, rows), "member": rng.random(rows) < 0.3, "city": rng.choice(["a", "b"], rows),
            "items": rng.integers(1, 9, rows), "price": (1 + 50 * rng.random(rows)).round(2),
            "gift": np.where(rng.random(rows) < 0.5, np.nan, rng.random(rows)),
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "parts"),
    [
        (pl.col("food") + pl.col("toys"), ["food", "toys"]),
        (pl.col("food") - pl.col("back"), ["food", "back"]),
        (pl.col("food") + 2 * pl.col("toys") - pl.col("back"), ["food", "toys", "back"]),
        ((pl.col("price") * 1.19 + pl.col("food")).round(2), ["food", "price"]),
        ((pl.col("items") * pl.col("price")).round(2), ["items", "price"]),
        (pl.col("price") / pl.col("items"), ["items", "price"]),
        (pl.col("food") + pl.col("gift").fill_nan(0.0), ["food", "gift"]),
        (1e9 + pl.col("food") + pl.col("toys"), ["food", "toys"]),
    ],
)
def test_the_parts_are_named(made, parts):
    frame = columns()
    assert sorted(made_of(frame, frame.columns, frame.select(made).to_series().cast(pl.Float64).to_numpy())) == sorted(
        parts
    )


def test_outcomes_of_their_own_are_not_made_of_features():
    for seed in range(30):
        frame, rng = columns(seed=seed), np.random.default_rng(100 + seed)
        close = frame["price"].to_numpy() * 3 + frame["food"].to_numpy() + rng.normal(0, 0.5, frame.height)
        rare = (rng.random(frame.height) < 0.01).astype(np.float64)
        few = rng.poisson(1.0, frame.height).astype(np.float64)
        for told in (close, rare, few):
            assert made_of(frame, frame.columns, told) == []


def test_a_handful_of_rows_says_nothing():
    frame = columns(20)
    assert made_of(frame, frame.columns, (frame["food"] + frame["toys"]).cast(pl.Float64).to_numpy()) == []
