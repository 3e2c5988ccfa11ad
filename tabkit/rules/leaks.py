"""Columns that leak the goal of rules; see `tabkit.leaks`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tabkit.leaks import Leak
from tabkit.leaks.asked import leaks_in
from tabkit.rules.goal import Goal, Mask
from tabkit.table import Table


def leaks_for(
    table: Table, goal: Goal, rows: Mask, columns: Sequence[str], *, known: Sequence[str]
) -> tuple[Leak, ...]:
    """Return the columns that leak the goal; with a treatment, those that leak the outcome or the arm.

    Parameters
    ----------
    table
        The n rows.
    goal
        Of these.
    rows
        Shape (n,): those to look at.
    columns, known
        See `tabkit.leaks.asked.leaks_of`.
    """
    part = Table(table.frame.filter(rows), table.roles, table.name, {})
    asked = [name for name in columns if name not in known]
    own = goal.take(rows)
    kind: Literal["binary", "regression"] = "binary" if own.binary else "regression"
    classes = (f"not {goal.positive}", goal.positive or "") if goal.kind == "share" else ("0", "1")
    found = leaks_in(part, own.y, kind=kind, target=goal.name, classes=classes, columns=asked)
    if own.treated is None:
        return found
    told = {name for leak in found for name in leak.columns}
    arms = (goal.control or "", goal.arm or "")
    left = [name for name in asked if name not in told]
    treated = own.treated.astype(np.float64)
    return found + leaks_in(part, treated, kind="binary", target=goal.treatment or "", classes=arms, columns=left)
