"""Evaluate an uplift model on held-out units: checks of the design, rankings, policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tabkit.errors import FitError
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.decision import trust
from tabkit.uplift.decision.decision import Decision
from tabkit.uplift.design.overlap import floored, kept, overlap
from tabkit.uplift.ensemble.calibration import Calibration
from tabkit.uplift.ensemble.fit import ExperimentUnits
from tabkit.uplift.ensemble.member import Predicted
from tabkit.uplift.evaluation.evidence import Evidence, WeighedExperiment, evidence, plain
from tabkit.uplift.evaluation.policies import PolicyValue, decision_of, policies
from tabkit.uplift.evaluation.report import ArmReport, HeldOut, IntervalSettings, arm_reports
from tabkit.uplift.regressor import Codes, Floats
from tabkit.uplift.scores import arm_scores
from tabkit.uplift.treated import OnTreated, effects_on_treated


@dataclass(frozen=True, slots=True, eq=False)
class TrustReport:
    """The content of the trust report.

    Parameters
    ----------
    design, kind
        Of the experiment: ``randomised`` or ``observational``; what the outcome is.
    rows
        Units by arm, control first, and how many were held out.
    arms
        By treated arm.
    policies
        The model's first.
    evidence
        What was checked.
    costs
        By treated arm.
    """

    design: str
    kind: str
    rows: dict[str, int]
    held_out: int
    arms: tuple[ArmReport, ...]
    policies: tuple[PolicyValue, ...]
    evidence: Evidence
    costs: dict[str, float]

    def decision(self) -> Decision:
        """Return how arms are given after this evaluation."""
        return decision_of(self.arms, self.costs.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest: no NaN, arrays as lists."""
        found = {name: plain(getattr(self, name)) for name in self.__slots__ if name != "evidence"}
        return {**found, **self.evidence.to_dict()}


def judge(
    units: ExperimentUnits,
    predicted: Predicted,
    calibrations: Sequence[Calibration],
    test: Codes,
    *,
    balance: pl.DataFrame,
    costs: Floats,
    settings: UpliftConfig,
    expected: Mapping[str, Floats] | None = None,
) -> TrustReport:
    """Evaluate predictions for all units, each made by members that did not see it.

    Parameters
    ----------
    units
        All units.
    predicted
        For all of them, in their order; effects not yet calibrated.
    calibrations
        Learned without the held-out units.
    test
        The numbers of the held-out units.
    balance
        Of the features, before weighting.
    costs
        Shape (k - 1,).
    expected
        Of an observational design: by placebo column, shape (n, k), what models that did not see a unit expect.
    """
    weighed = _weighed(units, predicted, test, settings)
    experiment, own, held_own = weighed.experiment, weighed.own, weighed.held_own
    scores = arm_scores(experiment, predicted.outcome)
    effect = np.column_stack([c(predicted.effect[:, i]) for i, c in enumerate(calibrations)])
    checked = evidence(units, weighed, predicted, effect, balance=balance, expected=expected, settings=settings)
    what = {"design": str(settings.design), "kind": experiment.kind}
    findings = trust.findings({**what, **checked.to_dict()})
    tested = HeldOut(experiment.take(held_own), scores[held_own], effect[held_own], predicted.outcome[held_own])
    arms = arm_reports(
        experiment.take(own),
        predicted.outcome[own],
        tested,
        randomised=settings.design == "randomised",
        settings=IntervalSettings(settings.resamples, settings.level, settings.seed),
        costs=costs,
        broken=trust.broken(findings),
        reservations=list(dict.fromkeys(trust.CHECKS[each.name] for each in trust.reservations(findings))),
        on_treated=_on_treated(weighed, predicted, settings),
    )
    return TrustReport(
        **what,
        rows=dict(zip(units.arms.labels, map(int, np.bincount(experiment.arm)), strict=True)),
        held_out=len(test),
        arms=arms,
        policies=policies(tested, units.table.frame[held_own], costs, arms, settings),
        evidence=checked,
        costs=dict(zip(units.arms.treated, map(float, costs), strict=True)),
    )


def _weighed(units: ExperimentUnits, predicted: Predicted, test: Codes, settings: UpliftConfig) -> WeighedExperiment:
    """Return the experiment with its propensities, which units are kept, and what is known of overlap."""
    experiment = units.experiment
    held = np.zeros(experiment.rows, dtype=np.bool_)
    held[test] = True
    if settings.design == "randomised":
        return WeighedExperiment(experiment, np.arange(experiment.rows), held, None)
    raw = predicted.propensity
    weighed = replace(experiment, propensity=floored(raw, trim=settings.trim))
    good = kept(raw, trim=settings.trim)
    for rows in (good, good & held):
        counts = np.bincount(experiment.arm[rows], minlength=len(experiment.arms))
        if (counts < 2).any():
            raise FitError(
                f"after trimming propensities below {settings.trim:g} arms are left with {counts.tolist()} units",
                advice="there is no one to compare with: leave out features that decided the arm by rule",
            )
    return WeighedExperiment(weighed, np.flatnonzero(good), held, overlap(weighed, raw, trim=settings.trim))


def _on_treated(
    weighed: WeighedExperiment, predicted: Predicted, settings: UpliftConfig
) -> Sequence[OnTreated | None] | None:
    """Return the effects on the treated where units differ in how likely they were to be treated."""
    experiment, outcomes = weighed.experiment, predicted.outcome
    if settings.design == "observational":
        untrimmed = replace(experiment, propensity=floored(predicted.propensity, trim=0.0))
        return effects_on_treated(untrimmed, outcomes, trim=settings.trim, level=settings.level)
    if not np.ptp(experiment.propensity, axis=0).any():
        return None  # the treated are like all others
    return effects_on_treated(experiment, outcomes, level=settings.level)
