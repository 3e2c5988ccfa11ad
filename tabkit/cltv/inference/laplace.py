"""Laplace's approximation corrected by importance resampling, with a diagnosis of its quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.cltv.inference.backend import compiling, quiet
from tabkit.cltv.inference.building import shown as names_of
from tabkit.cltv.inference.psis import TRUSTED, Smoothed, smooth
from tabkit.cltv.inference.sampling import Sampled
from tabkit.cltv.limits import FEWEST_PROPOSALS
from tabkit.errors import FitError
from tabkit.extras import require
from tabkit.progress import Advance, Progress, Silent

Floats = NDArray[np.float64]
Logp = Callable[[Floats], tuple[float, Floats]]

_STEP = 1e-4  # relative, of central differences: balances rounding and curvature
_FREEDOM = 7.0  # Student's t: tails heavier than the posterior's, so that no weight is unbounded
_ROUNDS, _MOST = 2, 60  # adapting twice is enough where it helps at all; with more parameters importance sampling fails
_ESS = 400  # as for MCMC (Vehtari and others 2021): ends of intervals are stable from here on


def laplace(
    model: Any, *, draws: int = 2000, seed: int = 0, apart: bool = False, progress: Progress | None = None
) -> Sampled:
    """Draw from Student's t at the mode with the curvature there, weigh by the posterior, and resample.

    Tierney and Kadane 1986 for the mode and curvature; the weights are Pareto-smoothed and diagnosed by k-hat (Vehtari
    et al. 2024): above 0.7 the draws are not to be used. Then up to two further rounds propose from the weighted mean
    and covariance of the one before, which mends a posterior that leans, such as that of the scale of few groups.

    Parameters
    ----------
    model
        A `pymc.Model` of continuous variables.
    draws
        How many to return, and to propose (2,000 at least): where the proposal is good, few are taken twice.
    seed
        Decides them.
    apart
        Compile the density once more without its gradient, which weighing does not need: half a second, against half
        the time of each evaluation. It pays from some thousand distinct rows.

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
    rng, size = np.random.default_rng(seed), max(draws, FEWEST_PROPOSALS)
    value_of = _value(model) if apart else lambda x: logp(x)[0]
    found = _Proposal(mode, _root(curvature))
    for last in (*[False] * _ROUNDS, True):
        with shown.task("weighing draws", total=size) as advance:
            proposed, weighed = _weighed(found, value_of, size, rng, advance)
        if last or weighed.k_hat <= TRUSTED or len(mode) > _MOST or weighed.ess < len(mode):
            break
        found = _learned(found, proposed, weighed)
    chosen = proposed[_resampled(weighed.weight, draws, rng)]
    told = [f"k-hat is {weighed.k_hat:.2f}, above {TRUSTED}: not to be trusted."] if weighed.k_hat > TRUSTED else []
    if weighed.ess < _ESS:
        told.append(f"The draws are worth {weighed.ess:.0f}, less than {_ESS}: intervals are rough; draw more.")
    diagnostics = {"k_hat": weighed.k_hat, "ess": weighed.ess}
    return Sampled(named(model, chosen), "laplace", diagnostics, tuple(told))


@dataclass(frozen=True, slots=True, eq=False)
class _Proposal:
    """Student's t: where its middle is, and a root of its scale."""

    middle: Floats
    root: Floats


def _weighed(
    proposal: _Proposal, value_of: Callable[[Floats], float], size: int, rng: np.random.Generator, advance: Advance
) -> tuple[Floats, Smoothed]:
    """Draw from a proposal and weigh by the posterior."""
    normal = rng.standard_normal((size, len(proposal.middle)))
    stretch = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, size))
    proposed = proposal.middle + (normal * stretch[:, None]) @ proposal.root.T
    ratio = np.empty(size)
    for i, x in enumerate(proposed):
        value = value_of(x)
        ratio[i] = value if np.isfinite(value) else -np.inf
        advance(1)
    squared = (normal**2).sum(axis=1) * stretch**2
    ratio += 0.5 * (_FREEDOM + len(proposal.middle)) * np.log1p(squared / _FREEDOM)
    return proposed, smooth(ratio)


def _learned(proposal: _Proposal, proposed: Floats, weighed: Smoothed) -> _Proposal:
    """Move a proposal to the mean and covariance of its weighted draws, as far as these are worth something.

    Cappé, Guillin, Marin and Robert 2004, "Population Monte Carlo": the draws of the next round are new ones, so that
    their weights are as right as those of the first.
    """
    share = weighed.ess / (weighed.ess + 4 * len(proposal.middle))
    mean = weighed.weight @ proposed
    spread = (proposed - mean) * np.sqrt(weighed.weight)[:, None]
    covariance = share * spread.T @ spread + (1 - share) * proposal.root @ proposal.root.T
    middle = share * mean + (1 - share) * proposal.middle
    return _Proposal(middle, np.asarray(np.linalg.cholesky(covariance), dtype=float))


def density(model: Any) -> tuple[Logp, Floats]:
    """Return the log posterior with its gradient as a function of all unconstrained values, and where to start."""
    bijection = require("pymc.blocking", extra="cltv").DictToArrayBijection
    with quiet():
        function = model.logp_dlogp_function(ravel_inputs=True, **compiling())
    function.set_extra_values({})
    start = bijection.map(model.initial_point()).data

    def logp(x: Floats) -> tuple[float, Floats]:
        with np.errstate(all="ignore"):
            value, gradient = function(x)
        return float(value), np.asarray(gradient, dtype=float)

    return logp, np.asarray(start, dtype=float)


def _value(model: Any) -> Callable[[Floats], float]:
    """Return the log posterior alone as a function of all unconstrained values."""
    blocking = require("pymc.blocking", extra="cltv")
    info = blocking.DictToArrayBijection.map(model.initial_point()).point_map_info
    with quiet():
        function = model.compile_fn(model.logp(), inputs=model.value_vars, **compiling())

    def value(x: Floats) -> float:
        with np.errstate(all="ignore"):
            return float(function(blocking.DictToArrayBijection.rmap(blocking.RaveledVars(x, info))))

    return value


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
    found = scipy.optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "maxcor": 30, "ftol": 1e-13, "gtol": 1e-7}
    )
    polished = scipy.optimize.minimize(loss, found.x, jac=True, method="BFGS", options={"gtol": 1e-5, "maxiter": 200})
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
    bijection = require("pymc.blocking", extra="cltv").DictToArrayBijection
    info = bijection.map(model.initial_point()).point_map_info
    raveled = require("pymc.blocking", extra="cltv").RaveledVars
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
