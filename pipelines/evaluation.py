"""Held-out metrics of a model beside its baselines, with intervals, and what they amount to in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import metrics

Floats = NDArray[np.float64]

MODEL = "model"
LINEAR = "linear"
BASE_RATE = "base rate"


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one model with its bootstrap interval."""

    model: str
    metric: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well a model did on rows that it never saw.

    Parameters
    ----------
    rows
        How many rows these are.
    span
        Their first and last time, if there is a time role.
    scores
        The model's first, then the baselines'.
    gains
        By baseline, the model's loss minus the baseline's on the same rows and resamples: below zero is better.
    level
        Of all intervals.
    """

    rows: int
    span: tuple[str, str] | None
    scores: tuple[Score, ...]
    gains: tuple[Score, ...]
    level: float

    def frame(self) -> pl.DataFrame:
        """Return the scores as a frame: model, metric, value, low, high."""
        return pl.DataFrame([asdict(score) for score in self.scores])

    def verdict(self) -> str:
        """Say in one sentence whether the model is worth its trees."""
        share = f"{self.level:.0%}"
        parts = [
            f"{'beats' if g.high < 0 else 'loses to' if g.low > 0 else 'does not clearly beat'} the {g.model} baseline "
            f"({g.metric} {g.value:+.4f}, {share} interval {g.low:+.4f} to {g.high:+.4f})"
            for g in self.gains
        ]
        return f"On {self.rows:,} held-out rows the model " + " and ".join(parts) + "."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest, the verdict included."""
        return {**asdict(self), "verdict": self.verdict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """Rebuild what `to_dict` gave."""
        return cls(
            rows=values["rows"],
            span=tuple(values["span"]) if values["span"] else None,
            scores=tuple(Score(**row) for row in values["scores"]),
            gains=tuple(Score(**row) for row in values["gains"]),
            level=values["level"],
        )


def evaluate(
    y: Floats,
    predictions: Mapping[str, Floats],
    *,
    measures: Sequence[metrics.Metric],
    weight: Floats | None,
    span: tuple[str, str] | None,
    resamples: int,
    level: float,
    seed: int,
) -> Evaluation:
    """Measure every model on the same rows; the first metric is the loss that the gains are taken in.

    Parameters
    ----------
    y
        Shape (n,).
    predictions
        By model, `MODEL` among them: shape (n,) or (n, classes).
    """
    scores = [
        Score(model, found.name, found.value, found.low, found.high)
        for model, prediction in predictions.items()
        for found in metrics.bootstrap(
            measures, y, prediction, weight=weight, resamples=resamples, seed=seed, level=level
        )
    ]
    gains = []
    for model, prediction in predictions.items():
        if model != MODEL:
            gain = metrics.paired_bootstrap(
                measures[0], y, predictions[MODEL], prediction,
                weight=weight, resamples=resamples, seed=seed, level=level,
            )  # fmt: skip
            gains.append(Score(model, gain.name, gain.value, gain.low, gain.high))
    return Evaluation(len(y), span, tuple(scores), tuple(gains), level)
