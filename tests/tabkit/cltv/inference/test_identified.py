"""Parameters that the data hardly tell: which, and what that means."""

import numpy as np
import pytest

from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.fit import FittedLikelihood
from tabkit.cltv.inference.identified import sentences, vague
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import MODELS, gamma_gamma
from tabkit.cltv.models.priors import Prior

BGNBD = MODELS["bgnbd"]
PRIORS = {p.name: p.prior for p in (*BGNBD.parameters, *gamma_gamma.PARAMETERS)}
TOLD = {"r": 0.9, "alpha": 2.0, "phi": 0.2, "kappa": 3.0}


def posterior(**draws: np.ndarray) -> Posterior:
    """Return draws close to known values, but for those given."""
    close = np.random.default_rng(0).lognormal(0, 0.1, 2000)
    return Posterior({name: value * close for name, value in TOLD.items()} | draws, BGNBD.parameters, Design())


def test_what_the_data_tell_is_not_vague(fitted: FittedLikelihood) -> None:
    assert vague(posterior(), PRIORS, BGNBD) == []
    assert vague(fitted.posterior, fitted.priors, BGNBD) == []  # CDNOW


def test_a_posterior_that_is_the_prior_is_vague() -> None:
    phi = np.random.default_rng(1).random(2000)
    found = vague(posterior(phi=phi), PRIORS, BGNBD)
    assert [(one.name, one.still_prior) for one in found] == [("phi", True)]
    half = vague(posterior(phi=0.25 + phi / 2), PRIORS, BGNBD)
    assert half == []
    assert "likely customers" in next(sentences(found))


def test_a_parameter_less_than_its_own_error_is_vague_and_so_is_what_follows() -> None:
    kappa = np.random.default_rng(1).lognormal(0, 2, 2000)
    found = vague(posterior(kappa=kappa), {**PRIORS, "kappa": Prior.of("half_cauchy", beta=50.0)}, BGNBD)
    assert [one.name for one in found] == ["kappa", "a", "b"]
    assert all(one.sd > one.mean and not one.still_prior for one in found)
    told = list(sentences(found))
    assert len(told) == 1
    assert told[0].startswith("The data hardly tell kappa (")
    assert "far customers" in told[0]


@pytest.mark.parametrize(("width", "expected"), [(1.0, ["rate: age"]), (0.2, [])])
def test_an_effect_is_vague_as_its_prior_is_and_not_for_its_sign(width: float, expected: list[str]) -> None:
    effect = width * np.random.default_rng(2).standard_normal((2000, 1))
    design = Design(covariates=("age",), mean=(0.0,), spread=(1.0,))
    draws = {**posterior().draws, "rate_coef": effect}
    found = vague(
        Posterior(draws, BGNBD.parameters, design), {**PRIORS, "covariate": Prior.of("normal", mu=0, sigma=1)}, BGNBD
    )
    assert [one.name for one in found] == expected


def test_spend_has_its_own_sentence() -> None:
    close = np.random.default_rng(0).lognormal(0, 0.1, 2000)
    v = np.abs(np.random.default_rng(3).standard_cauchy(2000))
    found = vague(Posterior({"p": 4 * close, "q": 6 * close, "v": v}, gamma_gamma.PARAMETERS, Design()), PRIORS, None)
    assert [one.name for one in found] == ["v"]
    assert "spend is hardly" in next(sentences(found))
