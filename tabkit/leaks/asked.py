"""Look for leaks when rows come in; see `tabkit.leaks`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tabkit.leaks.find import Leak, find_leaks, late
from tabkit.table import Table, labels
from tabkit.target import TargetColumn

Door = Literal["options", "settings", "model", "covariates"]


def leaks_of(
    table: Table, target: TargetColumn, columns: Sequence[str], *, known: Sequence[str] = ()
) -> tuple[Leak, ...]:
    """Return which of the columns tell the target of these rows too well to be known before it.

    Parameters
    ----------
    table
        The rows, all with a target.
    target
        What is predicted.
    columns
        Those to look at, if they are there.
    known
        Those of them that a person says are known before: they are not asked about.
    """
    return leaks_in(
        table,
        labels(table, target),
        kind=target.task,
        target=target.name,
        classes=target.classes,
        columns=[name for name in columns if name not in known],
    )


def leaks_in(
    table: Table,
    y: NDArray[np.float64],
    *,
    kind: Literal["binary", "multiclass", "regression"],
    target: str,
    classes: Sequence[str],
    columns: Sequence[str],
) -> tuple[Leak, ...]:
    """Return which of the columns tell `y`, shape (n,), too well; columns with a role are not asked about.

    Parameters are those of `tabkit.leaks.find_leaks`, with the rows as a table.
    """
    frame, roles = table.frame, table.roles
    taken = {*roles.given().values(), target}
    shown = [name for name in columns if name in frame.columns and name not in taken]
    groups = frame[roles.group] if roles.group is not None else None
    found = find_leaks(frame, y, kind=kind, target=target, columns=shown, classes=classes, groups=groups)
    told = {name for leak in found for name in leak.columns}
    left = [name for name in shown if name not in told]
    return found if roles.time is None else found + late(frame, time=roles.time, columns=left, target=target)


def asked(leaks: Sequence[Leak], door: Door) -> list[str]:
    """Return what to say of leaks, in sentences: what was seen, and what to do about it at this door.

    >>> asked([Leak(("status",), "'status' alone ranks y with an AUC of 0.999", "y")], "options")[0].partition("? ")[2]
    'If not, leave it out (--exclude status); if so, say so (--known status).'
    """
    return [f"{leak.question()} {_advice(leak, door)}" for leak in leaks]


def _advice(leak: Leak, door: Door) -> str:
    it = "it" if len(leak.columns) == 1 else "them"
    if door == "model":
        return f"If not, train a model without {it}: its metrics are too good."
    if door == "covariates":
        return f"If not, fit without {it}: forecasts would rest on what they are to tell."
    if door == "options":
        without, known = (
            " ".join(f"--{option} {shlex.quote(name)}" for name in leak.columns) for option in ("exclude", "known")
        )
    else:
        without, known = (
            f"--set 'encoding.{option}={json.dumps(list(leak.columns), ensure_ascii=False)}'"
            for option in ("exclude", "known")
        )
    return f"If not, leave {it} out ({without}); if so, say so ({known})."
