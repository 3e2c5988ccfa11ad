"""A view prepared for a page: axes, drawn rows, and codes of all rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dashboards.explorer.axis import Axis, Codes
from dashboards.explorer.building import Skipped, build
from dashboards.explorer.sample import drawn
from dashboards.explorer.view import View
from tabkit.predicates import Condition
from tabkit.rules.relevance import useful

MOST_AXES = 40  # more do not fit a screen, and slow the page
_GROUPS = 16  # columns are compared in coarse groups, which is quick


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """A view with its axes.

    Parameters
    ----------
    view
        What is shown.
    axes
        In the order in which they are drawn.
    skipped
        Columns that are no axes, and why.
    drawn
        Numbers of the rows that are drawn, rising.
    codes
        By key of an axis: the code of each of the n rows.
    groups
        By key of an axis: the group of each code, for `usefulness`.
    """

    view: View
    axes: tuple[Axis, ...]
    skipped: tuple[Skipped, ...]
    drawn: NDArray[np.int64]
    codes: dict[str, Codes]
    groups: dict[str, Codes]


def prepare(view: View, *, most_axes: int = MOST_AXES, seed: int = 0) -> Board:
    """Choose axes and rows, and code all rows."""
    rows = np.flatnonzero(view.train())
    seen = drawn(view.goals[0], rows, seed=seed)
    needed = [condition for given in view.given for condition in given.rule.conditions()]
    ranked = _ranked(view, rows, needed)
    chosen, further = ranked[:most_axes], ranked[most_axes:]
    built = list(_built(view, chosen, rows, needed))
    axes = tuple(axis for axis in built if isinstance(axis, Axis))
    skipped = [item for item in built if isinstance(item, Skipped)]
    skipped += [
        Skipped(name, "less useful than the axes that are shown") for name, value in further if value is not None
    ]
    skipped += [_why_not(view, name) for name, value in further if value is None]
    codes = {axis.key: axis.codes(view.frame[axis.name]) for axis in axes}
    groups = {axis.key: _groups(axis, codes[axis.key][rows]) for axis in axes}
    return Board(view, axes, tuple(skipped), seen, codes, groups)


def _ranked(view: View, rows: NDArray[np.int64], needed: list[Condition]) -> list[tuple[str, float | None]]:
    """Return the columns in the order in which they are wanted, with their usefulness; None where there is none."""
    train = view.frame if len(rows) == view.frame.height else view.frame[rows]
    found = useful(train, view.goals[0].take(rows), [name for name in view.columns if name in train.columns])
    early = dict.fromkeys([*view.first, *(condition.column for condition in needed)])
    order = [name for name in early if name in view.columns]
    order += [name for name in found if name not in early]
    order += [name for name in view.columns if name not in found and name not in early]
    return [(name, found.get(name)) for name in order]


def _built(
    view: View, chosen: list[tuple[str, float | None]], rows: NDArray[np.int64], needed: list[Condition]
) -> Iterator[Axis | Skipped]:
    signal = view.goals[0].take(rows).signal()
    for index, (name, value) in enumerate(chosen):
        column = view.frame[name]
        found = build(column, key=f"c{index}", seen=column[rows], conditions=needed, order=signal)
        yield replace(found, usefulness=value or 0.0) if isinstance(found, Axis) else found


def _why_not(view: View, name: str) -> Skipped:
    found = build(view.frame[name], key="", seen=view.frame[name].head(0))
    return found if isinstance(found, Skipped) else Skipped(name, "the same in all rows that are looked at")


def _groups(axis: Axis, codes: Codes) -> Codes:
    """Return a group for each code: levels as they are, cuts together so that groups hold about equally many rows."""
    table = np.arange(256, dtype=np.uint8)
    if axis.scale is None:
        return table
    counts = np.bincount(codes, minlength=axis.null_code + 1)[: axis.null_code]
    before = np.cumsum(counts) - counts / 2
    table[: axis.null_code] = np.minimum(before * _GROUPS / max(1, counts.sum()), _GROUPS - 1)
    return table
