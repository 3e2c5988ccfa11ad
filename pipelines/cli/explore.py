"""The `tabkit explore` command: a page as a file, or a page that is served until Ctrl-C."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from pipelines.jobs.explore import explore_job, serve_job
from pipelines.jobs.settings import ExploreJob, filled
from tabkit.progress import Progress


def explore(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Write a page, or serve it and say where; return what there is to say about it."""
    if not filled(ExploreJob, values).serve:
        return explore_job(values, overwrite=overwrite, progress=progress)
    shown: dict[str, Any] = {}

    def ready(url: str, facts: dict[str, object]) -> None:
        shown.update(facts)
        typer.echo(f"Serving {facts['rows']:,} rows to this machine alone. Open {url}", err=True)
        typer.echo("Ctrl-C stops.", err=True)

    serve_job(values, ready=ready, progress=progress)
    return {"served": True, **shown}
