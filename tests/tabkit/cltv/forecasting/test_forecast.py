"""Simulated futures against expectations in closed form, and against the process written out step by step."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tabkit.cltv.forecasting.forecast import Forecaster, Horizon, arrays, columns, forecast, newcomers, simulate
from tabkit.cltv.forecasting.totals import Totals
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
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
ROWS = pl.DataFrame(
    {
        "customer": ["a", "b", "c", "d"],
        "frequency": [0, 2, 7, 1],
        "recency": [0.0, 30.0, 38.0, 2.0],
        "T": [38.0, 38.0, 39.0, 39.0],
        "churned": [0, 0, 1, 0],
        "monetary_value": [None, 22.0, 60.0, 5.0],
        "country": ["x", "y", "x", "y"],
    }
)
PERIODS = ROWS.with_columns(recency=pl.Series([0, 4, 8, 1]), T=pl.Series([8, 8, 8, 8]))


def known(model: str, *, money: bool = True, draws: int = 2) -> Forecaster:
    """A forecaster that knows the truth: all draws are alike."""
    chosen = MODELS[model]
    purchases = Posterior({name: np.full(draws, v) for name, v in TRUE[model].items()}, chosen.parameters, Design())
    worth = Posterior({name: np.full(draws, v) for name, v in SPEND.items()}, gamma_gamma.PARAMETERS, Design())
    return Forecaster(chosen, purchases, worth if money else None, 7.0)


def rows_of(model: str) -> pl.DataFrame:
    return PERIODS if MODELS[model].discrete else ROWS


def simulated(forecaster: Forecaster, rows: pl.DataFrame, horizon: Horizon, seed: int = 0):
    rng, draws = np.random.default_rng(seed), horizon.draws
    worth = None if forecaster.spending is None else forecaster.spending.thinned(draws)
    return simulate(forecaster, rows, forecaster.purchases.thinned(draws), worth, horizon=horizon, rng=rng)


@pytest.mark.parametrize("discount", [0.0, 0.3])
@pytest.mark.parametrize("model", TRUE)
def test_means_are_the_expectations(model: str, discount: float) -> None:
    forecaster, rows = known(model), rows_of(model)
    horizon = Horizon(days=7 * 26, draws=40_000, annual_discount=discount)
    found = simulated(forecaster, rows, horizon)
    values = {name: np.array([[value[0]]]) for name, value in forecaster.purchases.draws.items()}
    values, data = forecaster.model.derived(values), arrays(rows, forecaster.model)
    alive = forecaster.model.alive(values, data)[:, 0]
    expected = alive * forecaster.model.expected(values, data, 26)[:, 0]
    error = found.purchases.std(axis=1) / np.sqrt(horizon.draws)
    assert (np.abs(found.purchases.mean(axis=1) - expected) < 4.5 * error + 1e-9).all()
    np.testing.assert_allclose(found.alive, alive, atol=1e-9)


def slowly(kind: str, rng: np.random.Generator, span: float, force: float) -> tuple[int, float]:
    """One new customer, purchase by purchase, as the papers tell the story."""
    true = TRUE[kind]
    rate = rng.gamma(true["r"]) / true["alpha"]
    price = rng.gamma(SPEND["q"]) / SPEND["v"]
    count, worth, now = 0, 0.0, 0.0
    leaves = rng.beta(true["phi"] * true["kappa"], (1 - true["phi"]) * true["kappa"]) if kind != "paretonbd" else 0.0
    end = span if kind != "paretonbd" else min(span, rng.exponential(1 / (rng.gamma(true["s"]) / true["beta"])))
    if kind == "mbgnbd" and rng.random() < leaves:
        return 0, 0.0
    while True:
        now += rng.exponential(1 / rate)
        if now > end:
            return count, worth
        count += 1
        worth += rng.gamma(SPEND["p"]) / price * np.exp(-force * now)
        if rng.random() < leaves:
            return count, worth


@pytest.mark.parametrize("discount", [0.0, 0.5])
@pytest.mark.parametrize("model", ["bgnbd", "mbgnbd", "paretonbd"])
def test_new_customers_buy_as_the_process_written_out(model: str, discount: float) -> None:
    forecaster, size = known(model), 20_000
    horizon = Horizon(days=7 * 52, draws=size, annual_discount=discount)
    found = simulated(forecaster, newcomers(forecaster, 1), horizon)
    rng, force = np.random.default_rng(1), np.log1p(discount) * 7 / 365.25
    one_by_one = np.array([slowly(model, rng, 52.0, force) for _ in range(size)])
    # the two samples come from one distribution: p above one in ten thousand, in six tests of two samples each
    for ours, theirs in ((found.purchases[0], one_by_one[:, 0]), (found.value[0], one_by_one[:, 1])):
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-4


def test_a_discount_takes_what_a_year_costs() -> None:
    forecaster, rows = known("bgnbd"), ROWS
    plain, less = (
        simulated(forecaster, rows, Horizon(days=365.25, draws=20_000, annual_discount=d)) for d in (0.0, 1.0)
    )
    ratio = less.value.mean() / plain.value.mean()
    assert 0.5 < ratio < 0.9


def test_blocks_do_not_matter_but_for_chance_and_totals_are_joint(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    chosen = MODELS["bgnbd"]
    wide = {name: value * rng.lognormal(0, 0.5, 400) for name, value in TRUE["bgnbd"].items()}
    wide["phi"] = np.clip(wide["phi"], 0.01, 0.9)
    forecaster = Forecaster(chosen, Posterior(wide, chosen.parameters, Design()), None, 7.0)
    rows = pl.concat([ROWS] * 250).with_columns(customer=pl.int_range(1000))
    horizon, whole, parts = Horizon(days=182, draws=400), Totals(), Totals()
    one = pl.concat(list(forecast(forecaster, rows, horizon=horizon, customer="customer", totals=whole)))
    monkeypatch.setattr("tabkit.cltv.forecasting.forecast._CELLS", 400 * 64)
    many = list(forecast(forecaster, rows, horizon=horizon, customer="customer", totals=parts))
    assert len(many) == 16
    assert pl.concat(many)["customer"].to_list() == one["customer"].to_list()
    assert parts.frame()["purchases_mean"].item() == pytest.approx(whole.frame()["purchases_mean"].item(), rel=0.02)
    # what is unknown of the parameters moves all customers together
    alone = np.sqrt(sum((one["purchases_q97"] - one["purchases_q03"]) ** 2)) / (2 * 1.88)
    assert whole.purchases[""].std() > 3 * alone


def test_totals_by_group_add_up() -> None:
    totals = Totals()
    list(
        forecast(
            known("bgnbd"), ROWS, horizon=Horizon(days=70, draws=500), customer="customer", by="country", totals=totals
        )
    )
    frame = totals.frame([0.1, 0.9])
    assert frame["group"].to_list() == ["x", "y", "(all)"]
    assert frame["customers"].to_list() == [2, 2, 4]
    assert frame["value_mean"][:2].sum() == pytest.approx(frame["value_mean"][2])
    assert frame.columns == [
        "group", "customers", "purchases_mean", "purchases_q10", "purchases_q90", "value_mean", "value_q10", "value_q90"
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_forecast_and_money_is_left_out_where_there_is_none() -> None:
    runs = [
        next(forecast(known("paretonbd", money=False), ROWS, horizon=Horizon(days=70, seed=seed), customer="customer"))
        for seed in (1, 1, 2)
    ]
    assert runs[0].equals(runs[1])
    assert not runs[0].equals(runs[2])
    assert runs[0].columns == [
        "customer",
        "purchases_mean",
        "purchases_q03",
        "purchases_q50",
        "purchases_q97",
        "p_alive",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"days": 0},
        {"days": 1e9},
        {"days": float("nan")},
        {"draws": 0},
        {"annual_discount": -0.1},
        {"quantiles": (0.0,)},
    ],
)
def test_an_impossible_horizon_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Horizon(**{"days": 30.0, **options})


def test_missing_columns_are_listed() -> None:
    blocks = forecast(
        known("bgnbd"), ROWS.drop("recency", "monetary_value"), horizon=Horizon(days=7), customer="customer"
    )
    with pytest.raises(SchemaError, match="'recency', 'monetary_value'"):
        next(blocks)


def test_extreme_customers_get_finite_answers() -> None:
    odd = pl.DataFrame(
        {
            "customer": [1, 2, 3],
            "frequency": [5000, 0, 1],
            "recency": [1e4, 0.0, 0.0],
            "T": [1e4, 1e5, 1e-9],
            "monetary_value": [1e9, None, 1e-9],
        }
    )
    for model in ("bgnbd", "mbgnbd", "paretonbd"):
        out = next(forecast(known(model), odd, horizon=Horizon(days=3650, draws=50), customer="customer"))
        numbers = out.drop("customer").to_numpy()
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()


@pytest.mark.parametrize("money", [True, False])
def test_the_columns_are_known_before_the_work(money: bool) -> None:
    forecaster, horizon = known("bgnbd", money=money), Horizon(days=70, draws=10, quantiles=(0.1, 0.975))
    frame = next(forecast(forecaster, ROWS, horizon=horizon, customer="customer"))
    assert columns(forecaster, horizon, customer="customer") == frame.columns
