import numpy as np
import pytest
from scipy import special

from tabkit.cltv.models.quadrature import NODES, WEIGHTS, beta_mean


@pytest.mark.parametrize("a", [0.05, 0.8, 1.0, 3.0, 400.0])
@pytest.mark.parametrize("b", [0.3, 2.4, 5000.0])
def test_means_of_powers_are_ratios_of_beta_functions(a: float, b: float) -> None:
    for power in (1, 2, 5):
        expected = np.exp(special.betaln(a + power, b) - special.betaln(a, b))
        assert beta_mean(lambda p, k=power: p**k, np.array(a), np.array(b)).item() == pytest.approx(expected, rel=1e-7)


def test_shapes_are_kept() -> None:
    found = beta_mean(lambda p: p, np.ones((3, 2)), np.full((3, 2), 3.0))
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found, 0.25)


def test_gauss_legendre_integrates_polynomials_exactly() -> None:
    assert (WEIGHTS * NODES**63).sum() == pytest.approx(1 / 64, rel=1e-12)
