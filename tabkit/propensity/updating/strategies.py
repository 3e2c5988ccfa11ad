"""The strategies that can update a model, cheapest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tabkit import neural
from tabkit.boosting import BoostedModel, refusal
from tabkit.boosting.updatable import Way
from tabkit.neural import Freeze
from tabkit.predictors.learners import name_of
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

_TREES, _NETWORK = frozenset({"lightgbm"}), frozenset({"mlp"})
_WORDS = {"lightgbm": "boosted trees", "mlp": "a network"}


def fine_tuned(task: UpdateTask) -> Candidate:
    """Train a network's head, or what `freeze` leaves free, further; inner held-out rows decide for how long."""
    return _tuned(task, task.update.freeze if task.update.freeze is not None else "hidden")


def fine_tuned_whole(task: UpdateTask) -> Candidate:
    """Train the whole network further."""
    return _tuned(task, "none")


def _of_trees(*ways: Way) -> Callable[[PropensityModel], str | None]:
    """Return what says why a model's trees cannot be changed in some ways."""

    def refused(model: PropensityModel) -> str | None:
        trees = model.predictor
        if not isinstance(trees, BoostedModel):
            return None
        return next((why for way in ways if (why := refusal(trees, way)) is not None), None)

    return refused


STRATEGIES: tuple[Strategy[UpdateTask, Candidate], ...] = (
    Strategy(KEEP, kept),
    Strategy("recalibrate", recalibrated, refusal=_of_trees("recalibrate")),
    Strategy("refit", refitted, learners=_TREES, refusal=_of_trees("refit")),
    Strategy("extend", extended, learners=_TREES, refusal=_of_trees("extend")),
    Strategy("refit_extend", refit_extended, learners=_TREES, refusal=_of_trees("refit", "extend")),
    Strategy("fine_tune", fine_tuned, learners=_NETWORK),
    Strategy("fine_tune_all", fine_tuned_whole, learners=_NETWORK),
    Strategy("retrain", retrained),
)


def strategies_of(model: PropensityModel) -> tuple[Strategy[UpdateTask, Candidate], ...]:
    """Return the strategies that suit a model."""
    return tuple(strategy for strategy in STRATEGIES if strategy.suits(name_of(model.predictor)))


def kind_of(model: PropensityModel) -> str:
    """Return what kind of model a person would say that it is."""
    return _WORDS[name_of(model.predictor)]


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
