"""PyMC models of customers: priors, groups, covariates, and the weighted likelihood of counted rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.cltv.backend import library, pytensor_ops, quiet
from tabkit.cltv.models.model import Parameter
from tabkit.cltv.ops import Ops
from tabkit.cltv.priors import PYMC, Prior

Floats = NDArray[np.float64]
GROUP_SCALE = "group_scale"
COVARIATE = "covariate"


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
    deviation of its group times a scale with a half-Cauchy prior, not centred.

    Parameters
    ----------
    priors
        By parameter; ``group_scale`` for all scales of groups, ``covariate`` for all coefficients.
    """
    pm, ops = library("pymc"), pytensor_ops()
    with quiet(), pm.Model() as model:
        free = {p.name: _parameter(p, likelihood, priors) for p in likelihood.parameters}
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


def distribution(name: str, prior: Prior, *, shape: int | None = None) -> Any:
    """Return a random variable with a prior, inside of a model."""
    pm = library("pymc")
    options = {} if shape is None else {"shape": shape}
    return getattr(pm, PYMC[prior.kind])(name, **dict(prior.values), **options)


def _parameter(parameter: Parameter, likelihood: Likelihood, priors: Mapping[str, Prior]) -> Any:
    pm = library("pymc")
    base = distribution(parameter.name, priors[parameter.name])
    if likelihood.place is None:
        return base
    scale = distribution(f"{parameter.name}_sigma", priors[GROUP_SCALE])
    z = pm.Normal(f"{parameter.name}_z", 0.0, 1.0, shape=likelihood.groups)
    shift = (scale * z)[likelihood.place]
    return pm.math.invlogit(pm.math.logit(base) + shift) if parameter.share else base * pm.math.exp(shift)
