"""The No-U-Turn sampler: nutpie where it is installed, PyMC's own otherwise."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit.cltv.backend import library, quiet
from tabkit.cltv.building import shown as names_of
from tabkit.cltv.sampling import Sampled
from tabkit.errors import FitError
from tabkit.progress import Progress, Silent

Floats = NDArray[np.float64]

_R_HAT, _ESS = 1.01, 400


def nuts(
    model: Any,
    *,
    draws: int = 2000,
    tune: int = 1000,
    chains: int = 4,
    seed: int = 0,
    cores: int | None = None,
    progress: Progress | None = None,
) -> Sampled:
    """Sample a model, and check divergences, R-hat and the effective sample size.

    Hoffman and Gelman 2014 for the sampler; Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021 for R-hat (above 1.01
    chains disagree) and the effective sample size (below 400 quantiles are rough).

    Parameters
    ----------
    draws
        In all chains together.
    tune
        Of each chain, before them.
    """
    shown = progress or Silent()
    each = -(-draws // chains)
    with shown.task("sampling", total=None):
        found = _sample(model, draws=each, tune=tune, chains=chains, seed=seed, cores=cores)
    names = names_of(model)
    posterior = {name: np.asarray(found.posterior[name].values) for name in names}
    divergences = int(np.asarray(found.sample_stats["diverging"].values).sum())
    diagnostics = {"divergences": float(divergences), **_mixing(posterior)}
    chained = {name: value.reshape(-1, *value.shape[2:]) for name, value in posterior.items()}
    order = np.random.default_rng(seed).permutation(each * chains)[:draws]
    return Sampled({name: value[order] for name, value in chained.items()}, "nuts", diagnostics, _told(diagnostics))


def _sample(model: Any, *, draws: int, tune: int, chains: int, seed: int, cores: int | None) -> Any:
    with quiet():
        if importlib.util.find_spec("nutpie") is not None:
            nutpie = library("nutpie")
            compiled = nutpie.compile_pymc_model(model)
            options = {} if cores is None else {"cores": cores}
            try:
                return nutpie.sample(
                    compiled, draws=draws, tune=tune, chains=chains, seed=seed, progress_bar=False, **options
                )
            except RuntimeError as error:
                raise FitError(
                    f"the sampler could not run: {str(error).splitlines()[0]}",
                    advice="look for values that no customer can have, and for priors far from the data",
                ) from error
        pm = library("pymc")
        logging.getLogger("pymc").setLevel(logging.ERROR)
        return pm.sample(
            draws, tune=tune, chains=chains, cores=cores, random_seed=seed, model=model, progressbar=False,
            compute_convergence_checks=False,
        )  # fmt: skip


def _mixing(posterior: dict[str, Floats]) -> dict[str, float]:
    """Return the largest R-hat and the smallest effective sample size of all values."""
    arviz = library("arviz")
    flat = [value.reshape(*value.shape[:2], -1) for value in posterior.values()]
    columns = [value[..., k] for value in flat for k in range(value.shape[-1])]
    r_hat = max(float(arviz.rhat(column)) for column in columns)
    return {"r_hat": r_hat, "ess": min(float(arviz.ess(column)) for column in columns)}


def _told(found: dict[str, float]) -> tuple[str, ...]:
    told = []
    if found["divergences"]:
        told.append(f"{found['divergences']:,.0f} divergences: the sampler missed a narrow place; use stronger priors.")
    if not found["r_hat"] <= _R_HAT:
        told.append(f"R-hat is {found['r_hat']:.3f}, above {_R_HAT}: the chains disagree; draw more.")
    if not found["ess"] >= _ESS:
        told.append(f"The effective sample size is {found['ess']:.0f}, below {_ESS}: intervals are rough; draw more.")
    return tuple(told)
