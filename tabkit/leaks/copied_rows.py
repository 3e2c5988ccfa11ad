"""Held-out rows that are copies of training rows; see `tabkit.leaks.copies`."""

from __future__ import annotations

from collections.abc import Sequence

from tabkit.leaks.copies import Copies, find_copies
from tabkit.table import Table


def copies_of(
    learned: Table, judged: Table, *, target: str, classes: bool, columns: Sequence[str] | None = None
) -> Copies | None:
    """Return the copies among rows to judge on; None where there are no more than chance explains.

    Columns with a role are not compared, but the target. Rows that differ in nothing but the target are looked for
    where rows are divided by chance: along time, customers come again as they were. Where groups go on along time,
    as customers do, rows are compared with those of other groups.

    Parameters
    ----------
    learned, judged
        Rows to learn from, and to judge on.
    target
        What is predicted.
    classes
        Whether it holds classes rather than numbers.
    columns
        The features; by default all columns without a role.
    """
    roles = judged.roles
    taken = {*roles.given().values(), target}
    names = judged.frame.columns if columns is None else columns
    shown = [name for name in names if name in judged.frame.columns and name not in taken]
    frame = learned.frame
    if roles.group is not None and roles.time is not None:
        frame = frame.filter(~frame[roles.group].is_in(judged.frame[roles.group].unique().implode()))
    return find_copies(
        frame,
        judged.frame,
        columns=shown,
        target=target,
        classes=classes,
        contradicting=roles.time is None,
    )
