"""The likelihoods and expectations of the models against published numbers, and against integrals done otherwise."""

import numpy as np
import polars as pl
import pytest
from scipy import integrate, special

from tabkit.cltv.inference.fit import maximum_likelihood
from tabkit.cltv.models import MODELS, gamma_gamma
from tabkit.cltv.models.ops import NUMPY

# Fader and Hardie's notes and spreadsheets; for MBG/NBD Batislam, Denizel and Filiztekin (2007).
PUBLISHED = {
    "bgnbd": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "loglik": -9582.43},
    "paretonbd": {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669, "loglik": -9594.98},
    "mbgnbd": {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614, "loglik": -9582.13},
    "gammagamma": {"p": 6.25, "q": 3.74, "v": 15.44, "loglik": -4055.92},
}
BG = {"r": 0.2425929, "alpha": 4.4135319, "a": 0.7928861, "b": 2.4257533}
PARETO = {"r": 0.5533, "alpha": 10.5776, "s": 0.6062, "beta": 11.6679}
CONTINUOUS = {"bgnbd": BG, "mbgnbd": {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}, "paretonbd": PARETO}


def customer(frequency: float, recency: float, age: float) -> dict[str, np.ndarray]:
    return {"frequency": np.array([frequency]), "recency": np.array([recency]), "T": np.array([age])}


@pytest.mark.parametrize("model", PUBLISHED)
def test_maximum_likelihood_on_cdnow_is_as_published(model: str, cdnow: pl.DataFrame) -> None:
    found = maximum_likelihood(cdnow, model=model)
    assert set(found) == set(PUBLISHED[model])
    for name, value in PUBLISHED[model].items():
        rough = name == "loglik" or model == "gammagamma"
        assert found[name] == pytest.approx(value, rel=2e-4, abs=0.01 if rough else 6e-4), name


def test_maximum_likelihood_on_donations_is_as_published(donations: pl.DataFrame) -> None:
    assert donations.height == 11_104
    assert donations.unique().height == 22
    found = maximum_likelihood(donations, model="bgbb")
    published = {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783, "loglik": -33225.58}
    for name, value in published.items():
        assert found[name] == pytest.approx(value, rel=1e-3 if name != "loglik" else 1e-6), name


def test_shifted_beta_geometric_recovers_its_parameters() -> None:
    # Fader and Hardie (2007), regular customers: survivors of 1,000 after each of seven years.
    alive = [1000, 631, 468, 382, 326, 289, 262, 241]
    lost = [(year, 1) for year in range(1, 8) for _ in range(alive[year - 1] - alive[year])]
    rows = pl.DataFrame(lost + [(7, 0)] * alive[7], schema=["T", "churned"], orient="row")
    found = maximum_likelihood(rows, model="sbg")
    assert (found["a"], found["b"]) == (pytest.approx(0.704, abs=0.001), pytest.approx(1.182, abs=0.001))
    assert found["loglik"] == pytest.approx(-1680.3, abs=0.1)


def test_conditional_expectation_is_as_published() -> None:
    rows, model = customer(2, 30.43, 38.86), MODELS["bgnbd"]
    assert (model.alive(BG, rows) * model.expected(BG, rows, 39)).item() == pytest.approx(1.226, abs=5e-4)


@pytest.mark.parametrize(
    ("span", "purchases"),
    [(0.1429, 0.0078), (1, 0.0532), (3, 0.1506), (31.8571, 1.0405), (32, 1.0437), (78, 1.8576)],
)
def test_unconditional_expectation_is_as_published(span: float, purchases: float) -> None:
    assert MODELS["bgnbd"].expected(BG, customer(0, 0, 0), span).item() == pytest.approx(purchases, abs=5e-4)


def test_pareto_nbd_expectation_is_as_published() -> None:
    rows, model = customer(26, 30.86, 31), MODELS["paretonbd"]
    alive = model.alive(PARETO, rows)
    assert alive.item() == pytest.approx(0.9979, abs=5e-5)
    assert (alive * model.expected(PARETO, rows, 52)).item() == pytest.approx(25.46, abs=0.01)


@pytest.mark.parametrize("x", [0, 1, 7, 40, 300])
def test_bg_nbd_likelihood_is_the_integral_over_rates(x: int) -> None:
    last, age = (0.0, 30.0) if x == 0 else (22.0, 30.0)
    r, alpha, a, b = BG.values()

    def at_rate(rate: float, power: float, time: float) -> float:
        logs = (r + power - 1) * np.log(rate) - rate * (alpha + time) + r * np.log(alpha) - special.gammaln(r)
        return float(np.exp(logs - shift))

    shift = special.gammaln(r + x) - (r + x) * np.log(alpha + last) + r * np.log(alpha) - special.gammaln(r)
    scale = (r + x) / (alpha + last)
    parts = {
        time: integrate.quad(
            at_rate, 0, 60 * scale + 1, args=(x, time), points=[scale], limit=500, epsabs=0, epsrel=1e-11
        )[0]
        for time in (last, age)
    }
    stays = parts[age] * np.exp(special.betaln(a, b + x) - special.betaln(a, b))
    leaves = 0.0 if x == 0 else parts[last] * np.exp(special.betaln(a + 1, b + x - 1) - special.betaln(a, b))
    expected = np.log(stays + leaves) + shift
    assert MODELS["bgnbd"].loglik(NUMPY, BG, customer(x, last, age)).item() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("seed", range(40))
def test_pareto_nbd_likelihood_is_the_integral_over_lifetimes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    r, s = np.exp(rng.uniform(np.log(0.05), np.log(10), 2))
    alpha, beta = np.exp(rng.uniform(np.log(0.1), np.log(300), 2))
    x, age = int(rng.geometric(0.05)) - 1, float(rng.uniform(1, 200))
    last = 0.0 if x == 0 else age * rng.uniform(0, 1)
    near, far = alpha + last, beta + last

    def died(y: float) -> float:
        return float(np.exp(-(r + x) * np.log1p((y - last) / near) - (s + 1) * np.log1p((y - last) / far)))

    ends = np.unique(np.clip(last + np.geomspace(1e-3, 1, 9) * (age - last), last, age))
    whole = sum(
        integrate.quad(died, p, q, epsabs=0, epsrel=1e-12)[0] for p, q in zip([last, *ends], [*ends, age], strict=True)
    )
    dead = np.log(s) - (r + x) * np.log(near) - (s + 1) * np.log(far) + np.log(whole)
    lives = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)
    common = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    values = {"r": r, "alpha": alpha, "s": s, "beta": beta}
    found = MODELS["paretonbd"].loglik(NUMPY, values, customer(x, last, age)).item()
    assert found == pytest.approx(common + np.logaddexp(lives, dead), abs=1e-7)


@pytest.mark.parametrize("model", CONTINUOUS)
def test_far_outside_of_the_data_everything_is_finite(model: str) -> None:
    chosen = MODELS[model]
    for values in (
        CONTINUOUS[model],
        dict.fromkeys(CONTINUOUS[model], 0.001),
        dict.fromkeys(CONTINUOUS[model], 1000.0),
    ):
        for rows in (
            customer(0, 0, 1e-6),
            customer(0, 0, 1e5),
            customer(5000, 1e4, 1e4),
            customer(5000, 1e-3, 1e4),
            customer(1, 0, 0),
        ):
            assert np.isfinite(chosen.loglik(NUMPY, values, rows)).all()
            alive = chosen.alive(values, rows)
            assert ((alive >= 0) & (alive <= 1)).all()
            for span in (1e-6, 1e5):
                bought = chosen.expected(values, rows, span)
                assert np.isfinite(bought).all()
                assert (bought >= 0).all()


@pytest.mark.parametrize("pole", ["a", "s"])
def test_expectations_are_smooth_where_closed_forms_have_a_pole(pole: str) -> None:
    model, values = (MODELS["bgnbd"], BG) if pole == "a" else (MODELS["paretonbd"], PARETO)
    around = [
        model.expected({**values, pole: 1 + step}, customer(3, 20.0, 30.0), 52).item() for step in (-1e-6, 0.0, 1e-6)
    ]
    assert around[0] == pytest.approx(around[1], rel=1e-5)
    assert around[2] == pytest.approx(around[1], rel=1e-5)


def test_bg_bb_counts_each_way_to_have_left() -> None:
    values = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.8}
    rows = {**customer(1, 2, 4), "periods": 2}
    stays = (
        special.beta(2.2, 0.75 + 3) / special.beta(1.2, 0.75) * special.beta(0.66, 2.8 + 4) / special.beta(0.66, 2.8)
    )
    ways = [
        special.beta(2.2, 0.75 + 1 + i)
        / special.beta(1.2, 0.75)
        * special.beta(1.66, 2.8 + 2 + i)
        / special.beta(0.66, 2.8)
        for i in (0, 1)
    ]
    found = MODELS["bgbb"].loglik(NUMPY, values, rows).item()
    assert found == pytest.approx(np.log(stays + sum(ways)), abs=1e-12)
    assert MODELS["bgbb"].alive(values, rows).item() == pytest.approx(stays / (stays + sum(ways)), abs=1e-12)


def test_spend_is_drawn_as_its_expectation_says() -> None:
    values = {"p": 6.25, "q": 3.74, "v": 15.44}
    rows = {"frequency": np.array([0.0, 2.0, 30.0]), "monetary_value": np.array([np.nan, 60.0, 60.0])}
    rng = np.random.default_rng(0)
    many = {name: value[:, None].repeat(200_000, axis=1) for name, value in rows.items()}
    drawn = gamma_gamma.spend(values, gamma_gamma.draw(values, many, rng), 1, rng)
    np.testing.assert_allclose(drawn.mean(axis=1), gamma_gamma.expected(values, rows), rtol=0.01)
    average = 6.25 * 15.44 / 2.74
    assert gamma_gamma.expected(values, rows)[0] == pytest.approx(average)
    assert average < gamma_gamma.expected(values, rows)[1] < gamma_gamma.expected(values, rows)[2] < 60
