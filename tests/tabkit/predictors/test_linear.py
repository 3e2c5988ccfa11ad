"""The linear learner: scikit-learn's models as plain numbers, which explain themselves and are loaded with checks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, Ridge, TweedieRegressor

from pipelines import propensity
from tabkit.boosting import BoostingConfig, Rows, recalibrate
from tabkit.boosting import fit as grow
from tabkit.bundle import Bundle, frame_bytes
from tabkit.errors import BundleError, ConfigError, FitError, SchemaError
from tabkit.objective import OBJECTIVES, loss
from tabkit.predictors import linear as learner
from tabkit.predictors.config import PredictorConfig
from tabkit.predictors.linear import PENALTIES, Linear, LinearModel
from tabkit.predictors.linear_config import LinearConfig
from tabkit.progress import Silent
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

N = 600
RNG = np.random.default_rng(0)
FEATURES = pl.DataFrame(
    {
        "a": RNG.normal(5, 3, N),
        "b": pl.Series(RNG.integers(0, 9, N)).replace(8, None),
        "c": RNG.exponential(1, N),
    }
)
SIGNAL = 0.2 * FEATURES["a"].to_numpy() - 0.1 * FEATURES["b"].fill_null(4).to_numpy()
EXPOSURE = RNG.uniform(0.2, 3, N)
WEIGHT = RNG.uniform(0.1, 2, N)
TARGETS = {
    "binary": (RNG.random(N) < 0.5 + 0.1 * np.tanh(SIGNAL)).astype(float),
    "multiclass": np.digitize(SIGNAL + RNG.normal(size=N), [0, 1]).astype(float),
    "regression": SIGNAL + RNG.normal(size=N),
    "quantile": SIGNAL + RNG.normal(size=N),
    "poisson": RNG.poisson(np.exp(SIGNAL) * EXPOSURE).astype(float),
    "gamma": RNG.gamma(2, np.exp(SIGNAL) * EXPOSURE),
    "tweedie": RNG.gamma(2, np.exp(SIGNAL) * EXPOSURE) * RNG.integers(0, 2, N),
}
CLASSES = {"binary": ("no", "yes"), "multiclass": ("x", "y", "z")}


def config(name: str, **settings: Any) -> BoostingConfig:
    return BoostingConfig(objective=name, **settings)


def fitted(name: str, rows: Rows | None = None, *, penalty: Any = 1.0, **settings: Any) -> LinearModel:
    rows = rows or Rows(FEATURES, TARGETS[name])
    own = LinearConfig(penalty=penalty)
    return learner.fit(rows, config=own, losses=config(name, **settings), classes=CLASSES.get(name, ()))


def standardised(features: pl.DataFrame = FEATURES) -> np.ndarray:
    """The encoding by hand: the mean for what is missing, unit variance."""
    X = features.cast(pl.Float64).to_numpy()
    X = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    return (X - X.mean(axis=0)) / X.std(axis=0)


# Beside scikit-learn


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("binary", LogisticRegression(C=1 / 3, tol=1e-9, max_iter=1000)),
        ("multiclass", LogisticRegression(C=1 / 3, tol=1e-9, max_iter=1000)),
        ("regression", Ridge(alpha=3.0)),
        ("poisson", PoissonRegressor(alpha=3 / WEIGHT.sum(), tol=1e-9, max_iter=1000)),
        ("gamma", GammaRegressor(alpha=3 / WEIGHT.sum(), tol=1e-9, max_iter=1000)),
        ("tweedie", TweedieRegressor(power=1.5, link="log", alpha=3 / WEIGHT.sum(), tol=1e-9, max_iter=1000)),
    ],
)
def test_it_is_scikit_learns_model(name: str, peer: Any) -> None:
    y = TARGETS[name]
    found = fitted(name, Rows(FEATURES, y, weight=WEIGHT), penalty=3.0).predict(FEATURES)
    unit = np.average(y, weights=WEIGHT) if name == "tweedie" else 1  # a penalty must not see the unit of amounts
    peer.fit(standardised(), y / unit, sample_weight=WEIGHT)
    predict = peer.predict_proba if hasattr(peer, "predict_proba") else peer.predict
    expected = predict(standardised()) * unit
    np.testing.assert_allclose(found, expected[:, 1] if name == "binary" else expected, rtol=1e-5)


@pytest.mark.parametrize(("name", "power"), [("poisson", 1.0), ("gamma", 2.0), ("tweedie", 1.3)])
def test_exposure_enters_as_weight_and_scales_the_prediction(name: str, power: float) -> None:
    y, offset = TARGETS[name], np.log(EXPOSURE)
    model = fitted(name, Rows(FEATURES, y, weight=WEIGHT, offset=offset), tweedie_power=1.3)
    found = model.predict(FEATURES, offset=offset)
    weight = WEIGHT * EXPOSURE ** (2 - power)
    peer = TweedieRegressor(power=power, link="log", alpha=1 / weight.sum(), tol=1e-9, max_iter=1000)
    unit = np.average(y / EXPOSURE, weights=weight) if name == "tweedie" else 1
    peer.fit(standardised(), y / EXPOSURE / unit, sample_weight=weight)
    np.testing.assert_allclose(found, peer.predict(standardised()) * unit * EXPOSURE, rtol=1e-5)
    np.testing.assert_allclose(model.predict(FEATURES, offset=offset + np.log(2)), 2 * found, rtol=1e-12)


def test_two_classes_of_many_are_those_of_two() -> None:
    y, losses = TARGETS["binary"], config("multiclass")
    rows = Rows(FEATURES, y)
    many = learner.fit(rows, config=LinearConfig(penalty=1.0), losses=losses, classes=("no", "yes"))
    np.testing.assert_allclose(many.predict(FEATURES)[:, 1], fitted("binary").predict(FEATURES), rtol=1e-12)


def test_wide_tables_take_another_solver_to_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("binary", "multiclass", "poisson"):
        narrow = fitted(name).predict(FEATURES)
        with monkeypatch.context() as patch:
            patch.setattr(learner, "_NEWTON", 0)
            np.testing.assert_allclose(fitted(name).predict(FEATURES), narrow, rtol=2e-3)


def test_an_offset_of_a_number_is_subtracted_and_added_back() -> None:
    y, offset = TARGETS["regression"], RNG.normal(size=N)
    shifted = fitted("regression", Rows(FEATURES, y + offset, offset=offset))
    plain = fitted("regression")
    np.testing.assert_allclose(shifted.predict(FEATURES, offset=offset), plain.predict(FEATURES) + offset)


def test_a_quantile_is_the_ridge_moved_by_its_weighted_quantile() -> None:
    y, k = TARGETS["quantile"], RNG.integers(0, 3, N)
    found = fitted("quantile", Rows(FEATURES, y, weight=k), quantile=0.9).predict(FEATURES)
    share = np.average(y <= found + 1e-12, weights=k)
    assert 0.9 <= share < 0.9 + 3 / k.sum()
    median = fitted("quantile", Rows(FEATURES, y, weight=k)).predict(FEATURES)
    assert np.ptp(found - median) < 1e-9
    assert (found > median).all()


@pytest.mark.parametrize("name", TARGETS)
def test_level_and_unit_of_a_number_are_no_matter(name: str) -> None:
    level, unit = {"regression": (1e9, 1.0), "quantile": (1e9, 1.0), "tweedie": (0.0, 1e-12)}.get(name, (0.0, 1.0))
    there = fitted(name, Rows(FEATURES, level + unit * TARGETS[name])).predict(FEATURES)
    np.testing.assert_allclose((there - level) / unit, fitted(name).predict(FEATURES), rtol=1e-4, atol=1e-5)


# The penalty


@pytest.mark.parametrize("name", TARGETS)
def test_held_out_rows_choose_the_penalty(name: str) -> None:
    own = np.arange(N) % 3 > 0
    rows, stop = (Rows(FEATURES.filter(part), TARGETS[name][part]) for part in (own, ~own))
    losses, classes = config(name), CLASSES.get(name, ())
    chosen = learner.fit(rows, stop, config=LinearConfig(), losses=losses, classes=classes)

    def lost(model: LinearModel) -> float:
        p = model.predict(stop.features)
        return loss(stop.y, p, weight=stop.weights(), config=losses, objective=OBJECTIVES[name])

    all_losses = [lost(fitted(name, rows, penalty=penalty)) for penalty in PENALTIES]
    assert chosen.held_out_loss == pytest.approx(min(*all_losses, chosen.base_loss), rel=1e-5)
    assert chosen.penalty == PENALTIES[int(np.argmin(all_losses))]


def test_where_no_coefficient_helps_the_constant_is_all() -> None:
    features, y = FEATURES.select("a"), FEATURES["a"].to_numpy()
    rows, stop = Rows(features[:400], y[:400]), Rows(features[400:], -y[400:])
    settings = PredictorConfig(model="linear", boosting=config("regression"), linear={"penalty": 0.1})
    model = Linear().fit(rows, stop, settings=settings, classes=(), progress=Silent())
    assert Linear().extent(model) == 0
    assert model.held_out_loss == model.base_loss
    again = Linear().fit_again(model, Rows(features, y), settings=settings, classes=(), progress=Silent())
    np.testing.assert_allclose(again.predict(features), y.mean())


def test_fitting_again_keeps_the_penalty_that_was_chosen() -> None:
    settings = PredictorConfig(model="linear", boosting=config("binary"))
    rows, stop = Rows(FEATURES[:400], TARGETS["binary"][:400]), Rows(FEATURES[400:], TARGETS["binary"][400:])
    model = Linear().fit(rows, stop, settings=settings, classes=("no", "yes"), progress=Silent())
    model = replace(model, coefficients=np.ones_like(model.coefficients), penalty=77.0)
    whole = Rows(FEATURES, TARGETS["binary"])
    again = Linear().fit_again(model, whole, settings=settings, classes=("no", "yes"), progress=Silent())
    assert again.penalty == 77.0
    np.testing.assert_array_equal(again.coefficients, fitted("binary", penalty=77.0).coefficients)


@pytest.mark.parametrize("penalty", [0, -1, float("inf"), float("nan"), "none"])
def test_a_penalty_is_a_finite_number_above_zero(penalty: Any) -> None:
    with pytest.raises(ConfigError, match="penalty"):
        LinearConfig(penalty=penalty)


# Odd features


def test_new_rows_get_the_means_of_the_fit_for_what_is_missing() -> None:
    model, means = fitted("regression"), FEATURES.select(pl.all().mean())
    missing = pl.DataFrame({"c": [None], "b": [float("nan")], "a": [float("inf")]}, strict=False)
    assert model.predict(missing) == pytest.approx(model.predict(means))
    assert not model.contribution_array(missing)[:, :, :-1].any()


@pytest.mark.parametrize("name", ["binary", "regression", "poisson"])
def test_columns_that_never_vary_or_are_all_missing_do_no_harm(name: str) -> None:
    more = FEATURES.with_columns(same=pl.lit(3), none=pl.lit(None), flag=pl.lit(True), wild=pl.lit(float("inf")))
    model = fitted(name, Rows(more, TARGETS[name]))
    np.testing.assert_allclose(model.predict(more), fitted(name).predict(FEATURES), rtol=1e-6)
    assert not model.coefficients[:, 3:].any()
    assert Linear().extent(model) == 3
    other = more.with_columns(same=pl.lit(1e300), none=pl.lit(7))
    np.testing.assert_array_equal(model.predict(other), model.predict(more))


@pytest.mark.parametrize("name", TARGETS)
def test_a_column_twice_shares_its_coefficient(name: str) -> None:
    twice = FEATURES.with_columns(again=pl.col("a"))
    model = fitted(name, Rows(twice, TARGETS[name]), penalty=1e-6)
    np.testing.assert_allclose(model.coefficients[:, 0], model.coefficients[:, 3], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(model.predict(twice), fitted(name, penalty=1e-6).predict(FEATURES), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["binary", "regression", "quantile", "poisson", "gamma", "tweedie"])
def test_two_rows_are_enough_for_numbers(name: str) -> None:
    rows = Rows(pl.DataFrame({"x": [0.0, 1.0], "y": [5, 5]}), np.array([1.0, 0.0 if name == "binary" else 2.0]))
    found = fitted(name, rows, penalty=1e-3).predict(rows.features)
    assert np.isfinite(found).all()
    assert (found[0] > found[1]) == (name == "binary")


def test_more_columns_than_rows_are_held_by_the_penalty() -> None:
    rng = np.random.default_rng(2)
    features = pl.DataFrame({f"x{k}": rng.normal(size=30) for k in range(80)})
    for name in ("binary", "regression", "poisson"):
        model = fitted(name, Rows(features, np.arange(30.0) % 2))
        assert np.isfinite(model.predict(features)).all()


def test_a_huge_number_does_not_stop_it() -> None:
    x = np.where(np.arange(200) % 50 == 0, -1.7e308, np.arange(200.0))
    rows = Rows(pl.DataFrame({"x": x, "z": np.arange(200.0)}), (np.arange(200) > 99).astype(float))
    found = fitted("binary", rows).predict(rows.features)
    assert np.isfinite(found).all()
    assert found[-1] > 0.9 > 0.1 > found[1]


@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "poisson"])
def test_an_empty_frame_gives_empty_predictions(name: str) -> None:
    shape = (0, 3) if name == "multiclass" else (0,)
    assert fitted(name).predict(FEATURES.clear()).shape == shape


def test_it_takes_columns_by_name() -> None:
    model = fitted("binary")
    np.testing.assert_array_equal(model.predict(FEATURES.select("c", "b", "a")), model.predict(FEATURES))
    with pytest.raises(SchemaError, match="'b'"):
        model.predict(FEATURES.drop("b"))
    with pytest.raises(SchemaError, match="'b'"):
        model.predict(FEATURES.with_columns(pl.lit("x").alias("b")))


def test_rows_are_scored_in_parts_and_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted("multiclass")
    whole = model.raw(FEATURES)
    monkeypatch.setattr("tabkit.predictors.linear_model._ROWS", 7)
    np.testing.assert_array_equal(model.raw(FEATURES), whole)


def test_neither_features_nor_target_are_changed() -> None:
    one = pl.DataFrame({"x": np.arange(10.0)})
    rows = Rows(one, np.arange(10.0))
    fitted("regression", rows)
    assert one["x"].to_list() == list(range(10))
    np.testing.assert_array_equal(rows.y, np.arange(10.0))


# What is refused


@pytest.mark.parametrize(
    ("name", "y", "said"),
    [
        ("regression", np.r_[np.nan, np.zeros(N - 1)], "infinite"),
        ("binary", np.ones(N), "only one class"),
        ("multiclass", np.arange(N) % 2, "class number 2"),
        ("binary", np.arange(N) % 3, "from 0 to 1"),
        ("poisson", -np.ones(N), "at least 0"),
        ("poisson", np.zeros(N), "zero in every row"),
        ("gamma", np.zeros(N), "above 0"),
        ("regression", np.r_[1e155, np.zeros(N - 1)], "too large"),
        ("regression", np.r_[1e-155, np.zeros(N - 1)], "too small"),
    ],
)
def test_targets_that_do_not_suit_are_refused(name: str, y: np.ndarray, said: str) -> None:
    with pytest.raises(FitError, match=said):
        fitted(name, Rows(FEATURES, y))


def test_an_objective_must_be_named() -> None:
    with pytest.raises(ConfigError, match="'auto'"):
        learner.fit(Rows(FEATURES, TARGETS["binary"]), config=LinearConfig(), losses=BoostingConfig())


@pytest.mark.parametrize("name", ["binary", "multiclass"])
def test_classes_take_no_offset(name: str) -> None:
    with pytest.raises(ConfigError, match="no offset"):
        fitted(name, Rows(FEATURES, TARGETS[name], offset=np.ones(N)))


def test_monotone_is_not_promised() -> None:
    with pytest.raises(ConfigError, match="a linear model cannot promise"):
        PredictorConfig(model="linear", boosting={"monotone": {"a": 1}})


# Contributions


@pytest.mark.parametrize("name", TARGETS)
def test_contributions_are_exact_and_add_up(name: str) -> None:
    model = fitted(name)
    values = model.contribution_array(FEATURES)
    raw = model.raw(FEATURES).reshape(N, -1)
    np.testing.assert_allclose(values.sum(axis=2), raw, rtol=1e-9, atol=1e-12)
    by_hand = standardised()[:, None, :] * model.coefficients
    np.testing.assert_allclose(values[:, :, :-1], by_hand, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(values[:, :, :-1].mean(axis=0), 0, atol=1e-9)


def test_importance_is_the_size_of_a_coefficient() -> None:
    found = fitted("regression").importance()
    assert found.columns == ["feature", "gain", "share", "coefficient"]
    assert found["share"].sum() == pytest.approx(1)
    assert found["feature"][0] == "a"
    assert found["gain"].to_list() == [abs(value) for value in found["coefficient"]]
    assert fitted("multiclass").importance()["coefficient"].null_count() == 3


# Updates


@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie"])
def test_recalibrating_finds_intercept_and_slope_again(name: str) -> None:
    model = fitted(name, penalty=1e-3)
    base = tuple(b + 0.4 * (k + 1) for k, b in enumerate(model.base_score))
    off = replace(model, base_score=base, coefficients=2 * model.coefficients)
    rows = Rows(FEATURES, TARGETS[name])
    back = learner.recalibrate(off, rows, losses=config(name))
    np.testing.assert_allclose(back.predict(FEATURES), model.predict(FEATURES), rtol=0.01, atol=0.01)


def test_recalibrating_does_as_it_does_with_trees() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=2000)
    rows = Rows(pl.DataFrame({"x": x}), (rng.random(2000) < expit(x)).astype(float))
    model = fitted("binary", rows)
    stump = grow(rows, config=config("binary", max_trees=1, learning_rate=1.0, num_threads=1))
    y = (rng.random(2000) < expit(0.5 * x - 1)).astype(float)
    new = Rows(rows.features, y)
    assert learner.recalibrate(model, new, losses=config("binary")).predict(new.features).mean() == pytest.approx(
        recalibrate(stump, new).predict(new.features).mean(), abs=1e-3
    )


def test_rows_that_tell_no_intercept_are_refused() -> None:
    with pytest.raises(FitError, match="class number 1"):
        learner.recalibrate(fitted("binary"), Rows(FEATURES, np.zeros(N)), losses=config("binary"))
    rows = Rows(FEATURES.select("c", "b", "a"), TARGETS["binary"])
    with pytest.raises(SchemaError, match="'a'"):
        learner.recalibrate(fitted("binary"), rows, losses=config("binary"))


# Bundles


def saved(model: LinearModel, **changed: Any) -> Bundle:
    files = dict(Linear().to_parts(model).files)
    values = json.loads(files["linear.json"]) | changed
    return Bundle({}, files | {"linear.json": json.dumps(values).encode()}, "")


def retold(model: LinearModel, table: pl.DataFrame) -> Bundle:
    return Bundle({}, {**Linear().to_parts(model).files, "linear.parquet": frame_bytes(table)}, "")


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_saved_is_what_predicts(name: str) -> None:
    model = fitted(name)
    again = Linear().from_parts(saved(model))
    np.testing.assert_array_equal(again.predict(FEATURES), model.predict(FEATURES))
    assert (again.penalty, again.classes, again.constant) == (model.penalty, model.classes, model.constant)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"objective": "magic"}, "objective"),
        ({"objective": "regression"}, "base_score"),
        ({"objective": ["binary"]}, "objective"),
        ({"classes": "yes"}, "classes"),
        ({"classes": [f"c{k}" for k in range(9)]}, "coefficient_3"),
        ({"base_score": [0.0]}, "base_score"),
        ({"base_score": [0.0, 0.0, float("nan")]}, r"linear\.json"),
        ({"base_score": [0.0, 0.0, True]}, "base_score"),
        ({"constant": None}, "constant"),
        ({"penalty": -1}, "penalty"),
        ({"held_out_loss": "low"}, "held_out_loss"),
    ],
)
def test_values_that_cannot_be_its_own_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BundleError, match=said):
        Linear().from_parts(saved(fitted("multiclass"), **changed))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("scale", [1.0, 0.0, 1.0]),
        ("scale", [1.0, -1.0, 1.0]),
        ("scale", [1.0, 1e-320, 1.0]),
        ("mean", [0.0, float("inf"), 0.0]),
        ("mean", [0.0, 1e200, 0.0]),
        ("coefficient_0", [0.0, float("nan"), 0.0]),
        ("coefficient_0", ["a", "b", "c"]),
        ("coefficient_0", [None, 1.0, 1.0]),
        ("feature", [1, 2, 3]),
        ("feature", ["a", None, "c"]),
    ],
)
def test_tables_that_cannot_be_its_own_are_refused(column: str, values: list[Any]) -> None:
    model = fitted("binary")
    table = pl.read_parquet(Linear().to_parts(model).files["linear.parquet"])
    with pytest.raises(BundleError, match=column):
        Linear().from_parts(retold(model, table.with_columns(pl.Series(column, values, strict=False))))
    with pytest.raises(BundleError, match=column):
        Linear().from_parts(retold(model, table.drop(column)))


def test_a_part_that_is_no_table_is_refused() -> None:
    files = dict(Linear().to_parts(fitted("binary")).files)
    with pytest.raises(BundleError, match=r"linear\.parquet"):
        Linear().from_parts(Bundle({}, files | {"linear.parquet": b"PAR1 no"}, ""))
    with pytest.raises(BundleError, match=r"linear\.parquet"):
        Linear().from_parts(Bundle({}, {"linear.json": files["linear.json"]}, ""))


# Through the pipeline


def people(seed: int, *, count: int = 1500, shift: float = 0.0, day: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, plan = rng.normal(size=count), rng.choice(["a", "b", "c"], count)
    p = expit(x + (plan == "a") + shift)
    return pl.DataFrame(
        {
            "id": [f"{seed}-{k}" for k in range(count)],
            "day": day + rng.integers(0, 50, count),
            "x": pl.Series(x).set(pl.Series(rng.random(count) < 0.05), None),
            "plan": plan,
            "y": (rng.random(count) < p).astype(int),
        }
    )


@pytest.fixture(scope="module")
def model() -> PropensityModel:
    settings = {"model": "linear", "resamples": 20}
    return propensity.train(people(1), roles=Roles(target="y", id="id", time="day"), config=settings)


def test_a_trained_model_is_measured_beside_the_base_rate_alone(model: PropensityModel) -> None:
    assert {score.model for score in model.evaluation.scores} == {"model", "base rate"}
    assert "beats the base rate" in model.evaluation.verdict()
    assert "--model linear" not in model.evaluation.verdict()
    assert model.lineage["measured"]["penalty"] == model.predictor.penalty  # type: ignore[attr-defined]
    assert "coefficients" in repr(model)


def test_a_trained_model_scores_and_explains_as_its_bundle_does(model: PropensityModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    again = PropensityModel.load(tmp_path / "m")
    rows = people(2)
    scores = model.score(rows, contributions=2).collect()
    assert scores.equals(again.score(rows, contributions=2).collect())
    assert set(scores["reason_1"]) == {"x", "plan"}
    assert again.config["linear"] == {"penalty": "auto"}


def test_an_update_recalibrates_what_moved(model: PropensityModel) -> None:
    new, report = propensity.update(model, people(3, shift=-1.5, day=50), config={"blocks": 1})
    assert report.strategy in ("recalibrate", "retrain")
    tried = {each.name for each in report.candidates if each.loss is not None}
    assert {"keep", "recalibrate", "retrain"} <= tried
    later = people(4, shift=-1.5, day=100)
    scores = [each.score(later).collect()["score"].mean() for each in (model, new)]
    assert abs(scores[1] - later["y"].mean()) < 0.03 < abs(scores[0] - later["y"].mean())


@pytest.mark.parametrize("strategy", ["refit", "fine_tune"])
def test_strategies_of_others_are_refused(model: PropensityModel, strategy: str) -> None:
    with pytest.raises(ConfigError, match="linear model"):
        propensity.update(model, people(3, day=50), config={"strategy": strategy})


def test_the_verdict_on_trees_says_how_to_have_it() -> None:
    settings = {"resamples": 20, "boosting": {"max_trees": 20, "num_threads": 1}}
    trees = propensity.train(people(1), roles=Roles(target="y", id="id", time="day"), config=settings)
    assert trees.evaluation.verdict().endswith("--model linear.")
    own = {each.value for each in trees.evaluation.scores if each.model == "linear"}
    linear = propensity.train(
        people(1), roles=Roles(target="y", id="id", time="day"), config={"model": "linear", "resamples": 20}
    )
    assert own == {each.value for each in linear.evaluation.scores if each.model == "model"}
