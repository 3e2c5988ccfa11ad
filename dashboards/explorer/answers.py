"""Answers of a served page: measure a rule on all rows, save it, compare models with and without it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dashboards.explorer.board import Board
from dashboards.explorer.payload import LEVEL
from dashboards.server.background import Background
from tabkit.errors import ConfigError
from tabkit.predicates import Rule, from_dict
from tabkit.progress import Progress
from tabkit.rules import Goal, Ledger, RuleFile, masks, measure, most_alike, read, write
from tabkit.rules.goal import Mask
from tabkit.rules.intervals import moments
from tabkit.rules.relevance import usefulness
from tabkit.staging import exclusive

Worth = Callable[[Rule, Progress], Mapping[str, Any]]
"""Compares models with and without a rule; gives at least ``words``."""

_MOST_NEXT = 8  # more suggestions than this no person reads


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answers of one page; every rule that comes in is checked against the columns that are shown.

    Parameters
    ----------
    board
        What the page shows.
    saves
        The file that rules are saved to; None where they are not.
    worth
        Compares models; None where nothing can be compared.
    """

    board: Board
    saves: Path | None = None
    worth: Worth | None = None
    jobs: Background = field(default_factory=Background)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: dict[str, str] = field(default_factory=dict)
    _keys: set[str] = field(default_factory=set)

    def calls(self) -> dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]:
        """Return the answers by name."""
        found: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {"measure": self.measure}
        if self.saves is not None:
            found["save"] = self.save
        if self.worth is not None:
            found |= {"worth": self.compare, "progress": self.progress}
        return found

    def measure(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the moments of each goal inside of a rule, the axes that come next, and the rule that is most alike.

        ``body``: ``rule``, and ``proved``: whether the hold-out rows are counted too.
        """
        rule, view = self._rule(body), self.board.view
        others = [given.rule for given in view.given]
        inside, *known = masks([rule, *others], view.frame)
        train = view.train()
        held = view.holdout is not None and body.get("proved") is True
        alike = most_alike(inside[train], [mask[train] for mask in known]) if rule.columns() else None
        return {
            "train": [counted(inside[train], goal.take(train)) for goal in view.goals],
            "holdout": [counted(inside[~train], goal.take(~train)) for goal in view.goals] if held else None,
            "tried": self._tried(rule) if held else None,
            "next": self._next(rule, inside & train),
            "alike": None
            if alike is None or not alike[1].jaccard
            else {"name": others[alike[0]].name, "jaccard": alike[1].jaccard, "inside": alike[1].inside},
        }

    def save(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Add a rule to the file; ``body``: ``rule``, and ``tried``: how many were."""
        rule, tried, view = self._rule(body), body.get("tried", 1), self.board.view
        if not isinstance(tried, int) or isinstance(tried, bool) or not 0 <= tried <= 10**9:
            raise ConfigError(f"tried is {tried!r}; a count was expected")
        if rule.name in self.board.view.frame.columns:
            raise ConfigError(
                f"{rule.name!r} is the name of a column", advice="a rule is a feature of its own: give it another name"
            )
        if not rule.columns():
            raise ConfigError("a rule without conditions is every row", advice="brush an axis first")
        path = self.saves
        if path is None:
            raise ConfigError("no file was named to save rules to", advice="start with --rules rules.toml")
        tried = max(tried, self.board.view.tried + len(self._keys))
        with self._lock, exclusive(path, kind=ConfigError):
            before = read(path) if path.exists() else RuleFile((), dict(self.board.view.facts))
            _check_origin(before, self.board.view.facts, path)
            same = next((known for known in before.rules if known.name == rule.name), None)
            if same is not None and same.key() != rule.key():
                raise ConfigError(
                    f"another rule is called {rule.name!r} in {path.name}", advice="give this one a name of its own"
                )
            found = {
                **self.board.view.facts,
                **before.found,
                "tried": max(tried, int(before.found.get("tried", 0) or 0)),
            }
            content = RuleFile(before.rules, found, before.measured).with_rule(rule, self._measured(rule, tried))
            write(path, content)
        doubts = " ".join(dict.fromkeys(text for name, text in view.leaks.items() if name in rule.columns()))
        words = f"Saved {rule.name} to {path.name}, which holds {len(content.rules)} now."
        return {"words": f"{words} {doubts}".rstrip()}

    def compare(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Start the comparison of models with and without a rule."""
        rule, worth = self._rule(body), self.worth
        if worth is None:
            raise ConfigError("models cannot be compared here")
        self._last["job"] = self.jobs.start(partial(worth, rule))
        return {"started": True}

    def progress(self, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # one face for all answers
        """Return how far the comparison is."""
        if "job" not in self._last:
            raise ConfigError("no comparison was started")
        return self.jobs.state(self._last["job"])

    def _tried(self, rule: Rule) -> int:
        """Enter a rule among those whose hold-out rows were looked at; return how many there are."""
        with self._lock:
            self._keys.add(rule.key())
            return self.board.view.tried + len(self._keys)

    def _rule(self, body: Mapping[str, Any]) -> Rule:
        view = self.board.view
        rule = from_dict(body.get("rule"), view.frame.schema)
        strange = [name for name in rule.columns() if name not in view.columns]
        if strange:
            raise ConfigError(f"columns {', '.join(map(repr, strange))} are not on this page")
        return rule

    def _measured(self, rule: Rule, tried: int) -> dict[str, Any]:
        view = self.board.view
        [inside] = masks([rule], view.frame)
        train, goal = view.train(), view.goals[0]
        found = {"train": measure(inside[train], goal.take(train), level=LEVEL).to_dict()}
        if view.holdout is not None:
            ledger = Ledger(before=max(1, tried))
            found["holdout"] = ledger.measure(inside[~train], goal.take(~train), level=LEVEL).to_dict()
        return found

    def _next(self, rule: Rule, rows: Mask) -> list[tuple[str, float]]:
        used, where = set(rule.columns()), np.flatnonzero(rows)
        train = self.board.view.train()
        signal = np.zeros(len(train))
        signal[train] = self.board.view.goals[0].take(train).signal()
        inside = signal[where]
        found = [
            (axis.key, usefulness(self.board.groups[axis.key][self.board.codes[axis.key][where]], inside, groups=256))
            for axis in self.board.axes
            if axis.name not in used
        ]
        return sorted(((key, value) for key, value in found if value > 0), key=lambda item: -item[1])[:_MOST_NEXT]


def _check_origin(before: RuleFile, facts: Mapping[str, Any], path: Path) -> None:
    """Refuse to put rules of other rows, or of another division, into a file that says where its rules come from."""
    if before.found.get("print") and any(before.found.get(key) != facts.get(key) for key in ("print", "division")):
        raise ConfigError(
            f"the rules in {path.name} were found on other rows, or with other rows held out",
            advice="save to another file: start again with --rules and a new name",
        )


def counted(inside: Mask, goal: Goal) -> dict[str, list[tuple[float, ...]]]:
    """Return the moments of a goal inside of a rule and outside, as the page reads them.

    >>> goal = Goal("spend", "mean", np.array([1.0, 3.0, 9.0]))
    >>> counted(np.array([True, True, False]), goal)["inside"]
    [(2, 4.0, 2.0, 2)]
    """
    return {
        name: [(m.n, m.total, m.squares, m.units) for m in moments(rows, goal)]
        for name, rows in (("inside", inside), ("rest", ~inside))
    }
