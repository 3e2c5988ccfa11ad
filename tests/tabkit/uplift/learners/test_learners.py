"""Learners of effects: a known truth, what is handed through, a published table, and CausalML on the same rows."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from regressions import Spy, Trial, boosted, least_squares, trial
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold, StratifiedKFold

from tabkit.errors import ConfigError
from tabkit.extras import require
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.learners import NAMES, Name, fit, fit_many
from tabkit.uplift.learners.plan import CrossFitting
from tabkit.uplift.regressor import Codes, Floats, Kind

FOUND = importlib.util.find_spec("causaldata")


def folds_of(cv: Any, n: int, labels: Codes | None = None) -> Codes:
    folds = np.zeros(n, dtype=np.int64)
    for number, (_, held) in enumerate(cv.split(np.zeros((n, 1)), labels)):
        folds[held] = number
    return folds


def some_plan(name: Name, rows: int) -> CrossFitting | None:
    return None if name in ("s", "t") else CrossFitting.crossfit(np.arange(rows) % 5)


@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("name", ["s", "t", "x", "dr"])
def test_a_linear_truth_is_found_exactly(name: Name, arms: int) -> None:
    known = trial(arms=arms, noise=0.0, effect=lambda x: np.full(len(x), 1.5) if name == "s" else 1 + x[:, 1])
    plan = some_plan(name, known.experiment.rows)
    effects = fit(name, known.features, known.experiment, learn=least_squares, plan=plan)
    found = effects.effect(known.features, propensity=known.experiment.propensity)
    assert found.shape == known.truth.shape
    np.testing.assert_allclose(found, known.truth, atol=1e-8)


@pytest.mark.parametrize("arms", [2, 3])
def test_a_linear_truth_is_found_by_r(arms: int) -> None:
    """Not exactly: its outcome model pools the arms, so the effect is noise to it."""
    known = trial(rows=10_000, arms=arms, noise=0.0, tilt=0.0)
    plan = some_plan("r", known.experiment.rows)
    found = fit("r", known.features, known.experiment, learn=least_squares, plan=plan).effect(known.features)
    np.testing.assert_allclose(found, known.truth, atol=0.1 * arms)


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_effect_is_found_in_noise(name: Name) -> None:
    known = trial(rows=8000, effect=lambda x: np.full(len(x), 0.7))
    effects = fit(
        name, known.features, known.experiment, learn=least_squares, plan=some_plan(name, known.experiment.rows)
    )
    found = effects.effect(known.features, propensity=known.experiment.propensity)
    np.testing.assert_allclose(found.mean(), 0.7, atol=0.08)
    assert found.std() < 0.12


@pytest.mark.parametrize("name", NAMES)
def test_columns_count_by_name_and_rows_by_place(name: Name) -> None:
    known = trial()
    n, propensity = known.experiment.rows, known.experiment.propensity
    effects = fit(name, known.features, known.experiment, learn=boosted, plan=some_plan(name, n))
    straight = effects.effect(known.features, propensity=propensity)
    turned = known.features.select(known.features.columns[::-1])
    order = np.random.default_rng(1).permutation(n)
    np.testing.assert_array_equal(effects.effect(turned, propensity=propensity), straight)
    np.testing.assert_array_equal(effects.effect(known.features[order], propensity=propensity[order]), straight[order])


@pytest.mark.parametrize("name", NAMES)
def test_outcomes_have_a_column_per_arm_control_first(name: Name) -> None:
    known = trial(arms=3, noise=0.0, effect=lambda x: np.ones(len(x)))
    effects = fit(
        name, known.features, known.experiment, learn=least_squares, plan=some_plan(name, known.experiment.rows)
    )
    expected = 2 + known.features["x0"].to_numpy()[:, None] + np.array([0, 1, 2])
    np.testing.assert_allclose(effects.outcome(known.features), expected, atol=1e-8)


@pytest.mark.parametrize("kind", ["binary", "count", "number"])
@pytest.mark.parametrize("name", NAMES)
def test_kinds_clusters_and_weights_are_handed_through(name: Name, kind: Kind) -> None:
    drawn = trial(kind="binary" if kind == "binary" else "number", clusters=True)
    known = Experiment(*(getattr(drawn.experiment, f) for f in ("arms", "arm", "outcome", "propensity")), kind)
    spy = Spy()
    clusters = drawn.experiment.clusters
    assert clusters is not None
    grouped = Experiment(known.arms, known.arm, known.outcome, known.propensity, kind, clusters)
    fit(name, drawn.features, grouped, learn=spy, plan=some_plan(name, grouped.rows))
    assert set(spy.kinds()) == ({kind} if name in ("s", "t") else {kind, "effect"})
    assert all(groups is not None and len(groups) == len(y) for _, y, _, groups, _ in spy.told)
    weighted = {of for of, _, weight, *_ in spy.told if weight is not None}
    assert weighted == ({"effect"} if name == "r" else set())


def test_many_at_once_are_each_alone_with_shared_models() -> None:
    known, spy, plan = trial(arms=3), Spy(), CrossFitting.crossfit(np.arange(1200) % 3)
    together = fit_many(NAMES, known.features, known.experiment, learn=spy, plan=plan)
    calls, propensity = len(spy.told), known.experiment.propensity
    spy.told.clear()
    for name, found in zip(NAMES, together, strict=True):
        alone = fit(name, known.features, known.experiment, learn=spy, plan=plan)
        assert found.name == name
        np.testing.assert_array_equal(
            found.effect(known.features, propensity=propensity), alone.effect(known.features, propensity=propensity)
        )
    assert len(spy.told) - calls == 3 + 9  # by arm for T and R, by arm and fold for X and DR


def test_clusters_go_with_their_rows() -> None:
    known = trial(clusters=True)
    spy = Spy()
    fit("t", known.features, known.experiment, learn=spy)
    clusters = known.experiment.clusters
    assert clusters is not None
    for arm, (*_, groups, _) in enumerate(spy.told):
        np.testing.assert_array_equal(groups, clusters[known.experiment.arm == arm])


def test_nuisances_never_see_the_rows_they_speak_about() -> None:
    known = trial(rows=60)
    features = known.features.with_columns(row=pl.int_range(60))
    seen: list[tuple[set[int], Kind]] = []

    class Watch:
        def __init__(self, rows: set[int], kind: Kind) -> None:
            self.rows, self.kind = rows, kind

        def predict(self, features: pl.DataFrame) -> Floats:
            seen.append((self.rows & set(features["row"]), self.kind))
            return np.zeros(features.height)

    def learn(features: pl.DataFrame, y: Floats, *, kind: Kind, **_: Any) -> Watch:
        return Watch(set(features["row"]), kind)

    names: tuple[Name, ...] = ("x", "r", "dr")
    for name in names:
        fit(name, features, known.experiment, learn=learn, plan=CrossFitting.crossfit(np.arange(60) % 4))
    assert seen
    assert not any(common for common, _ in seen)


def test_the_indicator_of_s_is_no_feature_of_the_user() -> None:
    known = trial(noise=0.0, effect=lambda x: np.ones(len(x)))
    features = known.features.rename({"x3": "treated"})
    effects = fit("s", features, known.experiment, learn=least_squares)
    assert effects.indicator not in features.columns
    np.testing.assert_allclose(effects.effect(features), 1, atol=1e-8)


def test_unknown_names_are_refused() -> None:
    known = trial(rows=50)
    with pytest.raises(ConfigError, match=r"(?s)learner 'q'.*r, dr"):
        fit("q", known.features, known.experiment, learn=least_squares)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["x", "r", "dr"])
def test_a_missing_plan_is_refused(name: Name) -> None:
    known = trial(rows=50)
    with pytest.raises(ConfigError, match=r"(?s)needs.*cross-fitting.*Plan\.crossfit"):
        fit(name, known.features, known.experiment, learn=least_squares)


def test_an_x_learner_without_propensity_is_refused() -> None:
    known = trial(rows=50)
    effects = fit("x", known.features, known.experiment, learn=least_squares, plan=some_plan("x", 50))
    with pytest.raises(ConfigError, match="propensity of each row"):
        effects.effect(known.features)


# --- LaLonde: the National Supported Work experiment, and the survey that stands in for its control group


COVARIATES = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75", "u74", "u75")


@pytest.fixture(scope="module")
def lalonde() -> dict[str, pl.DataFrame]:
    pandas = pytest.importorskip("pandas", reason="which reads Stata files")
    if FOUND is None or not FOUND.submodule_search_locations:
        pytest.skip("the package causaldata, whose data files are read, is not installed")
    folder = Path(FOUND.submodule_search_locations[0])
    tables = {name: pandas.read_stata(folder / name / f"{name}.dta") for name in ("nsw_mixtape", "cps_mixtape")}
    frames = {name: pl.DataFrame({c: t[c].to_numpy() for c in t.columns[1:]}) for name, t in tables.items()}
    unemployed = [(pl.col(f"re{year}") == 0).cast(pl.Float64).alias(f"u{year}") for year in (74, 75)]
    return {name: frame.cast(pl.Float64).with_columns(unemployed) for name, frame in frames.items()}


def test_lalonde_experimental_benchmark(lalonde: dict[str, pl.DataFrame]) -> None:
    """Dehejia and Wahba 1999, table 3: 1,794 dollars with a standard error of 633 (671 with unequal variances)."""
    trained, left = (lalonde["nsw_mixtape"].filter(treat=t)["re78"].to_numpy() for t in (1.0, 0.0))
    assert trained.mean() - left.mean() == pytest.approx(1794.34, abs=0.01)
    assert np.hypot(*(part.std(ddof=1) / np.sqrt(len(part)) for part in (trained, left))) == pytest.approx(671, abs=0.1)


def test_lalonde_with_the_survey_as_control(lalonde: dict[str, pl.DataFrame]) -> None:
    trained = lalonde["nsw_mixtape"].filter(treat=1.0)
    rows = pl.concat([trained, lalonde["cps_mixtape"]])
    arm = rows["treat"].cast(pl.Int64).to_numpy()
    y = rows["re78"].to_numpy()
    assert y[arm == 1].mean() - y[arm == 0].mean() == pytest.approx(-8497.52, abs=0.01)

    share = np.full((len(y), 2), 0.5)
    experiment = Experiment(("survey", "trained"), arm, y, share)
    features = rows.select(COVARIATES)
    single, two = (fit(name, features, experiment, learn=least_squares) for name in ("s", "t"))
    np.testing.assert_allclose(single.effect(features), 1066.38, atol=0.01)  # ordinary least squares
    assert two.effect(trained.select(COVARIATES)).mean() == pytest.approx(1133.28, abs=0.01)


# --- CausalML on the same rows and folds


@pytest.fixture(scope="module")
def meta() -> ModuleType:
    pytest.importorskip("causalml", reason="the extra uplift is not installed")
    found: ModuleType = require("causalml.inference.meta", extra="uplift")
    return found


class Wrapped(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regression for scikit-learn on plain arrays: the indicator of an S-learner comes first there, last here."""

    def __init__(self, kind: Kind = "number", names: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.names = names

    def fit(self, X: Floats, y: Floats, sample_weight: Floats | None = None) -> "Wrapped":
        self.model_ = boosted(self._frame(X), np.asarray(y, dtype=np.float64), kind=self.kind, weight=sample_weight)
        return self

    def predict(self, X: Floats) -> Floats:
        return self.model_.predict(self._frame(X))

    def _frame(self, X: Floats) -> pl.DataFrame:
        if X.shape[1] == len(self.names):
            return pl.DataFrame(X, schema=list(self.names), orient="row")
        return pl.DataFrame(np.roll(X, -1, axis=1), schema=[*self.names, "treated"], orient="row")


def by_hand(meta: ModuleType, name: Name, known: Trial, seed: int) -> Floats:
    found, X = known.experiment, known.features.to_numpy()
    names = tuple(known.features.columns)
    y, e = Wrapped(found.kind, names), Wrapped("effect", names)
    models = {
        "s": lambda: meta.BaseSRegressor(learner=y),
        "t": lambda: meta.BaseTRegressor(control_learner=y, treatment_learner=y),
        "x": lambda: meta.BaseXRegressor(
            control_outcome_learner=y, treatment_outcome_learner=y, control_effect_learner=e, treatment_effect_learner=e
        ),
        "r": lambda: meta.BaseRRegressor(outcome_learner=y, effect_learner=e, n_fold=5, random_state=seed),
        "dr": lambda: meta.BaseDRRegressor(
            control_outcome_learner=y, treatment_outcome_learner=y, treatment_effect_learner=e
        ),
    }
    model, seeded = models[name](), {"seed": seed} if name == "dr" else {}
    model.cv_n_jobs = 1
    p = {arm: found.pairwise(arm) for arm in range(1, len(found.arms))}
    model.fit(X=X, treatment=found.arm, y=found.outcome, p=p, **seeded)
    effect: Floats = model.predict(X, p=p)
    return effect


def their_plan(name: Name, known: Trial, seed: int) -> CrossFitting | None:
    found = known.experiment
    plans = {
        "x": lambda: CrossFitting.within(found.rows),
        "r": lambda: CrossFitting.crossfit(
            folds_of(StratifiedKFold(5, shuffle=True, random_state=seed), found.rows, found.arm)
        ),
        "dr": lambda: CrossFitting.rotated(folds_of(KFold(3, shuffle=True, random_state=seed), found.rows)),
    }
    return plans[name]() if name in plans else None


@pytest.mark.parametrize("kind", ["binary", "number"])
@pytest.mark.parametrize(
    ("name", "arms"), [("s", 2), ("t", 2), ("x", 2), ("r", 2), ("dr", 2), ("s", 3), ("t", 3), ("x", 3)]
)
def test_effects_are_those_of_causalml(meta: ModuleType, name: Name, arms: int, kind: Kind) -> None:
    known = trial(arms=arms, kind=kind)
    ours = fit(name, known.features, known.experiment, learn=boosted, plan=their_plan(name, known, 3))
    found = ours.effect(known.features, propensity=known.experiment.propensity)
    np.testing.assert_allclose(found, by_hand(meta, name, known, 3), atol=1e-6)
