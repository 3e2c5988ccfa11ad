"""The value of policies on held-out units: the model's own, and simple ones that it must beat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tabkit.errors import FitError, SchemaError
from tabkit.labels import as_labels
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.decision.decision import Decision
from tabkit.uplift.decision.policy import Value, against, hajek, top, value
from tabkit.uplift.evaluation.report import ArmReport, HeldOut
from tabkit.uplift.regressor import Codes, Floats


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """The value of a policy per held-out unit, less costs.

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


def policies(
    tested: HeldOut, frame: pl.DataFrame, costs: Floats, arms: Sequence[ArmReport], settings: UpliftConfig
) -> tuple[PolicyValue, ...]:
    """Evaluate the model's policy, and those it has to beat, on the same units."""
    experiment, clusters = tested.experiment, tested.experiment.clusters
    own = decision_of(arms, costs).best(tested.effect)
    nobody = np.zeros(experiment.rows, dtype=np.int64)
    chosen = {"model": own, "treat none": nobody}
    chosen |= {f"treat all: {report.arm}": nobody + i for i, report in enumerate(arms, start=1)}
    best = int(np.argmax([report.effect.value - cost for report, cost in zip(arms, costs, strict=True)]))
    share = float((own > 0).mean())
    response = tested.response()
    if 0 < share < 1 and response is not None:  # else it is to treat all or none, or there is none
        chosen["response model, as many"] = top(response, share, arm=best + 1)
    if settings.policy is not None:
        chosen[f"column {settings.policy}"] = _policy_column(frame, settings.policy, experiment.arms)
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

    return tuple(valued(name, policy) for name, policy in chosen.items() if (experiment.arm == policy).any())


def decision_of(arms: Sequence[ArmReport], costs: Iterable[float]) -> Decision:
    """Return how arms are given after their verdicts."""
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
