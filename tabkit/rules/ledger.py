"""The ledger of rules whose hold-out numbers were seen, so that intervals can allow for multiple testing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tabkit.predicates import Rule
from tabkit.rules.goal import Goal, Mask
from tabkit.rules.measurement import Measured, measure


@dataclass(frozen=True, slots=True)
class Ledger:
    """The distinct rules whose hold-out numbers were seen.

    Parameters
    ----------
    rules
        By `Rule.key`, the first rule of its parts.
    before
        How many others were tried before, such as in an earlier session.

    Examples
    --------
    >>> from tabkit.predicates import Null
    >>> ledger = Ledger().tried(Rule(name="a", all_of=(Null(column="x"),)))
    >>> ledger.tried(Rule(name="the same", all_of=(Null(column="x"),))).count
    1
    """

    rules: tuple[tuple[str, Rule], ...] = ()
    before: int = 0

    @property
    def count(self) -> int:
        """How many distinct rules were tried."""
        return len(self.rules) + self.before

    def tried(self, rule: Rule) -> Ledger:
        """Return the ledger with one more rule, or itself if it was tried before."""
        key = rule.key()
        if any(known == key for known, _ in self.rules):
            return self
        return replace(self, rules=(*self.rules, (key, rule)))

    def level(self, level: float = 0.95) -> float:
        """Return the level of each interval at which all of them hold together (Bonferroni).

        >>> Ledger(before=5).level(0.95)
        0.99
        """
        return 1 - (1 - level) / max(1, self.count)

    def measure(self, inside: Mask, goal: Goal, *, level: float = 0.95) -> Measured:
        """Measure a rule with exact intervals that are corrected for all rules tried."""
        return measure(inside, goal, level=self.level(level), exact=True)
