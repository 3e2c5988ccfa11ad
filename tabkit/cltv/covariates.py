"""Covariates of customers: which of them a fit uses, and whether they leak the outcome."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tabkit.cltv.config import LifetimeConfig
from tabkit.cltv.leaks import leaks_of
from tabkit.cltv.summary import Summary, summarise
from tabkit.errors import TabkitError
from tabkit.frames import Source
from tabkit.leaks import Leak


def columns_of(settings: LifetimeConfig) -> list[str]:
    """Return the covariates and the group, which have to be known at the first purchase."""
    return [*settings.covariates, *([settings.group] if settings.group else [])]


def leaks_of_fit(customers: pl.DataFrame, source: Source, settings: LifetimeConfig) -> tuple[Leak, ...]:
    """Return the covariates that copy purchases until the end of the fit, or in the log after it.

    Parameters
    ----------
    customers
        The summary that is fitted.
    source, settings
        Of the fit. The log is read again where the fit ends before it may.
    """
    columns = columns_of(settings)
    found = leaks_of(customers, columns)
    left = [name for name in columns if name not in {name for leak in found for name in leak.columns}]
    if settings.summary or settings.end is None or not left:
        return found
    return found + _leaks_of_log(customers, source, settings, left)


def _leaks_of_log(
    customers: pl.DataFrame, source: Source, settings: LifetimeConfig, columns: Sequence[str]
) -> tuple[Leak, ...]:
    """Return the same of a whole log: a copy of what was counted later."""
    try:
        whole = _summary(source, settings, columns)
    except TabkitError:
        return ()  # rows after the end are not the fit's to refuse
    own = customers.select(pl.col(whole.customer), until_end=pl.col("frequency"))
    both = whole.customers.join(own, on=whole.customer, how="inner")
    later = (both["frequency"] - both["until_end"]).alias("later")
    return leaks_of(both, columns, later=later, until=f" until {whole.end}") if (later > 0).any() else ()


def _summary(source: Source, settings: LifetimeConfig, columns: Sequence[str]) -> Summary:
    return summarise(
        source, customer=settings.customer or "", date=settings.date or "", amount=settings.amount,
        unit=settings.unit, resolution=settings.resolution, merge=settings.merge, refunds=settings.refunds,
        zeros=settings.zeros, keep=columns,
    )  # fmt: skip
