"""Checks of a customer summary before a model is fitted to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tabkit.cltv.columns import MEANINGS, MONEY, as_numbers, meaning_of, near_name
from tabkit.cltv.models.model import Model
from tabkit.cltv.suspicion import counts_the_first, knows_no_recency, of_money, suspicions
from tabkit.cltv.transactions import NUMBERS, check_free, listed
from tabkit.errors import FitError, SchemaError
from tabkit.refused import refused_rows
from tabkit.schema import dtype_name, family

NOBODY = "no customer"
_SHOWN = 3  # examples that fit into a line

_Check = tuple[pl.Expr, str]


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """A summary that passed the checks.

    Parameters
    ----------
    customers
        The rows that are used; times, counts and amounts as plain numbers, an unknown mean spend null.
    refused
        How many rows were left out, by reason.
    warnings
        What is allowed, but to be known or looked into.
    rows
        Those left out; see `tabkit.refused`. None where there are none.
    """

    customers: pl.DataFrame
    refused: Mapping[str, int]
    warnings: tuple[str, ...]
    rows: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class _Fault:
    """A reason that refuses a summary, how many customers it holds for, and what to do."""

    reason: str
    count: int
    advice: str


def guard(customers: pl.DataFrame, model: Model, *, customer: str | None = None) -> Guarded:
    """Check a summary for a model; summaries made from a log and those that are given pass the same checks.

    **Left out and counted**: rows without customer, as in a log. **Refused**, naming column, reason and count: values
    that are missing, infinite, negative or cannot be together; customers that stand in several rows, since it is not
    known which of them holds. **Kept, with a warning**: repeat buyers whose mean spend is null or NaN. How often they
    buy is known, so they stay; what they spend is not, so they are forecast to spend as the population does.

    Parameters
    ----------
    customers
        One row per customer with the model's columns, and ``monetary_value`` where spend is to be forecast.
    customer
        The customer column; None where rows are known by their place.

    Raises
    ------
    SchemaError
        If a column is missing or no number; names that come near are told.
    FitError
        If rows cannot be, or all of them together teach nothing.

    Examples
    --------
    >>> from tabkit.cltv.models import MODELS
    >>> frame = pl.DataFrame({"frequency": [0, 2], "recency": [4.0, 2.0], "T": [9.0, 5.0]})
    >>> guard(frame, MODELS["bgnbd"])
    Traceback (most recent call last):
    tabkit.errors.FitError: of 2 customers recency is above 0 at frequency 0 for 1
    To do: recency is the time from the first purchase to the last one, so 0 after one purchase, not since the last one
    """
    _check_columns(customers, model.columns, model.title)
    _check_customer(customers, customer)
    frame, refused, rows = as_numbers(customers), {}, None
    if customer is not None:
        nobody = pl.col(customer).is_null()
        if frame.schema[customer].is_float():
            nobody = nobody | pl.col(customer).is_nan()
        named = frame.filter(~nobody)
        if named.height < frame.height:
            refused, rows = {NOBODY: frame.height - named.height}, refused_rows(customers, nobody, NOBODY)
        frame = named
        _check_once(frame, customer)
    _refuse(frame, {**dict(_checks(frame, model)), **dict(_money_checks(frame))})
    _check_together(frame, model)
    return Guarded(frame, refused, (*of_money(frame), *suspicions(frame, model)), rows)


def faults_of(customers: pl.DataFrame, model: Model) -> list[str]:
    """Return in words what `guard` would refuse: of customers saved with a model before there was a guard.

    >>> from tabkit.cltv.models import MODELS
    >>> faults_of(pl.DataFrame({"frequency": [1], "recency": [6.0], "T": [5.0]}), MODELS["bgnbd"])
    ['recency is above T, a last purchase after the end, for 1']
    """
    frame = as_numbers(customers)
    found = _faults(frame, {**dict(_checks(frame, model)), **dict(_money_checks(frame))})
    return [f"{fault.reason} for {fault.count:,}" for fault in found]


def guard_spend(customers: pl.DataFrame) -> pl.DataFrame:
    """Check what Gamma-Gamma learns from, ``frequency`` and ``monetary_value``; return it as plain numbers.

    Raises
    ------
    SchemaError, FitError
        As `guard`.
    """
    columns = ("frequency", MONEY)
    _check_columns(customers, columns, "Gamma-Gamma")
    frame = as_numbers(customers)
    _refuse(frame, {**dict(_count_checks(["frequency"])), **dict(_money_checks(frame))})
    return frame


def _check_columns(customers: pl.DataFrame, columns: Sequence[str], title: str) -> None:
    """Refuse a summary that lacks columns, or has them in another form."""
    missing = [name for name in columns if name not in customers.columns]
    if missing:
        like = {name: near for name in missing if (near := near_name(name, customers.columns))}
        seen = f"; {', '.join(f'{near!r} may be {name!r}' for name, near in like.items())}" if like else ""
        wanted = "; ".join(f"{name}: {MEANINGS[name]}" for name in missing)
        raise SchemaError(
            f"{title} needs columns {listed(columns)}; the summary lacks {listed(missing)}{seen}",
            advice=f"rename columns, or fit from the log of transactions ({wanted}); "
            f"its columns are {listed(customers.columns[:40])}",
        )
    shown = [name for name in dict.fromkeys((*columns, MONEY)) if name in customers.columns]
    wrong = [name for name in shown if family(customers.schema[name]) not in ("number", "boolean", "null")]
    if wrong:
        came = ", ".join(f"{name!r} is {dtype_name(customers.schema[name])}" for name in wrong)
        raise SchemaError(
            f"columns of the summary are no numbers: {came}",
            advice="convert them: text with cast(pl.Float64), durations with dt.total_days() over the unit's days",
        )


def _check_customer(customers: pl.DataFrame, customer: str | None) -> None:
    """Refuse a customer column that is absent, or has the name of another."""
    if customer is not None and customer not in customers.columns:
        raise SchemaError(
            f"the summary lacks the customer column {customer!r}",
            advice=f"its columns are {listed(customers.columns[:40])}",
        )
    check_free([customer] if customer else [], [*NUMBERS, "churned"])


def _check_once(frame: pl.DataFrame, customer: str) -> None:
    """Refuse customers that stand in several rows."""
    twice = frame.group_by(customer).len().filter(pl.col("len") > 1).sort(customer)
    if not twice.is_empty():
        some = ", ".join(map(str, twice[customer].head(_SHOWN).to_list()))
        raise FitError(
            f"{twice.height:,} customers stand in several rows of the summary, {int(twice['len'].sum()):,} rows "
            f"in all, such as {some}; one row for each was expected",
            advice="keep one row per customer, or fit from the log of transactions",
        )


def _refuse(frame: pl.DataFrame, checks: Mapping[str, _Check]) -> None:
    """Raise what rows cannot be."""
    if found := list(_faults(frame, checks)):
        raise FitError(
            f"of {frame.height:,} customers {'; '.join(f'{f.reason} for {f.count:,}' for f in found)}",
            advice="; ".join(dict.fromkeys(f.advice for f in found)),
        )


def _faults(frame: pl.DataFrame, checks: Mapping[str, _Check]) -> Iterator[_Fault]:
    """Yield what rows cannot be, with how many they are."""
    counts = frame.select(rows.sum().alias(str(k)) for k, (rows, _) in enumerate(checks.values())).row(0)
    for (reason, (_, advice)), count in zip(checks.items(), counts, strict=True):
        if count:
            yield _Fault(reason, int(count), advice)


def _checks(frame: pl.DataFrame, model: Model) -> Iterator[tuple[str, _Check]]:
    """Yield reasons with the rows they hold for, and what to do."""
    yield from _count_checks(model.columns)
    if "recency" in model.columns:
        yield from _time_checks(frame, model)
    if model.discrete:
        whole = pl.any_horizontal(pl.col(name) % 1 != 0 for name in model.columns if name in ("recency", "T"))
        yield "times are no whole numbers, and it runs in whole periods,", (whole, "count opportunities")
    if "churned" in model.columns:
        gone, advice = pl.col("churned").cast(pl.Float64), f"churned is {meaning_of('churned')}"
        yield "churned is neither churned nor not (0 or 1)", (~gone.is_in([0.0, 1.0]), advice)
        yield "gone before the first period", ((gone > 0) & (pl.col("T") < 1), "count the period in which they left")


def _count_checks(columns: Sequence[str]) -> Iterator[tuple[str, _Check]]:
    """Yield what single columns cannot be."""
    for name in columns:
        if name != MONEY:
            value, meaning = pl.col(name), f"{name} is {meaning_of(name)}"
            yield f"{name} is null or not finite", (~value.is_finite().fill_null(value=False), f"fill it: {meaning}")
            yield f"{name} is negative", (value < 0, meaning)
    if "frequency" in columns:
        advice = "give counts of purchases, not rates or means"
        yield "frequency is no whole number", (pl.col("frequency") % 1 != 0, advice)


def _time_checks(frame: pl.DataFrame, model: Model) -> Iterator[tuple[str, _Check]]:
    """Yield what frequency, recency and T cannot be together."""
    count, last, age = pl.col("frequency"), pl.col("recency"), pl.col("T")
    units = "give recency and T in one unit, both from the first purchase on"
    yield "recency is above T, a last purchase after the end,", (last > age, units)
    # Who bought once has no later purchase: there it is the time since the last one, the recency of RFM tables.
    since = frame.filter((count == 0) & (last > 0))
    from_the_end = not since.is_empty() and bool(since.select((last == age).all()).item())
    hint = "; here it counts back from the end: give T less it" if from_the_end else ", not since the last one"
    yield "recency is above 0 at frequency 0", ((count == 0) & (last > 0), f"recency is {meaning_of('recency')}{hint}")
    if model.discrete:
        advice = "count at most one purchase in each period"
        yield "frequency is above recency, more purchases than periods,", (count > last, advice)


def _money_checks(frame: pl.DataFrame) -> Iterator[tuple[str, _Check]]:
    """Yield what a mean spend cannot be."""
    if MONEY in frame.columns:
        spent = f"{MONEY} is {meaning_of(MONEY)}, not negative; take refunds off first, leave it null where unknown"
        yield f"{MONEY} is negative", (pl.col(MONEY) < 0, spent)
        yield f"{MONEY} is infinite", (pl.col(MONEY).is_infinite(), spent)


def _check_together(frame: pl.DataFrame, model: Model) -> None:
    """Refuse summaries that teach nothing, or whose columns mean something else."""
    if "frequency" in model.columns:
        if not (frame["frequency"] > 0).any():
            raise FitError(
                f"0 of {frame.height:,} customers bought again: nothing can be learned of how often they will",
                advice="observe longer",
            )
        if not (frame["T"] > 0).any():
            raise FitError("T is 0 for all customers: nothing was observed", advice="observe longer")
        if problem := counts_the_first(frame):
            raise FitError(problem, advice="take one off each frequency, and see that recency and T count from the "
                           "first purchase; or fit from the log of transactions")  # fmt: skip
        if "recency" in model.columns and (problem := knows_no_recency(frame)):
            raise FitError(problem, advice=f"give it: recency is {meaning_of('recency')}; or fit from the log of "
                           "transactions")  # fmt: skip
    if "churned" in model.columns and frame["churned"].cast(pl.Float64).n_unique() < 2:
        raise FitError("all customers churned, or none did: nothing can be learned", advice="observe longer")
