"""Acquired users summed up to one row per campaign and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tabkit.errors import FitError, SchemaError
from tabkit.frames import Source, collect_all, describe, scan
from tabkit.schema import dtype_name, family

_ROWS = 5  # a walk needs some days of each campaign, so few users are not put into fewer rows
REASONS = ("no campaign", "no day", "value is null", "value is not finite", "cost is not finite")


@dataclass(frozen=True, slots=True, eq=False)
class Daily:
    """Sufficient statistics of the users acquired per campaign and day.

    Parameters
    ----------
    frame
        Sorted by ``campaign`` (own type) and ``day`` (Date): ``users`` (Int64), ``mean`` and ``variance`` of their
        values (variance null for one user), ``zeros`` (share of users worth 0), ``lowest`` (value), ``cost`` (sum;
        null where none is known). Days without users are absent.
    refused
        How many rows were left out, by reason; reasons that did not occur are absent.
    """

    frame: pl.DataFrame
    refused: Mapping[str, int]


def daily(source: Source, *, campaign: str, day: str, value: str, cost: str | None = None) -> Daily:
    """Condense acquired users, one per row, to a row per campaign and day.

    Parameters
    ----------
    source
        Anything that `tabkit.frames.scan` takes.
    campaign, day, value, cost
        Columns: dates or datetimes (the day in their own time zone), money per user; null costs add nothing.

    Raises
    ------
    SchemaError
        If columns are missing or of a type that cannot be used.
    FitError
        If no row can be used.

    Examples
    --------
    >>> day = pl.date(2024, 5, 1)
    >>> users = pl.DataFrame({"c": ["a", "a", "b", None], "v": [1.0, 3.0, 2.0, 9.0]})
    >>> found = daily(users.with_columns(d=day), campaign="c", day="d", value="v")
    >>> found.frame.select("campaign", "users", "mean", "variance").rows()
    [('a', 2, 2.0, 2.0), ('b', 1, 2.0, None)]
    >>> found.refused
    {'no campaign': 1}
    """
    rows = _opened(source, campaign, day, value, cost).with_columns(reason=_reason())
    used = rows.filter(pl.col("reason") == len(REASONS))
    worth = pl.col("value")
    statistics = used.group_by("campaign", "day").agg(
        users=pl.len().cast(pl.Int64),
        mean=worth.mean(),
        variance=worth.var(),
        zeros=(worth == 0).mean(),
        lowest=worth.min(),
        cost=pl.when(pl.col("cost").count() > 0).then(pl.col("cost").sum()),
    )
    tally = rows.group_by("reason").agg(pl.len()).sort("reason")
    frame, counts = collect_all([statistics.sort("campaign", "day"), tally], what=describe(source))
    refused = {REASONS[code]: count for code, count in counts.iter_rows() if code < len(REASONS)}
    if frame.is_empty():
        told = "; ".join(f"{why}: {count:,} rows" for why, count in refused.items()) or "no row at all"
        raise FitError(f"{describe(source)} has no user that can be used ({told})", advice="check the columns")
    return Daily(frame, refused)


def together(days: pl.DataFrame, *, fewest_users: int) -> pl.DataFrame:
    """Put consecutive days of a campaign together until each row has so many users.

    What users are worth is skewed: the mean of two or three of them is mostly too low and sometimes far too high. A
    heavy-tailed likelihood takes the latter for outliers, and its level is too low then. Means of thirty users hardly
    lean. Shocks of single days average out, and are not forecast any more.

    Parameters
    ----------
    days
        As `Daily.frame`.
    fewest_users
        1 leaves the days as they are. The rest of a campaign joins its last row. Of a campaign with few users fewer
        are enough, so that five rows come of it, or all its days.

    Returns
    -------
    pl.DataFrame
        The same columns; ``day`` is the mean day of the users.

    Examples
    --------
    >>> days = pl.DataFrame({"campaign": "a", "day": [1, 2, 3], "users": [1, 1, 1], "mean": [1.0, 3.0, 8.0]})
    >>> days = days.with_columns(pl.col("day").cast(pl.Date), variance=None, zeros=0.0, lowest="mean", cost=None)
    >>> found = together(pl.concat([days] * 6).with_columns(day=pl.int_range(18).cast(pl.Date)), fewest_users=3)
    >>> found.height, found.row(0)[2:5]
    (6, (3, 4.0, 13.0))
    """
    if fewest_users <= 1:
        return days
    block = pl.Series("block", _blocks(days, fewest_users))
    users, mean = pl.col("users"), pl.col("mean")
    count = users.sum()
    middle = (users * mean).sum() / count
    squares = ((users - 1) * pl.col("variance").cast(pl.Float64).fill_null(0.0) + users * (mean - middle) ** 2).sum()
    blocks = (
        days.with_columns(block)
        .group_by("block", maintain_order=True)
        .agg(
            pl.col("campaign").first(),
            day=((users * pl.col("day").cast(pl.Int32)).sum() / count).round().cast(pl.Int32).cast(pl.Date),
            users=count,
            mean=middle,
            variance=pl.when(count > 1).then(squares / (count - 1)),
            zeros=(users * pl.col("zeros")).sum() / count,
            lowest=pl.col("lowest").min(),
            cost=pl.when(pl.col("cost").count() > 0).then(pl.col("cost").sum()),
        )
    )
    return blocks.select(days.columns)


def _blocks(days: pl.DataFrame, fewest: int) -> list[int]:
    """Return the number of the block that each day belongs to: a new one where the last is full, and enough is left."""
    users = pl.col("users")
    known = days.select(
        "campaign", "users", left=users.reverse().cum_sum().reverse().over("campaign"),
        enough=pl.min_horizontal(fewest, users.sum().over("campaign") // _ROWS),
    )  # fmt: skip
    found: list[int] = []
    held, before = 0, None
    for campaign, count, rest, enough in known.iter_rows():
        starts = not found or campaign != before
        full = starts or (held >= enough and rest >= enough)
        found.append((found[-1] if found else -1) + full)
        held, before = count if full else held + count, campaign
    return found


def _opened(source: Source, campaign: str, day: str, value: str, cost: str | None) -> pl.LazyFrame:
    lazy, name = scan(source), describe(source)
    schema = lazy.collect_schema()
    kinds = {campaign: None, day: ("date", "datetime"), value: ("number",)} | ({cost: ("number",)} if cost else {})
    if missing := [column for column in kinds if column not in schema]:
        raise SchemaError(f"{name} lacks columns: {', '.join(map(repr, missing))}", advice="name the columns it has")
    wrong = [
        f"{column!r} is {dtype_name(schema[column])}"
        for column, kind in kinds.items()
        if (family(schema[column]) not in kind if kind else family(schema[column]) in ("duration", "other"))
    ]
    if wrong:
        raise SchemaError(
            f"columns of {name} cannot be used: {', '.join(wrong)}; a date, and numbers of money, were expected",
            advice="convert them first, text with str.to_date or cast(pl.Float64)",
        )
    spent = pl.col(cost).cast(pl.Float64) if cost else pl.lit(None, dtype=pl.Float64)
    when = pl.col(day).dt.date()  # a cast would give the day in UTC
    return lazy.select(campaign=pl.col(campaign), day=when, value=pl.col(value).cast(pl.Float64), cost=spent)


def _reason() -> pl.Expr:
    worth, spent = pl.col("value"), pl.col("cost")
    checks = (
        *(pl.col("campaign").is_null(), pl.col("day").is_null(), worth.is_null()),
        *(~worth.is_finite(), ~spent.is_finite()),
    )
    first = [pl.when(check).then(pl.lit(code, pl.UInt8)) for code, check in enumerate(checks)]
    return pl.coalesce(*first, pl.lit(len(REASONS), pl.UInt8))
