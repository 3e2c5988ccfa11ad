from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tabkit.uplift.learners.stacking import weights

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=30)


def drawn(rows=2000, *, learners=3, seed=0, noise=1.0, spread=1.0):
    """The first learner is right; the others are noise of the same size."""
    rng = np.random.default_rng(seed)
    effects = spread * rng.normal(size=(rows, learners))
    return effects, effects[:, 0] + noise * rng.normal(size=rows)


def of_one_arm(effects, scores):
    return weights(effects[:, None, :], scores[:, None])[:, 0]


@pytest.mark.parametrize("learners", [1, 2, 5])
def test_weights_are_equal_where_nothing_is_known(learners):
    effects, scores = drawn(50, learners=learners, spread=1e-3)
    np.testing.assert_allclose(of_one_arm(effects, scores), 1 / learners, atol=0.01)
    np.testing.assert_allclose(of_one_arm(np.ones((50, learners)), scores), 1 / learners)
    np.testing.assert_allclose(of_one_arm(effects, np.full(50, 3.0)), 1 / learners)


def test_the_one_that_is_right_gets_the_weight():
    found = of_one_arm(*drawn())
    assert found[0] > 0.9
    assert found[1:].max() < 0.1


def test_the_mean_stays_whatever_the_scale_of_predictions():
    """To stretch them is left to the calibration."""
    effects, scores = drawn(noise=0.5)
    found = of_one_arm(effects / 2 + 3, scores)
    assert found.sum() == pytest.approx(1)
    assert found[0] > 0.9


def test_weights_are_never_below_zero_and_what_is_turned_round_gets_none():
    effects, scores = drawn()
    effects[:, 0] *= -1
    found = of_one_arm(effects, scores)
    assert found[0] == 0
    assert (found >= 0).all()


def test_if_all_are_turned_round_weights_are_equal():
    truth = np.linspace(-1, 1, 2000)
    np.testing.assert_allclose(of_one_arm(np.stack([-truth, -2 * truth], axis=1), 50 * truth), 0.5)


def test_learners_that_say_the_same_share():
    effects, scores = drawn()
    found = of_one_arm(effects[:, [0, 0, 0]], scores)
    np.testing.assert_allclose(found, found[0])
    assert found.sum() == pytest.approx(1)


def test_arms_are_weighed_apart():
    effects, scores = drawn()
    other = effects[:, ::-1]
    found = weights(np.stack([effects, other], axis=1), np.column_stack([scores, scores]))
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found[:, 0], of_one_arm(effects, scores))
    np.testing.assert_allclose(found[:, 1], found[::-1, 0])


@pytest.mark.parametrize("seed", range(3))
def test_they_are_the_least_of_the_stated_loss(seed):
    effects, scores = drawn(40, seed=seed, spread=0.5)

    def loss(c):
        X, y = effects - effects.mean(axis=0), scores - scores.mean()
        return ((y - X @ c) ** 2).sum() / y.var() + ((c - 1 / 3) ** 2).sum() / 0.2**2

    best = minimize(loss, np.full(3, 1 / 3), bounds=[(0, None)] * 3, method="L-BFGS-B", options={"ftol": 1e-14})
    np.testing.assert_allclose(of_one_arm(effects, scores), best.x / best.x.sum(), atol=1e-4)


@patient
@given(seed=st.integers(0, 2**32), factor=st.floats(1e-4, 1e4), shift=st.floats(-10, 10))
def test_the_unit_of_the_outcome_its_origin_and_the_order_of_rows_do_not_matter_to_weights(seed, factor, shift):
    """But where all are scaled the prior keeps its say: weights are of predictions in units of their noise."""
    effects, scores = drawn(100, seed=seed)
    found = of_one_arm(effects, scores)
    np.testing.assert_allclose(of_one_arm(factor * effects, factor * scores), found, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(of_one_arm(effects + shift, scores - shift), found, rtol=1e-6, atol=1e-9)
    order = np.random.default_rng(seed).permutation(100)
    np.testing.assert_allclose(of_one_arm(effects[order], scores[order]), found, rtol=1e-6, atol=1e-9)


def test_stacked_effects_are_closer_to_the_truth_than_their_mean():
    better = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=1000)
        effects = truth[:, None] + rng.normal(size=(1000, 4)) * [0.3, 1, 2, 3]
        c = of_one_arm(effects, truth + 3 * rng.normal(size=1000))
        better.append(np.mean((effects @ c - truth) ** 2) < np.mean((effects.mean(axis=1) - truth) ** 2))
    assert np.mean(better) > 0.95
