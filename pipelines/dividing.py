"""How the rows of a fit are divided, and what each part must hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pipelines.rows import labels
from tabkit import splits
from tabkit.errors import FitError
from tabkit.table import Table
from tabkit.target import Target

Way = Literal["time", "group", "class", "chance"]

# By part: the fewest rows from which something can be learned or said, its name in messages, and what helps.
_PARTS = {
    "fit": (20, "the part to fit on", "use more rows, or a smaller --set split.holdout"),
    "stop": (5, "the part that ends the fit early", "use more rows, or a larger --set split.early_stopping"),
    "test": (10, "the held-out part", "use more rows, or a larger --set split.holdout"),
}


def way_of(table: Table, target: Target) -> Way:
    """Decide how rows are divided: by time where it is known, else by whole groups, else by class or chance."""
    if table.roles.time is not None:
        return "time"
    if table.roles.group is not None:
        return "group"
    return "class" if target.task != "regression" else "chance"


def divide(table: Table, target: Target, *, share: float, seed: int) -> tuple[Table, Table]:
    """Return rows to fit on and rows held out: the newest, whole groups, or by class or chance."""
    way, group = way_of(table, target), table.roles.group
    found = splits.holdout(
        table.frame.height,
        share=share,
        seed=seed,
        time=table.times() if way == "time" else None,
        groups=table.frame[group].to_numpy() if way == "group" and group else None,
        stratify=labels(table, target) if way == "class" else None,
    )
    return replace(table, frame=table.frame[found.train]), replace(table, frame=table.frame[found.test])


def check_part(part: Table, target: Target, key: str) -> None:
    """Refuse a part (``fit``, ``stop`` or ``test``) that is too small or weightless, or lacks what it is there for."""
    fewest, what, advice = _PARTS[key]
    rows, y, weight = part.frame.height, labels(part, target), part.numbers("weight")
    if rows < fewest:
        raise FitError(f"{what} has {rows} rows of {part.name}; it needs at least {fewest}", advice=advice)
    if weight is not None:
        if not weight.any():
            raise FitError(f"weight {part.roles.weight!r} is zero in all {rows:,} rows of {what}", advice=advice)
        y = y[weight > 0]
    if key == "stop":
        return
    absent = [repr(label) for k, label in enumerate(target.classes) if not (y == k).any()]
    if absent:
        raise FitError(
            f"{what} has {rows:,} rows, but in none of them {target.name!r} is {' or '.join(absent[:10])}",
            advice=f"merge or remove rare classes, {advice}",
        )
    if key == "fit" and (y == y[0]).all():
        raise FitError(f"target {target.name!r} is {y[0]:g} in all {rows:,} rows of {what}", advice=advice)
