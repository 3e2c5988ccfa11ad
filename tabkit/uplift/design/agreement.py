"""Whether doubly robust effects agree with differences in means, as they must under randomisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from tabkit.uplift.experiment import Experiment
from tabkit.uplift.regressor import Floats


@dataclass(frozen=True, slots=True)
class Gap:
    """The difference between two estimates of an arm's effect.

    Parameters
    ----------
    arm
        The arm.
    value, se
        The doubly robust effect less the difference in means, in the unit of the outcome, and its standard error.
    """

    arm: str
    value: float
    se: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """A joint test of the gaps of all arms.

    Parameters
    ----------
    gaps
        By treated arm.
    p
        Of the test that all are zero but for chance; 1 where models expect the same of all units.
    """

    gaps: tuple[Gap, ...]
    p: float


def agreement(experiment: Experiment, outcomes: Floats) -> Agreement:
    r"""Test whether doubly robust effects and differences in means agree, jointly over arms.

    Where chance decided the arms both estimate the same. They differ by what models expect of the units of an arm
    beside what they expect of all,

    .. math:: \hat\tau^{DR}_a - \hat\tau^{DM}_a = (\bar\mu_a - \bar\mu_{a|A=a}) - (\bar\mu_0 - \bar\mu_{0|A=0}),

    so that the gap is that part of the imbalance of features that counts for the outcome: of one measured after
    contact it is not chance. Its errors are those of the paired influence functions of both estimates. Two covariances
    are made, from the arms as drawn and from all that the draw could have been, and the larger p counts, by
    Hotelling's F with the units (or clusters) of the smallest arm: one alone calls the tail of a small arm a gap.

    Parameters
    ----------
    experiment
        Units of a randomised design.
    outcomes
        Shape (n, k): expected outcome of each unit under each arm, by models that did not see it.
    """
    n, k = experiment.propensity.shape
    centred = outcomes - outcomes.mean(axis=0)
    weight = np.zeros((n, k))
    weight[np.arange(n), experiment.arm] = 1 / experiment.propensity[np.arange(n), experiment.arm]
    mass = weight.mean(axis=0)
    own_mean = (weight * centred).mean(axis=0) / mass
    gap = own_mean[0] - own_mean[1:]
    parts = centred - weight * (centred - own_mean) / mass
    influence = parts[:, 1:] - parts[:, [0]]
    groups = np.arange(n) if experiment.clusters is None else np.unique(experiment.clusters, return_inverse=True)[1]
    sums = np.column_stack([np.bincount(groups, weights=column) for column in influence.T])
    covariances = [sums.T @ sums / n**2 * (len(sums) / max(len(sums) - 1, 1))]
    if experiment.clusters is None:
        covariances.append(_of_the_draw(centred, experiment.propensity) / n**2)
    units = min(np.unique(groups[experiment.arm == arm]).size for arm in range(k))
    scale = float(experiment.outcome.std()) or 1.0
    p = max(_p(gap, covariance, units, scale) for covariance in covariances)
    errors = np.sqrt(np.max([np.diag(each) for each in covariances], axis=0))
    gaps = zip(experiment.treated, map(float, gap), map(float, errors), strict=True)
    return Agreement(tuple(Gap(*each) for each in gaps), p)


def _of_the_draw(centred: Floats, propensity: Floats) -> Floats:
    """Return the summed covariance of the units' parts over all arms that each could have been drawn into."""
    base = centred[:, 1:] - centred[:, [0]]
    covariance = np.zeros((base.shape[1], base.shape[1]))
    for arm in range(propensity.shape[1]):
        drawn = centred[:, arm] / propensity[:, arm]
        part = base.copy()
        if arm:
            part[:, arm - 1] -= drawn
        else:
            part += drawn[:, None]
        covariance += part.T @ (propensity[:, [arm]] * part)
    return covariance


def _p(gap: Floats, covariance: Floats, units: int, scale: float) -> float:
    """Return the p of gaps by Hotelling's F; gaps of no size next to the outcome's spread are none."""
    tests = gap.size
    if units <= tests + 1 or np.abs(gap).max() <= 1e-9 * scale:
        return 1.0
    square = float(gap @ np.linalg.pinv(covariance, rcond=1e-10, hermitian=True) @ gap)
    return float(scipy.stats.f.sf(square * (units - tests) / (tests * (units - 1)), tests, units - tests))
