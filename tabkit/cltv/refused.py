"""Which rows of a log of transactions were refused: a second look at it, taken only when somebody asks."""

from __future__ import annotations

import datetime

import polars as pl

from tabkit.cltv.transactions import CANCELLED, REASONS, Log, cancelled_days, reason_of
from tabkit.frames import collect
from tabkit.refused import MOST, REASON, ROW, no_rows, own_names


def refused_rows(log: Log, *, after: datetime.date | None = None, end: datetime.date | None = None) -> pl.DataFrame:
    """Return the rows that `tabkit.cltv.transactions.count` leaves out, in the order of the log.

    Parameters
    ----------
    log, after, end
        As for `count`.

    Returns
    -------
    pl.DataFrame
        ``row``, counted from 0 in the log; ``reason``; and the columns of the rule as they came. At most
        `tabkit.refused.MOST` rows of each of two kinds: refused by themselves, and on days that refunds cancel.
    """
    numbered = log.rows.with_row_index("at")
    rows = numbered if after is None else numbered.filter(pl.col("day") > after)
    rows = rows.with_columns(code=reason_of(log, end))
    found = [collect(rows.filter(pl.col("code") < len(REASONS)).head(MOST), what=log.name)]
    if log.rule.refunds == "net":
        used = rows.filter(pl.col("code") == len(REASONS))
        void = used.join(cancelled_days(used), on=["id", "day"], how="semi").head(MOST)
        found.append(collect(void, what=log.name))
    refused = pl.concat(found).sort("at").head(MOST)
    if refused.is_empty():
        return no_rows()
    reasons = pl.Series(REASON, [*REASONS, CANCELLED])
    columns = [column for column in (log.rule.customer, log.rule.date, log.rule.amount, *log.rule.keep) if column]
    names = own_names(columns)
    return refused.select(
        pl.col("at").cast(pl.Int64).alias(ROW),
        reasons.gather(refused["code"]).alias(REASON),
        *(pl.col(f"own_{i}").alias(names[column]) for i, column in enumerate(columns)),
    )
