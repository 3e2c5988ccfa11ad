"""Regressions that learners of effects are made of in tests, and experiments whose truth is known."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tabkit import boosting
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.regressor import Codes, Fitted, Floats, Kind


@dataclass(frozen=True)
class Line:
    names: tuple[str, ...]
    slopes: Floats

    def predict(self, features: pl.DataFrame) -> Floats:
        return with_constant(features.select(self.names)) @ self.slopes


def with_constant(features: pl.DataFrame) -> Floats:
    return np.column_stack([np.ones(features.height), features.cast(pl.Float64).to_numpy()])


def least_squares(
    features: pl.DataFrame, y: Floats, *, kind: Kind, weight: Floats | None = None, groups: Codes | None = None
) -> Fitted:
    root = np.sqrt(np.ones(len(y)) if weight is None else weight)
    slopes = np.linalg.lstsq(with_constant(features) * root[:, None], y * root, rcond=None)[0]
    return Line(tuple(features.columns), slopes)


def boosted(
    features: pl.DataFrame, y: Floats, *, kind: Kind, weight: Floats | None = None, groups: Codes | None = None
) -> Fitted:
    objective = "binary" if kind == "binary" else "regression"
    config = boosting.BoostingConfig(objective=objective, max_trees=20, feature_fraction=1, num_threads=1)
    return boosting.fit(boosting.Rows(features, y, weight), config=config)


@dataclass
class Spy:
    """Least squares that remember what they were told."""

    told: list[tuple[Kind, Floats, Floats | None, Codes | None, tuple[str, ...]]] = field(default_factory=list)

    def __call__(
        self,
        features: pl.DataFrame,
        y: Floats,
        *,
        kind: Kind,
        weight: Floats | None = None,
        groups: Codes | None = None,
    ) -> Fitted:
        self.told.append((kind, y, weight, groups, tuple(features.columns)))
        return least_squares(features, y, kind=kind, weight=weight)

    def kinds(self) -> list[Kind]:
        return [kind for kind, *_ in self.told]


@dataclass(frozen=True)
class Trial:
    features: pl.DataFrame
    experiment: Experiment
    truth: Floats


def trial(
    *,
    rows: int = 1200,
    arms: int = 2,
    kind: Kind = "number",
    seed: int = 0,
    noise: float = 1.0,
    effect: Callable[[Floats], Floats] = lambda x: 1 + x[:, 1],
    clusters: bool = False,
    tilt: float = 0.5,
) -> Trial:
    """Draw an experiment with linear outcomes, tilted propensities and, by arm a, a times the same effect."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4))
    odds = np.exp(np.column_stack([np.zeros(rows), *(tilt * x[:, [a]] for a in range(1, arms))]))
    propensity = odds / odds.sum(axis=1, keepdims=True)
    arm = (rng.random(rows)[:, None] > np.cumsum(propensity, axis=1)[:, :-1]).sum(axis=1)
    truth = np.column_stack([a * effect(x) for a in range(1, arms)])
    y = 2 + x[:, 0] + np.column_stack([np.zeros(rows), truth])[np.arange(rows), arm] + noise * rng.normal(size=rows)
    if kind == "binary":
        y = (y > 2).astype(np.float64)
    groups = rng.integers(0, rows // 3, rows) if clusters else None
    labels = ("control", "mail", "call")[:arms]
    features = pl.DataFrame(x, schema=[f"x{i}" for i in range(4)], orient="row")
    return Trial(features, Experiment(labels, arm, y, propensity, kind, groups), truth)
