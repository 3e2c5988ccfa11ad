from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tabkit.cltv.campaigns.campaign import CampaignFit
from tabkit.cltv.campaigns.forecast import forecast
from tabkit.errors import ConfigError

START = dt.date(2024, 1, 1)


def made(*, size=40_000, walk_sd=0.5, noise=0.0, floor=-np.inf, zero=0.0, freedom=1e6, names=("a", "b"), ago=3):
    """Return a fit of two campaigns with fixed parameters, to forecast from without sampling."""
    one = np.ones(size)
    pair = {"level": [10.0, 20.0], "walk": [walk_sd, 2 * walk_sd], "day_noise": [noise] * 2, "zero_share": [zero] * 2}
    draws = {name: one[:, None] * value for name, value in pair.items()}
    single = {"freedom": freedom, "start_mean": 15.0, "start_scale": 4.0, "walk_mean": walk_sd, "walk_spread": 0.3}
    draws |= {name: one * value for name, value in {**single, "day_mean": noise, "day_spread": 0.3}.items()}
    return CampaignFit(
        names=names,
        last_days=(START, START - dt.timedelta(ago)),
        end=START,
        users=(4.0, 9.0),
        user_sd=(2.0, 3.0),
        floor=floor,
        draws=draws,
        levels=pl.DataFrame(),
        diagnostics={"r_hat": np.nan},
        warnings=(),
    )


@pytest.mark.parametrize("ago", [3, 400])
def test_spread_grows_with_the_square_root_of_the_days(ago):
    found = forecast(made(ago=ago), horizon_days=30, new="c")
    days = np.arange(1, 31)
    np.testing.assert_allclose(found.level[:, 0].std(axis=0), 0.5 * np.sqrt(days), rtol=0.03)
    np.testing.assert_allclose(found.level[:, 1].std(axis=0), np.sqrt(days + ago), rtol=0.03)
    wide = np.sqrt(16 + 0.25 * np.exp(2 * 0.09) * (days - 1))
    np.testing.assert_allclose(found.level[:, 2].std(axis=0), wide, rtol=0.03)
    assert found.level.shape == (40_000, 3, 30)
    assert (found.names, found.days[0], found.days[-1]) == (("a", "b", "c"), dt.date(2024, 1, 2), dt.date(2024, 1, 31))


@pytest.mark.parametrize(("users", "variance"), [(None, 1.0), (16, 0.25), (np.inf, 0.0), ({"a": 1}, 4.0)])
def test_noise_of_the_day_and_of_its_users_is_part_of_a_days_mean(users, variance):
    found = forecast(made(noise=0.7), horizon_days=2, users=users)
    noise = found.mean[:, 0] - found.level[:, 0]
    np.testing.assert_allclose(noise.var(axis=0), 0.49 + variance, rtol=0.05)


def test_money_that_was_never_negative_stays_so_and_zero_days_take_their_share():
    found = forecast(made(walk_sd=5.0, noise=1.0, floor=0.0, zero=0.25), horizon_days=20)
    assert found.mean.min() == found.level.min() == 0.0
    near = forecast(made(zero=0.25, noise=1.0), horizon_days=1)
    assert (near.mean == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert near.mean.mean(axis=(0, 2)) == pytest.approx(near.level.mean(axis=(0, 2)), rel=0.02)
    assert forecast(made(walk_sd=5.0), horizon_days=20).level.min() < 0


def test_quantiles_of_a_forecast_are_a_frame():
    found = forecast(made(size=999), horizon_days=2, seed=4)
    shown = found.quantiles(of="level", at=(0.1, 0.5))
    assert shown.columns == ["campaign", "day", "q10", "q50"]
    assert shown["campaign"].to_list() == ["a", "a", "b", "b"]
    assert shown["q50"][3] == np.median(found.level[:, 1, 1])
    np.testing.assert_array_equal(found.mean, forecast(made(size=999), horizon_days=2, seed=4).mean)


def test_names_with_brackets_survive_the_saving_and_columns_may_be_shuffled():
    first = made(size=50, noise=0.3, names=("a[1]", "a[0]"))
    shuffled = first.to_frame().select(*reversed(first.to_frame().columns))
    again = CampaignFit.from_frame(shuffled, about=first.to_dict(), levels=first.levels)
    assert again.names == ("a[1]", "a[0]")
    assert (again.last_days, again.end, again.floor) == (first.last_days, first.end, first.floor)
    assert {name: value.shape for name, value in again.draws.items()} == {n: v.shape for n, v in first.draws.items()}
    one, two = (forecast(f, horizon_days=3, users={"a[1]": 5.0}, new="a", seed=1) for f in (first, again))
    np.testing.assert_array_equal(one.mean, two.mean)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"horizon_days": 0}, "a whole number from 1"),
        ({"horizon_days": 1.5}, "a whole number from 1"),
        ({"horizon_days": 1, "users": 0}, "not above 0"),
        ({"horizon_days": 1, "users": np.nan}, "not above 0"),
        ({"horizon_days": 1, "users": {"z": 1}}, "no campaigns 'z'"),
        ({"horizon_days": 1, "new": "a"}, "known already"),
    ],
)
def test_forecasts_that_cannot_be_are_refused(options, told):
    with pytest.raises(ConfigError, match=told):
        forecast(made(size=9), **options)
