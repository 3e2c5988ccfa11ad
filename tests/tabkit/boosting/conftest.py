"""Rows of every objective, and quick models of them, for the tests of updates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from tabkit.boosting import BoostedModel, BoostingConfig, Rows, fit

CLASSES = ("high", "low", "middle")


def draw_rows(name: str, seed: int = 0, rows: int = 1500, *, shift: float = 0.0, sets: bool = True) -> Rows:
    """Return weighted rows with gaps, an offset where one is allowed and, with `sets`, features that are codes."""
    rng = np.random.default_rng(seed)
    x, z, noise = rng.normal(size=(3, rows))
    many, few = rng.integers(0, 15, rows), rng.integers(0, 3, rows)
    offset = 0.2 * rng.normal(size=rows)
    signal = np.sin(2 * x) + 0.5 * (z > 0) + sets * (np.cos(many * 7.0) + 0.4 * (few == 1)) + shift
    score = 0.7 * signal + (0 if name == "multiclass" else offset)
    mean = np.exp(score)
    targets: dict[str, Callable[[], np.ndarray]] = {
        "binary": lambda: rng.random(rows) < expit(2 * score),
        "multiclass": lambda: np.digitize(score + rng.logistic(size=rows), [-1, 1]),
        "regression": lambda: score + 0.5 * rng.normal(size=rows),
        "quantile": lambda: score + 0.5 * rng.normal(size=rows),
        "poisson": lambda: rng.poisson(mean),
        "gamma": lambda: rng.gamma(2, mean / 2) + 1e-9,
        "tweedie": lambda: rng.gamma(2, mean) * (rng.random(rows) < 0.5),
    }
    y = targets[name]().astype(float)
    gaps = rng.random((3, rows)) < 0.05
    features = pl.DataFrame(
        {"x": np.where(gaps[0], np.nan, x), "z": pl.Series(np.where(gaps[1], np.nan, z), nan_to_null=True)}
        | ({"many": np.where(gaps[2], np.nan, many), "few": few} if sets else {"noise": noise})
    )
    return Rows(
        features,
        y,
        weight=rng.uniform(0.5, 2, rows),
        offset=None if name == "multiclass" else offset,
        categorical=("many", "few") if sets else (),
    )


def quick_config(name: str, **settings) -> BoostingConfig:
    quick = {"max_trees": 12, "learning_rate": 0.2, "num_leaves": 8, "feature_fraction": 1.0, "quantile": 0.8}
    return BoostingConfig(objective=name, num_threads=1, **{**quick, **settings})


def grow_model(name: str, train: Rows, valid: Rows | None = None, **settings) -> BoostedModel:
    classes = CLASSES if name == "multiclass" else ()
    return fit(train, valid, config=quick_config(name, **settings), classes=classes)


def start_and_label(model: BoostedModel, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return where LightGBM's scores start, shape (n, outputs), and its label: the level and the unit stand outside."""
    start = np.tile(model.base_score, (rows.y.size, 1)) + rows.offsets()[:, None]
    if model.objective in ("regression", "quantile"):
        return 0 * start, rows.y - start[:, 0]
    return start - np.log(model.label_unit), rows.y / model.label_unit


@pytest.fixture(scope="session")
def given() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """What LightGBM is given as start and label."""
    return start_and_label


@pytest.fixture(scope="session")
def draw() -> Callable[..., Rows]:
    return draw_rows


@pytest.fixture(scope="session")
def quick_boosting() -> Callable[..., BoostingConfig]:
    """Settings that grow the same trees whether at once or in parts."""
    return quick_config


@pytest.fixture(scope="session")
def grow() -> Callable[..., BoostedModel]:
    return grow_model
