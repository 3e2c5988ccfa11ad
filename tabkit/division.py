"""How the rows of a table are divided into parts, and how that is said: the one policy of `tabkit.splits` on roles."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from tabkit import splits
from tabkit.splits import Holdout, Way
from tabkit.table import Table

WAYS: Mapping[Way, str] = {
    "time": "time",
    "group": "whole groups",
    "class": "chance within {classes}",
    "chance": "chance",
}
"""What parts are drawn by, in words."""


def divide(table: Table, *, share: float, seed: int, classes: ArrayLike | None = None, by_time: bool = True) -> Holdout:
    """Divide the n rows of a table by its time, else its groups, else `classes`, else by chance.

    Parameters
    ----------
    share, seed
        The share that is held out, and the seed.
    classes
        Shape (n,): within what chance draws.
    by_time
        Whether a time role divides.
    """
    return splits.divide(
        table.frame.height,
        share=share,
        seed=seed,
        time=table.times() if by_time else None,
        groups=_groups(table),
        classes=classes,
    )


def way_of(table: Table, *, classes: ArrayLike | None = None, by_time: bool = True) -> Way:
    """Return what `divide` divides by."""
    return splits.way_of(time=table.times() if by_time else None, groups=_groups(table), classes=classes)


def passed_over(table: Table, way: Way, *, classes: str = "classes", rows: str = "rows") -> list[str]:
    """Return warnings if rows would have been divided by their time or group, but all have the same.

    Parameters
    ----------
    way
        What rows were divided by instead.
    classes
        What these are called: ``classes``, ``arms``.
    rows
        What the rows are called.

    Examples
    --------
    >>> import polars as pl
    >>> from tabkit.roles import Roles
    >>> passed_over(Table(pl.DataFrame({"month": [5, 5]}), Roles(time="month"), "rows", {}), "chance")
    ['All rows have one time (month 5): parts are drawn by chance, and what another time brings is not measured.']
    """
    better = {"time": table.roles.time} if way == "group" else {"time": table.roles.time, "group": table.roles.group}
    return [
        f"All {rows} have one {role} ({name} {table.frame[name][0]}): parts are drawn by "
        f"{WAYS[way].format(classes=classes)}, and what another {role} brings is not measured."
        for role, name in better.items()
        if way != "time" and name is not None
    ]


def _groups(table: Table) -> ArrayLike | None:
    return None if table.roles.group is None else table.frame[table.roles.group].to_numpy()
