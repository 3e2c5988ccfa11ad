"""Checks that the parts of a saved model of customer value fit each other; any of them may have been edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tabkit.cltv.columns import MONEY
from tabkit.cltv.forecasting.forecast import Forecaster
from tabkit.cltv.forecasting.predictive import KINDS
from tabkit.cltv.forecasting.widening import Widening
from tabkit.cltv.interval_record import interval_record
from tabkit.cltv.models.model import Model, Parameter
from tabkit.untrusted.manifest import NamedTable, damaged, numbers_of, shown

_SUMMARY = "the customers"
_LONGEST = 1e9
"""Units of time that a customer is known for: minutes of two thousand years."""
_MOST_PERIODS = 36_525
"""Opportunities of a model in whole periods, which each take memory: the days of a century."""


def parameters_of(model: Model, names: Sequence[str]) -> tuple[Parameter, ...]:
    """Return the parameters that were sampled: the model's own, or others in place of some.

    Raises
    ------
    BundleError
        If the model cannot have been fitted with these.
    """
    known = {p.name: p for p in (*model.parameters, *(p for _, instead in model.other for p in instead))}
    wanted = [{p.name for p in model.parameters}]
    for replaced, instead in model.other:
        wanted += [(each - set(replaced)) | {p.name for p in instead} for each in wanted]
    if set(names) not in wanted or len(set(names)) < len(names):
        raise damaged(f"the parameters of {model.name} are {shown(', '.join(names))}")
    return tuple(known[name] for name in names)


def widening_of(given: NamedTable, forecaster: Forecaster) -> dict[str, Widening]:
    """Return the widening by kind; `BundleError` for a kind that is not forecast, or not in such numbers."""
    kinds = KINDS if forecaster.spending is not None else KINDS[:1]
    table = given.table("widening").only(KINDS)
    found = {kind: Widening.from_dict(table.mapping(kind)) for kind in kinds if kind in table}
    for kind, widening in found.items():
        if widening.counts != (kind == KINDS[0]):
            raise damaged(f"the widening of {kind} is {'' if widening.counts else 'not '}of whole numbers")
    return found


def check_customers(customers: pl.DataFrame, customer: str, forecaster: Forecaster) -> None:
    """Refuse a summary that lacks a column, or whose values no forecast can start from.

    Raises
    ------
    BundleError
        Naming the column.
    """
    if customer not in customers.columns or not customers.height:
        raise damaged(f"{_SUMMARY} have no column {customer!r}, their id, or there are none")
    design, model = forecaster.purchases.design, forecaster.model
    most = _MOST_PERIODS if model.discrete else _LONGEST
    flags = pl.col(pl.Boolean).cast(pl.UInt8)
    numbers = customers.with_columns(flags)
    for name in model.columns:
        numbers_of(numbers, name, what=_SUMMARY, low=0.0, high=most)
    for name in dict.fromkeys(design.covariates):
        numbers_of(numbers, name, what=_SUMMARY)
    if design.group is not None and design.group not in customers.columns:
        raise damaged(f"{_SUMMARY} have no column {design.group!r}, their group")
    if forecaster.spending is not None:
        if forecaster.spending.design.columns and not set(forecaster.spending.design.columns) <= set(design.columns):
            raise damaged("spend is told apart by columns that purchases are not")
        numbers_of(numbers, "frequency", what=_SUMMARY, low=0.0, high=_LONGEST)
        known = numbers.with_columns(pl.col(MONEY).cast(pl.Float64).fill_nan(None))
        numbers_of(known, MONEY, what=_SUMMARY, nulls=True)


def check_told(facts: Mapping[str, Any]) -> None:
    """Refuse a record of backtests that forecasts could not quote; other facts are not checked.

    Raises
    ------
    BundleError
        Naming the field.
    """
    given = NamedTable(facts, "the facts")
    if "backtest" not in given:
        return
    record = given.table("backtest", "the backtest")
    record.number("level", low=0, high=1)
    for name in ("horizon_days", "overlap_days"):
        record.number(name, low=0)
    for kind in (kinds := record.table("kinds", "the backtest")).values:
        counts = kinds.table(kind, f"{kind} of the backtest")
        for name in ("held", "of", "widened_held", "widened_of"):
            counts.maybe(counts.whole, name)
        for widened in (False, True):
            interval_record(facts, kind=kind, widened=widened)
