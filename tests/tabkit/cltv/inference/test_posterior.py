import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import MODELS

BG = MODELS["bgnbd"]
ROWS = pl.DataFrame({"campaign": ["a", "b", "c", "a"], "age": [20.0, 40.0, 30.0, 30.0]})


def posterior(*, groups: bool = False, covariates: bool = False) -> Posterior:
    rng = np.random.default_rng(0)
    draws = {
        "r": rng.gamma(5, 0.1, 7),
        "alpha": rng.gamma(50, 0.1, 7),
        "phi": rng.beta(3, 9, 7),
        "kappa": rng.gamma(9, 0.3, 7),
    }
    design = Design()
    if groups:
        design = Design.of(ROWS.head(2), group="campaign")
        draws |= {f"{name}_sigma": rng.gamma(2, 0.2, 7) for name in list(draws)}
        draws |= {f"{name}_z": rng.standard_normal((7, 2)) for name in ("r", "alpha", "phi", "kappa")}
    if covariates:
        design = Design.of(ROWS, covariates=["age"])
        draws |= {"rate_coef": rng.standard_normal((7, 1)), "leaving_coef": rng.standard_normal((7, 1))}
    return Posterior(draws, BG.parameters, design)


@pytest.mark.parametrize("options", [{}, {"groups": True}, {"covariates": True}])
def test_it_travels_as_a_frame(options: dict[str, bool]) -> None:
    found = posterior(**options)
    design = Design.from_dict(found.design.to_dict())
    again = Posterior.from_frame(found.to_frame(), parameters=BG.parameters, design=design)
    assert again.design == found.design
    assert set(again.draws) == set(found.draws)
    for name, value in found.draws.items():
        np.testing.assert_array_equal(again.draws[name], value)


def test_groups_move_parameters_on_their_own_scale() -> None:
    found = posterior(groups=True)
    values = found.values(BG, ROWS)
    d = found.draws
    np.testing.assert_allclose(values["r"][0], d["r"] * np.exp(d["r_sigma"] * d["r_z"][:, 0]))
    np.testing.assert_allclose(values["phi"][1], expit(logit(d["phi"]) + d["phi_sigma"] * d["phi_z"][:, 1]))
    np.testing.assert_array_equal(values["r"][0], values["r"][3])
    assert not np.array_equal(values["r"][2], d["r"])


def test_covariates_speed_up_and_drive_away() -> None:
    found = posterior(covariates=True)
    values = found.values(BG, ROWS)
    z = (ROWS["age"].to_numpy() - 30) / ROWS["age"].to_numpy().std()
    d = found.draws
    np.testing.assert_allclose(values["alpha"], d["alpha"] * np.exp(-z[:, None] * d["rate_coef"][:, 0]))
    np.testing.assert_allclose(values["a"], d["phi"] * d["kappa"] * np.exp(z[:, None] * d["leaving_coef"][:, 0]))


def test_draws_can_be_fewer_or_more() -> None:
    found = posterior()
    assert found.thinned(3).draws["r"].tolist() == [found.draws["r"][k] for k in (0, 2, 4)]
    assert found.thinned(9).draws["r"].tolist() == [*found.draws["r"], *found.draws["r"][:2]]
