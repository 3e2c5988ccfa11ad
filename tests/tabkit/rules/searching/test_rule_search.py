"""The search against brute force, and what it must not do."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from tabkit.rules.bins import BinnedColumn, axes
from tabkit.rules.config import SuggestConfig
from tabkit.rules.searching.search import GAIN, search


def coded(frame: pl.DataFrame, bins: int = 12) -> tuple[BinnedColumn, ...]:
    return axes(frame, frame.columns, rows=None, bins=bins, most_levels=30).found


def quality(inside: np.ndarray, y: np.ndarray, exponent: float = 0.5) -> float:
    return float(inside.mean() ** exponent * (y[inside].mean() - y.mean()) / y.std()) if inside.any() else 0.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0])
def test_the_best_interval_is_found(seed: int, exponent: float) -> None:
    chance = np.random.default_rng(seed)
    x = chance.normal(size=1000)
    y = (chance.random(1000) < 0.1 + 0.3 * (np.abs(x - 0.5) < 0.6)).astype(np.float64)
    [axis] = coded(pl.DataFrame({"x": x}))
    found = search([axis], y, least=30, config=SuggestConfig(depth=1, exponent=exponent)).nodes[0]
    runs = [(axis.codes >= low) & (axis.codes < high) for low, high in itertools.combinations(range(13), 2)]
    best = max(quality(run, y, exponent) for run in runs if run.sum() >= 30)
    assert found.quality == pytest.approx(best)
    assert quality(found.rows, y, exponent) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_set_of_levels_is_found(seed: int) -> None:
    chance = np.random.default_rng(seed)
    level = chance.integers(0, 8, 2000)
    y = chance.normal(size=2000) + 0.4 * np.isin(level, (1, 4, 6))
    [axis] = coded(pl.DataFrame({"level": level.astype(str)}))
    found = search([axis], y, least=30, config=SuggestConfig(depth=1)).nodes[0]
    sets = itertools.chain.from_iterable(itertools.combinations(range(8), size) for size in range(1, 8))
    assert found.quality == pytest.approx(max(quality(np.isin(axis.codes, names), y) for names in sets))


def test_null_and_not_null_are_conditions() -> None:
    chance = np.random.default_rng(0)
    hidden = chance.random(2000) < 0.2
    frame = pl.DataFrame({"x": chance.normal(size=2000)}).with_columns(
        pl.when(pl.Series(hidden)).then(None).otherwise(pl.col("x")).alias("x")
    )
    for y, said in ((hidden, "x is null"), (~hidden, "x is not null")):
        noisy = y + chance.normal(0, 0.5, 2000)
        ours = coded(frame)
        best = search(ours, noisy, least=30, config=SuggestConfig()).nodes[0]
        assert best.rule(ours).text() == said


def test_each_condition_gains_over_its_parent() -> None:
    chance = np.random.default_rng(1)
    frame = pl.DataFrame(chance.normal(size=(5000, 5)), schema=list("abcde"), orient="row")
    y = (chance.random(5000) < 0.1 + 0.3 * ((frame["a"] > 0) & (frame["b"] > 0)).to_numpy()).astype(np.float64)
    ours = coded(frame)
    found = search(ours, y, least=50, config=SuggestConfig()).nodes
    assert {len(node.picks) for node in found} == {1, 2, 3}
    for node in found:
        assert node.rows.sum() >= 50
        assert node.value == pytest.approx(y[node.rows].mean())
        assert node.quality == pytest.approx(quality(node.rows, y))
        assert len({index for index, _ in node.picks}) == len(node.picks)
        if len(node.picks) == 1:
            error = y.std() * np.sqrt((5000 - node.rows.sum()) / (node.rows.sum() * 4999))
            assert node.value - y.mean() > GAIN * error


def test_the_beam_does_not_say_the_same_in_other_words() -> None:
    chance = np.random.default_rng(2)
    x = chance.normal(size=3000)
    frame = pl.DataFrame({"x": x, "copy": 2 * x, "again": x**3, "other": chance.normal(size=3000)})
    y = (chance.random(3000) < 0.1 + 0.3 * (x > 0)).astype(np.float64)
    found = search(coded(frame), y, least=30, config=SuggestConfig(depth=1)).nodes
    assert {index for node in found for index, _ in node.picks} <= {0, 3}


def test_many_columns_are_all_tried_alone_and_the_most_useful_combined() -> None:
    chance = np.random.default_rng(3)
    frame = pl.DataFrame(chance.normal(size=(2000, 40)), schema=[f"c{i}" for i in range(40)], orient="row")
    y = chance.normal(size=2000) + 1.5 * ((frame["c7"] > 0) & (frame["c33"] > 0)).to_numpy()
    ours = coded(frame)
    found = search(ours, y, least=30, config=SuggestConfig(most_columns=5))
    assert found.combined == 5
    assert found.nodes[0].rule(ours).columns() == ("c7", "c33")


def test_nothing_is_found_in_nothing() -> None:
    [axis] = coded(pl.DataFrame({"x": np.arange(100.0)}))
    assert search([axis], np.ones(100), least=10, config=SuggestConfig()).nodes == ()
    assert search([], np.arange(100.0), least=10, config=SuggestConfig()).nodes == ()
    assert search([], np.empty(0), least=10, config=SuggestConfig()).nodes == ()


def test_it_is_the_same_every_time() -> None:
    chance = np.random.default_rng(4)
    frame = pl.DataFrame({"a": chance.normal(size=2000), "b": chance.choice(list("uvwxyz"), 2000)})
    y = chance.normal(size=2000) + (frame["a"] > 0).to_numpy()
    ours = coded(frame)
    runs = [search(ours, y, least=30, config=SuggestConfig()) for _ in range(2)]
    assert [node.picks for node in runs[0].nodes] == [node.picks for node in runs[1].nodes]
