"""Suggested rules: what a search found and confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tabkit.predicates import Rule, to_dict
from tabkit.rules.bins import Axes
from tabkit.rules.measurement import Measured, masks
from tabkit.rules.similarity import overlap


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule that was confirmed on held-out rows.

    Parameters
    ----------
    rule
        Its name is made of its columns, and differs from all columns and other suggestions.
    train
        Measured on the rows that were searched: better than the truth, as the best of many always is.
    holdout
        Measured on the rows that prove, with an interval that allows for all rules that were tested there.
    p
        Of the tests on the hold-out rows, by Holm's method for all rules that were tested.
    """

    rule: Rule
    train: Measured
    holdout: Measured
    p: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with the rule in words."""
        return {
            "rule": to_dict(self.rule),
            "text": self.rule.text(),
            "train": self.train.to_dict(),
            "holdout": self.holdout.to_dict(),
            "p": self.p,
        }


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The result of suggesting rules.

    Parameters
    ----------
    rules
        The best first, by the rows that were searched: their order has not seen the hold-out rows.
    tested
        How many rules were tested on the hold-out rows.
    searched
        How many were looked at before.
    alpha
        The chance that any of `rules` is there though nothing is.
    notes
        What was left out, and why there is nothing, in sentences.
    """

    rules: tuple[Suggestion, ...]
    tested: int
    searched: int
    alpha: float
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "rules": [found.to_dict() for found in self.rules],
            "tested": self.tested,
            "searched": self.searched,
            "alpha": self.alpha,
            "notes": list(self.notes),
        }


def left_out(coded: Axes) -> list[str]:
    """Return notes on the columns that no rule can be on."""
    notes = []
    if coded.unusable:
        listed = ", ".join(f"{name!r} ({dtype})" for name, dtype in coded.unusable[:5])
        notes.append(f"{_count(len(coded.unusable))} left out: no condition can be on {listed}{_more(coded.unusable)}")
    if coded.constant:
        listed = ", ".join(map(repr, coded.constant[:5]))
        notes.append(f"{_count(len(coded.constant))} left out as constant: {listed}{_more(coded.constant)}")
    return notes


def _count(columns: int) -> str:
    return "1 column was" if columns == 1 else f"{columns:,} columns were"


def _more(found: Sequence[object]) -> str:
    return f" and {len(found) - 5:,} more" if len(found) > 5 else ""


def apart(found: Sequence[Suggestion], frame: pl.DataFrame, *, alike: float) -> tuple[Suggestion, ...]:
    """Drop each suggestion whose rows mostly belong to a better one, by the Jaccard index."""
    inside = masks([one.rule for one in found], frame)
    kept: list[int] = []
    for index in range(len(found)):
        if all(overlap(inside[index], inside[other]).jaccard <= alike for other in kept):
            kept.append(index)
    return tuple(found[index] for index in kept)
