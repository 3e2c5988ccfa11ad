"""The No-U-Turn sampler: nutpie where it is installed, PyMC's own otherwise."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import numpy as np

from tabkit.cltv.inference.backend import quiet
from tabkit.cltv.inference.building import shown as names_of
from tabkit.cltv.inference.mixing import doubts, mixing, refuse
from tabkit.cltv.inference.sampling import Sampled
from tabkit.errors import FitError
from tabkit.extras import require
from tabkit.progress import Progress, Silent


def nuts(
    model: Any,
    *,
    draws: int = 2000,
    tune: int = 1000,
    chains: int = 4,
    accept: float = 0.8,
    seed: int = 0,
    cores: int | None = None,
    progress: Progress | None = None,
) -> Sampled:
    """Sample a model, and check divergences, R-hat and the effective sample size.

    Hoffman and Gelman 2014 for the sampler; Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021 for R-hat and the
    effective sample size; `tabkit.cltv.inference.mixing` for the limits.

    Parameters
    ----------
    draws
        In all chains together.
    tune
        Of each chain, before them.
    accept
        The mean probability of acceptance that tuning aims for: more takes smaller steps, which see narrower places.

    Raises
    ------
    FitError
        If the sampler cannot run, or its draws are of no use.
    """
    shown = progress or Silent()
    each = -(-draws // chains)
    with shown.task("sampling", total=None):
        options = {"draws": each, "tune": tune, "chains": chains, "target_accept": accept}
        found = _sample(model, options, seed=seed, cores=cores)
    names = names_of(model)
    posterior = {name: np.asarray(found.posterior[name].values) for name in names}
    diagnostics = mixing(posterior, divergences=int(np.asarray(found.sample_stats["diverging"].values).sum()))
    refuse(diagnostics)
    chained = {name: value.reshape(-1, *value.shape[2:]) for name, value in posterior.items()}
    order = np.random.default_rng(seed).permutation(each * chains)[:draws]
    return Sampled({name: value[order] for name, value in chained.items()}, "nuts", diagnostics, doubts(diagnostics))


def _sample(model: Any, options: dict[str, Any], *, seed: int, cores: int | None) -> Any:
    with quiet():
        if importlib.util.find_spec("nutpie") is not None:
            nutpie = require("nutpie", extra="cltv")
            compiled = nutpie.compile_pymc_model(model)
            at_once = {} if cores is None else {"cores": cores}
            try:
                return nutpie.sample(compiled, seed=seed, progress_bar=False, **options, **at_once)
            except RuntimeError as error:
                raise FitError(
                    f"the sampler could not run: {str(error).splitlines()[0]}",
                    advice="look for values that no customer can have, and for priors far from the data",
                ) from error
        pm = require("pymc", extra="cltv")
        logging.getLogger("pymc").setLevel(logging.ERROR)
        return pm.sample(
            **options, cores=cores, random_seed=seed, model=model, progressbar=False, compute_convergence_checks=False
        )
