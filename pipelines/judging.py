"""Trying candidates on the newest rows: each is made from older rows, and judged on the block behind them."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.candidates import Fresh, Task, divide
from pipelines.config import TrainConfig, UpdateConfig
from pipelines.evaluation import Resampling, Unit, measures_of, resampling, units
from pipelines.learners import extent, name_of
from pipelines.model import PropensityModel
from pipelines.rows import labels, with_features
from pipelines.strategies import strategies_of
from tabkit.boosting import KEEP, Choice, choose
from tabkit.errors import FitError, TabkitError
from tabkit.progress import Progress
from tabkit.table import Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate: how it did on the judging rows, what it took, or why it could not be tried.

    Parameters
    ----------
    name
        The strategy.
    how
        Its settings in a few words.
    loss, gain, low, high
        Its loss, and its loss less that of keeping the model, with the ends of the paired interval.
    ece
        The expected calibration error, for two classes.
    bias
        The mean prediction less the mean target; of several classes that of the class where it is largest in size; of
        a quantile the share of targets at or below it less its level.
    seconds
        To make it, for all blocks.
    trees
        How many it has; of a network the epochs that made it.
    refused
        Why it could not be tried.
    """

    name: str
    how: str = ""
    loss: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    ece: float | None = None
    bias: float | None = None
    seconds: float = 0.0
    trees: int | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What the judging rows said.

    Parameters
    ----------
    choice
        The winner, and the intervals.
    tried
        By candidate, those that could not be tried among them.
    y, weight, predictions
        The judging rows: targets, weights, and by candidate what it predicted.
    how
        What intervals drew.
    span
        First and last time of the judging rows.
    unit
        What the choice drew: the same, or where they are few nevertheless groups, days or blocks.
    """

    choice: Choice
    tried: tuple[Tried, ...]
    y: Floats
    weight: Floats | None
    predictions: dict[str, Floats]
    span: tuple[str, str] | None
    how: Resampling
    unit: Unit


def _blocks(new: Table, model: PropensityModel, settings: UpdateConfig, seed: int) -> list[tuple[Table, Table]]:
    """Return pairs of rows to learn from and the block behind them; without a time one pair, divided by chance."""
    older, newest = divide(new, model, share=settings.judge, seed=seed)
    count = settings.blocks if new.roles.time is not None else 1
    parts: list[tuple[Table, Table]] = []
    rest = newest
    for left in range(count, 1, -1):
        try:
            later, block = divide(rest, model, share=1 - 1 / left, seed=seed)
        except FitError:  # too few times for another block
            break
        parts.append((older, later))
        older, rest = _stacked(older, later), block
    return [*parts, (older, rest)]


def _stacked(a: Table, b: Table) -> Table:
    return replace(a, frame=a.frame.vstack(b.frame))


def judge(
    model: PropensityModel,
    new: Table,
    old: Table | None,
    names: Sequence[str],
    training: TrainConfig,
    settings: UpdateConfig,
    *,
    progress: Progress,
) -> Judged:
    """Make every candidate for every block, and judge them on all blocks together."""
    blocks, makers = _blocks(new, model, settings, training.seed), strategies_of(model.predictor)
    predictions: dict[str, list[Floats]] = {name: [] for name in names}
    tried = {name: Tried(name) for name in names}
    with progress.task("trying candidates", total=len(names) * len(blocks)) as advance:
        for older, block in blocks:
            task = Task(model, older, old, training, settings, progress)
            for name in list(predictions):
                started = clock.perf_counter()
                try:
                    fresh = makers[name](task)
                except TabkitError as error:
                    if name in (settings.strategy, KEEP):
                        raise
                    predictions.pop(name)
                    tried[name] = Tried(name, refused=error.problem)
                    continue
                finally:
                    advance(1)
                predictions[name].append(_predict(fresh, block, model, training))
                spent = tried[name].seconds + clock.perf_counter() - started
                tried[name] = Tried(name, fresh.how, seconds=spent, trees=extent(fresh.predictor))
    judged = replace(new, frame=pl.concat([block.frame for _, block in blocks]))
    y, weight = labels(judged, model.target), judged.numbers("weight")
    how = resampling(judged, training)
    joined = {name: np.concatenate(parts) for name, parts in predictions.items()}
    unit, groups = units(judged)
    options = {"weight": weight, **how.options(), "groups": groups}
    choice = choose(joined, y, metric=measures_of(training)[0], **options)
    scored = _scored(tried, choice, joined, y, weight, training)
    return Judged(choice, scored, y, weight, joined, judged.span(), how, unit)


def _predict(fresh: Fresh, block: Table, model: PropensityModel, training: TrainConfig) -> Floats:
    rows = with_features(block, fresh.encoder.transform(block.frame), model.target)
    settings = training.neural if name_of(fresh.predictor) == "mlp" else training.boosting
    return fresh.predictor.predict(rows.features, offset=rows.offset, num_threads=settings.num_threads)


def _scored(
    tried: Mapping[str, Tried],
    choice: Choice,
    predictions: Mapping[str, Floats],
    y: Floats,
    weight: Floats | None,
    training: TrainConfig,
) -> tuple[Tried, ...]:
    found = {candidate.name: candidate for candidate in choice.candidates}
    calibration = next((measure for measure in measures_of(training) if measure.name == "ece"), None)
    result = []
    for name, item in tried.items():
        if name not in found:
            result.append(item)
            continue
        c, p = found[name], predictions[name]
        ece = None if calibration is None else float(calibration.function(y, p, weight=weight))
        measured = replace(item, loss=c.loss, gain=c.gain, low=c.low, high=c.high, seconds=round(item.seconds, 3))
        result.append(replace(measured, ece=ece, bias=_bias(y, p, weight, training)))
    return tuple(result)


def _bias(y: Floats, prediction: Floats, weight: Floats | None, training: TrainConfig) -> float:
    config = training.boosting
    if config.objective == "quantile":
        return float(np.average(y <= prediction, weights=weight)) - config.quantile
    if prediction.ndim == 1:
        return float(np.average(prediction - y, weights=weight))
    shares = [float(np.average(p - (y == k), weights=weight)) for k, p in enumerate(prediction.T)]
    return max(shares, key=abs)
