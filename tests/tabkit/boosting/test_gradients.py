from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from tabkit import metrics
from tabkit.boosting.gradients import derivatives, losses

OBJECTIVES = ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie"]
N = 200
POWER = {"tweedie_variance_power": 1.3}


def _case(name):
    rng = np.random.default_rng(0)
    if name == "multiclass":
        return rng.integers(0, 4, N).astype(float), rng.normal(size=(N, 4))
    y = (rng.random(N) < 0.4).astype(float) if name == "binary" else rng.gamma(1, 2, N)
    return np.floor(y) if name in ("poisson", "tweedie") else y, rng.normal(size=N)


def _slope(function, raw, k=None, step=1e-5):
    """Return the central difference of a function of the scores (of class k)."""
    shift = step if k is None else step * np.eye(raw.shape[1])[k]
    return (function(raw + shift) - function(raw - shift)) / (2 * step)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradient_is_the_slope_of_the_loss(name):
    y, raw = _case(name)
    found = derivatives(name, y, raw, POWER).gradient

    def loss(at):
        return losses(name, y, at, POWER)

    classes = range(4) if name == "multiclass" else [None]
    expected = np.column_stack([_slope(loss, raw, k) for k in classes]).reshape(raw.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_hessian_is_the_slope_of_the_gradient_times_lightgbms_caution(name):
    y, raw = _case(name)
    found = derivatives(name, y, raw, POWER).hessian
    caution = {"poisson": np.exp(0.7), "multiclass": 4 / 3}.get(name, 1.0)
    if name == "multiclass":
        expected = [_slope(lambda at: derivatives(name, y, at, {}).gradient, raw, k)[:, k] for k in range(4)]
        expected = np.column_stack(expected)
    else:
        expected = _slope(lambda at: derivatives(name, y, at, POWER).gradient, raw)
    np.testing.assert_allclose(found, caution * expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_rank_scores_as_the_metrics_do(name):
    y, raw = _case(name)
    metric, mean, times = {
        "binary": (metrics.log_loss, expit, 1),
        "multiclass": (lambda y, p: metrics.multiclass_log_loss(y.astype(int), p), lambda s: softmax(s, axis=1), 1),
        "regression": (lambda y, p: metrics.rmse(y, p) ** 2, lambda s: s, 2),
        "poisson": (metrics.poisson_deviance, np.exp, 2),
        "gamma": (metrics.gamma_deviance, np.exp, 2),
        "tweedie": (lambda y, p: metrics.tweedie_deviance(y, p, power=1.3), np.exp, 2),
    }[name]
    lost = losses(name, y, raw / 2, POWER).mean() - losses(name, y, raw, POWER).mean()
    assert times * lost == pytest.approx(metric(y, mean(raw / 2)) - metric(y, mean(raw)), rel=1e-9)


def test_scores_without_bound_do_not_overflow_where_probabilities_do_not():
    far = np.array([-1e4, 1e4])
    assert losses("binary", np.array([1.0, 0.0]), far, {}).tolist() == [1e4, 1e4]
    assert losses("multiclass", np.array([0.0]), far[None], {}).tolist() == [2e4]
    assert derivatives("binary", np.array([1.0, 0.0]), far, {}).gradient.tolist() == [-1.0, 1.0]


def test_lightgbms_parameters_are_heard():
    y, raw = _case("poisson")
    usual, none = (derivatives("poisson", y, raw, params) for params in ({}, {"poisson_max_delta_step": 0.0}))
    np.testing.assert_allclose(usual.hessian, none.hessian * np.exp(0.7))
    assert (derivatives("tweedie", y, raw, {}).gradient != derivatives("tweedie", y, raw, POWER).gradient).any()
