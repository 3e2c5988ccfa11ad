"""Suggest rules: search for them on some rows, and test them on others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import forked
from tabkit.dependence import too_few
from tabkit.errors import ConfigError, SchemaError
from tabkit.predicates import Bound, Rule
from tabkit.progress import Progress, Silent
from tabkit.rules.bins import axes
from tabkit.rules.config import SuggestConfig
from tabkit.rules.confounding import even, levelled, said, uneven
from tabkit.rules.goal import Goal, Mask
from tabkit.rules.ledger import Ledger
from tabkit.rules.measurement import masks, measure
from tabkit.rules.parts import Conditions
from tabkit.rules.proof import dense, holm, p_value, rule_p, totals
from tabkit.rules.searching.candidates import Judge, Lookup, RuleCandidate
from tabkit.rules.searching.search import search
from tabkit.rules.searching.separation import SeparationFilter, clearest
from tabkit.rules.suggestion import Suggestion, Suggestions, apart, left_out

MOST_TESTED = 20
"""How many rules are tested on the hold-out rows; each one makes the proof of all harder."""

LEAST, LEAST_HOLDOUT = 30, 15
"""The fewest rows of a rule, to search on and to prove on."""

_RESCORED = 80  # of the search's best rules: measured on all rows, which takes long
_FINER = 5  # times as many cuts when ends are moved as when rules are searched for
_LONGEST_NAME = 40  # letters of a rule's name, which becomes a column's


@dataclass(frozen=True, slots=True)
class _First:
    """The best rules of a search, how many it looked at, the columns that treatment follows, and notes."""

    rules: list[Conditions]
    looked_at: int
    uneven: list[str]
    notes: list[str]


def suggest(
    frame: pl.DataFrame,
    goal: Goal,
    *,
    columns: Sequence[str] | None = None,
    holdout: Mask | None = None,
    config: SuggestConfig | None = None,
    progress: Progress | None = None,
) -> Suggestions:
    """Suggest rules whose rows have a higher (or lower) share, mean or effect than others, and test them.

    Rules are searched for on a sample of the rows that are not held out (`tabkit.rules.searching.search`), measured
    again on all of these and pared down (`tabkit.rules.searching.candidates`). At most 20 are then tested on the
    hold-out rows, against all rows outside and for each of their conditions (`tabkit.rules.proof`); a rule that fails
    gives way to a shorter one of its own that passes.

    Parameters
    ----------
    frame
        The n rows.
    goal
        Of the same rows.
    columns
        What conditions may be on; by default all columns but the goal's own. Leave out what is known only afterwards.
    holdout
        Shape (n,): the rows that prove, and that nobody should have looked at. By default a share of the rows, or of
        the goal's units where it knows them, drawn by chance; where time matters, give the latest ones.
    config
        See `SuggestConfig`.
    progress
        Shows how far it is.

    Raises
    ------
    SchemaError
        If columns are missing, or goal or hold-out are of other rows.
    ConfigError
        If the goal's own column is among `columns`, or one is there twice.

    Examples
    --------
    >>> chance = np.random.default_rng(0)
    >>> frame = pl.DataFrame({"age": chance.integers(18, 80, 4000), "job": chance.choice(["clerk", "nurse"], 4000)})
    >>> old = (frame["age"] >= 60).to_numpy()
    >>> goal = Goal("left", "share", (chance.random(4000) < np.where(old, 0.4, 0.1)).astype(float), positive="yes")
    >>> for found in suggest(frame, goal).rules:
    ...     print(found.rule.name, "|", found.rule.text(), "|", round(found.holdout.value, 2), found.p < 0.001)
    age_rule | age >= 60 | 0.45 True
    """
    forked.check()
    config = SuggestConfig() if config is None else config
    progress = Silent() if progress is None else progress
    names = _columns(frame, goal, columns)
    held = _holdout(frame.height, goal, holdout, config)
    train = np.flatnonzero(~held)
    turned = goal if config.direction == "high" else _turned(goal)
    reason = _too_little(turned.take(train), turned.take(held))
    if reason is not None:
        return Suggestions((), 0, 0, config.alpha, (reason,))
    first = _search(frame, turned, names, train, config, progress)
    rules, notes = first.rules, first.notes
    level = even(frame, turned, first.uneven, held, config)
    rows = frame[list(dict.fromkeys(condition.column for rule in rules for condition in rule))] if rules else frame
    least = max(int(np.ceil(config.coverage * train.size)), LEAST)
    with progress.task("prove", total=2) as advance:
        known = Lookup(rows.filter(pl.Series(~held)))
        cuts = _cuts(rows, train, config) if rules else {}
        sound = SeparationFilter(goal.take(train), config.direction)
        judge = Judge(known, totals(level.take(train)), goal.kind == "share", least, config, cuts, sound)
        families = judge.families(rules, most=MOST_TESTED)
        advance(1)
        goals = [turned.take(held)] if level is turned else [turned.take(held), level.take(held)]
        found, tested = _prove(families, Lookup(rows.filter(pl.Series(held))), goals, config)
        advance(1)
    notes = [*notes, *sound.notes(), *_outcome(found, tested)]
    kept = _named(found[: config.most], frame.columns)
    clear, unclear = clearest(_measured(kept, frame, goal, held, tested), config.direction)
    return Suggestions(
        apart(clear, frame, alike=config.alike), tested, first.looked_at, config.alpha, (*notes, *unclear)
    )


def _columns(frame: pl.DataFrame, goal: Goal, columns: Sequence[str] | None) -> list[str]:
    own = [name for name in (goal.name, goal.treatment) if name is not None]
    if columns is None:
        return [name for name in frame.columns if name not in own]
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"the data lacks columns: {', '.join(map(repr, missing))}",
            advice=f"its columns are {', '.join(map(repr, frame.columns[:40]))}",
        )
    wrong = [name for name in columns if name in own]
    if wrong:
        raise ConfigError(
            f"rules are sought on {', '.join(map(repr, wrong))}, which the goal is made of",
            advice="leave it out of the columns: a rule on it would explain itself",
        )
    if len(set(columns)) < len(columns):
        raise ConfigError("columns names one column twice", advice="name each once")
    return list(columns)


def _holdout(rows: int, goal: Goal, given: Mask | None, config: SuggestConfig) -> Mask:
    if goal.y.shape != (rows,):
        raise SchemaError(
            f"the goal is of {goal.y.size} rows and the data has {rows}", advice="aim at the very rows that are given"
        )
    if given is not None:
        if given.shape != (rows,) or given.dtype != np.bool_:
            raise SchemaError(
                f"the hold-out is of shape {given.shape} and type {given.dtype}",
                advice=f"give one Boolean for each of the {rows} rows: true for those that prove",
            )
        return given
    units = rows if goal.unit is None else int(goal.unit.max(initial=-1)) + 1
    drawn = np.zeros(units, dtype=np.bool_)
    drawn[np.random.default_rng(config.seed).permutation(units)[: round(config.holdout * units)]] = True
    return drawn if goal.unit is None else drawn[goal.unit]


def _turned(goal: Goal) -> Goal:
    """Return the goal whose high values are the low ones of this."""
    return replace(goal, y=1 - goal.y if goal.kind == "share" else -goal.y)


def _too_little(train: Goal, held: Goal) -> str | None:
    """Return why nothing can be found, if so."""
    for part, what, least in ((train, "to search on", LEAST), (held, "held out", LEAST_HOLDOUT)):
        if part.y.size < 2 * least:
            return f"too few rows to prove anything: {part.y.size} {what}, at least {2 * least} are needed"
        if part.treated is not None and min(part.treated.sum(), (~part.treated).sum()) < least:
            return f"too few rows to prove anything: an arm has fewer than {least} of those {what}"
        if part.unit is not None and (few := too_few(np.unique(part.unit).size)):
            return f"too few clusters to prove anything: of the rows {what} there {few}"
        if part.y.min() == part.y.max():
            return f"nothing can be found: {part.name} is the same in all rows {what}"
    return None


def _search(
    frame: pl.DataFrame, goal: Goal, names: list[str], train: NDArray[np.int64], config: SuggestConfig, shown: Progress
) -> _First:
    """Search on a sample of the rows."""
    rows = _sampled(train, config)
    with shown.task("search", total=config.depth + 1) as advance:
        coded = axes(frame, names, rows=rows, bins=config.bins, most_levels=config.most_levels, slack=config.slack)
        advance(1)
        least = max(int(np.ceil(config.coverage * rows.size)), LEAST)
        own = goal.take(rows)
        uneven_by = uneven(coded.found, own.treated, own.unit)
        signal = levelled(own, uneven_by).signal()
        found = search(coded.found, signal, least=least, config=config, advance=advance)
    by = [axis.column for axis in uneven_by]
    notes = left_out(coded) + said(by) + ([] if coded.found else ["no column is left to seek rules on"])
    if found.combined < len(coded.found):
        notes.append(f"of {len(coded.found):,} columns the {found.combined:,} most useful were combined")
    rules = [node.rule(coded.found).all_of for node in found.nodes[:_RESCORED]]
    return _First(rules, found.evaluated, by, notes)


def _cuts(frame: pl.DataFrame, train: NDArray[np.int64], config: SuggestConfig) -> dict[str, tuple[Bound, ...]]:
    """Return finer cuts than those of the search, by column."""
    rows = _sampled(train, config)
    fine = axes(frame, frame.columns, rows=rows, bins=_FINER * config.bins, most_levels=1, slack=config.slack)
    return {axis.column: axis.cuts for axis in fine.found if axis.ordered}


def _sampled(train: NDArray[np.int64], config: SuggestConfig) -> NDArray[np.int64]:
    if train.size <= config.sample:
        return train
    return np.sort(np.random.default_rng(config.seed + 1).choice(train, config.sample, replace=False))


def _prove(
    families: list[list[RuleCandidate]], lookup: Lookup, goals: Sequence[Goal], config: SuggestConfig
) -> tuple[list[tuple[RuleCandidate, float]], int]:
    """Return the rules that pass by every goal of these rows, with their p values, and how many were tested."""
    tests = [(goal, None if goal.kind == "share" else dense(goal.y)) for goal in goals]
    raw: dict[Conditions, float] = {}
    for candidate in (member for family in families for member in family):
        each = lookup.each(candidate.conditions)
        if candidate.conditions not in raw and int(np.logical_and.reduce(each).sum()) >= LEAST_HOLDOUT:
            raw[candidate.conditions] = max(rule_p(goal, each, order=order) for goal, order in tests)
    adjusted = dict(zip(raw, holm(list(raw.values())), strict=True))
    passed = [
        [(candidate, p) for candidate in family if (p := adjusted.get(candidate.conditions, 1.0)) <= config.alpha]
        for family in families
    ]
    passed.sort(key=lambda family: -family[0][0].quality if family else 0.0)
    kept: list[tuple[RuleCandidate, float]] = []
    covered = np.zeros(goals[0].y.size, dtype=np.bool_)
    for family in passed:
        for candidate, p in family:
            inside = lookup.inside(candidate.conditions)
            # Not a test that could let anything pass, but one more to fail: most of a rule's rows may be another's.
            if not kept or all(
                p_value(goal, inside & ~covered, ~covered, order=order) <= config.alpha for goal, order in tests
            ):
                kept.append((candidate, p))
                covered |= inside
                break
    return kept, len(raw)


def _outcome(found: list[tuple[RuleCandidate, float]], tested: int) -> list[str]:
    if found:
        return []
    if tested:
        return [f"{tested} rules looked good on the rows that were searched; none was proved on the others"]
    return ["no rule looked good enough to be tested"]


def _named(found: Sequence[tuple[RuleCandidate, float]], columns: Sequence[str]) -> list[tuple[Rule, float]]:
    """Name rules after their columns; a name is a feature, so no column and no other rule has it."""
    taken = set(columns)
    named: list[tuple[Rule, float]] = []
    for candidate, p in found:
        rule = Rule(all_of=candidate.conditions)
        slug = re.sub(r"\W+", "_", "_".join(rule.columns())).strip("_").lower()[:_LONGEST_NAME].strip("_")
        name = slug if slug and slug not in columns else f"{slug}_rule".strip("_")
        number = 2
        while name in taken:
            name, number = f"{slug or 'rule'}_{number}", number + 1
        taken.add(name)
        named.append((replace(rule, name=name), p))
    return named


def _measured(
    named: list[tuple[Rule, float]], frame: pl.DataFrame, goal: Goal, held: Mask, tested: int
) -> tuple[Suggestion, ...]:
    rules = [rule for rule, _ in named]
    train, proving, ledger = goal.take(~held), goal.take(held), Ledger(before=tested)
    return tuple(
        Suggestion(rule, measure(inside[~held], train), ledger.measure(inside[held], proving), p)
        for (rule, p), inside in zip(named, masks(rules, frame), strict=True)
    )
