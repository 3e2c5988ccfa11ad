"""The jobs behind the `rules` commands: settings in, plain data out."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboards.kit.outputs import check_page
from dashboards.reports.comparison import of_rules
from dashboards.reports.comparison import write as write_page
from pipelines.jobs.inputs import inputs
from pipelines.jobs.settings import AblationJob, RuleScoreJob, RuleSuggestJob, filled
from tabkit.destination import Kind
from tabkit.destination import check as check_place
from tabkit.errors import ConfigError
from tabkit.predicates import check
from tabkit.progress import Progress
from tabkit.propensity.ablation.found_rows import judged_rows
from tabkit.propensity.ablation.study import worth
from tabkit.rules import read, write
from tabkit.rules.discovery import suggest
from tabkit.rules.doubts import doubts_of, without_copies
from tabkit.rules.features import load_rules, origin
from tabkit.rules.provenance import aimed_like, file_of, provenance
from tabkit.rules.sample import aimed, unprovable
from tabkit.rules.scoring import judging_rows, scored, verdict


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
        raise unprovable(sample, config)
    doubts = doubts_of(sample, sample.columns, known=config.known)
    result = suggest(
        sample.frame,
        sample.goal,
        columns=[name for name in sample.columns if name not in doubts.kept_out],
        holdout=sample.holdout,
        config=config.search,
        progress=progress,
    )
    write(output, file_of(result, sample, config, kept_out=sorted(doubts.kept_out)))
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
        doubts = doubts_of(sample, list(shown), known=config.known)
        scores = scored(content, sample, whence, doubts, level=config.level)
        advance(1)
    return {
        "rules": path,
        "goal": sample.goal.words(),
        "kind": sample.goal.kind,
        "rows": int(judging_rows(sample, whence).sum()),
        "level": config.level,
        "provenance": whence.kind,
        "overlap": whence.overlap,
        "scores": scores,
        "warnings": doubts.about(content.rules, copied=whence.kind == "same").warnings(sought=False),
        "notes": [whence.note, *sample.dropped_notes],
        "seconds": round(clock.perf_counter() - started, 3),
    }


def worth_job(values: Mapping[str, Any], *, overwrite: bool = False, progress: Progress) -> dict[str, Any]:
    """Compare models with and without the rules of a file; return what there is to say about it."""
    started = clock.perf_counter()
    config = filled(AblationJob, values)
    if config.report is not None:
        check_page(config.report, "rules worth", overwrite=overwrite, inputs=inputs(config.rules, config.source))
    ruled = load_rules(config.rules)
    rows = judged_rows(ruled, config.source, roles=config.roles, config=config)
    result = worth(
        rows.source, rules=ruled.rules, roles=rows.roles, config=rows.config, holdout=rows.holdout, progress=progress
    )
    seconds = round(clock.perf_counter() - started, 3)
    told = {**result.to_dict(), "roles": rows.roles.given(), "found": origin(ruled), "page": config.report}
    if config.report is not None:
        write_page(of_rules(told), config.report, made_by="rules worth")
    return {**told, "seconds": seconds}


def _output(config: RuleSuggestJob, *, overwrite: bool) -> Path:
    """Return where to write, which is refused before any work."""
    output = Path(config.output)
    if output.suffix != ".toml":
        raise ConfigError(f"{str(output)!r} is no TOML file", advice="end its name in .toml")
    check_place(output, Kind("file of rules", ConfigError), overwrite=overwrite, inputs=inputs(config.source))
    return output


__all__ = ["score_job", "suggest_job", "worth_job"]
