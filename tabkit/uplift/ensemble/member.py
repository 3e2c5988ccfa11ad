"""One member of the ensemble: an encoder and a learner fitted without one part of the units."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

import numpy as np
import polars as pl

from tabkit import bundle
from tabkit.boosting import BoostedModel
from tabkit.encoding import FittedTable
from tabkit.encoding.table import saved
from tabkit.errors import BundleError
from tabkit.predictors.coherence import check_scores
from tabkit.untrusted.manifest import NamedTable, damaged, shown
from tabkit.uplift.design.design import Arms
from tabkit.uplift.learners.boosted import BoostedRegression, Logistic
from tabkit.uplift.learners.forest import Forest, ForestKind
from tabkit.uplift.learners.learners import NAMES, Effects, Models
from tabkit.uplift.regressor import Floats

_GROUPS = ("outcomes", "effects", "effects_of_treated")


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """The predictions for n units.

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
        """Return the predictions for encoded rows."""
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
        """The learner whose outcome models are used: T or R, fitted on all rows of an arm, rather than S."""
        found = [learner for learner, _ in self.learners if isinstance(learner, Effects)]
        return min(found, key=lambda learner: ("t", "r", "dr", "x", "s").index(learner.name))

    def threads(self, num_threads: int) -> Member:
        """Return the member with another number of threads of each model."""
        return self.changed(lambda r: replace(r, num_threads=num_threads))

    def changed(self, change: Callable[[BoostedRegression], BoostedRegression]) -> Member:
        """Return the member with every regression changed."""

        def each(models: Models) -> Models:
            return tuple(change(model) if isinstance(model, BoostedRegression) else model for model in models)

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
        parts = saved.to_parts(self.encoder.slim(), prefix=prefix)

        def written(models: tuple[Models, ...], name: str) -> list[list[dict[str, Any]]]:
            found: list[list[dict[str, Any]]] = []
            for i, group in enumerate(models):
                found.append([])
                for j, model in enumerate(group):
                    if not isinstance(model, BoostedRegression):
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
    def from_bundle(cls, found: bundle.Bundle, state: NamedTable, prefix: str, *, arms: Arms) -> Member:
        """Rebuild what `to_parts` gave, for these arms; anything else is a `BundleError`."""
        encoder = saved.from_bundle(found, prefix=prefix)
        learners = tuple(_learner(found, each, encoder.outputs, arms) for each in state.tables("learners", "a learner"))
        if not any(isinstance(learner, Effects) for learner, _ in learners):
            raise damaged("a member has no learner with models of outcomes")
        if not all(any(weights[i] for _, weights in learners) for i in range(len(arms.treated))):
            raise damaged("no learner of a member has weight")
        propensities = _models(found, state, "propensities", encoder.outputs)
        if len(propensities) not in (0, len(arms.treated)):
            raise damaged(f"a member has propensities of {len(propensities)} arms; {len(arms.treated)} were expected")
        shares = state.numbers("shares", size=len(arms.labels), low=0, high=1)
        if not all(share > 0 for share in shares):
            raise damaged("an arm has no share of the units")
        return cls(encoder=encoder, learners=learners, propensities=propensities, shares=shares)


def _learner(
    found: bundle.Bundle, given: NamedTable, features: Collection[str], arms: Arms
) -> tuple[Effects | Forest, tuple[float, ...]]:
    treated = arms.treated
    if given.texts("treated") != treated:
        raise damaged("a learner has other arms than the model")
    weights = given.numbers("weights", size=len(treated), low=0)
    if "forest" in given:
        kind = given.choice("forest", get_args(ForestKind))
        forest = Forest.from_frame(found.frame(given.text("part")), kind=kind)
        if forest.treated != treated or not set(forest.features) <= set(features):
            raise damaged("a forest has other arms than the model, or features that the encoder does not make")
        return forest, weights
    name = given.choice("name", NAMES)
    indicator = given.text("indicator")
    if (name == "s") != bool(indicator) or indicator in features:
        raise damaged(f"the indicator of a learner {name!r} is {shown(indicator)}")
    own = [*features, indicator] if name == "s" else features
    groups = {group: _models(found, given, group, own) for group in _GROUPS}
    effects, of_treated = len(treated) * (name in ("x", "r", "dr")), len(treated) * (name == "x")
    expected = dict(zip(_GROUPS, (len(treated) + (name != "s"), effects, of_treated), strict=True))
    wrong = next((group for group, count in expected.items() if len(groups[group]) != count), None)
    if wrong:
        raise damaged(f"{wrong} of a learner {name!r} are {len(groups[wrong])}; {expected[wrong]} were expected")
    return Effects(name=name, treated=treated, indicator=indicator, **groups), weights


def _models(found: bundle.Bundle, given: NamedTable, name: str, features: Collection[str]) -> tuple[Models, ...]:
    """Return models by arm, of each as many as were averaged, but one at least."""
    groups = given.lists(name)
    if not all(groups):
        raise damaged(f"{name} of {given.what} lack the models of an arm")
    return tuple(tuple(_model(found, NamedTable(each, "a model"), features) for each in group) for group in groups)


def _model(found: bundle.Bundle, given: NamedTable, features: Collection[str]) -> BoostedRegression:
    model = BoostedModel.from_dict(given.values, text=found.text(given.text("part")))
    check_scores(model, outputs=1, features=features)
    if model.kind.link == "softmax":
        raise damaged(f"a model of uplift has the objective {model.objective!r}")
    start = Logistic.from_dict(given.mapping("start")) if "start" in given else None
    if start is not None and not set(start.features) <= set(features):
        raise damaged("a logistic regression takes features that the encoder does not make")
    return BoostedRegression(model, start=start)


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
