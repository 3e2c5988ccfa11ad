from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax

from tabkit.boosting import BoostingConfig
from tabkit.errors import ConfigError, FitError
from tabkit.objective import OBJECTIVES, base_score, check_target, inverse_link, loss, named

N = 500
TARGETS = {
    "binary": lambda rng: (rng.random(N) < 0.3).astype(float),
    "regression": lambda rng: rng.normal(3, 2, N),
    "poisson": lambda rng: rng.poisson(1.3, N).astype(float),
    "gamma": lambda rng: rng.gamma(2, 3, N),
    "tweedie": lambda rng: rng.gamma(2, 3, N) * rng.integers(0, 2, N),
    "quantile": lambda rng: rng.normal(3, 2, N),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("name", TARGETS)
def test_the_base_score_minimises_the_loss(name, shifted, weighted):
    rng = np.random.default_rng(0)
    config = BoostingConfig(objective=name, quantile=0.8, tweedie_power=1.3)
    objective = OBJECTIVES[name]
    y = TARGETS[name](rng)
    weight = rng.integers(0, 5, N).astype(float) if weighted else np.ones(N)
    offset = rng.normal(0, 1.5, N) if shifted else np.zeros(N)

    def value(score: float) -> float:
        prediction = inverse_link(score + offset, objective.link)
        return loss(y, prediction, weight=weight, config=config, objective=objective)

    found = base_score(y, weight=weight, offset=offset, config=config, objective=objective)
    best = minimize_scalar(value, bracket=(-1.0, 1.0), tol=1e-10)
    assert found.shape == (1,)
    assert value(float(found[0])) <= best.fun + 1e-9
    if name != "quantile":  # its minimum may be an interval
        assert float(found[0]) == pytest.approx(best.x, abs=1e-4)


def test_the_base_score_of_classes_is_the_log_of_their_shares():
    y = np.array([0.0, 1.0, 1.0, 2.0])
    weight = np.array([1.0, 1.0, 2.0, 4.0])
    objective = OBJECTIVES["multiclass"]
    config = BoostingConfig(objective="multiclass")
    found = base_score(y, weight=weight, offset=np.zeros(4), config=config, objective=objective, classes=3)
    np.testing.assert_allclose(np.exp(found), [1 / 8, 3 / 8, 4 / 8])
    with pytest.raises(FitError, match="class number 3"):
        base_score(y, weight=weight, offset=np.zeros(4), config=config, objective=objective, classes=4)


@pytest.mark.parametrize("offset", [0.0, 30.0, -30.0])
def test_the_base_score_of_a_rare_class_survives_extreme_offsets(offset):
    y = np.r_[np.ones(3), np.zeros(9997)]
    config, objective = BoostingConfig(objective="binary"), OBJECTIVES["binary"]
    shift = np.full(y.size, offset)
    found = base_score(y, weight=np.ones(y.size), offset=shift, config=config, objective=objective)[0]
    assert expit(found + offset) == pytest.approx(3e-4, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "y", "said"),
    [
        ("binary", np.ones(5), "only one class"),
        ("binary", np.zeros(5), "only one class"),
        ("poisson", np.zeros(5), "zero in every row"),
        ("tweedie", np.zeros(5), "zero in every row"),
    ],
)
def test_a_target_without_a_finite_base_score_is_refused(name, y, said):
    with pytest.raises(FitError, match=said):
        base_score(
            y,
            weight=np.ones(5),
            offset=np.zeros(5),
            config=BoostingConfig(objective=name),
            objective=OBJECTIVES[name],
        )


@pytest.mark.parametrize("quantile", [0.01, 0.25, 0.5, 0.99])
def test_the_base_score_of_a_quantile_is_the_weighted_one(quantile):
    rng = np.random.default_rng(1)
    y, k = rng.normal(size=101), rng.integers(0, 4, 101)
    config, objective = BoostingConfig(objective="quantile", quantile=quantile), OBJECTIVES["quantile"]
    zeros = np.zeros(101)
    found = base_score(y, weight=k.astype(float), offset=zeros, config=config, objective=objective)[0]
    assert found == np.quantile(np.repeat(y, k), quantile, method="inverted_cdf")


def test_links_are_inverted_without_overflow():
    raw = np.array([-1000.0, -1.0, 0.0, 1.0, 1000.0])
    np.testing.assert_allclose(inverse_link(raw, "logit"), expit(raw), rtol=1e-12)
    np.testing.assert_allclose(inverse_link(raw, "identity"), raw)
    np.testing.assert_allclose(inverse_link(raw[:4], "log"), np.exp(raw[:4]))
    scores = np.array([[1000.0, 0.0, -5.0], [1.0, 1.0, 1.0], [-1e6, -1e6 + 1, -1e6]])
    np.testing.assert_allclose(inverse_link(scores, "softmax"), softmax(scores, axis=1))


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("regression", [], "has no rows"),
        ("regression", [1.0, np.nan], r"NaN.*infinite.*1"),
        ("quantile", [1.0, np.inf], r"NaN.*infinite.*1"),
        ("binary", [0.0, 2.0], "whole numbers from 0 to 1, found 2"),
        ("binary", [0.0, 0.5], "whole numbers from 0 to 1, found 0.5"),
        ("binary", [0.0, -1.0], "whole numbers from 0 to 1, found -1"),
        ("multiclass", [0.0, 3.0], "whole numbers from 0 to 2, found 3"),
        ("multiclass", [0.0, 1.5], "whole numbers from 0 to 2, found 1.5"),
        ("poisson", [0.0, -1.0], "at least 0"),
        ("gamma", [0.0, 1.0], "above 0"),
        ("tweedie", [0.0, -0.1], "at least 0"),
    ],
)
def test_a_target_that_an_objective_cannot_have_is_refused(name, values, said):
    with pytest.raises(FitError, match=said) as caught:
        check_target(np.array(values), OBJECTIVES[name], what="the training part", classes=3)
    assert "the training part" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [("binary", [0, 1]), ("multiclass", [0, 2]), ("regression", [-5, 5]), ("poisson", [0, 0.5]), ("gamma", [1e-9, 1])],
)
def test_a_target_that_it_can_have_is_not(name, values):
    check_target(np.array(values, dtype=np.float64), OBJECTIVES[name], what="it", classes=3)


def test_an_objective_must_be_named():
    with pytest.raises(ConfigError, match="'auto'"):
        named(BoostingConfig())
