import numpy as np
import pytest

from tabkit.cltv.models.priors import PARAMETERS, PYMC, Prior
from tabkit.errors import ConfigError
from tabkit.extras import require

ALL = [
    Prior.of("half_cauchy", beta=2.5),
    Prior.of("half_normal", sigma=2.0),
    Prior.of("gamma", alpha=2.0, beta=3.0),
    Prior.of("log_normal", mu=-0.5, sigma=0.7),
    Prior.of("weibull", alpha=2.0, beta=10.0),
    Prior.of("uniform", lower=0.5, upper=2.0),
    Prior.of("beta", alpha=2.0, beta=5.0),
    Prior.of("pareto", alpha=3.0, m=1.5),
    Prior.of("normal", mu=0.3, sigma=2.0),
]


def test_every_kind_is_known_everywhere() -> None:
    assert {prior.kind for prior in ALL} == set(PARAMETERS) == set(PYMC)


@pytest.mark.parametrize("prior", ALL, ids=lambda prior: prior.kind)
def test_it_travels_as_a_table(prior: Prior) -> None:
    assert Prior.from_dict(prior.to_dict()) == prior


@pytest.mark.parametrize("prior", [p for p in ALL if p.kind != "beta"], ids=lambda prior: prior.kind)
def test_in_another_unit_it_is_the_same_belief(prior: Prior) -> None:
    levels = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(prior.scaled(7.0).frozen().ppf(levels), 7 * prior.frozen().ppf(levels), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ALL, ids=lambda prior: prior.kind)
def test_pymc_has_the_same_density(prior: Prior) -> None:
    pytest.importorskip("pymc", reason="the extra cltv is not installed")
    from tabkit.cltv.inference.backend import quiet  # noqa: PLC0415  # PyMC may be missing

    pm = require("pymc", extra="cltv")
    with quiet():
        distribution = getattr(pm, PYMC[prior.kind]).dist(**dict(prior.values))
        for x in prior.frozen().ppf([0.2, 0.5, 0.8]):
            value = float(pm.logp(distribution, x).eval(mode="FAST_COMPILE"))
            assert value == pytest.approx(float(np.log(prior.density(np.array(x)))), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"kind": "cauchy"}, "there is no prior 'cauchy'"),
        ({}, "there is no prior 'None'"),
        ({"kind": "gamma", "alpha": 1.0}, "alpha; alpha, beta"),
        ({"kind": "half_normal", "sigma": -1.0}, r"sigma.*prior half_normal.*-1.0"),
        ({"kind": "half_normal", "sigma": float("inf")}, "a positive number"),
        ({"kind": "half_normal", "sigma": "1"}, "a positive number"),
        ({"kind": "uniform", "lower": 2.0, "upper": 1.0}, "from low to high"),
    ],
)
def test_what_is_no_prior_is_refused(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Prior.from_dict(values)
