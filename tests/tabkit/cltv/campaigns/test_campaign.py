from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from campaign_days import START, table, walk

from tabkit.cltv.campaigns.campaign import CampaignFit, CampaignSettings, far, fit
from tabkit.cltv.campaigns.forecast import forecast
from tabkit.cltv.campaigns.panel import panel_of
from tabkit.cltv.models.priors import Prior
from tabkit.errors import ConfigError


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="no likelihood 'normal'"):
        CampaignSettings(likelihood="normal")
    with pytest.raises(ConfigError, match="no parameters 'tau'"):
        CampaignSettings(priors={"tau": Prior.of("half_cauchy", beta=1)})
    with pytest.raises(ConfigError, match="not normal"):
        CampaignSettings(priors={"start_mean": Prior.of("uniform", lower=0, upper=1)})


def test_priors_of_money_are_in_the_unit_of_the_data():
    given = {"walk": Prior.of("half_cauchy", beta=8.0), "freedom": Prior.of("gamma", alpha=3.0, beta=1.0)}
    found = CampaignSettings(priors=given).in_units(4.0)
    assert dict(found["walk"].values) == {"beta": 2.0}
    assert found["freedom"] == given["freedom"]
    assert dict(found["day_noise"].values) == {"beta": 0.2}


def test_levels_far_from_the_plain_mean_are_told():
    panel = panel_of(table("a", range(5), [10.0, 10.1, 9.9, 10.0, 90.0]))
    (told,) = far(panel, np.full((100, 5), 10.0))
    assert "campaign 'a' lies -16" in told
    assert "mean of 26" in told
    assert not far(panel, np.full((100, 5), 26.0))


def simulated(rng):
    """Return six campaigns, one of three days and one with an outlier, as daily means and their true levels."""
    truth, parts = {}, []
    for c in range(6):
        days = np.sort(rng.choice(50, 3 if c == 5 else 40, replace=False))
        level = walk(rng, days, start=10 + 1.5 * rng.standard_normal(), step=0.25)
        mean = level + np.sqrt(0.6**2 + 4.0 / 50) * rng.standard_t(5, len(days))
        if c == 0:
            mean[-2] += 60.0
        truth[f"c{c}"] = level
        parts.append(table(f"c{c}", days, mean, lowest=0.0))
    return pl.concat(parts), truth


@pytest.fixture(scope="module")
def six():
    pytest.importorskip("pymc", reason="the extra cltv is not installed")
    days, truth = simulated(np.random.default_rng(11))
    return days, truth, fit(days, settings=CampaignSettings(draws=2000, tune=700, chains=2))


@pytest.mark.xdist_group("six campaigns")
@pytest.mark.slow(seconds=80)
def test_levels_are_found_without_trouble_of_the_sampler(six):
    days, truth, found = six
    assert found.diagnostics["divergences"] <= 4
    assert found.diagnostics["r_hat"] < 1.03
    past = found.levels.with_columns(truth=pl.Series(np.concatenate(list(truth.values()))))
    inside = past.select(pl.col("truth").is_between("q3", "q97").mean()).item()
    assert 0.8 < inside <= 1.0
    assert past["mean"].len() == days.height
    assert 0.1 < np.median(found.draws["walk_mean"]) < 0.6
    assert found.floor == 0.0


@pytest.mark.xdist_group("six campaigns")
@pytest.mark.slow(seconds=80)
def test_an_outlying_day_hardly_moves_the_level(six):
    days, truth, found = six
    first = found.levels.filter(pl.col("campaign") == "c0")
    assert abs(first["mean"][-2] - truth["c0"][-2]) < 1.5
    assert days.filter(pl.col("campaign") == "c0")["mean"][-2] > 60


@pytest.mark.xdist_group("six campaigns")
@pytest.mark.slow(seconds=80)
def test_a_campaign_of_three_days_is_pulled_to_the_others(six):
    days, _, found = six
    assert np.log(found.draws["walk"][:, 5]).std() < 1.0
    plain = days.group_by("campaign", maintain_order=True).agg(pl.col("mean").first())["mean"].to_numpy()
    population = np.median(found.draws["start_mean"])
    starts = found.levels.group_by("campaign", maintain_order=True).first()["mean"].to_numpy()
    assert abs(starts[5] - population) < abs(plain[5] - population)


@pytest.mark.xdist_group("six campaigns")
@pytest.mark.slow(seconds=80)
def test_a_fit_survives_its_saving(six, tmp_path):
    _, _, found = six
    found.to_frame().write_parquet(tmp_path / "draws.parquet")
    about = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    again = CampaignFit.from_frame(pl.read_parquet(tmp_path / "draws.parquet"), about=about, levels=found.levels)
    assert (again.names, again.last_days, again.floor) == (found.names, found.last_days, found.floor)
    one, two = (forecast(f, horizon_days=5, new="x", seed=3) for f in (found, again))
    np.testing.assert_array_equal(one.mean, two.mean)
    assert again.draws.keys() == found.draws.keys()


@pytest.mark.slow(seconds=40)
@pytest.mark.parametrize(("campaigns", "seed"), [(1, 0), (1, 1), (2, 2)])
def test_a_known_noise_and_no_drift_give_the_normal_posterior(campaigns, seed):
    """With all scales next to 0 and many degrees of freedom the one level is a mean with a normal prior, far from it.

    Drift would explain the distance to the prior: if the campaigns' own scales could leave that of all behind, there
    would be a second mode, with nearly all of the mass.
    """
    pytest.importorskip("pymc", reason="the extra cltv is not installed")
    rng = np.random.default_rng(2 + seed)
    users = rng.integers(20, 200, (campaigns, 25))
    mean = 10 + rng.standard_normal((campaigns, 25)) * 20 / np.sqrt(users)
    tiny = {name: Prior.of("half_normal", sigma=1e-3) for name in ("walk", "day_noise", "start_scale")}
    priors = {**tiny, "start_mean": Prior.of("normal", mu=4.0, sigma=0.5)}
    priors["freedom"] = Prior.of("gamma", alpha=1e4, beta=1.0)
    days = pl.concat(table(f"c{c}", range(25), mean[c], users=users[c], variance=400.0) for c in range(campaigns))
    found = fit(days, settings=CampaignSettings(chains=2, tune=700, priors=priors, seed=seed))
    precision = users.sum() / 400 + 1 / 0.5**2
    exact = ((users * mean).sum() / 400 + 4.0 / 0.5**2) / precision
    # Five standard errors of 1,000 independent draws, about half of what 4,000 of a chain are worth here.
    assert found.diagnostics["divergences"] <= 4
    assert found.diagnostics["ess"] > 400
    np.testing.assert_allclose(found.draws["level"].mean(axis=0), exact, atol=5 / np.sqrt(precision * 1000))
    np.testing.assert_allclose(found.draws["level"].std(axis=0), 1 / np.sqrt(precision), rtol=0.08)


@pytest.mark.slow(seconds=40)
def test_zero_days_money_in_billionths_and_losses_are_learned_alike():
    """Negative means of 1e-6, one user a day, a campaign of one day, one that ended long ago, days of exactly 0."""
    pytest.importorskip("pymc", reason="the extra cltv is not installed")
    rng = np.random.default_rng(4)
    parts, days = [], np.sort(rng.choice(90, 50, replace=False))
    for name, when in (("b[1]", days), ("old", days[:20] - 400), ("one", days[-1:])):
        mean = walk(rng, when, start=-10.0, step=0.2) + 0.6 * rng.standard_t(5, len(when))
        if name == "b[1]":
            mean[[3, 9, 17, 30, -1]] = 0.0
        parts.append(table(name, when, 1e-6 * mean, users=1, variance=None, lowest=-2e-5))
    found = fit(pl.concat(parts), settings=CampaignSettings(likelihood="zero_inflated", draws=2000, tune=500, chains=2))
    assert found.diagnostics["divergences"] <= 5
    assert found.names == ("b[1]", "old", "one")
    assert found.end == START + dt.timedelta(int(days[-1]))
    assert found.last_days[0] == START + dt.timedelta(int(days[-2]))
    np.testing.assert_allclose(found.draws["level"].mean(axis=0), -1e-5, rtol=0.25)
    share = found.draws["zero_share"].mean(axis=0)
    np.testing.assert_allclose(share, [6 / 60, 1 / 30, 1 / 11], rtol=0.1)
    ahead = forecast(found, horizon_days=3)
    assert ahead.days[0] == found.end + dt.timedelta(1)
    assert ahead.level[:, 1].std() > 3 * ahead.level[:, 0].std()
    assert found.user_sd == (0.0, 0.0, 0.0)
