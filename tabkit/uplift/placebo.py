"""Placebos: effects where there can be none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from tabkit.errors import FitError, SchemaError
from tabkit.schema import dtype_name, family
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.regressor import Codes, Floats
from tabkit.uplift.robust import mean_se
from tabkit.uplift.scores import arm_scores, effect_scores


@dataclass(frozen=True, slots=True)
class Placebo:
    """An effect that should be none.

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
    """Pretend that half of the control units, drawn by chance, had been treated.

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


def outcomes(frame: pl.DataFrame, columns: Sequence[str], experiment: Experiment) -> tuple[Placebo, ...]:
    """Estimate the effect of each arm on columns that contact cannot have changed, by inverse propensity.

    Parameters
    ----------
    frame
        The rows of the experiment.
    columns
        Numbers or truth values known before contact; null counts as their mean.

    Raises
    ------
    SchemaError
        If a column is missing or holds no numbers.
    FitError
        If it is null everywhere, or infinite somewhere.
    """
    found = []
    for name in columns:
        values = _numbers(frame, name)
        moved = Experiment(
            arms=experiment.arms,
            arm=experiment.arm,
            outcome=values,
            propensity=experiment.propensity,
            clusters=experiment.clusters,
        )
        scores = effect_scores(arm_scores(moved, np.full_like(experiment.propensity, values.mean())))
        found += [
            _judged(name, arm, scores[:, i], experiment.clusters, tests=len(columns) * len(experiment.treated))
            for i, arm in enumerate(experiment.treated)
        ]
    return tuple(found)


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
    p = float(2 * stats.norm.sf(abs(value) / se)) if se > 0 else 1.0
    return Placebo(name, arm, value, se, p, p >= 0.001 / tests)
