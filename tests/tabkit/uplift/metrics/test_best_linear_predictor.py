from __future__ import annotations

import math

import numpy as np
import pytest

from tabkit.errors import ConfigError, FitError
from tabkit.uplift.metrics.best_linear_predictor import best_linear_predictor
from tabkit.uplift.metrics.clustered_errors import mean_se


def table(rows=300):
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 30, rows)
    score = rng.normal(size=rows) + rng.normal(size=30)[clusters]
    effect = 1 + 0.5 * score + (1 + abs(score)) * rng.normal(size=rows) + rng.normal(size=30)[clusters]
    return effect, score, clusters


@pytest.mark.parametrize("clustered", [False, True])
def test_the_line_is_that_of_statsmodels(clustered):
    api = pytest.importorskip("statsmodels.api")
    effect, score, clusters = table()
    options = {"cov_type": "cluster", "cov_kwds": {"groups": clusters}} if clustered else {"cov_type": "HC3"}
    # With clusters by Student's t with one less than there are; else normal, as for HC3.
    fit = api.OLS(effect, np.column_stack([np.ones(300), score - score.mean()])).fit(use_t=clustered, **options)
    found = best_linear_predictor(effect, score, clusters=clusters if clustered else None, level=0.9)
    low, high = fit.conf_int(alpha=0.1)[1]
    ours = [found.average, found.average_se, found.slope, found.slope_se, found.slope_low, found.slope_high]
    theirs = [fit.params[0], fit.bse[0], fit.params[1], fit.bse[1], low, high]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert found.p_slope == pytest.approx(fit.pvalues[1], rel=1e-9)


def test_intervals_cover_the_true_slope():
    rng, inside, p_values = np.random.default_rng(1), [], []
    for _ in range(500):
        x = rng.normal(size=200)
        noise = (1 + x**2) * rng.normal(size=200)
        found = best_linear_predictor(2 + x + noise, x)
        inside.append(found.slope_low < 1 < found.slope_high)
        p_values.append(best_linear_predictor(noise, x).p_slope)
    assert 0.91 < np.mean(inside) < 0.975
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.09


@pytest.mark.parametrize("unit", [1e-200, 1e-8, 1e150])
def test_the_unit_of_the_score_does_not_matter(unit):
    effect, score, _ = table()
    once, again = best_linear_predictor(effect, score), best_linear_predictor(effect, score * unit)
    assert again.slope * unit == pytest.approx(once.slope, rel=1e-9)
    assert again.slope_se * unit == pytest.approx(once.slope_se, rel=1e-9)
    assert again.p_slope == pytest.approx(once.p_slope, rel=1e-6)


def test_a_constant_score_has_no_slope():
    effect, score, clusters = table()
    for labels in (None, clusters):
        found = best_linear_predictor(effect, score * 0 + 0.1, clusters=labels)
        assert found.average == pytest.approx(effect.mean())
        assert found.average_se == mean_se(effect, labels)
        assert all(map(math.isnan, [found.slope, found.slope_se, found.slope_low, found.slope_high, found.p_slope]))


def test_a_row_that_decides_the_slope_alone_leaves_no_error():
    found = best_linear_predictor([1.0, 2, 3, 9], [0, 0, 0, 1])
    assert found.slope == pytest.approx(7)
    assert math.isnan(found.slope_se)
    assert math.isnan(found.p_slope)


def test_without_noise_the_p_value_is_certain():
    assert best_linear_predictor([3.0] * 5, [1, 2, 3, 4, 5]).p_slope == 1
    assert best_linear_predictor([1.0, 2, 3, 4], [1, 2, 3, 4]).p_slope == pytest.approx(0, abs=1e-12)


def test_what_cannot_be_used_is_refused():
    with pytest.raises(FitError, match="three rows"):
        best_linear_predictor([1, 2], [1, 2])
    with pytest.raises(FitError, match="two clusters"):
        best_linear_predictor([1, 2, 3], [1, 2, 3], clusters=[1, 1, 1])
    with pytest.raises(FitError, match="effect must be finite"):
        best_linear_predictor([1, 2, None], [1, 2, 3])
    with pytest.raises(ConfigError, match="level"):
        best_linear_predictor([1, 2, 3], [1, 2, 3], level=95)
