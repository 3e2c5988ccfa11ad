"""Forecast the random walks of campaigns: draws of the coming days, with NumPy alone."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.campaigns.campaign import QUANTILES, CampaignFit, named_quantiles
from tabkit.cltv.campaigns.walk import log_factor
from tabkit.cltv.models.ops import NUMPY
from tabkit.errors import ConfigError

Floats = NDArray[np.float64]

_STATE = ("level", "walk", "day_noise", "zero_share")


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Draws of the coming days; one draw is the same state of the world for all campaigns.

    Parameters
    ----------
    names, days
        Of the axes.
    level
        Shape (draws, campaigns, days): what users acquired that day are worth on average, in money.
    mean
        Same shape: what the mean of that day's users will be, noise of the day and of its users included.
    """

    names: tuple[str, ...]
    days: tuple[datetime.date, ...]
    level: Floats
    mean: Floats

    def quantiles(self, *, of: Literal["level", "mean"] = "mean", at: Sequence[float] = QUANTILES) -> pl.DataFrame:
        """Return ``campaign``, ``day`` and quantiles such as ``q3``."""
        values: Floats = {"level": self.level, "mean": self.mean}[of]
        names = [name for name in self.names for _ in self.days]
        columns: dict[str, Any] = {"campaign": names, "day": list(self.days) * len(self.names)}
        return pl.DataFrame(columns | named_quantiles(values, at))


def forecast(
    fitted: CampaignFit,
    *,
    horizon_days: int,
    users: float | Mapping[str, float] | None = None,
    new: str | None = None,
    seed: int = 0,
) -> Forecast:
    """Continue the walks after the last day of all campaigns.

    The standard deviation of a level's change is that of a day's step times the square root of the days since the
    campaign's last one.

    Parameters
    ----------
    horizon_days
        How many days.
    users
        Expected a day, for all or by campaign; inf leaves only the noise of days. Default: each campaign's median.
    new
        Name of a campaign never seen, which begins on the first of these days; None for none.

    Raises
    ------
    ConfigError
        If the horizon or users are not positive, or campaigns are unknown.
    """
    if isinstance(horizon_days, bool) or not isinstance(horizon_days, int) or horizon_days < 1:
        raise ConfigError(f"horizon_days={horizon_days!r} was given; a whole number from 1 was expected")
    rng = np.random.default_rng(seed)
    people = _expected(fitted, users, new)
    user_sd = np.broadcast_to(fitted.user_sd, fitted.draws["level"].shape)
    state = {**{name: fitted.draws[name] for name in _STATE}, "user_sd": user_sd}
    waits = [float((fitted.end - day).days + 1) for day in fitted.last_days]
    if new is not None:
        born = _new(fitted, user_sd, rng)
        state = {name: np.column_stack([value, born[name]]) for name, value in state.items()}
        waits.append(0.0)
    names = fitted.names if new is None else (*fitted.names, new)
    level, mean = np.empty((2, len(user_sd), len(names), horizon_days))
    for c, wait in enumerate(waits):
        own = {name: value[:, c, None] for name, value in state.items()}
        level[:, c], mean[:, c] = _ahead(own, fitted, horizon_days, wait=wait, users=people[c], rng=rng)
    days = tuple(fitted.end + datetime.timedelta(k + 1) for k in range(horizon_days))
    return Forecast(names, days, level, mean)


def _ahead(
    own: Mapping[str, Floats],
    fitted: CampaignFit,
    horizon_days: int,
    *,
    wait: float,
    users: float,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Return level and mean of one campaign, shape (draws, days), `wait` days from its last one to the first."""
    shape = (len(own["level"]), horizon_days)
    steps = rng.standard_normal(shape) * own["walk"]
    steps[:, 0] *= np.sqrt(wait)
    level = own["level"] + np.cumsum(steps, axis=1)
    noise = np.sqrt(own["day_noise"] ** 2 + own["user_sd"] ** 2 / users)
    mean = level + noise * rng.standard_t(fitted.draws["freedom"][:, None], shape)
    share, floor = own["zero_share"], fitted.floor
    zero = rng.random(shape) < share
    return np.maximum(level, floor) * (1 - share), np.where(zero, 0.0, np.maximum(mean, floor))


def _new(fitted: CampaignFit, user_sd: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """Return a campaign of the population by draw; its users and zero days are those of some known campaign."""
    draws, (size, count) = fitted.draws, user_sd.shape
    donor, z = rng.integers(count, size=size), rng.standard_normal((3, size))
    return {
        "level": draws["start_mean"] + draws["start_scale"] * z[0],
        "walk": draws["walk_mean"] * np.exp(log_factor(NUMPY, draws["walk_spread"], z[1, :, None]))[:, 0],
        "day_noise": draws["day_mean"] * np.exp(log_factor(NUMPY, draws["day_spread"], z[2, :, None]))[:, 0],
        "zero_share": draws["zero_share"][np.arange(size), donor],
        "user_sd": user_sd[np.arange(size), donor],
    }


def _expected(fitted: CampaignFit, users: float | Mapping[str, float] | None, new: str | None) -> Floats:
    typical = dict(zip(fitted.names, fitted.users, strict=True))
    if new is not None:
        if new in typical:
            raise ConfigError(f"campaign {new!r} is known already", advice="give the new one another name")
        typical[new] = float(np.median(fitted.users))
    if isinstance(users, Mapping):
        if unknown := [name for name in users if name not in typical]:
            raise ConfigError(f"there are no campaigns {', '.join(map(repr, unknown))}", advice="use those fitted")
        typical |= users
    elif users is not None:
        typical = dict.fromkeys(typical, users)
    found = np.array(list(typical.values()), dtype=float)
    if not (found > 0).all():
        raise ConfigError("expected users a day are not above 0 for every campaign", advice="give positive numbers")
    return found
