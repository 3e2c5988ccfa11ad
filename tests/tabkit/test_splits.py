from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tabkit.errors import ConfigError, FitError
from tabkit.splits import Holdout, divide, holdout, kfold, time_blocks

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 2**32)
SHARES = st.floats(0.1, 0.9)
CODES = st.lists(st.integers(0, 6), min_size=2, max_size=80).map(np.array)


def check_partition(parts: Holdout, n: int) -> None:
    assert parts.train.dtype == parts.test.dtype == np.int64
    assert parts.train.size > 0
    assert parts.test.size > 0
    assert (np.diff(parts.train) > 0).all()
    assert (np.diff(parts.test) > 0).all()
    np.testing.assert_array_equal(np.sort(np.r_[parts.train, parts.test]), np.arange(n))


# Holdout


@patient
@given(n=st.integers(10, 200), share=SHARES, seed=SEEDS)
def test_plain_holdout_partitions_the_rows_repeatably(n, share, seed):
    parts = holdout(n, share=share, seed=seed)
    check_partition(parts, n)
    assert abs(parts.test.size - share * n) <= 0.5 + 1e-9
    np.testing.assert_array_equal(holdout(n, share=share, seed=seed).test, parts.test)


def test_holdout_differs_by_seed_and_draws_rows_alike():
    tests = [holdout(50, share=0.3, seed=seed).test for seed in range(400)]
    assert len({tuple(test) for test in tests}) > 390
    drawn = np.bincount(np.concatenate(tests), minlength=50) / 400
    assert abs(drawn - 0.3).max() < 0.1  # four standard errors are .092


@patient
@given(time=CODES, share=SHARES, seed=SEEDS)
def test_holdout_by_time_tests_on_the_newest_and_divides_no_moment(time, share, seed):
    assume(len(set(time)) > 1)
    parts = holdout(len(time), share=share, seed=seed, time=time)
    check_partition(parts, len(time))
    assert time[parts.train].max() < time[parts.test].min()
    cuts = [np.count_nonzero(time > cut) for cut in np.unique(time)[:-1]]
    off = np.abs(np.array(cuts) - share * len(time))
    assert abs(parts.test.size - share * len(time)) == off.min()


@pytest.mark.parametrize("unit", ["D", "us", "ns"])
def test_holdout_takes_dates_in_any_order(unit):
    days = np.array(["2024-01-03", "2024-01-01", "2024-01-05", "2024-01-02"], dtype=f"datetime64[{unit}]")
    np.testing.assert_array_equal(holdout(4, share=0.5, seed=1, time=days).test, [0, 2])


@patient
@given(groups=CODES, share=SHARES, seed=SEEDS)
def test_holdout_by_groups_keeps_them_whole(groups, share, seed):
    assume(len(set(groups)) > 1)
    parts = holdout(len(groups), share=share, seed=seed, groups=groups)
    check_partition(parts, len(groups))
    assert not set(groups[parts.train]) & set(groups[parts.test])
    np.testing.assert_array_equal(parts.test, holdout(len(groups), share=share, seed=seed, groups=groups).test)


def test_holdout_by_many_groups_comes_close_to_the_share():
    groups = np.random.default_rng(0).zipf(1.5, 5_000) % 700
    parts = holdout(5_000, share=0.2, seed=3, groups=groups.astype(str))
    assert abs(parts.test.size - 1_000) <= 5


@patient
@given(classes=CODES, share=SHARES, seed=SEEDS)
def test_stratified_holdout_keeps_class_shares_within_one_row(classes, share, seed):
    n = len(classes)
    assume(0 < int(share * n + 0.5) < n)
    parts = holdout(n, share=share, seed=seed, stratify=classes)
    check_partition(parts, n)
    assert abs(parts.test.size - share * n) <= 0.5 + 1e-9
    for value, size in zip(*np.unique(classes, return_counts=True), strict=True):
        assert abs(np.count_nonzero(classes[parts.test] == value) - share * size) < 1 + 1e-9


def test_stratifying_by_distinct_values_does_not_favour_the_first():
    means = [holdout(40, share=0.25, seed=seed, stratify=np.arange(40)).test.mean() for seed in range(200)]
    assert abs(np.mean(means) - 19.5) < 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n": 1}, FitError, "at least two rows"),
        ({"n": 3, "share": 0.01}, FitError, "test part empty"),
        ({"n": 3, "share": 0.99}, FitError, "train part empty"),
        ({"share": 0.0}, ConfigError, "between 0 and 1"),
        ({"share": 20}, ConfigError, "between 0 and 1"),
        ({"seed": -1}, ConfigError, "seed"),
        ({"time": [1, 1, 1, 1]}, FitError, "at least two times"),
        ({"time": [1, 2, 3]}, FitError, "shape"),
        ({"time": [1, 2, 3, np.nan]}, FitError, "1 of 4 are missing"),
        (
            {"time": np.array(["2024-01-01", "NaT"] * 2, dtype="datetime64[D]")},
            FitError,
            "2 of 4 are missing",
        ),
        ({"time": ["a", "b", "c", "d"]}, FitError, "numbers or datetime64"),
        ({"groups": [1, 1, 1, 1]}, FitError, "at least two groups"),
        ({"groups": ["a", None, "b", "c"]}, FitError, "1 of 4 are missing"),
        ({"groups": np.array(["a", 1, "b", "c"], dtype=object)}, FitError, "one type"),
        ({"stratify": [0, 1, np.nan, 1]}, FitError, "1 of 4 are missing"),
        ({"time": [1, 2, 3, 4], "stratify": [0, 1, 0, 1]}, ConfigError, "time and stratify"),
        ({"time": [1, 2, 3, 4], "groups": [0, 1, 0, 1]}, ConfigError, "time and groups"),
        ({"groups": [1, 2, 3, 4], "stratify": [0, 1, 0, 1]}, ConfigError, "groups and stratify"),
    ],
)
def test_holdout_refuses_what_it_cannot_divide(options, error, words):
    with pytest.raises(error, match=words) as caught:
        holdout(**({"n": 4, "share": 0.5, "seed": 0} | options))
    assert caught.value.advice


# Folds


@patient
@given(n=st.integers(2, 100), data=st.data(), seed=SEEDS)
def test_plain_folds_are_balanced_and_repeatable(n, data, seed):
    folds = data.draw(st.integers(2, n))
    fold = kfold(n, folds=folds, seed=seed)
    assert fold.dtype == np.int16
    sizes = np.bincount(fold, minlength=folds)
    assert sizes.size == folds
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(kfold(n, folds=folds, seed=seed), fold)


@patient
@given(classes=CODES, data=st.data(), seed=SEEDS)
def test_stratified_folds_are_balanced_within_classes_and_in_all(classes, data, seed):
    folds = data.draw(st.integers(2, len(classes)))
    fold = kfold(len(classes), folds=folds, seed=seed, stratify=classes)
    for rows in (fold, *(fold[classes == value] for value in np.unique(classes))):
        sizes = np.bincount(rows, minlength=folds)
        assert sizes.size == folds
        assert sizes.max() - sizes.min() <= 1


@patient
@given(groups=CODES, data=st.data(), seed=SEEDS)
def test_grouped_folds_keep_groups_whole_and_are_never_empty(groups, data, seed):
    sizes = np.unique(groups, return_counts=True)[1]
    assume(sizes.size > 1)
    folds = data.draw(st.integers(2, sizes.size))
    fold = kfold(len(groups), folds=folds, seed=seed, groups=groups)
    for group in np.unique(groups):
        assert len(set(fold[groups == group])) == 1
    filled = np.bincount(fold, minlength=folds)
    assert filled.min() > 0
    assert filled.max() <= len(groups) / folds + sizes.max()  # Graham's bound for greedy filling
    np.testing.assert_array_equal(kfold(len(groups), folds=folds, seed=seed, groups=groups), fold)


@pytest.mark.parametrize(
    ("seed", "way", "expected"),
    [
        (0, "", "11021102120012022010"),
        (0, "stratify", "01212120010101102220"),
        (0, "groups", "20110220110201102201"),
        (7, "", "02012110100110212202"),
        (7, "stratify", "21220010200021011121"),
        (7, "groups", "20121001210201210012"),
    ],
)
def test_folds_are_those_of_the_first_release(seed, way, expected):
    given = {"stratify": np.arange(20) % 7 % 3, "groups": np.arange(20) ** 2 % 11}
    fold = kfold(20, folds=3, seed=seed, **({way: given[way]} if way else {}))
    assert "".join(map(str, fold)) == expected


@patient
@given(n=st.integers(2, 300), most=st.integers(1, 10**6), seed=SEEDS)
def test_stratified_rows_are_dealt_by_class_then_by_draw(n, most, seed):
    classes = np.random.default_rng(seed).integers(0, most, n)
    order = np.lexsort((np.random.default_rng(seed).permutation(n), classes))
    expected = np.empty(n, dtype=np.int16)
    expected[order] = np.arange(n) % 2
    np.testing.assert_array_equal(kfold(n, folds=2, seed=seed, stratify=classes), expected)


def test_folds_differ_by_seed():
    for options in ({}, {"groups": np.arange(30) // 2}, {"stratify": np.arange(30) % 2}):
        assert len({tuple(kfold(30, folds=3, seed=seed, **options)) for seed in range(20)}) == 20


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n": 1}, FitError, "at least two rows"),
        ({"folds": 5}, ConfigError, "from 2 to 4 for 4 rows"),
        ({"folds": 1}, ConfigError, "from 2 to 4"),
        ({"groups": [1, 1, 2, 2], "folds": 3}, ConfigError, "from 2 to 2 for 2 groups"),
        ({"groups": [1, 1, 1, 1]}, FitError, "at least two groups"),
        ({"groups": [1, 2]}, FitError, "shape"),
        ({"stratify": [0, 1, 0, None]}, FitError, "missing"),
        ({"groups": [1, 2, 3, 4], "stratify": [0, 1, 0, 1]}, ConfigError, "groups and stratify"),
        ({"seed": 0.5}, ConfigError, "seed"),
    ],
)
def test_folds_refuse_what_they_cannot_divide(options, error, words):
    with pytest.raises(error, match=words) as caught:
        kfold(**({"n": 4, "folds": 2, "seed": 0} | options))
    assert caught.value.advice


# Blocks of time


@patient
@given(time=CODES, data=st.data())
def test_blocks_of_time_are_in_order_without_gaps_and_divide_no_moment(time, data):
    assume(len(set(time)) > 1)
    folds = data.draw(st.integers(2, len(time)))
    block = time_blocks(len(time), folds=folds, time=time)
    assert block.dtype == np.int16
    assert 2 <= len(set(block)) <= folds
    assert set(block) == set(range(block.max() + 1))
    later = np.subtract.outer(time, time)
    assert (np.subtract.outer(block, block)[later >= 0] >= 0).all()
    assert (np.subtract.outer(block, block)[later == 0] == 0).all()


@pytest.mark.parametrize(("n", "folds"), [(10, 2), (10, 10), (100, 7), (1000, 3)])
def test_blocks_of_distinct_times_hold_equally_many_rows(n, folds):
    time = np.random.default_rng(0).permutation(n)
    sizes = np.bincount(time_blocks(n, folds=folds, time=time))
    assert sizes.size == folds
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("time", [[1] * 99 + [2], [1] + [2] * 99, [1] + [2] * 98 + [3]])
def test_a_moment_that_holds_nearly_all_rows_leaves_two_blocks_or_more(time):
    block = time_blocks(100, folds=5, time=time)
    assert (block[0], block[-1]) == (0, len(set(time)) - 1)


@pytest.mark.parametrize("unit", ["D", "us", "ns"])
def test_blocks_take_dates_in_any_order(unit):
    days = np.array(["2024-01-03", "2024-01-01", "2024-01-05", "2024-01-02"], dtype=f"datetime64[{unit}]")
    np.testing.assert_array_equal(time_blocks(4, folds=2, time=days), [1, 0, 1, 0])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n": 1, "time": [1]}, FitError, "at least two rows"),
        ({"folds": 5}, ConfigError, "from 2 to 4 for 4 rows"),
        ({"folds": 1}, ConfigError, "from 2 to 4"),
        ({"time": [1, 1, 1, 1]}, FitError, r"blocks.*need.*times"),
        ({"time": [1, 2]}, FitError, "shape"),
        ({"time": [1, 2, 3, np.nan]}, FitError, "1 of 4 are missing"),
        ({"time": np.array(["2024-01-01", "NaT"] * 2, dtype="datetime64[D]")}, FitError, "2 of 4 are missing"),
        ({"time": ["a", "b", "c", "d"]}, FitError, "numbers or datetime64"),
    ],
)
def test_blocks_refuse_what_they_cannot_divide(options, error, words):
    with pytest.raises(error, match=words) as caught:
        time_blocks(**({"n": 4, "folds": 2, "time": [1, 2, 3, 4]} | options))
    assert caught.value.advice


@pytest.mark.parametrize(
    ("passed", "meant"),
    [
        ({"time": [1, 2, 3, 4, 5, 6], "groups": list("aabbcc"), "classes": [0, 1] * 3}, {"time": [1, 2, 3, 4, 5, 6]}),
        ({"time": [1] * 6, "groups": list("aabbcc"), "classes": [0, 1] * 3}, {"groups": list("aabbcc")}),
        ({"time": [1] * 6, "groups": ["a"] * 6, "classes": [0, 1] * 3}, {"stratify": [0, 1] * 3}),
        ({"groups": ["a"] * 6}, {}),
    ],
)
def test_rows_are_divided_by_the_first_that_tells_them_apart(passed, meant):
    found, expected = (f(6, share=0.5, seed=3, **w) for f, w in ((divide, passed), (holdout, meant)))
    np.testing.assert_array_equal(found.test, expected.test)


def test_a_missing_group_is_refused_and_not_passed_over():
    with pytest.raises(FitError, match="groups"):
        divide(3, share=0.5, seed=0, groups=np.array(["a", None, "a"], dtype=object))
