import warnings

import numpy as np
import pytest
from scipy import stats

from tabkit.cltv.inference.psis import TRUSTED, smooth


def ratios(seed: int, freedom: float, size: int = 4000) -> np.ndarray:
    """Log weights of Student's t with few degrees of freedom, drawn from a normal distribution."""
    x = np.random.default_rng(seed).standard_normal(size)
    return stats.t.logpdf(x, freedom) - stats.norm.logpdf(x)


@pytest.mark.parametrize("freedom", [3.0, 10.0, 50.0])
@pytest.mark.parametrize("size", [100, 4000])
def test_weights_and_k_hat_are_those_of_arviz(freedom: float, size: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arviz = pytest.importorskip("arviz", reason="the extra cltv is not installed")
    if not hasattr(arviz, "psislw"):
        pytest.skip("this arviz has no psislw")
    raw = ratios(1, freedom, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, k_hat = arviz.psislw(raw.copy())
    found = smooth(raw)
    assert found.k_hat == pytest.approx(float(k_hat), abs=1e-8)
    np.testing.assert_allclose(np.log(found.weight), np.asarray(expected), atol=1e-8)


def test_k_hat_tells_good_proposals_from_bad_ones() -> None:
    x = np.random.default_rng(0).standard_normal(4000)
    wide = smooth(stats.norm.logpdf(x * 2, scale=1) - stats.norm.logpdf(x * 2, scale=2))
    narrow = smooth(stats.norm.logpdf(x / 3, scale=1) - stats.norm.logpdf(x / 3, scale=1 / 3))
    assert wide.k_hat < 0.5 < TRUSTED < narrow.k_hat
    assert wide.ess > 1500 > 200 > narrow.ess


def test_means_under_the_weights_are_right() -> None:
    x = 2 * np.random.default_rng(3).standard_normal(20_000)
    found = smooth(stats.norm.logpdf(x, 0.5) - stats.norm.logpdf(x, scale=2))
    assert (found.weight * x).sum() == pytest.approx(0.5, abs=0.03)
    assert found.weight.sum() == pytest.approx(1)


def test_impossible_draws_weigh_nothing() -> None:
    raw = ratios(2, 10.0)
    raw[:50] = -np.inf
    assert (smooth(raw).weight[:50] == 0).all()
