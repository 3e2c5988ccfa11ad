"""How well features tell the outcome, and which of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.uplift.design.strength import strength
from tabkit.uplift.experiment import Experiment


def told(share, *, binary=False, rows=3000):
    """A feature that tells a share of what is behind the outcome, under an effect larger than all else."""
    rng = np.random.default_rng(0)
    x, arm = rng.normal(size=rows), rng.integers(0, 2, rows)
    behind = np.sqrt(share) * x + np.sqrt(1 - share) * rng.normal(size=rows)
    y = (behind > 1).astype(np.float64) if binary else behind + 5.0 * arm
    expected = np.sqrt(share) * x[:, None] + (0 if binary else np.array([0.0, 5.0]))
    level = pl.Series(np.where(x > 0, "high", "low"))
    frame = pl.DataFrame({"noise": rng.normal(size=rows), "x": x, "level": level, "day": [None] * rows})
    return Experiment(("no", "yes"), arm, y, np.full((rows, 2), 0.5)), np.broadcast_to(expected, (rows, 2)), frame


@pytest.mark.parametrize(("share", "level"), [(0.5, "little"), (0.7, "little"), (0.9, "note"), (0.98, "asks")])
def test_what_a_feature_tells_of_an_amount_is_noted_or_asked_about(share, level):
    experiment, expected, frame = told(share)
    found = strength(experiment, expected, frame, frame.columns)
    assert (found.level, found.auc) == (level, None)
    assert found.r2 == pytest.approx(share, abs=0.02)
    assert [name for name, _ in found.alone] == ["x", "level"]


@pytest.mark.parametrize(("share", "level"), [(0.5, "little"), (0.9, "asks"), (1.0, "exact")])
def test_what_it_tells_of_a_yes_or_no_is_an_area(share, level):
    experiment, expected, frame = told(share, binary=True)
    found = strength(experiment, expected, frame, frame.columns)
    assert found.level == level
    assert found.alone[0][0] == "x"
    assert found.alone[0][1] == pytest.approx(found.auc, abs=0.02)


def test_one_feature_counts_where_models_learned_less_than_it_says():
    experiment, expected, frame = told(0.95, binary=True)
    nothing = np.random.default_rng(1).normal(size=expected.shape)
    found = strength(experiment, nothing, frame, frame.columns)
    assert found.auc < 0.6
    assert found.level == "asks"


def test_an_effect_is_told_by_no_feature():
    arm = np.arange(400) % 2
    found = strength(
        Experiment(("no", "yes"), arm, arm.astype(np.float64), np.full((400, 2), 0.5)),
        np.tile([0.0, 1.0], (400, 1)),
        pl.DataFrame({"x": np.arange(400)}),
        ["x"],
    )
    assert (found.r2, found.auc, found.level) == (None, None, "little")
