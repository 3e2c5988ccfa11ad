"""The value of a treatment policy on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabkit.errors import ConfigError, FitError
from tabkit.metrics.estimate import Estimate
from tabkit.metrics.resamples import check_level
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.metrics.clustered_errors import critical, mean_se
from tabkit.uplift.regressor import Codes, Floats


@dataclass(frozen=True, slots=True)
class Value(Estimate):
    """The mean outcome per unit under a policy, less costs; or the difference of two policies.

    Parameters
    ----------
    treated
        The share of units that the policy gives some arm beside control.
    """

    treated: float


def assign(effect: Floats, *, costs: Floats | None = None) -> Codes:
    """Return the best arm of each unit, shape (n,): the largest effect less cost, or control if none is above zero.

    Parameters
    ----------
    effect
        Shape (n, k - 1), in the unit of the outcome.
    costs
        Shape (k - 1,): of giving a unit each treated arm, in the unit of the outcome.

    Examples
    --------
    >>> assign(np.array([[0.2, 0.1], [-0.1, 0.0], [0.02, 0.3]]), costs=np.array([0.05, 0.05])).tolist()
    [1, 0, 2]
    """
    if effect.ndim != 2 or np.isnan(effect).any() or (costs is not None and costs.shape != effect.shape[1:]):
        raise FitError(
            f"effects have shape {effect.shape}, costs {None if costs is None else costs.shape}: one effect, not NaN, "
            "for each unit and treated arm, and one cost for each arm were expected",
            advice="take effects as learners predict them",
        )
    net = effect - (0.0 if costs is None else costs)
    best = net.argmax(axis=1)
    return np.asarray(np.where(net[np.arange(len(net)), best] > 0, best + 1, 0), dtype=np.int64)


def gains(scores: Floats, policy: Codes, *, costs: Floats | None = None) -> Floats:
    """Return per unit the score of the arm that a policy gives it, less the arm's cost, shape (n,).

    Its mean estimates the policy's value (Dudik, Langford and Li 2011, equation 2): doubly robust with scores made
    from outcome models, by inverse propensity without them (see `scores.arm_scores`).

    Parameters
    ----------
    scores
        Shape (n, k), as `scores.arm_scores` gives them.
    policy
        Shape (n,): a number of an arm, 0 for control.

    Raises
    ------
    FitError
        If the policy has another length, or names an arm that is not there.
    """
    _check(policy, rows=len(scores), arms=scores.shape[1])
    paid = np.zeros(scores.shape[1]) if costs is None else np.concatenate([[0.0], costs])
    if len(paid) != scores.shape[1] or not len(scores) or np.isnan(scores).any():
        raise FitError(
            f"scores of shape {scores.shape} and {len(paid) - 1} costs: rows without NaN, and a cost for each treated "
            "arm, were expected",
            advice="make scores with `scores.arm_scores`",
        )
    return np.asarray(scores[np.arange(len(scores)), policy] - paid[policy])


def value(
    scores: Floats,
    policy: Codes,
    *,
    costs: Floats | None = None,
    clusters: Codes | None = None,
    level: float = 0.95,
) -> Value:
    """Return the value of a policy with its interval; see `gains` for the parameters."""
    return _value(gains(scores, policy, costs=costs), policy, clusters, level)


def hajek(experiment: Experiment, policy: Codes, *, costs: Floats | None = None, level: float = 0.95) -> Value:
    """Return the value by normalised inverse propensity weights: only units whose arm is the policy's count.

    Weights are divided by their sum (Swaminathan and Joachims 2015, equation 4); the error is that of the ratio.

    Raises
    ------
    FitError
        If the policy does not fit the experiment, or no unit was given the arm of the policy.
    """
    _check(policy, rows=experiment.rows, arms=len(experiment.arms))
    own = experiment.arm == policy
    if not own.any():
        raise FitError("no unit was given the arm that the policy chooses", advice="check the policy's numbers of arms")
    paid = np.zeros(len(experiment.arms)) if costs is None else np.concatenate([[0.0], costs])
    weight = np.where(own, 1 / experiment.propensity[np.arange(experiment.rows), policy], 0.0)
    weight = weight / weight.mean()
    y = experiment.outcome - paid[policy]
    mean = float((weight * y).mean())
    return _value(mean + weight * (y - mean), policy, experiment.clusters, level)


def against(
    scores: Floats,
    policy: Codes,
    other: Codes,
    *,
    costs: Floats | None = None,
    clusters: Codes | None = None,
    level: float = 0.95,
) -> Value:
    """Return the difference in value of two policies on the same units, whose common noise cancels."""
    differences = gains(scores, policy, costs=costs) - gains(scores, other, costs=costs)
    return _value(differences, policy, clusters, level)


def top(score: Floats, share: float, *, arm: int = 1) -> Codes:
    """Return the policy that gives an arm to the `share` of units with the highest scores, whole ties together.

    Examples
    --------
    >>> top(np.array([0.3, 0.1, 0.2, 0.2]), 0.5).tolist()
    [1, 0, 0, 0]
    """
    if score.ndim != 1 or np.isnan(score).any():
        raise FitError("a ranking is one score for each unit, none of them NaN", advice="take one arm's effects")
    if not 0 <= share <= 1:
        raise ConfigError(f"share is {share!r}; a number from 0 to 1 was expected", advice="write 0.3 for 30 %")
    order = np.sort(score)[::-1]
    most = int(share * len(score) + 1e-9)
    if most == 0:
        return np.zeros(len(score), dtype=np.int64)
    cut = order[most - 1]
    if most < len(order) and order[most] == cut:  # the run of ties does not fit
        return np.asarray(np.where(score > cut, arm, 0), dtype=np.int64)
    return np.asarray(np.where(score >= cut, arm, 0), dtype=np.int64)


def _check(policy: Codes, *, rows: int, arms: int) -> None:
    whole = np.issubdtype(policy.dtype, np.integer)
    if not whole or policy.shape != (rows,) or ((policy < 0) | (policy >= arms)).any():
        raise FitError(
            f"a policy of type {policy.dtype} and shape {policy.shape} was given; one arm from 0 to {arms - 1} for "
            f"each of {rows} rows was expected",
            advice="number the arms as the experiment does, control first",
        )


def _value(units: Floats, policy: Codes, clusters: Codes | None, level: float) -> Value:
    check_level(level)
    mean = float(units.mean())
    se = mean_se(units, clusters=clusters) if units.any() and units.std() > 0 else 0.0
    wide = critical(level, clusters, rows=len(units)) * se
    return Value(mean, mean - wide, mean + wide, level, se, treated=float((policy > 0).mean()))
