from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
from scipy.special import expit, softmax

from tabkit import metrics
from tabkit.boosting import BoostingConfig, Rows, base_rate, fit
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.objective import base_score

N = 3000
CLASSES = ("high", "low", "middle")


def _features(rng, rows=N) -> pl.DataFrame:
    return pl.DataFrame({"x": rng.normal(size=rows), "z": rng.integers(0, 5, rows), "noise": rng.normal(size=rows)})


def _signal(features: pl.DataFrame) -> np.ndarray:
    return np.sin(features["x"].to_numpy()) + 0.4 * (features["z"].to_numpy() >= 3)


def _draw(name, rng, signal):
    """Return a target and its true mean (or quantile, or probabilities)."""
    if name == "binary":
        return (rng.random(signal.size) < expit(2 * signal)).astype(float), expit(2 * signal)
    if name == "multiclass":
        proba = softmax(np.column_stack([signal, -signal, 0 * signal]) * 2, axis=1)
        return (rng.random(signal.size)[:, None] > proba.cumsum(axis=1)).sum(axis=1).clip(0, 2).astype(float), proba
    if name in ("regression", "quantile"):
        spread = 1.2815515655 if name == "quantile" else 0.0
        return signal + rng.normal(size=signal.size), signal + spread
    mean = np.exp(signal)
    if name == "poisson":
        return rng.poisson(mean).astype(float), mean
    if name == "gamma":
        return rng.gamma(2.0, mean / 2), mean
    return rng.gamma(2.0, mean / 2) * (rng.random(mean.size) < 0.6) / 0.6, mean


OBJECTIVES = ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"]


def _config(name="regression", **settings) -> BoostingConfig:
    quick = {"num_threads": 1, "max_trees": 60, "learning_rate": 0.1, "num_leaves": 8, "quantile": 0.9}
    return BoostingConfig(objective=name, **{**quick, **settings})


def _rows(name, seed=0, rows=N, **more):
    rng = np.random.default_rng(seed)
    features = _features(rng, rows)
    y, truth = _draw(name, rng, _signal(features))
    return Rows(features, y, **more), truth


def _fit(name, train, valid=None, **settings):
    return fit(train, valid, config=_config(name, **settings), classes=CLASSES if name == "multiclass" else ())


# What is learned


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_comes_near_a_known_truth(name):
    train, _ = _rows(name)
    new, truth = _rows(name, seed=1)
    model = _fit(name, train)
    constant = base_rate(train, config=_config(name), classes=3 if name == "multiclass" else 1)

    def error(prediction):
        return float(np.sqrt(((prediction - truth) ** 2).mean()))

    found = model.predict(new.features, num_threads=1)
    assert found.shape == truth.shape
    assert error(found) < 0.4 * error(constant.predict(new.features))
    if name == "multiclass":
        np.testing.assert_allclose(found.sum(axis=1), 1.0)
    if name not in ("regression", "quantile"):
        assert found.min() > 0


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_is_lightgbm_started_at_the_base_score(name, given):
    train, _ = _rows(name)
    weight = np.random.default_rng(9).integers(1, 4, N).astype(float)
    train = Rows(train.features, train.y, weight=weight)
    config = _config(name)
    model = _fit(name, train)
    outputs = 3 if name == "multiclass" else 1
    base = base_score(train.y, weight=weight, offset=np.zeros(N), config=config, objective=model.kind, classes=outputs)
    start = np.tile(base, (N, 1))
    extra = {"multiclass": {"num_class": 3}, "quantile": {"alpha": 0.9}, "tweedie": {"tweedie_variance_power": 1.5}}
    params = {
        "objective": name, "boost_from_average": False, "learning_rate": 0.1, "num_leaves": 8, "min_data_in_leaf": 20,
        "feature_fraction": 0.8, "lambda_l2": 1.0, "seed": 0, "num_threads": 1, "deterministic": True,
        "force_row_wise": True, "verbosity": -1, **extra.get(name, {}),
    }  # fmt: skip
    begin, label = given(model, train)
    data = lgb.Dataset(
        train.features, label, weight=weight, init_score=begin if outputs > 1 else begin[:, 0], params=params
    )
    booster = lgb.train(params, data, 60)
    by_hand = booster.predict(train.features, raw_score=True).reshape(N, outputs) + start
    np.testing.assert_allclose(model.raw(train.features, num_threads=1).reshape(N, outputs), by_hand, rtol=1e-14)


@pytest.mark.parametrize("name", ["binary", "regression", "poisson", "gamma", "tweedie"])
def test_the_base_score_outside_is_as_good_as_lightgbms_own_inside(name):
    train, _ = _rows(name)
    new, truth = _rows(name, seed=1)
    ours = _fit(name, train, feature_fraction=1.0).predict(new.features, num_threads=1)
    params = {
        "objective": name, "learning_rate": 0.1, "num_leaves": 8, "lambda_l2": 1.0, "num_threads": 1, "verbosity": -1,
    }  # fmt: skip
    theirs = lgb.train(params, lgb.Dataset(train.features, train.y, params=params), 60).predict(new.features)
    errors = [float(np.sqrt(((found - truth) ** 2).mean())) for found in (ours, theirs)]
    assert errors[0] == pytest.approx(errors[1], rel=0.1)


def test_a_weight_of_k_equals_the_row_k_times():
    rng = np.random.default_rng(0)
    features = pl.DataFrame({"x": rng.integers(0, 30, 800), "z": rng.integers(0, 5, 800)})
    y = rng.poisson(np.exp(0.05 * features["x"].to_numpy())).astype(float)
    k = rng.integers(0, 4, 800)
    times = np.repeat(np.arange(800), k)
    settings = {"min_data_in_leaf": 1, "feature_fraction": 1.0, "params": {"min_data_in_bin": 1}}
    weighted = _fit("poisson", Rows(features, y, weight=k), **settings)
    repeated = _fit("poisson", Rows(features[times], y[times]), **settings)
    assert weighted.base_score == pytest.approx(repeated.base_score)
    np.testing.assert_allclose(
        weighted.predict(features, num_threads=1), repeated.predict(features, num_threads=1), rtol=1e-4
    )


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_exposure_scales_the_prediction_and_helps_to_learn_the_rate(name):
    rng = np.random.default_rng(0)
    features = _features(rng)
    exposure = rng.uniform(0.5, 2, N) * np.exp(features["x"].to_numpy())
    mean = np.exp(_signal(features)) * exposure
    y = {"poisson": rng.poisson(mean).astype(float), "gamma": rng.gamma(2, mean / 2)}.get(
        name, rng.gamma(2, mean) * rng.integers(0, 2, N)
    )
    model = _fit(name, Rows(features, y, offset=np.log(exposure)))
    once = model.predict(features, offset=np.log(exposure), num_threads=1)
    twice = model.predict(features, offset=np.log(2 * exposure), num_threads=1)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-12)
    rate = model.predict(features, num_threads=1)
    without = _fit(name, Rows(features, y)).predict(features, num_threads=1) / exposure.mean()
    truth = np.exp(_signal(features))
    assert ((rate - truth) ** 2).mean() < 0.5 * ((without - truth) ** 2).mean()


@pytest.mark.parametrize("name", ["regression", "binary"])
def test_an_offset_is_added_to_the_raw_score(name):
    train, _ = _rows(name)
    offset = np.random.default_rng(3).normal(size=N)
    model = _fit(name, Rows(train.features, train.y, offset=offset))
    np.testing.assert_allclose(
        model.raw(train.features, offset=offset, num_threads=1),
        model.raw(train.features, num_threads=1) + offset,
        rtol=1e-12,
    )


# When growing stops


@pytest.mark.parametrize("name", OBJECTIVES)
def test_growing_stops_where_the_held_out_loss_is_least(name):
    train, _ = _rows(name, rows=600)
    valid, _ = _rows(name, seed=1, rows=600)
    model = _fit(name, train, valid, max_trees=400, num_leaves=31, min_data_in_leaf=5, early_stopping_rounds=20)
    assert 0 < model.trees < 400
    assert model.held_out_loss < model.base_loss
    assert model.booster.num_trees() == model.trees * (3 if name == "multiclass" else 1)


def test_the_losses_are_those_of_the_metrics():
    train, _ = _rows("regression")
    weight = np.random.default_rng(2).uniform(0.5, 2, N)
    held_out = _rows("regression", seed=1)[0]
    valid = Rows(held_out.features, held_out.y, weight=weight)
    model = _fit("regression", train, valid)
    found = model.predict(valid.features, num_threads=1)
    assert model.held_out_loss == pytest.approx(metrics.rmse(valid.y, found, weight=weight))
    assert model.base_loss == pytest.approx(metrics.rmse(valid.y, np.full(N, model.base_score[0]), weight=weight))


@pytest.mark.parametrize("rate", [5.0, 1e4, 1e300])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_tree_is_kept_if_none_beats_the_base_score(name, rate):
    rng = np.random.default_rng(0)
    noise = pl.DataFrame({"x": rng.normal(size=400), "z": rng.normal(size=400)})
    y, _ = _draw(name, rng, np.zeros(400))
    model = _fit(name, Rows(noise[:200], y[:200]), Rows(noise[200:], y[200:]), learning_rate=rate)
    assert model.trees == 0
    assert model.held_out_loss == model.base_loss
    found = model.predict(noise, num_threads=1)
    assert (found == found[0]).all()


def test_without_early_stopping_all_trees_grow_but_must_still_beat_the_base_score():
    train, _ = _rows("binary")
    valid, _ = _rows("binary", seed=1)
    assert _fit("binary", train, valid, early_stopping_rounds=0, max_trees=30).trees == 30
    assert _fit("binary", train, valid, early_stopping_rounds=0, learning_rate=1e3).trees == 0


def test_dart_is_not_stopped_early():
    train, _ = _rows("regression")
    valid, _ = _rows("regression", seed=1)
    for alias in ("boosting", "boost"):
        assert _fit("regression", train, valid, max_trees=30, params={alias: "dart"}).trees == 30


def test_data_that_cannot_be_split_gives_the_base_score():
    y = np.array([0.0, 1.0, 1.0, 1.0])
    for features in (
        pl.DataFrame({"x": [1.0] * 4}),
        pl.DataFrame({"x": [None] * 4}),
        pl.DataFrame({"x": [1, 2, 3, 4]}),
    ):
        model = _fit("binary", Rows(features, y))
        np.testing.assert_allclose(model.predict(features, num_threads=1), 0.75)
        assert model.importance()["gain"].sum() == 0


# Constraints and names


def test_monotone_constraints_hold_by_name():
    rng = np.random.default_rng(0)
    features = pl.DataFrame({"other": rng.normal(size=N), "size": rng.normal(size=N)})
    y = np.sin(3 * features["size"].to_numpy()) + features["size"].to_numpy() + rng.normal(size=N)
    grid = pl.DataFrame({"other": np.zeros(200), "size": np.linspace(-2, 2, 200)})
    for sign in (1, -1):
        steps = np.diff(_fit("regression", Rows(features, y), monotone={"size": sign}).predict(grid, num_threads=1))
        assert (sign * steps >= 0).all()
    assert (np.diff(_fit("regression", Rows(features, y)).predict(grid, num_threads=1)) < 0).any()


def test_a_constraint_on_a_feature_that_is_not_there_is_refused():
    train, _ = _rows("regression")
    with pytest.raises(ConfigError, match="'sise'"):
        _fit("regression", train, monotone={"sise": 1})


# "a?" and "a!" are alike once cleaned, and the name that would tell the second one apart is taken
ODD = ["a__4", "a_4", "a?", "a_", "a!", '{"a": [1, 2]}', "a,b:c", "é ü", "", " ", "__", "_", "f3", "x=1", "x=2"]


def test_feature_names_may_be_anything():
    rng = np.random.default_rng(0)
    features = pl.DataFrame({name: rng.normal(size=500) for name in ODD})
    y = features["a!"].to_numpy() + features[""].to_numpy()
    model = _fit("regression", Rows(features, y), feature_fraction=1.0)
    assert len(set(model.booster.feature_name())) == len(ODD)
    assert model.features == tuple(ODD)
    assert set(model.importance()["feature"].head(2)) == {"a!", ""}
    assert model.contributions(features[:3], num_threads=1).columns == [*ODD, "base"]


# Types of features


def test_any_numeric_type_gives_the_model_that_floats_give():
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 50, N)
    typed = pl.DataFrame(
        {
            "flag": pl.Series(whole % 2 == 0),
            "decimal": pl.Series([Decimal(int(v)) / 4 for v in whole]),
            "huge": pl.Series(whole).cast(pl.Int128),
            "byte": pl.Series(whole).cast(pl.UInt8),
            "gap": pl.Series(whole).replace(7, None),
            "null": pl.Series([None] * N, dtype=pl.Null),
        }
    )
    floats = typed.select(pl.all().cast(pl.Float64))
    y = whole + rng.normal(size=N)
    model, plain = (_fit("regression", Rows(features, y)) for features in (typed, floats))
    np.testing.assert_array_equal(model.predict(typed, num_threads=1), plain.predict(floats, num_threads=1))
    assert model.text == plain.text


def test_null_and_nan_are_both_missing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    y = np.where(x > 1, 5.0, 0.0) + rng.normal(size=N)
    null = pl.DataFrame({"x": pl.Series(np.where(x > 1, np.nan, x), nan_to_null=True)})
    model = _fit("regression", Rows(null, y), feature_fraction=1.0)
    found = model.predict(pl.DataFrame({"x": [None, float("nan"), 0.0]}, strict=False), num_threads=1)
    assert found[0] == found[1] > 4 > 1 > found[2]


def test_text_is_refused_and_the_process_lives_on():
    train, _ = _rows("regression", rows=100)
    text = train.features.with_columns(pl.lit("a").alias("x"))
    with pytest.raises(SchemaError, match="'x'"):
        _fit("regression", Rows(text, train.y))
    with pytest.raises(SchemaError, match="'x'"):
        _fit("regression", train, Rows(text, train.y))


def test_the_held_out_part_is_taken_by_name():
    train, _ = _rows("regression")
    valid, _ = _rows("regression", seed=1)
    shuffled = Rows(valid.features.select(reversed(valid.features.columns)), valid.y)
    assert _fit("regression", train, shuffled).text == _fit("regression", train, valid).text
    with pytest.raises(SchemaError, match="'noise'"):
        _fit("regression", train, Rows(valid.features.drop("noise"), valid.y))


def test_frames_in_pieces_are_taken_too():
    train, _ = _rows("regression")
    pieces = pl.concat([train.features[i : i + 700] for i in range(0, N, 700)], rechunk=False)
    assert pieces.n_chunks() > 1
    assert _fit("regression", Rows(pieces, train.y)).text == _fit("regression", train).text


# What is refused


@pytest.mark.parametrize(
    ("train", "valid", "settings", "error", "said"),
    [
        (Rows(pl.DataFrame({"x": []}), np.array([])), None, {}, FitError, r"training part.*rows"),
        (Rows(pl.DataFrame({"x": [1, 2]}), [1.0, None]), None, {}, FitError, r"NaN.*infinite.*1"),
        (Rows(pl.DataFrame({"x": [1, 2]}), [1.0, np.nan]), None, {}, FitError, r"NaN.*infinite.*1"),
        (_rows("regression")[0], Rows(pl.DataFrame({"x": [1]}), [np.nan]), {}, FitError, "the early-stopping part"),
        (Rows(pl.DataFrame({"x": [1, 2]}), [0.0, -1.0]), None, {"objective": "poisson"}, FitError, "at least 0"),
        (_rows("regression")[0], None, {"objective": "auto"}, ConfigError, "'auto'"),
        (_rows("regression")[0], None, {"params": {"max_bin": "many"}}, FitError, "LightGBM refuses"),
        (_rows("regression")[0], None, {"params": {"max_bins": 0}}, FitError, "LightGBM refuses"),
        (_rows("multiclass")[0], None, {"objective": "multiclass"}, ConfigError, "at least two classes"),
    ],
)
def test_what_cannot_be_fitted_is_refused(train, valid, settings, error, said):
    config = _config().model_copy(update=settings)
    with pytest.raises(error, match=said):
        fit(train, valid, config=config)


def test_a_table_without_features_is_refused():
    rows = Rows(pl.DataFrame({"x": [1, 2]}), [0.0, 1.0])
    object.__setattr__(rows, "features", pl.DataFrame(height=2))
    with pytest.raises(FitError, match="no features"):
        _fit("regression", rows)


def test_classes_out_of_range_are_refused():
    train, _ = _rows("multiclass")
    with pytest.raises(FitError, match="whole numbers from 0 to 1, found 2"):
        fit(train, config=_config("multiclass"), classes=("a", "b"))
    with pytest.raises(FitError, match="class number 3"):
        fit(train, config=_config("multiclass"), classes=("a", "b", "c", "d"))


def test_offsets_and_classes_do_not_go_together():
    train, _ = _rows("multiclass")
    with pytest.raises(ConfigError, match="no offset"):
        fit(Rows(train.features, train.y, offset=np.zeros(N)), config=_config("multiclass"), classes=CLASSES)


def test_an_offset_in_one_part_alone_is_refused():
    train, _ = _rows("poisson")
    shifted = Rows(train.features, train.y, offset=np.zeros(N))
    for parts in ((train, shifted), (shifted, train)):
        with pytest.raises(FitError, match="only one of"):
            _fit("poisson", *parts)


# Repeatable, quiet, watched


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_and_threads_give_the_same_bytes(threads):
    train, _ = _rows("binary")
    valid, _ = _rows("binary", seed=1)
    settings = {"num_threads": threads, "params": {"bagging_fraction": 0.7, "bagging_freq": 1}}
    texts = [_fit("binary", train, valid, seed=seed, **settings).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_lightgbm_prints_nothing(capfd):
    train, _ = _rows("multiclass", rows=200)
    valid, _ = _rows("multiclass", seed=1, rows=200)
    model = _fit("multiclass", train, valid, params={"max_depth": 3})
    model.predict(train.features)
    model.contributions(train.features)
    _fit("binary", Rows(pl.DataFrame({"x": [1.0] * 4}), [0.0, 1.0, 0.0, 1.0])).importance()
    assert capfd.readouterr() == ("", "")


def test_progress_hears_of_every_round():
    heard: list[float] = []
    totals: list[float | None] = []

    class Watch:
        @contextmanager
        def task(self, label, *, total=None):
            totals.append(total)
            yield heard.append

    train, _ = _rows("regression", rows=300)
    fit(train, config=_config(max_trees=17), progress=Watch())
    assert totals == [17]
    assert heard == [1] * 17
