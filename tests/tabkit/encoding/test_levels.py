from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tabkit.encoding.levels import Levels, LevelStatistics

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "", "ä", None]),
        st.floats(-1e3, 1e3),
        st.integers(0, 3),
        st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    ),
    min_size=1,
    max_size=40,
)


def _statistics(rows, *, shift=0.0, classes=0):
    text, y, fold, weight = zip(*rows, strict=True)
    y = np.array(y) + shift if not classes else np.abs(np.array(y)).astype(int) % classes
    return LevelStatistics.from_rows(
        pl.Series(text, dtype=pl.String),
        y=np.asarray(y, dtype=np.float64),
        fold=np.array(fold),
        weight=np.array(weight),
        classes=classes,
    )


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["x", "b", "a", "c", ""])])
def test_codes_number_the_levels_then_null_then_unseen(dtype):
    levels = Levels(pl.Series(["", "a", "b"]))
    frame = pl.DataFrame({"t": pl.Series(["b", None, "x", "a", "", "c"], dtype=dtype)})
    assert frame.select(levels.code("t")).to_series().to_list() == [2, 3, 4, 1, 0, 4]
    assert frame.select(levels.unseen("t")).to_series().to_list() == [False, False, True, False, False, True]


def test_codes_of_no_levels_and_of_no_rows():
    none = Levels(pl.Series([], dtype=pl.String))
    assert pl.DataFrame({"t": ["a", None]}).select(none.code("t")).to_series().to_list() == [1, 0]
    empty = pl.DataFrame({"t": pl.Series([], dtype=pl.String)})
    assert empty.select(Levels(pl.Series(["a"])).code("t")).shape == (0, 1)


def test_codes_are_the_same_for_a_stream():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"t": rng.integers(0, 500, 50_000).astype(str)})
    levels = Levels(frame["t"].unique().sort().head(400))
    eager = frame.select(levels.code("t"))
    assert_frame_equal(frame.lazy().select(levels.code("t")).collect(engine="streaming"), eager)


@patient
@given(rows=ROWS)
def test_statistics_are_those_of_a_group_by(rows):
    found = _statistics(rows)
    names = [*found.levels.names.to_list(), None]
    for i, name in enumerate(names):
        for fold in range(found.rows.shape[1]):
            chosen = [(y, w) for text, y, f, w in rows if text == name and f == fold]
            y, weight = np.array([y for y, _ in chosen]), np.array([w for _, w in chosen])
            mass = weight.sum()
            mean = (y * weight).sum() / mass if mass else 0.0
            assert found.rows[i, fold] == len(chosen)
            assert found.weight[i, fold] == pytest.approx(mass)
            assert found.sums[i, fold, 0] == pytest.approx((y * weight).sum())
            assert found.scatter[i, fold, 0] == pytest.approx((weight * (y - mean) ** 2).sum(), abs=1e-9)


@patient
@given(rows=ROWS, classes=st.integers(2, 5))
def test_statistics_of_classes_are_those_of_their_indicators(rows, classes):
    found = _statistics(rows, classes=classes)
    index = [abs(y) // 1 % classes for _, y, _, _ in rows]
    for k in range(classes):
        indicator = _statistics([(t, float(i == k), f, w) for (t, _, f, w), i in zip(rows, index, strict=True)])
        np.testing.assert_allclose(found.sums[..., k], indicator.sums[..., 0], atol=1e-12)
        np.testing.assert_allclose(found.scatter[..., k], indicator.scatter[..., 0], atol=1e-12)


@patient
@given(rows=ROWS)
def test_pooled_folds_equal_one_fold_without_cancellation(rows):
    # a mean that is a million times the spread: sums of squares would lose all digits here
    pooled = _statistics(rows, shift=1e9).total()
    once = _statistics([(t, y, 0, w) for t, y, _, w in rows], shift=1e9)
    np.testing.assert_allclose(pooled.rows, once.rows)
    np.testing.assert_allclose(pooled.sums, once.sums)
    np.testing.assert_allclose(pooled.scatter, once.scatter, rtol=1e-5, atol=1e-4)


@patient
@given(rows=ROWS)
def test_leaving_a_fold_out_equals_counting_the_others(rows):
    found = _statistics(rows)
    for k in range(found.rows.shape[1]):
        others = [(t, y, 0, w if f != k else 0.0) for t, y, f, w in rows]
        np.testing.assert_allclose(found.without(k).weight, _statistics(others).weight, atol=1e-12)
        np.testing.assert_allclose(found.without(k).sums, _statistics(others).sums, atol=1e-8)
        np.testing.assert_allclose(found.without(k).scatter, _statistics(others).scatter, rtol=1e-8, atol=1e-8)


@patient
@given(rows=ROWS, classes=st.sampled_from([0, 3]))
def test_the_long_frame_gives_the_arrays_back(rows, classes):
    found = _statistics(rows, classes=classes)
    again = LevelStatistics.from_frame(found.to_frame(), folds=found.rows.shape[1])
    assert again.levels.names.to_list() == found.levels.names.to_list()
    for name in ("rows", "weight", "sums", "scatter"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_rows_without_weight_leave_no_nan():
    found = _statistics([("a", 1.0, 0, 0.0), ("a", 5.0, 1, 2.0)])
    assert np.isfinite(found.scatter).all()
    assert found.total().sums[0, 0, 0] == 10.0
    assert found.total().scatter[0, 0, 0] == 0.0


def test_text_as_categories_counts_like_text():
    text = pl.Series(["b", None, "a", "b", "c"])
    y, fold, weight = np.arange(5.0), np.array([0, 1, 0, 1, 0]), np.ones(5)
    plain = LevelStatistics.from_rows(text, y=y, fold=fold, weight=weight)
    coded = LevelStatistics.from_rows(text.cast(pl.Categorical), y=y, fold=fold, weight=weight)
    assert coded.levels.names.to_list() == plain.levels.names.to_list() == ["a", "b", "c"]
    np.testing.assert_array_equal(coded.sums, plain.sums)
