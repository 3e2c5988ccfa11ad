"""Divide the rows of a fit into parts, and check that each part is large enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import division
from tabkit.errors import FitError
from tabkit.splits import Way
from tabkit.table import Table, labels
from tabkit.target import TargetColumn

_OFF = 1.25  # a quarter more or less than was asked for is what a few dozen times or groups give

# By part: the fewest rows from which something can be learned or said, its name in messages, and what helps.
_PARTS = {
    "fit": (20, "the part to fit on", "use more rows, or a smaller --set split.holdout"),
    "stop": (5, "the part that ends the fit early", "use more rows, or a larger --set split.early_stopping"),
    "test": (10, "the held-out part", "use more rows, or a larger --set split.holdout"),
}


def way_of(table: Table, target: TargetColumn) -> Way:
    """Decide how rows are divided: by time if there are two times or more, else by group, class or chance."""
    return division.way_of(table, classes=_classes(table, target))


def times_of(table: Table) -> int:
    """Return how many distinct times there are; 0 without a time role."""
    return 0 if table.roles.time is None else table.frame[table.roles.time].n_unique()


def divide(table: Table, target: TargetColumn, *, share: float, seed: int, whole: bool = True) -> tuple[Table, Table]:
    """Return rows to fit on and rows held out: the newest, whole groups, or by class or chance.

    Parameters
    ----------
    table, target, share, seed
        What is divided, and how; `share` is held out.
    whole
        Whether rows of one time stay together whatever share that gives. Rows that measure a model must be newer than
        those it was fitted on; rows that only end a fit early are better as many as asked for, and are drawn from all
        times where whole ones (of a few snapshots, say) come to a share that is off by more than a quarter.
    """
    found = _divided(table, target, share=share, seed=seed)
    if not whole and way_of(table, target) == "time" and _is_off(found[1], table, share):
        found = _divided(table, target, share=share, seed=seed, by_time=False)
    return found


def of_shares(table: Table, target: TargetColumn, parts: Mapping[str, tuple[Table, Table, float]]) -> list[str]:
    """Return warnings where parts are smaller than asked for, or not divided by time, with the numbers.

    Parameters
    ----------
    parts
        By what is said of a part (``are held out``): the part, what it was taken from, and the share asked for.
    """
    if same := division.passed_over(table, way_of(table, target)):
        return same
    count, warnings = times_of(table), []
    for what, (part, source, share) in parts.items():
        got = part.frame.height / source.frame.height
        if count and _shares_times(part, source):
            way = division.way_of(table, classes=_classes(table, target), by_time=False)
            by = division.WAYS[way].format(classes="classes")
            warnings.append(f"{got:.0%} of the rows {what}, drawn by {by}: whole times would not give {share:.0%}.")
        elif _is_off(part, source, share):
            of = (
                f"the {times_of(source)} times in {table.roles.time!r}"
                if count
                else f"the groups of {table.roles.group}"
            )
            warnings.append(f"{got:.0%} of the rows {what}, and not {share:.0%}: {of} are not divided.")
    return warnings


def _classes(table: Table, target: TargetColumn) -> NDArray[np.float64] | None:
    return None if target.task == "regression" else labels(table, target)


def _is_off(part: Table, table: Table, share: float) -> bool:
    got = part.frame.height / table.frame.height
    return max(got / share, share / got) > _OFF


def _shares_times(part: Table, source: Table) -> bool:
    """Return whether a part is no newest share: other rows are as new as its oldest."""
    name = part.roles.time or ""
    oldest = part.frame[name].min()
    return source.frame.filter(pl.col(name) >= oldest).height > part.frame.height


def _divided(
    table: Table, target: TargetColumn, *, share: float, seed: int, by_time: bool = True
) -> tuple[Table, Table]:
    found = division.divide(table, share=share, seed=seed, classes=_classes(table, target), by_time=by_time)
    return replace(table, frame=table.frame[found.train]), replace(table, frame=table.frame[found.test])


def check_part(part: Table, target: TargetColumn, key: str) -> None:
    """Refuse a part (``fit``, ``stop`` or ``test``) that is too small, or lacks weight or a class."""
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
