"""Fits: the published posterior, what falls back to NUTS, groups and covariates, and what is refused."""

import numpy as np
import polars as pl
import pytest

from tabkit.cltv.inference.fit import FittedLikelihood, InferenceSettings, fit, fit_spend, maximum_likelihood
from tabkit.cltv.models import MODELS
from tabkit.cltv.models.priors import Prior
from tabkit.errors import ConfigError, FitError, SchemaError

pytest.importorskip("pymc", reason="the extra cltv is not installed")

# The posterior of CDNOW, mean and standard deviation.
CDNOW = {"alpha": (4.51, 0.38), "r": (0.245, 0.013), "a": (0.78, 0.19), "b": (2.41, 0.74)}


def moments(found: FittedLikelihood) -> dict[str, tuple[float, float]]:
    values = MODELS[found.name].derived(found.posterior.draws)
    return {name: (float(value.mean()), float(value.std())) for name, value in values.items()}


def check(found: dict[str, tuple[float, float]], expected: dict[str, tuple[float, float]]) -> None:
    for name, (mean, sd) in expected.items():
        assert found[name][0] == pytest.approx(mean, rel=0.03), name
        assert found[name][1] == pytest.approx(sd, rel=0.1), name


def test_the_posterior_of_cdnow_by_laplace(fitted: FittedLikelihood) -> None:
    check(moments(fitted), CDNOW)
    assert fitted.sampled.inference == "laplace"
    assert fitted.sampled.diagnostics["k_hat"] < 0.5
    assert (fitted.rows, fitted.unique_rows) == (2357, 1016)
    assert fitted.sampled.warnings == ()


@pytest.mark.slow
def test_the_posterior_of_cdnow_by_nuts_agrees(cdnow: pl.DataFrame, fitted: FittedLikelihood) -> None:
    found = fit(cdnow, model="bgnbd", settings=InferenceSettings(inference="nuts", draws=8000))
    assert found.sampled.inference == "nuts"
    assert found.sampled.diagnostics["divergences"] == 0
    assert found.sampled.diagnostics["r_hat"] < 1.01
    check(moments(found), CDNOW)
    check(moments(found), {name: value for name, value in moments(fitted).items() if name in CDNOW})


@pytest.mark.slow
def test_spend_of_cdnow_is_near_its_maximum_likelihood(cdnow: pl.DataFrame) -> None:
    found = fit_spend(cdnow)
    assert found.rows == 946
    best = maximum_likelihood(cdnow, model="gammagamma")
    for name, (mean, sd) in {k: (v["mean"], v["sd"]) for k, v in found.posterior.summary().items()}.items():
        assert abs(mean - best[name]) < sd


@pytest.mark.slow
def test_the_unit_of_time_does_not_matter(cdnow: pl.DataFrame, fitted: FittedLikelihood) -> None:
    days = cdnow.with_columns(pl.col("recency", "T") * 7)
    found = moments(fit(days, model="bgnbd", settings=InferenceSettings(draws=4000)))
    weeks = moments(fitted)
    assert found["alpha"][0] == pytest.approx(7 * weeks["alpha"][0], rel=0.01)
    assert found["b"][0] == pytest.approx(weeks["b"][0], rel=0.03)


@pytest.mark.slow
def test_priors_can_be_changed_and_stand_for_other_parameters(cdnow: pl.DataFrame) -> None:
    tight = {
        "a": Prior.of("gamma", alpha=400.0, beta=400.0),
        "b": Prior.of("half_cauchy", beta=1.0),
        "alpha": Prior.of("weibull", alpha=2.0, beta=10.0),
    }
    found = fit(cdnow, model="bgnbd", settings=InferenceSettings(priors=tight))
    assert [p.name for p in found.posterior.parameters] == ["r", "alpha", "a", "b"]
    assert found.posterior.draws["a"].mean() == pytest.approx(1.0, abs=0.05)
    assert found.priors["alpha"] == tight["alpha"]


def simulated(rng: np.random.Generator, customers: int, *, rate: np.ndarray, leaving: np.ndarray) -> pl.DataFrame:
    """Customers of a BG/NBD process, purchase by purchase, observed for 52 weeks."""
    rows = []
    for k in range(customers):
        now, last, count = 0.0, 0.0, 0
        while True:
            now += rng.exponential(1 / rate[k])
            if now > 52:
                break
            last, count = now, count + 1
            if rng.random() < leaving[k]:
                break
        rows.append((count, last, 52.0))
    return pl.DataFrame(rows, schema=["frequency", "recency", "T"], orient="row")


@pytest.mark.slow
def test_covariates_are_found_with_their_sign() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((3000, 2))
    rate = rng.gamma(0.8, 1 / 6.0, 3000) * np.exp(0.7 * z[:, 0])
    frame = simulated(rng, 3000, rate=rate, leaving=rng.beta(0.8, 2.5, 3000))
    frame = frame.with_columns(age=10 + 4 * z[:, 0], noise=z[:, 1])
    found = fit(frame, model="bgnbd", settings=InferenceSettings(covariates=("age", "noise")))
    coefficients = found.posterior.draws["rate_coef"]
    assert coefficients.mean(axis=0)[0] == pytest.approx(0.7, abs=0.12)
    assert abs(coefficients.mean(axis=0)[1]) < 0.12
    assert np.abs(found.posterior.draws["leaving_coef"].mean(axis=0)).max() < 0.4


@pytest.mark.slow
def test_groups_are_pooled_and_a_group_never_seen_is_wide() -> None:
    rng = np.random.default_rng(1)
    group = rng.integers(0, 4, 1500)
    level = np.array([0.4, 0.8, 1.5, 2.5])
    rate = rng.gamma(0.8, 1 / 6.0, 1500) * level[group]
    frame = simulated(rng, 1500, rate=rate, leaving=rng.beta(0.8, 2.5, 1500))
    frame = frame.with_columns(pl.col("recency", "T").round(0), campaign=pl.Series(group).cast(pl.String))
    found = fit(frame, model="bgnbd", settings=InferenceSettings(group="campaign", draws=600, tune=300, chains=2))
    one = frame.unique("campaign").sort("campaign").with_columns(frequency=0, recency=0.0, T=0.0)
    values = found.posterior.values(MODELS["bgnbd"], one)
    speed = (values["r"] / values["alpha"]).mean(axis=1)
    assert np.corrcoef(speed, level)[0, 1] > 0.9
    strange = one.head(2).with_columns(campaign=pl.lit("never seen"))
    new = found.posterior.values(MODELS["bgnbd"], strange)
    assert np.array_equal(new["r"][0], new["r"][1])  # one group, drawn once
    widths = [np.log(v["r"] / v["alpha"]).std(axis=1).mean() for v in (values, new)]
    assert widths[1] > 2 * widths[0]


GOOD = pl.DataFrame({"frequency": [0, 2, 1, 3], "recency": [0.0, 3.0, 1.0, 8.0], "T": [9.0, 9.0, 8.0, 8.5]})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"frequency": pl.lit(0), "recency": pl.lit(0.0)}, "0 of 4 customers bought again"),
        ({"recency": pl.col("T") + 1}, r"last purchase.*end.*4"),
        ({"T": pl.lit(None, pl.Float64)}, r"T.*null.*finite.*4"),
        ({"T": pl.lit(float("inf"))}, r"T.*null.*finite.*4"),
        ({"frequency": -pl.col("frequency")}, "frequency is negative for 3"),
    ],
)
def test_a_summary_that_cannot_be_is_refused(change: dict[str, pl.Expr], told: str) -> None:
    with pytest.raises(FitError, match=told):
        fit(GOOD.with_columns(**change), model="bgnbd")


@pytest.mark.parametrize(
    ("frame", "model", "told"),
    [
        (GOOD, "bgbb", "whole periods|more purchases than periods"),
        (pl.DataFrame({"T": [1, 2], "churned": [1, 1]}), "sbg", r"customers churned.*none"),
        (pl.DataFrame({"T": [1, 2], "churned": [1, 3]}), "sbg", "neither churned nor not"),
        (pl.DataFrame({"T": [0, 2], "churned": [1, 0]}), "sbg", "gone before the first period"),
    ],
)
def test_what_does_not_suit_the_model_is_refused(frame: pl.DataFrame, model: str, told: str) -> None:
    with pytest.raises(FitError, match=told):
        fit(frame, model=model)


def test_a_summary_without_a_column_is_refused() -> None:
    with pytest.raises(SchemaError, match="lacks 'T'"):
        fit(GOOD.drop("T"), model="bgnbd")


def test_unknown_models_priors_and_covariates_are_refused() -> None:
    with pytest.raises(ConfigError, match="no model 'bg'"):
        fit(GOOD, model="bg")
    with pytest.raises(ConfigError, match="no parameters 's'"):
        fit(GOOD, model="bgnbd", settings=InferenceSettings(priors={"s": Prior.of("half_cauchy", beta=1.0)}))
    with pytest.raises(ConfigError, match="MBG/NBD takes no covariates"):
        fit(GOOD.with_columns(x=1.0), model="mbgnbd", settings=InferenceSettings(covariates=("x",)))
    with pytest.raises(SchemaError, match="missing columns: 'x'"):
        fit(GOOD, model="bgnbd", settings=InferenceSettings(covariates=("x",)))
    with pytest.raises(FitError, match="'x' is the same"):
        fit(GOOD.with_columns(x=1.0), model="bgnbd", settings=InferenceSettings(covariates=("x",)))
    with pytest.raises(SchemaError, match="no numbers: 'x'"):
        fit(GOOD.with_columns(x=pl.lit("a")), model="bgnbd", settings=InferenceSettings(covariates=("x",)))
    with pytest.raises(FitError, match="group 'x' is null"):
        fit(GOOD.with_columns(x=pl.lit(None, pl.String)), model="bgnbd", settings=InferenceSettings(group="x"))


def test_spend_needs_repeat_buyers() -> None:
    with pytest.raises(FitError, match=r"0.*4 customers.*money"):
        fit_spend(GOOD.with_columns(monetary_value=0.0))
