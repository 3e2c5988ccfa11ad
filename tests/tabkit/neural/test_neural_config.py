from __future__ import annotations

import pytest

from tabkit.config import build
from tabkit.errors import ConfigError
from tabkit.neural import MLPConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"hiden": [8]}, {"hidden": []}, {"hidden": [0]}, {"hidden": 8}, {"hidden": [1] * 17}, {"hidden": [10**6]},
        {"members": 0}, {"members": 65}, {"activation": "tanh"}, {"dropout": 1}, {"dropout": -0.1},
        {"numeric_embedding": "periodic"}, {"bins": 1}, {"embedding_size": 0}, {"rare": 0}, {"masked": 1.0},
        {"batch_size": 0}, {"batch_size": "all"}, {"learning_rate": 0}, {"learning_rate": float("inf")},
        {"learning_rate": float("nan")}, {"weight_decay": -1}, {"warmup": 1}, {"max_epochs": 0}, {"patience": -1},
        {"averaging": -1}, {"averaging": float("inf")}, {"clip_norm": -1}, {"label_smoothing": 1},
        {"class_weight": "even"}, {"quantile": 0}, {"quantile": 1}, {"tweedie_power": 2}, {"tweedie_power": 0.9},
        {"device": "tpu"}, {"num_threads": -1}, {"seed": -1}, {"objective": "ranking"}, {"calibrate": "perhaps"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        MLPConfig(**wrong)
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        build(MLPConfig, wrong)


def test_a_slip_of_the_pen_is_put_right():
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        MLPConfig(learning_rat=0.1)


def test_settings_are_frozen_and_go_through_plain_data():
    config = MLPConfig(objective="binary", hidden=[3], batch_size=7)
    assert MLPConfig(**config.model_dump(mode="json")) == config
    with pytest.raises(Exception, match="frozen"):
        config.seed = 3
