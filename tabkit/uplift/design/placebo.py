"""Placebo tests: effects on columns that treatment cannot change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tabkit.errors import FitError, SchemaError
from tabkit.schema import dtype_name, family
from tabkit.uplift.design.balance import balance
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.limits import UNLIKELY
from tabkit.uplift.metrics.clustered_errors import mean_se, two_sided
from tabkit.uplift.regressor import Codes, Floats
from tabkit.uplift.scores import arm_scores, effect_scores


@dataclass(frozen=True, slots=True)
class Placebo:
    """An effect that should be zero.

    Parameters
    ----------
    name
        The column, or ``placebo treatment``.
    arm
        The arm whose effect it is; for a placebo treatment, control.
    value, se, p
        The estimate, its standard error, and the p of no effect.
    passed
        Whether chance explains it, at a level of .001; for columns, over the number of columns and arms.
    """

    name: str
    arm: str
    value: float
    se: float
    p: float
    passed: bool


def treatment(experiment: Experiment, expected: Floats, *, seed: int) -> tuple[Placebo, ...]:
    """Estimate the effect of a placebo treatment: half of the control units, drawn by chance.

    Parameters
    ----------
    experiment
        Units that the outcome models did not see.
    expected
        Shape (n,): expected outcome of each unit without contact.
    seed
        Of the draw; clusters are drawn whole.
    """
    own = np.flatnonzero(experiment.arm == 0)
    clusters = None if experiment.clusters is None else experiment.clusters[own]
    units, codes = np.unique(own if clusters is None else clusters, return_inverse=True)
    if len(units) < 2:
        return ()
    given = np.random.default_rng(seed).permutation(len(units))[codes] < len(units) // 2
    share = given.mean()
    residual = experiment.outcome[own] - expected[own]
    return (
        _judged("placebo treatment", experiment.arms[0], residual * (given / share - ~given / (1 - share)), clusters),
    )


def outcomes(
    frame: pl.DataFrame,
    columns: Sequence[str],
    experiment: Experiment,
    *,
    expected: Mapping[str, Floats] | None = None,
) -> tuple[Placebo, ...]:
    """Estimate effects on columns that contact cannot have changed, by inverse propensity.

    Without `expected`, where chance decided the arms, the test is that of `balance.balance`, which holds its level with
    small arms and heavy tails; else doubly robust scores are tested.

    Parameters
    ----------
    frame
        The rows of the experiment.
    columns
        Numbers or truth values known before contact; null counts as their mean.
    expected
        By column, shape (n, k): its expected value under each arm, by models that did not see the rows.

    Raises
    ------
    SchemaError
        If a column is missing or holds no numbers.
    FitError
        If it is null everywhere, or infinite somewhere.
    """
    placebos = []
    for name in columns:
        values = _numbers(frame, name)
        moved = Experiment(
            arms=experiment.arms,
            arm=experiment.arm,
            outcome=values,
            propensity=experiment.propensity,
            clusters=experiment.clusters,
        )
        tests = len(columns) * len(experiment.treated)
        known = None if expected is None else expected[name]
        scores = effect_scores(
            arm_scores(moved, np.full_like(experiment.propensity, values.mean()) if known is None else known)
        )
        for i, arm in enumerate(experiment.treated):
            judged = _judged(name, arm, scores[:, i], experiment.clusters, tests=tests)
            placebos.append(judged if known is not None else _by_balance(judged, moved, i + 1, tests))
    return tuple(placebos)


def _by_balance(judged: Placebo, moved: Experiment, arm: int, tests: int) -> Placebo:
    """Return the placebo with the p of a comparison of means that holds its level."""
    pair = moved.take(np.flatnonzero(np.isin(moved.arm, (0, arm))))
    varies = np.ptp(pair.propensity, axis=0).any()
    found = balance(
        pl.DataFrame({"values": pair.outcome}),
        ["values"],
        (pair.arm == arm).astype(np.float64),
        weight=1 / pair.propensity[np.arange(pair.rows), pair.arm] if varies else None,
        clusters=pair.clusters,
    )
    p = float(found["p"][0])
    return replace(judged, p=p, passed=p >= UNLIKELY / tests)


def _numbers(frame: pl.DataFrame, name: str) -> Floats:
    if name not in frame.columns:
        raise SchemaError(f"there is no placebo column {name!r}", advice="check its name")
    if family(frame.schema[name]) not in ("number", "boolean"):
        raise SchemaError(
            f"placebo {name!r} is {dtype_name(frame.schema[name])}; numbers or truth values were expected",
            advice="choose another column",
        )
    values = frame[name].alias("values").cast(pl.Float64).fill_nan(None)
    mean = values.mean()
    if mean is None:
        raise FitError(f"placebo {name!r} is null in all rows", advice="choose another column")
    if values.is_infinite().any():
        raise FitError(f"placebo {name!r} holds infinite values", advice="repair them, or choose another column")
    return values.fill_null(mean).to_numpy()


def _judged(name: str, arm: str, scores: Floats, clusters: Codes | None, *, tests: int = 1) -> Placebo:
    value, se = float(scores.mean()), mean_se(scores, clusters=clusters)
    p = two_sided(value / se, clusters, rows=len(scores)) if se > 0 else 1.0
    return Placebo(name, arm, value, se, p, p >= UNLIKELY / tests)
