"""The value of newly acquired users by campaign and day, modelled as pooled random walks."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.campaigns.axes import WalkPlan, plan_of
from tabkit.cltv.campaigns.panel import DayLikelihood, Panel, panel_of
from tabkit.cltv.campaigns.walk import in_units, model_of
from tabkit.cltv.inference.nuts import nuts
from tabkit.cltv.inference.sampling import Sampled
from tabkit.cltv.models.priors import Prior
from tabkit.errors import ConfigError
from tabkit.progress import Progress

Floats = NDArray[np.float64]

QUANTILES = (0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97)  # the ends of 94 %, 80 % and 50 % intervals, and the median
# In units of the typical day's mean; money is scaled by it. The spreads are on the log scale and stay.
PRIORS: dict[str, Prior] = {
    "start_mean": Prior.of("normal", mu=0.0, sigma=5.0),
    "start_scale": Prior.of("half_cauchy", beta=1.0),
    "walk": Prior.of("half_cauchy", beta=0.05),
    "walk_spread": Prior.of("log_normal", mu=-1.2, sigma=0.5),
    "day_noise": Prior.of("half_cauchy", beta=0.2),
    "day_spread": Prior.of("log_normal", mu=-1.2, sigma=0.5),
    "freedom": Prior.of("gamma", alpha=2.0, beta=0.1),
    "zero_share": Prior.of("beta", alpha=1.0, beta=9.0),
}
_MONEY = ("start_mean", "start_scale", "walk", "day_noise")
_MONEY_DRAWS = ("levels", "walk", "day_noise", "start_mean", "start_scale", "walk_mean", "day_mean")
_BIASED = 0.1  # a tenth of the mean is worth telling a person who bids by it
_ACCEPT = 0.95
"""Campaigns of a day or two leave scales open, and the posterior has narrow places: with the usual .8 as many as 1 % of
draws diverged in one fit of three campaigns on some processors, with .95 none, at the same cost."""


@dataclass(frozen=True, slots=True)
class CampaignSettings:
    """How campaigns are fitted.

    Parameters
    ----------
    likelihood
        ``student_t``: every day's mean is heavy-tailed around its level. ``zero_inflated``: a day may also be
        exactly 0, with a share of such days per campaign; the walk is that of the other days.
    draws, tune, chains, seed
        Of the No-U-Turn sampler.
    priors
        In place of `PRIORS`, money in the unit of the data.

    Raises
    ------
    ConfigError
        If the likelihood or a prior is unknown, or the prior of ``start_mean`` is not normal.
    """

    likelihood: DayLikelihood = "student_t"
    draws: int = 4000
    tune: int = 1000
    chains: int = 4
    seed: int = 0
    priors: Mapping[str, Prior] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.likelihood not in get_args(DayLikelihood):
            raise ConfigError(f"there is no likelihood {self.likelihood!r}", advice="use student_t or zero_inflated")
        if unknown := [name for name in self.priors if name not in PRIORS]:
            raise ConfigError(
                f"there are no parameters {', '.join(map(repr, unknown))}", advice=f"use {', '.join(PRIORS)}"
            )
        if self.priors.get("start_mean", PRIORS["start_mean"]).kind != "normal":
            raise ConfigError("the prior of start_mean is not normal", advice="give Prior.of('normal', mu=, sigma=)")

    def in_units(self, unit: float) -> dict[str, Prior]:
        """Return all priors, of money in the unit of a typical day's mean."""
        given = {name: p.scaled(1 / unit) if name in _MONEY else p for name, p in self.priors.items()}
        return {**PRIORS, **given}


@dataclass(frozen=True, slots=True, eq=False)
class CampaignFit:
    """The fitted walks of campaigns, in money: all that a forecast needs.

    Parameters
    ----------
    names, last_days
        Campaigns as text, and the last day that says something of each one's level.
    end
        The last day of all; forecasts begin after it.
    users, user_sd
        Each one's median of users a day, and the standard deviation of users' values within a day, pooled.
    floor
        0 if no user was worth less; draws of forecasts below it are set to it. -inf otherwise.
    draws
        Shape (draws, campaigns): ``level`` on the last day, ``walk`` (standard deviation of a day's step),
        ``day_noise``, ``zero_share``. Shape (draws,): ``freedom`` (degrees of freedom), ``start_mean``,
        ``start_scale``, ``walk_mean``, ``walk_spread``, ``day_mean``, ``day_spread`` of the campaigns' population.
    levels
        Past levels: ``campaign``, ``day``, ``mean`` and quantiles ``q3`` ... ``q97``, zero days aside.
    diagnostics, warnings
        Of the sampler, and of levels that lie far from the plain means.
    """

    names: tuple[str, ...]
    last_days: tuple[datetime.date, ...]
    end: datetime.date
    users: tuple[float, ...]
    user_sd: tuple[float, ...]
    floor: float
    draws: Mapping[str, Floats]
    levels: pl.DataFrame
    diagnostics: Mapping[str, float]
    warnings: tuple[str, ...]

    def to_frame(self) -> pl.DataFrame:
        """Return one row per draw; of several campaigns ``NAME[0]`` and so on."""
        columns: dict[str, Floats] = {}
        for name, value in self.draws.items():
            columns |= {name: value} if value.ndim == 1 else {f"{name}[{k}]": v for k, v in enumerate(value.T)}
        return pl.DataFrame(columns)

    def to_dict(self) -> dict[str, Any]:
        """Return what is neither draws nor levels, as plain data that JSON can hold."""
        return {
            "names": list(self.names),
            "last_days": [day.isoformat() for day in self.last_days],
            "end": self.end.isoformat(),
            "users": list(self.users),
            "user_sd": list(self.user_sd),
            "floor": self.floor if np.isfinite(self.floor) else None,
            "diagnostics": {name: v if np.isfinite(v) else None for name, v in self.diagnostics.items()},
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, about: Mapping[str, Any], levels: pl.DataFrame) -> CampaignFit:
        """Rebuild a fit from what `to_frame` and `to_dict` gave, and its levels."""
        draws: dict[str, Floats] = {}
        for name in dict.fromkeys(column.split("[")[0] for column in frame.columns):
            single = name in frame.columns
            each = [f"{name}[{k}]" for k in range(len(about["names"]))]
            draws[name] = frame[name].to_numpy() if single else frame.select(each).to_numpy()
        diagnostics = {name: float("nan") if v is None else float(v) for name, v in about["diagnostics"].items()}
        return cls(
            names=tuple(about["names"]),
            last_days=tuple(datetime.date.fromisoformat(day) for day in about["last_days"]),
            end=datetime.date.fromisoformat(about["end"]),
            users=tuple(about["users"]),
            user_sd=tuple(about["user_sd"]),
            floor=-np.inf if about["floor"] is None else float(about["floor"]),
            draws=draws,
            levels=levels,
            diagnostics=diagnostics,
            warnings=tuple(about["warnings"]),
        )


def fit(
    days: pl.DataFrame, *, settings: CampaignSettings | None = None, progress: Progress | None = None
) -> CampaignFit:
    r"""Fit the level of each campaign as a random walk, pooled across campaigns.

    For campaign c on its d-th day, g days after the one before, with n users of standard deviation s,

    .. math::
        \theta_{cd} &\sim N(\theta_{c,d-1}, g\tau_c^2), \quad \theta_{c1} \sim N(\mu, \omega^2), \\
        y_{cd} &\sim t_\nu(\theta_{cd}, \sigma_c^2 + s_c^2 / n_{cd}), \\
        \log\tau_c &\sim N(\log\tau, \kappa^2), \quad \log\sigma_c \sim N(\log\sigma, \lambda^2),

    where omega, tau and sigma are half-Cauchy. Money is not logged: under the log of money a half-Cauchy tau has no
    finite expected level, so that expected profit would hang on the largest draw. Time and memory grow with
    campaigns times the square of days: give the last half year rather than all years.

    Parameters
    ----------
    days
        As `daily` makes it. Where no day of any campaign has a variance, what users differ by is part of the days'
        noise, and a forecast for other numbers of users does not know of it.

    Raises
    ------
    FitError
        If days are no such table, none of the campaigns has three days, or means do not vary at all.
    ImportError
        If PyMC is not installed.

    References
    ----------
    West and Harrison (1997), Bayesian Forecasting and Dynamic Models, chapter 2 (the local level). Gelman (2006),
    Bayesian Analysis 1(3) (half-Cauchy scales). Juárez and Steel (2010), JBES 28(1) (the gamma prior of the degrees
    of freedom; 1 is added here, so that a day has a mean). Papaspiliopoulos, Roberts and Sköld (2007), Statistical
    Science 22(1) (why the walk is sampled as its distance from where data and prior put it).
    """
    settings = settings or CampaignSettings()
    panel = panel_of(days, likelihood=settings.likelihood)
    priors, plan = settings.in_units(panel.unit), plan_of(panel)
    found = nuts(
        model_of(plan, priors), draws=settings.draws, tune=settings.tune, chains=settings.chains, accept=_ACCEPT,
        seed=settings.seed, progress=progress,
    )  # fmt: skip
    return learned(plan, found, mean=priors["start_mean"])


def learned(plan: WalkPlan, sampled: Sampled, *, mean: Prior) -> CampaignFit:
    """Return what draws of `model_of` say, in money; `mean` is the prior of ``start_mean`` that they were made with."""
    panel = plan.panel
    draws = in_units(plan, sampled.draws, mean)
    draws |= {name: draws[name] * panel.unit for name in _MONEY_DRAWS}
    levels = draws.pop("levels")
    draws["level"] = levels[:, panel.bounds[1:] - 1]
    dates, every = panel.dates(), panel.frame
    users = every.group_by("campaign", maintain_order=True).agg(pl.col("users").median())["users"]
    end: Any = every["day"].max()
    return CampaignFit(
        names=panel.names,
        last_days=tuple(dates[place - 1] for place in panel.bounds[1:]),
        end=end,
        users=tuple(users.to_list()),
        user_sd=tuple((panel.user_sd * panel.unit).tolist()),
        floor=0.0 if (every["lowest"] >= 0).fill_null(value=False).all() else -np.inf,
        draws=draws,
        levels=_past(panel, levels),
        diagnostics=dict(sampled.diagnostics),
        warnings=(*sampled.warnings, *far(panel, levels)),
    )


def _past(panel: Panel, levels: Floats) -> pl.DataFrame:
    names = pl.Series(panel.names, dtype=pl.String).gather(panel.place)
    columns = {"campaign": names, "day": pl.Series(panel.dates(), dtype=pl.Date), "mean": levels.mean(axis=0)}
    return pl.DataFrame(columns | named_quantiles(levels, QUANTILES))


def named_quantiles(draws: Floats, at: Sequence[float]) -> dict[str, Floats]:
    """Return quantiles over the first axis, flat, under names such as ``q5``."""
    found = np.quantile(draws, at, axis=0)
    return {f"q{100 * q:g}": value.ravel() for q, value in zip(at, found, strict=True)}


def far(panel: Panel, levels: Floats) -> tuple[str, ...]:
    """Return a warning on campaigns whose robust level is far from the plain mean: a few users dominate it."""
    told = []
    for name, part in zip(panel.names, panel.parts(), strict=True):
        weight = panel.users[part] / panel.users[part].sum()
        plain, robust = float(weight @ panel.y[part]) * panel.unit, levels[:, part] @ weight
        away = float(robust.mean()) - plain
        if abs(away) > max(_BIASED * abs(plain), 3 * float(robust.std())):
            told.append(
                f"The level of campaign {name!r} lies {away:+.4g} from its plain mean of {plain:.4g}: "
                "a few days or users make the difference; cap the largest values or take longer periods."
            )
    return tuple(told)
