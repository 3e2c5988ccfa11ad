"""Values at a common age, against expectations in closed form."""

import numpy as np
import polars as pl
import pytest

from tabkit.cltv.forecasting.acquired import repeat_value, worth
from tabkit.cltv.forecasting.forecast import Forecaster, Horizon, newcomers, simulate
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import MODELS, gamma_gamma
from tabkit.errors import FitError, SchemaError

TRUE = {"r": 0.6, "alpha": 4.4, "phi": 0.25, "kappa": 3.2}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
ROWS = pl.DataFrame(
    {
        "who": [1, 2, 3, 4],
        "frequency": [0, 2, 4, 1],
        "recency": [0.0, 9.0, 19.0, 5.0],
        "T": [10.0, 10.0, 20.0, 52.0],
        "monetary_value": [None, 30.0, 12.0, 50.0],
        "first_value": [10.0, 20.0, 30.0, 40.0],
    }
)


def fixed(values: dict[str, float], parameters: tuple) -> Posterior:
    return Posterior({name: np.full(2, value) for name, value in values.items()}, parameters, Design())


def forecaster(**spending: float) -> Forecaster:
    model = MODELS["bgnbd"]
    money = fixed({**SPEND, **spending}, gamma_gamma.PARAMETERS)
    return Forecaster(model, fixed(TRUE, model.parameters), money, 7.0)


def test_value_is_what_was_paid_and_the_expectation_of_what_comes():
    found = worth(forecaster(), ROWS, horizon_days=182, customer="who", draws=40_000)
    assert found["who"].to_list() == [1, 2, 3]  # the fourth is older than half a year
    assert found["age_days"].to_list() == [70, 70, 140]
    model, values = MODELS["bgnbd"], MODELS["bgnbd"].derived({k: np.array(v) for k, v in TRUE.items()})
    data = {name: ROWS[name][:3].to_numpy().astype(float) for name in ("frequency", "recency", "T", "monetary_value")}
    alive = model.alive(values, data)
    spans = (182 - np.array([70, 70, 140])) / 7
    at = lambda i: {name: value[i : i + 1] for name, value in data.items()}  # noqa: E731
    counts = [alive[i] * model.expected(values, at(i), spans[i])[0] for i in range(3)]
    exact = np.array(counts) * gamma_gamma.expected(SPEND, data)
    np.testing.assert_allclose(found["to_come"], exact, rtol=0.04)
    paid = np.array([10.0, 20.0 + 60.0, 30.0 + 48.0])
    np.testing.assert_allclose(found["value"] - found["to_come"], paid)
    assert (found["variance"] > 0).all()


def test_repeat_purchases_of_unknown_spend_count_as_the_populations():
    unknown = ROWS.with_columns(monetary_value=pl.when(pl.col("who") == 3).then(pl.col("monetary_value")))
    found = worth(forecaster(), unknown, horizon_days=182, customer="who", draws=50)
    usual = SPEND["p"] * SPEND["v"] / (SPEND["q"] - 1)
    np.testing.assert_allclose(found["value"] - found["to_come"], [10.0, 20.0 + 2 * usual, 30.0 + 48.0])
    nobody = ROWS.with_columns(monetary_value=pl.lit(None, pl.Float64), first_value=pl.lit(None, pl.Float64))
    assert worth(forecaster(), nobody, horizon_days=140, customer="who", draws=50)["value"].null_count() == 3


def test_at_the_age_itself_nothing_is_left_to_come():
    found = worth(forecaster(), ROWS, horizon_days=140, customer="who", draws=50)
    last = found.filter(who=3).row(0, named=True)
    assert (last["value"], last["to_come"], last["variance"]) == (78.0, 0.0, 0.0)
    assert worth(forecaster(), ROWS, horizon_days=7, customer="who").schema == found.schema


def test_a_newcomers_curve_is_the_mean_of_simulated_ones():
    days, size = [7.0, 91.0, 364.0], 200_000
    curve = repeat_value(forecaster(), days, draws=4)
    assert curve.shape == (4, 3)
    people = newcomers(forecaster(), size)
    for day, exact in zip(days, curve[0], strict=True):
        rng, known = np.random.default_rng(1), forecaster()
        found = simulate(
            known, people, known.purchases.thinned(1), known.spending.thinned(1), horizon=Horizon(days=day), rng=rng
        )
        assert found.value.mean() == pytest.approx(exact, rel=0.05)


def test_what_cannot_be_valued_is_refused():
    with pytest.raises(SchemaError, match="lacks columns: 'first_value'"):
        worth(forecaster(), ROWS.drop("first_value"), horizon_days=90, customer="who")
    plain = Forecaster(MODELS["bgnbd"], forecaster().purchases, None, 7.0)
    for call in (
        lambda: worth(plain, ROWS, horizon_days=90, customer="who"),
        lambda: repeat_value(plain, [1.0], draws=2),
    ):
        with pytest.raises(SchemaError, match="knows no spend"):
            call()
    with pytest.raises(FitError, match=r"100.0%.*spend.*infinite"):
        repeat_value(forecaster(q=0.9), [1.0], draws=2)
