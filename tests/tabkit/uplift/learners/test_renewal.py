"""Learners learn from new units: each regression gets the rows, targets and weights that it was made for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pytest
from regressions import least_squares

from tabkit.errors import FitError
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.learners import NAMES, fit
from tabkit.uplift.learners.plan import CrossFitting
from tabkit.uplift.learners.renewal import renew


@dataclass
class Call:
    model: Any
    rows: int
    y: np.ndarray
    kind: str
    weight: np.ndarray | None


class Recorder:
    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, model: Any, features: pl.DataFrame, y: Any, *, kind: str, weight: Any = None) -> Any:
        assert features.height == len(y)
        self.calls.append(Call(model, features.height, y, kind, weight))
        return least_squares(features, y, kind=kind, weight=weight)


def units(rows: int = 400, seed: int = 0, effect: float = 1.0) -> tuple[pl.DataFrame, Experiment]:
    rng = np.random.default_rng(seed)
    x, arm = rng.normal(size=rows), rng.integers(0, 3, rows)
    y = x + arm * effect * x + rng.normal(0, 0.1, rows)
    share = np.tile([1 / 3, 1 / 3, 1 / 3], (rows, 1))
    return pl.DataFrame({"x": x}), Experiment(("none", "a", "b"), arm, y, share)


@pytest.mark.parametrize("name", NAMES)
def test_a_learner_finds_the_effects_of_the_new_units(name: Any) -> None:
    features, experiment = units()
    plan = CrossFitting.crossfit(np.arange(400) % 2)
    old = fit(name, features, experiment, learn=least_squares, plan=plan)
    news, further = units(seed=1, effect=3.0)
    renewed = renew(old, news, further, change=Recorder())
    share = np.tile([1 / 3, 1 / 3, 1 / 3], (3, 1))
    points = pl.DataFrame({"x": [-1.0, 0.0, 1.0]})
    before, after = (each.effect(points, propensity=share) for each in (old, renewed))
    if name == "s":  # a line without products cannot have an effect that depends on x
        return
    assert before[2].tolist() == pytest.approx([1.0, 2.0], abs=0.2)
    # Pseudo-outcomes come from the old models, so that X, which trusts them most, is moved only part of the way.
    assert (after[2] > before[2] + 0.8).all()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("s", ["number"] * 2),
        ("t", ["number"] * 3),
        ("x", ["number"] * 6 + ["effect"] * 4),
        ("r", ["number"] * 3 + ["effect"] * 2),
        ("dr", ["number"] * 6 + ["effect"] * 2),
    ],
)
def test_every_regression_is_changed_once(name: Any, kinds: list[str]) -> None:
    features, experiment = units()
    old = fit(name, features, experiment, learn=least_squares, plan=CrossFitting.crossfit(np.arange(400) % 2))
    change = Recorder()
    renew(old, features, experiment, change=change)
    assert sorted(call.kind for call in change.calls) == sorted(kinds)
    assert len({id(call.model) for call in change.calls}) == len(kinds)
    weighted = [call for call in change.calls if call.weight is not None]
    assert len(weighted) == (2 if name == "r" else 0)


def test_doubly_robust_pseudo_outcomes_are_those_of_the_old_models() -> None:
    features, experiment = units()
    old = fit("dr", features, experiment, learn=least_squares, plan=CrossFitting.crossfit(np.arange(400) % 2))
    change = Recorder()
    renew(old, features, experiment, change=change)
    expected = old.outcome(features)
    mail = experiment.arm == 1
    by_hand = expected[:, 1] - expected[:, 0]
    by_hand = by_hand + np.where(mail, 3 * (experiment.outcome - expected[:, 1]), 0)
    by_hand = by_hand - np.where(experiment.arm == 0, 3 * (experiment.outcome - expected[:, 0]), 0)
    first = next(call for call in change.calls if call.kind == "effect")
    assert first.y.tolist() == pytest.approx(by_hand.tolist())


def test_other_arms_and_empty_ones_are_refused() -> None:
    features, experiment = units()
    old = fit("t", features, experiment, learn=least_squares)
    none = experiment.take(experiment.arm < 2)
    with pytest.raises(FitError, match=r"no new unit.*'b'"):
        renew(old, features.filter(pl.Series(experiment.arm < 2)), none, change=Recorder())
    other = Experiment(("none", "a"), none.arm, none.outcome, np.full((none.rows, 2), 0.5))
    with pytest.raises(FitError, match="the model knows 'a', 'b'"):
        renew(old, features.filter(pl.Series(experiment.arm < 2)), other, change=Recorder())
