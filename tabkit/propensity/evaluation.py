"""Evaluate a model on held-out rows beside its baselines, with intervals and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import metrics
from tabkit.dependence import Unit, dependence
from tabkit.errors import FitError
from tabkit.predictors.config import ModelName
from tabkit.predictors.registry import LEARNERS
from tabkit.propensity.config import TrainConfig
from tabkit.table import Table
from tabkit.untrusted.manifest import NamedTable
from tabkit.wording import with_interval

Floats = NDArray[np.float64]

MODEL = "model"
LINEAR: ModelName = "linear"
"""The learner that every other is measured beside; its name in settings is its name in tables."""
BASE_RATE = "base rate"
_RANKING = "auc"
_UNITLESS = ("log_loss", "multiclass_log_loss", _RANKING, "average_precision", "brier", "ece", "accuracy")
_ROUNDING = 1e-6  # far more than sums of float64 lose, far less than a difference that anyone would act on


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one model with its bootstrap interval; the ends are None for a metric that has none."""

    model: str
    metric: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Gain:
    """How much a metric of the model exceeds a baseline's, on the same resamples."""

    model: str
    metric: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Resampling:
    """How bootstrap intervals are made.

    Parameters
    ----------
    resamples, level, seed
        Of the bootstrap.
    unit
        What is drawn: ``row``, or where rows are not independent ``day``, ``block`` or ``group``.
    groups
        Shape (n,): the lot of each row; None for rows.
    note
        What that takes for granted, as a sentence.
    """

    resamples: int = 200
    level: float = 0.95
    seed: int = 0
    unit: Unit = "row"
    groups: NDArray[Any] | None = None
    note: str = ""

    def options(self, rows: NDArray[np.bool_] | None = None) -> dict[str, Any]:
        """Return the bootstrap's arguments, for all rows or for those chosen."""
        groups = self.groups if self.groups is None or rows is None else self.groups[rows]
        return {"resamples": self.resamples, "level": self.level, "seed": self.seed, "groups": groups}


def resampling(table: Table, settings: TrainConfig) -> Resampling:
    """Return how to resample these rows: by clusters where `tabkit.dependence` finds them."""
    lots = dependence(table.frame, table.roles)
    return Resampling(settings.resamples, settings.level, settings.seed, lots.unit, lots.codes, lots.note)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of a model and its baselines on held-out rows.

    Parameters
    ----------
    rows
        How many rows these are.
    span
        Their first and last time, if there is a time role.
    scores
        The model's first, then the baselines'.
    gains
        The model's metric minus the baseline's, on the same rows and resamples: of the loss, where below zero is
        better, and of AUC where there is one, where above is.
    level
        Of all intervals.
    unit
        What was drawn for the intervals: ``row``, ``group``, ``day`` or ``block``.
    note
        What that takes for granted, as a sentence.
    about
        What the verdict ends with: how the target was understood, where it could be understood otherwise.
    """

    rows: int
    span: tuple[str, str] | None
    scores: tuple[Score, ...]
    gains: tuple[Gain, ...]
    level: float
    unit: Unit = "row"
    note: str = ""
    about: str = ""

    def frame(self) -> pl.DataFrame:
        """Return the scores as a frame: model, metric, value, low, high."""
        return pl.DataFrame([asdict(score) for score in self.scores])

    def verdict(self) -> str:
        """Say in one sentence whether the model beats its baselines: by the loss first, then by the ranking.

        >>> won = Gain("base rate", "log_loss", -0.062, -0.091, -0.031)
        >>> drawn = Gain("linear", "log_loss", 0.01, -0.02, 0.04)
        >>> print(Evaluation(rows=4012, span=None, scores=(), gains=(drawn, won), level=0.95).verdict())
        On 4,012 held-out rows the model does not clearly beat the linear model (log_loss +0.010, 95% interval
        -0.020 to +0.040) and beats the base rate (log_loss -0.062, 95% interval -0.091 to -0.031).
        A linear model is as good here: --model linear.
        """
        baselines = list(dict.fromkeys(gain.model for gain in self.gains))
        if not baselines:
            said = f"On {self.rows:,} held-out rows the model was kept as it is: there is nothing to compare it with."
        else:
            parts = [self._compare(name, [gain for gain in self.gains if gain.model == name]) for name in baselines]
            said = f"On {self.rows:,} held-out rows the model {' and '.join(parts)}.{self._instead()}"
        return f"{said} {self.about}" if self.about else said

    def _instead(self) -> str:
        """Say how to have the linear model where nothing speaks for a more complex one."""
        loss = next((gain for gain in self.gains if gain.model == LINEAR and gain.metric != _RANKING), None)
        if loss is None or self._better(loss) > 0:
            return ""
        word = "better" if self._better(loss) < 0 else "as good"
        return f" A linear model is {word} here: --model linear."

    def _compare(self, baseline: str, gains: Sequence[Gain]) -> str:
        """Return who wins by the loss; a ranking that says the opposite is added as a remark."""
        subjects = {learner.title: learner.subject for learner in LEARNERS.values()}
        other = subjects.get(baseline, f"the {baseline}")
        if all(map(self._is_nothing, gains)):
            return f"does not differ from {other}"
        (loss, *rest), how = sorted(gains, key=lambda gain: gain.metric == _RANKING), []
        for gain in (gain for gain in rest if not self._is_nothing(gain)):  # who ranks alike says nothing
            contrary = self._better(gain) * self._better(loss) < 0
            word = "better" if self._better(gain) > 0 else "worse"
            said = self._difference(gain)
            how.append(f", though it ranks rows {word} ({said})" if contrary else f"; {said}")
        beside = "".join(text for text in how if text.startswith(";"))
        remarks = "".join(text for text in how if text.startswith(","))
        verb = {1: "beats", -1: "loses to", 0: "does not clearly beat"}[self._better(loss)]
        return f"{verb} {other} ({self._difference(loss)}{beside}){remarks}"

    def _better(self, gain: Gain) -> int:
        """Return 1 if the model is surely better by a metric, -1 if it is surely worse, else 0.

        An interval of no width is no evidence.
        """
        least, down = self._least(gain.metric), -1 if gain.metric == _RANKING else 1
        if not has_width(gain.low, gain.high):
            return 0
        return down if gain.high < -least else -down if gain.low > least else 0

    def _is_nothing(self, gain: Gain) -> bool:
        return max(map(abs, (gain.value, gain.low, gain.high))) <= self._least(gain.metric)

    def _least(self, metric: str) -> float:
        """Return the size up to which a difference is the rounding of a computer: a millionth of the largest score."""
        known = [abs(score.value) for score in self.scores if score.metric == metric and math.isfinite(score.value)]
        return _ROUNDING * max(1.0 if metric in _UNITLESS else 0.0, *known, 0.0)

    def _difference(self, gain: Gain) -> str:
        said = with_interval(
            gain.value, gain.low, gain.high, sign="+", least=self._least(gain.metric),
            before=f", {self.level:.0%} interval ", after="", without=", the same in every draw: no interval",
        )  # fmt: skip
        return f"{gain.metric} {'the same' if said == '0' else said}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest, the verdict included."""
        return {**asdict(self), "verdict": self.verdict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evaluation:
        """Rebuild what `to_dict` gave; anything else is a `BundleError`."""
        fields = NamedTable(values, "the evaluation")
        span = fields.texts("span", size=2) if "span" in fields else None
        return cls(
            rows=fields.whole("rows"),
            span=(span[0], span[1]) if span else None,
            scores=tuple(map(_score, fields.tables("scores", "a score of the evaluation"))),
            gains=tuple(map(_gain, fields.tables("gains", "a gain of the evaluation"))),
            level=fields.number("level", low=0, high=1),
            unit=fields.choice("unit", get_args(Unit)),
            note=fields.maybe(fields.text, "note") or "",
            about=fields.maybe(fields.text, "about") or "",
        )


def _score(given: NamedTable) -> Score:
    ends = (given.maybe(given.number, name) for name in ("low", "high"))
    return Score(given.text("model"), given.text("metric"), given.number("value"), *ends)


def _gain(given: NamedTable) -> Gain:
    return Gain(given.text("model"), given.text("metric"), *(given.number(name) for name in ("value", "low", "high")))


def has_width(low: float | None, high: float | None) -> bool:
    """Return whether the ends of an interval differ; equal ends mean that resampling changed nothing, not certainty.

    >>> has_width(-0.1, -0.05), has_width(-0.098, -0.098), has_width(None, None)
    (True, False, False)
    """
    return low is not None and high is not None and low < high


def measures_of(settings: TrainConfig) -> tuple[metrics.Metric, ...]:
    """Return the metrics of a trained model, the loss it was fitted by first."""
    config = settings.boosting
    return metrics.for_task(config.objective, power=config.tweedie_power, quantile=config.quantile)  # type: ignore[arg-type]  # the fit has named it


def evaluate(
    y: Floats,
    predictions: Mapping[str, Floats],
    *,
    measures: Sequence[metrics.Metric],
    weight: Floats | None,
    span: tuple[str, str] | None,
    how: Resampling,
    ranked: str = LINEAR,
) -> Evaluation:
    """Measure every model on the same rows; gains are taken in the first metric, a loss, and in AUC.

    A metric other than the first is left out where it is undefined on these rows (AUC without both classes).

    Parameters
    ----------
    y
        Shape (n,).
    predictions
        By model, `MODEL` among them: shape (n,) or (n, classes).
    ranked
        The model that AUC is compared with.
    """
    options = {"weight": weight, **how.options()}
    scores, gains = [], []
    for i, measure in enumerate(measures):
        try:
            found = {m: metrics.bootstrap([measure], y, p, **options)[0] for m, p in predictions.items()}
        except FitError:
            if i == 0:
                raise
            continue
        ends = {m: (f.low, f.high) if measure.has_interval else (None, None) for m, f in found.items()}
        scores += [Score(model, measure.name, f.value, *ends[model]) for model, f in found.items()]
        # The base rate ranks nothing: its AUC is one half by definition.
        others = [ranked] if measure.name == _RANKING else [m for m in predictions if m != MODEL and i == 0]
        for other in (m for m in others if m in predictions):
            gain = metrics.paired_bootstrap(measure, y, predictions[MODEL], predictions[other], **options)
            gains.append(Gain(other, gain.name, gain.value, gain.low, gain.high))
    order = list(predictions)
    return Evaluation(
        rows=len(y),
        span=span,
        scores=tuple(sorted(scores, key=lambda score: order.index(score.model))),
        gains=tuple(sorted(gains, key=lambda gain: order.index(gain.model))),
        level=how.level,
        unit=how.unit,
        note=how.note,
    )
