from __future__ import annotations

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from tabkit.boosting import BoostingConfig, Rows, extend, recalibrate, refit, refusal
from tabkit.errors import ConfigError, FitError, SchemaError


def _extend(model, rows):
    config = BoostingConfig(objective=model.objective, num_threads=1, quantile=model.params.get("alpha", 0.5))
    return extend(model, rows, config=config, trees=3)


WAYS = {
    "recalibrate": recalibrate,
    "refit": lambda model, rows: refit(model, rows, decay=0.5),
    "extend": _extend,
}
QUIET = {"verbosity": -1, "num_threads": 1}


def _refused(model, rows):
    """Return the ways that are refused, after each was tried: the reason must come before any work."""
    found = set()
    for way, update in WAYS.items():
        why = refusal(model, way)
        if why is None:
            assert update(model, rows).features == model.features
        else:
            with pytest.raises(FitError, match="cannot be updated by") as error:
                update(model, rows)
            assert why in str(error.value)
            assert "retrain" in str(error.value)
            found.add(way)
    return found


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({"linear_trees": True}, {"recalibrate", "refit", "extend"}),
        ({"boost": "dart"}, {"refit", "extend"}),
        ({"reg_alpha": 0.1}, {"refit"}),
        ({"max_tree_output": 0.5}, {"refit"}),
        ({"path_smooth": 1.0}, {"refit"}),
        ({"lambda_l1": 0.0, "path_smooth": 0, "max_delta_step": 0.0}, set()),
        ({"linear_tree": False, "boosting": "gbdt"}, set()),
        ({"bagging_fraction": 0.7, "bagging_freq": 1, "extra_trees": True, "max_bin": 63}, set()),
        ({"data_sample_strategy": "goss"}, {"refit"}),
        ({"use_quantized_grad": True}, {"refit"}),
    ],
)
def test_what_would_be_silently_wrong_is_refused_under_any_of_its_names(params, refused, draw, grow):
    rows = draw("binary", sets=False)
    assert _refused(grow("binary", rows, params=params), rows) == refused


@pytest.mark.parametrize("params", [{"scale_pos_weight": 3.0}, {"is_unbalance": True}])
def test_models_of_before_such_parameters_were_refused_are_not_refitted(params, draw, grow):
    rows = draw("binary", sets=False)
    model = grow("binary", rows)
    assert "row weights" in str(refusal(replace(model, params={**model.params, **params}), "refit"))
    assert refusal(replace(model, params={**model.params, "scale_pos_weight": 1.0}), "refit") is None


@pytest.mark.parametrize(("sign", "refused"), [(1, {"refit"}), (0, set())])
def test_monotone_constraints_stand_against_a_refit(sign, refused, draw, grow):
    rows = draw("regression", sets=False)
    assert _refused(grow("regression", rows, monotone={"z": sign}), rows) == refused


def test_quantiles_can_only_be_extended(draw, grow):
    rows = draw("quantile")
    assert _refused(grow("quantile", rows), rows) == {"recalibrate", "refit"}


@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie"])
def test_every_other_objective_can_be_updated_in_every_way(name, draw, grow):
    rows = draw(name)
    assert _refused(grow(name, rows), rows) == set()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "change",
    [
        lambda features: features.rename({"x": "y"}),
        lambda features: features.select(reversed(features.columns)),
        lambda features: features.drop("x"),
        lambda features: features.with_columns(extra=1),
    ],
)
def test_other_features_or_another_order_are_refused(way, change, draw, grow):
    rows = draw("regression", sets=False)
    other = Rows(change(rows.features), rows.y)
    with pytest.raises(SchemaError, match=r"order.*expected"):
        WAYS[way](grow("regression", rows), other)


@pytest.mark.parametrize("way", WAYS)
def test_several_classes_take_no_offset(way, draw, grow):
    rows = draw("multiclass")
    with pytest.raises(FitError, match="no offset"):
        WAYS[way](grow("multiclass", rows), Rows(rows.features, rows.y, offset=np.zeros(rows.y.size)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", [None, np.nan, np.inf, 2.0, 0.5, -1.0])
def test_targets_that_the_objective_cannot_have_are_refused(way, wrong, draw, grow):
    rows = draw("binary")
    with pytest.raises(FitError, match="the new rows"):
        WAYS[way](grow("binary", rows), Rows(rows.features[:3], [0.0, 1.0, wrong]))


@pytest.mark.parametrize("way", WAYS)
def test_no_rows_are_refused(way, draw, grow):
    rows = draw("binary")
    with pytest.raises((FitError, ConfigError), match="rows"):
        WAYS[way](grow("binary", rows), Rows(rows.features[:0], []))


def test_random_forests_are_refused_at_the_fit(draw, grow):
    params = {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}
    with pytest.raises(ConfigError, match=r"start.*base"):
        grow("binary", draw("binary"), params=params)


def test_trees_behind_others_do_not_hide_what_stands_against_a_refit(draw, grow, quick_boosting):
    rows = draw("regression", sets=False)
    model = grow("regression", rows, monotone={"z": 1}, params={"lambda_l1": 0.1})
    longer = extend(model, rows, config=quick_boosting("regression"), trees=2)
    assert "monotone" in refusal(longer, "refit")
    assert {"monotone_constraints", "lambda_l1"} <= set(longer.params)


# Why: what LightGBM does by itself


def _linear_or_not(**params):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 3))
    params = {**QUIET, "boost_from_average": False, "objective": "regression", **params}
    booster = lgb.train(params, lgb.Dataset(x, 2 * x[:, 0] + rng.normal(size=1500), params=params), 10)
    return np.abs(booster.refit(x[:300], x[:300, 1], decay_rate=1.0).predict(x) - booster.predict(x)).max()


def test_lightgbms_refit_of_linear_trees_is_not_the_identity_at_decay_1():
    assert _linear_or_not() == 0
    assert _linear_or_not(linear_tree=True) > 0.1  # with five rows instead of 300 it ends the process


def test_lightgbms_refit_breaks_monotone_constraints():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 1))
    params = {**QUIET, "monotone_constraints": [1], "boost_from_average": False}
    booster = lgb.train(params, lgb.Dataset(x, x[:, 0], params=params), 10)
    grid = np.linspace(-2, 2, 100)[:, None]
    assert (np.diff(booster.predict(grid)) >= 0).all()
    assert (np.diff(booster.refit(x, -x[:, 0], decay_rate=0.5).predict(grid)) < 0).any()


def test_lightgbm_takes_other_columns_and_objectives_behind_a_model():
    rng = np.random.default_rng(0)
    x = pl.DataFrame(rng.normal(size=(500, 2)), schema=["a", "b"], orient="row")
    y = (x["a"] > 0).to_numpy().astype(float)

    def data(columns):
        return lgb.Dataset(x.select(columns), y, params=QUIET)

    booster = lgb.train({**QUIET, "objective": "binary"}, data(["a", "b"]), 3)
    for columns, objective in ((["b", "a"], "binary"), (["a", "b"], "regression")):
        longer = lgb.train({**QUIET, "objective": objective}, data(columns), 3, init_model=booster)
        assert longer.num_trees() == 6
