"""The jobs behind the `uplift` commands: settings in, plain data out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboards.kit.outputs import check_page
from dashboards.reports import uplift as uplift_page
from pipelines.jobs.inputs import inputs
from pipelines.jobs.settings import UpliftReportJob, UpliftTrainJob, UpliftUpdateJob, filled
from tabkit.bundle import check_place
from tabkit.extras import can_draw
from tabkit.progress import Progress
from tabkit.roles import Roles
from tabkit.untrusted.manifest import building
from tabkit.uplift.training import load, train, update


def train_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Train and save an uplift model; return what there is to say about it.

    Raises
    ------
    TabkitError
        Of the stage that failed. A place that cannot be written to, or that holds a bundle already, is refused before
        any work.
    """
    started = time.perf_counter()
    config = filled(UpliftTrainJob, values)
    source, output = config.source, config.output
    check_place(output, overwrite=overwrite, inputs=inputs(source))
    _check_page(config.report, output, overwrite=overwrite, inputs=inputs(source))
    model = train(source, roles=Roles.from_dict(config.roles), config=config, progress=progress)
    checksum = model.save(output, overwrite=overwrite)
    if config.report is not None:
        uplift_page.write(model, config.report, overwrite=overwrite)
    return {
        "bundle": output,
        "checksum": checksum,
        **model.summary(),
        "page": config.report,
        "seconds": round(time.perf_counter() - started, 3),
    }


def report_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:  # noqa: ARG001
    """Write the trust report of a saved model as a page; return its summary."""
    config = filled(UpliftReportJob, values)
    bundle = config.bundle
    model = load(bundle)
    place = config.report or (str(_beside(bundle)) if can_draw() else None)
    with building("its report"):
        if place is not None:
            uplift_page.write(model, place, overwrite=overwrite)
        return {"bundle": bundle, "page": place, **model.summary(), "report": dict(model.evaluation)}


def update_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Bring a saved model up to date and save the new one; return what there is to say about it."""
    started = time.perf_counter()
    config = filled(UpliftUpdateJob, values)
    bundle, source, output = config.bundle, config.source, config.output
    check_place(output, overwrite=overwrite, inputs=inputs(bundle, source))
    _check_page(config.report, output, overwrite=overwrite, inputs=inputs(bundle, source))
    model, report = update(load(bundle), source, strategy=config.strategy, progress=progress)
    checksum = model.save(output, overwrite=overwrite)
    if config.report is not None:
        uplift_page.write(model, config.report, overwrite=overwrite)
    return {
        "bundle": output,
        "checksum": checksum,
        "parent": {"bundle": bundle, "checksum": model.lineage["parent"]},
        **report.to_dict(),
        **model.summary(),
        "page": config.report,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _check_page(page: str | None, bundle: str, *, overwrite: bool, inputs: list[str]) -> None:
    """Refuse a page before any work, if it could not be written."""
    if page is not None:
        check_page(page, "uplift report", overwrite=overwrite, inputs=inputs, outside=[bundle])


def _beside(bundle: str) -> Path:
    """Return the page's place: the bundle's name with ``.html`` behind it."""
    path = Path(bundle) if Path(bundle).name not in ("", "..") else Path(bundle).resolve()
    return path.with_name(f"{path.name}.html")
