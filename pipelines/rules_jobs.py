"""The jobs behind the `rules` commands: settings in, plain data out."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.aiming import Aimed, aimed, facts, fingerprint, same_rows
from pipelines.config import WorthConfig
from pipelines.explore_config import AimConfig, RulesConfig
from pipelines.needs import needed
from pipelines.ruled import file_of, origin
from pipelines.worth import worth, worth_job
from tabkit.config import build
from tabkit.errors import ConfigError
from tabkit.predicates import check
from tabkit.progress import Progress
from tabkit.rules import Ledger, Measured, Rule, RuleFile, masks, most_alike, read, write
from tabkit.rules.goal import Mask
from tabkit.rules.suggest import suggest
from tabkit.rules.suggestion import Suggestions

_FADED = 0.7


def suggest_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Search for rules, prove them, and write those that passed; return what there is to say about it.

    Raises
    ------
    TabkitError
        Of the stage that failed. A file that is there already is refused before any work.
    """
    started = clock.perf_counter()
    config = build(RulesConfig, values)
    output = Path(needed(config, "output"))
    if output.suffix != ".toml":
        raise ConfigError(f"{str(output)!r} is no TOML file", advice="end its name in .toml")
    if output.exists() and not overwrite:
        raise ConfigError(f"{str(output)!r} is there already", advice="choose another name, or pass --overwrite")
    found = aimed(config)
    if found.holdout is None:
        raise ConfigError(f"{found.frame.height} rows are too few to find rules in and prove them", advice="use more")
    result = suggest(
        found.frame,
        found.goal,
        columns=list(found.columns),
        holdout=found.holdout,
        config=config.search,
        progress=progress,
    )
    write(output, _file(result, found, config))
    return {
        "output": str(output),
        "goal": found.goal.words(),
        "kind": found.goal.kind,
        "rows": found.frame.height,
        "holdout": int(found.holdout.sum()),
        **result.to_dict(),
        "verdicts": [verdict(one.holdout, one.train.to_dict()) for one in result.rules],
        "notes": [*found.notes, *result.notes],
        "seconds": round(clock.perf_counter() - started, 3),
    }


def score_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Measure the rules of a file on further rows; return what there is to say about it."""
    started = clock.perf_counter()
    config = build(RulesConfig, values)
    path = needed(config, "rules")
    content = read(path)
    if not content.rules:
        raise ConfigError(f"{path!r} holds no rules", advice="find some: tabkit rules suggest")
    with progress.task("measuring rules", total=1) as advance:
        found = aimed(config)
        check(content.rules, {name: found.frame.schema[name] for name in found.columns}, what=found.table.name)
        rows, note = _fresh(found, content, config)
        scored = _scored(content, found, rows, level=config.level)
        advance(1)
    return {
        "rules": path,
        "goal": found.goal.words(),
        "kind": found.goal.kind,
        "rows": int(rows.sum()),
        "level": config.level,
        "scores": scored,
        "notes": [note, *found.dropped_notes],
        "seconds": round(clock.perf_counter() - started, 3),
    }


def worth_of_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Compare models with and without the rules of a file.

    On the rows that the rules were found on, only those held out then are judged on.
    """
    config = build(WorthConfig, values)
    ruled = file_of(config.rules)
    known = ruled.found
    if not known or config.holdout is not None:
        return worth_job(values, progress=progress)
    settings = {name: known[name] for name in ("positive", "control", "arm", "holdout", "seed") if name in known}
    roles = {**config.roles, **{name: known[name] for name in ("time", "group") if name in known}}
    aim = build(AimConfig, {"source": config.source, "roles": roles, "exclude": config.encoding.exclude, **settings})
    found = aimed(aim)
    if found.holdout is None or not same_rows(found, known, aim):
        return worth_job(values, progress=progress)
    left = [name for name in config.encoding.exclude if name in found.frame.columns]
    encoding = config.encoding.model_copy(update={"exclude": left})
    result = worth(
        found.frame,
        rules=ruled.rules,
        roles=found.table.roles,
        config=config.model_copy(update={"encoding": encoding}),
        holdout=found.holdout,
        progress=progress,
    )
    return {**result.to_dict(), "roles": found.table.roles.given(), "found": origin(ruled)}


def _file(result: Suggestions, found: Aimed, config: RulesConfig) -> RuleFile:
    rules = tuple(one.rule for one in result.rules)
    measured = {
        one.rule.name: {"train": one.train.to_dict(), "holdout": one.holdout.to_dict(), "p": one.p}
        for one in result.rules
    }
    return RuleFile(rules, {**facts(found, config), "tried": result.tested}, measured)


def _fresh(found: Aimed, content: RuleFile, config: RulesConfig) -> tuple[Mask, str]:
    """Return the rows that can prove anything, and what to say about them."""
    everything = np.ones(found.frame.height, dtype=np.bool_)
    if not content.found:
        return everything, "The file does not say where its rules come from: rows that they were found on flatter them."
    if found.holdout is not None and same_rows(found, content.found, config):
        return found.holdout, "These are the rows that the rules were found on: only those held out then are measured."
    if content.found.get("print") == fingerprint(found):
        return (
            everything,
            "These are the rows that the rules were found on, divided otherwise: this proves nothing.",
        )
    if content.found.get("print") and content.found.get("rows") == found.frame.height:
        return everything, "As many rows as the rules were found on, but others, or divided otherwise (seed, holdout)."
    return everything, "Rows other than those that the rules were found on."


def _scored(content: RuleFile, found: Aimed, rows: Mask, *, level: float) -> list[dict[str, Any]]:
    goal, inside = found.goal.take(rows), [mask[rows] for mask in masks(content.rules, found.frame)]
    ledger = Ledger(before=len(content.rules))
    scores = []
    for index, rule in enumerate(content.rules):
        said = ledger.measure(inside[index], goal, level=level)
        before = content.measured.get(rule.name, {}).get("train")
        others = [mask for other, mask in enumerate(inside) if other != index]
        scores.append(
            {
                "name": rule.name,
                "text": rule.text(),
                **said.to_dict(),
                "before": dict(before) if isinstance(before, Mapping) else None,
                "verdict": verdict(said, before if isinstance(before, Mapping) else None),
                "alike": _alike(inside[index], others, [r for r in content.rules if r is not rule]),
            }
        )
    return scores


def _alike(inside: Mask, others: Sequence[Mask], rules: Sequence[Rule]) -> dict[str, Any] | None:
    found = most_alike(inside, others)
    if found is None or not found[1].jaccard:
        return None
    return {"name": rules[found[0]].name, "jaccard": found[1].jaccard, "inside": found[1].inside}


def verdict(said: Measured, before: Mapping[str, Any] | None) -> str:
    """Say in a word or two whether a rule holds: its interval must leave the base on the side that it was found on.

    >>> verdict(Measured(100, 20, 0.5, 0.3, 0.7, 0.1, None, 0.95), None)
    'holds'
    >>> verdict(Measured(100, 20, 0.5, 0.3, 0.7, 0.4, None, 0.95), None)
    'not shown'
    """
    if said.value is None or said.low is None or said.high is None:
        return "too few rows"
    then = None if before is None else before.get("value")
    base = None if before is None else before.get("base")
    low = isinstance(then, int | float) and isinstance(base, int | float) and then < base
    if said.low <= said.base <= said.high:
        return "not shown"
    if (said.high < said.base) != low:
        return "turned over"
    lift, was = said.lift, None if before is None else before.get("lift")
    if not low and lift is not None and isinstance(was, int | float) and said.treated is None and lift < _FADED * was:
        return "holds, but weaker"
    return "holds"


__all__ = ["score_job", "suggest_job", "verdict", "worth_of_job"]
