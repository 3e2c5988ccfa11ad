from __future__ import annotations

import numpy as np
import pytest

from tabkit.errors import ConfigError, FitError
from tabkit.uplift.metrics.clustered_errors import mean_se
from tabkit.uplift.metrics.groups import calibration_error, gates, group_numbers


def test_distinct_scores_make_groups_of_equal_size():
    score = np.random.default_rng(0).normal(size=103)
    numbers = group_numbers(score, groups=5)
    assert set(np.bincount(numbers)) == {20, 21}
    assert all(score[numbers == k].max() < score[numbers == k + 1].min() for k in range(4))
    np.testing.assert_array_equal(np.bincount(group_numbers(np.arange(100.0), groups=10)), 10)


def test_ties_stay_together_whatever_the_order_of_rows():
    score = np.array([0.0] * 70 + [1.0] * 5 + [2.0] * 25)
    numbers = group_numbers(score, groups=5)
    assert [set(numbers[score == value]) for value in (0, 1, 2)] == [{0}, {1}, {2}]
    order = np.random.default_rng(1).permutation(100)
    np.testing.assert_array_equal(group_numbers(score[order], groups=5), numbers[order])


def test_each_group_has_its_mean_and_standard_error():
    rng = np.random.default_rng(2)
    effect, score = rng.normal(size=500), rng.normal(size=500)
    found, numbers = gates(effect, score, groups=4), group_numbers(score, groups=4)
    for k in range(4):
        rows = effect[numbers == k]
        assert found.observed[k] == pytest.approx(rows.mean())
        assert found.se[k] == pytest.approx(rows.std(ddof=1) / rows.size**0.5)
        assert found.predicted[k] == pytest.approx(score[numbers == k].mean())
        assert found.low[k] == pytest.approx(found.observed[k] - 1.959964 * found.se[k])
    np.testing.assert_allclose(found.share, 0.25)
    assert found.difference == pytest.approx(found.observed[3] - found.observed[0])
    assert found.difference_se == pytest.approx(np.hypot(found.se[0], found.se[3]))
    assert found.difference_high == pytest.approx(found.difference + 1.959964 * found.difference_se)


def test_clusters_are_summed_as_regression_on_groups_does():
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(3)
    clusters = rng.integers(0, 40, 600)
    score = rng.normal(size=600) + rng.normal(size=40)[clusters]
    effect = rng.normal(size=600) + rng.normal(size=40)[clusters]
    found, numbers = gates(effect, score, groups=3, clusters=clusters), group_numbers(score, groups=3)
    for k in range(3):
        rows = numbers == k
        units = np.unique(clusters[rows]).size
        cov = {"groups": clusters[rows], "use_correction": False}
        fit = api.OLS(effect[rows], np.ones(rows.sum())).fit(cov_type="cluster", cov_kwds=cov)
        assert found.se[k] == pytest.approx(fit.bse[0] * (units / (units - 1)) ** 0.5)
        assert mean_se(effect[rows], clusters[rows]) == pytest.approx(found.se[k])
    rows = numbers != 1
    units = np.unique(clusters[rows]).size
    top = (numbers[rows] == 2).astype(float)
    cov = {"groups": clusters[rows], "use_correction": False}
    fit = api.OLS(effect[rows], np.column_stack([np.ones(rows.sum()), top])).fit(cov_type="cluster", cov_kwds=cov)
    assert found.difference_se == pytest.approx(fit.bse[1] * (units / (units - 1)) ** 0.5)


def test_rows_that_are_their_own_clusters_are_independent_rows():
    rng = np.random.default_rng(4)
    effect, score = rng.normal(size=90), rng.normal(size=90)
    assert mean_se(effect, np.arange(90)) == pytest.approx(mean_se(effect), rel=1e-12)
    np.testing.assert_allclose(gates(effect, score, clusters=np.arange(90)).se, gates(effect, score).se, rtol=1e-12)


def test_one_group_has_no_difference_and_a_lone_row_no_error():
    found = gates([1.0, 2, 3, 4], [7, 7, 7, 7])
    assert found.observed.tolist() == [2.5]
    assert (found.difference, found.difference_se, found.difference_low) == (0, 0, 0)
    lone = gates(np.arange(10.0), [0.0] * 9 + [1.0])
    assert np.isnan(lone.se).tolist() == [False, True]
    assert np.isnan(lone.difference_se)
    assert np.isnan(mean_se([3.0]))


def test_intervals_of_groups_cover_as_often_as_they_say():
    rng, inside = np.random.default_rng(5), []
    for _ in range(300):
        x = rng.random(400)
        found = gates(x + rng.normal(size=400), x, groups=4)
        inside.append((found.low < found.predicted) & (found.predicted < found.high))
    assert 0.92 < np.mean(inside) < 0.98


def test_the_calibration_error_is_zero_in_expectation_when_calibrated_and_known_when_not():
    rng, right, wrong = np.random.default_rng(6), [], []
    for _ in range(300):
        x = rng.random(500)
        effect = x + rng.normal(size=500)
        right.append(calibration_error(effect, x))
        wrong.append(calibration_error(effect, x + 0.3))
    assert abs(np.mean(right)) < 3 * np.std(right) / 300**0.5
    assert np.mean(wrong) == pytest.approx(0.09, abs=3 * np.std(wrong) / 300**0.5)


def test_the_calibration_error_is_the_mean_over_pairs():
    effect, score = np.array([1.0, 4, 2, 0, 5]), np.array([0.0, 0, 1, 1, 1])
    first, second = effect[:2] - score[:2], effect[2:] - score[2:]
    pairs = [second[a] * second[b] for a in range(3) for b in range(3) if a != b]
    expected = (2 * first[0] * first[1] + 3 * np.mean(pairs)) / 5
    assert calibration_error(effect, score, groups=2) == pytest.approx(expected)
    assert np.isnan(calibration_error([1.0, 2], [0.0, 1], groups=2))


def test_what_cannot_be_used_is_refused():
    with pytest.raises(ConfigError, match="groups"):
        gates([1, 2], [1, 2], groups=1)
    with pytest.raises(ConfigError, match="level"):
        gates([1, 2], [1, 2], level=1.0)
    with pytest.raises(FitError, match="two clusters"):
        gates([1, 2], [1, 2], clusters=["a", "a"])
    with pytest.raises(FitError, match="clusters must have shape"):
        gates([1, 2], [1, 2], clusters=["a"])
    with pytest.raises(FitError, match="without nulls"):
        mean_se([1, 2], clusters=["a", None])
    with pytest.raises(FitError, match="null labels"):
        mean_se([1, 2], clusters=[1, np.nan])
