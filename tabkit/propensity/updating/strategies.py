"""The strategies that can update a model, cheapest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tabkit import neural
from tabkit.neural import Freeze
from tabkit.propensity.model import PropensityModel
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
from tabkit.updates import KEEP, Strategy


def fine_tuned(task: UpdateTask) -> Candidate:
    """Train a network's head, or what `freeze` leaves free, further; inner held-out rows decide for how long."""
    return _tuned(task, task.update.freeze if task.update.freeze is not None else "hidden")


def fine_tuned_whole(task: UpdateTask) -> Candidate:
    """Train the whole network further."""
    return _tuned(task, "none")


def _of_learner(name: str, make: Callable[[UpdateTask], Candidate]) -> Strategy[UpdateTask, Candidate]:
    """Return a strategy that a model's learner may refuse."""
    return Strategy(name, make, refusal=lambda model: model.learner.refusal(model.predictor, name))


STRATEGIES: tuple[Strategy[UpdateTask, Candidate], ...] = (
    Strategy(KEEP, kept),
    _of_learner("recalibrate", recalibrated),
    _of_learner("refit", refitted),
    _of_learner("extend", extended),
    _of_learner("refit_extend", refit_extended),
    _of_learner("fine_tune", fine_tuned),
    _of_learner("fine_tune_all", fine_tuned_whole),
    Strategy("retrain", retrained),
)
"""All strategies, the cheapest first; a learner names those that suit its models, see `Learner.updates`."""


def strategies_of(model: PropensityModel) -> tuple[Strategy[UpdateTask, Candidate], ...]:
    """Return the strategies that suit a model."""
    return tuple(strategy for strategy in STRATEGIES if strategy.name in model.learner.updates)


def cheapest(model: PropensityModel) -> str:
    """Return the cheapest strategy that changes a model, of those that it allows."""
    return next(each.name for each in strategies_of(model) if each.name != KEEP and each.refusal(model) is None)


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
