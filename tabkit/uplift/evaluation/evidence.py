"""The checks of an experiment that must pass before an effect is believed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import polars as pl

from tabkit import division
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.design import placebo
from tabkit.uplift.design.agreement import Agreement, agreement
from tabkit.uplift.design.design import SampleRatio, sample_ratio, shares_of
from tabkit.uplift.design.overlap import Overlap
from tabkit.uplift.design.placebo import Placebo
from tabkit.uplift.design.strength import Strength, strength
from tabkit.uplift.design.together import Together, assigned_together
from tabkit.uplift.effects import AverageEffect, aipw
from tabkit.uplift.ensemble.fit import ExperimentUnits
from tabkit.uplift.ensemble.member import Predicted
from tabkit.uplift.evaluation.copies import Copied, copied
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.regressor import Codes, Floats
from tabkit.uplift.units import balance_of, features_of

_BALANCE_ROWS = 50  # kept in the bundle: more than a page shows


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether held-out units are distributed like training units.

    Parameters
    ----------
    arm
        The arm.
    effect_fit, effect_holdout
        Its average effect in either part.
    z
        Their difference over its standard error.
    predicted_fit, predicted_holdout
        The mean predicted effect in either part.
    """

    arm: str
    effect_fit: float
    effect_holdout: float
    z: float
    predicted_fit: float
    predicted_holdout: float


@dataclass(frozen=True, slots=True)
class Basis:
    """How many units the figures rest on.

    Parameters
    ----------
    whom
        ``all`` or ``kept``: those left after trimming.
    units, effective
        By arm, control first: how many there are, and the effective sample size of their weights.
    held_out
        How many of them verdicts come from.
    """

    whom: str
    units: dict[str, int]
    effective: dict[str, float]
    held_out: int


@dataclass(frozen=True, slots=True)
class WeighedExperiment:
    """An experiment with its propensities, and which of its units count.

    Parameters
    ----------
    experiment
        All units.
    own
        The numbers of those that are not trimmed.
    held
        Shape (n,): whether a unit was held out.
    overlap
        Of an observational design.
    """

    experiment: Experiment
    own: Codes
    held: np.ndarray
    overlap: Overlap | None

    @property
    def held_own(self) -> Codes:
        """The numbers of held-out units that are not trimmed."""
        return np.asarray(self.own[self.held[self.own]], dtype=np.int64)

    def basis(self) -> Basis:
        """Return how many units count."""
        kept, labels = self.experiment.take(self.own), self.experiment.arms
        counts = np.bincount(kept.arm, minlength=len(labels))
        effective = counts if self.overlap is None else self.overlap.effective
        return Basis(
            whom="all" if len(self.own) == self.experiment.rows else "kept",
            units=dict(zip(labels, map(int, counts), strict=True)),
            effective=dict(zip(labels, map(float, effective), strict=True)),
            held_out=len(self.held_own),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The results that `tabkit.uplift.decision.trust` judges.

    Parameters
    ----------
    sample_ratio, balance, overlap, placebos, drift
        The checks. Balance has the largest differences, before and (observational) after weighting.
    propensities
        Counts of units by propensity, for each treated arm and for those in and not in it; observational designs only.
    balance_tests
        How many comparisons there were, of which `balance` has the largest.
    agreement
        Of doubly robust effects with differences in means; None where chance did not decide.
    strength
        How well features tell the outcome.
    together
        Groups of units that were given one arm, though no group is named.
    copies
        Held-out units that are copies of others.
    basis
        How many units figures rest on.
    allow_imbalance
        Whether imbalance was said to be no matter.
    passed_over
        That all units have one time, so that it divided nothing, as a sentence; empty otherwise.
    """

    sample_ratio: SampleRatio
    balance: pl.DataFrame
    overlap: Overlap | None
    placebos: tuple[Placebo, ...]
    drift: tuple[Drift, ...]
    propensities: tuple[dict[str, Any], ...]
    balance_tests: int
    agreement: Agreement | None
    strength: Strength
    together: Together | None
    copies: Copied | None
    basis: Basis
    allow_imbalance: bool
    passed_over: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest: no NaN, arrays as lists."""
        found = {name: plain(getattr(self, name)) for name in self.__slots__ if name != "balance"}
        return {**found, "balance": plain(self.balance.to_dicts())}


def evidence(
    units: ExperimentUnits,
    weighed: WeighedExperiment,
    predicted: Predicted,
    effect: Floats,
    *,
    balance: pl.DataFrame,
    expected: Mapping[str, Floats] | None,
    settings: UpliftConfig,
) -> Evidence:
    """Check an experiment.

    Parameters
    ----------
    units, weighed, predicted
        All units, and what members that did not see a unit predict of it.
    effect
        Shape (n, k - 1): calibrated effects.
    balance
        Of the features, before weighting.
    expected
        Of an observational design: by placebo column, shape (n, k), what models that did not see a unit expect.
    """
    experiment, own, frame = weighed.experiment, weighed.own, units.table.frame
    randomised = settings.design == "randomised"
    features = features_of(units.table, settings)
    kept = experiment.take(own)
    alone = randomised and experiment.clusters is None
    return Evidence(
        sample_ratio=_ratio(units, settings),
        balance=_shown(balance, units, weighed, settings),
        overlap=weighed.overlap,
        placebos=_placebos(units, experiment, predicted, own, weighed.held_own, expected, settings),
        drift=_drift(experiment, predicted, effect, own, weighed.held),
        propensities=_histograms(experiment, predicted.propensity) if weighed.overlap else (),
        balance_tests=balance.height,
        agreement=agreement(kept, predicted.outcome[own]) if randomised else None,
        strength=strength(kept, predicted.outcome[own], frame[own], features),
        together=assigned_together(frame, features, experiment) if alone else None,
        copies=copied(units, weighed.held, features),
        basis=weighed.basis(),
        allow_imbalance=settings.allow_imbalance,
        passed_over=_passed_over(units),
    )


def _passed_over(units: ExperimentUnits) -> str:
    way = division.way_of(units.table, classes=units.experiment.arm)
    return " ".join(division.passed_over(units.table, way, classes="arms"))


def _ratio(units: ExperimentUnits, settings: UpliftConfig) -> SampleRatio:
    experiment = units.experiment
    shares = shares_of(units.arms, experiment.arm, settings.shares)
    return sample_ratio(experiment.arm, shares, planned=settings.shares is not None, clusters=experiment.clusters)


def _placebos(
    units: ExperimentUnits,
    experiment: Experiment,
    predicted: Predicted,
    own: Codes,
    held: Codes,
    expected: Mapping[str, Floats] | None,
    settings: UpliftConfig,
) -> tuple[Placebo, ...]:
    found = placebo.treatment(experiment.take(held), predicted.outcome[held, 0], seed=settings.seed)
    if expected is not None:
        expected = {name: values[own] for name, values in expected.items()}
    frame = units.table.frame[own]
    return found + placebo.outcomes(frame, settings.placebos, experiment.take(own), expected=expected)


def _shown(
    balance: pl.DataFrame, units: ExperimentUnits, weighed: WeighedExperiment, settings: UpliftConfig
) -> pl.DataFrame:
    """Return the largest differences, in an observational design beside what is left of them after weighting."""
    from_largest = pl.col("smd").abs()
    if settings.design == "randomised":
        return balance.sort(from_largest, descending=True).head(_BALANCE_ROWS)
    kept = weighed.experiment.take(weighed.own)  # effects are of these alone
    weight = 1 / kept.propensity[np.arange(kept.rows), kept.arm]
    after = balance_of(units.take(weighed.own), settings, weight=weight)
    keys = ["arm", "column", "level"]
    weighted = after.select(*keys, pl.col("smd").alias("smd_weighted"), pl.col("p").alias("p_weighted"))
    joined = balance.join(weighted, on=keys, how="left", nulls_equal=True)
    worse = pl.max_horizontal(from_largest, pl.col("smd_weighted").abs())
    return joined.sort(worse, descending=True).head(_BALANCE_ROWS)


def _drift(
    experiment: Experiment, predicted: Predicted, effect: Floats, own: Codes, held: np.ndarray
) -> tuple[Drift, ...]:
    new = held[own]
    sides = [_effects(experiment, predicted, own[side]) for side in (~new, new)]
    return tuple(
        Drift(
            arm=a.arm,
            effect_fit=a.value,
            effect_holdout=b.value,
            z=(b.value - a.value) / math.hypot(a.se, b.se) if a.se or b.se else 0.0,
            predicted_fit=float(effect[own[~new], i].mean()),
            predicted_holdout=float(effect[own[new], i].mean()),
        )
        for i, (a, b) in enumerate(zip(*sides, strict=True))
    )


def _effects(experiment: Experiment, predicted: Predicted, rows: Codes) -> tuple[AverageEffect, ...]:
    return aipw(experiment.take(rows), predicted.outcome[rows])


def _histograms(experiment: Experiment, raw: Floats) -> tuple[dict[str, Any], ...]:
    edges = np.linspace(0, 1, 41)
    return tuple(
        {
            "arm": arm,
            "edges": edges.tolist(),
            "given": np.histogram(raw[experiment.arm == i, i], edges)[0].tolist(),
            "others": np.histogram(raw[experiment.arm != i, i], edges)[0].tolist(),
        }
        for i, arm in enumerate(experiment.arms)
        if i
    )


def plain(data: Any) -> Any:
    """Return data as JSON has it: arrays and tuples as lists, what is not a number as None."""
    if is_dataclass(data) and not isinstance(data, type):
        return {field.name: plain(getattr(data, field.name)) for field in fields(data)}
    if isinstance(data, Mapping):
        return {key: plain(item) for key, item in data.items()}
    if isinstance(data, np.ndarray | np.generic):
        return plain(data.tolist())
    if isinstance(data, list | tuple):
        return [plain(item) for item in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
