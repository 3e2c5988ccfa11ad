from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit, softmax
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from tabkit.neural import MLPConfig, fit, fit_again
from tabkit.rows import Rows

EXACT = {"dropout": 0.0, "label_smoothing": 0.0, "weight_decay": 0.0, "masked": 0.0}


def _linear(seed, n=2000, noise=0.05):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    b = np.array([1.0, -0.5, 0.25, 0.0])
    return x, 3 + x @ b + noise * rng.normal(size=n), b


def _frame(x) -> pl.DataFrame:
    return pl.DataFrame(x, schema=[f"x{k}" for k in range(x.shape[1])], orient="row")


# Known truths


@pytest.mark.parametrize("settings", [{}, {"numeric_embedding": "piecewise"}, {"activation": "relu"}])
def test_a_linear_truth_is_found(settings, config):
    (x, y, b), (new, truth, _) = _linear(0), _linear(1)
    model = fit(Rows(_frame(x), y), config=config(hidden=[32], max_epochs=40, **EXACT, **settings))
    theirs = r2_score(truth, LinearRegression().fit(x, y).predict(new))
    assert theirs > 0.995
    assert r2_score(truth, model.predict(_frame(new))) > max(0.99, theirs - 0.006)
    step = 0.5 * np.eye(4)
    slopes = model.predict(_frame(step)) - model.predict(_frame(-step))
    np.testing.assert_allclose(slopes, b, atol=0.1)


def test_a_logistic_truth_is_found_as_by_logistic_regression(config):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 3))
    p = expit(-0.5 + x @ [1.0, -1.0, 0.0])
    y = (rng.random(5000) < p).astype(float)
    train, valid = Rows(_frame(x[:3000]), y[:3000]), Rows(_frame(x[3000:4000]), y[3000:4000])
    model = fit(train, valid, config=config("binary", max_epochs=25, **EXACT))
    theirs = LogisticRegression(C=1e6).fit(x[:3000], y[:3000]).predict_proba(x[4000:])[:, 1]
    ours = model.predict(_frame(x[4000:]))
    assert np.abs(ours - theirs).mean() < 0.03
    assert log_loss(y[4000:], ours) < log_loss(y[4000:], theirs) + 0.01


@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"])
def test_every_objective_comes_near_a_known_truth(name, config, labels):
    def draw(seed, n=3000):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, 2))
        signal = np.sin(2 * x[:, 0])
        mean, proba = np.exp(signal), softmax(np.column_stack([signal, -signal, 0 * signal]), axis=1)
        if name == "binary":
            return x, (rng.random(n) < expit(signal)).astype(float), expit(signal)
        if name == "multiclass":
            return x, (rng.random(n)[:, None] > proba.cumsum(axis=1)).sum(axis=1).clip(0, 2).astype(float), proba
        if name in ("regression", "quantile"):
            return x, signal + rng.normal(size=n), signal + 0.8416 * (name == "quantile")
        if name == "poisson":
            return x, rng.poisson(mean).astype(float), mean
        y = rng.gamma(2.0, mean / 2)
        return x, y if name == "gamma" else y * (rng.random(n) < 0.6) / 0.6, mean

    (x, y, _), (held, held_y, _), (new, _, truth) = draw(0), draw(1, 1000), draw(2)
    settings = config(name, hidden=[32], max_epochs=30, dropout=0.0)
    model = fit(Rows(_frame(x), y), Rows(_frame(held), held_y), config=settings, classes=labels(name))
    constant = fit(Rows(_frame(x), y), config=settings, classes=labels(name), epochs=0)

    def error(model):
        return float(np.sqrt(((model.predict(_frame(new)) - truth) ** 2).mean()))

    assert error(model) < 0.35 * error(constant)


def test_levels_of_a_category_get_their_means(config):
    rng = np.random.default_rng(0)
    codes, means = rng.integers(0, 30, 6000), rng.normal(size=30)
    y = means[codes] + 0.1 * rng.normal(size=6000)
    train = Rows(pl.DataFrame({"c": codes}), y, categorical=("c",))
    model = fit(train, config=config(hidden=[32], max_epochs=25, **EXACT))
    np.testing.assert_allclose(model.predict(pl.DataFrame({"c": range(30)})), means, atol=0.15)


def test_an_unknown_level_is_trained_by_masking_only(config):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 20, 2000)
    train = Rows(pl.DataFrame({"c": codes}), 5 + (codes > 9) + 0.1 * rng.normal(size=2000), categorical=("c",))
    masked, plain = (fit(train, config=config(max_epochs=10, masked=share)) for share in (0.1, 0.0))
    assert masked.network.embeddings[0].weight[0].any()
    assert not plain.network.embeddings[0].weight[0].any()
    assert masked.predict(pl.DataFrame({"c": [99]}))[0] == pytest.approx(5.5, abs=0.15)


def test_the_unknown_level_is_trained_by_nulls_and_rare_levels_too(config):
    rng = np.random.default_rng(0)
    codes = np.where(rng.random(1000) < 0.2, np.nan, rng.integers(0, 5, 1000))
    codes[:2] = 5
    y = np.isnan(codes) + 0.1 * rng.normal(size=1000)
    model = fit(Rows(pl.DataFrame({"c": codes}), y, categorical=("c",)), config=config(max_epochs=25, masked=0.0))
    found = model.predict(pl.DataFrame({"c": pl.Series([None, float("nan"), 5, 77, 1], dtype=pl.Float64)}))
    np.testing.assert_allclose(found[:4], found[0])
    assert found[0] == pytest.approx(1.0, abs=0.1)
    assert found[4] == pytest.approx(0.0, abs=0.1)


# Offsets and weights


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_twice_the_exposure_is_twice_the_prediction(name, config):
    rng = np.random.default_rng(0)
    x, exposure = rng.normal(size=(4000, 2)), rng.uniform(0.2, 5, 4000)
    mean = exposure * np.exp(-1 + 0.5 * x[:, 0])
    y = {"poisson": rng.poisson(mean), "gamma": rng.gamma(3, mean / 3)}.get(
        name, rng.gamma(3, mean / 3) * rng.integers(0, 2, 4000) * 2
    )
    train = Rows(_frame(x), y, offset=np.log(exposure))
    model = fit(train, train, config=config(name, max_epochs=10))
    once, twice = (model.predict(_frame(x), offset=np.log(k * exposure)) for k in (1, 2))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-9)
    assert model.base_score[0] == pytest.approx(np.log(0.37 * np.exp(0.125)), abs=0.1)
    assert once.sum() == pytest.approx(y.sum(), rel=0.03)
    assert np.corrcoef(model.raw(_frame(x)), x[:, 0])[0, 1] > 0.97


def test_a_numbers_offset_is_added_and_a_binary_ones_moves_the_odds(config):
    rng = np.random.default_rng(0)
    x, offset = rng.normal(size=(2000, 1)), rng.normal(0, 3, 2000)
    number = fit(Rows(_frame(x), 10 + x[:, 0] + offset, offset=offset), config=config(max_epochs=20, **EXACT))
    np.testing.assert_allclose(number.predict(_frame(x), offset=offset), 10 + x[:, 0] + offset, atol=0.5)
    assert number.base_score[0] == pytest.approx(10, abs=0.1)
    y = (rng.random(2000) < expit(x[:, 0] + offset)).astype(float)
    binary = fit(Rows(_frame(x), y, offset=offset), config=config("binary", max_epochs=10, **EXACT))
    shifted = binary.predict(_frame(x), offset=np.full(2000, 1.5))
    np.testing.assert_allclose(logit(shifted) - logit(binary.predict(_frame(x))), 1.5, atol=1e-9)
    assert np.polyfit(x[:, 0], binary.raw(_frame(x)), 1)[0] == pytest.approx(1.0, abs=0.2)


def test_weights_decide_what_is_learned(config):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 1))
    first = np.arange(2000) < 1000
    y = np.where(first, x[:, 0], -x[:, 0]) + 0.1 * rng.normal(size=2000)
    for heavy, sign in ((first, 1), (~first, -1)):
        model = fit(Rows(_frame(x), y, weight=np.where(heavy, 1.0, 0.0)), config=config(max_epochs=20, **EXACT))
        assert np.polyfit(x[:, 0], model.predict(_frame(x)), 1)[0] == pytest.approx(sign, abs=0.1)


def test_weights_of_held_out_rows_decide_when_to_stop(config):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 1))
    train, y = Rows(_frame(x), x[:, 0]), np.where(np.arange(600) < 300, x[:, 0], -x[:, 0])
    good, bad = (
        fit(train, Rows(_frame(x), y, weight=(np.arange(600) < 300) == good), config=config(max_epochs=10))
        for good in (True, False)
    )
    assert good.epochs > 5
    assert bad.epochs == 0


# Probabilities


def _imbalanced(seed, n=6000):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    p = expit(-2.5 + x[:, 0])
    return Rows(_frame(x), (rng.random(n) < p).astype(float)), p


@pytest.mark.parametrize("smoothing", [0.0, 0.05])
def test_balanced_classes_still_give_probabilities(smoothing, config):
    (train, _), (new, truth) = _imbalanced(0), _imbalanced(1)
    settings = config("binary", class_weight="balanced", label_smoothing=smoothing, max_epochs=15)
    model = fit(train, config=settings)
    found = model.predict(new.features)
    assert found.mean() == pytest.approx(truth.mean(), rel=0.12)
    assert np.corrcoef(found, truth)[0, 1] > 0.97
    start = fit(train, config=settings, epochs=0)
    assert start.predict(new.features)[0] == pytest.approx(train.y.mean())


def test_balanced_multiclass_still_gives_probabilities(config, labels):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6000, 2))
    truth = softmax(np.column_stack([x[:, 0] - 2, 0 * x[:, 0] + 1, x[:, 1] - 1]), axis=1)
    y = (rng.random(6000)[:, None] > truth.cumsum(axis=1)).sum(axis=1).clip(0, 2).astype(float)
    settings = config("multiclass", class_weight="balanced", max_epochs=12, label_smoothing=0.0)
    rows = Rows(_frame(x), y)
    found = fit(rows, config=settings, classes=labels("multiclass")).predict(_frame(x))
    np.testing.assert_allclose(found.mean(axis=0), truth.mean(axis=0), rtol=0.15)
    start = fit(rows, config=settings, classes=labels("multiclass"), epochs=0).predict(_frame(x))[0]
    np.testing.assert_allclose(start, np.bincount(y.astype(int)) / 6000)


def test_a_rare_class_keeps_its_rate_with_the_default_smoothing(config):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8000, 2))
    y = (rng.random(8000) < expit(-5 + x[:, 0])).astype(float)
    default = MLPConfig().label_smoothing
    model = fit(Rows(_frame(x), y), config=config("binary", label_smoothing=default, max_epochs=15))
    assert model.predict(_frame(x)).mean() == pytest.approx(y.mean(), rel=0.5)


# Again, on other rows


def test_a_fit_again_runs_as_long_and_takes_the_temperature_over(rows, config):
    train, valid = rows("binary"), rows("binary", seed=1)
    first = fit(train, valid, config=config("binary", patience=2, learning_rate=0.05))
    both = Rows(pl.concat([train.features, valid.features]), np.append(train.y, valid.y), categorical=("code",))
    again = fit_again(first, both)
    assert again.epochs == len(again.history) == first.epochs
    assert again.temperature == first.temperature != 1.0
    plain = fit(both, config=config("binary", patience=2, learning_rate=0.05), epochs=first.epochs)
    assert again.weights == plain.weights
    apart = again.raw(both.features) - plain.raw(both.features) / first.temperature
    np.testing.assert_allclose(apart, apart[0], atol=1e-5)
    assert again.predict(both.features).mean() == pytest.approx(both.y.mean(), abs=1e-4)


def test_a_fit_again_of_no_epochs_is_the_base_score(rows, config):
    train = rows()
    first = fit(train, config=config(), epochs=0)
    again = fit_again(first, rows(seed=1))
    assert again.epochs == 0
    np.testing.assert_allclose(again.predict(train.features), rows(seed=1).y.mean())


def test_all_is_learned_from_one_column_of_holes(config):
    x = [None, 1.0] * 200
    y = np.tile([4.0, 2.0], 200)
    model = fit(Rows(pl.DataFrame({"x": x}), y), config=config(max_epochs=40, numeric_embedding="piecewise", **EXACT))
    np.testing.assert_allclose(model.predict(pl.DataFrame({"x": [None, 1.0]})), [4, 2], atol=0.1)


# Beside scikit-learn's network


def _split(x, y):
    order = np.random.default_rng(0).permutation(len(y))
    parts = np.split(order, [int(0.6 * len(y)), int(0.75 * len(y))])
    return [(x[part], y[part].astype(float)) for part in parts]


@pytest.mark.slow
def test_breast_cancer_is_told_as_well_as_by_scikit_learns_network():
    (x, y), (held, held_y), (new, truth) = _split(*datasets.load_breast_cancer(return_X_y=True))
    config = MLPConfig(objective="binary", num_threads=1, device="cpu", max_epochs=40)
    ours = fit(Rows(_frame(x), y), Rows(_frame(held), held_y), config=config).predict(_frame(new))
    scaler = StandardScaler().fit(x)
    theirs = MLPClassifier(hidden_layer_sizes=(128, 128), early_stopping=True, max_iter=200, random_state=0).fit(
        scaler.transform(x), y
    )
    auc = roc_auc_score(truth, ours)
    assert auc > 0.98
    assert auc > roc_auc_score(truth, theirs.predict_proba(scaler.transform(new))[:, 1]) - 0.01
    assert log_loss(truth, ours) < 0.2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_diabetes_is_foretold_as_well_as_by_scikit_learns_network():
    (x, y), (held, held_y), (new, truth) = _split(*datasets.load_diabetes(return_X_y=True))
    config = MLPConfig(objective="regression", num_threads=1, device="cpu", max_epochs=60)
    ours = r2_score(truth, fit(Rows(_frame(x), y), Rows(_frame(held), held_y), config=config).predict(_frame(new)))
    scaler = StandardScaler().fit(x)
    theirs = MLPRegressor(hidden_layer_sizes=(128, 128), early_stopping=True, max_iter=300, random_state=0)
    theirs.fit(scaler.transform(x), y)
    assert ours > r2_score(truth, theirs.predict(scaler.transform(new))) - 0.03
    assert ours > 0.35


@pytest.mark.parametrize("objective", ["poisson", "tweedie"])
def test_predictions_of_rare_amounts_sum_to_what_was_seen(objective, config):
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    y = (rng.random(3000) < 0.02) * rng.gamma(0.5, 100.0, 3000)
    y = y.round() if objective == "poisson" else y
    exposure = rng.uniform(0.5, 2, 3000)
    train = Rows(_frame(x[:, None]), y, offset=np.log(exposure), weight=exposure)
    model = fit(
        train, Rows(_frame(x[:, None]), y, offset=np.log(exposure)), config=config(objective, max_epochs=5, patience=0)
    )
    assert model.epochs
    p = model.predict(train.features, offset=train.offset)
    assert exposure @ p == pytest.approx(exposure @ y, rel=1e-4)
