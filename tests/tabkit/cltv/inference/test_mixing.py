"""What is told and what is refused of a sampler's chains."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tabkit.cltv.inference import nuts as nuts_module
from tabkit.cltv.inference.mixing import doubts, doubts_of_fit, mixing, refuse
from tabkit.errors import FitError

pytest.importorskip("arviz", reason="the extra cltv is not installed")


def chains(*, count=4, draws=500, numbers=60, lasting=0.0, seed=0):
    """Return autoregressive standard normals, shape (chains, draws, numbers)."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((count, draws, numbers))
    for t in range(1, draws):
        found[:, t] = lasting * found[:, t - 1] + np.sqrt(1 - lasting**2) * found[:, t]
    return found


def test_chains_that_are_alike_raise_no_doubt():
    found = mixing({"x": chains()}, divergences=1)
    refuse(found)
    assert doubts(found) == ()
    assert found["divergent"] == 1 / 2000


def test_chains_in_different_places_are_refused_with_what_to_do():
    apart = chains(numbers=1) + np.array([0.0, 0.0, 0.0, 3.0])[:, None, None]
    with pytest.raises(FitError, match="different answers") as error:
        refuse(mixing({"x": chains(), "level": apart[..., 0]}, divergences=0))
    assert "priors" in str(error.value.advice)


def test_one_chain_that_wanders_is_compared_with_itself():
    one = chains(count=1, draws=1000, numbers=1)
    assert mixing({"x": one}, divergences=0)["r_hat"] < 1.02
    with pytest.raises(FitError, match="R-hat"):
        refuse(mixing({"x": one + np.linspace(0, 6, 1000)[:, None]}, divergences=0))


@pytest.mark.parametrize(("lasting", "refused"), [(0.9, False), (0.995, True)])
def test_few_effective_draws_are_told_and_next_to_none_refused(lasting, refused):
    found = mixing({"x": chains(count=2, numbers=1, lasting=lasting)}, divergences=0)
    assert any("effective draws" in told for told in doubts(found))
    if refused:
        with pytest.raises(FitError, match="effective draws"):
            refuse(found)
    else:
        refuse(found)


@pytest.mark.parametrize(("divergences", "told", "refused"), [(2, False, False), (20, True, False), (100, True, True)])
def test_the_share_of_divergences_decides(divergences, told, refused):
    found = mixing({"x": chains()}, divergences=divergences)
    assert any("divergences" in doubt for doubt in doubts(found)) == told
    if refused:
        with pytest.raises(FitError, match=r"5\.0% of draws diverged"):
            refuse(found)
    else:
        refuse(found)


def test_what_is_constant_needs_no_mixing_and_what_is_not_finite_is_refused():
    still = np.ones((4, 500))
    assert mixing({"x": chains(), "share": still}, divergences=0)["r_hat"] < 1.02
    still[2, 7] = np.nan
    with pytest.raises(FitError, match="R-hat is inf"):
        refuse(mixing({"x": chains(), "share": still}, divergences=0))


def test_doubts_are_of_purchases_and_of_spend_and_laplace_has_none():
    rough = {"divergences": 0.0, "divergent": 0.0, "r_hat": 1.06, "ess": 90.0}
    (one, two) = doubts_of_fit({"diagnostics": {"k_hat": 0.3, "ess": 90.0}, "spend": {"diagnostics": rough}})
    assert one.startswith("Spend: R-hat is 1.060")
    assert two.startswith("Spend: 90 effective")
    assert doubts_of_fit({"diagnostics": {"divergences": 0.0, "r_hat": None, "ess": None}, "spend": None}) == ()


def test_the_sampler_itself_refuses(monkeypatch):
    """By the door that campaigns and customers' models both take."""
    model = SimpleNamespace(unobserved_RVs=[SimpleNamespace(name="x")])

    def sampled(shift):
        moved = chains(numbers=1)[..., 0] + shift * np.arange(4)[:, None]
        stats = {"diverging": SimpleNamespace(values=np.zeros((4, 500), dtype=bool))}
        return SimpleNamespace(posterior={"x": SimpleNamespace(values=moved)}, sample_stats=stats)

    monkeypatch.setattr(nuts_module, "_sample", lambda *_, **__: sampled(0.0))
    found = nuts_module.nuts(model, draws=2000)
    assert (found.draws["x"].shape, found.warnings) == ((2000,), ())
    monkeypatch.setattr(nuts_module, "_sample", lambda *_, **__: sampled(1.0))
    with pytest.raises(FitError, match="did not find the posterior"):
        nuts_module.nuts(model, draws=2000)
