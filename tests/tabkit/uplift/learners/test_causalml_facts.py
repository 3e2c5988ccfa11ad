"""What CausalML 0.18 does: the reasons for which tabkit does otherwise. A test that fails tells of a repair there."""

import os
import subprocess
import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
from regressions import boosted
from sklearn.linear_model import LinearRegression

from tabkit.extras import require
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.learners import fit
from tabkit.uplift.learners.plan import CrossFitting
from tabkit.uplift.regressor import Floats

pd = pytest.importorskip("pandas", reason="which CausalML's metrics take")
pytest.importorskip("causalml", reason="the extra uplift is not installed")


@pytest.fixture(scope="module")
def meta() -> ModuleType:
    found: ModuleType = require("causalml.inference.meta", extra="uplift")
    return found


@pytest.fixture(scope="module")
def metrics() -> ModuleType:
    found: ModuleType = require("causalml.metrics", extra="uplift")
    return found


def trees(kind: type[Any] = lgb.LGBMRegressor) -> Any:
    return kind(n_estimators=30, verbose=-1, n_jobs=1)


def randomised(rows: int, *, seed: int = 0, binary: bool = False) -> SimpleNamespace:
    """A coin decides on treatment; the effect is the first feature."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5))
    treated = rng.integers(0, 2, rows)
    mean = 2 * x[:, 1] + treated * x[:, 0]
    y = mean + rng.normal(size=rows)
    return SimpleNamespace(x=x, treated=treated, y=(y > 0).astype(np.int64) if binary else y, effect=x[:, 0])


def likeness(found: Floats, truth: Floats) -> float:
    return float(np.corrcoef(np.ravel(found), truth)[0, 1])


@pytest.mark.filterwarnings("ignore::FutureWarning:sklearn.*")
def test_the_default_propensity_ruins_dr_on_a_randomised_experiment(meta: ModuleType) -> None:
    """It is calibrated by isotonic regression, which gives .001 and .999 where one half is true."""
    drawn = randomised(4000)
    start = time.perf_counter()
    own = meta.BaseDRRegressor(learner=trees()).fit(X=drawn.x, treatment=drawn.treated, y=drawn.y, seed=0)
    middle = time.perf_counter()
    half = np.full(4000, 0.5)
    told = meta.BaseDRRegressor(learner=trees()).fit(X=drawn.x, treatment=drawn.treated, y=drawn.y, p=half, seed=0)
    end = time.perf_counter()
    assert own.propensity[1].min() == pytest.approx(0.001)
    assert own.propensity[1].max() == pytest.approx(0.999)
    assert likeness(own.predict(drawn.x), drawn.effect) < 0.4
    assert likeness(told.predict(drawn.x), drawn.effect) > 0.8
    assert middle - start > 1.5 * (end - middle)  # 4 to 6 times as measured; clocks of shared machines vary

    experiment = Experiment(("control", "treated"), drawn.treated, drawn.y, np.full((4000, 2), 0.5))
    features = pl.DataFrame(drawn.x, schema=list("abcde"))
    ours = fit("dr", features, experiment, learn=boosted, plan=CrossFitting.crossfit(np.arange(4000) % 5))
    assert likeness(ours.effect(features), drawn.effect) > 0.8


def test_the_standard_error_of_r_is_too_small_by_the_root_of_n(meta: ModuleType) -> None:
    n, found, told = 400, [], []
    for seed in range(30):
        drawn = randomised(n, seed=seed)
        model = meta.BaseRLearner(learner=LinearRegression(), cv_n_jobs=1, random_state=0)
        mean, low, high = model.estimate_ate(X=drawn.x, treatment=drawn.treated, y=drawn.y, p=np.full(n, 0.5))
        found.append(mean[0])
        told.append((high[0] - low[0]) / 2 / 1.96)
    assert np.std(found) / np.mean(told) == pytest.approx(np.sqrt(n), rel=0.4)


def test_a_t_regressor_of_classifiers_knows_three_effects(meta: ModuleType) -> None:
    drawn = randomised(1500, binary=True)
    arguments = {"X": drawn.x, "treatment": drawn.treated, "y": drawn.y}
    labels = meta.BaseTRegressor(learner=trees(lgb.LGBMClassifier)).fit(**arguments).predict(drawn.x)
    chances = meta.BaseTClassifier(learner=trees(lgb.LGBMClassifier)).fit(**arguments).predict(drawn.x)
    assert set(np.unique(labels)) == {-1, 0, 1}
    assert np.unique(chances).size > 1000


class Listening(lgb.LGBMRegressor):  # type: ignore[misc]
    """Remembers what it was to learn."""

    told: list[Floats] = []  # noqa: RUF012    # shared by the copies that CausalML makes

    def fit(self, X: Floats, y: Floats, **rest: Any) -> "Listening":
        self.told.append(y)
        super().fit(X, y, **rest)
        return self


def test_a_dr_classifier_learns_from_labels_in_place_of_chances(meta: ModuleType) -> None:
    drawn = randomised(1500, binary=True)
    Listening.told.clear()
    meta.BaseDRClassifier(
        control_outcome_learner=trees(lgb.LGBMClassifier),
        treatment_outcome_learner=trees(lgb.LGBMClassifier),
        treatment_effect_learner=trees(Listening),
    ).fit(X=drawn.x, treatment=drawn.treated, y=drawn.y, p=np.full(1500, 0.5), seed=0)
    assert len(Listening.told) == 3
    for pseudo in Listening.told:
        assert set(np.unique(pseudo)) <= {-3, -2, -1, 0, 1, 2, 3}


@pytest.mark.parametrize("metric", ["auuc_score", "qini_score"])
def test_ties_are_ranked_by_the_order_of_rows(metrics: ModuleType, metric: str) -> None:
    drawn = randomised(600, binary=True)
    table = pd.DataFrame({"y": drawn.y, "w": drawn.treated, "score": np.zeros(600)})
    score = getattr(metrics, metric)
    bought = ((table["w"] == 1) == (table["y"] == 1)).argsort(kind="stable")
    first, last = (score(table.iloc[order].reset_index(drop=True))["score"] for order in (bought, bought[::-1]))
    assert abs(first - last) > 0.2


def test_a_stray_column_is_scored_as_a_model(metrics: ModuleType) -> None:
    drawn = randomised(300, binary=True)
    table = pd.DataFrame({"y": drawn.y, "w": drawn.treated, "score": drawn.effect, "customer": np.arange(300)})
    assert set(metrics.auuc_score(table).index) == {"score", "customer"}


def test_a_column_called_tau_is_taken_for_the_truth(metrics: ModuleType) -> None:
    drawn = randomised(300, binary=True)
    table = pd.DataFrame({"y": drawn.y, "w": drawn.treated, "score": drawn.effect})
    honest = metrics.auuc_score(table)["score"]
    model = metrics.auuc_score(table.assign(tau=-drawn.effect))
    assert list(model.index) == ["score"]  # the model called tau is not scored at all
    assert abs(model["score"] - honest) > 0.5


def test_shuffled_columns_are_accepted(meta: ModuleType) -> None:
    drawn = randomised(500)
    table = pd.DataFrame(drawn.x, columns=list("abcde"))
    model = meta.BaseTRegressor(learner=trees()).fit(X=table, treatment=drawn.treated, y=drawn.y)
    assert np.abs(model.predict(table) - model.predict(table[list("edcba")])).max() > 0.5


def test_features_lose_their_names_in_s(meta: ModuleType) -> None:
    seen: list[list[Any]] = []

    class Named(LinearRegression):  # type: ignore[misc]
        def fit(self, X: Any, y: Floats) -> "Named":
            seen.append(list(X.columns))
            super().fit(X.to_numpy(), y)
            return self

    drawn = randomised(100)
    table = pd.DataFrame(drawn.x, columns=list("abcde"))
    meta.BaseSRegressor(learner=Named()).fit(X=table, treatment=drawn.treated, y=drawn.y)
    assert seen == [[0, 1, 2, 3, 4, 5]]


def test_r_pools_the_outcomes_of_all_arms(meta: ModuleType) -> None:
    rows: list[int] = []

    class Counting(LinearRegression):  # type: ignore[misc]
        def fit(self, X: Floats, y: Floats, sample_weight: Floats | None = None) -> "Counting":
            rows.append(len(y))
            super().fit(X, y, sample_weight)
            return self

    rng = np.random.default_rng(0)
    arm = np.arange(300) % 3
    model = meta.BaseRRegressor(outcome_learner=Counting(), effect_learner=LinearRegression(), random_state=0)
    model.cv_n_jobs = 1
    share = np.full(300, 0.5)
    model.fit(X=rng.normal(size=(300, 2)), treatment=arm, y=rng.normal(size=300), p={1: share, 2: share})
    assert rows == [240] * 5 + [300]


def test_an_uplift_forest_takes_amounts_for_one() -> None:
    forests = require("causalml.inference.tree", extra="uplift")
    drawn = randomised(1000)
    amounts = np.where(drawn.y > 0, 50 * drawn.y, 0)
    found, plain = (
        forests.UpliftRandomForestClassifier(control_name=0, n_estimators=3, random_state=0)
        .fit(X=drawn.x, treatment=drawn.treated, y=y)
        .predict(drawn.x)
        for y in (amounts, (drawn.y > 0).astype(float))
    )
    np.testing.assert_array_equal(found, plain)


@pytest.mark.slow
def test_importing_metrics_changes_how_matplotlib_draws() -> None:
    code = (
        "import matplotlib; before = dict(matplotlib.rcParams); import causalml.metrics;"
        "assert dict(matplotlib.rcParams) != before"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=os.environ | {"MPLBACKEND": "agg"})
