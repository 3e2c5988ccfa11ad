"""The strategies that can update a model, cheapest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tabkit import neural
from tabkit.errors import ConfigError
from tabkit.neural import Freeze, MLPModel
from tabkit.predictors.learners import Predictor
from tabkit.propensity.updating.candidates import (
    Candidate,
    UpdateTask,
    extended,
    kept,
    recalibrated,
    refit_extended,
    refitted,
    retrained,
)

Strategies = dict[str, Callable[[UpdateTask], Candidate]]


def fine_tuned(task: UpdateTask) -> Candidate:
    """Train a network's head on, or what `freeze` leaves free, for as long as inner held-out rows like best."""
    return _tuned(task, task.update.freeze if task.update.freeze is not None else "hidden")


def fine_tuned_whole(task: UpdateTask) -> Candidate:
    """Train the whole network on."""
    return _tuned(task, "none")


TREES: Strategies = {
    "keep": kept,
    "recalibrate": recalibrated,
    "refit": refitted,
    "extend": extended,
    "refit_extend": refit_extended,
    "retrain": retrained,
}
NETWORK: Strategies = {
    "keep": kept,
    "recalibrate": recalibrated,
    "fine_tune": fine_tuned,
    "fine_tune_all": fine_tuned_whole,
    "retrain": retrained,
}


def strategies_of(predictor: Predictor) -> Strategies:
    """Return the strategies that suit a model."""
    return NETWORK if isinstance(predictor, MLPModel) else TREES


def check_strategy(predictor: Predictor, name: str) -> None:
    """Refuse a strategy that is none of this kind of model; `ConfigError`."""
    there = strategies_of(predictor)
    if name != "auto" and name not in there:
        what = "a network" if isinstance(predictor, MLPModel) else "boosted trees"
        raise ConfigError(f"{name!r} is no strategy for {what}", advice=f"choose auto or one of {', '.join(there)}")


def _tuned(task: UpdateTask, freeze: Freeze) -> Candidate:
    network, rate = task.network, task.update.learning_rate
    config = task.training.network()
    older, newer = task.inner()
    encoder, rows = task.aged(older)
    held_out = task.encoded(newer, encoder)
    tried = neural.fine_tune(
        network, rows, held_out, freeze=freeze, config=config, learning_rate=rate, progress=task.progress
    )
    what = {"hidden": "the head", "none": "all layers"}.get(str(freeze), f"behind layer {freeze}")
    if not tried.epochs:
        return Candidate(task.model.encoder, network, f"{what}, no epoch helped")
    encoder, rows = task.aged(task.rows)
    found = neural.fine_tune(
        network, rows, freeze=freeze, config=config, learning_rate=rate, epochs=tried.epochs, progress=task.progress
    )
    found = found.cooled(tried.temperature / network.temperature, rows, num_threads=config.num_threads)
    most = ", the most allowed" if tried.epochs == config.max_epochs else ""
    return Candidate(encoder, replace(found, history=tried.history), f"{what}, {tried.epochs} epochs{most}")
