"""Judging an uplift model by units that it never saw: checks of the design, rankings, policies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from pipelines.uplift_config import UpliftConfig
from pipelines.uplift_fit import Units
from pipelines.uplift_member import Predicted
from pipelines.uplift_units import balance_of
from tabkit.errors import FitError, SchemaError
from tabkit.labels import as_labels
from tabkit.uplift import placebo
from tabkit.uplift.calibration import Calibration
from tabkit.uplift.decision import Decision
from tabkit.uplift.design import SampleRatio, sample_ratio, shares_of
from tabkit.uplift.effects import AverageEffect, aipw
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.overlap import Overlap, floored, kept, overlap
from tabkit.uplift.placebo import Placebo
from tabkit.uplift.policy import Value, against, hajek, top, value
from tabkit.uplift.regressor import Codes, Floats
from tabkit.uplift.report import ArmReport, HeldOut, Settings, arm_reports
from tabkit.uplift.scores import arm_scores

_BALANCE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether held-out units are like those that were learned from.

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
class PolicyValue:
    """What a policy is worth on held-out units, per unit, costs taken off.

    Parameters
    ----------
    policy
        Its name.
    doubly_robust, weighted
        Its value by doubly robust scores, and by inverse propensity weights alone.
    gain
        The value of the model's policy less this one's, paired; None for the model's own.
    """

    policy: str
    doubly_robust: Value
    weighted: Value
    gain: Value | None


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Everything that the trust report shows.

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
    sample_ratio, balance, overlap, placebos, drift
        The checks. Balance has the largest differences, before and (observational) after weighting.
    propensities
        Counts of units by propensity, for each treated arm and for those in and not in it; observational designs only.
    balance_tests
        How many comparisons there were, of which `balance` has the largest.
    costs
        By treated arm.
    """

    design: str
    kind: str
    rows: dict[str, int]
    held_out: int
    arms: tuple[ArmReport, ...]
    policies: tuple[PolicyValue, ...]
    sample_ratio: SampleRatio
    balance: pl.DataFrame
    overlap: Overlap | None
    placebos: tuple[Placebo, ...]
    drift: tuple[Drift, ...]
    propensities: tuple[dict[str, Any], ...]
    balance_tests: int
    costs: dict[str, float]

    def decision(self) -> Decision:
        """Return how arms are given after this."""
        return _decision(self.arms, self.costs.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest: no NaN, arrays as lists."""
        found = {name: _plain(getattr(self, name)) for name in self.__slots__ if name != "balance"}
        return {**found, "balance": _plain(self.balance.to_dicts())}


def judge(
    units: Units,
    predicted: Predicted,
    calibrations: Sequence[Calibration],
    test: Codes,
    *,
    balance: pl.DataFrame,
    costs: Floats,
    settings: UpliftConfig,
    expected: Mapping[str, Floats] | None = None,
) -> Judged:
    """Judge predictions for all units, each made by members that did not see it.

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
    experiment, good, found = _weighed(units, predicted, settings)
    own = np.flatnonzero(good)
    held = np.zeros(experiment.rows, dtype=np.bool_)
    held[test] = True
    whole, held_own = experiment.take(own), np.flatnonzero(held & good)
    scores = arm_scores(experiment, predicted.outcome)
    effect = np.column_stack([c(predicted.effect[:, i]) for i, c in enumerate(calibrations)])
    ratio = _ratio(units, settings)
    placebos = _placebos(units, experiment, predicted, own, held_own, expected, settings)
    tested = HeldOut(experiment.take(held_own), scores[held_own], effect[held_own], predicted.outcome[held_own])
    arms = arm_reports(
        whole,
        predicted.outcome[own],
        tested,
        randomised=settings.design == "randomised",
        settings=Settings(settings.resamples, settings.level, settings.seed),
        costs=costs,
        broken=_broken(ratio, placebos),
    )
    return Judged(
        design=str(settings.design),
        kind=experiment.kind,
        rows=dict(zip(units.arms.labels, map(int, np.bincount(experiment.arm)), strict=True)),
        held_out=len(test),
        arms=arms,
        policies=_policies(tested, units.table.frame[held_own], costs, arms, settings),
        sample_ratio=ratio,
        balance=_shown(balance, units, experiment, settings),
        overlap=found,
        placebos=placebos,
        drift=_drift(experiment, predicted, effect, own, held),
        propensities=_histograms(experiment, predicted.propensity) if found else (),
        balance_tests=balance.height,
        costs=dict(zip(units.arms.treated, map(float, costs), strict=True)),
    )


def _weighed(
    units: Units, predicted: Predicted, settings: UpliftConfig
) -> tuple[Experiment, np.ndarray, Overlap | None]:
    """Return the experiment with its propensities, which units are kept, and what is known of overlap."""
    experiment = units.experiment
    if settings.design == "randomised":
        return experiment, np.ones(experiment.rows, dtype=np.bool_), None
    raw = predicted.propensity
    weighed = replace(experiment, propensity=floored(raw, trim=settings.trim))
    good = kept(raw, trim=settings.trim)
    counts = np.bincount(experiment.arm[good], minlength=len(experiment.arms))
    if (counts < 2).any():
        raise FitError(
            f"after trimming propensities below {settings.trim:g} arms are left with {counts.tolist()} units",
            advice="there is no one to compare with: leave out features that decided the arm by rule",
        )
    return weighed, good, overlap(weighed, raw, trim=settings.trim)


def _ratio(units: Units, settings: UpliftConfig) -> SampleRatio:
    experiment = units.experiment
    shares = shares_of(units.arms, experiment.arm, settings.shares)
    return sample_ratio(experiment.arm, shares, planned=settings.shares is not None, clusters=experiment.clusters)


def _placebos(
    units: Units,
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


def _broken(ratio: SampleRatio, placebos: Sequence[Placebo]) -> str | None:
    if ratio.mismatch:
        return (
            f"the arms do not have the sizes that were planned (p = {ratio.p:.2g}): something other than chance chose"
        )
    failed = [p for p in placebos if not p.passed and p.name != "placebo treatment"]  # that one is null by its making
    if failed:
        return f"there is an effect where there can be none: on {', '.join(repr(p.name) for p in failed)}"
    return None


def _policies(
    tested: HeldOut, frame: pl.DataFrame, costs: Floats, arms: Sequence[ArmReport], settings: UpliftConfig
) -> tuple[PolicyValue, ...]:
    """Value the model's policy and those it has to beat, on the same units."""
    experiment, clusters = tested.experiment, tested.experiment.clusters
    own = _decision(arms, costs).best(tested.effect)
    nobody = np.zeros(experiment.rows, dtype=np.int64)
    policies = {"model": own, "treat none": nobody}
    policies |= {f"treat all: {report.arm}": nobody + i for i, report in enumerate(arms, start=1)}
    best = int(np.argmax([report.effect.value - cost for report, cost in zip(arms, costs, strict=True)]))
    share = float((own > 0).mean())
    if 0 < share < 1:  # else it is to treat all or none
        policies["response model, as many"] = top(tested.outcome[:, best + 1], share, arm=best + 1)
    if settings.policy is not None:
        policies[f"column {settings.policy}"] = _policy_column(frame, settings.policy, experiment.arms)
    level = settings.level

    def valued(name: str, policy: Codes) -> PolicyValue:
        return PolicyValue(
            policy=name,
            doubly_robust=value(tested.scores, policy, costs=costs, clusters=clusters, level=level),
            weighted=hajek(experiment, policy, costs=costs, level=level),
            gain=None
            if name == "model"
            else against(tested.scores, own, policy, costs=costs, clusters=clusters, level=level),
        )

    return tuple(valued(name, policy) for name, policy in policies.items() if (experiment.arm == policy).any())


def _decision(arms: Sequence[ArmReport], costs: Iterable[float]) -> Decision:
    return Decision(
        words=tuple(report.verdict.word for report in arms),
        averages=tuple(report.effect.value for report in arms),
        costs=tuple(map(float, costs)),
    )


def _policy_column(frame: pl.DataFrame, name: str, arms: tuple[str, ...]) -> Codes:
    if name not in frame.columns:
        raise SchemaError(f"there is no policy column {name!r}", advice=f"its columns are {frame.columns[:40]}")
    labels = as_labels(frame[name], arms)
    unknown = labels.filter(~labels.is_in(arms) | labels.is_null())
    if len(unknown):
        raise FitError(
            f"policy {name!r} is no arm in {len(unknown):,} rows, such as {unknown[0]!r}",
            advice=f"the arms are {', '.join(map(repr, arms))}",
        )
    return labels.replace_strict(list(arms), list(range(len(arms))), return_dtype=pl.Int64).to_numpy()


def _shown(balance: pl.DataFrame, units: Units, experiment: Experiment, settings: UpliftConfig) -> pl.DataFrame:
    """Return the largest differences, in an observational design beside what is left of them after weighting."""
    from_largest = pl.col("smd").abs()
    if settings.design == "randomised":
        return balance.sort(from_largest, descending=True).head(_BALANCE_ROWS)
    own = experiment.propensity[np.arange(experiment.rows), experiment.arm]
    after = balance_of(units, settings, weight=1 / own)
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


def _plain(data: Any) -> Any:
    """Return data as JSON has it: arrays and tuples as lists, what is not a number as None."""
    if is_dataclass(data) and not isinstance(data, type):
        return {field.name: _plain(getattr(data, field.name)) for field in fields(data)}
    if isinstance(data, Mapping):
        return {key: _plain(item) for key, item in data.items()}
    if isinstance(data, np.ndarray | np.generic):
        return _plain(data.tolist())
    if isinstance(data, list | tuple):
        return [_plain(item) for item in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
