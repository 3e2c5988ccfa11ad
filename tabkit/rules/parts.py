"""Variants of a rule: without one condition, or with one end of a range moved a little."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from tabkit.predicates import Bound, Condition, Range

Conditions: TypeAlias = tuple[Condition, ...]
Cuts: TypeAlias = Mapping[str, Sequence[Bound]]
"""By column, where an end may be; ascending."""

_STEPS = (-3, -2, -1, 1, 2, 3)  # cuts to either side; rules further away are others


def weaker(conditions: Conditions) -> list[Conditions]:
    """Return the rules with one condition less, or with one end of a range open.

    >>> [len(found) for found in weaker((Range(column="age", ge=30, lt=45),))]
    [0, 1, 1]
    """
    found = dropped(conditions)
    for index, condition in enumerate(conditions):
        if isinstance(condition, Range) and condition.low is not None and condition.high is not None:
            for opened in (replace(condition, ge=None, gt=None), replace(condition, le=None, lt=None)):
                found.append((*conditions[:index], opened, *conditions[index + 1 :]))
    return found


def dropped(conditions: Conditions) -> list[Conditions]:
    """Return the rules with one condition less.

    >>> dropped((Range(column="age", ge=30),))
    [()]
    """
    return [conditions[:index] + conditions[index + 1 :] for index in range(len(conditions))]


def moved(conditions: Conditions, cuts: Cuts) -> list[Conditions]:
    """Return the rules with one end of a range (at least, below) moved by up to three cuts; open ends stay open.

    >>> [found[0].ge for found in moved((Range(column="age", ge=30),), {"age": [10, 20, 30, 40]})]
    [10, 20, 40]
    """
    found: list[Conditions] = []
    for index, condition in enumerate(conditions):
        if isinstance(condition, Range) and condition.column in cuts:
            near = _moved(condition, cuts[condition.column])
            found += [(*conditions[:index], other, *conditions[index + 1 :]) for other in near]
    return found


def _moved(condition: Range, cuts: Sequence[Any]) -> list[Range]:
    ranges: list[Range] = []
    ge: Any = condition.ge
    lt: Any = condition.lt
    for step in _STEPS:
        low, high = _next(ge, cuts, step), _next(lt, cuts, step)
        if low is not None and (lt is None or low < lt):
            ranges.append(replace(condition, ge=low))
        if high is not None and (ge is None or ge < high):
            ranges.append(replace(condition, lt=high))
    return ranges


def _next(bound: Any, cuts: Sequence[Any], step: int) -> Any:
    """Return the cut some steps from a bound, which need not be a cut itself; None if there is none."""
    if bound is None:
        return None
    position = bisect_left(cuts, bound)
    if step > 0 and (position == len(cuts) or cuts[position] != bound):
        position -= 1
    position += step
    return cuts[position] if 0 <= position < len(cuts) else None
