"""Warnings about a summary whose columns seem to mean something else than the models expect."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tabkit.cltv.columns import MONEY, meaning_of, near_name
from tabkit.cltv.models.model import Model

# The largest ratio of two usual units is that of a day to a week, 0.143.
_UNIT_RATIO = 0.15
# So few repeat buyers may all have left early, or buy in any order.
_FEW, _SOME = 10, 50
# Where a tenth bought again once, some are expected who did not; where nearly all buy often, none are.
_TENTH = 0.1
# The last of more purchases lies later: from 0 to 1 in the models. So far below zero 50 customers come by chance in 1
# of 20 samples even if the two were independent.
_BACKWARDS = -0.25


def counts_the_first(customers: pl.DataFrame) -> str | None:
    """Warn that frequency seems to count the first purchase: most customers of frequency 1 bought once.

    They show it by a recency of 0, or by one of T where it counts back from the end, as in RFM tables. With a repeat
    purchase both would be the rare case: on the first day again, or on the very last one.

    >>> frame = pl.DataFrame({"frequency": [1, 1, 3], "recency": [0.0, 0.0, 4.0], "T": [9.0, 5.0, 8.0]})
    >>> counts_the_first(frame)
    'no customer has frequency 0, and 2 of 2 with frequency 1 have recency 0: frequency counts first purchases too'
    """
    if (customers["frequency"] == 0).any():
        return None
    one = customers.filter(pl.col("frequency") == 1)
    for sign, shown in ((pl.lit(0.0), "0"), (pl.col("T"), "T, counted back from the end")):
        alike = one.filter((pl.col("recency") == sign) & (pl.col("T") > 0)).height
        if 2 * alike > one.height:
            return (
                f"no customer has frequency 0, and {alike:,} of {one.height:,} with frequency 1 have recency {shown}: "
                "frequency counts first purchases too"
            )
    return None


def knows_no_recency(customers: pl.DataFrame) -> str | None:
    """Warn that recency seems unknown: it is 0 for all who bought again.

    >>> frame = pl.DataFrame({"frequency": [0, 2, 3], "recency": [0.0, 0.0, 0.0], "T": [9.0, 5.0, 8.0]})
    >>> knows_no_recency(frame)
    'recency is unknown: it is 0 for all 2 customers who bought again, and says when they did so last'
    """
    again = customers.filter(pl.col("frequency") > 0)
    if again.is_empty() or (again["recency"] != 0).any():
        return None
    who = f"all {again.height:,} customers" if again.height > 1 else "the one customer"
    return f"recency is unknown: it is 0 for {who} who bought again, and says when they did so last"


def suspicions(customers: pl.DataFrame, model: Model) -> Iterator[str]:
    """Yield warnings about a summary that looks unlike what the model expects."""
    if "frequency" not in model.columns:
        return
    again = customers.filter(pl.col("frequency") > 0)
    once_more = again.filter(pl.col("frequency") == 1).height
    if again.height == customers.height and once_more >= max(_FEW, _TENTH * customers.height):
        yield (
            "No customer has frequency 0. If frequency counts first purchases, take one off; if who bought once was "
            "left out, the model takes customers to buy again more often than they do."
        )
    same_day = again.filter((pl.col("recency") == 0) & (pl.col("T") > 0)).height
    if same_day:
        yield (
            f"{same_day:,} customers bought again with recency 0, on the day of the first purchase: purchases of one "
            "day were not merged, or recency is unknown."
        )
    share = again.filter(pl.col("T") > 0).select(share=pl.col("recency") / pl.col("T"), count="frequency")
    latest = float(share["share"].max() or 0.0)  # type: ignore[arg-type]  # a number
    if share.height >= _FEW and latest < _UNIT_RATIO:
        yield (
            f"No repeat buyer's last purchase lies later than {latest:.1%} of T. Recency and T may be in two units "
            "(weeks and days); if not, all have left."
        )
    order = _order(share)
    if share.height >= _SOME and order < _BACKWARDS:
        yield (
            f"Who bought more often has the earlier last purchase (Spearman {order:+.2f} of frequency and recency / "
            "T): recency may count back from the end. It is the time from the first purchase to the last one."
        )


def _order(share: pl.DataFrame) -> float:
    """Return Spearman's correlation of frequency and recency / T; 0 where one of them is constant."""
    ranks = share.select(pl.col("share", "count").rank())
    found = ranks.select(pl.corr("share", "count")).item() if share.height > 2 else None
    return float(found) if found is not None and np.isfinite(found) else 0.0


def of_money(frame: pl.DataFrame) -> Iterator[str]:
    """Yield warnings about amounts."""
    if MONEY not in frame.columns:
        near = near_name(MONEY, frame.columns)
        if near is not None:
            yield f"There is no column {MONEY!r}, so no value is forecast; {near!r} may be it."
        return
    if "frequency" not in frame.columns:
        yield f"{MONEY} is not used: spend is learned by how often customers bought, and there is no frequency."
        return
    again = frame.filter(pl.col("frequency") > 0)
    unknown, free = again[MONEY].null_count(), int((again[MONEY] == 0).sum())
    # Where no spend is known of anybody, purchases alone are forecast.
    if 0 < unknown < again.height:
        yield (
            f"The mean spend of {unknown:,} of {again.height:,} repeat buyers is unknown (null or NaN): they teach "
            "nothing of spend, and are forecast to spend as the population does."
        )
    if free:
        yield (
            f"{free:,} of {again.height:,} repeat buyers have a mean spend of 0: they teach nothing of spend and are "
            "forecast next to nothing; make it null if it is unknown."
        )
    once = int((frame.filter(pl.col("frequency") == 0)[MONEY] > 0).sum())
    if once:
        yield (
            f"{MONEY} is above 0 for {once:,} customers with one purchase, which is not used. If it counts first "
            f"purchases, it is wrong for repeat buyers too: it is {meaning_of(MONEY)}."
        )
