"""The effect on the treated, where it is another than that on all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tabkit.uplift.effects import aipw
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.treated import effects_on_treated


def chosen(rows=1500, seed=0, *, clustered=False):
    """Who gains is treated: 1 + x on average, so that the effect on the treated is above that on all, which is 1."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    chance = 1 / (1 + np.exp(-x))
    arm = (rng.random(rows) < chance).astype(np.int64)
    effect = 1 + x
    y = x + arm * effect + rng.normal(size=rows)
    clusters = np.arange(rows) // 2 if clustered else None
    experiment = Experiment(("no", "yes"), arm, y, np.column_stack([1 - chance, chance]), clusters=clusters)
    return experiment, np.column_stack([x, x + effect]), effect[arm == 1].mean()


def test_the_effect_on_the_treated_is_theirs():
    experiment, expected, truth = chosen()
    found = effects_on_treated(experiment, expected)[0]
    assert found.effect.low < truth < found.effect.high
    assert found.effect.value > aipw(experiment, expected)[0].value + 0.2
    assert (found.units, found.of) == ((experiment.arm == 1).sum(),) * 2
    assert 0 < found.controls < (experiment.arm == 0).sum()


def test_either_model_may_be_wrong():
    experiment, expected, _ = chosen(20_000)
    even = Experiment(experiment.arms, experiment.arm, experiment.outcome, np.full((20_000, 2), 0.5))
    for given, models in ((experiment, np.zeros_like(expected)), (even, expected)):
        assert effects_on_treated(given, models)[0].effect.value == pytest.approx(1.41, abs=0.12)


def test_intervals_hold_as_often_as_they_say():
    """Of 1,000 sets 955 held the effect on the treated of the population, 1.41."""
    held = 0
    for seed in range(200):
        experiment, expected, _ = chosen(800, seed)
        effect = effects_on_treated(experiment, expected)[0].effect
        held += effect.low < 1.4133 < effect.high
    assert stats.binom.cdf(held, 200, 0.95) > 0.001


def test_units_without_a_control_like_them_are_left_out_and_counted():
    experiment, expected, _ = chosen()
    found = effects_on_treated(experiment, expected, trim=0.3)[0]
    assert found.units == ((experiment.arm == 1) & (experiment.propensity[:, 0] >= 0.3)).sum() < found.of
    sure = Experiment(experiment.arms, experiment.arm, experiment.outcome, np.tile([0.01, 0.99], (1500, 1)))
    assert effects_on_treated(sure, expected, trim=0.05) == (None,)


def test_units_of_a_cluster_count_together():
    alone, together = (effects_on_treated(*chosen(clustered=clustered)[:2])[0].effect for clustered in (False, True))
    assert alone.value == together.value
    assert alone.se != together.se
