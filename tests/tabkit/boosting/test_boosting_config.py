from __future__ import annotations

import lightgbm as lgb
import pytest

from tabkit.boosting import BoostingConfig
from tabkit.boosting.refused import DECIDED, PASSED_ON, REFUSED, SETTINGS
from tabkit.config import build
from tabkit.errors import ConfigError

ALIASES = lgb.basic._ConfigAliases._get_all_param_aliases()


def test_lightgbm_parameters_that_tabkit_owns_are_refused_under_every_name():
    for name in REFUSED:
        with pytest.raises(ConfigError, match=f"'{name}'"):
            build(BoostingConfig, {"params": {name: 1}})


@pytest.mark.parametrize("name", ["scale_pos_weight", "unbalance", "pos_subsample", "neg_bagging"])
def test_what_would_move_probabilities_is_refused_with_what_to_do(name):
    with pytest.raises(ConfigError, match=r"probabilities.*role weight"):
        build(BoostingConfig, {"params": {name: 1}})


@pytest.mark.parametrize("name", ["forced_splits", "machines", "convert_model", "output_result"])
def test_what_would_touch_files_or_the_network_is_refused(name):
    with pytest.raises(ConfigError, match=r"files|this machine"):
        build(BoostingConfig, {"params": {name: "x"}})


def test_each_parameter_of_lightgbm_is_either_handed_on_or_refused_for_a_reason():
    refused = {main for main in ALIASES if main in REFUSED}
    assert refused | PASSED_ON == set(ALIASES), "a new LightGBM has parameters that nobody has judged"
    assert not refused & PASSED_ON


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("eta", "learning_rate"),
        ("n_estimators", "max_trees"),
        ("nrounds", "max_trees"),
        ("num_leaf", "num_leaves"),
        ("random_state", "seed"),
        ("n_jobs", "num_threads"),
        ("early_stopping_rounds", "early_stopping_rounds"),
        ("application", "objective"),
        ("mc", "monotone"),
        ("alpha", "quantile"),
        ("colsample_bytree", "feature_fraction"),
    ],
)
def test_the_error_names_the_setting_to_use_instead(name, setting):
    with pytest.raises(ConfigError, match=rf"'{name}'.*setting '{setting}'"):
        build(BoostingConfig, {"params": {name: 1, "max_bin": 63}})


@pytest.mark.parametrize("group", [*SETTINGS.values(), *DECIDED.values()])
def test_the_names_are_all_that_lightgbm_knows(group):
    names = set(group.split())
    for main, aliases in ALIASES.items():
        family = {main, *aliases}
        assert not names & family or family <= names, f"{sorted(family - names)} are missing"
    assert names <= {alias for main, aliases in ALIASES.items() for alias in (main, *aliases)}


@pytest.mark.parametrize("params", [{"bagging_fraction": 0.5, "bagging_freq": 1}, {"max_depth": 4}, {"subsample": 0.5}])
def test_other_parameters_pass(params):
    assert build(BoostingConfig, {"params": params}).params == params


@pytest.mark.parametrize(
    "settings",
    [
        {"objective": "huber"},
        {"learning_rate": 0},
        {"learning_rate": float("inf")},
        {"num_leaves": 1},
        {"feature_fraction": 1.5},
        {"lambda_l2": -1},
        {"max_trees": 0},
        {"early_stopping_rounds": -1},
        {"quantile": 1},
        {"tweedie_power": 2},
        {"tweedie_power": 0.9},
        {"monotone": {"x": 2}},
        {"seed": -1},
        {"n_estimators": 10},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        build(BoostingConfig, settings)
