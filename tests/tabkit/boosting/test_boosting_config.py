from __future__ import annotations

import lightgbm as lgb
import pytest

from tabkit.boosting import BoostingConfig
from tabkit.boosting.config import _DECIDED, _REFUSED, _SETTINGS
from tabkit.config import build
from tabkit.errors import ConfigError

ALIASES = lgb.basic._ConfigAliases._get_all_param_aliases()


@pytest.mark.parametrize("name", _REFUSED)
def test_lightgbm_parameters_that_tabkit_owns_are_refused_under_every_name(name):
    with pytest.raises(ConfigError, match=f"'{name}'"):
        build(BoostingConfig, {"params": {name: 1}})


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
    with pytest.raises(ConfigError, match=f"'{name}': it is the setting '{setting}' here"):
        build(BoostingConfig, {"params": {name: 1, "max_bin": 63}})


@pytest.mark.parametrize("group", [*_SETTINGS.values(), *_DECIDED.values()])
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
