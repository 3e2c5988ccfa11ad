"""Epsilon squared against its definition, and on columns whose use is known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.rules.goal import Goal
from tabkit.rules.relevance import useful, usefulness


def test_it_is_the_adjusted_r_squared_of_group_means() -> None:
    chance = np.random.default_rng(0)
    codes = chance.integers(0, 6, 500).astype(np.uint8)
    y = 1e6 + codes + chance.normal(0, 2, 500)
    X = np.eye(6)[codes]
    within = ((y - X @ np.linalg.lstsq(X, y)[0]) ** 2).sum()
    expected = 1 - (within / (500 - 6)) / y.var(ddof=1)
    assert usefulness(codes, y, groups=9) == pytest.approx(expected, abs=1e-9)


def test_groups_that_say_nothing_get_about_nothing_however_many_they_are() -> None:
    chance = np.random.default_rng(1)
    y = chance.normal(size=2000)
    values = [
        usefulness(chance.integers(0, groups, 2000).astype(np.uint32), y, groups=groups) for groups in (2, 50, 900)
    ]
    assert max(values) < 0.05


@pytest.mark.parametrize("y", [np.ones(4), np.arange(4.0)])
def test_it_is_zero_where_it_cannot_be_said(y: np.ndarray) -> None:
    assert usefulness(np.arange(4, dtype=np.uint8), y, groups=4) == 0
    assert usefulness(np.empty(0, dtype=np.uint8), np.empty(0), groups=4) == 0


def test_columns_come_in_order_of_their_use_null_included() -> None:
    chance = np.random.default_rng(2)
    n = 5000
    hidden = chance.random(n) < 0.2
    frame = pl.DataFrame(
        {
            "noise": chance.normal(size=n),
            "some": chance.normal(size=n),
            "gone": pl.Series(np.where(hidden, None, 1.0).astype(float)).fill_nan(None),
            "list": [[1]] * n,
            "same": 1,
        }
    )
    y = 3.0 * hidden + 0.5 * frame["some"].to_numpy() + chance.normal(size=n)
    found = useful(frame.with_columns(y=y), Goal("y", "mean", y), sample=3000)
    assert list(found) == ["gone", "some", "noise"]
    assert found["noise"] < 0.01


def test_an_effect_is_what_treatment_changes_not_what_the_outcome_follows() -> None:
    chance = np.random.default_rng(3)
    n = 20_000
    frame = pl.DataFrame({"level": chance.integers(0, 3, n), "moves": chance.integers(0, 3, n)})
    treated = chance.random(n) < 0.5
    y = frame["level"].to_numpy() + 0.5 * frame["moves"].to_numpy() * treated + chance.normal(size=n)
    goal = Goal("y", "effect", y, None, treated, "arm", "mail", "none")
    found = useful(frame, goal)
    assert found["moves"] > 3 * found["level"]
    assert useful(frame, Goal("y", "effect", y, None, np.ones(n, dtype=bool), "arm", "mail", "none")) == {}
