"""One member of the cross-fitting ensemble: an encoder and a learner that never saw one part of the units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from pipelines.nuisances import Logistic, Regression
from tabkit import bundle
from tabkit.boosting import BoostedModel
from tabkit.encoding import FittedTable
from tabkit.encoding import saved as encoders
from tabkit.errors import BundleError
from tabkit.uplift.forest import Forest
from tabkit.uplift.learners import Effects, Models
from tabkit.uplift.regressor import Floats

_GROUPS = ("outcomes", "effects", "effects_of_treated")


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """What is expected of n units.

    Parameters
    ----------
    effect
        Shape (n, k - 1): of each treated arm, not yet calibrated.
    outcome
        Shape (n, k): under each arm, control first.
    propensity
        Shape (n, k): of each arm, as it was learned or planned.
    """

    effect: Floats
    outcome: Floats
    propensity: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A fitted member.

    Parameters
    ----------
    encoder
        Source columns to features.
    learners
        What is averaged to an effect, each with its weight by treated arm, shape (k - 1,); those without weight are
        there for their models of outcomes.
    propensities
        By treated arm, models of being in that arm; empty in a randomised design.
    shares
        The probability of each arm by design; of an observational one the share as counted.
    """

    encoder: FittedTable
    learners: tuple[tuple[Effects | Forest, tuple[float, ...]], ...]
    propensities: tuple[Models, ...]
    shares: tuple[float, ...]

    def predict(self, features: pl.DataFrame) -> Predicted:
        """Return what is expected of encoded rows."""
        propensity = propensity_of(self.propensities, self.shares, features)
        return Predicted(self.effect(features), self.outcome_learner.outcome(features), propensity)

    def effect(self, features: pl.DataFrame) -> Floats:
        """Return the effect of each treated arm on encoded rows, not yet calibrated, shape (n, k - 1)."""
        counted = [(learner, w) for learner, w in self.learners if any(w)]
        needed = any(isinstance(learner, Effects) and learner.name == "x" for learner, _ in counted)
        propensity = propensity_of(self.propensities, self.shares, features) if needed else None
        found = [learner.effect(features, propensity=propensity) * np.array(w) for learner, w in counted]
        return np.asarray(np.sum(found, axis=0))

    @property
    def outcome_learner(self) -> Effects:
        """The learner whose models of outcomes count: those of T and R know all rows of an arm, those of S are last."""
        found = [learner for learner, _ in self.learners if isinstance(learner, Effects)]
        return min(found, key=lambda learner: ("t", "r", "dr", "x", "s").index(learner.name))

    def threads(self, num_threads: int) -> Member:
        """Return the member with another number of threads of each model."""
        return self.changed(lambda r: replace(r, num_threads=num_threads))

    def changed(self, change: Callable[[Regression], Regression]) -> Member:
        """Return the member with every regression changed."""

        def each(models: Models) -> Models:
            return tuple(change(model) if isinstance(model, Regression) else model for model in models)

        def all_of(learner: Effects | Forest) -> Effects | Forest:
            if isinstance(learner, Forest):
                return learner
            return replace(
                learner,
                outcomes=tuple(map(each, learner.outcomes)),
                effects=tuple(map(each, learner.effects)),
                effects_of_treated=tuple(map(each, learner.effects_of_treated)),
            )

        learners = tuple((all_of(learner), weights) for learner, weights in self.learners)
        return replace(self, learners=learners, propensities=tuple(map(each, self.propensities)))

    def to_parts(self, prefix: str) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Return plain data for the manifest, and the parts."""
        parts = encoders.to_parts(self.encoder.slim(), prefix=prefix)

        def written(models: tuple[Models, ...], name: str) -> list[list[dict[str, Any]]]:
            found: list[list[dict[str, Any]]] = []
            for i, group in enumerate(models):
                found.append([])
                for j, model in enumerate(group):
                    if not isinstance(model, Regression):
                        raise BundleError(f"a {type(model).__name__} cannot be saved", advice="hand in boosted trees")
                    part = f"{prefix}{name}-{i}-{j}.txt"
                    parts[part] = model.model.text.encode()
                    start = None if model.start is None else asdict(model.start)
                    found[-1].append({"part": part, "start": start, **model.model.to_dict()})
            return found

        learners: list[dict[str, Any]] = []
        for learner, weights in self.learners:
            state: dict[str, Any] = {"treated": list(learner.treated), "weights": list(weights)}
            if isinstance(learner, Forest):
                state |= {"forest": learner.kind, "part": f"{prefix}forest-{learner.kind}.parquet"}
                parts[state["part"]] = bundle.frame_bytes(learner.to_frame())
            else:
                state |= {"name": learner.name, "indicator": learner.indicator}
                state |= {group: written(getattr(learner, group), f"{learner.name}-{group}") for group in _GROUPS}
            learners.append(state)
        found = {"learners": learners, "propensities": written(self.propensities, "propensity")}
        return {**found, "shares": list(self.shares)}, parts

    @classmethod
    def from_bundle(cls, found: bundle.Bundle, state: Mapping[str, Any], prefix: str) -> Member:
        """Rebuild what `to_parts` gave."""

        def read(groups: list[list[dict[str, Any]]]) -> tuple[Models, ...]:
            return tuple(
                tuple(
                    Regression(
                        BoostedModel.from_dict(m, text=found.text(m["part"])),
                        start=Logistic.from_dict(m["start"]) if m.get("start") else None,
                    )
                    for m in group
                )
                for group in groups
            )

        def learner(each: Mapping[str, Any]) -> Effects | Forest:
            if "forest" in each:
                return Forest.from_frame(found.frame(each["part"]), kind=each["forest"])
            return Effects(
                name=each["name"],
                treated=tuple(each["treated"]),
                indicator=each["indicator"],
                **{group: read(each[group]) for group in _GROUPS},
            )

        learners = tuple((learner(each), tuple(map(float, each["weights"]))) for each in state["learners"])
        return cls(
            encoder=encoders.from_bundle(found, prefix=prefix),
            learners=learners,
            propensities=read(state["propensities"]),
            shares=tuple(map(float, state["shares"])),
        )


def propensity_of(models: tuple[Models, ...], shares: tuple[float, ...], features: pl.DataFrame) -> Floats:
    """Return the propensity of each arm, shape (n, k): by design, or as models of each treated arm expect it.

    Several arms have a model each; where these sum to more than the rest allows, all are scaled down.
    """
    if not models:
        return np.tile(np.array(shares), (features.height, 1))
    treated = np.column_stack([np.mean([m.predict(features) for m in group], axis=0) for group in models])
    treated = np.clip(treated, 0.0, 1.0)
    control = np.clip(1 - treated.sum(axis=1, keepdims=True), 0.0, 1.0)
    found = np.hstack([control, treated])
    return np.asarray(found / found.sum(axis=1, keepdims=True))
