"""Settings of a model of customer value: fit, forecasts, backtests and campaigns."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pydantic import Field

from tabkit.config import Config


class LifetimeConfig(Config):
    """How a model of customer value is fitted.

    Parameters
    ----------
    customer
        The column that names the customer.
    date
        The column of the day of purchase.
    amount
        The column of what was paid; without it there is no value, only purchases.
    summary
        The source is a summary already: one row per customer with the model's columns.
    model
        Of purchases: ``bgnbd``, ``mbgnbd``, ``paretonbd``; in whole periods ``bgbb``; of contracts ``sbg``.
    unit
        Of parameters and times.
    end
        The last day observed, such as 2024-12-31; by default the last of the log.
    resolution
        ``week``: times stand at the middle of their week, so that more customers are alike.
    merge
        Purchases of one day are one.
    refunds
        ``drop``: refunds are left out; ``net``: they are netted within their day.
    zeros
        ``count``: free orders are purchases; ``drop``: they are left out.
    covariates
        Numbers that are known at the first purchase, and speed up buying and leaving.
    group
        A column that parameters are partially pooled over.
    inference
        ``laplace``, checked and replaced by ``nuts`` where it is not good enough, or ``nuts``.
    priors
        By parameter: a table with ``kind`` and the distribution's parameters, in place of the default.
    draws
        Of the posterior.
    tune
        Steps of ``nuts`` before its draws.
    chains
        Of ``nuts``.
    seed
        Decides the draws.
    fewest_repeats
        With fewer repeat buyers than this nothing is fitted.
    """

    customer: str | None = None
    date: str | None = None
    amount: str | None = None
    summary: bool = False
    model: Literal["bgnbd", "mbgnbd", "paretonbd", "bgbb", "sbg"] = "bgnbd"
    unit: Literal["day", "week", "year"] = "week"
    end: datetime.date | None = None
    resolution: Literal["day", "week"] = "day"
    merge: bool = True
    refunds: Literal["drop", "net"] = "drop"
    zeros: Literal["count", "drop"] = "count"
    covariates: list[str] = Field(default_factory=list)
    group: str | None = None
    inference: Literal["laplace", "nuts"] = "laplace"
    priors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    draws: int = Field(default=4000, ge=100, le=100_000)
    tune: int = Field(default=1000, ge=100)
    chains: int = Field(default=4, ge=2, le=64)
    seed: int = Field(default=0, ge=0)
    fewest_repeats: int = Field(default=10, ge=2)


class BacktestConfig(LifetimeConfig):
    """How a model of customer value is backtested.

    Parameters
    ----------
    horizon_days
        How far each forecast reaches.
    origins
        From how many earlier days forecasts are made again; see `tabkit.cltv.backtesting.origins.plan_of`.
    widen
        Learn from earlier origins how far intervals are to be widened, and score that too.
    predictive_draws
        Of each customer.
    """

    horizon_days: int = Field(default=90, ge=1)
    origins: int = Field(default=4, ge=1, le=100)
    widen: bool = True
    predictive_draws: int = Field(default=1000, ge=2, le=100_000)


class ForecastConfig(Config):
    """What is forecast for the customers of a model.

    Parameters
    ----------
    horizon_days
        For how long after the end of the observation.
    quantiles
        Levels between 0 and 1.
    annual_discount
        What money loses in a year: 0.1 makes 1 in a year worth 1 / 1.1 now.
    draws
        Predictive draws of each customer.
    by
        A column of the summary that totals are given by.
    widen
        Widen intervals as far as earlier forecasts taught, where the model was fitted with `widen_origins`.
    seed
        Decides the draws.
    """

    horizon_days: float = Field(default=365.0, gt=0)
    quantiles: list[float] = Field(default_factory=lambda: [0.03, 0.5, 0.97])
    annual_discount: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    draws: int = Field(default=1000, ge=1, le=100_000)
    by: str | None = None
    widen: bool = True
    seed: int = Field(default=0, ge=0)


class CampaignConfig(Config):
    """How the value of campaigns' users is compared with their cost.

    Parameters
    ----------
    customer
        The column of the customer, if not called as in the model.
    campaign
        The column that names the campaign.
    cost
        The column of what acquiring the user cost. Without it there is no decision, only values.
    horizon_days
        The age up to which a user's value is counted.
    ahead_days
        The days whose users are decided on.
    fewest_users
        Consecutive days are put together until they have so many; see `tabkit.cltv.campaigns.daily.together`.
    margin
        The share of what is paid that remains.
    confidence
        Of the safe bid.
    likelihood
        Of a day's mean: ``student_t``, or ``zero_inflated`` where days may be worth exactly 0.
    draws
        Of the random walks.
    seed
        Decides them.
    """

    customer: str | None = None
    campaign: str | None = None
    cost: str | None = None
    horizon_days: int = Field(default=365, ge=1, le=36_525)
    ahead_days: int = Field(default=30, ge=1, le=3_653)
    fewest_users: int = Field(default=30, ge=1)
    margin: float = Field(default=1.0, gt=0, le=1)
    confidence: float = Field(default=0.9, gt=0, lt=1)
    likelihood: Literal["student_t", "zero_inflated"] = "student_t"
    draws: int = Field(default=4000, ge=100, le=100_000)
    seed: int = Field(default=0, ge=0)
