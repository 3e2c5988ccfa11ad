from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.errors import ConfigError
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.plan import CrossFitting
from tabkit.uplift.scores import arm_scores, effect_scores

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=50)


def drawn(rows=60, arms=3, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(arms, 3.0), rows)
    arm = (rng.random(rows)[:, None] > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
    expected = rng.normal(size=(rows, arms))
    y = expected[np.arange(rows), arm] + rng.normal(size=rows)
    return Experiment(("none", "mail", "call", "visit")[:arms], arm, y, p), expected


@patient
@given(seed=st.integers(0, 2**32), arms=st.integers(2, 4))
def test_each_score_is_that_of_the_definition(seed, arms):
    experiment, expected = drawn(arms=arms, seed=seed)
    found, weighted = arm_scores(experiment, expected), arm_scores(experiment)
    for i in range(60):
        for a in range(arms):
            own, p = experiment.arm[i] == a, experiment.propensity[i, a]
            gain = (experiment.outcome[i] - expected[i, a]) / p if own else 0.0
            assert found[i, a] == pytest.approx(expected[i, a] + gain, rel=1e-12)
            assert weighted[i, a] == pytest.approx(experiment.outcome[i] / p if own else 0.0, rel=1e-12)
    np.testing.assert_allclose(
        effect_scores(found), np.column_stack([found[:, a] - found[:, 0] for a in range(1, arms)])
    )


def test_models_are_not_changed_and_may_be_whole_numbers():
    experiment, expected = drawn()
    before = expected.copy()
    arm_scores(experiment, expected)
    np.testing.assert_array_equal(expected, before)
    whole = np.ones((60, 3), dtype=np.int64)
    np.testing.assert_array_equal(arm_scores(experiment, whole), arm_scores(experiment, whole.astype(float)))


@pytest.mark.parametrize("wrong", ["nothing", "models", "propensity"])
def test_their_means_are_those_of_each_arm_if_models_or_propensities_are_right(wrong):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200_000)
    p = 1 / (1 + np.exp(-x))
    arm = (rng.random(200_000) < p).astype(np.int64)
    expected = np.column_stack([x, 2 + 3 * x])
    y = expected[np.arange(len(x)), arm] + rng.normal(size=len(x))
    used = np.full((len(x), 2), 0.5) if wrong == "propensity" else np.column_stack([1 - p, p])
    models = np.zeros_like(expected) if wrong == "models" else expected
    found = arm_scores(Experiment(("a", "b"), arm, y, used), models)
    np.testing.assert_allclose(found.mean(axis=0), [0, 2], atol=0.05)
    assert y[arm == 1].mean() > 3  # which is what chance alone would not have given


def test_exact_models_leave_only_what_they_say():
    experiment, expected = drawn()
    exact = Experiment(experiment.arms, experiment.arm, expected[np.arange(60), experiment.arm], experiment.propensity)
    np.testing.assert_allclose(arm_scores(exact, expected), expected)


# --- plans


FOLDS = st.lists(st.integers(0, 4), min_size=2, max_size=40).map(np.array)


@patient
@given(FOLDS)
def test_cross_fitting_speaks_once_about_each_row_and_never_saw_it(folds):
    if np.unique(folds).size < 2:
        with pytest.raises(ConfigError, match=r"(?s)folds.*folds numbered.*0"):
            CrossFitting.crossfit(folds)
        return
    plan = CrossFitting.crossfit(folds)
    assert plan.pooled
    spoken = np.concatenate([spoken_about for _, spoken_about in plan.pairs])
    np.testing.assert_array_equal(np.sort(spoken), np.arange(len(folds)))
    for fitted, spoken_about in plan.pairs:
        assert not set(fitted) & set(spoken_about)
        assert len(fitted) + len(spoken_about) == len(folds)
        assert len(set(folds[spoken_about])) == 1


def test_within_speaks_about_the_rows_of_the_fit():
    ((fitted, spoken_about),) = CrossFitting.within(5).pairs
    assert fitted.tolist() == spoken_about.tolist() == [0, 1, 2, 3, 4]


def test_a_rotation_uses_each_third_once_for_each_task():
    folds = np.array([2, 0, 1, 1, 0, 2, 2])
    plan = CrossFitting.rotated(folds)
    assert not plan.pooled
    assert [(set(folds[a]), set(folds[b])) for a, b in plan.pairs] == [({1}, {2}), ({2}, {0}), ({0}, {1})]
    assert [len(a) for a, _ in plan.pairs] == [2, 3, 2]


@pytest.mark.parametrize("folds", [[0, 1], [0, 1, 2, 3], [1, 2, 3], [0, 0, 0], []])
def test_a_rotation_has_three_parts(folds):
    with pytest.raises(ConfigError, match=r"(?s)three.*numbered 0, 1.*2.*three"):
        CrossFitting.rotated(np.array(folds, dtype=np.int64))


def test_no_rows_have_no_folds():
    with pytest.raises(ConfigError, match="at least two folds"):
        CrossFitting.crossfit(np.array([], dtype=np.int64))
