"""The bridge to CausalML: what it fitted is what comes back, and it is told what it needs."""

import importlib
import subprocess
import sys
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from regressions import Spy, Trial, boosted, least_squares, trial
from sklearn.base import clone

from tabkit.errors import ConfigError, FitError
from tabkit.extras import require
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.causalml import fit_causalml
from tabkit.uplift.learners.estimator import Estimator
from tabkit.uplift.learners.learners import NAMES, Effects, Name
from tabkit.uplift.regressor import Floats, Kind

NAMES_OF_MODELS = {
    "s": ("learner",),
    "t": ("control_learner", "treatment_learner"),
    "x": (
        "control_outcome_learner",
        "treatment_outcome_learner",
        "control_effect_learner",
        "treatment_effect_learner",
    ),
    "r": ("outcome_learner", "effect_learner"),
    "dr": ("control_outcome_learner", "treatment_outcome_learner", "treatment_effect_learner"),
}


@pytest.fixture(scope="module")
def meta() -> ModuleType:
    pytest.importorskip("causalml", reason="the extra uplift is not installed")
    found: ModuleType = require("causalml.inference.meta", extra="uplift")
    return found


class Straight:
    """Least squares on plain arrays, without scikit-learn's or tabkit's wrapping."""

    _estimator_type = "regressor"

    def __init__(self, seen: list[Floats]) -> None:
        self.seen = seen

    def __sklearn_tags__(self) -> Any:
        return importlib.import_module("sklearn.linear_model").LinearRegression().__sklearn_tags__()

    def __sklearn_clone__(self) -> "Straight":
        return Straight(self.seen)

    def __deepcopy__(self, _memo: object) -> "Straight":
        return Straight(self.seen)

    def fit(self, X: Floats, y: Floats, sample_weight: Floats | None = None) -> "Straight":
        self.seen.append(y)
        root = np.sqrt(np.ones(len(y)) if sample_weight is None else sample_weight)
        self.slopes = np.linalg.lstsq(np.column_stack([np.ones(len(y)), X]) * root[:, None], y * root, rcond=None)[0]
        return self

    def predict(self, X: Floats) -> Floats:
        found: Floats = np.column_stack([np.ones(len(X)), X]) @ self.slopes
        return found


def by_hand(meta: ModuleType, name: Name, known: Trial, *, seed: int, folds: int) -> Floats:
    found, X = known.experiment, known.features.to_numpy()
    model = getattr(meta, f"Base{name.upper()}Regressor")(**{role: Straight([]) for role in NAMES_OF_MODELS[name]})
    if name == "r":
        model.n_fold, model.random_state, model.cv_n_jobs = folds, seed, 1
    p = {arm: found.pairwise(arm) for arm in range(1, len(found.arms))}
    model.fit(X=X, treatment=found.arm, y=found.outcome, p=p, **({"seed": seed} if name == "dr" else {}))
    effect: Floats = model.predict(X, p=p)
    return effect


@pytest.mark.parametrize("kind", ["binary", "number"])
@pytest.mark.parametrize(("name", "arms"), [(n, a) for n in NAMES for a in (2, 3) if (n, a) != ("r", 3)])
def test_it_equals_causalml_called_by_hand(meta: ModuleType, name: Name, arms: int, kind: Kind) -> None:
    known = trial(arms=arms, kind=kind)
    effects = fit_causalml(name, known.features, known.experiment, learn=least_squares, seed=4, folds=3)
    found = effects.effect(known.features, propensity=known.experiment.propensity)
    np.testing.assert_allclose(found, by_hand(meta, name, known, seed=4, folds=3), atol=1e-10)


def test_r_of_three_arms_is_r_of_each_pair(meta: ModuleType) -> None:
    known = trial(arms=3)
    found = fit_causalml("r", known.features, known.experiment, learn=least_squares).effect(known.features)
    for arm in (1, 2):
        rows = np.flatnonzero(np.isin(known.experiment.arm, (0, arm)))
        pair = Experiment(
            ("control", "treated"),
            (known.experiment.arm[rows] == arm).astype(np.int64),
            known.experiment.outcome[rows],
            np.column_stack([1 - known.experiment.pairwise(arm)[rows], known.experiment.pairwise(arm)[rows]]),
        )
        alone = fit_causalml("r", known.features[rows], pair, learn=least_squares).effect(known.features)
        np.testing.assert_allclose(found[:, arm - 1], alone[:, 0], atol=1e-12)


@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_it_finds_the_truth_and_the_outcomes(meta: ModuleType, name: Name, arms: int) -> None:
    known = trial(rows=4000, arms=arms, noise=0.1, tilt=0.2, effect=lambda x: np.ones(len(x)))
    effects = fit_causalml(name, known.features, known.experiment, learn=least_squares)
    assert effects.treated == known.experiment.treated
    found = effects.effect(known.features, propensity=known.experiment.propensity)
    np.testing.assert_allclose(found, known.truth, atol=0.2)
    expected = 2 + known.features["x0"].to_numpy()[:, None] + np.arange(arms)
    np.testing.assert_allclose(effects.outcome(known.features), expected, atol=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_columns_count_by_name(meta: ModuleType, name: Name) -> None:
    known = trial(kind="binary")
    effects = fit_causalml(name, known.features, known.experiment, learn=boosted)
    propensity = known.experiment.propensity
    turned = effects.effect(known.features.select(known.features.columns[::-1]), propensity=propensity)
    np.testing.assert_array_equal(turned, effects.effect(known.features, propensity=propensity))


@pytest.mark.parametrize("name", NAMES)
def test_kinds_names_and_types_are_handed_through(meta: ModuleType, name: Name) -> None:
    known = trial(kind="binary")
    features = known.features.with_columns(known.features["x3"].cast(pl.Int8), pl.lit(True).alias("flag"))
    told: list[tuple[Kind, dict[str, Any]]] = []
    spy = Spy()

    def learn(features: pl.DataFrame, y: Floats, *, kind: Kind, **rest: Any) -> Any:
        told.append((kind, dict(features.schema)))
        return spy(features, y, kind=kind, **rest)

    fit_causalml(name, features, known.experiment, learn=learn)
    assert {kind for kind, _ in told} == ({"binary"} if name in ("s", "t") else {"binary", "effect"})
    assert all({c: schema[c] for c in features.columns} == dict(features.schema) for _, schema in told)
    assert {kind for kind, _, weight, *_ in spy.told if weight is not None} == ({"effect"} if name == "r" else set())


@pytest.mark.parametrize("name", ["s", "t", "x"])
def test_clusters_are_handed_through(meta: ModuleType, name: Name) -> None:
    known, spy = trial(clusters=True), Spy()
    fit_causalml(name, known.features, known.experiment, learn=spy)
    assert all(groups is not None and len(groups) == len(y) for _, y, _, groups, _ in spy.told)


@pytest.mark.parametrize("name", ["r", "dr"])
def test_clusters_are_refused_where_folds_would_divide_them(name: Name) -> None:
    known = trial(rows=60, clusters=True)
    with pytest.raises(ConfigError, match=r"(?s)divide clusters"):
        fit_causalml(name, known.features, known.experiment, learn=least_squares)


def test_seeds_decide(meta: ModuleType) -> None:
    known = trial()
    for name in ("r", "dr"):
        first, again, other = (
            fit_causalml(name, known.features, known.experiment, learn=least_squares, seed=s).effect(known.features)
            for s in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 1e-6


def test_what_comes_back_holds_no_causalml(meta: ModuleType) -> None:
    known = trial(rows=200)
    effects = fit_causalml("dr", known.features, known.experiment, learn=least_squares)
    assert isinstance(effects, Effects)
    models = [m for part in (*effects.outcomes, *effects.effects) for m in part]
    assert len(models) == 9
    assert {type(m).__module__ for m in models} == {"regressions"}


def test_the_wrapping_is_cloned_unfitted_and_shares_its_rows() -> None:
    known = trial(rows=50)
    one = Estimator(least_squares, known.features, "number", None, "treated")
    one.fit(np.arange(50)[:, None], known.experiment.outcome)
    copy = clone(one)
    assert not hasattr(copy, "fitted_")
    assert copy.features is one.features


@pytest.mark.parametrize(
    ("name", "change", "error", "said"),
    [
        ("q", {}, ConfigError, r"learners.*r, dr"),
        ("r", {"folds": 1}, ConfigError, "at least 2"),
        ("r", {"folds": 400}, FitError, r"needs.*least 400 units"),
    ],
)
def test_settings_that_cannot_be(name: Any, change: dict[str, int], error: type[Exception], said: str) -> None:
    known = trial(rows=300)
    with pytest.raises(error, match=said):
        fit_causalml(name, known.features, known.experiment, learn=least_squares, **change)


def test_data_that_causalml_would_stumble_over() -> None:
    known = trial(rows=100)
    found = known.experiment
    with pytest.raises(FitError, match="99 rows of features; 100 were expected"):
        fit_causalml("t", known.features[1:], found, learn=least_squares)
    nobody = Experiment((*found.arms, "call"), found.arm, found.outcome, np.full((100, 3), 1 / 3))
    with pytest.raises(FitError, match="'call' has 0"):
        fit_causalml("t", known.features, nobody, learn=least_squares)
    certain = Experiment(found.arms, found.arm, found.outcome, np.column_stack([np.full(100, 1e-17), np.ones(100)]))
    with pytest.raises(FitError, match=r"100 rows.*certain"):
        fit_causalml("x", known.features, certain, learn=least_squares)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "causalml.inference.meta", None)
    known = trial(rows=60)
    with pytest.raises(ImportError, match=r"pip install 'tabkit-ml\[uplift\]'"):
        fit_causalml("t", known.features, known.experiment, learn=least_squares)


def test_importing_the_bridge_imports_no_causalml() -> None:
    modules = "tabkit.uplift.learners.causalml, tabkit.uplift.learners.forests"
    code = f"import sys, {modules}; assert not {{'causalml', 'shap'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
