"""The data of a page: one JSON object and packed columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboards.explorer.arrays import Packed, pack
from dashboards.explorer.axis import Axis
from dashboards.explorer.board import Board
from dashboards.explorer.view import OfferedRule, View
from tabkit.predicates import text, to_dict
from tabkit.rules import Goal, measure
from tabkit.rules.goal import Floats

GREY, STRONG = "rgb(176, 182, 190)", "rgb(213, 58, 0)"
LEVEL = 0.95  # of intervals on the page
_PLACES = 65_534  # positions of 16 bits, one of them left for missing values
_NO_PLACE = 65_535  # a missing value


@dataclass(frozen=True, slots=True)
class Payload:
    """Everything that a page needs.

    Parameters
    ----------
    page
        Plain data.
    columns
        Packed arrays by part: ``drawn``, and of a page without a server ``train`` and perhaps ``holdout``.
    """

    page: dict[str, Any]
    columns: dict[str, Packed]


def payload(
    board: Board, *, served: bool, embed_holdout: bool = False, saves: str | None = None, worth: bool = False
) -> Payload:
    """Make what a page is told.

    Parameters
    ----------
    board
        What is shown.
    served
        Whether a server counts; otherwise the page carries the codes of all rows that may be looked at.
    embed_holdout
        Whether it carries those of the hold-out too.
    saves
        How the file is called that a server saves rules to.
    worth
        Whether a server compares models with and without a rule.
    """
    view = board.view
    train = np.flatnonzero(view.train())
    held = np.flatnonzero(~view.train())
    columns = {"drawn": pack(_drawn_arrays(board))}
    if not served:
        columns["train"] = pack(_arrays(board, train))
        if embed_holdout and len(held):
            columns["holdout"] = pack(_arrays(board, held))
    page = {
        "kind": view.kind,
        "title": view.title,
        "served": served,
        "saves": saves,
        "worth": worth,
        "counts": _counts(board, len(train), len(held)),
        "warnings": list(view.warnings),
        "notes": _notes(board),
        "level": LEVEL,
        "rows": {"all": view.frame.height, "train": len(train), "holdout": len(held), "drawn": len(board.drawn)},
        "goals": [_goal(goal) for goal in view.goals],
        "base": {"train": _bases(view, train), "holdout": _bases(view, held if served or embed_holdout else held[:0])},
        "colour": _colour(view),
        "axes": [_axis(board, axis) for axis in board.axes],
        "given": [_given(given) for given in view.given],
        "suggested": view.suggested,
        "tried": view.tried,
        "opened": view.opened,
        "everywhere": "Brush an axis: what is inside is compared with all rows.",
        "unproved": view.unproved,
        "manifest": {name: packed.manifest for name, packed in columns.items()},
    }
    return Payload(page, columns)


def _counts(board: Board, train: int, held: int) -> str:
    """Say how many rows are drawn, and how many are counted."""
    view, drawn = board.view, len(board.drawn)
    goal = view.goals[0]
    said = f"All numbers come from all {train + held:,} rows"
    said += f": {train:,} to look at and {held:,} held out, which are never drawn. " if held else ". "
    if drawn == train:
        return f"{said}Every row {'to look at ' if held else ''}is drawn."
    lines = f"{said}{drawn:,} lines are drawn"
    if goal.kind != "share":
        return f"{lines}, chosen evenly."
    share, everywhere = goal.y[board.drawn].mean(), goal.y[view.train()].mean()
    return f"{lines}: {share:.0%} of them are {goal.name} = {goal.positive}, of all rows {everywhere:.1%}."


def _notes(board: Board) -> list[str]:
    """Say what was decided, and what is not shown."""
    notes = [*board.view.notes]
    for axis in board.axes:
        if axis.other:
            notes.append(
                f"{axis.name}: the {len(axis.levels)} most frequent levels, and {axis.other:,} others together."
            )
        if axis.scale is not None and axis.scale.kind != "linear":
            notes.append(f"{axis.name}: drawn by its logarithm{'' if axis.scale.kind == 'log' else ' away from zero'}.")
    by_reason: dict[str, list[str]] = {}
    for skipped in board.skipped:
        by_reason.setdefault(skipped.why, []).append(skipped.name)
    for why, names in by_reason.items():
        more = f" and {len(names) - 12:,} more" if len(names) > 12 else ""
        notes.append(f"Not shown: {', '.join(names[:12])}{more} ({why}).")
    return notes


def to_json(value: Mapping[str, Any]) -> str:
    r"""Return JSON that may stand inside of a script element: no sign in it can end the element or a line of script.

    >>> to_json({"a": "</script>"})
    '{"a":"\\u003c/script\\u003e"}'
    """
    plain = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    for sign in "<>&\u2028\u2029":
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    return plain.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} in a page")


def _arrays(board: Board, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {axis.key: board.codes[axis.key][rows] for axis in board.axes}
    for index, goal in enumerate(board.view.goals):
        y = goal.y[rows]
        arrays[f"y {index}"] = y.astype(np.uint8) if goal.binary else y
        if goal.treated is not None:
            arrays[f"treated {index}"] = goal.treated[rows].astype(np.uint8)
    unit = board.view.goals[0].unit
    if unit is not None:
        arrays["unit"] = np.unique(unit[rows], return_inverse=True)[1].astype(np.uint32)
    return arrays


def _drawn_arrays(board: Board) -> dict[str, NDArray[Any]]:
    rows, view = board.drawn, board.view
    found: dict[str, NDArray[Any]] = {}
    for axis in board.axes:
        places = axis.places(view.frame[axis.name][rows])
        known = np.where(np.isnan(places), 0.0, places)
        found[f"place {axis.key}"] = np.where(np.isnan(places), _NO_PLACE, np.round(known * _PLACES)).astype(np.uint16)
        found[f"code {axis.key}"] = board.codes[axis.key][rows]
    found["colour"] = _colours(view, rows)
    return found


def _colours(view: View, rows: NDArray[np.int64]) -> NDArray[Any]:
    goal = view.goals[0]
    if view.shade is None and goal.kind == "share":
        return _strong(goal)[rows].astype(np.uint16)
    values = _shades(view)
    rising = np.sort(values[view.train()])
    ranks = np.searchsorted(rising, values[rows], side="left") + np.searchsorted(rising, values[rows], side="right")
    return np.round(ranks / (2 * len(rising)) * _PLACES).astype(np.uint16)


def _shades(view: View) -> Floats:
    values = view.goals[0].y if view.shade is None else view.shade.values
    return np.where(np.isfinite(values), values, np.nanmedian(np.where(np.isfinite(values), values, np.nan)))


def _strong(goal: Goal) -> NDArray[np.bool_]:
    """Return which rows are of the smaller class: it gets the strong colour."""
    found: NDArray[np.bool_] = goal.y == (1.0 if goal.y.mean() <= 0.5 else 0.0)
    return found


def _colour(view: View) -> dict[str, Any]:
    goal = view.goals[0]
    if view.shade is None and goal.kind == "share":
        positive, other = f"{goal.name} = {goal.positive}", "all others"
        names = (other, positive) if goal.y.mean() <= 0.5 else (positive, other)
        return {"kind": "class", "low": GREY, "high": STRONG, "names": names}
    values = _shades(view)[view.train()]
    low, middle, high = (float(value) for value in np.quantile(values, [0.02, 0.5, 0.98]))
    return {"kind": "number", "words": view.shade.words if view.shade else goal.name, "ends": [low, middle, high]}


def _goal(goal: Goal) -> dict[str, Any]:
    short = {"share": f"{goal.name} = {goal.positive}", "mean": f"mean {goal.name}"}
    return {
        "kind": goal.kind,
        "name": goal.name,
        "words": goal.words(),
        "short": short.get(goal.kind, f"{goal.name}: {goal.arm} less {goal.control}"),
        "binary": goal.binary,
        "clustered": goal.unit is not None,
    }


def _bases(view: View, rows: NDArray[np.int64]) -> list[float | None]:
    if not len(rows):
        return [None for _ in view.goals]
    everything = np.ones(len(rows), dtype=np.bool_)
    return [measure(everything, goal.take(rows)).base for goal in view.goals]


def _axis(board: Board, axis: Axis) -> dict[str, Any]:
    places = [] if axis.scale is None else axis.scale.places(np.array([cut.value for cut in axis.cuts])).tolist()
    cuts = [
        [axis.bound(cut.value), cut.after, place, axis.text(cut.value)]
        for cut, place in zip(axis.cuts, places, strict=True)
    ]
    shown = axis.places(board.view.frame[axis.name][board.drawn])
    return {
        "key": axis.key,
        "name": axis.name,
        "dtype": axis.dtype,
        "family": axis.family,
        "scaled": axis.scale is not None,
        "scale": axis.scale.kind if axis.scale else "levels",
        "cuts": cuts,
        "levels": list(axis.levels),
        "other": axis.other,
        "nulls": axis.nulls,
        "nullCode": axis.null_code,
        "leak": board.view.leaks.get(axis.name),
        "ticks": axis.ticks(),
        "groups": board.groups[axis.key].tolist(),
        "drawable": len(np.unique(shown)) > 1,
    }


def _given(given: OfferedRule) -> dict[str, Any]:
    return {"name": given.rule.name, "rule": to_dict(given.rule), "text": text(given.rule), "words": given.words}
