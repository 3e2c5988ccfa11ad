from __future__ import annotations

from functools import reduce

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabkit.encoding.levels import KnownLevels, factorise
from tabkit.encoding.statistics import LevelStatistics, Sums, count, empty_like

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
FOLDS = 4
CLOSE = {"rtol": 1e-9, "atol": 1e-6}


def _statistics(rows, *, shift=0.0, classes=0, weighted=True):
    """Statistics of one target: a number, or the index of a class."""
    text, y, fold, weight = zip(*rows, strict=True)
    levels, code = factorise(pl.Series(text, dtype=pl.String))
    y = np.abs(np.array(y)).astype(int) % max(classes, 2) if classes else np.array(y) + shift
    weight = np.array(weight) if weighted else None
    return count(levels, code, fold=np.array(fold), folds=FOLDS, targets=[(y.astype(np.float64), weight, classes)])


def _assert_close(found, expected, **close):
    assert found.levels.names.to_list() == expected.levels.names.to_list()
    np.testing.assert_allclose(found.rows, expected.rows)
    for mine, other in zip(found.targets, expected.targets, strict=True):
        for name in ("weight", "sums", "scatter"):
            np.testing.assert_allclose(getattr(mine, name), getattr(other, name), **{**CLOSE, **close})


@patient
@given(rows=ROWS, weighted=st.booleans())
def test_statistics_are_those_of_a_group_by(rows, weighted):
    found = _statistics(rows, weighted=weighted)
    (target,) = found.targets
    for i, name in enumerate([*found.levels.names.to_list(), None]):
        for fold in range(FOLDS):
            chosen = [(y, w if weighted else 1.0) for text, y, f, w in rows if text == name and f == fold]
            y, weight = np.array([y for y, _ in chosen]), np.array([w for _, w in chosen])
            mass = weight.sum()
            mean = (y * weight).sum() / mass if mass else 0.0
            assert found.rows[i, fold] == len(chosen)
            assert target.weight[i, fold] == pytest.approx(mass)
            assert target.sums[i, fold, 0] == pytest.approx((y * weight).sum())
            assert target.scatter[i, fold, 0] == pytest.approx((weight * (y - mean) ** 2).sum(), abs=1e-9)


@patient
@given(rows=ROWS, classes=st.integers(2, 5))
def test_statistics_of_classes_are_those_of_their_indicators(rows, classes):
    (found,) = _statistics(rows, classes=classes).targets
    index = [int(abs(y)) % classes for _, y, _, _ in rows]
    for k in range(classes):
        indicator = [(t, float(i == k), f, w) for (t, _, f, w), i in zip(rows, index, strict=True)]
        (expected,) = _statistics(indicator).targets
        np.testing.assert_allclose(found.sums[..., k], expected.sums[..., 0], atol=1e-12)
        np.testing.assert_allclose(found.scatter[..., k], expected.scatter[..., 0], atol=1e-12)


@patient
@given(rows=ROWS)
def test_statistics_of_a_binary_target_are_those_of_the_number(rows):
    zero_one = [(t, float(int(abs(y)) % 2), f, w) for t, y, f, w in rows]
    _assert_close(_statistics(zero_one, classes=1), _statistics(zero_one), atol=1e-12)


@patient
@given(rows=ROWS)
def test_pooled_folds_equal_one_fold_without_cancellation(rows):
    # a mean that is a million times the spread: sums of squares would lose all digits here
    pooled = _statistics(rows, shift=1e9).total()
    once = _statistics([(t, y, 0, w) for t, y, _, w in rows], shift=1e9).pool([0])
    _assert_close(pooled, once, rtol=1e-5, atol=1e-4)


@patient
@given(rows=ROWS)
def test_pooling_some_folds_equals_counting_them_alone(rows):
    found = _statistics(rows)
    for k in range(FOLDS):
        others = _statistics([(t, y, 0, w if f != k else 0.0) for t, y, f, w in rows]).pool([0])
        (mine,), (expected,) = found.pool([j for j in range(FOLDS) if j != k]).targets, others.targets
        np.testing.assert_allclose(mine.weight, expected.weight, atol=1e-12)
        np.testing.assert_allclose(mine.sums, expected.sums, atol=1e-8)
        np.testing.assert_allclose(mine.scatter, expected.scatter, rtol=1e-8, atol=1e-8)


@patient
@given(rows=ROWS, parts=st.integers(2, 4), seed=st.integers(0, 99), classes=st.sampled_from([0, 1, 3]))
def test_merging_any_parts_equals_counting_all_rows(rows, parts, seed, classes):
    part = np.random.default_rng(seed).integers(0, parts, len(rows))
    chosen = [[row for row, p in zip(rows, part, strict=True) if p == k] for k in range(parts)]
    found = [_statistics(some, classes=classes) for some in chosen if some]
    _assert_close(reduce(LevelStatistics.merge, found), _statistics(rows, classes=classes))


@patient
@given(rows=ROWS)
def test_merging_does_not_cancel(rows):
    half = len(rows) // 2 or 1
    parts = [_statistics(some, shift=1e9) for some in (rows[:half], rows[half:]) if some]
    _assert_close(reduce(LevelStatistics.merge, parts), _statistics(rows, shift=1e9), rtol=1e-5, atol=1e-4)


def test_new_levels_stand_behind_if_they_are_appended():
    old, new = _statistics([("b", 1.0, 0, 1.0), (None, 5.0, 0, 1.0)]), _statistics([("a", 2.0, 1, 3.0)])
    for append, names in ((True, ["b", "a"]), (False, ["a", "b"])):
        both = old.merge(new, append=append)
        assert both.levels.names.to_list() == names
        assert both.targets[0].sums[names.index("a"), 1, 0] == 6.0
        assert both.targets[0].sums[2, 0, 0] == 5.0


@patient
@given(rows=ROWS, factor=st.sampled_from([0.25, 0.5, 1.0]))
def test_scaled_statistics_are_those_of_scaled_weights(rows, factor):
    found = _statistics(rows).scale(factor)
    expected = _statistics([(t, y, f, w * factor) for t, y, f, w in rows])
    np.testing.assert_allclose(found.rows, expected.rows * factor)
    for name in ("weight", "sums", "scatter"):
        np.testing.assert_allclose(getattr(found.targets[0], name), getattr(expected.targets[0], name), **CLOSE)


@patient
@given(rows=ROWS, cells=st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_cells_that_meet_are_pooled(rows, cells):
    found = _statistics(rows)
    index = np.array(cells[: len(found.rows)])
    moved = found.targets[0].at(index, cells=3)
    names = [*found.levels.names.to_list(), None]
    renamed = [(f"cell {index[names.index(t)]}", y, f, w) for t, y, f, w in rows]
    expected = _statistics(renamed)
    place = [int(name.removeprefix("cell ")) for name in expected.levels.names]
    np.testing.assert_allclose(moved.weight[place], expected.targets[0].weight[:-1], **CLOSE)
    np.testing.assert_allclose(moved.sums[place], expected.targets[0].sums[:-1], **CLOSE)
    np.testing.assert_allclose(moved.scatter[place], expected.targets[0].scatter[:-1], **CLOSE)


@patient
@given(rows=ROWS, classes=st.sampled_from([0, 1, 3]))
def test_the_long_frame_gives_the_arrays_back(rows, classes):
    found = _statistics(rows, classes=classes)
    again = LevelStatistics.from_frame(found.to_frame(), folds=FOLDS)
    assert again.levels.names.to_list() == found.levels.names.to_list()
    np.testing.assert_array_equal(again.rows, found.rows)
    for name in ("weight", "sums", "scatter"):
        np.testing.assert_array_equal(getattr(again.targets[0], name), getattr(found.targets[0], name))


def test_the_long_frame_keeps_many_targets_and_the_order_of_appended_levels():
    levels, code = factorise(pl.Series(["b", None, "c", "b"]))
    fold, y = np.array([0, 1, 2, 1]), np.arange(4.0)
    targets = [(y % 2, None, 1)] * 10 + [(y, y + 1, 4), (y, None, 0)]
    found = count(levels, code, fold=fold, folds=3, targets=targets)
    new = count(
        KnownLevels(pl.Series(["a"])),
        np.array([0]),
        fold=np.array([2]),
        folds=3,
        targets=[(t[:1], None, k) for t, _, k in targets],
    )
    both = found.merge(new, append=True)
    again = LevelStatistics.from_frame(both.to_frame(), folds=3)
    assert again.levels.names.to_list() == ["b", "c", "a"]
    _assert_close(again, both, rtol=0, atol=0)
    assert [sums.sums.shape[2] for sums in again.targets] == [1] * 10 + [4, 1]


def test_statistics_without_a_target_are_rows_alone():
    levels, code = factorise(pl.Series(["a", "b", "a", None]))
    found = count(levels, code, fold=np.zeros(4, dtype=np.int64), folds=2, targets=[])
    assert found.rows.tolist() == [[2, 0], [1, 0], [1, 0]]
    assert LevelStatistics.from_frame(found.to_frame(), folds=2).targets == ()
    assert found.merge(found).rows[:, 0].tolist() == [4, 2, 2]


def test_rows_without_weight_leave_no_nan():
    found = _statistics([("a", 1.0, 0, 0.0), ("a", 5.0, 1, 2.0)])
    assert np.isfinite(found.targets[0].scatter).all()
    assert found.total().targets[0].sums[0, 0, 0] == 10.0
    assert found.total().targets[0].scatter[0, 0, 0] == 0.0


def test_text_as_categories_counts_like_text():
    text = pl.Series(["b", None, "a", "b", "c"])
    plain, coded = factorise(text), factorise(text.cast(pl.Categorical))
    assert coded[0].names.to_list() == plain[0].names.to_list() == ["a", "b", "c"]
    np.testing.assert_array_equal(coded[1], plain[1])


def test_statistics_of_no_rows_have_the_shape_of_the_others():
    found = _statistics([("a", 1.0, 0, 1.0)])
    none = empty_like(found, KnownLevels(pl.Series(["x", "y"])))
    assert (none.rows.shape, none.rows.sum(), none.folds) == ((3, FOLDS), 0, FOLDS)
    assert none.merge(found).rows.sum() == 1


def test_memory_counts_arrays_and_names():
    small, large = _statistics([("a", 1.0, 0, 1.0)]), _statistics([(f"level {i}", 1.0, 0, 1.0) for i in range(100)])
    assert large.nbytes > 10 * small.nbytes > 0


def test_pooled_sums_keep_the_weight_of_each_cell():
    sums = Sums(np.array([[1.0, 2.0]]), np.array([[[2.0], [10.0]]]), np.zeros((1, 2, 1)))
    pooled = sums.pool([0, 1])
    assert (pooled.weight.item(), pooled.sums.item()) == (3.0, 12.0)
    assert pooled.scatter.item() == pytest.approx(1 * (2 - 4) ** 2 + 2 * (5 - 4) ** 2)
