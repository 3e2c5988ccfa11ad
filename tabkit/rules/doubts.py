"""Warnings about the data behind rules: columns that leak the goal, and copied rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tabkit.leaks import Leak
from tabkit.leaks.asked import asked
from tabkit.leaks.copied_rows import copies_of
from tabkit.leaks.copies import Copies
from tabkit.predicates import Rule
from tabkit.rules.goal import Mask
from tabkit.rules.leaks import leaks_for
from tabkit.rules.measurement import masks, measure
from tabkit.rules.sample import RuleSample
from tabkit.rules.suggestion import Suggestion
from tabkit.table import Table
from tabkit.wording import number

_MOST_QUOTED = 3  # rules that fit into a sentence


@dataclass(frozen=True, slots=True, eq=False)
class Doubts:
    """Warnings about rows: columns that leak the goal, and copies.

    Parameters
    ----------
    leaks
        Columns that tell the target too well to be known before it.
    copies
        Held-out rows that are copies of others.
    """

    leaks: tuple[Leak, ...]
    copies: Copies | None

    @property
    def kept_out(self) -> frozenset[str]:
        """The columns that rules may not use.

        Rules on them would take every place and hide all others, and their file is made to be used: whoever knows
        that such a column is known before the target says so. Columns that tell it only together stay in.
        """
        return frozenset(leak.columns[0] for leak in self.leaks if len(leak.columns) == 1)

    def by_column(self) -> dict[str, str]:
        """Return the warnings by column."""
        return {name: leak.question() for leak in self.leaks for name in leak.columns}

    def of_rule(self, rule: Rule) -> list[str]:
        """Return the warnings about the columns of a rule."""
        used = rule.columns()
        return [leak.question() for leak in self.leaks if not set(used).isdisjoint(leak.columns)]

    def about(self, rules: Sequence[Rule], *, copied: bool) -> Doubts:
        """Return those about the columns of rules; and those about copies, if rules were found on the very rows."""
        used = {name for rule in rules for name in rule.columns()}
        leaks = tuple(leak for leak in self.leaks if not used.isdisjoint(leak.columns))
        return Doubts(leaks, self.copies if copied else None)

    def warnings(self, *, sought: bool, others: str = "") -> list[str]:
        """Return all warnings in sentences, those about columns first.

        Parameters
        ----------
        sought
            Whether rules were sought, so that it is to be said on which columns they were not.
        others
            What rules do on held-out rows that are no copies.
        """
        found = asked(self.leaks, "options")
        if sought and self.kept_out:
            found.append(f"No rules were sought on {', '.join(map(repr, sorted(self.kept_out)))}.")
        if self.copies is not None:
            learned = "rows that rules were found on"
            found.append(f"{self.copies.text(learned=learned)}: they prove little.{others}")
        return found


def doubts_of(found: RuleSample, columns: Sequence[str], *, known: Sequence[str]) -> Doubts:
    """Look for leaks in the rows that are searched, and for copies of them in the hold-out.

    Parameters
    ----------
    found
        The rows.
    columns
        The features.
    known
        Those of them that a person says are known before the target.
    """
    train = np.ones(found.frame.height, dtype=np.bool_) if found.holdout is None else ~found.holdout
    leaks = leaks_for(found.table, found.goal, train, columns, known=known)
    if found.holdout is None:
        return Doubts(leaks, None)
    learned, judged = (_part(found.table, rows) for rows in (train, found.holdout))
    copies = copies_of(learned, judged, target=found.goal.name, classes=found.goal.binary, columns=columns)
    return Doubts(leaks, copies)


def without_copies(found: RuleSample, copies: Copies | None, suggested: Sequence[Suggestion]) -> str:
    """Return in a sentence how rules do on held-out rows that are no copies; empty if there are no copies."""
    if copies is None or found.holdout is None or not suggested:
        return ""
    rows = found.holdout.copy()
    rows[rows] = ~copies.copied
    goal, few = found.goal.take(rows), suggested[:_MOST_QUOTED]
    values = []
    for one, inside in zip(few, masks([each.rule for each in few], found.frame), strict=True):
        said = measure(inside[rows], goal)
        values.append(f"{one.rule.name} {number(said.value)} ({number(one.holdout.value)} with them)")
    return f" On the {int(rows.sum()):,} others: {', '.join(values)}."


def _part(table: Table, rows: Mask) -> Table:
    return Table(table.frame.filter(rows), table.roles, table.name, {})
