"""One row per customer, from a log of transactions or from a summary that is given, with the rows that are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.covariates import columns_of
from tabkit.cltv.guard import guard
from tabkit.cltv.models.model import Model
from tabkit.cltv.summary import summarise
from tabkit.errors import ConfigError
from tabkit.frames import Source, collect, describe, scan
from tabkit.refused import refused_together

CUSTOMER = "customer"


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """Customers that a model can be fitted to, or can forecast.

    Parameters
    ----------
    frame
        One row per customer, guarded.
    customer
        Its customer column.
    told
        Of a log ``start``, ``end`` and ``transactions``; of both ``refused``: rows left out, by reason.
    warnings
        What is allowed, but to be known or looked into.
    refused
        The rows left out, ``row`` and ``reason`` first; see `tabkit.refused`.
    """

    frame: pl.DataFrame
    customer: str
    told: Mapping[str, Any]
    warnings: tuple[str, ...]
    refused: pl.DataFrame


def customers_of(source: Source, settings: LifetimeConfig, model: Model) -> Customers:
    """Read customers as settings say, and check them for a model.

    Raises
    ------
    TabkitError
        If the log or the summary cannot be used; see `tabkit.cltv.summary.summarise` and `tabkit.cltv.guard.guard`.
    """
    given, customer, told, refused = _read(source, settings)
    guarded = guard(given, model, customer=customer)
    counts = _added(told["refused"], guarded.refused)
    # In a summary made from a log nobody is nameless, so that rows are always those of the source.
    return Customers(
        guarded.customers,
        customer,
        {**told, "refused": counts},
        guarded.warnings,
        refused_together([refused, guarded.rows]),
    )


def _read(source: Source, settings: LifetimeConfig) -> tuple[pl.DataFrame, str, dict[str, Any], pl.DataFrame | None]:
    """Return one row per customer, their column, what was done to get there, and the rows that were refused."""
    if settings.summary:
        frame = collect(scan(source), what=describe(source))
        customer = settings.customer or (CUSTOMER if CUSTOMER in frame.columns else None)
        if customer is None:
            customer, frame = CUSTOMER, frame.with_row_index(CUSTOMER)
        return frame, customer, {"end": None, "transactions": None, "refused": {}}, None
    if settings.model in ("bgbb", "sbg"):
        raise ConfigError(
            f"{settings.model} runs in whole periods, which a log of transactions does not show",
            advice="give one row per customer with the model's columns, and summary = true (--summary)",
        )
    missing = [name for name in ("customer", "date") if getattr(settings, name) is None]
    if missing:
        raise ConfigError(
            f"no {' and no '.join(missing)} column is given",
            advice="name them: --customer customer_id --date date, or roles={'id': 'customer_id', 'time': 'date'}",
        )
    found = summarise(
        source, customer=settings.customer or "", date=settings.date or "", amount=settings.amount, end=settings.end,
        unit=settings.unit, resolution=settings.resolution, merge=settings.merge, refunds=settings.refunds,
        zeros=settings.zeros, keep=columns_of(settings),
    )  # fmt: skip
    told = {"end": str(found.end), "start": str(found.start), "transactions": found.transactions}
    refused = found.refused_rows() if found.refused else None
    return found.customers, found.customer, {**told, "refused": dict(found.refused)}, refused


def _added(refused: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Return rows left out, by reason, of both."""
    return {reason: refused.get(reason, 0) + more.get(reason, 0) for reason in (*refused, *more)}
