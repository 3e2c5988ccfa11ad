from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from tabkit.neural import fit
from tabkit.neural.calibrate import temperature


def _binary(n=5000, seed=0):
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 1.5, size=(n, 1))
    return raw, (rng.random(n) < expit(raw[:, 0])).astype(float)


def _temperature(raw, y, weight=None, offset=None):
    n = len(y)
    return temperature(
        raw, y, weight=np.ones(n) if weight is None else weight, offset=np.zeros(n) if offset is None else offset
    )


@pytest.mark.parametrize("times", [0.5, 1.0, 3.0])
def test_scores_that_are_too_sure_or_too_shy_are_found_out(times):
    raw, y = _binary()
    assert _temperature(times * raw, y) == pytest.approx(times, rel=0.1)


@pytest.mark.parametrize("times", [0.5, 1.0, 3.0])
def test_scores_of_classes_are_found_out_too(times):
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 1.5, size=(5000, 4))
    y = (rng.random(5000)[:, None] > softmax(raw, axis=1).cumsum(axis=1)).sum(axis=1).clip(0, 3).astype(float)
    assert _temperature(times * raw, y) == pytest.approx(times, rel=0.1)


def test_on_many_rows_it_is_the_minimum_of_the_log_loss():
    raw, y = _binary(50_000)
    theirs = minimize_scalar(lambda t: log_loss(y, expit(2 * raw[:, 0] / t)), bounds=(0.5, 5), method="bounded").x
    assert _temperature(2 * raw, y) == pytest.approx(theirs, rel=2e-3)


@pytest.mark.parametrize("n", [2, 10, 18])
def test_below_ten_rows_of_a_class_there_is_no_temperature(n):
    y = np.arange(n) % 2.0
    assert _temperature((4 * y - 2)[:, None], y) == 1.0
    assert _temperature((4 * y - 2)[:, None], np.zeros(n)) == 1.0


def test_classes_that_are_more_frequent_in_the_held_out_rows_do_not_move_the_temperature():
    raw, y = _binary()
    assert _temperature(raw + 2.0, y) == pytest.approx(_temperature(raw, y), rel=1e-3)
    assert _temperature(2 * raw - 3.0, y) == pytest.approx(2.0, rel=0.1)


def test_cooling_keeps_the_mean_probability_at_the_rate_of_the_fit(rows, config, labels):
    for name in ("binary", "multiclass"):
        train = rows(name)
        model = fit(train, rows(name, seed=1), config=config(name, calibrate=False, max_epochs=3), classes=labels(name))
        rates = np.bincount(train.y.astype(int)) / len(train.y)
        for by in (0.5, 3.0):
            mean = model.cooled(by, train).predict(train.features).mean(axis=0)
            np.testing.assert_allclose(mean, rates if name == "multiclass" else rates[1], atol=1e-4)


@pytest.mark.parametrize("n", [20, 40])
def test_a_few_rows_told_apart_perfectly_do_not_ask_for_certainty(n):
    y = np.arange(n) % 2.0
    assert 0.4 < _temperature((4 * y - 2)[:, None], y) < 1.0
    assert 1.0 < _temperature((2 - 4 * y)[:, None], y) < 4.0


def test_weights_and_offsets_count():
    raw, y = _binary()
    sure, half = 3 * raw, np.arange(5000) < 2500
    mixed = np.where(half[:, None], sure, raw)
    assert _temperature(mixed, y, weight=np.where(half, 1.0, 1e-9)) == pytest.approx(3.0, rel=0.1)
    assert _temperature(mixed, y, weight=np.where(half, 1e-9, 1.0)) == pytest.approx(1.0, rel=0.1)
    rng = np.random.default_rng(5)
    offset = rng.normal(0, 3, 5000)
    drawn = (rng.random(5000) < expit(raw[:, 0] + offset)).astype(float)
    assert _temperature(3 * raw, drawn, offset=offset) == pytest.approx(3.0, rel=0.15)


def test_scores_that_say_nothing_stay():
    _, y = _binary(100)
    assert _temperature(np.zeros((100, 1)), y) == 1.0


def test_a_fit_is_calibrated_by_its_held_out_rows_alone(rows, config):
    train, valid = rows("binary", rows=60), rows("binary", rows=1500, seed=1)
    settings = {"learning_rate": 0.05, "label_smoothing": 0.0, "max_epochs": 60, "dropout": 0.0}
    settings |= {"patience": 0, "weight_decay": 0.0}  # learns by heart: too sure
    plain = fit(train, valid, config=config("binary", calibrate=False, **settings), epochs=60)
    cooled = fit(train, valid, config=config("binary", **settings), epochs=60)
    assert plain.temperature == 1.0
    assert cooled.weights == plain.weights
    raw = plain.raw(valid.features)
    wanted = _temperature(raw[:, None], valid.y)
    assert cooled.temperature == pytest.approx(wanted, rel=1e-3)
    assert wanted > 1.2
    apart = cooled.raw(valid.features) - raw / cooled.temperature
    np.testing.assert_allclose(apart, apart[0], atol=1e-5)
    assert cooled.predict(train.features).mean() == pytest.approx(train.y.mean(), abs=1e-4)
    assert cooled.held_out_loss < plain.held_out_loss
    assert cooled.held_out_loss == pytest.approx(log_loss(valid.y, cooled.predict(valid.features)), rel=1e-5)


@pytest.mark.parametrize("name", ["regression", "poisson"])
def test_numbers_have_no_temperature(name, rows, config):
    assert fit(rows(name), rows(name, seed=1), config=config(name, max_epochs=2)).temperature == 1.0
