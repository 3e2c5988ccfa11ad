from __future__ import annotations

import warnings

import numpy as np
import pytest

from tabkit.errors import FitError
from tabkit.uplift.metrics import curves

# What scikit-uplift 0.5.1 gave on the table below: points of its curves with the score in six steps.
ROWS = [0, 40, 80, 120, 160, 200, 240]
QINI = [0, 3.54545455, 7.25581395, 7.18181818, 6.73563218, 6.46788991, 6.36641221]
UPLIFT = [0, 7.87878788, 15.68824639, 15.95959596, 14.76302944, 14.21514266, 14.01778836]


def table():
    i = np.arange(240)
    score, treated = (i * 37 % 240) / 240, (i * 7 % 11 < 5).astype(int)
    outcome = (i * 13 % 17 < 3 + 4 * (score > 0.6) * treated + 2 * (score < 0.2) * (1 - treated)).astype(int)
    return outcome, treated, score


def steps(score):
    return np.floor(score * 6)


def brute_force(outcome, treated, score, height):
    """Return one point for each threshold, counted anew."""
    rows, value = [0.0], [0.0]
    for threshold in np.unique(score)[::-1]:
        top = score >= threshold
        t, c = top & (treated == 1), top & (treated == 0)
        rows.append(top.sum())
        value.append(height(outcome[t].sum(), t.sum(), outcome[c].sum(), c.sum()))
    return np.array(rows), np.array(value)


def qini_height(y_t, n_t, y_c, n_c):
    return y_t - (y_c * n_t / n_c if n_c else 0)


def uplift_height(y_t, n_t, y_c, n_c):
    return ((y_t / n_t if n_t else 0) - (y_c / n_c if n_c else 0)) * (n_t + n_c)


@pytest.mark.parametrize(("curve", "height"), [(curves.qini_curve, qini_height), (curves.uplift_curve, uplift_height)])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", ["binary", "amounts"])
def test_each_threshold_has_the_height_of_the_definition(curve, height, tied, kind):
    outcome, treated, score = table()
    outcome = outcome * np.linspace(-3, 50, 240) if kind == "amounts" else outcome
    score = steps(score) if tied else score
    rows, value = brute_force(outcome, treated, score, height)
    found = curve(outcome, treated, score)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.value, value, rtol=1e-12, atol=1e-9)


def test_values_that_scikit_uplift_gave():
    outcome, treated, score = table()
    for curve, expected in [(curves.qini_curve, QINI), (curves.uplift_curve, UPLIFT)]:
        found = curve(outcome, treated, steps(score))
        np.testing.assert_array_equal(found.rows, ROWS)
        np.testing.assert_allclose(found.value, expected, atol=1e-8)
    perfect = curves.perfect_qini_curve(outcome, treated)
    np.testing.assert_array_equal(perfect.rows, [0, 28, 214, 240])
    np.testing.assert_allclose(perfect.value, [0, 28, 28, 6.36641221], atol=1e-8)
    ideal = curves.perfect_uplift_curve(outcome, treated)
    np.testing.assert_array_equal(ideal.rows, [0, 28, 133, 214, 240])
    np.testing.assert_allclose(ideal.value, [0, 28, 133, 54.97247706, 14.01778836], atol=1e-8)
    unharmed = curves.perfect_qini_curve(outcome, treated, negative_effect=False)
    np.testing.assert_allclose(unharmed.rows, [0, 6.36641221, 240], atol=1e-8)
    np.testing.assert_allclose(unharmed.value, [0, 6.36641221, 6.36641221], atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_every_curve_is_that_of_scikit_uplift(seed):
    theirs = pytest.importorskip("sklift.metrics", exc_type=ImportError)
    rng = np.random.default_rng(seed)
    score, treated = rng.integers(0, 40, 500) / 8, rng.random(500) < rng.uniform(0.2, 0.8)
    outcome = rng.random(500) < rng.uniform(0.1, 0.9)
    columns = outcome.astype(int), score, treated.astype(int)
    pairs = [
        (curves.qini_curve(outcome, treated, score), "qini_curve", columns),
        (curves.uplift_curve(outcome, treated, score), "uplift_curve", columns),
        (curves.perfect_qini_curve(outcome, treated), "perfect_qini_curve", columns[::2]),
        (curves.perfect_uplift_curve(outcome, treated), "perfect_uplift_curve", columns[::2]),
    ]
    for ours, name, arguments in pairs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # it sums by a deprecated function
            rows, value = getattr(theirs, name)(*arguments)
        np.testing.assert_array_equal(ours.rows, rows)
        np.testing.assert_allclose(ours.value, value, rtol=1e-12, atol=1e-9)


def test_the_order_of_rows_never_matters():
    outcome, treated, score = table()
    score = steps(score)
    once = curves.qini_curve(outcome, treated, score)
    order = np.random.default_rng(0).permutation(240)
    again = curves.qini_curve(outcome[order], treated[order], score[order])
    np.testing.assert_array_equal(once.value, again.value)


def test_unusable_columns_are_named():
    outcome, treated, score = table()
    with pytest.raises(FitError, match="treated must hold 0 and 1"):
        curves.qini_curve(outcome, treated + 1, score)
    with pytest.raises(FitError, match="both arms"):
        curves.qini_curve(outcome, treated * 0, score)
    with pytest.raises(FitError, match="score must be finite"):
        curves.qini_curve(outcome, treated, np.where(score > 0.5, np.nan, score))
    with pytest.raises(FitError, match=r"score.*many rows"):
        curves.uplift_curve(outcome, treated, score[1:])
    with pytest.raises(FitError, match="outcome must hold 0 and 1"):
        curves.perfect_qini_curve(outcome * 2, treated)
    with pytest.raises(FitError, match="positive effect"):
        curves.perfect_qini_curve(1 - outcome, treated, negative_effect=False)
