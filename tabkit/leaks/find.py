"""Find columns that predict a target too well to have been known before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import forked
from tabkit.leaks.alone import explains, halves, standard_error, tells_classes, tells_two
from tabkit.leaks.columns import Floats, Form, forms, numbers
from tabkit.leaks.limits import ALONE, EXPLAINED, FEWEST, FEWEST_RANKED, MOST_ROWS, SKILL
from tabkit.leaks.states import telling
from tabkit.leaks.together import Identity, accounts, pairs
from tabkit.schema import family

_ERRORS = 2  # standard errors: a leak must be one for sure
Kind = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, slots=True)
class Leak:
    """A column, or several, that predict a target too well.

    Parameters
    ----------
    columns
        One, or those that tell it together.
    seen
        What was seen, in a clause with numbers.
    target
        What is told.
    """

    columns: tuple[str, ...]
    seen: str
    target: str

    def question(self) -> str:
        """Return what was seen, and the question that it raises, in two sentences.

        >>> Leak(("status",), "'status' alone ranks y with an AUC of 0.999", "y").question()
        "'status' alone ranks y with an AUC of 0.999. Is it known before y?"
        """
        return f"{self.seen}. {'Is it' if len(self.columns) == 1 else 'Are they'} known before {self.target}?"


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows that are looked at: numbers of the target, one half of them, and in words which these are."""

    frame: pl.DataFrame
    y: Floats
    kind: Kind
    half: NDArray[np.bool_]
    drawn: str = ""


def find_leaks(
    frame: pl.DataFrame,
    y: Floats,
    *,
    kind: Kind,
    target: str,
    columns: Sequence[str],
    classes: Sequence[str] = (),
    groups: pl.Series | None = None,
    states: bool = True,
    seed: int = 0,
) -> tuple[Leak, ...]:
    """Return the columns that tell a target too well to be known before it.

    A column is one if it alone tells rows that it was not looked at on (`tabkit.leaks.limits.ALONE`, `SKILL`,
    `EXPLAINED`); if rows that share one of its states, such as null or a level, are of one class as no honest effect
    makes them, or none of a class is ever among them; and columns together, if the target is their sum or product, or
    if the sum or difference of two ranks it next to perfectly. Of a number with one frequent value, such as zero, it
    is also looked at what tells whether it is that. Weights are not looked at.

    Parameters
    ----------
    frame
        The n rows.
    y
        Shape (n,), finite: 0 or 1, a class's code, or a number.
    kind, target, classes
        What it is, how it is called, and the labels of the codes.
    columns
        Those to look at, which must not hold the target. Lists, structs and the like are passed over.
    groups
        Shape (n,): rows of one value, such as those of a customer, are alike by nature. One of each is looked at.
    states
        Whether single states are looked at too, and not only columns as a whole.
    seed
        Which rows are, where there are many.

    Examples
    --------
    >>> chance = np.random.default_rng(0)
    >>> y = (chance.random(2000) < 0.3).astype(float)
    >>> frame = pl.DataFrame({"x": chance.normal(size=2000) + y, "closed": np.where(y == 1, 5.0, np.nan)})
    >>> found = find_leaks(frame, y, kind="binary", target="y", columns=["x", "closed"], classes=("no", "yes"))
    >>> [leak.seen.partition(": ")[2] for leak in found]
    ["y is yes in 604 of 604 rows where 'closed' is not null"]
    """
    forked.check()
    rows = _rows(frame, y, kind, groups, seed=seed)
    if len(rows.y) < 2 * FEWEST or rows.y.min() == rows.y.max():
        return ()
    found = [leak for name in columns if (leak := _alone(rows, name, target, classes, states=states)) is not None]
    told = {name for leak in found for name in leak.columns}
    together = _together(rows, [name for name in columns if name not in told], seed=seed)
    if together is not None:
        found.append(Leak(together.columns, _said_together(together, target), target))
    return tuple(replace(leak, seen=leak.seen + rows.drawn) for leak in found)


def late(frame: pl.DataFrame, *, time: str, columns: Sequence[str], target: str) -> tuple[Leak, ...]:
    """Return columns of dates that lie after the time of some rows, though not of all: those would be planned.

    Parameters
    ----------
    frame
        The rows.
    time
        When a row was known; nothing is said where that is no date.
    columns
        Those to look at.
    target
        How messages call it.

    Examples
    --------
    >>> from datetime import date
    >>> frame = pl.DataFrame({"day": [date(2024, 1, 1)] * 2, "closed": [date(2024, 2, 1), None]})
    >>> [leak.seen for leak in late(frame, time="day", columns=["closed"], target="y")]
    ["'closed' lies after 'day' in 1 of 2 rows"]
    """
    dates = ("date", "datetime")
    if family(frame.schema[time]) not in dates:
        return ()
    when = frame[time].alias("time").dt.date()
    counts = {
        name: int((frame[name].alias("value").dt.date() > when).sum())
        for name in columns
        if family(frame.schema[name]) in dates
    }
    return tuple(
        Leak((name,), f"{name!r} lies after {time!r} in {rows:,} of {frame.height:,} rows", target)
        for name, rows in counts.items()
        if 0 < rows < frame.height
    )


def _rows(frame: pl.DataFrame, y: Floats, kind: Kind, groups: pl.Series | None, *, seed: int) -> _Rows:
    chosen = np.random.default_rng(seed).permutation(len(y))
    if groups is not None:
        chosen = chosen[np.unique((groups.alias("group").rank("dense").to_numpy() - 1)[chosen], return_index=True)[1]]
    chosen = np.sort(chosen[:MOST_ROWS])
    own, drawn = y[chosen], ""
    if len(own) < len(y):
        drawn = f" ({len(own):,} of {len(y):,} rows{'' if groups is None else f', one of each {groups.name}'})"
    return _Rows(frame[chosen], own, kind, halves(len(own), own, seed=seed), drawn)


def _alone(rows: _Rows, name: str, target: str, classes: Sequence[str], *, states: bool) -> Leak | None:
    column = rows.frame[name]
    shapes = forms(column)
    if not shapes or column.n_unique() < 2:
        return None
    events = _events(rows, target, classes) if states else ()
    state = next((said for event in events if (said := _state(column, *event)) is not None), None)
    tried = [(_told(form, rows), form) for form in shapes]
    (enough, value), form = max(tried, key=lambda item: item[0][1])
    if not enough:
        return None if state is None else Leak((name,), state, target)
    seen = _said_alone(f"{form.words} {name!r}".strip(), value, target, rows.kind)
    return Leak((name,), seen if state is None else f"{seen}: {state}", target)


def _said_alone(what: str, value: float, target: str, kind: Kind) -> str:
    if kind == "binary":
        return f"{what} alone ranks {target} on rows not looked at with an AUC of {value:.3f}"
    if kind == "multiclass":
        return f"{what} alone spares {value:.1%} of the errors in {target} on rows not looked at"
    return f"{what} alone explains {value:.2%} of the order of {target} on rows not looked at"


def _told(form: Form, rows: _Rows) -> tuple[bool, float]:
    """Return whether a column tells too much, and how much."""
    if rows.kind == "binary":
        ones = int(rows.y.sum())
        zeros = len(rows.y) - ones
        value = tells_two(form, rows.y, rows.half)
        surely = value - _ERRORS * standard_error(value, ones, zeros)
        return min(ones, zeros) >= (FEWEST_RANKED if form.measured else FEWEST) and surely >= ALONE, value
    if rows.kind == "multiclass":
        value = tells_classes(form, rows.y.astype(np.int64), rows.half)
        return value >= SKILL, value
    value = explains(form, rows.y, rows.half)
    return value >= EXPLAINED, value


def _events(rows: _Rows, target: str, classes: Sequence[str]) -> Iterator[tuple[NDArray[np.bool_], str, bool]]:
    """Yield what states may tell: classes of at most half of the rows, or that a number is not its frequent value."""
    if rows.kind == "regression":
        values, counts = np.unique(rows.y, return_counts=True)
        top, usual = int(counts.max()), float(values[counts.argmax()])
        if FEWEST <= top <= len(rows.y) - FEWEST:
            event, other = rows.y != usual, f"{target} is {usual:.6g}"
            yield (event, f"{target} is not {usual:.6g}", True) if 2 * top >= len(rows.y) else (~event, other, True)
        return
    for code, label in enumerate(classes):
        member = rows.y == code
        if FEWEST <= member.sum() <= len(rows.y) / 2:
            yield member, f"{target} is {label}", rows.kind == "binary"


def _state(column: pl.Series, member: NDArray[np.bool_], words: str, needs: bool) -> str | None:
    state = telling(column, member, needs=needs)
    if state is None:
        return None
    seen = f"{words} in {state.hits:,} of {state.rows:,} rows where {state.words}"
    return seen if state.kind == "implies" else f"{seen}, and in {state.elsewhere:.1%} of the others"


def _together(rows: _Rows, columns: Sequence[str], *, seed: int) -> Identity | None:
    known = {name: values for name in columns if (values := numbers(rows.frame[name])) is not None}
    found = accounts(known, rows.y, rows.half) if rows.kind != "multiclass" else None
    if found is not None or rows.kind != "binary":
        return found
    kinds: dict[str, dict[str, Floats]] = {}
    for name, values in known.items():
        kind = family(rows.frame.schema[name])
        if kind != "boolean":
            key = str(rows.frame.schema[name]) if kind in ("date", "datetime", "duration") else kind
            kinds.setdefault(key, {})[name] = values
    return pairs(kinds, rows.y, seed=seed)


def _said_together(found: Identity, target: str) -> str:
    if found.pair:
        return f"{found.words} ranks {target} with an AUC of {found.value:.4f}"
    return f"{found.words} is {target} up to scale and shift (R2 {found.value:.5f})"
