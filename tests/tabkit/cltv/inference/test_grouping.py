"""The axes that groups are sampled along: the density is that of the plain model times the Jacobian."""

import numpy as np
import polars as pl
import pytest
from scipy import stats
from scipy.special import expit, logit

from tabkit.cltv.inference import fit as fitting
from tabkit.cltv.inference.building import GROUP_SCALE, Likelihood, build
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.fit import InferenceSettings, fit
from tabkit.cltv.inference.grouping import near, seen
from tabkit.cltv.models import MODELS
from tabkit.cltv.models.ops import NUMPY
from tabkit.cltv.models.priors import Prior

RNG = np.random.default_rng(0)


def contracts(shares: dict[str, tuple[float, float]], size: int) -> pl.DataFrame:
    """Contracts whose chance to end each year is Beta(a, b) by group."""
    parts = []
    for name, (a, b) in shares.items():
        years = np.minimum(RNG.geometric(RNG.beta(a, b, size)), 6)
        parts.append(pl.DataFrame({"T": np.minimum(years, 5), "churned": (years <= 5).astype(int), "shop": name}))
    return pl.concat(parts)


def likelihood(rows: pl.DataFrame) -> Likelihood:
    model, design = MODELS["sbg"], Design.of(rows, group="shop")
    counted = fitting.count(rows, [*model.columns, "shop"])
    return fitting._likelihood(model.parameters, counted, design, model)


def test_what_is_sampled_has_its_prior_and_its_jacobian():
    mean, var, hat, hat_var = 0.3, 0.7, 1.1, 0.2
    points = np.linspace(-3, 3, 7)
    x, density = near(NUMPY, points, (mean, var), (hat, hat_var))
    exact = stats.norm.logpdf(x, mean, np.sqrt(var)) + np.log(np.gradient(x, points))
    np.testing.assert_allclose(density - exact, (density - exact)[0], atol=1e-10)
    both = stats.norm.logpdf(x, mean, np.sqrt(var)) + stats.norm.logpdf(hat, x, np.sqrt(hat_var))
    np.testing.assert_allclose(both - both[3], stats.norm.logpdf(points) - stats.norm.logpdf(0.0), atol=1e-10)


def test_what_groups_say_is_near_their_own_maximum_likelihood():
    rows = contracts({"a": (1.0, 3.0), "b": (2.0, 2.0)}, 20_000)
    known = likelihood(rows)
    found = seen(known.parameters, lambda ops, v, d: known.loglik(ops, known.derived(v), d), known.data, known.weight,
                 known.place, start=np.zeros(2))  # fmt: skip
    for mean, variance, (a, b) in zip(found.mean, found.variance, [(1.0, 3.0), (2.0, 2.0)], strict=True):
        names = [p.name for p in known.parameters]
        truth = {"phi": logit(a / (a + b)), "kappa": np.log(a + b)}
        np.testing.assert_array_less(np.abs(mean - [truth[n] for n in names]), 4 * np.sqrt(variance))
        assert (variance < 0.05).all()


def test_a_group_that_says_nothing_is_hardly_seen():
    rows = pl.concat([contracts({"a": (1.0, 3.0)}, 5000), contracts({"b": (1.0, 3.0)}, 1)])
    known = likelihood(rows)
    found = seen(known.parameters, lambda ops, v, d: known.loglik(ops, known.derived(v), d), known.data, known.weight,
                 known.place, start=np.zeros(2))  # fmt: skip
    assert (found.variance[0] < 0.1).all()
    assert (found.variance[1] > 1.0).all()


def test_the_sampled_density_is_that_of_the_plain_model():
    pytest.importorskip("pymc")
    rows = contracts({"a": (1.0, 3.0), "b": (2.0, 2.0), "c": (0.5, 4.0)}, 300)
    known = likelihood(rows)
    priors = {"phi": Prior.of("uniform", lower=0.0, upper=1.0), "kappa": Prior.of("half_cauchy", beta=1.0)}
    priors[GROUP_SCALE] = Prior.of("half_cauchy", beta=0.5)
    model = build(known, priors)
    names = [variable.name for variable in model.value_vars]
    logp = model.compile_logp()
    outputs = [model[name] for name in ("phi", "phi_sigma", "phi_z", "kappa", "kappa_sigma", "kappa_z")]
    values = model.compile_fn(model.replace_rvs_by_values(outputs), inputs=model.value_vars)
    shapes = {name: model.initial_point()[name].shape for name in names}

    def pointed(x: np.ndarray) -> dict[str, np.ndarray]:
        point, start = {}, 0
        for name in names:
            size = int(np.prod(shapes[name]))
            point[name] = x[start : start + size].reshape(shapes[name])
            start += size
        return point

    def plain(x: np.ndarray) -> np.ndarray:
        phi, phi_sigma, phi_z, kappa, kappa_sigma, kappa_z = values(pointed(x))
        return np.concatenate([[logit(phi), np.log(phi_sigma)], phi_z, [np.log(kappa), np.log(kappa_sigma)], kappa_z])

    def direct(x: np.ndarray) -> float:
        u = plain(x)
        (phi, s1), z1, (kappa, s2), z2 = u[:2], u[2:5], u[5:7], u[7:]
        found = stats.halfcauchy.logpdf(np.exp(kappa)) + kappa + np.log(expit(phi) * expit(-phi))
        found += sum(stats.halfcauchy.logpdf(np.exp(s), scale=0.5) + s for s in (s1, s2))
        found += stats.norm.logpdf(np.concatenate([z1, z2])).sum()
        own = {"phi": expit(phi + np.exp(s1) * z1)[known.place], "kappa": np.exp(kappa + np.exp(s2) * z2)[known.place]}
        found += (known.weight * known.loglik(NUMPY, known.derived(own), known.data)).sum()
        columns = [(plain(x + step) - plain(x - step)) / 2e-5 for step in 1e-5 * np.eye(len(x))]
        return float(found + np.linalg.slogdet(np.array(columns).T)[1])

    points = np.random.default_rng(1).normal(0, 0.7, (8, 10))
    gaps = [float(logp(pointed(x))) - direct(x) for x in points]
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-5)


def test_groups_are_fitted_without_falling_back_to_nuts():
    pytest.importorskip("pymc")
    rows = contracts({"a": (1.0, 3.0), "b": (2.0, 2.0), "c": (0.5, 4.0), "d": (1.0, 1.0)}, 3000)
    found = fit(rows, model="sbg", settings=InferenceSettings(draws=1000, group="shop"))
    assert found.sampled.inference == "laplace"
    draws = found.posterior.draws
    shares = expit(logit(draws["phi"])[:, None] + draws["phi_sigma"][:, None] * draws["phi_z"])
    np.testing.assert_allclose(shares.mean(axis=0), [0.25, 0.5, 1 / 9, 0.5], atol=0.03)
