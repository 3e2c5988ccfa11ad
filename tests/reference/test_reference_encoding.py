"""Target encoding of dirty strings: county salaries, where R2 of .83 to .92 is published for LightGBM."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from places import DATA

from tabkit import metrics
from tabkit.boosting import BoostingConfig, Rows, fit
from tabkit.encoding import (
    Codes,
    Encoder,
    LeaveOneOut,
    LogTarget,
    MinHash,
    OrderedTarget,
    Ordinal,
    TableEncoder,
)
from tabkit.splits import kfold

SALARIES = DATA / "employee_salaries.parquet"
TARGET = "current_annual_salary"

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not SALARIES.is_file(), reason="the reference data are not on this machine"),
]


@pytest.fixture(scope="module")
def scores() -> dict[str, np.ndarray]:
    """Return R2 and RMSE by fold of an untuned model, trained on cross-fitted and on leaking features."""
    frame = pl.read_parquet(SALARIES)
    y = frame[TARGET].to_numpy()
    config = BoostingConfig(objective="regression", max_trees=100, learning_rate=0.1, num_threads=1)
    fold = kfold(frame.height, folds=5, seed=0)
    found: dict[str, list[float]] = {"r2": [], "rmse": [], "leaking rmse": []}
    for k in range(5):
        train, test = frame.filter(fold != k), frame.filter(fold == k)
        encoder, features = TableEncoder().fit_transform(train, target=TARGET)
        new = encoder.transform(test)
        honest = fit(Rows(features, y[fold != k]), config=config).predict(new)
        leaking = fit(Rows(encoder.transform(train), y[fold != k]), config=config).predict(new)
        found["r2"].append(metrics.r2(y[fold == k], honest))
        found["rmse"].append(metrics.rmse(y[fold == k], honest))
        found["leaking rmse"].append(metrics.rmse(y[fold == k], leaking))
    return {name: np.array(values) for name, values in found.items()}


def test_an_untuned_model_reaches_the_published_r2(scores):
    # measured: .904 in the mean, .884 to .924 by fold
    assert 0.89 < scores["r2"].mean() < 0.92
    assert scores["r2"].min() > 0.86


def test_cross_fitted_features_train_a_better_model_than_leaking_ones(scores):
    # measured: 9,021 against 10,556, better in four folds of five
    assert scores["rmse"].mean() < 0.92 * scores["leaking rmse"].mean()
    assert 8_700 < scores["rmse"].mean() < 9_400
    assert 10_100 < scores["leaking rmse"].mean() < 11_000


MANY_LEVELS = ("department", "department_name", "division", "employee_position_title", "date_first_hired")


def rmse(frame: pl.DataFrame, spec: Encoder) -> float:
    """Return the mean RMSE over five folds with one encoder for the text columns of many levels."""
    y, fold = frame[TARGET].to_numpy(), kfold(frame.height, folds=5, seed=0)
    config = BoostingConfig(objective="regression", max_trees=100, learning_rate=0.1, num_threads=1)
    found = []
    for k in range(5):
        train, test = frame.filter(fold != k), frame.filter(fold == k)
        encoder, X = TableEncoder(columns=dict.fromkeys(MANY_LEVELS, spec)).fit_transform(train, target=TARGET)
        model = fit(Rows(X, y[fold != k], categorical=encoder.categorical), config=config)
        found.append(metrics.rmse(y[fold == k], model.predict(encoder.transform(test))))
    return float(np.mean(found))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "low", "high"),
    [  # the figure behind each was measured
        (LogTarget(), 8_800, 9_200),  # 8,981
        (MinHash(), 8_200, 8_700),  # 8,426
        (OrderedTarget(), 9_600, 10_100),  # 9,845
        (Codes(), 10_600, 11_300),  # 10,931
        (Ordinal(), 12_900, 13_800),  # 13,341
        (LeaveOneOut(), 11_100, 12_200),  # 11,614: it leaks
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_how_other_encoders_do_on_the_salaries(spec, low, high):
    assert low < rmse(pl.read_parquet(SALARIES), spec) < high


def test_the_plan_of_the_salaries():
    frame = pl.read_parquet(SALARIES)
    encoder, features = TableEncoder().fit_transform(frame, target=TARGET)
    plan = dict(encoder.plan().select("column", "encoder").rows())
    assert [name for name, kind in plan.items() if kind == "target"] == [
        "department",
        "department_name",
        "division",
        "employee_position_title",
        "date_first_hired",
    ]
    assert features["gender is null"].sum() == 17
    # each department has one name: equal statistics, equal features up to the order of sums
    np.testing.assert_allclose(features["department by target"], features["department_name by target"], rtol=1e-12)
