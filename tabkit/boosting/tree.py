"""Checks of one tree in LightGBM's text: lines, lengths, indices and numbers, before LightGBM reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import BundleError

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_NODE = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_INTERNAL = ("internal_value", "internal_weight", "internal_count")
_LINES = ("num_leaves", "num_cat", *_NODE, *_LEAF, *_INTERNAL)
_OF_SETS = ("cat_boundaries", "cat_threshold")
_OF_LINEAR = ("leaf_const", "num_features", "leaf_features", "leaf_coeff")
_END = ["", "", ""]  # two empty lines stand behind each tree

_MOST_LEAVES = 131_072  # LightGBM's own bound of num_leaves
_INT32 = 2**31 - 1
_UINT32 = 2**32 - 1  # LightGBM keeps sets of categories in 32-bit words
_CATEGORICAL = 1  # the lowest bit of a decision type; the next says where missing values go, two more what is missing
_LARGEST_DECISION = 11  # the fourth kind of missing value does not exist

_WHOLE = str.maketrans("", "", "0123456789- ")
_REAL = str.maketrans("", "", "0123456789-+.eEinfa ")
"""What numbers are written with, inf and nan among them: Python reads more as a number than LightGBM."""

_NOT_FINITE = ("inf", "-inf", "nan", "-nan")
_SMALLEST = float(np.finfo(np.float64).tiny)
_TOO_SMALL = re.compile(r"[eE]-[0-9]{4}")


def wrong(where: str, what: str) -> BundleError:
    """Return the error of a text that LightGBM must not see: where in it, and what came instead of what."""
    return BundleError(
        f"the trees are not as LightGBM writes them: {where}: {what}", advice="copy the bundle again, or train"
    )


def check_tree(block: str, number: int, *, features: int) -> None:
    """Refuse the text of a tree that is not whole, or whose numbers lead outside of it.

    Parameters
    ----------
    block
        The text, from ``Tree=`` to the empty lines behind it.
    number
        Which tree it is, from 0.
    features
        How many features there are.

    Raises
    ------
    BundleError
        It says which tree and which line, what was expected and what came.
    """
    lines = _Lines(number, _lines(block, number))
    leaves = lines.one("num_leaves", 1, _MOST_LEAVES)
    sets = lines.one("num_cat", 0, leaves - 1)
    for name in ("split_gain", "internal_value", "internal_weight"):
        lines.real(name, leaves - 1)
    left, right = (lines.whole(name, leaves - 1, -leaves, leaves - 2) for name in ("left_child", "right_child"))
    lines.whole("split_feature", leaves - 1, 0, features - 1)
    decisions = lines.whole("decision_type", leaves - 1, 0, _LARGEST_DECISION)
    thresholds = lines.real("threshold", leaves - 1)  # an infinite one stands above all values
    _check_sets(lines, sets, thresholds[decisions & _CATEGORICAL == 1])
    _check_children(lines, leaves, left, right)
    _check_counts(lines, leaves, left, right)
    lines.real("leaf_value", leaves)
    lines.real("shrinkage", 1)
    if "leaf_const" in lines.values:
        _check_linear(lines, leaves, features)


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of one tree by name."""

    tree: int
    values: Mapping[str, str]

    def wrong(self, name: str, what: str) -> BundleError:
        return wrong(f"tree {self.tree}", f"{name} {what}")

    def one(self, name: str, least: int, most: int) -> int:
        return int(self.whole(name, 1, least, most)[0])

    def whole(self, name: str, count: int, least: int, most: int) -> Whole:
        """Return so many whole numbers of a range."""
        found = self._numbers(name, count, _WHOLE)
        outside = (found < least) | (found > most)
        if outside.any():
            at = int(outside.argmax())
            raise self.wrong(name, f"number {at} is {found[at]:.17g}; {least} to {most} was expected")
        return found.astype(np.int64)

    def real(self, name: str, count: int) -> Floats:
        """Return so many numbers; trees that have run away, which count for nothing, hold infinite ones."""
        found = self._numbers(name, count, _REAL)
        for at in np.flatnonzero(~np.isfinite(found)):
            word = self.values[name].split()[at]
            if word not in _NOT_FINITE:  # LightGBM ends the process on an exponent that is no int
                raise self.wrong(name, f"number {at} is {word[:40]!r}, larger than a double")
        if _TOO_SMALL.search(self.values[name]):
            raise self.wrong(name, "holds a number smaller than a double")
        return found

    def _numbers(self, name: str, count: int, letters: dict[int, int | None]) -> Floats:
        text = self.values[name]
        words = text.split() if name in ("leaf_features", "leaf_coeff") else text.split(" ") if text else []
        if len(words) != count:
            raise self.wrong(name, f"has {len(words):,} numbers; {count:,} were expected")
        try:
            if text.translate(letters):
                raise ValueError
            return np.array(words, dtype=np.float64)
        except ValueError:
            bad = next((word for word in words if not _is_number(word, letters)), "")
            raise self.wrong(name, f"holds {bad[:40]!r}; numbers were expected") from None


def _lines(block: str, number: int) -> dict[str, str]:
    """Return the lines of a tree by name: always the same, in one order; LightGBM stops at an empty one."""
    first, *lines = block.split("\n")
    given = [line.partition("=")[::2] for line in lines[:-3]]
    values = dict(given)
    expected = [*_LINES, *(_OF_SETS if values.get("num_cat") != "0" else ()), "is_linear"]
    expected += [*(_OF_LINEAR if values.get("is_linear") == "1" else ()), "shrinkage"]
    if first != f"Tree={number}" or lines[-3:] != _END:
        raise wrong(f"tree {number}", "it does not begin and end as a tree")
    for (name, _), other in zip_longest(given, expected, fillvalue=("", "")):
        if name != other:
            raise wrong(f"tree {number}", f"the line {other or 'behind the last'} was expected; {name[:40]!r} came")
    if values["is_linear"] not in ("0", "1"):
        raise wrong(f"tree {number}", f"is_linear is {values['is_linear'][:40]!r}; 0 or 1 was expected")
    return values


def _check_children(lines: _Lines, leaves: int, left: Whole, right: Whole) -> None:
    """Refuse a tree in which a leaf or node is reached never or twice, or one that leads back to a node above."""
    times = np.bincount(np.concatenate([left, right]) + leaves, minlength=2 * leaves - 1)
    times[leaves if leaves > 1 else 0] += 1  # the root, from nowhere
    if (times != 1).any():
        at = int((times != 1).argmax()) - leaves
        what = f"leaf {-at - 1}" if at < 0 else f"node {at}"
        raise lines.wrong("left_child and right_child", f"reach {what} {times[at + leaves]} times; once was expected")
    for name, side in (("left_child", left), ("right_child", right)):
        back = (side >= 0) & (side <= np.arange(len(side)))
        if back.any():
            at = int(back.argmax())
            raise lines.wrong(name, f"leads from node {at} back to {side[at]}; a node below was expected")


def _check_counts(lines: _Lines, leaves: int, left: Whole, right: Whole) -> None:
    """Refuse counts of rows that do not add up: contributions divide by them."""
    if leaves == 1:  # a tree that could not be divided counts no rows, and weighs them if it is linear alone
        lines.whole("leaf_count", 1, 0, _INT32)
        lines.whole("internal_count", 0, 1, _INT32)
        lines.real("leaf_weight", int("leaf_const" in lines.values or lines.values["leaf_weight"] != ""))
        return
    lines.real("leaf_weight", leaves)
    ending, inner = (
        lines.whole(name, count, 1, _INT32) for name, count in (("leaf_count", leaves), ("internal_count", leaves - 1))
    )
    rows = np.concatenate([ending[::-1], inner])  # leaf i is the child -i - 1
    sums = rows[left + leaves] + rows[right + leaves]
    if (sums != inner).any():
        at = int((sums != inner).argmax())
        raise lines.wrong("internal_count", f"number {at} is {inner[at]}; {sums[at]}, the sum below, was expected")


def _check_sets(lines: _Lines, sets: int, chosen: Floats) -> None:
    """Refuse sets of categories that end elsewhere than their bits, or nodes that ask for other sets."""
    if not np.array_equal(np.sort(chosen), np.arange(sets)):
        raise lines.wrong("threshold", f"and decision_type do not lead to each of {sets} sets of categories once")
    if not sets:
        return
    ends = lines.whole("cat_boundaries", sets + 1, 0, _INT32)
    if ends[0] or (np.diff(ends) < 0).any():
        raise lines.wrong("cat_boundaries", "do not rise from 0")
    lines.whole("cat_threshold", int(ends[-1]), 0, _UINT32)


def _check_linear(lines: _Lines, leaves: int, features: int) -> None:
    lines.real("leaf_const", leaves)
    terms = int(lines.whole("num_features", leaves, 0, features).sum())
    lines.whole("leaf_features", terms, 0, features - 1)
    lines.real("leaf_coeff", terms)
    for name in ("leaf_const", "leaf_coeff"):
        for word in lines.values[name].split():
            if _is_tiny(word):  # LightGBM reads these by another way, and ends the process
                raise lines.wrong(name, f"holds {word[:40]!r}, smaller than a double")


def _is_tiny(word: str) -> bool:
    return abs(float(word)) < _SMALLEST and any(digit in "123456789" for digit in word.lower().partition("e")[0])


def _is_number(word: str, letters: dict[int, int | None]) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return not word.translate(letters)
