"""Simulation-based calibration of the random walks of campaigns."""

from __future__ import annotations

import datetime as dt
import warnings

import numpy as np
import polars as pl
import pytest
from campaign_days import START, table, walk
from scipy import stats

from tabkit.cltv.campaigns.axes import plan_of
from tabkit.cltv.campaigns.campaign import PRIORS, learned
from tabkit.cltv.campaigns.forecast import forecast
from tabkit.cltv.campaigns.panel import panel_of
from tabkit.cltv.campaigns.walk import model_of
from tabkit.cltv.inference.sampling import Sampled
from tabkit.cltv.models.priors import Prior

REPLICATES, AFTER = 100, 15
LAYOUT = (np.arange(12), np.array([0, 2, 3, 5, 8, 9, 10, 13]), np.array([9, 10, 12]))
TIGHT = {
    **PRIORS,
    "start_mean": Prior.of("normal", mu=1.0, sigma=1.0),
    "start_scale": Prior.of("half_cauchy", beta=0.3),
    "walk": Prior.of("half_cauchy", beta=0.1),
}
SAMPLED = ("walk", "walk_spread", "walk_z", "day_noise", "day_spread", "day_z", "freedom", "start_scale", "modes",
           "anchors", "start_mean")  # fmt: skip


def world(rng, *, inflated):
    """Draw parameters from the priors, days from them, and the day after.

    Days of exactly 0 come before the others, as many as there are before the last other one, so that replicates have
    arrays of one shape: the likelihood of their share is the binomial one whatever the rule to stop.
    """
    p = {name: float(prior.frozen().rvs(random_state=rng)) for name, prior in TIGHT.items()}
    tau, noise = (
        p[scale] * np.exp(p[spread] * rng.standard_normal(len(LAYOUT)))
        for scale, spread in (("walk", "walk_spread"), ("day_noise", "day_spread"))
    )
    share = TIGHT["zero_share"].frozen().rvs(len(LAYOUT), random_state=rng) if inflated else np.zeros(len(LAYOUT))
    parts, ends, after = [], [], []
    for c, layout in enumerate(LAYOUT):
        days = np.append(layout, AFTER)
        level = walk(rng, days, start=p["start_mean"] + p["start_scale"] * rng.standard_normal(), step=tau[c])
        shock = np.sqrt(noise[c] ** 2 + 4.0 / 50) * rng.standard_t(1 + p["freedom"], len(days))
        zeros = rng.negative_binomial(len(layout), 1 - share[c]) if inflated else 0
        seen = np.concatenate([np.zeros(zeros), (level + shock)[:-1]])
        parts.append(table(f"c{c}", np.concatenate([np.arange(-zeros, 0), layout]), seen))
        ends.append(level[-2])
        after.append(0.0 if rng.random() < share[c] else (level + shock)[-1])
    truth = {"level": ends[0], "walk": tau[0], "day_noise": noise[0], "start_mean": p["start_mean"]}
    return pl.concat(parts), truth | ({"zero_share": share[0]} if inflated else {}), np.array(after)


def calibrated(replicates, *, seed, inflated=False):
    """Return ranks of the truth among 99 draws, and how much of the forecast lies below the day after."""
    nutpie = pytest.importorskip("nutpie", reason="the extra cltv is not installed")
    rng = np.random.default_rng(seed)
    scales = np.tile([0.1, 0.2], (len(LAYOUT), 1))
    names = (*SAMPLED, "zero_share") if inflated else SAMPLED
    compiled, ranks, below, truth = None, [], [], {}
    for k in range(replicates):
        days, truth, after = world(rng, inflated=inflated)
        panel = panel_of(days, likelihood="zero_inflated" if inflated else "student_t", unit=1.0)
        plan = plan_of(panel, scales=scales)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = compiled or nutpie.compile_pymc_model(model_of(plan, TIGHT))
            filled = compiled.with_data(**{f"seen_{name}": value for name, value in plan.data.items()})
            found = nutpie.sample(filled, draws=400, tune=400, chains=1, cores=1, seed=k, progress_bar=False)
        draws = {name: np.asarray(found.posterior[name].values)[0][3::4][:99] for name in names}
        fitted = learned(plan, Sampled(draws, "nuts", {}), mean=TIGHT["start_mean"])
        ranks.append([(np.atleast_2d(fitted.draws[n].T)[0] < value).sum() for n, value in truth.items()])
        ahead = forecast(fitted, horizon_days=6, users=50, seed=k)
        mean = ahead.mean[:, :, ahead.days.index(START + dt.timedelta(AFTER))]
        below.append((mean < after).mean(axis=0) + rng.random(len(after)) * (mean == after).mean(axis=0))
    return np.array(ranks), np.array(below), list(truth)


def flatness(ranks):
    """Return the p-value of each column of ranks, from 0 to 99, being uniform: ten bins of ten ranks."""
    return stats.chisquare([np.bincount(column // 10, minlength=10) for column in ranks.T], axis=1).pvalue


@pytest.fixture(scope="module")
def calibration():
    return calibrated(REPLICATES, seed=42)


@pytest.mark.xdist_group("calibration of campaigns")
@pytest.mark.slow(seconds=200)
def test_simulation_based_calibration_finds_flat_ranks(calibration):
    """Talts, Betancourt, Simpson, Vehtari and Gelman 2018: of 99 draws the truth has any of 100 ranks alike."""
    ranks, _, names = calibration
    # 100 ranks in 10 bins: 10 expected in each. With four quantities tested, flat ranks fail once in 250 seeds.
    p = flatness(ranks)
    assert (p > 0.001).all(), dict(zip(names, p, strict=True))


@pytest.mark.xdist_group("calibration of campaigns")
@pytest.mark.slow(seconds=200)
def test_forecasts_cover_the_day_that_follows_as_often_as_they_say(calibration):
    _, below, _ = calibration
    for level in (0.5, 0.8, 0.94):
        inside = np.abs(below - 0.5) <= level / 2
        # The three campaigns of a replicate share parameters, so that they count as one for the error.
        error = np.sqrt(level * (1 - level) / REPLICATES)
        assert abs(inside.mean() - level) < 3 * error
