"""Laplace's approximation, corrected by importance resampling, with a diagnosis of whether that was enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from tabkit.cltv.backend import compiling, library, quiet
from tabkit.cltv.building import shown as names_of
from tabkit.cltv.psis import TRUSTED, smooth
from tabkit.cltv.sampling import Sampled
from tabkit.errors import FitError
from tabkit.progress import Progress, Silent

Floats = NDArray[np.float64]
Logp = Callable[[Floats], tuple[float, Floats]]

_STEP = 1e-4
_FREEDOM = 7.0
_PROPOSALS = 2


def laplace(model: Any, *, draws: int = 2000, seed: int = 0, progress: Progress | None = None) -> Sampled:
    """Draw from Student's t at the mode with the curvature there, weigh by the posterior, and resample.

    Tierney and Kadane 1986 for the mode and curvature; the weights are Pareto-smoothed and diagnosed by k-hat (Vehtari
    et al. 2024): above 0.7 the draws are not to be used.

    Parameters
    ----------
    model
        A `pymc.Model` of continuous variables.
    draws
        How many to return.
    seed
        Decides them.

    Raises
    ------
    FitError
        If no mode is found: the posterior has no maximum inside of its range, or is not finite at the start.
    """
    shown = progress or Silent()
    logp, point = density(model)
    with shown.task("finding the mode", total=1) as advance:
        mode = find_mode(logp, point)
        curvature = hessian(logp, mode)
        advance(1)
    root = _root(curvature)
    rng = np.random.default_rng(seed)
    size = _PROPOSALS * draws
    normal = rng.standard_normal((size, len(mode)))
    stretch = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, size))
    proposed = mode + (normal * stretch[:, None]) @ root.T
    ratio = np.empty(size)
    with shown.task("weighing draws", total=size) as advance:
        for i, x in enumerate(proposed):
            value = logp(x)[0]
            ratio[i] = value if np.isfinite(value) else -np.inf
            advance(1)
    squared = (normal**2).sum(axis=1) * stretch**2
    ratio += 0.5 * (_FREEDOM + len(mode)) * np.log1p(squared / _FREEDOM)
    weighed = smooth(ratio)
    chosen = proposed[_resampled(weighed.weight, draws, rng)]
    told = () if weighed.k_hat <= TRUSTED else (f"k-hat is {weighed.k_hat:.2f}, above {TRUSTED}: not to be trusted.",)
    return Sampled(named(model, chosen), "laplace", {"k_hat": weighed.k_hat, "ess": weighed.ess}, told)


def density(model: Any) -> tuple[Logp, Floats]:
    """Return the log posterior with its gradient as a function of all unconstrained values, and where to start."""
    bijection = library("pymc.blocking").DictToArrayBijection
    with quiet():
        function = model.logp_dlogp_function(ravel_inputs=True, **compiling())
    function.set_extra_values({})
    start = bijection.map(model.initial_point()).data

    def logp(x: Floats) -> tuple[float, Floats]:
        with np.errstate(all="ignore"):
            value, gradient = function(x)
        return float(value), np.asarray(gradient, dtype=float)

    return logp, np.asarray(start, dtype=float)


def find_mode(logp: Logp, start: Floats) -> Floats:
    """Return where the log density is greatest."""

    def loss(x: Floats) -> tuple[float, Floats]:
        value, gradient = logp(x)
        if not np.isfinite(value) or not np.isfinite(gradient).all():
            return 1e300, np.zeros_like(x)
        return -value, -gradient

    if not np.isfinite(logp(start)[0]):
        raise FitError(
            "the likelihood is not finite at the start", advice="check times and amounts: none may be negative"
        )
    found = optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "maxcor": 30, "ftol": 1e-13, "gtol": 1e-7}
    )
    polished = optimize.minimize(loss, found.x, jac=True, method="BFGS", options={"gtol": 1e-5, "maxiter": 200})
    best = polished.x if polished.fun <= found.fun else found.x
    return np.asarray(best)


def hessian(logp: Logp, at: Floats) -> Floats:
    """Return the second derivatives of the negative log density, by central differences of its gradient."""
    rows = []
    for k in range(len(at)):
        step = np.zeros_like(at)
        step[k] = _STEP * max(1.0, abs(at[k]))
        rows.append((logp(at - step)[1] - logp(at + step)[1]) / (2 * step[k]))
    found = np.array(rows)
    return np.asarray((found + found.T) / 2)


def named(model: Any, x: Floats) -> dict[str, Floats]:
    """Return the variables that are draws at each unconstrained point, shape (draws,) or (draws, k)."""
    bijection = library("pymc.blocking").DictToArrayBijection
    info = bijection.map(model.initial_point()).point_map_info
    raveled = library("pymc.blocking").RaveledVars
    names = names_of(model)
    values = [variable for variable in model.unobserved_value_vars if variable.name in names]
    with quiet():
        function = model.compile_fn(values, inputs=model.value_vars, on_unused_input="ignore", **compiling())
    found = [function(bijection.rmap(raveled(row, info))) for row in x]
    return {variable.name: np.array([row[k] for row in found]) for k, variable in enumerate(values)}


def _root(curvature: Floats) -> Floats:
    """Return a root of the covariance at the mode."""
    size, axes = np.linalg.eigh(curvature)
    if not np.isfinite(size).all() or size.max() <= 0:
        raise FitError(
            "the posterior has no maximum: the data say nothing of some parameter",
            advice="use narrower priors, or --inference nuts",
        )
    return np.asarray(axes / np.sqrt(np.maximum(size, 1e-8 * size.max())))


def _resampled(weight: Floats, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw systematically: each proposal as often as its weight says, rounded up or down."""
    points = (rng.random() + np.arange(size)) / size
    found = np.searchsorted(np.cumsum(weight), points * (1 - 1e-12))
    return np.asarray(rng.permutation(np.minimum(found, len(weight) - 1)))
