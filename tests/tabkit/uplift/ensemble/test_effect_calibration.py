from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from tabkit.errors import ConfigError, FitError
from tabkit.uplift.ensemble.calibration import Calibration, calibrate
from tabkit.uplift.metrics.best_linear_predictor import best_linear_predictor
from tabkit.uplift.metrics.groups import group_numbers

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=40)


def drawn(rows=2000, *, slope=0.5, seed=0, noise=2.0):
    """Predictions that are right but for their scale and place; scores are noisy."""
    rng = np.random.default_rng(seed)
    effect = 3 + rng.normal(size=rows)
    return effect, 1 + slope * (effect - 3) + noise * rng.normal(size=rows)


def test_predictions_of_nothing_are_shrunk_to_the_average():
    """The slope is 0 where it is not above its error: of normal slopes 84 % are not."""
    slopes = np.array([calibrate(*drawn(500, slope=0.0, seed=seed)).slope for seed in range(400)])
    assert 0.80 < np.mean(slopes == 0) < 0.88
    assert slopes.min() == 0
    assert slopes.mean() < 0.03
    effect, scores = drawn(500, slope=0.0, seed=int(np.argmin(slopes)))
    np.testing.assert_allclose(calibrate(effect, scores)(effect), scores.mean(), rtol=1e-12)


def test_predictions_are_never_turned_round():
    found = calibrate(*drawn(slope=-0.5))
    assert found.slope == 0
    assert found.slope_se > 0  # units may differ all the same: nobody knows how


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_a_true_slope_is_found(slope):
    slopes = [calibrate(*drawn(slope=slope, seed=seed)).slope for seed in range(100)]
    assert np.mean(slopes) == pytest.approx(slope, abs=0.02)


@pytest.mark.parametrize("clustered", [False, True])
def test_the_line_is_the_best_one_shrunk_by_james_and_stein(clustered):
    effect, scores = drawn(300, slope=0.3)
    clusters = np.random.default_rng(0).integers(0, 50, 300) if clustered else None
    line = best_linear_predictor(scores, effect, clusters=clusters)
    found = calibrate(effect, scores, clusters=clusters)
    sure = 1 - (line.slope_se / line.slope) ** 2
    assert 0 < sure < 1
    assert found.slope == pytest.approx(sure * line.slope)
    assert found.slope_se == pytest.approx(line.slope_se)
    assert (found.average, found.average_se) == (line.average, line.average_se)
    assert found(effect).mean() == pytest.approx(scores.mean())


def test_shrinking_comes_closer_to_the_truth_than_the_line_itself():
    rng, shrunk, plain = np.random.default_rng(0), [], []
    for seed in range(300):
        slope = 0.1 * rng.random()
        effect, scores = drawn(400, slope=slope, seed=seed)
        shrunk.append((calibrate(effect, scores).slope - slope) ** 2)
        plain.append((best_linear_predictor(scores, effect).slope - slope) ** 2)
    assert np.mean(shrunk) < 0.8 * np.mean(plain)


@patient
@given(seed=st.integers(0, 2**32), factor=st.floats(1e-3, 1e3), shift=st.floats(-10, 10))
def test_the_scale_of_predictions_does_not_matter_but_that_of_scores_does(seed, factor, shift):
    effect, scores = drawn(80, slope=1.0, seed=seed)
    calibrated = calibrate(effect, scores)(effect)
    np.testing.assert_allclose(calibrate(factor * (effect + shift), scores)(factor * (effect + shift)), calibrated)
    np.testing.assert_allclose(calibrate(effect, factor * scores)(effect), factor * calibrated, atol=1e-9 * factor)
    order = np.random.default_rng(seed).permutation(80)
    np.testing.assert_allclose(calibrate(effect[order], scores[order])(effect), calibrated)


def test_isotonic_is_that_of_scikit_learn():
    effect, scores = drawn(500)
    effect = effect.round(1)
    found = calibrate(effect, scores, method="isotonic")
    theirs = IsotonicRegression(out_of_bounds="clip").fit(effect, scores)
    grid = np.linspace(-5, 10, 400)
    np.testing.assert_allclose(found(grid), theirs.predict(grid), rtol=1e-12)
    assert (np.diff(found(grid)) >= 0).all()
    assert found(effect).mean() == pytest.approx(scores.mean())
    line = best_linear_predictor(scores, effect)
    assert (found.average, found.average_se) == (line.average, line.average_se)
    assert found.slope_se == line.slope_se


@pytest.mark.parametrize("method", ["linear", "isotonic"])
def test_equal_predictions_all_become_the_average(method):
    scores = np.random.default_rng(0).normal(1, 1, 100)
    found = calibrate(np.full(100, 0.3), scores, method=method)
    np.testing.assert_allclose(found(np.array([0.3, -9, 9])), scores.mean())
    error = found.error(np.array([0.3]), np.array([5.0]))
    np.testing.assert_allclose(error, scores.std(ddof=1) / 10)


def test_one_unit_that_differs_says_nothing_of_a_slope():
    effect, scores = np.r_[np.zeros(99), 1.0], np.random.default_rng(0).normal(size=100)
    found = calibrate(effect, scores)
    assert all(math.isfinite(number) for number in (found.average, found.average_se, found.slope, found.slope_se))
    assert found.slope == 0
    np.testing.assert_allclose(found(effect), scores.mean())


def test_uncalibrated_predictions_stay_as_they_are():
    effect, scores = drawn(50)
    found = calibrate(effect, scores, method="none")
    np.testing.assert_array_equal(found(effect), effect)
    np.testing.assert_array_equal(found.error(effect, np.full(50, 0.7)), np.full(50, 0.7))


@pytest.mark.parametrize("method", ["linear", "isotonic", "none"])
def test_errors_grow_with_the_spread_of_predictions(method):
    effect, scores = drawn()
    found = calibrate(effect, scores, method=method)
    errors = [found.error(np.array([3.0, 5.0]), np.full(2, spread)) for spread in (0.0, 0.5, 1.0, 2.0)]
    assert (np.diff(errors, axis=0) > 0).all()
    if method == "linear":
        slope = found.slope_se * (np.array([3.0, 5.0]) - effect.mean())
        np.testing.assert_allclose(errors[2], np.sqrt(found.average_se**2 + slope**2 + found.slope**2))
        assert errors[0][1] > errors[0][0]  # away from the centre the slope is unsure too


@pytest.mark.parametrize("method", ["linear", "isotonic", "none"])
def test_a_calibration_survives_being_written_down(method):
    effect, scores = drawn(200)
    found = calibrate(effect, scores, method=method)
    again = Calibration.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
    np.testing.assert_array_equal(again(effect), found(effect))


@pytest.mark.parametrize("method", ["linear", "isotonic"])
def test_groups_of_calibrated_effects_get_what_they_were_promised(method):
    """Predictions are three times too spread; calibrated on one half of the units, judged on the other.

    The line has no bias. Steps follow noise at both ends: the outermost quarters are wrong by about .05, of effects
    whose standard deviation is .33; uncalibrated they are wrong by 1.3 and 2.8.
    """
    bias = []
    for seed in range(150):
        effect, scores = drawn(1000, slope=1 / 3, seed=seed, noise=1.0)
        calibrated = calibrate(effect[:500], scores[:500], method=method)(effect[500:])
        number = group_numbers(calibrated, groups=4)
        bias.append([(calibrated - scores[500:])[number == k].mean() for k in (number.min(), number.max())])
    z = np.mean(bias, axis=0) / (np.std(bias, axis=0) / 150**0.5)
    assert (abs(np.mean(bias, axis=0)) < (0.02 if method == "linear" else 0.1)).all()
    if method == "linear":
        assert (abs(z) < 3.5).all(), z


def test_what_cannot_be_used_is_refused():
    effect, scores = drawn(10)
    with pytest.raises(FitError, match=r"effects.*shapes \(9,\).*\(10,\)"):
        calibrate(effect[1:], scores)
    with pytest.raises(FitError, match="two of"):
        calibrate(effect[:0], scores[:0])
    with pytest.raises(FitError, match="two of"):
        calibrate(effect[:, None], scores[:, None])
    with pytest.raises(ConfigError, match=r"(?s)'platt'.*isotonic"):
        calibrate(effect, scores, method="platt")
