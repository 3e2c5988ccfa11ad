from __future__ import annotations

import dataclasses
import inspect
import math
import subprocess
import sys

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics as reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabkit import metrics
from tabkit.errors import ConfigError, FitError
from tabkit.metrics import METRICS, TASKS, Interval, Metric

# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ROWS = 400


@dataclasses.dataclass(frozen=True)
class Sample:
    y: np.ndarray
    prediction: np.ndarray
    weight: np.ndarray | None


def weights(generator: np.random.Generator, kind: str) -> np.ndarray | None:
    if kind == "none":
        return None
    if kind == "counts":
        return generator.integers(0, 4, ROWS).astype(float)
    return generator.gamma(0.5, size=ROWS)


@pytest.fixture(params=["none", "counts", "real"])
def kind(request) -> str:
    return request.param


@pytest.fixture(params=["distinct", "tied", "extreme"])
def binary(request, kind) -> Sample:
    generator = np.random.default_rng(7)
    probability = generator.random(ROWS)
    if request.param == "tied":
        probability = np.round(probability, 1)
    if request.param == "extreme":
        probability = np.round(probability)
    y = (generator.random(ROWS) < 0.3 + 0.4 * probability).astype(int)
    return Sample(y, probability, weights(generator, kind))


@pytest.fixture
def multiclass(kind) -> Sample:
    generator = np.random.default_rng(8)
    scores = np.round(generator.normal(size=(ROWS, 4)), 1)
    proba = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    y = np.array([generator.choice(4, p=row) for row in proba])
    return Sample(y, proba, weights(generator, kind))


@pytest.fixture
def amounts(kind) -> Sample:
    generator = np.random.default_rng(9)
    mean = generator.gamma(2.0, size=ROWS) + 0.01
    return Sample(mean * generator.gamma(1.5, size=ROWS), mean, weights(generator, kind))


def close(value: float, expected: float) -> None:
    assert isinstance(value, float)
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.log_loss, reference.log_loss),
        (metrics.auc, reference.roc_auc_score),
        (metrics.average_precision, reference.average_precision_score),
        (metrics.brier, reference.brier_score_loss),
    ],
)
def test_binary_metrics_equal_scikit_learn(ours, theirs, binary):
    expected = theirs(binary.y, binary.prediction, sample_weight=binary.weight)
    close(ours(binary.y, binary.prediction, weight=binary.weight), expected)


def test_multiclass_metrics_equal_scikit_learn(multiclass):
    y, proba, weight = multiclass.y, multiclass.prediction, multiclass.weight
    loss = reference.log_loss(y, proba, sample_weight=weight)
    area = reference.roc_auc_score(y, proba, multi_class="ovr", average="macro", sample_weight=weight)
    share = reference.accuracy_score(y, proba.argmax(axis=1), sample_weight=weight)
    close(metrics.multiclass_log_loss(y, proba, weight=weight), loss)
    close(metrics.multiclass_auc(y, proba, weight=weight), area)
    close(metrics.multiclass_accuracy(y, proba, weight=weight), share)
    close(metrics.accuracy(y, proba.argmax(axis=1), weight=weight), share)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (metrics.rmse, reference.root_mean_squared_error),
        (metrics.mae, reference.mean_absolute_error),
        (metrics.r2, reference.r2_score),
        (metrics.poisson_deviance, reference.mean_poisson_deviance),
        (metrics.gamma_deviance, reference.mean_gamma_deviance),
    ],
)
def test_regression_metrics_equal_scikit_learn(ours, theirs, amounts):
    expected = theirs(amounts.y, amounts.prediction, sample_weight=amounts.weight)
    close(ours(amounts.y, amounts.prediction, weight=amounts.weight), expected)


@pytest.mark.parametrize("power", [-1.5, 0, 1, 1.3, 1.5, 1.9, 2, 3])
def test_tweedie_deviance_equals_scikit_learn(power, amounts):
    y = np.where(amounts.y < 0.5, 0.0, amounts.y) if power < 2 else amounts.y
    y = y - 1 if power <= 0 else y
    expected = reference.mean_tweedie_deviance(y, amounts.prediction, sample_weight=amounts.weight, power=power)
    close(metrics.tweedie_deviance(y, amounts.prediction, weight=amounts.weight, power=power), expected)


@pytest.mark.parametrize("power", [1, 1.5, 2, 3])
def test_a_deviance_of_large_amounts_next_to_their_means_keeps_its_digits(power):
    mean, off = 1e9, np.array([-1e-2, -3e-5, 1e-7, 2e-9, 9e-3, 1.1e-2])
    y = mean * (1 + off)
    exact = [
        (y_i - mean) ** 2 / mean**power * (1 - power * d / 3 + power * (power + 1) * d**2 / 12)
        for y_i, d in zip(y, off, strict=True)
    ]
    found = [metrics.tweedie_deviance([each], [mean], power=power) for each in y]
    np.testing.assert_allclose(found, exact, rtol=1e-4)


def test_poisson_deviance_takes_counts_of_zero():
    y, mean = np.array([0, 0, 3, 1]), np.array([0.5, 1e-9, 2.0, 1.0])
    close(metrics.poisson_deviance(y, mean), reference.mean_poisson_deviance(y, mean))


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_pinball_loss_and_coverage_equal_references(quantile, amounts):
    y, prediction, weight = amounts.y, amounts.prediction, amounts.weight
    expected = reference.mean_pinball_loss(y, prediction, sample_weight=weight, alpha=quantile)
    close(metrics.pinball_loss(y, prediction, weight=weight, quantile=quantile), expected)
    close(metrics.coverage(y, prediction, weight=weight), np.average(y <= prediction, weights=weight))


def test_log_loss_clips_by_the_precision_of_the_probabilities():
    y, proba = np.array([1, 0]), np.array([[1.0, 0.0], [0.0, 1.0]])
    for dtype in (np.float32, np.float64):
        single = proba[:, 1].astype(dtype)
        expected = reference.log_loss(y, single)
        assert metrics.log_loss(y, single) == pytest.approx(expected, rel=1e-7)
        assert metrics.log_loss(y, single) == pytest.approx(-math.log(np.finfo(dtype).eps), rel=1e-12)
        expected = reference.log_loss(y, proba.astype(dtype))
        assert metrics.multiclass_log_loss(y, proba.astype(dtype)) == pytest.approx(expected, rel=1e-7)


def test_auc_survives_weights_of_any_scale():
    y, score, weight = [0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8], np.array([1.0, 2.0, 3.0, 4.0])
    expected = metrics.auc(y, score, weight=weight)
    for scale in (1e-250, 1e250):
        close(metrics.auc(y, score, weight=weight * scale), expected)
        curve = metrics.roc_curve(y, score, weight=weight * scale)
        close(float(np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)), expected)


# Curves


def test_roc_curve_keeps_the_shape_with_few_points(binary):
    curve = metrics.roc_curve(binary.y, binary.prediction, weight=binary.weight)
    x, y, thresholds = reference.roc_curve(
        binary.y, binary.prediction, sample_weight=binary.weight, drop_intermediate=False
    )
    thinned = reference.roc_curve(binary.y, binary.prediction, sample_weight=binary.weight)[0]
    assert curve.thresholds.size <= thinned.size
    at = np.searchsorted(-thresholds, -curve.thresholds)
    np.testing.assert_array_equal(thresholds[at], curve.thresholds)
    np.testing.assert_allclose(curve.false_positive_rate, x[at], atol=1e-12)
    np.testing.assert_allclose(curve.true_positive_rate, y[at], atol=1e-12)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    close(float(area), metrics.auc(binary.y, binary.prediction, weight=binary.weight))


def test_roc_curve_drops_points_inside_straight_stretches_alone():
    y = np.array([1, 1, 0, 0, 1, 0, 0, 1, 1, 0])
    score = np.array([9, 8, 7, 6, 5, 5, 4, 4, 4, 4])
    weight = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    curve = metrics.roc_curve(y, score, weight=weight)
    np.testing.assert_array_equal(curve.thresholds, [np.inf, 8, 6, 4])  # (2, 2) -> (3, 3) -> (5, 5)
    with_nothing = metrics.roc_curve(np.r_[y, 0], np.r_[score, 7.5], weight=np.r_[weight, 0])
    np.testing.assert_array_equal(with_nothing.true_positive_rate, curve.true_positive_rate)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("bins", [1, 5, 10, 37])
def test_calibration_curve_equals_scikit_learn(strategy, bins, binary):
    observed, predicted = sklearn.calibration.calibration_curve(
        binary.y, binary.prediction, n_bins=bins, strategy=strategy
    )
    curve = metrics.calibration_curve(binary.y, binary.prediction, bins=bins, strategy=strategy)
    np.testing.assert_allclose(curve.observed_rate, observed, atol=1e-12)
    np.testing.assert_allclose(curve.mean_predicted, predicted, atol=1e-12)
    np.testing.assert_array_equal(curve.weight, curve.count)
    assert curve.count.sum() == ROWS


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_calibration_error_equals_computation_by_hand(strategy, binary):
    y, p = binary.y, binary.prediction
    w = np.ones(ROWS) if binary.weight is None else binary.weight
    edges = np.linspace(0, 1, 11) if strategy == "uniform" else np.percentile(p, np.arange(0, 101, 10))
    error = 0.0
    for number in range(10):
        above = p > edges[number] if number else p >= edges[0]
        rows = above & (p <= edges[number + 1] if number < 9 else p <= edges[-1])
        if number and edges[number] == edges[number + 1]:
            continue
        if w[rows].sum() > 0:
            gap = np.average(y[rows], weights=w[rows]) - np.average(p[rows], weights=w[rows])
            error += w[rows].sum() / w.sum() * abs(gap)
    close(metrics.expected_calibration_error(y, p, weight=binary.weight, strategy=strategy), error)
    curve = metrics.calibration_curve(y, p, weight=binary.weight, strategy=strategy)
    gaps = np.abs(curve.observed_rate - curve.mean_predicted)
    close(float(np.average(gaps, weights=curve.weight)), error)


# Properties

LABELS_AND_SCORES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-20, 20), st.integers(0, 3)), min_size=2, max_size=40
).filter(lambda rows: {0, 1} <= {y for y, _, w in rows if w})


@patient
@given(LABELS_AND_SCORES)
def test_auc_is_the_share_of_pairs_in_order_and_blind_to_monotone_transforms(rows):
    y, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    gap = score[y == 1][:, None] - score[y == 0]
    pairs = weight[y == 1][:, None] * weight[y == 0]
    expected = (pairs * ((gap > 0) + 0.5 * (gap == 0))).sum() / pairs.sum()
    close(metrics.auc(y, score, weight=weight), expected)
    close(metrics.auc(y, np.exp(score / 3) + 2, weight=weight), expected)
    close(metrics.auc(y, -score, weight=weight), 1 - expected)
    close(metrics.auc(1 - y, score, weight=weight), 1 - expected)


def registered(rows: np.ndarray, key: str) -> Sample:
    """Make usable targets and predictions for a registered metric from integers of shape (n, 4)."""
    if key.startswith("multiclass"):
        proba = np.stack([rows[:, 0] + 1, rows[:, 1] + 1, rows[:, 0] + rows[:, 1] + 1], axis=1)
        return Sample(rows[:, 2] % 3, proba / proba.sum(axis=1, keepdims=True), rows[:, 3])
    if key in TASKS["binary"]:
        return Sample(rows[:, 2] % 2, rows[:, 0] / 20, rows[:, 3])
    return Sample(rows[:, 2] + 1.0, rows[:, 0] + 0.5, rows[:, 3])


@pytest.mark.parametrize("key", [key for key in METRICS if key != "ece"])
@patient
@given(rows=st.lists(st.tuples(*[st.integers(0, 20)] * 3, st.integers(0, 3)), min_size=3, max_size=30))
def test_a_weight_of_k_equals_k_repetitions(key, rows):
    sample = registered(np.array(rows), key)
    repeat = np.repeat(np.arange(len(rows)), sample.weight)
    function = METRICS[key].function
    try:
        weighted = function(sample.y, sample.prediction, weight=sample.weight)
    except FitError:
        with pytest.raises(FitError):
            function(sample.y[repeat], sample.prediction[repeat])
        return
    close(weighted, function(sample.y[repeat], sample.prediction[repeat]))
    close(function(sample.y, sample.prediction, weight=sample.weight * 0.37), weighted)


@patient
@given(LABELS_AND_SCORES)
def test_calibration_error_weighs_repetitions_in_uniform_bins(rows):
    y, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    probability, repeat = (score + 20) / 40, np.repeat(np.arange(len(y)), weight)
    repeated = metrics.expected_calibration_error(y[repeat], probability[repeat], strategy="uniform")
    close(metrics.expected_calibration_error(y, probability, weight=weight, strategy="uniform"), repeated)


@pytest.mark.parametrize("key", METRICS)
def test_prepared_and_direct_forms_agree_and_change_no_input(key):
    generator = np.random.default_rng(3)
    sample = registered(generator.integers(0, 20, (ROWS, 4)), key)
    copy = [sample.y.copy(), sample.prediction.copy()]
    prepared = metrics.prepare(METRICS[key], sample.y, sample.prediction)
    slow = metrics.prepare(dataclasses.replace(METRICS[key], prepare=None), sample.y, sample.prediction)
    for weight in (None, sample.weight, generator.random(ROWS)):
        close(prepared(weight), METRICS[key].function(sample.y, sample.prediction, weight=weight))
        close(prepared(weight), slow(weight))
    np.testing.assert_array_equal(copy[0], sample.y)
    np.testing.assert_array_equal(copy[1], sample.prediction)


def test_plain_forms_have_the_signature_of_the_prepared_one_and_weights():
    parameters = inspect.signature(metrics.pinball_loss).parameters
    assert list(parameters) == ["y_true", "y_pred", "quantile", "weight"]
    assert parameters["weight"].kind is inspect.Parameter.KEYWORD_ONLY
    assert metrics.multiclass_accuracy(y_index=[0, 1], proba=[[0.9, 0.1], [0.8, 0.2]], weight=[1, 3]) == 0.25
    with pytest.raises(TypeError):
        metrics.rmse([0, 1], [0, 1], [1, 1])


# What is refused


@pytest.mark.parametrize(
    ("y", "prediction", "weight", "words"),
    [
        ([], [], None, "at least one row"),
        ([0, 1], [0.5], None, "as many rows"),
        ([0, 1], [[0.5], [0.5]], None, "shape"),
        ([0, 1], [0.5, np.nan], None, "finite"),
        ([0, None], [0.5, 0.5], None, "finite"),
        (["no", "yes"], [0.5, 0.5], None, "numbers"),
        ([0, 2], [0.5, 0.5], None, "labels 0 and 1"),
        ([0, 1], [0.5, 0.5], [1, -1], "non-negative"),
        ([0, 1], [0.5, 0.5], [0, 0], "positive, finite sum"),
        ([0, 1], [0.5, 0.5], [1e308, 1e308], "positive, finite sum"),
        ([0, 1], [0.5, 0.5], [1], "as many rows"),
    ],
)
@pytest.mark.parametrize("key", TASKS["binary"])
def test_binary_metrics_refuse_unusable_input(key, y, prediction, weight, words):
    with pytest.raises(FitError, match=words) as caught:
        METRICS[key].function(y, prediction, weight=weight)
    assert caught.value.advice


@pytest.mark.parametrize("key", ["log_loss", "brier", "ece"])
def test_probabilities_outside_the_unit_interval_are_refused(key):
    with pytest.raises(FitError, match=r"probabilities in \[0, 1\]"):
        METRICS[key].function([0, 1], [-0.5, 2.0])


def test_a_class_without_weight_is_refused():
    for function in (metrics.auc, metrics.roc_curve):
        with pytest.raises(FitError, match="no positive row"):
            function([0, 0], [0.1, 0.2])
        with pytest.raises(FitError, match="no negative row"):
            function([0, 1], [0.1, 0.2], weight=[0, 1])
    with pytest.raises(FitError, match="no positive row"):
        metrics.average_precision([0, 0], [0.1, 0.2])
    assert metrics.average_precision([1, 1], [0.1, 0.2]) == 1.0
    assert metrics.log_loss([1], [1.0]) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("y", "proba", "words"),
    [
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "class numbers from 0 to 1"),
        ([0, 0.5], [[0.5, 0.5], [0.5, 0.5]], "class numbers"),
        ([0, 1], [[0.5, 0.6], [0.5, 0.5]], "sum to 1"),
        ([0, 1], [[-0.5, 1.5], [0.5, 0.5]], "probabilities"),
        ([0, 1], [0.5, 0.5], "shape"),
        ([0], [[0.5, 0.5], [0.5, 0.5]], "as many rows"),
    ],
)
def test_multiclass_metrics_refuse_unusable_input(y, proba, words):
    for key in TASKS["multiclass"]:
        with pytest.raises(FitError, match=words):
            METRICS[key].function(y, proba)


def test_targets_outside_the_domain_are_refused():
    with pytest.raises(FitError, match="non-negative targets"):
        metrics.poisson_deviance([-1.0], [1.0])
    with pytest.raises(FitError, match="positive targets"):
        metrics.gamma_deviance([0.0], [1.0])
    for power in (-1, 1, 1.5, 2):
        with pytest.raises(FitError, match="positive predictions"):
            metrics.tweedie_deviance([1.0], [0.0], power=power)
    with pytest.raises(FitError, match="targets that differ"):
        metrics.r2([3, 3, 1], [1, 2, 3], weight=[1, 1, 0])


def test_settings_out_of_range_are_refused():
    y, p = [0, 1], [0.2, 0.8]
    for call in (
        lambda: metrics.tweedie_deviance(y, p, power=0.5),
        lambda: metrics.tweedie_deviance(y, p, power=math.nan),
        lambda: metrics.pinball_loss(y, p, quantile=1),
        lambda: metrics.expected_calibration_error(y, p, bins=0),
        lambda: metrics.calibration_curve(y, p, strategy="width"),
        lambda: metrics.for_task("ranking"),
        lambda: metrics.for_task("quantile", quantile=90),
        lambda: metrics.bootstrap([METRICS["auc"]], y, p, resamples=1),
        lambda: metrics.bootstrap([METRICS["auc"]], y, p, level=95),
        lambda: metrics.bootstrap([METRICS["auc"]], y, p, seed=-1),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        assert caught.value.advice


# Registry


def test_tasks_report_registered_metrics_with_their_settings_bound(amounts):
    assert set(TASKS) == {"binary", "multiclass", "regression", "poisson", "gamma", "tweedie", "quantile"}
    assert [metric.name for metric in metrics.for_task("multiclass")] == ["log_loss", "auc", "accuracy"]
    for task, keys in TASKS.items():
        assert set(keys) <= set(METRICS)
        assert len({metric.name for metric in metrics.for_task(task)}) == len(keys)
    tweedie = metrics.for_task("tweedie", power=1.2)[0]
    expected = metrics.tweedie_deviance(amounts.y, amounts.prediction, weight=amounts.weight, power=1.2)
    close(tweedie.function(amounts.y, amounts.prediction, weight=amounts.weight), expected)
    close(metrics.prepare(tweedie, amounts.y, amounts.prediction)(amounts.weight), expected)


def test_metrics_need_numpy_alone():
    heavy = "'sklearn', 'scipy', 'pandas', 'polars', 'matplotlib', 'lightgbm'"
    code = f"import sys, tabkit.metrics, tabkit.splits; assert not {{{heavy}}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Bootstrap


def simulated(generator: np.random.Generator, rows: int) -> Sample:
    """Make scores that are normal, one standard deviation higher where y is 1: AUC is Phi(1 / sqrt 2)."""
    y = (generator.random(rows) < 0.4).astype(float)
    return Sample(y, generator.normal(size=rows) + y, None)


def test_bootstrap_equals_copying_the_rows_drawn():
    generator = np.random.default_rng(1)
    sample = simulated(generator, 60)
    weight = generator.random(60)
    auc, rmse = metrics.bootstrap(
        [METRICS["auc"], METRICS["rmse"]], sample.y, sample.prediction, weight=weight, resamples=50, seed=5
    )
    draws = np.random.default_rng(5)
    values = []
    for _ in range(50):
        rows = draws.integers(60, size=60)
        values.append(reference.roc_auc_score(sample.y[rows], sample.prediction[rows], sample_weight=weight[rows]))
    low, high = np.quantile(values, [0.025, 0.975])
    close(auc.value, reference.roc_auc_score(sample.y, sample.prediction, sample_weight=weight))
    close(auc.low, low)
    close(auc.high, high)
    assert rmse.low < rmse.value < rmse.high
    assert [auc.name, rmse.name, auc.undefined] == ["auc", "rmse", 0]


def test_bootstrap_is_repeatable_and_seeded():
    sample = simulated(np.random.default_rng(2), 80)
    first, again, other = (
        metrics.bootstrap([METRICS["auc"]], sample.y, sample.prediction, seed=seed, resamples=20) for seed in (1, 1, 2)
    )
    assert first == again != other
    assert metrics.bootstrap([], sample.y, sample.prediction) == ()


def test_bootstrap_counts_resamples_without_a_class():
    y, p = [0, 0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5]
    auc, loss = metrics.bootstrap([METRICS["auc"], METRICS["log_loss"]], y, p)
    assert 200 * 0.2 < auc.undefined < 200 * 0.5  # (4 / 5) ** 5 is .33
    assert (auc.value, auc.low, auc.high, loss.undefined) == (1.0, 1.0, 1.0, 0)
    assert metrics.paired_bootstrap(METRICS["auc"], y, p, p).undefined == auc.undefined
    with pytest.raises(FitError, match="no positive row"):
        metrics.bootstrap([METRICS["auc"]], [0, 0], [0.1, 0.2])


def test_bootstrap_states_when_every_resample_is_undefined():
    def on_equal_weights_alone(y, prediction, weight=None):
        if weight is not None:
            raise FitError("undefined")
        return 1.0

    with pytest.raises(FitError, match="10 of 10 resamples"):
        metrics.bootstrap([Metric("strict", on_equal_weights_alone, True)], [0, 1], [0, 1], resamples=10)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    truth = 0.5 * (1 + math.erf(0.5))  # Phi(1 / sqrt 2)
    generator = np.random.default_rng(4)
    covered = 0
    for seed in range(300):
        sample = simulated(generator, 200)
        (auc,) = metrics.bootstrap([METRICS["auc"]], sample.y, sample.prediction, seed=seed, resamples=150)
        covered += auc.low <= truth <= auc.high
    assert 0.90 <= covered / 300 <= 0.985  # three standard errors about .94: percentile intervals run short


def test_paired_intervals_are_narrower_than_unpaired_ones():
    generator = np.random.default_rng(6)
    sample = simulated(generator, 500)
    worse = sample.prediction + generator.normal(0, 0.5, 500)
    a, b = (metrics.bootstrap([METRICS["auc"]], sample.y, p)[0] for p in (sample.prediction, worse))
    paired = metrics.paired_bootstrap(METRICS["auc"], sample.y, sample.prediction, worse)
    assert paired.name == "auc"
    close(paired.value, a.value - b.value)
    assert 0 < paired.low < paired.value < paired.high
    assert paired.high - paired.low < 0.7 * math.hypot(a.high - a.low, b.high - b.low)
    same = metrics.paired_bootstrap(METRICS["auc"], sample.y, worse, worse)
    assert same == Interval(0.0, 0.0, 0.0, 0.95, 0.0, name="auc")


def test_copies_of_a_group_do_not_narrow_its_interval():
    rng = np.random.default_rng(0)
    y, p = rng.random(60) < 0.4, rng.random(60)
    once = metrics.bootstrap([METRICS["auc"], METRICS["brier"]], y, p, resamples=50)
    copied = metrics.bootstrap(
        [METRICS["auc"], METRICS["brier"]], np.repeat(y, 20), np.repeat(p, 20),
        groups=np.repeat(np.arange(60), 20), resamples=50,
    )  # fmt: skip
    for a, b in zip(once, copied, strict=True):
        assert (b.value, b.low, b.high) == pytest.approx((a.value, a.low, a.high), abs=1e-12)
    with pytest.raises(FitError, match="groups have shape"):
        metrics.bootstrap([METRICS["auc"]], y, p, groups=[1, 2])


def test_the_calibration_error_of_the_rate_itself_is_zero_and_no_rounding():
    y = np.array([0, 1, 1, 0, 1, 0, 0] * 11, dtype=float)
    assert metrics.expected_calibration_error(y, np.full(len(y), y.mean())) == 0.0
    assert metrics.expected_calibration_error(y, np.full(len(y), y.mean() + 1e-9)) == pytest.approx(1e-9)


@pytest.mark.parametrize("unit", [2.0**-1000, 1.0, 2.0**900])
def test_errors_of_amounts_have_the_unit_of_the_target_whatever_it_is(unit):
    y, prediction = np.array([1.0, 2.0, 4.0]) * unit, np.array([1.0, 3.0, 4.0]) * unit
    assert metrics.rmse(y, prediction) == pytest.approx(math.sqrt(1 / 3) * unit, rel=1e-14)
    assert metrics.r2(y, prediction) == pytest.approx(1 - 3 / 14, rel=1e-14)
