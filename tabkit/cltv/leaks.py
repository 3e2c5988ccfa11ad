"""Covariates that leak what a model of customers forecasts: purchases, their number, their end or their value.

Only copies are looked for: columns that give an outcome next to perfectly, alone or summed. What was known at the
first purchase may tell much of the purchases to come, but not each of them. What was counted until a later day is a
copy of what the log says until then, and shows where the log goes on; a summary does not say what came after it, and
there such a covariate cannot be told from a good one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.columns import MONEY
from tabkit.leaks import Leak, find_leaks
from tabkit.schema import family

KNOWN_AT = "the first purchase"
# An outcome that goes with this column is no secret of a covariate which does so too, such as the month of acquisition.
_TELLS = 0.9
# What costs the same each time has few prices, and they are known beforehand: those of plans.
_FEW_PRICES = 20
_COUNT, _LAST, _AGE, _FIRST, _LATER = "frequency", "recency", "T", "first_value", "later purchases"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What customers did: its name, its values, whose they are, and the column that may tell it honestly."""

    name: str
    values: pl.Expr
    whose: pl.Expr
    kind: Literal["binary", "regression"] = "regression"
    told_by: str = _AGE


def leaks_of(
    customers: pl.DataFrame, columns: Sequence[str], *, later: pl.Series | None = None, until: str = ""
) -> tuple[Leak, ...]:
    """Return the columns of a summary that copy what its customers did.

    Parameters
    ----------
    customers
        One row per customer, with ``frequency``, ``recency`` and ``T``, else nothing is said; also looked at are
        ``monetary_value`` and ``first_value``.
    columns
        The covariates, and the group.
    later
        How often each bought after a model's end, shape (n,), where a log goes on.
    until
        What is said behind an outcome of this summary, such as `` until 2024-06-30``.

    Examples
    --------
    >>> chance = np.random.default_rng(0)
    >>> age, rate = chance.uniform(20, 50, 500), chance.gamma(1, 0.05, 500)
    >>> count = chance.poisson(age * rate)
    >>> frame = pl.DataFrame({"frequency": count, "recency": np.where(count > 0, age * 0.7, 0.0), "T": age})
    >>> frame = frame.with_columns(orders=pl.col("frequency") + 1, income=pl.Series(rate))
    >>> [leak.question() for leak in leaks_of(frame, ["orders", "income"])]
    ["'orders' alone explains 100.00% of the order of frequency on rows not looked at. Is it known before the first \
purchase?"]
    """
    names = [name for name in columns if name in customers.columns]
    if not names or not {_COUNT, _LAST, _AGE} <= set(customers.columns):
        return ()
    frame = customers if later is None else customers.with_columns(later.alias(_LATER))
    leaks: dict[str, Leak] = {}
    for outcome in _outcomes(frame):
        rows = frame.filter(outcome.whose & outcome.values.is_not_null())
        y = rows.select(outcome.values.cast(pl.Float64)).to_series().to_numpy()
        if rows.is_empty() or _tells(rows, outcome.told_by, y):
            continue
        left = [name for name in names if name not in leaks]
        asked = left if outcome.told_by == _AGE else [name for name in left if _is_measured(rows[name])]
        target = outcome.name if outcome.name == _LATER else f"{outcome.name}{until}"
        for leak in find_leaks(rows, y, kind=outcome.kind, target=target, columns=asked, states=False):
            leaks |= dict.fromkeys(leak.columns, replace(leak, target=KNOWN_AT))
    return tuple(dict.fromkeys(leaks.values()))


def _outcomes(frame: pl.DataFrame) -> Iterator[_Outcome]:
    """Yield what is looked for; of counts among the older half, since newcomers have had no time to buy again."""
    again = pl.col(_COUNT) > 0
    older = pl.col(_AGE) >= pl.col(_AGE).median()
    yield _Outcome(_COUNT, pl.col(_COUNT), older)
    if _LATER in frame.columns:
        yield _Outcome(_LATER, pl.col(_LATER), older)
    yield _Outcome(_LAST, pl.col(_LAST), again)
    yield _Outcome("the time since the last purchase", pl.col(_AGE) - pl.col(_LAST), again)
    if MONEY in frame.columns:
        repeats = pl.col(MONEY) * pl.col(_COUNT)
        yield _Outcome(MONEY, pl.col(MONEY), again, told_by=_FIRST)
        yield _Outcome("the amount of all repeat purchases", repeats, again, told_by=_FIRST)
        if _FIRST in frame.columns:
            total = repeats + pl.col(_FIRST)
            yield _Outcome("the amount of all purchases", total, again, told_by=_FIRST)
            yield _Outcome("the mean of all purchases", total / (pl.col(_COUNT) + 1), again, told_by=_FIRST)
    yield _Outcome("buying again", again, older, kind="binary")


def _tells(rows: pl.DataFrame, column: str, y: NDArray[np.float64]) -> bool:
    """Return whether an outcome goes up with a column as good as everywhere (Spearman's correlation)."""
    if column not in rows.columns:
        return False
    found = pl.DataFrame({"x": rows[column], "y": y}).drop_nulls().select(pl.corr("x", "y", method="spearman")).item()
    return found is not None and abs(found) > _TELLS


def _is_measured(values: pl.Series) -> bool:
    return family(values.dtype) == "number" and values.n_unique() > _FEW_PRICES
