"""Quick settings and drawn rows for networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, softmax

from tabkit.neural import MLPConfig
from tabkit.rows import Rows

CLASSES = ("high", "low", "middle")


def quick_config(objective: str = "regression", **settings) -> MLPConfig:
    quick = {
        "num_threads": 1, "device": "cpu", "hidden": [16], "members": 2, "max_epochs": 8, "learning_rate": 0.01,
        "quantile": 0.8,
    }  # fmt: skip
    return MLPConfig(objective=objective, **{**quick, **settings})


def drawn_rows(objective: str = "regression", *, rows: int = 400, seed: int = 0, shift: float = 0.0) -> Rows:
    rng = np.random.default_rng(seed)
    x, z, codes = rng.normal(size=rows), rng.normal(size=rows), rng.integers(0, 4, rows)
    signal = np.sin(x) + 0.5 * (codes == 2) + shift
    mean = np.exp(signal)
    y = {
        "binary": lambda: (rng.random(rows) < expit(2 * signal)).astype(float),
        "multiclass": lambda: (
            rng.random(rows)[:, None] > softmax(np.column_stack([signal, -signal, 0 * x]), axis=1).cumsum(axis=1)
        ).sum(axis=1).clip(0, 2).astype(float),
        "poisson": lambda: rng.poisson(mean).astype(float),
        "gamma": lambda: rng.gamma(2.0, mean / 2) + 1e-9,
        "tweedie": lambda: rng.gamma(2.0, mean / 2) * (rng.random(rows) < 0.6) / 0.6,
    }.get(objective, lambda: signal + 0.3 * rng.normal(size=rows))()  # fmt: skip
    z = pl.Series("z", z).scatter(np.arange(0, rows, 11), None)
    return Rows(pl.DataFrame({"x": x, "z": z, "code": codes}), y, categorical=("code",))


@pytest.fixture(scope="session")
def config() -> Callable[..., MLPConfig]:
    """Settings that train in a fraction of a second."""
    return quick_config


@pytest.fixture(scope="session")
def rows() -> Callable[..., Rows]:
    """Rows of two numbers, one of them with holes, and of codes, whose target suits an objective."""
    return drawn_rows


@pytest.fixture(scope="session")
def labels() -> Callable[[str], tuple[str, ...]]:
    """The class labels that an objective needs."""
    return lambda objective: CLASSES if objective == "multiclass" else ()
