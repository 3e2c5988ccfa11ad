"""Which rows are clustered, by group or by day: decided once, for all intervals and choices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.roles import Roles
from tabkit.schema import family

Unit = Literal["row", "group", "day", "block"]
Codes = NDArray[np.int64]

ENOUGH = 10
"""Fewer days or groups than this are too few to draw from, or to be counted.

Of ten, Student's distribution is 15 % wider than the normal one; of five it is 42 %, and the variance between them is
itself known to within a factor of two at best: an interval would say more of the few that happened to be there than
of others.
"""

_BLOCKS = 40  # of a time that is a number nobody knows what a day is: so many lots of neighbours stand for days
_CLEARLY = 2.0  # twice the variance: with ten or twenty days half of that is chance


@dataclass(frozen=True, slots=True, eq=False)
class Dependence:
    """Which rows are taken as independent.

    Parameters
    ----------
    unit
        What is drawn or counted: ``day``, ``block`` (of a time that is a number), ``group``, or ``row``.
    codes
        Shape (n,), from 0: the cluster of each row; None for rows.
    few
        By name (``day``, ``group``, ``time``), shape (n,): clusters that are too few to be drawn.
    note
        What is taken for independent, as one sentence; empty where nothing is known that rows could share.
    """

    unit: Unit = "row"
    codes: Codes | None = None
    few: dict[str, Codes] = field(default_factory=dict)
    note: str = ""

    @property
    def clusters(self) -> int | None:
        """How many clusters there are to draw from; None for rows."""
        return None if self.codes is None else int(self.codes.max(initial=-1)) + 1


def dependence(frame: pl.DataFrame, roles: Roles, *, share: float = 1.0) -> Dependence:
    """Decide which rows are taken as independent: whole days where there are enough, else groups, else rows.

    What happens on one day shares its weather, its prices, its campaign; rows of one group are alike by what the user
    says. Of both, days are taken, as long as they are `ENOUGH`: groups mostly lie within them, or are so many that
    days are the coarser lots. Where the target clings to groups that span days, so that its mean is clearly less sure
    by groups than by days (a few shops over a year, the same customers each day), groups are taken. A time that is a
    number is cut into forty blocks.

    A snapshot of customers has one day and thousands of rows: its rows are taken as independent, and the note says
    what that leaves out.

    Parameters
    ----------
    frame
        The n rows.
    roles
        Of the columns; the target only serves to weigh days against groups.
    share
        Where rows will be divided, the least part: of both, days are taken only if that part holds enough of them.

    Examples
    --------
    >>> import datetime as dt
    >>> days = [dt.date(2024, 1, 1 + k // 3) for k in range(60)]
    >>> dependence(pl.DataFrame({"when": days}), Roles(time="when")).unit
    'day'
    >>> print(dependence(pl.DataFrame({"when": days[:3]}), Roles(time="when")).note)
    Rows of one day are taken as independent, for all are of one: what the next month brings is not in the interval.
    """
    kinds = {"group": _groups(frame, roles), **_times(frame, roles)}
    known = {name: codes for name, codes in kinds.items() if codes is not None}
    counts = {name: int(codes.max(initial=-1)) + 1 for name, codes in known.items()}
    enough: dict[Unit, Codes] = {
        name: codes  # type: ignore[misc]  # times that are few are called so, and are no unit
        for name, codes in known.items()
        if name != "time" and not too_few(counts[name])
    }
    few = {name: codes for name, codes in known.items() if too_few(counts[name])}
    unit = _coarser(enough, frame, roles, share * (counts.get("day") or counts.get("block") or 0))
    if unit is None:
        return Dependence("row", None, few, _rows_note(counts, few, roles))
    name = {"group": roles.group, "day": "day", "block": "block"}[unit]
    what = "days" if unit == "day" else f"blocks of {roles.time}" if unit == "block" else f"groups ({name})"
    said = f"Intervals draw whole {what}: rows of one {unit} are alike."
    snapshot = [key for key in few if key != "group"]
    if snapshot:
        said += f" {_left_out(counts[snapshot[0]], snapshot[0])}"
    return Dependence(unit, enough[unit], few, said)


def too_few(count: int) -> str:
    """Return in words that so many days or groups are too few; empty if there are `ENOUGH`.

    >>> too_few(1), too_few(9), too_few(10)
    ('is only 1', 'are only 9, fewer than 10', '')
    """
    if count >= ENOUGH:
        return ""
    return "is only 1" if count == 1 else f"are only {count}, fewer than {ENOUGH}"


def numbered(values: pl.Series) -> Codes:
    """Return a number from 0 for each distinct value in their order, shape (n,)."""
    codes: Codes = (values.rank("dense") - 1).to_numpy().astype(np.int64)
    return codes


def _groups(frame: pl.DataFrame, roles: Roles) -> Codes | None:
    return None if roles.group is None else numbered(frame[roles.group])


def _times(frame: pl.DataFrame, roles: Roles) -> dict[str, Codes]:
    if roles.time is None or frame.is_empty():
        return {}
    if family(frame.schema[roles.time]) in ("date", "datetime"):
        return {"day": numbered(frame[roles.time].dt.date())}
    codes = numbered(frame[roles.time])
    distinct = int(codes.max()) + 1
    if too_few(distinct):
        return {"time": codes}
    return {"block": codes * _BLOCKS // distinct if distinct > _BLOCKS else codes}


def _coarser(enough: dict[Unit, Codes], frame: pl.DataFrame, roles: Roles, days: float) -> Unit | None:
    if len(enough) < 2:
        return next(iter(enough), None)
    others: list[Unit] = [unit for unit in enough if unit != "group"]
    y = _target(frame, roles)
    if too_few(int(days)) or len(np.unique(enough[others[0]])) == frame.height:  # or each row has a day of its own
        return "group"
    if y is None:
        return others[0]
    group, day = (_variance(y, enough[unit]) for unit in ("group", others[0]))
    return "group" if group > _CLEARLY * day else others[0]


def _target(frame: pl.DataFrame, roles: Roles) -> NDArray[np.float64] | None:
    """Return the target as numbers; of classes whether a row is of the commonest."""
    if roles.target is None or roles.target not in frame.columns:
        return None
    values = frame[roles.target]
    if not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        values = values == values.mode().sort()[0]
    y = values.cast(pl.Float64).fill_null(strategy="mean").fill_null(0.0).to_numpy()
    return y if np.isfinite(y).all() else None


def _variance(y: NDArray[np.float64], codes: Codes) -> float:
    """Return the variance of the total of y, by lots (Liang and Zeger 1986)."""
    sums = np.bincount(codes, weights=y - y.mean())
    return float(sums @ sums) * len(sums) / max(len(sums) - 1, 1)


def _rows_note(counts: dict[str, int], few: dict[str, Any], roles: Roles) -> str:
    said = []
    if "group" in few:
        many = counts["group"]
        said.append(
            f"Rows of one {roles.group} are taken as independent, for there {too_few(many)}: what other groups would "
            "bring is not in the interval."
        )
    said += [_left_out(counts[key], key) for key in few if key != "group"]
    return " ".join(said)


def _left_out(count: int, what: str) -> str:
    many = "all are of one" if count == 1 else f"there {too_few(count)}"
    return (
        f"Rows of one {what} are taken as independent, for {many}: what the next month brings is not in the interval."
    )
