"""The jobs behind the commands: settings in, plain data out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dashboards.kit.outputs import check_page
from dashboards.reports.comparison import of_models
from dashboards.reports.comparison import write as write_comparison
from dashboards.reports.learning_curve import check_curve, draw_curve
from dashboards.reports.update import write as write_page
from pipelines.jobs.encode import encode_files
from pipelines.jobs.inputs import inputs
from pipelines.jobs.settings import OUTPUT, CompareJob, EncodeJob, ScoreJob, TrainJob, UpdateJob, filled
from tabkit.bundle import check_place, read
from tabkit.config import missing
from tabkit.progress import Progress
from tabkit.propensity.comparison import comparison
from tabkit.propensity.model import KIND as PROPENSITY
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.training import load, train, update
from tabkit.roles import Roles
from tabkit.scoring.files import score_files
from tabkit.uplift.model import KIND as UPLIFT
from tabkit.uplift.model import UpliftModel


def train_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Train and save a model; return what there is to say about it.

    Raises
    ------
    TabkitError
        Of the stage that failed. A place that cannot be written to, or that holds a bundle already, is
        refused before any work.
    """
    started = time.perf_counter()
    config = filled(TrainJob, values)
    source, output = config.source, config.output
    if not (output or config.compare):
        raise missing("output", OUTPUT)
    if output is not None:
        check_place(output, overwrite=overwrite, inputs=inputs(source, config.rules))
    if config.curve is not None:
        read_too = inputs(source, config.rules)
        check_curve(config.curve, model=config.model, bundle=output, inputs=read_too, overwrite=overwrite)
    if config.report is not None:
        outside = [output] if output else []
        check_page(config.report, "report", overwrite=overwrite, inputs=inputs(source, config.rules), outside=outside)
    if output is None:
        config = config.model_copy(update={"final": "evaluated"})  # nobody will have the model of all rows
    model = train(source, roles=Roles.from_dict(config.roles), config=config, progress=progress)
    checksum = None if output is None else model.save(output, overwrite=overwrite)
    if config.curve is not None:
        draw_curve(model, config.curve, overwrite=overwrite)
    if config.report is not None:
        model.report(config.report, overwrite=overwrite)
    return {
        "bundle": output,
        "checksum": checksum,
        "model": config.model,
        "compared": config.compare,
        "curve": config.curve,
        "page": config.report,
        "roles": model.roles.given(),
        "target": model.target.to_dict(),
        "objective": model.predictor.objective,
        "metrics": model.evaluation.to_dict(),
        "final": config.final,
        **model.learner.sizes(model.predictor),
        "split": model.lineage["split"],
        "rows": model.lineage["rows"],
        **{key: model.lineage[key] for key in ("rows_dropped", "target_mean", "class_rows", "hints")},
        "copies": model.lineage.get("copies"),
        "left_out": {e.column: e.why for e in model.encoder.encoders if not e.outputs},
        "seconds": round(time.perf_counter() - started, 3),
    }


def score_job(values: Mapping[str, Any], *, overwrite: bool = False, progress: Progress) -> dict[str, Any]:
    """Score files with a saved model; return what there is to say about it."""
    config = filled(ScoreJob, values)
    report = score_files(
        model_of(config.bundle),
        config.source,
        config.output,
        contributions=config.contributions,
        keep=config.keep,
        overwrite=overwrite,
        progress=progress,
    )
    return {"bundle": config.bundle, **report.to_dict()}


def model_of(path: str) -> PropensityModel | UpliftModel:
    """Read the model of a bundle that can score; `BundleError` if it is of another kind."""
    found = read(path, kinds=[PROPENSITY, UPLIFT])
    return UpliftModel.from_bundle(found) if found.manifest["kind"] == UPLIFT else PropensityModel.from_bundle(found)


def update_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Bring a saved model up to date and save the new one; return what there is to say about it."""
    started = time.perf_counter()
    config = filled(UpdateJob, values)
    path, source = config.bundle, config.source
    output = config.output or f"{str(path).rstrip('/')}-updated"
    used = inputs(path, source, config.reference)
    check_place(output, overwrite=overwrite, inputs=used)
    if config.report is not None:
        check_page(config.report, "update", overwrite=overwrite, inputs=used, outside=[output])
    model, report = update(load(path), source, reference=config.reference, config=config, progress=progress)
    checksum = model.save(output, overwrite=overwrite)
    if config.report is not None:
        write_page(model, config.report, overwrite=overwrite)
    return {
        "bundle": output,
        "checksum": checksum,
        "parent": {"bundle": path, "checksum": model.lineage["parent"]},
        **report.to_dict(),
        **model.learner.sizes(model.predictor),
        "page": config.report,
        "seconds": round(time.perf_counter() - started, 3),
    }


def encode_job(values: Mapping[str, Any], *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    """Encode files; return what there is to say about it."""
    return encode_files(filled(EncodeJob, values), overwrite=overwrite, progress=progress)


def compare_job(
    values: Mapping[str, Any],
    *,
    overwrite: bool = False,
    progress: Progress,  # noqa: ARG001  as every job
) -> dict[str, Any]:
    """Measure two models on the same rows; return what there is to say about it."""
    config = filled(CompareJob, values)
    if config.report is not None:
        used = inputs(config.first, config.second, config.source)
        check_page(config.report, "compare", overwrite=overwrite, inputs=used)
    result = comparison(config.first, config.second, config.source)
    if config.report is not None:
        write_comparison(of_models(result), config.report, made_by="compare")
    return {**result, "page": config.report}
