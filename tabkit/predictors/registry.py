"""The learners, by the name that ``--model`` takes: whoever must know which one it is, asks here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabkit.bundle import Bundle
from tabkit.predictors.linear import Linear
from tabkit.predictors.network import Network
from tabkit.predictors.protocol import Learner, Predictor
from tabkit.predictors.trees import Trees
from tabkit.untrusted.manifest import damaged

LEARNERS: dict[str, Learner[Any]] = {"lightgbm": Trees(), "mlp": Network(), "linear": Linear()}
"""All learners; the first is the default."""


def learner_of(predictor: Predictor) -> Learner[Any]:
    """Return the learner that a model is of."""
    return LEARNERS[predictor.learner]


def predictor_of(found: Bundle) -> Predictor:
    """Rebuild what a bundle predicts with, by the part that only one learner's models have.

    Raises
    ------
    BundleError
        If it has the parts of several learners, or they are not as their learner saves them.
    """
    own = [learner for learner in LEARNERS.values() if learner.part in found.parts]
    if len(own) > 1:
        raise damaged(f"it has the parts of {' and of '.join(learner.noun for learner in own)}")
    predictor: Predictor = (own[0] if own else LEARNERS["lightgbm"]).from_parts(found)
    return predictor


def made_of(counted: Mapping[str, Any]) -> str:
    """Say what `Learner.sizes` found.

    >>> made_of({"epochs": 31, "features": 12, "parameters": 90_000})
    '12 features, 31 epochs, 90,000 parameters'
    """
    units = [learner.unit for learner in LEARNERS.values()]
    order = [name for name in ("features", *units, "parameters") if name in counted]
    return ", ".join(f"{counted[name]:,} {name}" for name in order)


def extent_in(counted: Mapping[str, Any]) -> tuple[int, str]:
    """Return how much was fitted, and its unit, from what `Learner.sizes` found.

    >>> extent_in({"epochs": 31, "features": 12})
    (31, 'epochs')
    """
    unit = next(learner.unit for learner in LEARNERS.values() if learner.unit in counted)
    return counted[unit], unit
