"""Posterior against prior."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tabkit.cltv.inference.density import densities
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models.priors import Prior
from tabkit.errors import ConfigError


def posterior(**draws: np.ndarray) -> Posterior:
    design = Design(covariates=("age", "visits"), mean=(0.0, 0.0), spread=(1.0, 1.0))
    return Posterior(draws, (), design)


def test_the_posterior_is_its_histogram_and_the_prior_its_density() -> None:
    draws = np.random.default_rng(0).gamma(9.0, 0.5, 200_000)
    found = densities([posterior(alpha=draws)], {"alpha": Prior.of("half_cauchy", beta=2.0)}, bins=30)
    width = found["high"] - found["low"]
    assert float((found["posterior"] * width).sum()) == pytest.approx(0.998, abs=1e-3)
    middle = ((found["low"] + found["high"]) / 2).to_numpy()
    assert found["posterior"].to_numpy() == pytest.approx(stats.gamma(9, scale=0.5).pdf(middle), abs=0.006)
    assert found["prior"].to_numpy() == pytest.approx(stats.halfcauchy(scale=2.0).pdf(middle), rel=0.01)


def test_heavy_tails_are_shown_over_the_range_of_the_posterior_alone() -> None:
    draws = np.random.default_rng(0).normal(5.0, 0.1, 1000)
    found = densities([posterior(alpha=draws)], {"alpha": Prior.of("half_cauchy", beta=1e6)})
    assert found["low"].min() >= draws.min()
    assert found["high"].max() <= draws.max()


def test_scales_and_coefficients_stand_under_their_common_prior() -> None:
    rng = np.random.default_rng(0)
    given = posterior(r=rng.random(50), r_sigma=rng.random(50), r_z=rng.random((50, 3)), rate_coef=rng.random((50, 2)))
    priors = {"group_scale": Prior.of("half_cauchy", beta=0.5), "covariate": Prior.of("normal", mu=0.0, sigma=1.0)}
    found = densities([given], priors)
    assert found["parameter"].unique(maintain_order=True).to_list() == ["r_sigma", "rate: age", "rate: visits"]


def test_draws_that_are_all_alike_and_none() -> None:
    one = densities([posterior(r=np.full(9, 2.0))], {"r": Prior.of("gamma", alpha=2.0, beta=1.0)})
    assert one["posterior"].is_finite().all()
    assert float((one["posterior"] * (one["high"] - one["low"])).sum()) == pytest.approx(1.0)
    none = densities([posterior(r=np.ones(3))], {})
    assert none.schema == {"parameter": pl.String, **dict.fromkeys(("low", "high", "posterior", "prior"), pl.Float64)}
    with pytest.raises(ConfigError, match="bins"):
        densities([], {}, bins=1)
