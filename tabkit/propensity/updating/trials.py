"""Try candidates on the newest rows: each learns from older rows, and is judged on the block after them."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tabkit.boosting import KEEP, Choice, choose
from tabkit.boosting.choice import changed
from tabkit.dependence import ENOUGH, dependence
from tabkit.errors import TabkitError
from tabkit.predictors.features import with_features
from tabkit.predictors.learners import extent, name_of
from tabkit.progress import Advance, Progress
from tabkit.propensity.config import TrainConfig, UpdateConfig
from tabkit.propensity.evaluation import Resampling, measures_of, resampling
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.updating.blocks import Step, joined_rows, planned
from tabkit.propensity.updating.candidates import Candidate, UpdateTask
from tabkit.propensity.updating.strategies import strategies_of
from tabkit.table import Table, labels

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate: how it did on the judging rows, what it took, or why it could not be tried.

    Parameters
    ----------
    name
        The strategy.
    how
        Its settings in a few words.
    loss, gain, low, high
        Its loss, and its loss less that of keeping the model, with the ends of the paired interval; these are None
        where it has no width, which is no evidence.
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


@dataclass(frozen=True, slots=True)
class Month:
    """What candidates gained on one snapshot, made from those before it.

    Parameters
    ----------
    when
        Its time.
    rows
        How many it has.
    gains
        By candidate, its loss less that of keeping the model.
    """

    when: str
    rows: int
    gains: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
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
    rows, learned
        The judging rows themselves, and the new rows that candidates for the first block were made from.
    months
        What each candidate gained on each snapshot behind those it was made from, oldest first.
    remarks
        What is to be said of how it was judged.
    """

    choice: Choice
    tried: tuple[Trial, ...]
    y: Floats
    weight: Floats | None
    predictions: dict[str, Floats]
    span: tuple[str, str] | None
    how: Resampling
    rows: Table
    learned: Table
    months: tuple[Month, ...] = ()
    remarks: tuple[str, ...] = ()


def run_trials(
    model: PropensityModel,
    new: Table,
    old: Table | None,
    names: Sequence[str],
    training: TrainConfig,
    settings: UpdateConfig,
    *,
    progress: Progress,
) -> Trials:
    """Make every candidate for every step, and judge them on all blocks together."""
    plan = planned(model, new, old, settings, seed=training.seed)
    trial = _Trial(model, training, settings, progress)
    with progress.task("trying candidates", total=len(names) * len(plan.steps + plan.replayed)) as advance:
        predictions, tried = trial.run(plan.steps, names, advance, needed=(settings.strategy, KEEP))
        before = {} if not plan.replayed else trial.run(plan.replayed, list(predictions), advance, needed=(KEEP,))[0]
    judged = joined_rows(plan.steps, new)
    y, weight, lots = labels(judged, model.target), judged.numbers("weight"), dependence(judged.frame, judged.roles)
    how, joined = resampling(judged, training), {name: np.concatenate(parts) for name, parts in predictions.items()}
    months = [
        *_months(plan.replayed, before, model, training),
        *_months(plan.steps, predictions, model, training),
    ]
    measure = measures_of(training)[0]
    now = {name: float(measure.function(y, p, weight=weight)) for name, p in joined.items()}
    objections = _objections(plan.replayed, before, now, months, model, training) if before else {}
    choice = choose(joined, y, metric=measure, weight=weight, **how.options(), few=dict(lots.few), barred=objections)
    scored = _scored(tried, choice, joined, y, weight, training)
    remarks = [plan.remark] if plan.remark else []
    if before:
        remarks.append(_replayed(months[: len(plan.replayed)]))
    learned, span = plan.steps[0].learn, judged.span()
    return Trials(choice, scored, y, weight, joined, span, how, judged, learned, tuple(months), tuple(remarks))


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """What candidates are made with."""

    model: PropensityModel
    training: TrainConfig
    settings: UpdateConfig
    progress: Progress

    def run(
        self, steps: Sequence[Step], names: Sequence[str], advance: Advance, *, needed: Sequence[str]
    ) -> tuple[dict[str, list[Floats]], dict[str, Trial]]:
        """Return by candidate what it predicts for each block; who fails at one, and is not needed, is left out."""
        makers = strategies_of(self.model.predictor)
        predictions: dict[str, list[Floats]] = {name: [] for name in names}
        tried = {name: Trial(name) for name in names}
        for step in steps:
            task = UpdateTask(self.model, step.learn, step.reference, self.training, self.settings, self.progress)
            for name in list(predictions):
                started = clock.perf_counter()
                try:
                    fresh = makers[name](task)
                except TabkitError as error:
                    if name in needed:
                        raise
                    predictions.pop(name)
                    tried[name] = Trial(name, refused=error.problem)
                    continue
                finally:
                    advance(1)
                predictions[name].append(_predict(fresh, step.block, self.model, self.training))
                spent = tried[name].seconds + clock.perf_counter() - started
                tried[name] = Trial(name, fresh.how, seconds=spent, trees=extent(fresh.predictor))
        return predictions, tried


def _months(
    steps: Sequence[Step], predictions: Mapping[str, Sequence[Floats]], model: PropensityModel, training: TrainConfig
) -> list[Month]:
    """Return what each candidate gained on each snapshot that lies behind those it was made from."""
    measure, found = measures_of(training)[0], []
    for place, step in enumerate(steps):
        if step.when is None:
            continue
        y, weight = labels(step.block, model.target), step.block.numbers("weight")
        losses = {name: float(measure.function(y, parts[place], weight=weight)) for name, parts in predictions.items()}
        gains = {name: loss - losses[KEEP] for name, loss in losses.items() if name != KEEP}
        found.append(Month(step.when, len(y), gains))
    return found


def _objections(
    steps: Sequence[Step],
    predictions: Mapping[str, Sequence[Floats]],
    now: Mapping[str, float],
    months: Sequence[Month],
    model: PropensityModel,
    training: TrainConfig,
) -> dict[str, str]:
    """Return which candidates earlier snapshots speak against, and how.

    There they are surely worse than keeping the model, and by more, over all of these, than they gain now: who follows
    each month pays for it where months come and go. A loss that is sure but small (a candidate that learns nothing new
    from quiet months) is no objection to a large gain now.
    """
    judged = joined_rows(steps, steps[0].block)
    y, weight, how = labels(judged, model.target), judged.numbers("weight"), resampling(judged, training)
    joined = {name: np.concatenate(parts) for name, parts in predictions.items()}
    choice = choose(joined, y, metric=measures_of(training)[0], weight=weight, **how.options())
    found = {}
    for candidate in choice.candidates:
        paid = sum(month.gains.get(candidate.name, 0.0) for month in months[: len(steps)])
        if candidate.sure is False and paid + now[candidate.name] - now[KEEP] > 0:
            found[candidate.name] = (
                f"made from one snapshot and judged on the next, {steps[0].when} to {steps[-1].when}, it changes "
                f"{choice.metric} by {changed(candidate, choice.level)}: what one brings, the next does not keep"
            )
    return found


def _replayed(months: Sequence[Month]) -> str:
    """Say what earlier snapshots showed."""
    means = {name: np.mean([month.gains[name] for month in months]) for name in months[0].gains}
    said = ", ".join(f"{name} {mean:+.4f}" for name, mean in means.items())
    many = f"{len(months)} snapshot{'s' if len(months) > 1 else ''} ({months[0].when} to {months[-1].when})"
    return (
        f"Replayed on {many}, each strategy made from those before: in the mean against keep {said}. Fewer than "
        f"{ENOUGH} can object to a strategy, not choose one."
    )


def _predict(fresh: Candidate, block: Table, model: PropensityModel, training: TrainConfig) -> Floats:
    rows = with_features(block, fresh.encoder.transform(block.frame), model.target)
    settings = training.neural if name_of(fresh.predictor) == "mlp" else training.boosting
    return fresh.predictor.predict(rows.features, offset=rows.offset, num_threads=settings.num_threads)


def _scored(
    tried: Mapping[str, Trial],
    choice: Choice,
    predictions: Mapping[str, Floats],
    y: Floats,
    weight: Floats | None,
    training: TrainConfig,
) -> tuple[Trial, ...]:
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
