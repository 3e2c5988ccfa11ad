from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.special import expit
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.neural import MLPConfig, MLPModel, fine_tune, fit, recalibrate
from tabkit.objective import loss
from tabkit.rows import Rows

DRIFT = 1.0
ALL = {"scale", "embeddings", "layers.0", "layers.1", "head"}


def _state(model: MLPModel) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in model.network.state_dict().items()}


def _changed(before: MLPModel, after: MLPModel) -> set[str]:
    old, new = _state(before), _state(after)
    assert old.keys() == new.keys()
    names = [name for name in old if not np.array_equal(old[name], new[name])]
    return {".".join(name.split(".")[: 2 if name.startswith("layers") else 1]) for name in names}


@pytest.fixture(scope="module")
def fitted(rows, config):
    """A model of two layers with embeddings and piecewise numbers."""
    settings = config(hidden=[16, 8], numeric_embedding="piecewise", bins=4, max_epochs=15)
    return fit(rows(), rows(seed=1), config=settings)


# Fine-tuning


@pytest.mark.parametrize(
    ("freeze", "changed"),
    [
        ("hidden", {"head"}),
        (2, {"head"}),
        (1, {"layers.1", "head"}),
        (0, {"layers.0", "layers.1", "head"}),
        ("none", ALL),
    ],
)
def test_what_is_frozen_stays_and_all_else_learns(freeze, changed, fitted, rows):
    before, weights = _state(fitted), fitted.weights
    tuned = fine_tune(fitted, rows(seed=2, shift=DRIFT), freeze=freeze, epochs=2)
    assert _changed(fitted, tuned) == changed
    assert np.array_equal(_state(tuned)["bins.edges"], before["bins.edges"])
    assert fitted.weights == weights
    for name, value in _state(fitted).items():
        np.testing.assert_array_equal(value, before[name])
    assert not any(parameter.requires_grad for parameter in fitted.network.parameters())


@pytest.mark.parametrize("freeze", [3, -1, "x", True, False, 1.0, None, "layers.0"])
def test_what_cannot_be_frozen_is_refused(freeze, fitted, rows):
    with pytest.raises(ConfigError, match="freeze is"):
        fine_tune(fitted, rows(seed=2), freeze=freeze)


@pytest.mark.parametrize("freeze", ["hidden", "none"])
def test_drifted_rows_are_learned(freeze, fitted, rows):
    new, valid, later = (rows(seed=seed, shift=DRIFT) for seed in (2, 3, 4))
    tuned = fine_tune(fitted, new, valid, freeze=freeze, learning_rate=0.02)
    assert tuned.epochs > 0

    def error(model):
        return float(np.sqrt(((model.predict(later.features) - later.y) ** 2).mean()))

    assert error(tuned) < 0.7 * error(fitted)
    assert tuned.held_out_loss == pytest.approx(min(epoch.held_out_loss for epoch in tuned.history))
    found = tuned.predict(valid.features)
    again = loss(valid.y, found, weight=valid.weights(), config=_settings(tuned), objective=tuned.kind)
    assert again == pytest.approx(tuned.held_out_loss, rel=1e-5)
    assert tuned.base_loss == pytest.approx(float(np.sqrt(((valid.y - tuned.base_score[0]) ** 2).mean())))


def _settings(model) -> MLPConfig:
    return MLPConfig(**model.config)


def test_weights_stay_where_held_out_rows_say_so(fitted, rows):
    new = rows(seed=2, shift=DRIFT)
    as_before = Rows(new.features, fitted.predict(new.features), categorical=("code",))
    tuned = fine_tune(fitted, new, as_before, freeze="none")
    assert tuned.epochs == 0
    assert tuned.history
    assert _changed(fitted, tuned) == set()
    np.testing.assert_array_equal(tuned.predict(new.features), fitted.predict(new.features))
    assert tuned.held_out_loss < 1e-6


def test_a_fine_tuning_begins_where_the_fit_ended(fitted, rows):
    tuned = fine_tune(fitted, rows(seed=2, shift=DRIFT), epochs=0)
    assert tuned.weights == fitted.weights
    np.testing.assert_array_equal(tuned.raw(rows().features), fitted.raw(rows().features))
    slow = fine_tune(fitted, rows(seed=2, shift=DRIFT), learning_rate=1e-9, freeze="none")
    np.testing.assert_allclose(slow.raw(rows().features), fitted.raw(rows().features), atol=1e-4)


def test_the_loss_that_is_minimised_is_that_of_the_cooled_scores(rows, config):
    exact = {"dropout": 0.0, "label_smoothing": 0.0, "masked": 0.0, "members": 1, "class_weight": "balanced"}
    model = fit(rows("binary"), config=config("binary", batch_size=400, **exact))
    model = replace(model, base_score=(model.base_score[0] / 3,), slope=model.slope / 3)
    new = rows("binary", seed=2)
    tuned = fine_tune(model, new, learning_rate=1e-12, epochs=1)
    share = np.bincount(new.y.astype(int)) / 400
    p = expit(model.raw(new.features) + math.log(share[0] / share[1]))
    wanted = log_loss(new.y, p, sample_weight=1 / share[new.y.astype(int)])
    assert tuned.history[0].loss == pytest.approx(wanted, rel=1e-5)


def test_it_learns_a_fifth_as_fast_unless_told_otherwise(fitted, rows, config):
    top = max(epoch.learning_rate for epoch in fitted.history)
    usual = fine_tune(fitted, rows(seed=2), learning_rate=None)
    assert max(epoch.learning_rate for epoch in usual.history) == pytest.approx(0.2 * top, rel=0.1)
    told = fine_tune(fitted, rows(seed=2), learning_rate=0.5)
    assert max(epoch.learning_rate for epoch in told.history) == pytest.approx(50 * top, rel=0.1)
    other = fine_tune(fitted, rows(seed=2), config=config(max_epochs=3, learning_rate=1.0, warmup=0))
    assert len(other.history) == 3
    assert told.config == usual.config == other.config == fitted.config


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_rates_that_are_none_are_refused(rate, fitted, rows):
    with pytest.raises(ConfigError, match="learning_rate"):
        fine_tune(fitted, rows(seed=2), learning_rate=rate)


def test_losses_of_the_old_model_do_not_pass_for_those_of_the_new(fitted, rows):
    assert fitted.held_out_loss is not None
    tuned = fine_tune(fitted, rows(seed=2), epochs=1)
    assert (tuned.held_out_loss, tuned.base_loss) == (None, None)


def test_fine_tuning_is_repeatable_and_leaves_torchs_stream_alone(fitted, rows):
    before = torch.get_rng_state()
    one, two = (fine_tune(replace(fitted), rows(seed=2), freeze="none", epochs=2) for _ in range(2))
    assert one.weights == two.weights
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["binary", "multiclass", "poisson", "quantile"])
def test_every_objective_is_tuned_from_its_own_scores(name, rows, config, labels):
    settings = config(name, class_weight="balanced")
    model = fit(rows(name), rows(name, seed=1), config=settings, classes=labels(name))
    new, valid = (rows(name, seed=seed, shift=0.7) for seed in (2, 3))
    tuned = fine_tune(model, new, valid, freeze="none", learning_rate=0.01)

    def valued(model):
        found = model.predict(valid.features)
        return loss(valid.y, found, weight=valid.weights(), config=settings, objective=model.kind)

    assert tuned.held_out_loss == pytest.approx(valued(tuned), rel=1e-5)
    assert valued(tuned) < valued(model)
    assert tuned.classes == model.classes
    if name in ("binary", "multiclass"):
        assert tuned.temperature != model.temperature
        assert tuned.slope == pytest.approx(1 / tuned.temperature)
    else:
        assert tuned.temperature == model.temperature == 1.0


def test_other_features_or_another_objective_are_refused(fitted, rows, config):
    new = rows(seed=2)
    for features in (new.features.select("z", "x", "code"), new.features.drop("z"), new.features.with_columns(more=1)):
        other = Rows(features, new.y, categorical=("code",))
        with pytest.raises(SchemaError, match="the model"):
            fine_tune(fitted, other)
        with pytest.raises(SchemaError, match="the model"):
            recalibrate(fitted, other)
    with pytest.raises(ConfigError, match="poisson"):
        fine_tune(fitted, new, config=config("poisson"))


def test_a_level_that_is_new_stays_unknown(fitted, rows):
    new = rows(seed=2)
    codes = np.where(np.arange(400) % 2, 17, new.features["code"].to_numpy())
    tuned = fine_tune(fitted, Rows(new.features.with_columns(code=codes), new.y, categorical=("code",)), epochs=1)
    frame = pl.DataFrame({"x": [0.0, 0.0], "z": [0.0, 0.0], "code": [17, None]})
    assert np.ptp(tuned.predict(frame)) == 0


# Recalibration


def _model_and_new_rows(name, rows, config, labels, shift=DRIFT):
    model = fit(rows(name), rows(name, seed=1), config=config(name, max_epochs=15), classes=labels(name))
    assert model.epochs > 0
    return model, rows(name, seed=2, rows=3000, shift=shift)


@pytest.mark.parametrize("shift", [-1.5, 1.0])
@pytest.mark.parametrize("name", ["binary", "poisson", "regression"])
def test_intercepts_move_to_the_new_rate_and_the_ranking_stays(name, shift, rows, config, labels):
    model, new = _model_and_new_rows(name, rows, config, labels, shift)
    found = recalibrate(model, new)
    before, after = model.predict(new.features), found.predict(new.features)
    assert after.mean() == pytest.approx(new.y.mean(), abs=2e-3 * max(1.0, abs(new.y.mean())))
    assert abs(before.mean() - new.y.mean()) > 0.1
    assert spearmanr(before, after).statistic == pytest.approx(1.0, abs=1e-9)
    assert found.weights is model.weights
    assert (found.held_out_loss, found.base_loss) == (None, None)


def test_every_class_gets_its_new_rate(rows, config, labels):
    model, new = _model_and_new_rows("multiclass", rows, config, labels)
    found = recalibrate(model, new).predict(new.features)
    np.testing.assert_allclose(found.mean(axis=0), np.bincount(new.y.astype(int)) / 3000, atol=2e-3)
    assert np.abs(model.predict(new.features).mean(axis=0) - found.mean(axis=0)).max() > 0.05


@pytest.mark.parametrize("name", ["gamma", "tweedie", "quantile"])
def test_the_loss_of_every_objective_falls(name, rows, config, labels):
    model, new = _model_and_new_rows(name, rows, config, labels)
    found = recalibrate(model, new)
    losses = [
        loss(new.y, m.predict(new.features), weight=new.weights(), config=_settings(model), objective=m.kind)
        for m in (model, found)
    ]
    assert losses[1] < 0.95 * losses[0]
    if name == "quantile":
        assert (new.y <= found.predict(new.features)).mean() == pytest.approx(0.8, abs=0.01)


def test_the_line_is_that_of_scikit_learn(rows, config, labels):
    model, new = _model_and_new_rows("binary", rows, config, labels)
    found, raw = recalibrate(model, new), model.raw(new.features)
    theirs = LogisticRegression(C=1e9, tol=1e-8).fit(raw[:, None], new.y)
    wanted = theirs.predict_proba(raw[:, None])[:, 1]
    np.testing.assert_allclose(found.predict(new.features), wanted, atol=2e-3)
    model, new = _model_and_new_rows("poisson", rows, config, labels)
    found, raw = recalibrate(model, new), model.raw(new.features)
    theirs = PoissonRegressor(alpha=0, tol=1e-8).fit(raw[:, None], new.y)
    np.testing.assert_allclose(found.predict(new.features), theirs.predict(raw[:, None]), rtol=5e-3)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
@pytest.mark.parametrize("epochs", [0, 4])
def test_the_unit_of_the_target_does_not_matter(scale, epochs, rows, config):
    train, new = rows(), rows(seed=2, shift=2 * DRIFT)
    model = fit(Rows(train.features, scale * train.y, categorical=("code",)), config=config(), epochs=epochs)
    found = recalibrate(model, Rows(new.features, scale * new.y, categorical=("code",)))
    assert found.predict(new.features).mean() / scale == pytest.approx(new.y.mean(), rel=1e-3)


@pytest.mark.parametrize("times", [1e-4, 1.0, 1e6])
@pytest.mark.parametrize("name", ["poisson", "gamma"])
def test_a_far_other_level_is_found(name, times, rows, config):
    train = rows(name)
    for epochs in (0, 4):
        model = fit(train, config=config(name), epochs=epochs)
        found = recalibrate(model, Rows(train.features, times * train.y, categorical=("code",)))
        assert found.predict(train.features).mean() / times == pytest.approx(train.y.mean(), rel=0.1)


def test_exposure_and_weights_count_in_a_recalibration(rows, config):
    train = rows("poisson")
    model = fit(train, config=config("poisson"))
    new = Rows(train.features, 3 * train.y, offset=np.full(400, math.log(3)), categorical=("code",))
    found = recalibrate(model, new)
    assert (found.predict(new.features, offset=new.offset)).mean() == pytest.approx(new.y.mean(), rel=1e-3)
    weight = np.where(train.y > 1, 1.0, 0.0)
    heavy = recalibrate(model, Rows(train.features, train.y, weight=weight, categorical=("code",)))
    wanted = np.average(train.y, weights=weight)
    assert np.average(heavy.predict(train.features), weights=weight) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("name", ["binary", "multiclass"])
def test_a_class_without_rows_is_refused(name, rows, config, labels):
    model = fit(rows(name), config=config(name, max_epochs=1), classes=labels(name))
    new = rows(name, seed=2)
    with pytest.raises(FitError, match="class number"):
        recalibrate(model, Rows(new.features, np.zeros(400), categorical=("code",)))
    with pytest.raises(FitError, match="class number"):
        recalibrate(model, Rows(new.features, new.y, weight=(new.y == 0).astype(float), categorical=("code",)))


def test_counts_that_are_all_zero_are_refused(rows, config):
    model = fit(rows("poisson"), config=config("poisson", max_epochs=1))
    with pytest.raises(FitError, match="zero in every new row"):
        recalibrate(model, Rows(rows().features, np.zeros(400), categorical=("code",)))
