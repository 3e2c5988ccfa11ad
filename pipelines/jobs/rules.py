"""The jobs behind the `rules` commands: settings in, plain data out."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.jobs.inputs import inputs
from pipelines.jobs.settings import AblationJob, RuleScoreJob, RuleSuggestJob, filled
from tabkit.config import build
from tabkit.destination import Kind
from tabkit.destination import check as check_place
from tabkit.errors import ConfigError, TabkitError
from tabkit.frames import Source
from tabkit.predicates import check
from tabkit.progress import Progress
from tabkit.propensity.ablation.study import worth
from tabkit.propensity.config import WorthConfig
from tabkit.roles import Roles
from tabkit.rules import Ledger, Rule, RuleFile, masks, most_alike, read, write
from tabkit.rules.config import AimConfig
from tabkit.rules.discovery import suggest
from tabkit.rules.doubts import Doubts, doubts_of, without_copies
from tabkit.rules.features import load_rules, origin
from tabkit.rules.goal import Mask
from tabkit.rules.limits import FEWEST_TO_HOLD_OUT
from tabkit.rules.provenance import Provenance, aimed_like, facts, provenance
from tabkit.rules.sample import RuleSample, aimed, why_none
from tabkit.rules.suggestion import Suggestions
from tabkit.rules.verdict import verdict


def suggest_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Search for rules, prove them, and write those that passed; return what there is to say about it.

    Raises
    ------
    TabkitError
        Of the stage that failed. A file that is there already is refused before any work.
    """
    started = clock.perf_counter()
    config = filled(RuleSuggestJob, values)
    output = _output(config, overwrite=overwrite)
    sample = aimed(config)
    if sample.holdout is None:
        raise _unprovable(sample, config)
    doubts = doubts_of(sample, sample.columns, known=config.known)
    result = suggest(
        sample.frame,
        sample.goal,
        columns=[name for name in sample.columns if name not in doubts.kept_out],
        holdout=sample.holdout,
        config=config.search,
        progress=progress,
    )
    write(output, _file(result, sample, config, kept_out=sorted(doubts.kept_out)))
    return {
        "output": str(output),
        "goal": sample.goal.words(),
        "kind": sample.goal.kind,
        "rows": sample.frame.height,
        "holdout": int(sample.holdout.sum()),
        **result.to_dict(),
        "verdicts": [verdict(one.holdout, one.train) for one in result.rules],
        "warnings": doubts.warnings(sought=True, others=without_copies(sample, doubts.copies, result.rules)),
        "kept_out": sorted(doubts.kept_out),
        "notes": [*sample.notes, *result.notes],
        "seconds": round(clock.perf_counter() - started, 3),
    }


def score_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Measure the rules of a file on further rows; return what there is to say about it."""
    started = clock.perf_counter()
    config = filled(RuleScoreJob, values)
    path = config.rules
    content = read(path)
    if not content.rules:
        raise ConfigError(f"{path!r} holds no rules", advice="find some: tabkit rules suggest")
    with progress.task("measuring rules", total=1) as advance:
        sample, _ = aimed_like(config, content.found)
        shown = {name: dtype for name, dtype in sample.frame.schema.items() if name not in config.roles.values()}
        check(content.rules, shown, what=sample.table.name)
        whence = provenance(sample, content.found)
        scored, rows = _scored(content, sample, whence, level=config.level)
        doubts = doubts_of(sample, list(shown), known=config.known)
        scored = [{**row, "asked": doubts.of_rule(rule)} for row, rule in zip(scored, content.rules, strict=True)]
        advance(1)
    return {
        "rules": path,
        "goal": sample.goal.words(),
        "kind": sample.goal.kind,
        "rows": rows,
        "level": config.level,
        "provenance": whence.kind,
        "overlap": whence.overlap,
        "scores": scored,
        "warnings": _of_rules(doubts, content, whence).warnings(sought=False),
        "notes": [whence.note, *sample.dropped_notes],
        "seconds": round(clock.perf_counter() - started, 3),
    }


def worth_job(values: Mapping[str, Any], *, progress: Progress) -> dict[str, Any]:
    """Compare models with and without the rules of a file.

    On the rows that the rules were found on, only those held out then are judged on.
    """
    started = clock.perf_counter()
    config = filled(AblationJob, values)
    ruled, roles = load_rules(config.rules), Roles.from_dict(config.roles)
    source: Source = config.source
    settings: WorthConfig = config
    found = _held_out_then(config, ruled.found) if ruled.found and config.holdout is None else None
    if found is not None:
        source, roles = found.frame, Roles.from_dict({**found.table.roles.given(), **config.roles})
        left = [name for name in config.encoding.exclude if name in found.frame.columns]
        settings = config.model_copy(update={"encoding": config.encoding.model_copy(update={"exclude": left})})
    holdout = None if found is None else found.holdout
    result = worth(source, rules=ruled.rules, roles=roles, config=settings, holdout=holdout, progress=progress)
    seconds = round(clock.perf_counter() - started, 3)
    return {**result.to_dict(), "roles": roles.given(), "found": origin(ruled), "seconds": seconds}


def _held_out_then(config: AblationJob, known: Mapping[str, Any]) -> RuleSample | None:
    """Return the rows divided as when the rules were found, whatever the folds are by; None if these are others."""
    settings = {name: known[name] for name in ("positive", "control", "arm", "holdout", "seed") if name in known}
    roles = {role: column for role, column in config.roles.items() if role not in ("time", "group")}
    roles |= {name: known[name] for name in ("time", "group") if name in known}
    aim = build(AimConfig, {"source": config.source, "roles": roles, "exclude": config.encoding.exclude, **settings})
    try:
        found = aimed(aim)
    except TabkitError:  # rows that cannot be divided so are others
        return None
    return found if provenance(found, known).kind == "same" else None


def _output(config: RuleSuggestJob, *, overwrite: bool) -> Path:
    """Return where to write, which is refused before any work."""
    output = Path(config.output)
    if output.suffix != ".toml":
        raise ConfigError(f"{str(output)!r} is no TOML file", advice="end its name in .toml")
    check_place(output, Kind("file of rules", ConfigError), overwrite=overwrite, inputs=inputs(config.source))
    return output


def _unprovable(found: RuleSample, config: RuleSuggestJob) -> ConfigError:
    """Return the error that says why no rows could be held out."""
    rows = found.frame.height
    if rows < FEWEST_TO_HOLD_OUT:
        return ConfigError(f"{rows} rows are too few to find rules in and prove them", advice="use more")
    why = why_none(found.table, found.goal, config)
    return ConfigError(why.rstrip("."), advice="use rows of several, or another --time or --group")


def _of_rules(doubts: Doubts, content: RuleFile, whence: Provenance) -> Doubts:
    """Return what concerns the rules: their columns, and copies on the very rows that they were found on."""
    used = {name for rule in content.rules for name in rule.columns()}
    leaks = tuple(leak for leak in doubts.leaks if not used.isdisjoint(leak.columns))
    return Doubts(leaks, doubts.copies if whence.kind == "same" else None)


def _file(result: Suggestions, found: RuleSample, config: RuleSuggestJob, *, kept_out: list[str]) -> RuleFile:
    rules = tuple(one.rule for one in result.rules)
    measured = {
        one.rule.name: {"train": one.train.to_dict(), "holdout": one.holdout.to_dict(), "p": one.p}
        for one in result.rules
    }
    about = {**({"kept_out": kept_out} if kept_out else {}), **({"known": config.known} if config.known else {})}
    return RuleFile(rules, {**facts(found, config), "tried": result.tested, **about}, measured)


def _scored(
    content: RuleFile, found: RuleSample, whence: Provenance, *, level: float
) -> tuple[list[dict[str, Any]], int]:
    """Measure rules on all rows, or on those held out where they were found on the others; and say how many."""
    rows = np.ones(found.frame.height, dtype=np.bool_)
    if whence.kind == "same" and found.holdout is not None:
        rows = found.holdout
    goal, inside = found.goal.take(rows), [mask[rows] for mask in masks(content.rules, found.frame)]
    ledger = Ledger(before=max(len(content.rules), whence.tried(content.found)))
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
    return scores, int(rows.sum())


def _alike(inside: Mask, others: Sequence[Mask], rules: Sequence[Rule]) -> dict[str, Any] | None:
    found = most_alike(inside, others)
    if found is None or not found[1].jaccard:
        return None
    return {"name": rules[found[0]].name, "jaccard": found[1].jaccard, "inside": found[1].inside}


__all__ = ["score_job", "suggest_job", "worth_job"]
