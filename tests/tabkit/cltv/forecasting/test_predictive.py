from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tabkit.cltv.forecasting import predictive
from tabkit.cltv.forecasting.forecast import Forecaster, Horizon
from tabkit.cltv.forecasting.predictive import PredictiveTally, bias, coverage, crps, pit, total_of
from tabkit.cltv.forecasting.quantiles import described
from tabkit.cltv.forecasting.widening import score
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.models import MODELS
from tabkit.errors import ScoringError

# One in a thousand right forecasts would fail these, but the seeds are fixed.
RARE = 0.999


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def uniform(values: np.ndarray, bins: int = 20) -> bool:
    counts = np.histogram(values, bins=bins, range=(0, 1))[0]
    return stats.chisquare(counts).statistic < stats.chi2.ppf(RARE, bins - 1)


# CRPS


def normal_crps(mean: float, sd: float, y: np.ndarray) -> np.ndarray:
    """Gneiting and Raftery 2007, in closed form."""
    z = (y - mean) / sd
    return sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))


def test_crps_agrees_with_the_closed_form_of_a_normal():
    y = np.linspace(-6, 10, 9)
    levels = (np.arange(20_000) + 0.5) / 20_000
    draws = np.tile(stats.norm.ppf(levels, 2, 3), (9, 1))
    np.testing.assert_allclose(crps(draws, y), normal_crps(2, 3, y), atol=1e-3)


def test_crps_of_five_draws_is_that_of_their_distribution_on_average():
    n, size = 40_000, 5
    draws, y = rng().normal(2, 3, (n, size)), rng(1).normal(2, 3, n)
    difference = crps(draws, y) - normal_crps(2, 3, y)
    error = difference.std() / np.sqrt(n)
    assert abs(difference.mean()) < 4 * error
    assert 3 / np.sqrt(np.pi) / size > 20 * error  # by how much the mean over all pairs would miss it


def test_crps_agrees_with_all_pairs_whatever_the_blocks(monkeypatch):
    draws, y = rng().poisson(2.0, (50, 7)).astype(float), rng(1).poisson(2.0, 50).astype(float)
    pairs = [[abs(a - b) for i, a in enumerate(row) for j, b in enumerate(row) if i != j] for row in draws.tolist()]
    brute = [np.abs(row - one).mean() - np.mean(p) / 2 for row, one, p in zip(draws, y, pairs, strict=True)]
    np.testing.assert_allclose(crps(draws, y), brute, atol=1e-12)
    monkeypatch.setattr(predictive, "_CELLS", 20)
    np.testing.assert_allclose(crps(draws, y), brute, atol=1e-12)


# PIT


@pytest.mark.parametrize("size", [3, 200])
def test_pit_of_right_forecasts_is_uniform_for_counts_and_amounts(size):
    n = 20_000
    mean = rng().gamma(0.5, 2.0, (n, 1))
    counts, y = rng(1).poisson(mean, (n, size)).astype(float), rng(2).poisson(mean[:, 0]).astype(float)
    assert (y == 0).mean() > 0.5
    assert uniform(pit(counts, y, rng=rng(3)))
    assert uniform(pit(rng(4).gamma(mean, size=(n, size)), rng(5).gamma(mean[:, 0]), rng=rng(6)))


def test_pit_says_how_forecasts_are_wrong():
    y = rng().normal(size=5000)
    narrow = np.histogram(pit(0.5 * rng(1).normal(size=(5000, 100)), y, rng=rng(2)), bins=10, range=(0, 1))[0]
    high = np.histogram(pit(1 + rng(1).normal(size=(5000, 100)), y, rng=rng(2)), bins=10, range=(0, 1))[0]
    assert narrow[0] > 2 * narrow[5] < narrow[9]
    assert high[0] > 3 * high[9]


def test_pit_of_many_draws_lies_where_the_paper_has_it():
    draws = rng().poisson(1.5, (3, 100_000)).astype(float)
    y = np.array([0.0, 1.0, 4.0])
    for seed in range(20):
        u = pit(draws, y, rng=rng(seed))
        assert (stats.poisson.cdf(y - 1, 1.5) - 0.01 < u).all()
        assert (u < stats.poisson.cdf(y, 1.5) + 0.01).all()


# Coverage


def test_intervals_end_where_forecasts_say():
    draws, y = rng().poisson(3.0, (400, 99)).astype(float), rng(1).poisson(3.0, 400).astype(float)
    for counts, kind in ((True, "purchases"), (False, "value")):
        ends = described(kind, draws, [0.03, 0.97])
        inside = (ends[f"{kind}_q03"] <= y) & (y <= ends[f"{kind}_q97"])
        assert coverage(draws, y, levels=[0.94], counts=counts) == {0.94: inside.mean()}


def test_coverage_of_amounts_is_nominal_if_forecasts_are_right():
    n = 20_000
    found = coverage(rng().gamma(2.0, size=(n, 500)), rng(1).gamma(2.0, size=n), counts=False)
    for level, share in found.items():
        assert abs(share - level) < 3.3 * np.sqrt(level * (1 - level) / n) + 2 / 500


TRUTH = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.5}


def bgnbd_world(customers: int, weeks: float, ahead: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Simulate customers one by one: Fader, Hardie and Lee 2005, section 2, in plain words."""
    random = rng(7)
    rows, later = [], []
    for _ in range(customers):
        rate, leave = random.gamma(TRUTH["r"], 1 / TRUTH["alpha"]), random.beta(TRUTH["a"], TRUTH["b"])
        observed, now, bought, last, after = random.uniform(0.3, 1) * weeks, 0.0, 0, 0.0, 0
        while (now := now + random.exponential(1 / rate)) < observed + ahead:
            if now <= observed:
                bought, last = bought + 1, now
            else:
                after += 1
            if random.random() < leave:
                break
        rows.append((bought, last, observed))
        later.append(after)
    summary = pl.DataFrame(rows, schema=["frequency", "recency", "T"], orient="row")
    return summary, pl.DataFrame({"purchases": later, "value": [None] * customers})


def test_forecasts_from_known_parameters_are_exact():
    customers, outcome = bgnbd_world(4000, weeks=40, ahead=30)
    draws = {name: np.full(300, value) for name, value in TRUTH.items()}
    model = MODELS["bgnbd"]
    parameters = tuple(p for p in (*model.parameters, *model.other[0][1]) if p.name in TRUTH)
    forecaster = Forecaster(model, Posterior(draws, parameters, Design()), None, 7.0)
    found = score(forecaster, customers, outcome, horizon=Horizon(days=210, draws=300))["purchases"].plain
    for covered in found.coverage:
        assert abs(covered.share - covered.expected) < 3.3 * covered.error
        assert covered.expected > covered.level - 0.01
    assert stats.chisquare(found.pit_counts()).statistic < stats.chi2.ppf(RARE, 9)
    assert found.actual == outcome["purchases"].sum()
    assert abs(found.total.mean() - found.actual) < 3.3 * found.total.std()
    assert abs(found.bias) < 0.1


# Adding up


def test_blocks_add_up_to_the_whole():
    draws, y = rng().poisson(2.0, (300, 40)).astype(float), rng(1).poisson(2.5, 300).astype(float)
    tally = PredictiveTally(counts=True)
    for start in range(0, 300, 70):
        tally.add(draws[start : start + 70], y[start : start + 70], rng=rng(start))
    found = tally.scores()
    assert found.customers == 300
    assert {c.level: c.share for c in found.coverage} == pytest.approx(coverage(draws, y))
    assert found.crps == pytest.approx(crps(draws, y).mean())
    assert found.mae_mean == pytest.approx(np.abs(draws.mean(axis=1) - y).mean())
    median = np.quantile(draws, 0.5, axis=1, method="inverted_cdf")
    assert found.mae_median == pytest.approx(np.abs(median - y).mean())
    assert found.rmse_mean == pytest.approx(np.sqrt(((draws.mean(axis=1) - y) ** 2).mean()))
    np.testing.assert_array_equal(found.total, draws.sum(axis=0))
    assert found.bias == pytest.approx(bias(draws, y) / y.mean())
    assert found.beyond == ((y > draws.max(axis=1)) | (y < draws.min(axis=1))).mean()
    assert sum(found.pit_counts()) == found.pit.sum() == 300
    low, high = np.quantile(draws, [0.25, 0.75], axis=1, method="inverted_cdf")
    half = found.coverage[0]
    assert half.width == pytest.approx((high - low).mean())
    assert half.expected == pytest.approx(((draws >= low[:, None]) & (draws <= high[:, None])).mean())
    assert half.error == pytest.approx(np.sqrt(half.share * (1 - half.share) / 300))


def test_scores_are_plain_data_even_if_nothing_happened():
    tally = PredictiveTally(counts=True)
    tally.add(np.ones((4, 10)), np.zeros(4), rng=rng())
    found = tally.scores()
    assert np.isnan(found.bias)
    assert found.to_dict()["total"]["bias"] is None
    assert found.to_dict()["total"]["intervals"][0] == {"level": 0.5, "low": 4.0, "high": 4.0, "holds": False}
    assert total_of(found.total, 4.0, counts=True)["bias"] == 0.0


@pytest.mark.parametrize(
    ("draws", "y"),
    [
        (np.ones((3, 4)), np.ones(2)),
        (np.ones(3), np.ones(3)),
        (np.ones((3, 1)), np.ones(3)),
        (np.ones((0, 4)), np.ones(0)),
        (np.array([[1.0, np.nan]]), np.ones(1)),
        (np.ones((1, 2)), np.array([np.inf])),
    ],
)
def test_what_cannot_be_scored_is_refused(draws, y):
    with pytest.raises(ScoringError):
        crps(draws, y)
    with pytest.raises(ScoringError):
        PredictiveTally(counts=True).add(draws, y, rng=rng())


def test_blocks_must_agree_and_some_must_come():
    tally = PredictiveTally(counts=True)
    with pytest.raises(ScoringError, match="no customer"):
        tally.scores()
    tally.add(np.ones((2, 5)), np.ones(2), rng=rng())
    with pytest.raises(ScoringError, match="6 draws; 5 were expected"):
        tally.add(np.ones((2, 6)), np.ones(2), rng=rng())
