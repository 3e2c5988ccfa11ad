"""Bringing a model of customers' value up to date: purchases since its last day are added, and it is fitted again."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import polars as pl

from tabkit.cltv.columns import MONEY
from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.covariates import columns_of
from tabkit.cltv.customers import Customers, customers_of
from tabkit.cltv.guard import guard
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.refused import refused_rows
from tabkit.cltv.summary import UNIT_DAYS, customers_frame
from tabkit.cltv.training import fit_customers
from tabkit.cltv.transactions import PARTS, PurchaseCounts, PurchaseRule, count, open_log
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import Source
from tabkit.progress import Progress
from tabkit.refused import no_rows
from tabkit.roles import RolesLike
from tabkit.untrusted.manifest import building

Strategy = Literal["auto", "refit"]
_REFIT = (
    "a posterior of old purchases cannot take in new ones of the same customers, so the model was fitted again to all"
)


@dataclass(frozen=True, slots=True)
class CLTVUpdate:
    """What an update of a model of customers' value did.

    Parameters
    ----------
    strategy
        ``refit``: there is no other.
    why
        A sentence.
    customers, newcomers
        Customers now, and how many of them are new.
    transactions
        Purchases that are new; None of a summary.
    before, end
        The last day observed before and now; None of a summary.
    refused
        New rows that were left out, by reason.
    """

    strategy: str
    why: str
    customers: int
    newcomers: int
    transactions: int | None
    before: str | None
    end: str | None
    refused: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def update(
    model: CLTVModel,
    source: Source,
    *,
    strategy: Strategy = "auto",
    roles: RolesLike | None = None,
    config: LifetimeConfig | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[CLTVModel, CLTVUpdate]:
    """Add what customers did since the model's last day, and fit again; the old model is not changed.

    The customers that the model knows and their purchases until then stand in it. So new transactions are enough; of
    a whole log, those after the model's last day are used, and no purchase counts twice. What a backtest taught of
    the width of intervals is kept.

    Parameters
    ----------
    model
        A fitted model.
    source
        Transactions after the model's last day, or a log that goes beyond it. Of a model that was fitted to a
        summary: the new summary, whole.
    strategy
        ``refit``, which ``auto`` comes to: there is no other.
    roles, config
        The columns and settings of the fit where they change, or where the bundle is from before they were saved.
        ``end`` is the last day that is observed now, by default the log's last.
    progress
        Is told how far the work is.

    Raises
    ------
    ConfigError
        If the fit put times to the middle of weeks: then first purchases are not known to the day.
    TabkitError
        If the rows cannot be used, or none of them is new.
    """
    if strategy not in get_args(Strategy):
        raise ConfigError(f"unknown strategy {strategy!r}", advice=f"choose {' or '.join(get_args(Strategy))}")
    settings = model.settings(roles=roles, config=config)
    if settings.summary or model.facts.get("end") in (None, "None"):
        read = customers_of(source, settings, model.forecaster.model)
        before = transactions = None
    else:
        with building("what it tells of its last day"):
            before = datetime.date.fromisoformat(str(model.facts["end"]))
        read, transactions = _extended(model, source, settings, before)
    renewed = fit_customers(read, source, settings, progress=progress)
    learned = {name: model.facts[name] for name in ("widened", "backtest") if name in model.facts}
    renewed = replace(renewed, widening=model.widening, facts={**renewed.facts, **learned})
    known = model.customers.select(pl.col(model.customer).cast(read.frame.schema[read.customer], strict=False))
    newcomers = read.frame.join(known, left_on=read.customer, right_on=model.customer, how="anti").height
    return renewed, CLTVUpdate(
        strategy="refit",
        why=f"Refit: {_REFIT}.",
        customers=read.frame.height,
        newcomers=newcomers,
        transactions=transactions,
        before=None if before is None else str(before),
        end=read.told["end"],
        refused=dict(read.told["refused"]),
    )


def _extended(
    model: CLTVModel, source: Source, settings: LifetimeConfig, before: datetime.date
) -> tuple[Customers, int]:
    """Return the model's customers with what they, and new ones, bought after a day; and how many purchases that is."""
    _check(settings)
    rule = PurchaseRule(
        settings.customer or "", settings.date or "", settings.amount, settings.merge, settings.refunds,
        columns_of(settings), settings.zeros,
    )  # fmt: skip
    log = open_log(source, rule)
    bought = count(log, after=before, end=settings.end)
    if bought.end is None or bought.end <= before:
        raise FitError(
            f"{log.name} has no transaction after {before}, the model's last day",
            advice="give newer transactions; or the end of the observation (config={'end': ...}) if nobody bought",
        )
    frame = extended(model, bought, rule, before=before)
    guarded = guard(frame, model.forecaster.model, customer=model.customer)
    new = int(bought.frame["count"].sum())
    told = {
        "end": str(bought.end),
        "start": model.facts.get("start"),
        "transactions": int(model.facts.get("transactions") or 0) + new,
        "refused": dict(bought.refused),
    }
    rows = refused_rows(log, after=before, end=bought.end) if bought.refused else no_rows()
    return Customers(guarded.customers, model.customer, told, guarded.warnings, rows), new


def extended(model: CLTVModel, bought: PurchaseCounts, rule: PurchaseRule, *, before: datetime.date) -> pl.DataFrame:
    """Return a summary until `before` with the purchases after it: what a summary of the whole log would be.

    Sums of money may differ from it in their last digits.
    """
    end, width = bought.end or before, model.forecaster.unit_days
    unit = next(name for name, days in UNIT_DAYS.items() if days == width)
    later = _as_ours(bought.frame, model, rule)
    new = customers_frame(later, PurchaseRule(model.customer, rule.date, rule.amount, keep=rule.keep), end, unit, "day")
    age = (pl.col("T") * width).round()
    count, some = pl.col("count").fill_null(0), pl.col("count").is_not_null()
    total = pl.col("total").cast(pl.Float64).fill_null(0.0) / PARTS
    spent = pl.col(MONEY).fill_null(0.0) * pl.col("frequency") + total
    frequency = pl.col("frequency") + count
    known = model.customers.join(
        later.select("id", "last", "count", "total"), left_on=model.customer, right_on="id", how="left"
    ).with_columns(
        frequency=frequency,
        recency=pl.when(some).then((age + (pl.col("last") - before).dt.total_days()) / width).otherwise("recency"),
        T=(age + (end - before).days) / width,
        **{MONEY: pl.when((frequency > 0) & (rule.amount is not None)).then(spent / frequency)},
    )
    newcomers = new.join(model.customers.select(model.customer), on=model.customer, how="anti")
    columns = model.customers.columns
    return pl.concat([known.select(columns), newcomers.select(columns)], how="vertical_relaxed").sort(model.customer)


def _as_ours(frame: pl.DataFrame, model: CLTVModel, rule: PurchaseRule) -> pl.DataFrame:
    """Return purchases with customers of the model's own type."""
    ours = model.customers.schema[model.customer]
    try:
        return frame.with_columns(pl.col("id").cast(ours))
    except pl.exceptions.PolarsError as error:
        raise SchemaError(
            f"{rule.customer!r} is {frame.schema['id']}, but the model's customers are {ours}",
            advice="convert the column first",
        ) from error


def _check(settings: LifetimeConfig) -> None:
    if settings.customer is None or settings.date is None:
        raise ConfigError(
            "the bundle does not say which column is the date of a purchase",
            advice="name the columns: roles={'id': 'customer_id', 'time': 'date', 'amount': 'amount'}",
        )
    if settings.resolution != "day":
        raise ConfigError(
            "the model's times stand at the middle of weeks, so that new purchases cannot be added to them",
            advice="fit again to the whole log",
        )
