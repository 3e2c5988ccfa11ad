"""The job behind `explore`: a page as a file, or a page that is served."""

from __future__ import annotations

import sys
import time as clock
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dashboards.explorer.answers import Worth
from dashboards.explorer.view import View
from dashboards.explorer.views.choice import view_for
from dashboards.explorer.writing import KIND, serve, write
from pipelines.jobs.inputs import inputs
from pipelines.jobs.settings import OUTPUT, ExploreJob, filled
from tabkit.config import missing
from tabkit.destination import Kind, check
from tabkit.errors import ConfigError
from tabkit.predicates import Rule
from tabkit.progress import Progress
from tabkit.propensity.ablation.study import worth
from tabkit.roles import Roles
from tabkit.rules import read
from tabkit.rules.given import no_rules

_ROLES = ("target", "id", "time", "group", "weight")
Ready = Callable[[str, dict[str, object]], None]


def explore_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Write a page to explore, or serve it; return what there is to say about it.

    Raises
    ------
    TabkitError
        Of the stage that failed. A place that cannot be written to is refused before any work.
    """
    started = clock.perf_counter()
    config = filled(ExploreJob, values)
    if config.serve:
        return _served(values, progress)
    if not config.output:
        raise missing("output", OUTPUT)
    output = Path(config.output)
    if output.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{str(output)!r} is no page", advice="end its name in .html")
    check(output, KIND, overwrite=overwrite, inputs=inputs(config.source, config.beside, config.rules))
    if config.rules is not None and not Path(config.rules).is_file():
        raise no_rules(config.rules)
    view = view_for(config, progress=progress)
    with progress.task("writing the page", total=1) as advance:
        found = write(view, output, embed_holdout=config.embed_holdout, overwrite=overwrite)
        advance(1)
    return {
        **found,
        "kind": view.kind,
        "goal": view.goals[0].words(),
        "embedded_holdout": config.embed_holdout,
        "given": [{"name": given.rule.name, "text": given.rule.text(), "words": given.words} for given in view.given],
        "warnings": list(view.warnings),
        "notes": list(view.notes),
        "seconds": round(clock.perf_counter() - started, 3),
    }


def _served(values: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Serve a page, and say on standard error where, which can wait for no result; return what it showed."""
    shown: dict[str, Any] = {}

    def ready(url: str, facts: dict[str, object]) -> None:
        shown.update(facts)
        sys.stderr.write(f"Serving {facts['rows']:,} rows to this machine alone. Open {url}\nCtrl-C stops.\n")
        sys.stderr.flush()

    serve_job(values, ready=ready, progress=progress)
    return {"served": True, **shown}


def serve_job(values: Mapping[str, Any], *, ready: Ready, progress: Progress) -> None:
    """Serve a page to explore until Ctrl-C."""
    config = filled(ExploreJob, values)
    saves = Path(config.rules) if config.rules else None
    if saves is not None:
        _check_rules_file(saves, config.source, config.beside)
    view = view_for(config, progress=progress)
    serve(view, saves=saves, worth=_worth(view, config), port=config.port, ready=ready)


def _worth(view: View, config: ExploreJob) -> Worth | None:
    """Return how models with and without a rule are compared; None where there is nothing to predict."""
    if view.kind != "Features" or view.goals[0].kind == "effect":
        return None
    roles = Roles.from_dict({role: name for role, name in config.roles.items() if role in _ROLES})
    excluded = [name for name in config.exclude if name in view.frame.columns]

    def compare(rule: Rule, progress: Progress) -> dict[str, Any]:
        found = worth(
            view.frame,
            rules=[rule],
            roles=roles,
            config={"encoding": {"exclude": excluded, "known": config.known}, "seed": config.seed},
            holdout=view.holdout,
            progress=progress,
        )
        return {"words": " ".join([found.verdict, *found.warnings]), **found.to_dict()}

    return compare


def _check_rules_file(path: Path, source: object, beside: object) -> None:
    if path.suffix != ".toml":
        raise ConfigError(f"{str(path)!r} is no TOML file", advice="end its name in .toml: rules are saved to it")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {str(path.parent)!r}", advice="make it first")
    if path.is_file():
        read(path)  # refuses what is no file of rules; a rule is added to what is one
    check(path, Kind("file of rules", ConfigError, ours=lambda _: True), inputs=inputs(source, beside))
