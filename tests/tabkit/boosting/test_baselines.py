from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import (
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    TweedieRegressor,
)

from tabkit.boosting import BoostingConfig, Rows, base_rate, linear
from tabkit.errors import ConfigError, FitError, SchemaError

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


def _config(name, **settings):
    return BoostingConfig(objective=name, **settings)


def _standardised(features=FEATURES):
    """The encoding of the linear model by hand: the mean for what is missing, unit variance."""
    X = features.cast(pl.Float64).to_numpy()
    X = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    return (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("binary", LogisticRegression(max_iter=1000)),
        ("multiclass", LogisticRegression(max_iter=1000)),
        ("regression", Ridge()),
        ("poisson", PoissonRegressor(alpha=1e-3, max_iter=1000)),
        ("gamma", GammaRegressor(alpha=1e-3, max_iter=1000)),
        ("tweedie", TweedieRegressor(power=1.5, link="log", alpha=1e-3, max_iter=1000)),
    ],
)
def test_the_linear_model_is_scikit_learns(name, peer):
    y = TARGETS[name]
    found = linear(Rows(FEATURES, y, weight=WEIGHT), config=_config(name)).predict(FEATURES)
    unit = (
        np.average(y, weights=WEIGHT) if name == "tweedie" else 1
    )  # amounts have a unit that the penalty must not see
    peer.fit(_standardised(), y / unit, sample_weight=WEIGHT)
    predict = peer.predict_proba if hasattr(peer, "predict_proba") else peer.predict
    expected = predict(_standardised()) * unit
    np.testing.assert_allclose(found, expected[:, 1] if name == "binary" else expected, rtol=1e-6)


@pytest.mark.parametrize(("name", "power"), [("poisson", 1.0), ("gamma", 2.0), ("tweedie", 1.3)])
def test_exposure_enters_as_weight_and_scales_the_prediction(name, power):
    y, offset = TARGETS[name], np.log(EXPOSURE)
    model = linear(Rows(FEATURES, y, weight=WEIGHT, offset=offset), config=_config(name, tweedie_power=1.3))
    found = model.predict(FEATURES, offset=offset)
    peer = TweedieRegressor(power=power, link="log", alpha=1e-3, max_iter=1000)
    weight = WEIGHT * EXPOSURE ** (2 - power)
    unit = np.average(y / EXPOSURE, weights=weight) if name == "tweedie" else 1
    peer.fit(_standardised(), y / EXPOSURE / unit, sample_weight=weight)
    np.testing.assert_allclose(found, peer.predict(_standardised()) * unit * EXPOSURE, rtol=1e-6)
    np.testing.assert_allclose(model.predict(FEATURES, offset=offset + np.log(2)), 2 * found, rtol=1e-12)


def test_an_offset_of_a_number_is_subtracted_and_added_back():
    y, offset = TARGETS["regression"], RNG.normal(size=N)
    shifted = linear(Rows(FEATURES, y + offset, offset=offset), config=_config("regression"))
    plain = linear(Rows(FEATURES, y), config=_config("regression"))
    np.testing.assert_allclose(shifted.predict(FEATURES, offset=offset), plain.predict(FEATURES) + offset)


def test_a_quantile_is_the_ridge_moved_by_its_weighted_quantile():
    y, k = TARGETS["quantile"], RNG.integers(0, 3, N)
    config = _config("quantile", quantile=0.9)
    found = linear(Rows(FEATURES, y, weight=k), config=config).predict(FEATURES)
    share = np.average(y <= found + 1e-12, weights=k)
    assert 0.9 <= share < 0.9 + 3 / k.sum()
    median = linear(Rows(FEATURES, y, weight=k), config=_config("quantile")).predict(FEATURES)
    assert np.ptp(found - median) < 1e-9
    assert (found > median).all()


def test_new_rows_get_the_means_of_the_fit_for_what_is_missing():
    model = linear(Rows(FEATURES, TARGETS["regression"]), config=_config("regression"))
    means = FEATURES.select(pl.all().mean())
    missing = pl.DataFrame({"c": [None], "b": [float("nan")], "a": [float("inf")]}, strict=False)
    assert model.predict(missing) == pytest.approx(model.predict(means))


def test_columns_that_never_vary_or_are_all_missing_do_no_harm():
    more = FEATURES.with_columns(same=pl.lit(3), none=pl.lit(None), flag=pl.lit(True), wild=pl.lit(float("inf")))
    found, plain = (
        linear(Rows(features, TARGETS["regression"]), config=_config("regression")).predict(features)
        for features in (more, FEATURES)
    )
    np.testing.assert_allclose(found, plain)


@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "poisson"])
def test_an_empty_frame_gives_empty_predictions(name):
    rows = Rows(FEATURES, TARGETS[name])
    shape = (0, 3) if name == "multiclass" else (0,)
    assert linear(rows, config=_config(name)).predict(FEATURES.clear()).shape == shape
    outputs = 3 if name == "multiclass" else 1
    assert base_rate(rows, config=_config(name), classes=outputs).predict(FEATURES.clear()).shape == shape


def test_the_linear_model_takes_columns_by_name():
    model = linear(Rows(FEATURES, TARGETS["binary"]), config=_config("binary"))
    np.testing.assert_array_equal(model.predict(FEATURES.select("c", "b", "a")), model.predict(FEATURES))
    with pytest.raises(SchemaError, match="'b'"):
        model.predict(FEATURES.drop("b"))
    with pytest.raises(SchemaError, match="'b'"):
        model.predict(FEATURES.with_columns(pl.lit("x").alias("b")))


@pytest.mark.parametrize("name", TARGETS)
def test_the_base_rate_is_one_value_and_the_weighted_mean_where_there_is_one(name):
    y = TARGETS[name]
    outputs = 3 if name == "multiclass" else 1
    found = base_rate(Rows(FEATURES, y, weight=WEIGHT), config=_config(name), classes=outputs).predict(FEATURES[:5])
    assert found.shape == ((5, 3) if name == "multiclass" else (5,))
    if name == "multiclass":
        np.testing.assert_allclose(found[0], [WEIGHT[y == k].sum() / WEIGHT.sum() for k in range(3)])
    elif name != "quantile":
        np.testing.assert_allclose(found, np.average(y, weights=WEIGHT))


def test_the_base_rate_of_a_count_is_a_rate_times_the_exposure():
    y, offset = TARGETS["poisson"], np.log(EXPOSURE)
    found = base_rate(Rows(FEATURES, y, offset=offset), config=_config("poisson")).predict(FEATURES, offset=offset)
    np.testing.assert_allclose(found, EXPOSURE * y.sum() / EXPOSURE.sum())


@pytest.mark.parametrize("fitted", [linear, base_rate])
@pytest.mark.parametrize(
    ("name", "y", "said"),
    [
        ("regression", np.r_[np.nan, np.zeros(N - 1)], "null, NaN or infinite"),
        ("binary", np.ones(N), "only one class"),
        ("binary", np.arange(N) % 3, "whole numbers from 0 to 1"),
        ("poisson", -np.ones(N), "at least 0"),
        ("gamma", np.zeros(N), "above 0"),
    ],
)
def test_targets_that_do_not_suit_are_refused(fitted, name, y, said):
    with pytest.raises(FitError, match=said):
        fitted(Rows(FEATURES, y), config=_config(name))


@pytest.mark.parametrize("fitted", [linear, base_rate])
def test_an_objective_must_be_named(fitted):
    with pytest.raises(ConfigError, match="'auto'"):
        fitted(Rows(FEATURES, TARGETS["binary"]), config=BoostingConfig())


def test_a_linear_model_of_classes_refuses_an_offset_that_it_could_not_use():
    with pytest.raises(ConfigError, match="no offset"):
        linear(Rows(FEATURES, TARGETS["binary"], offset=np.ones(N)), config=_config("binary"))


def test_a_huge_number_does_not_stop_the_linear_model():
    x = np.where(np.arange(200) % 50 == 0, -1.7e308, np.arange(200.0))
    rows = Rows(pl.DataFrame({"x": x, "z": np.arange(200.0)}), (np.arange(200) > 99).astype(float))
    found = linear(rows, config=BoostingConfig(objective="binary")).predict(rows.features)
    assert np.isfinite(found).all()
    assert found[-1] > 0.9 > 0.1 > found[1]


@pytest.mark.parametrize(("target", "words"), [([1e155, 2.0], "too large"), ([1e-155, 0.0], "too small")])
def test_a_target_that_cannot_be_squared_is_refused(target, words):
    rows = Rows(pl.DataFrame({"x": [1.0, 2.0]}), np.array(target))
    with pytest.raises(FitError, match=words):
        linear(rows, config=BoostingConfig(objective="regression"))
