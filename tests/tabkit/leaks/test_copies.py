"""Copies across a division, judged against what rows of such values have by nature."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from tabkit.leaks.copies import Copies, find_copies

Maker = Callable[[np.random.Generator, int], pl.DataFrame]


def whole(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """Columns of a hundred values each: none tells rows apart, together they do."""
    return pl.DataFrame({name: rng.integers(0, 100, n) for name in "abc"})


def cross(rng: np.random.Generator, n: int) -> pl.DataFrame:
    return pl.DataFrame({"rank": rng.integers(0, 4, n), "adult": rng.random(n) < 0.9, "sex": rng.choice(["f", "m"], n)})


def few(rng: np.random.Generator, n: int) -> pl.DataFrame:
    return pl.DataFrame({name: rng.integers(0, 8, n) for name in "abcd"})


def catalogue(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """Columns that a product determines."""
    product = rng.integers(0, 60, n)
    price = rng.exponential(9, 60).round(2)
    return pl.DataFrame({"product": product, "name": [f"n{i}" for i in product], "price": price[product]})


def survey(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """Answers that follow fifty patterns, each left now and then: many rows are alike without a copy."""
    patterns, kind = rng.integers(0, 5, (50, 12)), rng.integers(0, 50, n)
    own = rng.random((n, 12)) < 0.05
    answers = np.where(own, rng.integers(0, 5, (n, 12)), patterns[kind])
    return pl.DataFrame(answers, schema=[f"q{i}" for i in range(12)], orient="row")


def places(rng: np.random.Generator, n: int) -> pl.DataFrame:
    zip_code = np.minimum(rng.geometric(0.01, n), 400)
    return pl.DataFrame({"zip": zip_code, "city": zip_code // 5, "kids": rng.integers(0, 3, n)})


def with_target(frame: pl.DataFrame, rng: np.random.Generator, *, classes: bool) -> pl.DataFrame:
    first = frame.to_series(0).cast(pl.Float64).to_numpy()
    score = (first - first.mean()) / first.std()
    if classes:
        return frame.with_columns(y=pl.Series((rng.random(len(score)) < 1 / (1 + np.exp(1.5 - score))).astype(int)))
    return frame.with_columns(y=pl.Series((10 * score + rng.normal(0, 3, len(score))).round()))


def looked_for(frame: pl.DataFrame, rng: np.random.Generator, *, classes: bool, **options: Any) -> Copies | None:
    frame = frame[rng.permutation(frame.height)]
    cut = int(0.7 * frame.height)
    columns = [name for name in frame.columns if name != "y"]
    return find_copies(frame[:cut], frame[cut:], columns=columns, target="y", classes=classes, **options)


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("made", [cross, few, catalogue, places, whole])
def test_rows_of_few_values_are_alike_by_nature(made: Maker, classes: bool) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        assert looked_for(with_target(made(rng, 800), rng, classes=classes), rng, classes=classes) is None


def test_answers_that_go_together_are_seldom_taken_for_copies() -> None:
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        alarms += looked_for(with_target(survey(rng, 500), rng, classes=True), rng, classes=True) is not None
    assert alarms <= 1


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("made", [whole, few])
def test_copies_of_rows_that_no_column_tells_apart(made: Maker, classes: bool) -> None:
    rng = np.random.default_rng(0)
    frame = with_target(made(rng, 1000), rng, classes=classes)
    found = looked_for(pl.concat([frame, frame[:450]]), rng, classes=classes)
    assert found is not None
    assert found.same_target
    assert 0.3 < found.share < 0.6
    assert found.expected < 0.2
    assert "target and all" in found.text()


def test_copies_of_rows_of_measurements() -> None:
    rng = np.random.default_rng(0)
    frame = with_target(pl.DataFrame({"x": rng.normal(size=300)}), rng, classes=True)
    assert looked_for(frame, rng, classes=True) is None
    found = looked_for(pl.concat([frame] * 4), rng, classes=True)
    assert found is not None
    assert found.share > 0.9


def test_copies_that_differ_in_a_number_of_their_own() -> None:
    rng = np.random.default_rng(0)
    frame = with_target(whole(rng, 1000), rng, classes=True)
    assert looked_for(frame.with_row_index("line"), rng, classes=True) is None
    found = looked_for(pl.concat([frame, frame[:450]]).with_row_index("line"), rng, classes=True)
    assert found is not None
    assert found.left_out == ("line",)
    assert "'line' apart" in found.text()


def test_copies_with_another_target() -> None:
    rng = np.random.default_rng(0)
    frame = with_target(whole(rng, 1000), rng, classes=True)
    both = pl.concat([frame, frame[:450].with_columns(y=1 - pl.col("y"))])
    found = looked_for(both, rng, classes=True)
    assert found is not None
    assert not found.same_target
    assert "mostly with another target" in found.text()
    assert looked_for(both, rng, classes=True, contradicting=False) is None


def test_nothing_to_compare() -> None:
    frame = pl.DataFrame({"tags": [["a"]] * 4, "y": [0, 1, 0, 1]})
    assert find_copies(frame, frame, columns=["tags"], target="y", classes=True) is None
    assert find_copies(frame[:0], frame, columns=["y"], target="y", classes=True) is None


def test_odd_names_are_no_patterns() -> None:
    rng = np.random.default_rng(0)
    frame = with_target(whole(rng, 1000).rename({"a": "*", "b": "^y.*$", "c": ""}), rng, classes=True)
    found = looked_for(pl.concat([frame, frame[:450]]), rng, classes=True)
    assert found is not None
    assert found.share > 0.3
