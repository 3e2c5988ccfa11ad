from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tabkit.errors import ConfigError, FitError
from tabkit.uplift.decision.policy import against, assign, gains, hajek, top, value
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.scores import arm_scores

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=50)


def drawn(rows=400, seed=0):
    """Three arms with unequal propensities; the first arm helps where x is high, the second harms all."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    p = np.tile([0.5, 0.3, 0.2], (rows, 1))
    arm = rng.choice(3, rows, p=p[0])
    expected = np.column_stack([x, 2 * x, x - 1])
    y = expected[np.arange(rows), arm] + rng.normal(size=rows)
    return Experiment(("none", "mail", "call"), arm, y, p), expected, x


COSTS = np.array([0.25, 0.5])


def test_a_value_is_the_sum_over_units():
    experiment, expected, x = drawn()
    scores, policy = arm_scores(experiment, expected), (x > 0).astype(np.int64) + (x > 1)
    each = []
    for i in range(400):
        chosen = int(policy[i])
        gain = expected[i, chosen]
        if experiment.arm[i] == chosen:
            gain += (experiment.outcome[i] - expected[i, chosen]) / experiment.propensity[i, chosen]
        each.append(gain - (0.25 if chosen == 1 else 0.5 if chosen == 2 else 0))
    found = value(scores, policy, costs=COSTS, level=0.9)
    se = np.std(each, ddof=1) / 20
    assert found.value == pytest.approx(np.mean(each), rel=1e-12)
    assert found.se == pytest.approx(se, rel=1e-12)
    assert [found.low, found.high] == pytest.approx(np.mean(each) + stats.norm.ppf([0.05, 0.95]) * se, rel=1e-12)
    assert found.treated == np.mean(x > 0)
    np.testing.assert_allclose(gains(scores, policy, costs=COSTS), each, rtol=1e-12)


def test_the_value_of_treating_none_is_the_mean_score_of_control_whatever_the_costs():
    experiment, expected, _ = drawn()
    scores, none = arm_scores(experiment, expected), np.zeros(400, dtype=np.int64)
    assert value(scores, none).value == pytest.approx(scores[:, 0].mean())
    assert value(scores, none, costs=COSTS) == value(scores, none)
    assert value(scores, none).treated == 0


def test_values_are_those_of_other_people_of_the_same_kind():
    """The truth of each policy, from half a million units whose every outcome is known."""
    _, known, x = drawn(500_000, seed=99)
    truth = known[np.arange(len(x)), (x > 0).astype(int)].mean()
    inside = []
    for seed in range(200):
        experiment, expected, x = drawn(seed=seed)
        policy = (x > 0).astype(np.int64)
        found = [value(arm_scores(experiment, m), policy) for m in (expected, None)] + [hajek(experiment, policy)]
        inside.append([each.low < truth < each.high for each in found])
    share = np.mean(inside, axis=0)
    assert ((share >= 0.91) & (share <= 0.98)).all(), share


def test_normalised_weights_by_hand():
    arm, policy = np.array([0, 1, 1, 0, 1]), np.array([0, 1, 0, 1, 1])
    p = np.array([0.5, 0.2, 0.4, 0.5, 0.8])
    experiment = Experiment(("a", "b"), arm, np.array([1.0, 5, 9, 7, 3]), np.column_stack([1 - p, p]))
    found = hajek(experiment, policy, costs=np.array([1.0]))
    weight, gain = np.array([1 / 0.5, 1 / 0.2, 1 / 0.8]), np.array([1.0, 4, 2])  # of rows 0, 1 and 4
    mean = (weight @ gain) / weight.sum()
    assert found.value == pytest.approx(mean, rel=1e-12)
    assert found.se == pytest.approx(np.sqrt(np.sum((weight * (gain - mean)) ** 2) * 5 / 4) / weight.sum(), rel=1e-12)
    assert found.treated == 3 / 5


def test_normalised_weights_of_one_arm_are_its_mean():
    experiment, _, _ = drawn()
    found = hajek(experiment, np.full(400, 2))
    y = experiment.outcome[experiment.arm == 2]
    assert found.value == pytest.approx(y.mean(), rel=1e-12)
    assert found.se == pytest.approx(y.std(ddof=1) / y.size**0.5, rel=0.02)


def test_normalised_weights_go_with_the_origin_of_the_outcome():
    experiment, _, x = drawn()
    policy = (x > 0).astype(np.int64)
    moved = hajek(replace(experiment, outcome=experiment.outcome + 1000), policy)
    found = hajek(experiment, policy)
    assert moved.value == pytest.approx(found.value + 1000)
    assert moved.se == pytest.approx(found.se, rel=1e-9)


def test_policies_are_compared_on_the_same_units():
    experiment, expected, x = drawn()
    scores = arm_scores(experiment, expected)
    mine, other = (x > 0.1).astype(np.int64), (x > 0).astype(np.int64)
    a, b = value(scores, mine, costs=COSTS), value(scores, other, costs=COSTS)
    found = against(scores, mine, other, costs=COSTS)
    assert found.value == pytest.approx(a.value - b.value)
    differences = gains(scores, mine, costs=COSTS) - gains(scores, other, costs=COSTS)
    assert found.se == pytest.approx(differences.std(ddof=1) / 20)
    assert found.se < 0.3 * np.hypot(a.se, b.se)
    back = against(scores, other, mine, costs=COSTS)
    assert [back.low, back.high] == pytest.approx([-found.high, -found.low])
    same = against(scores, mine, mine, costs=COSTS)
    assert (same.value, same.se, same.low, same.high) == (0, 0, 0, 0)


def test_clusters_are_summed():
    experiment, expected, x = drawn(200)
    twice = np.tile(np.arange(200), 2)
    scores, policy = arm_scores(experiment, expected), (x > 0).astype(np.int64)
    assert value(scores[twice], policy[twice], clusters=twice).se == pytest.approx(value(scores, policy).se)
    assert value(scores[twice], policy[twice]).se < 0.75 * value(scores, policy).se
    doubled = replace(experiment.take(twice), clusters=twice)
    assert hajek(doubled, policy[twice]).se == pytest.approx(hajek(experiment, policy).se)
    other = np.ones(200, dtype=np.int64)
    paired = against(scores, policy, other).se
    assert against(scores[twice], policy[twice], other[twice], clusters=twice).se == pytest.approx(paired)


# --- rules


def test_the_best_arm_has_the_largest_effect_less_cost():
    effect = np.array([[0.2, 0.1], [0.1, 0.3], [-0.1, -0.2], [0.3, 0.3], [0.0, 0.0], [0.0, -0.1]])
    assert assign(effect).tolist() == [1, 2, 0, 1, 0, 0]  # ties go to the first arm, and to control at nothing
    assert assign(effect, costs=np.array([0.2, 0.05])).tolist() == [2, 2, 0, 2, 0, 0]
    assert assign(effect[:, [0]], costs=np.array([0.2])).tolist() == [0, 0, 0, 1, 0, 0]


@patient
@given(seed=st.integers(0, 2**32), arms=st.integers(1, 4))
def test_no_other_rule_has_a_higher_predicted_value(seed, arms):
    rng = np.random.default_rng(seed)
    effect, costs = rng.normal(size=(30, arms)), rng.random(arms)
    predicted = np.column_stack([np.zeros(30), effect - costs])
    best, other = assign(effect, costs=costs), rng.integers(0, arms + 1, 30)
    assert predicted[np.arange(30), best].sum() >= predicted[np.arange(30), other].sum() - 1e-12
    assert (predicted[np.arange(30), best] == predicted.max(axis=1)).all()


@patient
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.floats(0, 1))
def test_the_top_has_the_highest_scores_and_divides_no_tie(scores, share):
    score = np.array(scores, dtype=np.float64)
    chosen = top(score, share, arm=2)
    assert set(chosen.tolist()) <= {0, 2}
    given_ = chosen > 0
    assert given_.sum() <= share * len(score) + 1e-6
    if given_.any() and not given_.all():
        assert score[given_].min() > score[~given_].max()
    if not given_.all():  # the next run of ties would have been too many
        level = score[~given_].max()
        assert given_.sum() + (score == level).sum() > share * len(score)
    order = np.random.default_rng(0).permutation(len(score))
    np.testing.assert_array_equal(top(score[order], share, arm=2), chosen[order])


def test_the_top_of_distinct_scores_has_the_share_asked_for():
    score = np.random.default_rng(0).permutation(100) / 100
    for percent in range(101):  # 0.29 * 100 is 28.999999999999996
        assert top(score, percent / 100).sum() == percent


# --- errors


@pytest.mark.parametrize(
    "policy",
    [
        np.zeros(399, dtype=int),
        np.full(400, 3),
        np.full(400, -1),
        np.zeros((400, 1), dtype=int),
        np.ones(400, dtype=bool),
    ],
)
def test_policies_that_do_not_fit_are_refused(policy):
    experiment, expected, _ = drawn()
    words = r"one arm from 0 to 2 for each of 400 rows was expected\nTo do: number the arms"
    for call in (lambda: value(arm_scores(experiment, expected), policy), lambda: hajek(experiment, policy)):
        with pytest.raises(FitError, match=words):
            call()


def test_what_cannot_be_valued_is_refused():
    experiment, expected, _ = drawn()
    with pytest.raises(FitError, match="policy chooses"):
        hajek(experiment, (experiment.arm + 1) % 3)
    for share in (-0.1, 1.1, 30, float("nan")):
        with pytest.raises(ConfigError, match=r"(?s)0.*1.*expected.*write 0.3.*30"):
            top(np.arange(3.0), share)
    with pytest.raises(ConfigError, match=r"level.*lie strictly.*0.*1"):
        value(arm_scores(experiment, expected), experiment.arm, level=1)
