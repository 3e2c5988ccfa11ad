"""The heat map's numbers against published expectations and against simulation."""

import numpy as np
import polars as pl
import pytest

from tabkit.cltv.forecasting.forecast import Forecaster, Horizon, simulate
from tabkit.cltv.forecasting.surface import Grid, surface
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import MODELS, gamma_gamma
from tabkit.errors import ConfigError, SchemaError

TRUE = {
    "bgnbd": {"r": 0.6, "alpha": 4.4, "phi": 0.25, "kappa": 3.2},
    "mbgnbd": {"r": 0.6, "alpha": 6.2, "phi": 0.35, "kappa": 2.5},
    "paretonbd": {"r": 0.6, "alpha": 10.6, "s": 0.6, "beta": 11.7},
    "bgbb": {"phi_buy": 0.6, "kappa_buy": 2.0, "phi": 0.2, "kappa": 3.4},
    "sbg": {"phi": 0.3, "kappa": 2.0},
}
ROWS = pl.DataFrame(
    {
        "frequency": [0, 2, 7, 1, 30],
        "recency": [0.0, 30.0, 38.0, 2.0, 5.0],
        "T": [38.0, 38.0, 39.0, 39.0, 20.0],
        "monetary_value": [None, 22.0, 60.0, 5.0, 10.0],
    }
)
PERIODS = pl.DataFrame({"frequency": [0, 2, 6, 1], "recency": [0, 4, 6, 1], "T": [6] * 4})


def known(model: str, *, money: bool = False, draws: int = 3, **more: float) -> Forecaster:
    chosen = MODELS[model]
    values = {**TRUE[model], **more}
    purchases = Posterior({name: np.full(draws, v) for name, v in values.items()}, chosen.parameters, Design())
    worth = {"p": 6.25, "q": more.get("q", 3.74), "v": 15.44}
    spending = Posterior({name: np.full(draws, v) for name, v in worth.items()}, gamma_gamma.PARAMETERS, Design())
    return Forecaster(chosen, purchases, spending if money else None, 7.0)


def rows_of(model: str) -> pl.DataFrame:
    return PERIODS if MODELS[model].discrete else ROWS


@pytest.mark.parametrize("model", ["bgnbd", "mbgnbd", "paretonbd", "bgbb"])
def test_cells_are_what_simulated_customers_do(model: str) -> None:
    forecaster, rows = known(model), rows_of(model)
    grid = Grid(age=6.0 if model == "bgbb" else 39.0, most_frequent=6, steps=6)
    cells = surface(forecaster, rows, horizon_days=70, grid=grid).cells
    people = cells.select("frequency", "recency", T=pl.lit(grid.age))
    horizon = Horizon(days=70, draws=20_000)
    rng = np.random.default_rng(0)
    found = simulate(forecaster, people, forecaster.purchases.thinned(20_000), None, horizon=horizon, rng=rng)
    error = 5 * found.purchases.std(axis=1) / np.sqrt(20_000) + 1e-9
    assert (np.abs(cells["purchases"].to_numpy() - found.purchases.mean(axis=1)) < error).all()
    assert cells["alive"].to_numpy() == pytest.approx(found.alive)


def test_published_expectation_of_bg_nbd() -> None:
    """Fader, Hardie and Lee (2005), page 281: x = 2, t_x = 30.43, T = 38.86, over 39 weeks: 1.226."""
    draws = {name: np.array([v]) for name, v in {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}.items()}
    parameters = tuple(p for p in MODELS["bgnbd"].parameters if p.name in "r alpha")
    parameters += MODELS["bgnbd"].other[0][1]
    forecaster = Forecaster(MODELS["bgnbd"], Posterior(draws, parameters, Design()), None, 7.0)
    rows = pl.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    cells = surface(forecaster, rows, horizon_days=273, grid=Grid(most_frequent=2, steps=500)).cells
    assert cells.filter(customers=1)["purchases"].item() == pytest.approx(1.226, abs=5e-3)


def test_value_is_purchases_times_the_mean_spend() -> None:
    found = surface(known("bgnbd", money=True), ROWS, horizon_days=70)
    assert found.mean_spend == pytest.approx(ROWS["monetary_value"].mean())
    never = found.cells.row(0, named=True)
    population = 6.25 * 15.44 / 2.74
    assert never["value"] / never["purchases"] == pytest.approx(population)
    often = found.cells.filter(pl.col("frequency") == 7)
    expected = 6.25 * (15.44 + 7 * found.mean_spend) / (6.25 * 7 + 3.74 - 1)
    assert (often["value"] / often["purchases"]).to_numpy() == pytest.approx(expected)


def test_a_spend_without_mean_gives_no_value_where_it_matters() -> None:
    cells = surface(known("bgnbd", money=True, q=0.9), ROWS, horizon_days=70).cells
    assert cells["value"].is_null().to_list() == (cells["frequency"] == 0).to_list()


@pytest.mark.parametrize("model", ["bgnbd", "bgbb"])
def test_customers_are_counted_in_their_cells_and_outside(model: str) -> None:
    found = surface(known(model), rows_of(model), horizon_days=70, grid=Grid(most_frequent=7, steps=13))
    there = found.cells.filter(pl.col("customers") > 0)
    expected = [0, 1, 2, 6] if model == "bgbb" else [0, 1, 2, 7]
    assert there["frequency"].to_list() == expected
    assert found.outside == (0 if model == "bgbb" else 1)
    seen = rows_of(model).sort("frequency").head(4)["recency"].cast(pl.Float64)
    assert ((there["recency_low"] <= seen) & (seen <= there["recency_high"])).all()


def test_cells_that_cannot_be_are_absent() -> None:
    cells = surface(known("bgbb"), PERIODS, horizon_days=70).cells
    assert (cells["frequency"] <= cells["recency"]).all()
    assert cells.filter(frequency=0).height == 1
    assert cells.height == 1 + sum(range(1, 7))


def test_posterior_draws_are_averaged() -> None:
    low, high = known("bgnbd", draws=1), known("bgnbd", draws=1, alpha=9.0)
    both = Posterior(
        {name: np.concatenate([low.purchases.draws[name], high.purchases.draws[name]]) for name in TRUE["bgnbd"]},
        low.purchases.parameters,
        Design(),
    )
    grid = Grid(draws=2)
    one, other, mixed = (
        surface(f, ROWS, horizon_days=70, grid=grid).cells["purchases"].to_numpy()
        for f in (low, high, Forecaster(low.model, both, None, 7.0))
    )
    assert mixed == pytest.approx((one + other) / 2)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = surface(known("paretonbd", money=True), ROWS, horizon_days=70).cells
    monkeypatch.setattr("tabkit.cltv.forecasting.surface._CELLS", 2800)
    assert surface(known("paretonbd", money=True), ROWS, horizon_days=70).cells.equals(whole)


def test_one_customer_and_none() -> None:
    one = surface(known("bgnbd"), ROWS.head(1), horizon_days=70)
    assert one.cells["customers"].sum() == 1
    none = surface(known("bgnbd"), ROWS.clear(), horizon_days=70, grid=Grid(age=10.0))
    assert none.cells["customers"].sum() == 0
    with pytest.raises(SchemaError, match="give the age"):
        surface(known("bgnbd"), ROWS.clear(), horizon_days=70)


def test_what_has_no_heat_map_is_refused() -> None:
    with pytest.raises(ConfigError, match="knows no frequency"):
        surface(known("sbg"), pl.DataFrame({"T": [3], "churned": [0]}), horizon_days=70)
    with pytest.raises(SchemaError, match="'recency'"):
        surface(known("bgnbd"), ROWS.drop("recency"), horizon_days=70)
    with pytest.raises(ConfigError, match="horizon"):
        surface(known("bgnbd"), ROWS, horizon_days=0)
    with pytest.raises(ConfigError, match="steps"):
        Grid(steps=0)
    with pytest.raises(ConfigError, match="whole periods"):
        surface(known("bgbb"), PERIODS, horizon_days=70, grid=Grid(age=6.5))
