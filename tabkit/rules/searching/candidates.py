"""Candidates of a search for rules: measured on all training rows, shortened, and reduced to a few."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from tabkit.predicates import Condition, Levels, Rule
from tabkit.rules.config import SuggestConfig
from tabkit.rules.goal import Floats, Mask
from tabkit.rules.measurement import masks
from tabkit.rules.parts import Conditions, Cuts, dropped, moved, weaker
from tabkit.rules.proof import value_of, z_value
from tabkit.rules.similarity import overlap

GAIN = 3.0
"""By how many standard errors a condition must gain on all rows that were searched.

What was picked among hundreds exceeds two of them by chance alone. Nothing is lost by it: what gains less here has
next to no chance of being proved on the hold-out rows, which are fewer.
"""

LEVEL_GAIN = 2.0
"""The same for a level in a set: each has few rows, and the set as a whole must gain more anyway."""

_MOVES = 8  # of an end, at most
_LEVEL_ROWS = 20  # of a level, below which standard errors say little


@dataclass(frozen=True, slots=True)
class Lookup:
    """Rows that match conditions, each evaluated once.

    Parameters
    ----------
    frame
        The n rows.

    Examples
    --------
    >>> from tabkit.predicates import Range
    >>> lookup = Lookup(pl.DataFrame({"age": [20, 40]}))
    >>> lookup.inside((Range(column="age", ge=30),)).tolist()
    [False, True]
    """

    frame: pl.DataFrame
    known: dict[Condition, Mask] = field(default_factory=dict)

    def learn(self, conditions: Iterable[Condition]) -> None:
        """Evaluate many conditions in one pass."""
        new = [condition for condition in dict.fromkeys(conditions) if condition not in self.known]
        found = masks([Rule(all_of=(condition,)) for condition in new], self.frame)
        self.known.update(zip(new, found, strict=True))

    def each(self, conditions: Sequence[Condition]) -> list[Mask]:
        """Return the rows of each condition, shape (n,) each."""
        self.learn(conditions)
        return [self.known[condition] for condition in conditions]

    def inside(self, conditions: Sequence[Condition]) -> Mask:
        """Return the rows of all conditions together, shape (n,)."""
        if not conditions:
            return np.ones(self.frame.height, dtype=np.bool_)
        found: Mask = np.logical_and.reduce(self.each(conditions))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class RuleCandidate:
    """A rule to be tested.

    Parameters
    ----------
    conditions
        All must hold.
    sums
        Of `tabkit.rules.proof.totals` over its rows.
    quality
        On these rows; see `tabkit.rules.searching.search.search`.
    """

    conditions: Conditions
    sums: Floats
    quality: float


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Measures rules on the rows that were searched, and shortens them.

    Parameters
    ----------
    lookup
        These n rows.
    totals
        `tabkit.rules.proof.totals` of their goal, of which high values are good.
    share
        Whether that is a share.
    least
        The fewest rows of a rule.
    config
        The exponent of coverage, and `alike`.
    cuts
        To where ends of ranges may be moved.
    sound
        Whether rows, shape (n,), are worth a test at all, by what their sums do not say.
    """

    lookup: Lookup
    totals: Floats
    share: bool
    least: int
    config: SuggestConfig
    cuts: Cuts = field(default_factory=dict)
    sound: Callable[[Mask], bool] = field(default=lambda _: True)
    known: dict[Conditions, RuleCandidate] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.totals.shape[1])

    def candidate(self, conditions: Conditions) -> RuleCandidate:
        """Measure a rule."""
        if conditions not in self.known:
            sums = self.sums(self.lookup.inside(conditions))
            value = value_of(sums)
            base = self.known[()].sums if conditions else sums
            gain = -math.inf if value is None else value - (value_of(base) or 0.0)
            quality = (covered(sums) / self.rows) ** self.config.exponent * gain if covered(sums) else -math.inf
            self.known[conditions] = RuleCandidate(conditions, sums, quality)
        return self.known[conditions]

    def sums(self, inside: Mask) -> Floats:
        """Return the totals of some rows."""
        found: Floats = self.totals @ inside.astype(np.float64)
        return found

    def gain(self, inside: Floats, within: Floats) -> float:
        """Return how far the mean of some rows is above the rest of their surroundings, in standard errors."""
        return z_value(inside, within, share=self.share)

    def pared(self, conditions: Conditions) -> RuleCandidate | None:
        """Return the rule without conditions, ends of ranges and levels that add too little; or None."""
        self.candidate(())
        candidate = self.candidate(conditions)
        while covered(candidate.sums) >= self.least:
            weakest, gain = self.weakest(candidate)
            if gain < GAIN:
                if not weakest.conditions:
                    return None
                candidate = weakest
                continue
            fewer = self.with_fewer_levels(candidate)
            if fewer is candidate:
                return candidate
            candidate = fewer
        return None

    def with_fewer_levels(self, found: RuleCandidate) -> RuleCandidate:
        """Return the rule without levels that are no better than those left out; itself if there are none."""
        for index, condition in enumerate(found.conditions):
            if not isinstance(condition, Levels) or len(condition.levels) == 1:
                continue
            others = found.conditions[:index] + found.conditions[index + 1 :]
            left_out = self.candidate(others).sums - found.sums
            kept = []
            for level in condition.levels:
                alone = replace(condition, levels=(level,))
                own = self.candidate((*found.conditions[:index], alone, *found.conditions[index + 1 :])).sums
                if covered(own) >= _LEVEL_ROWS and self.gain(own, own + left_out) >= LEVEL_GAIN:
                    kept.append(level)
            if 0 < len(kept) < len(condition.levels):
                fewer = replace(condition, levels=tuple(kept))
                return self.candidate((*found.conditions[:index], fewer, *found.conditions[index + 1 :]))
        return found

    def weakest(self, found: RuleCandidate) -> tuple[RuleCandidate, float]:
        """Return the rule without its least useful part, and that part's gain in standard errors."""
        best: tuple[RuleCandidate, float] | None = None
        for conditions in weaker(found.conditions):
            parent = self.candidate(conditions)
            gain = self.gain(found.sums, parent.sums)
            # More of the quality without a part: it costs more rows than it is worth.
            gain = gain if parent.quality < found.quality or not conditions else min(gain, 0.0)
            if best is None or gain < best[1]:
                best = parent, gain
        if best is None:  # a rule without conditions has no parts
            return found, math.inf
        return best

    def settled(self, found: RuleCandidate) -> RuleCandidate:
        """Return the rule with its ends moved while its quality rises: the search used coarse bins of a sample."""
        best = found
        for _ in range(_MOVES):
            near = [self.candidate(conditions) for conditions in moved(best.conditions, self.cuts)]
            better = max(near, key=lambda other: other.quality, default=best)
            if better.quality <= best.quality or covered(better.sums) < self.least:
                break
            best = better
        return self.pared(best.conditions) or found

    def shorter(self, found: RuleCandidate) -> list[RuleCandidate]:
        """Return the rule and its shorter versions, dropping the least useful condition first."""
        chain = [found]
        while len(chain[-1].conditions) > 1:
            last = chain[-1]
            parts = [self.candidate(conditions) for conditions in dropped(last.conditions)]
            parent = min(parts, key=lambda part: self.gain(last.sums, part.sums))
            pared = self.pared(parent.conditions)
            if pared is None:
                break
            chain.append(pared)
        return chain

    def families(self, rules: Sequence[Conditions], *, most: int) -> list[list[RuleCandidate]]:
        """Return at most `most` candidates in families: a rule, and shorter versions to fall back on.

        The best come first. A rule whose rows beyond those of the better ones say nothing is left out: a test of it
        would be spent on what is known.
        """
        self.lookup.learn(condition for rule in rules for condition in rule)
        pared = [candidate for candidate in map(self.pared, dict.fromkeys(rules)) if candidate is not None]
        pared.sort(key=lambda found: (-found.quality, Rule(all_of=found.conditions).key()))
        families: list[list[RuleCandidate]] = []
        keys: set[str] = set()
        heads: list[Mask] = []
        free = np.ones(self.rows, dtype=np.bool_)
        for candidate in pared:
            if len(keys) >= most:
                break
            inside = self.lookup.inside(candidate.conditions)
            if any(overlap(inside, head).jaccard > self.config.alike for head in heads):
                continue
            if heads and self.gain(self.sums(inside & free), self.sums(free)) < GAIN:
                continue
            settled = self.settled(candidate) if self.sound(inside) else None
            family = [] if settled is None else self.family(settled, keys, most=most)
            if settled is not None and family:
                families.append(family)
                heads.append(self.lookup.inside(settled.conditions))
                free &= ~heads[-1]
        return families

    def family(self, head: RuleCandidate, keys: set[str], *, most: int) -> list[RuleCandidate]:
        """Return the rule and its shorter versions that pass the filter, at most `most`; their keys join `keys`."""
        found = []
        for member in self.shorter(head):
            key = Rule(all_of=member.conditions).key()
            if (key in keys or len(keys) < most) and self.sound(self.lookup.inside(member.conditions)):
                keys.add(key)
                found.append(member)
        return found


def covered(sums: Floats) -> int:
    """Return the number of rows in these sums.

    >>> covered(np.array([4.0, 2.0, 1.0]))
    4
    """
    return int(sums.reshape(-1, 3)[:, 0].sum() + 0.5)
