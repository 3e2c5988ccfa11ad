"""Daily rows of campaigns as arrays: checked, sorted, and in units of a typical day's mean."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.limits import FEWEST_CAMPAIGN_DAYS
from tabkit.errors import FitError
from tabkit.schema import dtype_name, family

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DayLikelihood = Literal["student_t", "zero_inflated"]

NEEDED = ("campaign", "day", "users", "mean", "variance", "lowest")
_LEAST_VARIANCE = 1e-8  # in square units: a day whose users agree is not known without error


def checked(days: pl.DataFrame) -> pl.DataFrame:
    """Refuse days that `daily` would not produce, and campaigns too short to show change.

    Returns
    -------
    pl.DataFrame
        `NEEDED`, sorted by campaign (as text) and day (Date), numbers as Float64.

    Raises
    ------
    FitError
        Naming what is wrong.
    """
    _check_types(days)
    numbers = pl.col("users", "mean", "variance", "lowest").cast(pl.Float64)
    rows = days.select(pl.col("campaign").cast(pl.String), pl.col("day").dt.date(), numbers)
    users, variance = pl.col("users"), pl.col("variance")
    wrong = {
        "without campaign or day": pl.col("campaign").is_null() | pl.col("day").is_null(),
        "without users": ~(users.is_finite() & (users >= 1)).fill_null(value=False),
        "with a mean that is null or not finite": ~pl.col("mean").is_finite().fill_null(value=False),
        "with a variance that is negative or not finite": ~(variance.is_finite() & (variance >= 0)).fill_null(
            value=True
        ),
        "given twice": pl.struct("campaign", "day").is_duplicated(),
    }
    counts = rows.select(expr.sum().alias(why) for why, expr in wrong.items()).row(0, named=True)
    if bad := [f"{count:,} {why}" for why, count in counts.items() if count]:
        raise FitError(f"of {days.height:,} days {'; '.join(bad)}", advice="make them with tabkit.cltv.campaigns.daily")
    longest: Any = rows.group_by("campaign").len()["len"].max() or 0
    if longest < FEWEST_CAMPAIGN_DAYS:
        raise FitError(
            f"no campaign has {FEWEST_CAMPAIGN_DAYS} days with users (the longest has {longest}): "
            "how levels change cannot be learned",
            advice="wait for more days",
        )
    return rows.sort("campaign", "day")


def _check_types(days: pl.DataFrame) -> None:
    if missing := [name for name in NEEDED if name not in days.columns]:
        raise FitError(
            f"days lack columns {', '.join(map(repr, missing))}", advice="make them with tabkit.cltv.campaigns.daily"
        )
    kinds = {"campaign": ("text", "number", "boolean", "date", "datetime", "null"), "day": ("date", "datetime")}
    wrong = [
        f"{name!r} is {dtype_name(days.schema[name])}"
        for name in NEEDED
        if family(days.schema[name]) not in kinds.get(name, ("number", "null"))
    ]
    if wrong:
        raise FitError(
            f"columns of days cannot be used: {', '.join(wrong)}; names, dates and numbers were expected",
            advice="make them with tabkit.cltv.campaigns.daily",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Days in order of campaign and day, in units of a typical day's mean.

    Parameters
    ----------
    names, bounds
        Campaigns, and where the rows of each begin and end: shape (campaigns + 1,).
    day, y, v
        Shape (rows,): days since 1970, mean, and its variance by the differences of users.
    users
        Shape (rows,): how many.
    unit
        Money in a unit.
    frame
        All days, those of exactly 0 that are aside too.
    user_sd
        Shape (campaigns,), in units.
    zeros, total
        Shape (campaigns,): days of exactly 0 that are aside (None without zero inflation), and days.
    """

    names: tuple[str, ...]
    bounds: Ints
    day: Floats
    y: Floats
    v: Floats
    users: Floats
    unit: float
    frame: pl.DataFrame
    user_sd: Floats
    zeros: Ints | None
    total: Ints

    @property
    def place(self) -> Ints:
        """Campaign of each row, shape (rows,)."""
        return np.repeat(np.arange(len(self.names)), np.diff(self.bounds))

    def parts(self) -> list[slice]:
        """Return the rows of each campaign."""
        return [slice(int(a), int(b)) for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)]

    def dates(self) -> list[datetime.date]:
        """Return the day of each row."""
        found: list[datetime.date] = pl.Series(self.day.astype(np.int32)).cast(pl.Date).to_list()
        return found


def panel_of(days: pl.DataFrame, *, likelihood: DayLikelihood = "student_t", unit: float | None = None) -> Panel:
    """Scale days to units; the variance of users is pooled by campaign, with one pseudo-user from all campaigns.

    Parameters
    ----------
    days
        As `daily` makes them. A variance may be null; if all are, what users differ by is part of the days' noise.
    unit
        The median of the absolute means by default, or their standard deviation where that is 0.

    Raises
    ------
    FitError
        If days are no such table, or too few of them say anything of how levels change.
    """
    every = checked(days)
    used = every.filter(pl.col("mean") != 0) if likelihood == "zero_inflated" else every
    counts, kept = (frame.group_by("campaign", maintain_order=True).len() for frame in (every, used))
    sizes, total = kept["len"].to_numpy().astype(np.int64), counts["len"].to_numpy().astype(np.int64)
    if len(sizes) < len(total) or sizes.max() < FEWEST_CAMPAIGN_DAYS:
        raise FitError(
            "of some campaign all days are exactly 0, or too few are not", advice="leave it out, or use student_t"
        )
    mean, users = used["mean"].to_numpy(), used["users"].to_numpy()
    typical = float(np.median(np.abs(mean))) or float(mean.std())
    unit = unit or typical or 1.0
    variance = _pooled(used) / unit**2
    v = np.repeat(variance, sizes) / users
    if not v.any() and mean.std() <= 1e-12 * typical:
        raise FitError("all daily means are equal: there is nothing to learn from", advice="check the values")
    return Panel(
        names=tuple(counts["campaign"].to_list()),
        bounds=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        day=used["day"].cast(pl.Int32).to_numpy().astype(float),
        y=mean / unit,
        v=v + _LEAST_VARIANCE,
        users=users,
        unit=unit,
        frame=every,
        user_sd=np.sqrt(variance),
        zeros=total - sizes if likelihood == "zero_inflated" else None,
        total=total,
    )


def _pooled(used: pl.DataFrame) -> Floats:
    """Return the variance of a user's value by campaign; where no day has two users, that of all campaigns."""
    freedom = pl.when(pl.col("variance").is_not_null()).then((pl.col("users") - 1).clip(0)).otherwise(0.0)
    sums = used.group_by("campaign", maintain_order=True).agg(
        squares=(pl.col("variance").fill_null(0.0) * freedom).sum(), freedom=freedom.sum()
    )
    squares, many = sums["squares"].to_numpy(), sums["freedom"].to_numpy()
    return np.asarray((squares + squares.sum() / max(many.sum(), 1.0)) / (many + 1.0))
