from __future__ import annotations

import pytest

from tabkit.boosting import OBJECTIVES, BoostingConfig
from tabkit.boosting.parameters import parameters
from tabkit.errors import ConfigError


def _parameters(name="regression", names=("a", "b"), outputs=1, **settings):
    return parameters(BoostingConfig(objective=name, **settings), OBJECTIVES[name], names=names, outputs=outputs)


def test_settings_become_parameters_and_the_base_score_stays_outside():
    found = _parameters(learning_rate=0.2, num_leaves=7, seed=3, num_threads=2)
    assert found["boost_from_average"] is False
    assert found["deterministic"] is True
    assert (found["learning_rate"], found["num_leaves"], found["seed"], found["num_threads"]) == (0.2, 7, 3, 2)


def test_each_objective_has_its_own_parameters():
    assert _parameters("multiclass", outputs=4)["num_class"] == 4
    assert _parameters("tweedie", tweedie_power=1.7)["tweedie_variance_power"] == 1.7
    assert _parameters("quantile", quantile=0.9)["alpha"] == 0.9
    assert not {"num_class", "alpha", "tweedie_variance_power"} & set(_parameters())


def test_monotone_constraints_stand_in_the_order_of_the_features():
    found = _parameters(names=("a", "b", "c"), monotone={"c": 1, "a": -1})
    assert found["monotone_constraints"] == [-1, 0, 1]
    assert "monotone_constraints" not in _parameters(monotone={"a": 0})


def test_a_constraint_on_an_unknown_feature_names_it_and_those_that_are_there():
    with pytest.raises(ConfigError, match=r"not there: 'colour', 'sise'") as caught:
        _parameters(names=("size", "b"), monotone={"sise": 1, "colour": 1, "b": 1})
    assert "'size', 'b'" in str(caught.value)


def test_a_constraint_on_a_quantile_is_refused():
    with pytest.raises(ConfigError, match="quantile"):
        _parameters("quantile", monotone={"a": 1})
    assert "monotone_constraints" not in _parameters("quantile", monotone={"a": 0})


def test_further_parameters_are_handed_on_under_their_main_name():
    found = _parameters(params={"subsample": 0.5, "max_bin": 63})
    assert (found["bagging_fraction"], found["max_bin"]) == (0.5, 63)
    assert "subsample" not in found


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(ConfigError, match=r"'bagging_fraction'.*twice, once.*'subsample'"):
        _parameters(params={"bagging_fraction": 0.5, "subsample": 0.6})


def test_a_misspelt_parameter_is_refused_with_a_guess():
    with pytest.raises(ConfigError, match="'bagging_fracton'") as caught:
        _parameters(params={"bagging_fracton": 0.5})
    assert "did you mean 'bagging_fraction'" in str(caught.value)


@pytest.mark.parametrize("alias", ["boosting", "boost", "boosting_type"])
@pytest.mark.parametrize("value", ["rf", "random_forest"])
def test_random_forests_are_refused_as_they_have_no_base_score(alias, value):
    with pytest.raises(ConfigError, match="base score"):
        _parameters(params={alias: value})


def test_histograms_by_column_may_be_chosen():
    assert _parameters()["force_row_wise"] is True
    assert _parameters(params={"force_col_wise": True})["force_row_wise"] is False
