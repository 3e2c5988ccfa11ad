"""The average effect on the treated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from tabkit.uplift.effects import AverageEffect
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.metrics.checks import check_clusters
from tabkit.uplift.metrics.clustered_errors import influence_se
from tabkit.uplift.regressor import Floats


@dataclass(frozen=True, slots=True)
class OnTreated:
    """The average effect of an arm on its own units.

    Parameters
    ----------
    effect
        The estimate with its error and interval.
    units, of
        Treated units that it rests on, and how many there are: those that hardly any control unit is like are left out.
    controls
        The effective sample size of the control units, weighted to be like the treated, ``sum(w)**2 / sum(w**2)``.
    """

    effect: AverageEffect
    units: int
    of: int
    controls: float


def effects_on_treated(
    experiment: Experiment, outcomes: Floats, *, trim: float = 0.0, level: float = 0.95
) -> tuple[OnTreated | None, ...]:
    r"""Return by treated arm the effect on its own units, doubly robust.

    With residuals :math:`r_i = y_i - \mu_0(x_i)` and odds :math:`w_i = e_a(x_i) / e_0(x_i)` it is

    .. math:: \frac{\sum_{A_i = a} r_i}{n_a} - \frac{\sum_{A_i = 0} w_i r_i}{\sum_{A_i = 0} w_i}

    (Mercatanti and Li 2014; Sant'Anna and Zhao 2020, with normalised weights). It needs control units that are like
    the treated, but no treated ones that are like the others, so that only units with less than `trim` chance of being
    a control, of the two arms, are left out.

    Parameters
    ----------
    experiment
        Propensities as learned or designed, not trimmed.
    outcomes
        Shape (n, k): expected outcomes by models that did not see the unit; that without contact counts.

    Returns
    -------
    tuple
        None for an arm of which fewer than two treated or control units (or clusters) are left.
    """
    effects: list[OnTreated | None] = []
    residual = experiment.outcome - outcomes[:, 0]
    for arm in range(1, len(experiment.arms)):
        control = 1 - experiment.pairwise(arm)
        rows = np.flatnonzero(np.isin(experiment.arm, (0, arm)) & (control >= trim - 1e-12))
        given, r = experiment.arm[rows] == arm, residual[rows]
        odds = (experiment.propensity[rows, arm] / experiment.propensity[rows, 0]) * ~given
        clusters = None if experiment.clusters is None else experiment.clusters[rows]
        units = [
            np.unique(own if clusters is None else clusters[own]).size for own in map(np.flatnonzero, (given, ~given))
        ]
        if min(units) < 2 or not odds.sum() > 0:
            effects.append(None)
            continue
        treated, others = float(r[given].mean()), float(odds @ r / odds.sum())
        influence = given * (r - treated) / given.sum() - odds * (r - others) / odds.sum()
        se = influence_se(influence, check_clusters(clusters, rows=len(rows)))
        effective = float(odds.sum() ** 2 / (odds**2).sum())
        free = max(sum(units) - 2 if clusters is None else np.unique(clusters).size - 1, 1)
        effect = _average(experiment.arms[arm], treated - others, se, free, level)
        effects.append(OnTreated(effect, int(given.sum()), int((experiment.arm == arm).sum()), effective))
    return tuple(effects)


def _average(arm: str, value: float, se: float, free: int, level: float) -> AverageEffect:
    t = scipy.stats.t(df=free)
    wide = float(t.ppf(0.5 + level / 2)) * se
    p = float(2 * t.sf(abs(value) / se)) if se > 0 else float(value == 0)
    return AverageEffect(value, value - wide, value + wide, level, se, arm=arm, method="on treated", p=p)
