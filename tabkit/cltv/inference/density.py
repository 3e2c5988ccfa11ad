"""Prior and posterior of each parameter as two histograms on one axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.inference.building import COVARIATE, GROUP_SCALE
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models.priors import Prior
from tabkit.errors import ConfigError

Floats = NDArray[np.float64]

COLUMNS = ("parameter", "low", "high", "posterior", "prior")
_TAIL = 0.001  # rarer draws would stretch the axis


def densities(posteriors: Sequence[Posterior], priors: Mapping[str, Prior], *, bins: int = 40) -> pl.DataFrame:
    """Return the densities of posterior and prior of each parameter that has a prior, bin by bin.

    Bins span the posterior alone (from its quantile 0.001 to 0.999): of a prior with heavy tails one sees what it
    says there, and its density is over its whole range, so that a prior far wider than the posterior lies near zero.

    Parameters
    ----------
    posteriors
        Of purchases, and of spend where there is one.
    priors
        As they were used, by parameter; `Prior.from_dict` makes them from the facts of a saved model.
    bins
        How many, equally wide.

    Returns
    -------
    pl.DataFrame
        `parameter` (a coefficient is ``EFFECT: COVARIATE``), `low` and `high` (ends of the bin, in the parameter's
        unit), `posterior` and `prior` (mean densities in the bin, in one over that unit); in the order of the draws.

    Raises
    ------
    ConfigError
        If `bins` is below 2.

    Examples
    --------
    >>> from tabkit.cltv.inference.design import Design
    >>> posterior = Posterior({"r": np.random.default_rng(0).beta(3, 5, 4000)}, (), Design())
    >>> found = densities([posterior], {"r": Prior.of("uniform", lower=0.0, upper=1.0)}, bins=20)
    >>> found.height, found["prior"].round(6).unique().to_list()
    (20, [1.0])
    """
    if bins < 2:
        raise ConfigError(f"bins is {bins!r}; a whole number from 2 was expected")
    parts = [
        _density(name, draws, prior, bins)
        for posterior in posteriors
        for name, draws, prior in sampled(posterior, priors)
        if draws.size and np.isfinite(draws).all()
    ]
    schema = {name: pl.String if name == "parameter" else pl.Float64 for name in COLUMNS}
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def sampled(posterior: Posterior, priors: Mapping[str, Prior]) -> Iterator[tuple[str, Floats, Prior]]:
    """Yield what was sampled of a prior: names, draws of shape (draws,), and the prior."""
    for name, draws in posterior.draws.items():
        if name in priors and draws.ndim == 1:
            yield name, draws, priors[name]
        elif name.endswith("_sigma") and GROUP_SCALE in priors:
            yield name, draws, priors[GROUP_SCALE]
        elif name.endswith("_coef") and COVARIATE in priors:
            columns = draws.reshape(len(draws), -1).T
            for covariate, column in zip(posterior.design.covariates, columns, strict=True):
                yield f"{name.removesuffix('_coef')}: {covariate}", column, priors[COVARIATE]


def _density(name: str, draws: Floats, prior: Prior, bins: int) -> pl.DataFrame:
    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL])
    if not high > low:  # all draws alike: a known value
        low, high = low - max(abs(low), 1.0) * 0.05, high + max(abs(high), 1.0) * 0.05
    edges = np.linspace(low, high, bins + 1)
    width = np.diff(edges)
    counts = np.histogram(draws, bins=edges)[0]
    before = np.diff(prior.frozen().cdf(edges))
    columns = {"low": edges[:-1], "high": edges[1:], "posterior": counts / len(draws) / width, "prior": before / width}
    return pl.DataFrame(columns).select(pl.lit(name).alias("parameter"), *columns)
