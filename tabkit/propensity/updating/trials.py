"""Try candidates on the newest rows: each learns from older rows, and is judged on the block after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from tabkit.dependence import ENOUGH, dependence
from tabkit.predictors.features import with_features
from tabkit.predictors.registry import learner_of
from tabkit.progress import Progress
from tabkit.propensity.config import TrainConfig, UpdateConfig
from tabkit.propensity.evaluation import Resampling, measures_of, resampling
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.updating.blocks import Step, joined_rows, planned
from tabkit.propensity.updating.candidates import Candidate, UpdateTask
from tabkit.table import Table, labels
from tabkit.updates import KEEP, Choice, Strategy, Trial, Trials, changed, choose, resampled, run_trials

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredTrial(Trial):
    """A trial with what else is told of predictions.

    Parameters
    ----------
    ece
        The expected calibration error, for two classes.
    bias
        The mean prediction less the mean target; of several classes that of the class where it is largest in size; of
        a quantile the share of targets at or below it less its level.
    trees
        How many it has; of a network the epochs that made it.
    """

    ece: float | None = None
    bias: float | None = None
    trees: int | None = None


@dataclass(frozen=True, slots=True)
class Month:
    """The loss differences of all candidates on one snapshot.

    Parameters
    ----------
    when
        Its time.
    rows
        How many it has.
    loss_differences
        By candidate, its loss less that of keeping the model.
    """

    when: str
    rows: int
    loss_differences: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class UpdateTrials:
    """What the judging rows said.

    Parameters
    ----------
    choice
        The winner, and the intervals.
    y, weight, predictions
        The judging rows: targets, weights, and by candidate what it predicted.
    how
        What intervals drew.
    rows, learned
        The judging rows themselves, and the new rows that candidates for the first block were made from.
    months
        How each candidate did on each snapshot behind those it was made from, oldest first.
    remarks
        What is to be said of how it was judged.
    """

    choice: Choice
    y: Floats
    weight: Floats | None
    predictions: dict[str, Floats]
    how: Resampling
    rows: Table
    learned: Table
    months: tuple[Month, ...] = ()
    remarks: tuple[str, ...] = ()


def judge(
    model: PropensityModel,
    new: Table,
    old: Table | None,
    strategies: Sequence[Strategy[UpdateTask, Candidate]],
    training: TrainConfig,
    settings: UpdateConfig,
    *,
    progress: Progress,
) -> UpdateTrials:
    """Make every candidate for every step, and judge them on all blocks together."""
    plan = planned(model, new, old, settings, seed=training.seed)
    count = len(strategies) * len(plan.steps + plan.replayed)
    with progress.task("trying candidates", total=count) as advance:

        def run(
            steps: Sequence[Step], which: Sequence[Strategy[UpdateTask, Candidate]], needed: Sequence[str]
        ) -> Trials[Candidate, Floats]:
            tasks = (UpdateTask(model, s.learn, s.reference, training, settings, progress) for s in steps)
            return run_trials(
                which, tasks, needed=needed, advance=advance,
                measure=lambda candidate, place: _predict(candidate, steps[place].block, model, training),
            )  # fmt: skip

        tried = run(plan.steps, strategies, (settings.strategy, KEEP))
        possible = [strategy for strategy in strategies if strategy.name in tried.measured]
        before = run(plan.replayed, possible, (KEEP,)).measured if plan.replayed else {}
    judged = joined_rows(plan.steps, new)
    y, weight, lots = labels(judged, model.target), judged.numbers("weight"), dependence(judged.frame, judged.roles)
    predictions, how, measure = _joined(tried.measured), resampling(judged, training), measures_of(training)[0]
    replayed = _months(plan.replayed, before, model, training)
    now = {name: float(measure.function(y, p, weight=weight)) for name, p in predictions.items()}
    objections = _objections(plan.replayed, before, now, replayed, model, training) if before else {}
    comparison = resampled(
        predictions, y, metric=measure, weight=weight, **how.options(), few=dict(lots.few), barred=objections
    )
    trials = {
        name: _scored(trial, tried.candidates[name], predictions[name], y, weight, training)
        if name in predictions
        else ScoredTrial(**asdict(trial))
        for name, trial in tried.trials.items()
    }
    return UpdateTrials(
        choice=choose(comparison, trials, asked=settings.strategy),
        y=y,
        weight=weight,
        predictions=predictions,
        how=how,
        rows=judged,
        learned=plan.steps[0].learn,
        months=(*replayed, *_months(plan.steps, tried.measured, model, training)),
        remarks=tuple(filter(None, (plan.remark, _replayed(replayed) if before else ""))),
    )


def _joined(parts: Mapping[str, Sequence[Floats]]) -> dict[str, Floats]:
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}


def _months(
    steps: Sequence[Step], predictions: Mapping[str, Sequence[Floats]], model: PropensityModel, training: TrainConfig
) -> list[Month]:
    """Return how each candidate did on each snapshot that lies behind those it was made from."""
    measure, found = measures_of(training)[0], []
    for place, step in enumerate(steps):
        if step.when is None:
            continue
        y, weight = labels(step.block, model.target), step.block.numbers("weight")
        losses = {name: float(measure.function(y, parts[place], weight=weight)) for name, parts in predictions.items()}
        differences = {name: loss - losses[KEEP] for name, loss in losses.items() if name != KEEP}
        found.append(Month(step.when, len(y), differences))
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
    metric = measures_of(training)[0]
    choice = choose(resampled(_joined(predictions), y, metric=metric, weight=weight, **how.options()))
    found = {}
    for candidate in choice.candidates:
        paid = sum(month.loss_differences.get(candidate.name, 0.0) for month in months)
        if candidate.sure is False and paid + now[candidate.name] - now[KEEP] > 0:
            found[candidate.name] = (
                f"made from one snapshot and judged on the next, {steps[0].when} to {steps[-1].when}, it changes "
                f"{choice.metric} by {changed(candidate, choice.level)}: what one brings, the next does not keep"
            )
    return found


def _replayed(months: Sequence[Month]) -> str:
    """Say what earlier snapshots showed."""
    means = {name: np.mean([month.loss_differences[name] for month in months]) for name in months[0].loss_differences}
    said = ", ".join(f"{name} {mean:+.4f}" for name, mean in means.items())
    many = f"{len(months)} snapshot{'s' if len(months) > 1 else ''} ({months[0].when} to {months[-1].when})"
    return (
        f"Replayed on {many}, each strategy made from those before: in the mean against keep {said}. Fewer than "
        f"{ENOUGH} can object to a strategy, not choose one."
    )


def _predict(candidate: Candidate, block: Table, model: PropensityModel, training: TrainConfig) -> Floats:
    rows = with_features(block, candidate.encoder.transform(block.frame), model.target)
    threads = learner_of(candidate.predictor).threads(training)
    return candidate.predictor.predict(rows.features, offset=rows.offset, num_threads=threads)


def _scored(
    trial: Trial, candidate: Candidate, prediction: Floats, y: Floats, weight: Floats | None, training: TrainConfig
) -> ScoredTrial:
    calibration = next((measure for measure in measures_of(training) if measure.name == "ece"), None)
    return ScoredTrial(
        **asdict(trial),
        ece=None if calibration is None else float(calibration.function(y, prediction, weight=weight)),
        bias=_bias(y, prediction, weight, training),
        trees=learner_of(candidate.predictor).extent(candidate.predictor),
    )


def _bias(y: Floats, prediction: Floats, weight: Floats | None, training: TrainConfig) -> float:
    config = training.boosting
    if config.objective == "quantile":
        return float(np.average(y <= prediction, weights=weight)) - config.quantile
    if prediction.ndim == 1:
        return float(np.average(prediction - y, weights=weight))
    shares = [float(np.average(p - (y == k), weights=weight)) for k, p in enumerate(prediction.T)]
    return max(shares, key=abs)
