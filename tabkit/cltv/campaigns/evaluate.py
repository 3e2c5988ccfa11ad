"""Evaluate campaigns: the value of their users by day, compared with cost, and what to bid."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.campaigns import bidding, campaign
from tabkit.cltv.campaigns.campaign import QUANTILES, CampaignFit
from tabkit.cltv.campaigns.daily import daily, together
from tabkit.cltv.campaigns.decisions import decide
from tabkit.cltv.campaigns.drift import changes
from tabkit.cltv.campaigns.forecast import Forecast, forecast
from tabkit.cltv.config import CampaignConfig
from tabkit.cltv.forecasting.acquired import repeat_value, worth
from tabkit.cltv.inference.mixing import doubts, doubts_of_fit
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.roles import with_roles
from tabkit.config import settings_of
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import Source, collect, describe, scan
from tabkit.progress import Progress
from tabkit.refused import REASON, ROW, no_rows, refused_rows, refused_together
from tabkit.roles import RolesLike

Floats = NDArray[np.float64]

NOBODY, ABSENT, OLD = "no customer", "not among the model's customers", "acquired longer ago than the horizon"
_MUCH = 0.5  # from half on, a value is more forecast than seen


@dataclass(frozen=True, slots=True, eq=False)
class CampaignReport:
    """Campaigns, their forecasts and the decisions on them.

    Parameters
    ----------
    decisions
        One row per campaign, see `tabkit.cltv.campaigns.decisions.decide`.
    fitted
        The random walks.
    ahead
        Their forecast.
    fan
        ``campaign``, ``day``, ``past`` (whether known), ``users``, ``observed`` (the day's mean; null ahead) and
        quantiles ``q3`` to ``q97``: of the level in the past, of the day's mean ahead.
    refused
        Rows left out, by reason.
    verdict
        One sentence.
    notes
        What a careful colleague would add.
    doubts
        What makes draws doubtful, of the walks and of the model that values users; the verdict begins with it.
    refused_rows
        The rows left out, ``row`` and ``reason`` first; see `tabkit.refused`.
    """

    decisions: pl.DataFrame
    fitted: CampaignFit
    ahead: Forecast
    fan: pl.DataFrame
    refused: Mapping[str, int]
    verdict: str
    notes: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    refused_rows: pl.DataFrame = field(default_factory=no_rows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "campaigns": self.decisions.to_dicts(),
            "days": [str(day) for day in self.ahead.days],
            "diagnostics": dict(self.fitted.diagnostics),
            "doubts": list(self.doubts),
            "refused": dict(self.refused),
            "verdict": self.verdict,
            "notes": list(self.notes),
        }


def evaluate_campaigns(
    model: CLTVModel,
    source: Source,
    *,
    config: CampaignConfig | Mapping[str, Any],
    roles: RolesLike | None = None,
    volume: Source | None = None,
    progress: Progress | None = None,
) -> CampaignReport:
    """Compare the value of campaigns' users with their cost.

    A user's value is what was paid since the first purchase and what is forecast up to the age of ``horizon_days``,
    times ``margin``. The means of each campaign's days go into random walks (`tabkit.cltv.campaigns.campaign.fit`),
    and these on to the next ``ahead_days``. How uncertain the model's own parameters are moves the part of value that
    is to come.

    What newer users have not done yet is forecast from all users of the fit: a change of late hardly shows in the
    values. It is looked for (`tabkit.cltv.campaigns.drift.changes`), told, and then nothing is called sure.

    Parameters
    ----------
    model
        Fitted with amounts; with the campaign as its group, or its forecasts draw campaigns together.
    source
        One row per acquired user: the customer, the campaign, and the cost.
    config
        Settings; a mapping is validated.
    roles
        ``id``: the customer's column, if it is not called as in the model.
    volume
        Users by bid: ``bid``, ``users``, and ``campaign`` where curves differ.

    Raises
    ------
    TabkitError
        If columns are missing, customers are named twice, or too few days have users.
    ImportError
        If the extra `cltv` is not installed.

    Examples
    --------
    >>> settings = {"campaign": "campaign", "cost": "cac"}
    >>> campaigns = evaluate_campaigns(model, "acquired.parquet", config=settings)  # doctest: +SKIP
    """
    settings = with_roles(settings_of(CampaignConfig, config), roles)
    _check(model)
    acquired = _acquired(source, model, settings)
    curves = _volumes(volume, acquired["campaign"].drop_nulls().unique().to_list())
    values = worth(
        model.forecaster, model.customers, horizon_days=settings.horizon_days, customer=model.customer,
        seed=settings.seed, progress=progress,
    )  # fmt: skip
    users, refused, refused_users = _valued(acquired, values, model, settings)
    days = daily(users, campaign="campaign", day="day", value="value", cost="cost")
    own = campaign.CampaignSettings(likelihood=settings.likelihood, draws=settings.draws, seed=settings.seed)
    rows = together(days.frame, fewest_users=settings.fewest_users)
    fitted = _of_days(campaign.fit(rows, settings=own, progress=progress), users, days.frame)
    ahead = forecast(fitted, horizon_days=settings.ahead_days, seed=settings.seed)
    people = _people(users).join(changes(model, users), on="campaign", how="left")
    doubtful = (*doubts(fitted.diagnostics), *doubts_of_fit(model.facts))
    decisions = decide(model, fitted, ahead, people, settings=settings, volumes=curves)
    return CampaignReport(
        decisions=decisions,
        fitted=fitted,
        ahead=ahead,
        fan=_fan(fitted, ahead, rows),
        refused={**refused, **days.refused},
        verdict=_verdict(decisions, settings, doubts=doubtful),
        notes=(*fitted.warnings, *_notes(people, model, settings, refused, acquired.height)),
        doubts=doubtful,
        refused_rows=refused_users,
    )


def _check(model: CLTVModel) -> None:
    """Refuse before any work a model that cannot value users by the day they came."""
    if model.forecaster.spending is not None:
        for group in model.forecaster.purchases.design.groups or (None,):
            repeat_value(model.forecaster, [1.0], draws=1000, group=group)
    if model.facts.get("end") is None:
        raise ConfigError(
            "the model was fitted to a summary: when its customers were acquired is unknown",
            advice="fit from the log of transactions",
        )
    if model.facts.get("resolution", "day") != "day":
        raise ConfigError(
            "the model was fitted with times of whole weeks: the day that a user came is unknown",
            advice="fit with resolution=day",
        )


def _acquired(source: Source, model: CLTVModel, settings: CampaignConfig) -> pl.DataFrame:
    """Return customer, campaign and cost of each row; `SchemaError` or `FitError` where they cannot be used."""
    customer = settings.customer or model.customer
    if settings.campaign is None:
        raise ConfigError("no campaign column is given", advice="name it: --campaign campaign")
    lazy, name = scan(source), describe(source)
    schema = lazy.collect_schema()
    wanted = [customer, settings.campaign, *([settings.cost] if settings.cost else [])]
    if missing := [column for column in wanted if column not in schema]:
        raise SchemaError(
            f"{name} lacks columns: {', '.join(map(repr, missing))}",
            advice=f"its columns are {', '.join(map(repr, schema))}; give --customer, --campaign, --cost",
        )
    spent = pl.col(settings.cost).cast(pl.Float64) if settings.cost else pl.lit(None, pl.Float64)
    cost = pl.when(spent.is_finite()).then(spent)
    if settings.cost and not schema[settings.cost].is_numeric():
        raise SchemaError(
            f"{settings.cost!r} of {name} is {schema[settings.cost]}; money was expected",
            advice="cast it with cast(pl.Float64)",
        )
    ours = model.customers.schema[model.customer]
    found = lazy.select(pl.col(customer).alias("customer"), pl.col(settings.campaign).alias("campaign"), cost=cost)
    frame = collect(found, what=name)
    if frame.schema["customer"] != ours:
        try:
            frame = frame.with_columns(pl.col("customer").cast(ours))
        except pl.exceptions.PolarsError as error:
            raise SchemaError(
                f"{customer!r} of {name} is {schema[customer]}, but the model's customers are {ours}",
                advice="cast one of them, so that both name customers alike",
            ) from error
    twice = frame.filter(pl.col("customer").is_not_null())["customer"].is_duplicated().sum()
    if twice:
        raise FitError(
            f"{twice:,} rows of {name} name a customer that another row names too", advice="give one row per user"
        )
    return frame.with_columns(pl.col("campaign").cast(pl.String))


def _valued(
    acquired: pl.DataFrame, values: pl.DataFrame, model: CLTVModel, settings: CampaignConfig
) -> tuple[pl.DataFrame, dict[str, int], pl.DataFrame]:
    """Join what users are worth, and the day of their first purchase; return who is left out, counted and by row."""
    last = datetime.date.fromisoformat(model.facts["end"])
    group = model.forecaster.purchases.design.group
    own = pl.lit(None, pl.String) if group is None else pl.col(group).cast(pl.String)
    first = model.customers.select(pl.col(model.customer).alias("customer"), "first_value", "frequency", group=own)
    known = acquired.join(first, on="customer", how="left", maintain_order="left")
    joined = known.join(values.rename({model.customer: "customer"}), on="customer", how="left", maintain_order="left")
    nobody = pl.col("customer").is_null()
    absent = ~nobody & pl.col("first_value").is_null()
    old = pl.col("first_value").is_not_null() & pl.col("value").is_null()
    reasons = {NOBODY: nobody, ABSENT: absent, OLD: old}
    counts = joined.select(expr.sum().alias(reason) for reason, expr in reasons.items()).row(0, named=True)
    money = ("value", "to_come", "first_value")
    users = joined.filter(pl.col("value").is_not_null()).with_columns(
        *(pl.col(name) * settings.margin for name in money),
        variance=pl.col("variance") * settings.margin**2,
        day=pl.lit(last) - pl.duration(days="age_days"),
    )
    refused = {reason: count for reason, count in counts.items() if count}
    if users.is_empty():
        told = "; ".join(f"{reason}: {count:,} rows" for reason, count in refused.items()) or "no row at all"
        raise FitError(f"no user of the campaigns can be valued ({told})", advice="check the columns and the horizon")
    return users, refused, _refused(joined, acquired, {reason: reasons[reason] for reason in refused})


def _refused(joined: pl.DataFrame, acquired: pl.DataFrame, reasons: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Return the users that are left out, in the order of the source."""
    own = acquired.columns
    return refused_together(
        [refused_rows(joined, expr, reason).select(ROW, REASON, *own) for reason, expr in reasons.items()]
    )


def _of_days(fitted: CampaignFit, users: pl.DataFrame, days: pl.DataFrame) -> CampaignFit:
    """Forecast days as they are: as many users as on one, and what each will do, not how far expectations lie apart."""
    own = users.group_by("campaign").agg(pl.col("variance").mean())
    more = dict(own.iter_rows())
    both = (float(np.hypot(sd, np.sqrt(more[name]))) for name, sd in zip(fitted.names, fitted.user_sd, strict=True))
    typical = dict(days.group_by("campaign").agg(pl.col("users").median()).iter_rows())
    last: Any = days["day"].max()
    return replace(fitted, user_sd=tuple(both), users=tuple(typical[name] for name in fitted.names), end=last)


def _people(users: pl.DataFrame) -> pl.DataFrame:
    return (
        users.filter(pl.col("campaign").is_not_null())
        .group_by("campaign")
        .agg(
            users=pl.len(),
            cost=pl.col("cost").mean(),
            groups=pl.col("group"),
            costless=pl.col("cost").null_count(),
            first=pl.col("first_value").mean(),
            to_come=pl.when(pl.col("value").sum() > 0)
            .then(pl.col("to_come").sum() / pl.col("value").sum())
            .otherwise(0.0),
        )
    )


def _volumes(volume: Source | None, names: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Return each campaign's volume curve."""
    if volume is None:
        return {}
    frame = collect(scan(volume), what=describe(volume))
    if missing := [name for name in ("bid", "users") if name not in frame.columns]:
        raise SchemaError(
            f"{describe(volume)} lacks columns: {', '.join(map(repr, missing))}",
            advice="a volume curve has columns 'bid' and 'users', and 'campaign' where curves differ",
        )
    if "campaign" not in frame.columns:
        curves = dict.fromkeys(names, frame.sort("bid"))
    else:
        named = frame.with_columns(pl.col("campaign").cast(pl.String)).sort("bid")
        parts = {name: named.filter(pl.col("campaign") == name) for name in names}
        curves = {name: curve for name, curve in parts.items() if curve.height}
    if not curves:
        raise ConfigError(
            f"no campaign of {describe(volume)} is among those of the users: {', '.join(map(repr, names[:5]))}",
            advice="call campaigns alike in both tables",
        )
    for name, curve in curves.items():
        try:
            bidding.highest_bid([0.0, 1.0], volume=curve)
        except ConfigError as error:
            raise ConfigError(
                f"{describe(volume)}, campaign {name!r}: {error.problem}",
                advice=error.advice or "give two or more bids, rising, and the users of each, not falling",
            ) from error
    return curves


def _fan(fitted: CampaignFit, ahead: Forecast, days: pl.DataFrame) -> pl.DataFrame:
    """Return past levels with what was observed, and the days ahead, one under the other."""
    names = [f"q{100 * q:g}" for q in QUANTILES]
    seen = days.select(pl.col("campaign").cast(pl.String), "day", "users", observed="mean")
    past = fitted.levels.join(seen, on=["campaign", "day"], how="left")
    later = ahead.quantiles(of="mean", at=QUANTILES)
    past = past.with_columns(past=True)
    later = later.with_columns(past=False, users=pl.lit(None, pl.Int64), observed=pl.lit(None, pl.Float64))
    columns = ["campaign", "day", "past", "users", "observed", *names]
    return pl.concat([past.select(columns), later.select(columns)]).sort("campaign", "day")


def _verdict(decisions: pl.DataFrame, settings: CampaignConfig, *, doubts: Sequence[str]) -> str:
    """Say what makes the draws doubtful, and which campaigns are above their cost, which below, which not known."""
    head = f"Doubtful, take nothing of this for sure: {' '.join(doubts)} " if doubts else ""
    if not settings.cost:
        return f"{head}No cost was given, so nothing is decided."
    sure = settings.confidence
    chance, changed = pl.col("p_above"), pl.col("changed")
    told = [head.strip()] if head else []
    for what, those in (
        (f"Users worth more than they cost, with a probability of {sure:.0%} or more", (chance >= sure) & ~changed),
        (f"Worth less, with a probability of {sure:.0%} or more", (chance <= 1 - sure) & ~changed),
        ("Not known", (chance > 1 - sure) & (chance < sure) & ~changed),
        ("Changed lately, so that this does not hold", chance.is_not_null() & changed),
        ("No cost", chance.is_null()),
    ):
        names = decisions.filter(those)["campaign"].to_list()
        told += [f"{what}: {', '.join(names)}."] if names else []
    return " ".join(told)


def _notes(
    people: pl.DataFrame, model: CLTVModel, settings: CampaignConfig, refused: Mapping[str, int], rows: int
) -> list[str]:
    """Return what a careful colleague would add."""
    told = []
    if settings.margin == 1.0:
        told.append("Value is revenue: give the share that remains of it (--margin) before comparing it with a cost.")
    if refused.get(ABSENT):
        told.append(
            f"{refused[ABSENT]:,} of {rows:,} acquired users are not among the model's customers - they never bought, "
            "or are named otherwise - and are left out: the value is a buyer's, so compare it with a buyer's cost."
        )
    much = people.filter(pl.col("to_come") > _MUCH)["campaign"].sort().to_list()
    if much:
        told.append(f"More than half of the value is forecast, not paid yet: {', '.join(much)}.")
    if model.forecaster.purchases.design.group is None:
        told.append(
            "The model was fitted without the campaign as its group: what is forecast of its users is drawn towards "
            "the average of all customers (fit with --group)."
        )
    missing = int(people.filter(pl.col("cost").is_not_null())["costless"].sum())
    if settings.cost and missing:
        told.append(f"The cost of {missing:,} users is null, NaN or infinite; the mean of the others stands for them.")
    return [*(row["told"] for row in people.iter_rows(named=True) if row["told"]), *told]
