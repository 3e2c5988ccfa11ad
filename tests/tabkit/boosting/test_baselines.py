from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.boosting import BoostingConfig, Rows, base_rate
from tabkit.errors import ConfigError, FitError

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
def test_targets_that_do_not_suit_are_refused(name, y, said):
    with pytest.raises(FitError, match=said):
        base_rate(Rows(FEATURES, y), config=_config(name))


def test_an_objective_must_be_named():
    with pytest.raises(ConfigError, match="'auto'"):
        base_rate(Rows(FEATURES, TARGETS["binary"]), config=BoostingConfig())
