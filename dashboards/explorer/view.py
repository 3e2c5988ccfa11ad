"""A view: rows, goals, the hold-out, and known rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tabkit.predicates import Rule
from tabkit.rules import Goal
from tabkit.rules.goal import Floats, Mask


@dataclass(frozen=True, slots=True)
class OfferedRule:
    """A rule that the page offers.

    Parameters
    ----------
    rule
        The rule.
    words
        What is known of it, in a few words, such as its lift on the hold-out.
    """

    rule: Rule
    words: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Shade:
    """What lines are coloured by, other than the goal.

    Parameters
    ----------
    words
        What it is.
    values
        Shape (n,), finite or NaN.
    """

    words: str
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The content of a page.

    Parameters
    ----------
    kind, title
        Such as ``Features``, and the heading.
    frame
        The n rows; columns that are axes, and others.
    goals
        What rules are measured by, the first of which decides; each of the n rows.
    columns
        Which columns are axes.
    holdout
        Shape (n,): rows that are neither drawn nor searched. None where there are none.
    shade
        What lines are coloured by; by default the first goal.
    given
        Rules that are offered.
    suggested
        What to say above them.
    unproved
        What the verdict says where there is no hold-out.
    tried
        How many rules were tried before.
    opened
        The name of a given rule that the page shows at first.
    first
        Columns that are drawn first, in this order; the others follow by their usefulness.
    warnings
        What weakens everything on the page, in sentences: at its head.
    leaks
        By column, what there is to ask of a rule on it: it tells the target too well to be known before.
    notes
        What was decided or left out, in sentences.
    facts
        How the hold-out was made, for the file of rules: see `RuleFile.found`.
    """

    kind: str
    title: str
    frame: pl.DataFrame
    goals: tuple[Goal, ...]
    columns: tuple[str, ...]
    holdout: Mask | None = None
    shade: Shade | None = None
    given: tuple[OfferedRule, ...] = ()
    suggested: str = ""
    unproved: str = "There is no hold-out here: what is found on these rows alone flatters itself."
    tried: int = 0
    opened: str | None = None
    first: tuple[str, ...] = ()
    warnings: Sequence[str] = ()
    leaks: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def train(self) -> Mask:
        """Return the rows that may be looked at, shape (n,)."""
        return np.ones(self.frame.height, dtype=np.bool_) if self.holdout is None else ~self.holdout
