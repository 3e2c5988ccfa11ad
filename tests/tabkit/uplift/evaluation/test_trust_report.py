"""Trust reports on simulated experiments: strong differences are found, and where there are none, none are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tabkit.uplift.effects import aipw, difference
from tabkit.uplift.evaluation.report import HeldOut, IntervalSettings, arm_reports
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.metrics import ranking
from tabkit.uplift.metrics.resampling import interval, paired
from tabkit.uplift.metrics.uplift_at_k import uplift_at
from tabkit.uplift.scores import arm_scores

QUICK = IntervalSettings(resamples=200)


def simulated(rows=3000, *, spread=1.0, average=0.0, arms=2, binary=False, clustered=False, seed=0):
    """Effects are `average + spread * x`, and the outcome without contact goes with another feature."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, rows))
    arm = rng.integers(0, arms, rows)
    effect = np.column_stack([a * (average + spread * x) for a in range(1, arms)])
    expected = np.column_stack([z, z[:, None] + effect])
    if binary:
        expected = 1 / (1 + np.exp(-expected))
        effect = expected[:, 1:] - expected[:, [0]]
    mean = expected[np.arange(rows), arm]
    y = (rng.random(rows) < mean).astype(np.float64) if binary else mean + rng.normal(size=rows)
    experiment = Experiment(
        ("none", "mail", "call")[:arms],
        arm,
        y,
        np.full((rows, arms), 1 / arms),
        kind="binary" if binary else "number",
        clusters=rng.integers(0, rows // 5, rows) if clustered else None,
    )
    return experiment, expected, effect


def reported(simulation, effect=None, *, settings=QUICK, randomised=True, held=slice(0, None, 2), **options):
    experiment, expected, truth = simulation
    rows = np.arange(experiment.rows)[held]
    scores = arm_scores(experiment.take(rows), expected[rows])
    predicted = (truth if effect is None else effect)[rows]
    held_out = HeldOut(experiment.take(rows), scores, predicted, expected[rows])
    return arm_reports(experiment, expected, held_out, randomised=randomised, settings=settings, **options), held_out


@pytest.mark.parametrize("options", [{}, {"binary": True}, {"clustered": True}, {"arms": 3}])
def test_strong_differences_are_usable(options):
    found, _ = reported(simulated(**options))
    assert [each.arm for each in found] == ["mail", "call"][: len(found)]
    for each in found:
        assert each.verdict.word == "usable"
        assert each.qini.low > 0
        assert each.autoc.low > 0
        assert each.against_response.low > 0  # the outcome goes with the other feature
        assert each.line.slope == pytest.approx(1, abs=0.25)
        assert each.groups.difference_low > 0
        persuadables, *_, dogs = each.segments
        assert persuadables.low > 0 > dogs.high


@pytest.mark.parametrize(("average", "word"), [(0.5, "average only"), (-0.5, "average only"), (0.0, "none")])
def test_a_constant_effect_is_not_usable_as_a_ranking(average, word):
    simulation = simulated(spread=0.0, average=average)
    noise = np.random.default_rng(1).normal(size=(3000, 1))
    found = reported(simulation, noise)[0][0]
    assert found.verdict.word == word
    assert found.qini.low <= 0


def test_predictions_that_are_all_equal_have_no_ranking():
    found = reported(simulated(spread=0.0, average=0.5))[0][0]
    assert (found.qini.value, found.qini.low, found.qini.high) == (0, 0, 0)
    assert (found.autoc.value, found.line.slope) == (0, pytest.approx(np.nan, nan_ok=True))
    assert found.verdict.word == "average only"
    assert found.verdict.why.startswith("no difference between units was found to learn")
    assert found.groups.observed.shape == (1,)
    assert found.segments[0].rows == 1500


@pytest.mark.slow
def test_rankings_of_noise_are_hardly_ever_called_usable():
    words = []
    for seed in range(100):
        noise = np.random.default_rng(1000 + seed).normal(size=(600, 1))
        words.append(reported(simulated(600, spread=0.0, average=0.5, seed=seed), noise)[0][0].verdict.word)
    assert np.mean([word == "usable" for word in words]) <= 0.07  # 2.5 % expected
    assert "average only" in words


def test_predictions_turned_round_are_worse_than_none():
    simulation = simulated()
    found = reported(simulation, -simulation[2])[0][0]
    assert found.verdict.word == "none"
    assert found.verdict.why.startswith("the ranking is worse than a random one")


def test_a_broken_experiment_has_no_verdict_but_its_numbers():
    simulation = simulated()
    found, sound = (reported(simulation, broken=broken)[0][0] for broken in ("sizes are wrong", None))
    assert (found.verdict.word, found.verdict.why) == ("none", "sizes are wrong")
    assert (found.qini, found.effect) == (sound.qini, sound.effect)


def test_each_number_is_that_of_its_own_room():
    simulation = simulated(clustered=True, binary=True)
    experiment, expected, _ = simulation
    settings = IntervalSettings(resamples=100, level=0.8, seed=3)
    found, held = reported(simulation, settings=settings)
    each, scores = found[0], held.scores[:, 1] - held.scores[:, 0]
    assert each.effect == aipw(experiment, expected, level=0.8)[0]
    assert each.difference == difference(experiment, level=0.8)[0]
    options = {"clusters": held.experiment.clusters, "resamples": 100, "level": 0.8, "seed": 3}
    effect, response = held.effect[:, 0], held.outcome.mean(axis=1)  # both arms have a half
    assert each.qini == interval(scores, effect, **options)
    assert each.autoc == interval(scores, effect, statistic="autoc", **options)
    assert each.response == interval(scores, response, **options)
    assert each.against_response == paired(scores, effect, response, **options)
    assert each.against_response.value == pytest.approx(each.qini.value - each.response.value)
    y, given = held.experiment.outcome, held.experiment.arm == 1
    assert each.classical == {
        "qini_normalised": ranking.qini_normalised(y, given, effect),
        "uplift_auc_normalised": ranking.uplift_auc_normalised(y, given, effect),
        "uplift_at_30": uplift_at(y, given, effect, share=0.3),
    }
    assert each.curve.gain_low is not None
    assert (each.curve.gain_low <= each.curve.gain_high).all()


def test_the_response_model_is_that_of_all_rows_or_there_is_none():
    """Of 40 treated units a model is a constant: those of control still rank, and beating a constant is no win."""
    experiment, expected, effect = simulated()
    flat = expected.copy()
    flat[:, 1] = flat[:, 1].mean()
    found = reported((experiment, flat, effect))[0][0]
    assert found.response is not None
    assert found.response.value != 0
    constant = np.broadcast_to(expected.mean(axis=0), expected.shape)
    alone = reported((experiment, constant, effect))[0][0]
    assert (alone.response, alone.against_response, alone.response_curve) == (None, None, None)
    assert alone.verdict.word == "usable"
    assert "model could be fitted" in alone.verdict.why


@pytest.mark.parametrize(
    ("options", "randomised", "change"),
    [
        ({}, True, None),  # an outcome of numbers
        ({"binary": True}, False, None),
        ({"binary": True}, True, 0.0),  # no one bought
    ],
)
def test_counts_are_only_made_where_they_are_defined(options, randomised, change):
    experiment, expected, truth = simulated(**options)
    if change is not None:
        experiment = replace(experiment, outcome=np.full(3000, change))
    assert reported((experiment, expected, truth), randomised=randomised)[0][0].classical == {}


def test_several_arms_are_judged_more_strictly_than_they_are_shown():
    """At a level that holds for both: an average that is sure alone need not be so among two."""
    experiment, expected, _ = simulated(arms=3, spread=0.0)
    constant = np.zeros((3000, 2))
    p = aipw(experiment, expected)[0]
    shift = (stats.norm.ppf(0.975) + 0.1) * p.se - p.value  # sure at 95 %, but not at 97.5 %
    moved = np.where(experiment.arm == 1, experiment.outcome + shift, experiment.outcome)
    moved_to = expected + np.array([0, shift, 0])
    found, _ = reported((replace(experiment, outcome=moved), moved_to, constant))
    assert found[0].effect.low > 0
    assert found[0].verdict.word == "none"


def test_what_is_little_is_the_cost_where_there_is_one_or_half_the_average():
    simulation = simulated(average=1.0)
    average = aipw(simulation[0], simulation[1])[0].value
    effect = simulation[2][::2, 0]
    for costs, little in ((None, average / 2), (np.array([0.8]), 0.8), (np.array([0.0]), average / 2)):
        found = reported(simulation, costs=costs)[0][0]
        assert found.segments[0].rows == (effect >= little).sum()
        assert found.segments[3].rows == (effect <= -little).sum()


def test_a_report_is_the_same_again():
    simulation = simulated(arms=3)
    a, b = reported(simulation)[0], reported(simulation)[0]
    for one, two in zip(a, b, strict=True):
        assert (one.qini, one.against_response, one.effect, one.verdict) == (
            two.qini,
            two.against_response,
            two.effect,
            two.verdict,
        )
        np.testing.assert_array_equal(one.curve.gain_low, two.curve.gain_low)
