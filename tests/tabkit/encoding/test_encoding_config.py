from __future__ import annotations

import pytest

from tabkit.config import build
from tabkit.encoding import EncodingConfig, TableEncoder, Target, table_encoder
from tabkit.errors import ConfigError


def test_the_defaults_are_those_of_the_table_encoder():
    assert table_encoder(EncodingConfig(), seed=0) == TableEncoder()


def test_settings_reach_the_encoder():
    settings = {"max_onehot": 3, "smoothing": 20, "folds": 7, "infinite": "null", "exclude": ["duration"]}
    config = build(EncodingConfig, settings)
    assert table_encoder(config, seed=4) == TableEncoder(max_onehot=3, smoothing=20.0, folds=7, infinite="null", seed=4)
    assert config.exclude == ["duration"]


@pytest.mark.parametrize(
    "settings",
    [
        {"smoothing": -1},
        {"smoothing": float("nan")},
        {"smoothing": float("inf")},
        {"smoothing": "some"},
        {"folds": 1},
        {"max_onehot": -1},
        {"infinite": "zero"},
        {"onehot": 5},
    ],
)
def test_settings_out_of_range_are_refused_before_any_data_is_read(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        build(EncodingConfig, settings)


@pytest.mark.parametrize(
    "options",
    [
        {"default": "one-hot"},
        {"max_onehot": -1},
        {"folds": 1},
        {"infinite": "zero"},
        {"smoothing": -0.5},
        {"smoothing": float("nan")},
        {"smoothing": "some"},
    ],
)
def test_the_table_encoder_refuses_them_too(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        TableEncoder(**options)


def test_a_target_encoder_alone_checks_its_smoothing():
    with pytest.raises(ConfigError, match="smoothing is -3"):
        Target(smoothing=-3)
