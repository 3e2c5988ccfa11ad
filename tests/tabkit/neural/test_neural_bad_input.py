from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch

from tabkit.errors import ConfigError, FitError, ScoringError
from tabkit.neural import check_device, fine_tune, fit
from tabkit.rows import Rows


def _rows(columns, y=None, **more) -> Rows:
    frame = pl.DataFrame(columns)
    return Rows(frame, np.arange(frame.height) % 2.0 if y is None else y, **more)


def _ints(n, high, seed=0):
    return np.random.default_rng(seed).integers(0, high, n)


def test_columns_that_say_nothing_are_carried_along(config):
    n = 200
    columns = {
        "x": np.random.default_rng(0).normal(size=n), "same": np.ones(n), "null": pl.Series([None] * n),
        "nan": np.full(n, math.nan), "null float": pl.Series([None] * n, dtype=pl.Float64), "flag": [True] * n,
        "one level": np.zeros(n), "all rare": np.arange(n), "null level": pl.Series([None] * n, dtype=pl.Int64),
    }  # fmt: skip
    levels = ("one level", "all rare", "null level")
    train = _rows(columns, categorical=levels)
    model = fit(train, train, config=config("binary", max_epochs=2, numeric_embedding="piecewise"))
    assert model.inputs.numbers == ("x",)
    assert model.shape["sizes"] == ()
    assert len(model.features) == 9
    assert np.isfinite(model.predict(train.features)).all()


@pytest.mark.parametrize(
    "columns",
    [{"c": np.arange(100)}, {"c": np.zeros(100)}, {"c": pl.Series([None] * 100, dtype=pl.Int64)}],
)
def test_a_category_that_is_all_there_is_and_says_nothing_is_refused(columns, config):
    with pytest.raises(FitError, match="no feature varies"):
        fit(_rows(columns, categorical=("c",)), config=config("binary"))


def test_no_features_are_refused(config):
    with pytest.raises(FitError, match="no features"):
        fit(Rows(pl.DataFrame(height=4), np.arange(4) % 2.0), config=config("binary"))


def test_no_rows_are_refused(config):
    for name in ("binary", "regression"):
        with pytest.raises(FitError, match="no rows"):
            fit(Rows(pl.DataFrame({"x": []}, schema={"x": pl.Float64}), np.zeros(0)), config=config(name))


def test_two_rows_are_enough(config):
    train = _rows({"x": [0.0, 1.0]})
    assert fit(train, train, config=config("binary", max_epochs=2)).predict(train.features).shape == (2,)


def test_a_hundred_thousand_levels_are_learned_in_little_memory(config):
    n = 120_000
    codes = np.concatenate([np.arange(100_000), _ints(n - 100_000, 100_000)])
    train = _rows({"c": codes, "x": _ints(n, 50)}, categorical=("c",))
    model = fit(train, config=config("binary", rare=1, members=1, max_epochs=1, batch_size=20_000))
    assert len(model.weights) < 5_000_000
    assert model.shape["sizes"] == (100_001,)
    assert np.isfinite(model.predict(train.features[:1000])).all()


def test_infinity_is_named_at_the_fit_and_at_scoring(config):
    with pytest.raises(FitError, match=r"'b' \(1 rows\)") as caught:
        fit(_rows({"a": [1.0, 2, 3, 4], "b": [1.0, 2, math.inf, 4]}), config=config("binary"))
    assert "infinite='null'" in caught.value.advice
    model = fit(_rows({"a": [1.0, 2, 3, 4]}), config=config("binary", max_epochs=1))
    with pytest.raises(ScoringError, match="'a'"):
        model.predict(pl.DataFrame({"a": [-math.inf]}))


@pytest.mark.parametrize(
    ("name", "y", "said"),
    [
        ("binary", [0, 1, 2, 1], "whole numbers from 0 to 1"),
        ("binary", [0, 1, 0.5, 1], "whole numbers from 0 to 1"),
        ("binary", [1, 1, 1, 1], "only one class"),
        ("multiclass", [0, 1, 2, 3], "whole numbers from 0 to 2"),
        ("multiclass", [0, 1, 1, 0], "class number 2"),
        ("poisson", [0, 1, 2, -1], "at least 0"),
        ("poisson", [0, 0, 0, 0], "zero in every row"),
        ("gamma", [1, 1, 2, 0], "above 0"),
        ("tweedie", [1, 1, 2, -3], "at least 0"),
        ("regression", [1, 1, 2, math.nan], r"NaN.*infinite.*1"),
        ("regression", [1, 1, 2, math.inf], r"NaN.*infinite.*1"),
        ("quantile", [1, 1, 2, 1e150], "too large"),
    ],
)
def test_targets_that_do_not_suit_are_refused(name, y, said, config, labels):
    bad = _rows({"x": [1.0, 2, 3, 4]}, np.array(y, dtype=float))
    with pytest.raises(FitError, match=said):
        fit(bad, config=config(name), classes=labels(name))


@pytest.mark.parametrize(("name", "y"), [("binary", 2.0), ("poisson", -1.0), ("regression", math.nan)])
def test_held_out_targets_that_do_not_suit_are_refused(name, y, config):
    good = _rows({"x": [1.0, 2, 3, 4]})
    with pytest.raises(FitError, match="early-stopping part"):
        fit(good, Rows(good.features, np.array([0, 1, 1, y])), config=config(name))


def test_an_offset_in_one_part_or_for_classes_is_refused(config, labels):
    good = _rows({"x": [1.0, 2, 3, 4]})
    with pytest.raises(FitError, match="only one of"):
        fit(Rows(good.features, good.y, offset=np.zeros(4)), good, config=config("poisson"))
    y = np.array([0.0, 1, 2, 1])
    with pytest.raises(ConfigError, match="no offset"):
        fit(Rows(good.features, y, offset=np.zeros(4)), config=config("multiclass"), classes=labels("multiclass"))
    with pytest.raises(ConfigError, match="at least two classes"):
        fit(Rows(good.features, y), config=config("multiclass"))


def test_an_objective_that_is_not_named_is_refused(config):
    with pytest.raises(ConfigError, match="'auto'"):
        fit(_rows({"x": [1.0, 2]}), config=config("auto"))


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(device, rows, config):
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ConfigError, match=rf"device.*'{device}'.*device"):
        fit(rows(), config=config(device=device))
    with pytest.raises(ConfigError, match="no such device"):
        check_device(device)
    with pytest.raises(ConfigError, match="no such device"):
        fine_tune(fit(rows(), config=config(max_epochs=1)), rows(), config=config(device=device))
    check_device("auto")
    check_device("cpu")


def test_a_constant_target_is_predicted(config):
    model = fit(_rows({"x": np.arange(50.0)}, np.full(50, 7.0)), config=config(max_epochs=2))
    np.testing.assert_allclose(model.predict(pl.DataFrame({"x": [3.0, 100.0]})), 7.0, atol=0.1)


@pytest.mark.parametrize("scale", [1e-9, 1e12, 1e30])
def test_targets_of_any_unit_are_learned(scale, rows, config):
    train = rows()
    plain, other = (
        fit(Rows(train.features, k * train.y, categorical=("code",)), config=config()) for k in (1.0, scale)
    )
    np.testing.assert_allclose(other.predict(train.features) / scale, plain.predict(train.features), atol=0.02)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e12, 1e300])
def test_features_of_any_unit_are_learned(scale, config):
    x = np.linspace(-1, 1, 200)
    model = fit(_rows({"x": scale * x}, x), config=config(max_epochs=20, batch_size=32))
    assert np.corrcoef(model.predict(pl.DataFrame({"x": scale * x})), x)[0, 1] > 0.98


def test_a_wild_weight_or_exposure_does_not_pass_in_silence(rows, config):
    train = rows("poisson")
    wild = Rows(train.features, train.y, offset=np.where(np.arange(400) == 0, 200.0, 0.0), categorical=("code",))
    try:
        model = fit(wild, config=config("poisson"))
    except FitError as error:
        assert "exposures" in error.advice  # noqa: PT017
    else:
        assert np.isfinite(model.raw(train.features)).all()


def test_the_rows_are_not_changed(rows, config):
    train = rows("binary")
    features, y = train.features.clone(), train.y.copy()
    fit(train, train, config=config("binary", max_epochs=1, class_weight="balanced"))
    assert train.features.equals(features)
    np.testing.assert_array_equal(train.y, y)
