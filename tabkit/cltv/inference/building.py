"""PyMC models of customers: priors, groups, covariates, and the weighted likelihood of counted rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.cltv.inference.backend import pytensor_ops, quiet
from tabkit.cltv.inference.grouping import common, distance, seen
from tabkit.cltv.models.model import Parameter
from tabkit.cltv.models.ops import Ops
from tabkit.cltv.models.priors import PYMC, Prior
from tabkit.extras import require

Floats = NDArray[np.float64]
GROUP_SCALE = "group_scale"
COVARIATE = "covariate"
HIDDEN = "_whitened"


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """A likelihood and its data.

    Parameters
    ----------
    parameters
        Free parameters.
    loglik
        ``loglik(ops, values, data)``, one number per row.
    derived
        Free parameters to those of `loglik`.
    data
        Columns by name, shape (rows,).
    weight
        Shape (rows,): how often each row counts.
    covariates
        By what they act on: the parameters moved, with signs.
    z
        Standardised covariates, shape (rows, k).
    place, groups
        Each row's group, and how many groups there are; None and 0 without.
    """

    parameters: tuple[Parameter, ...]
    loglik: Callable[[Ops, Mapping[str, Any], Mapping[str, Any]], Any]
    derived: Callable[[Mapping[str, Any]], dict[str, Any]]
    data: Mapping[str, Any]
    weight: Floats
    covariates: Mapping[str, Mapping[str, int]]
    z: Floats
    place: NDArray[np.int64] | None = None
    groups: int = 0


def build(likelihood: Likelihood, priors: Mapping[str, Prior]) -> Any:
    """Return a `pymc.Model` whose only potential is the weighted log-likelihood.

    With groups each parameter is a common one, moved on its own scale (log, or log-odds of a share) by a normal
    deviation of its group times a scale with a half-Cauchy prior; see `tabkit.cltv.inference.grouping` for the axes.

    Parameters
    ----------
    priors
        By parameter; ``group_scale`` for all scales of groups, ``covariate`` for all coefficients.
    """
    pm, ops = require("pymc", extra="cltv"), pytensor_ops()
    with quiet(), pm.Model() as model:
        if likelihood.place is None:
            free = {p.name: distribution(p.name, priors[p.name]) for p in likelihood.parameters}
        else:
            free = _grouped(likelihood, likelihood.place, priors)
        values = likelihood.derived(free)
        if likelihood.z.shape[1]:
            for effect, signs in likelihood.covariates.items():
                coefficients = distribution(f"{effect}_coef", priors[COVARIATE], shape=likelihood.z.shape[1])
                shift = pm.math.dot(likelihood.z, coefficients)
                for name, sign in signs.items():
                    values[name] = values[name] * pm.math.exp(sign * shift)
        rows = likelihood.loglik(ops, values, likelihood.data)
        pm.Potential("likelihood", (likelihood.weight * rows).sum())
    return model


def shown(model: Any) -> list[str]:
    """Return the names of the sampled variables, without those that only help sampling."""
    return [variable.name for variable in model.unobserved_RVs if not variable.name.endswith(HIDDEN)]


def frozen(prior: Prior) -> Any:
    """Return the distribution of a prior, outside of any model."""
    return getattr(require("pymc", extra="cltv"), PYMC[prior.kind]).dist(**dict(prior.values))


def distribution(name: str, prior: Prior, *, shape: int | None = None) -> Any:
    """Return a random variable with a prior, inside of a model."""
    pm = require("pymc", extra="cltv")
    options = {} if shape is None else {"shape": shape}
    return getattr(pm, PYMC[prior.kind])(name, **dict(prior.values), **options)


def _grouped(likelihood: Likelihood, place: NDArray[np.int64], priors: Mapping[str, Prior]) -> dict[str, Any]:
    """Return each row's parameters; their common ones, scales and standardised deviations become draws."""
    pm, ops = require("pymc", extra="cltv"), pytensor_ops()
    estimates = seen(
        likelihood.parameters,
        lambda ops, values, data: likelihood.loglik(ops, likelihood.derived(values), data),
        likelihood.data,
        likelihood.weight,
        place,
        start=np.array([_typical(priors[p.name], share=p.share) for p in likelihood.parameters]),
    )
    free = {}
    for k, p in enumerate(likelihood.parameters):
        scale = distribution(f"{p.name}_sigma", priors[GROUP_SCALE])
        mean, jacobian = common(ops, pm.Flat(f"{p.name}{HIDDEN}", initval=0.0), scale, estimates, k)
        base = pm.Deterministic(p.name, pm.math.invlogit(mean) if p.share else pm.math.exp(mean))
        slope = ops.log(base) + (ops.log1p(-base) if p.share else 0.0)
        prior = pm.logp(frozen(priors[p.name]), base)
        flat = pm.Flat(f"{p.name}_z{HIDDEN}", shape=likelihood.groups, initval=np.zeros(likelihood.groups))
        away, density = distance(ops, flat, (mean, scale**2), (estimates.mean[:, k], estimates.variance[:, k]))
        z = pm.Deterministic(f"{p.name}_z", away)
        pm.Potential(f"{p.name}_groups", jacobian + slope + prior + density.sum())
        rows = (mean + scale * z)[place]
        free[p.name] = pm.math.invlogit(rows) if p.share else pm.math.exp(rows)
    return free


def _typical(prior: Prior, *, share: bool) -> float:
    """Return the prior's median on the parameter's own scale."""
    median = float(prior.frozen().median())
    return float(np.log(median / (1 - median)) if share else np.log(median))
