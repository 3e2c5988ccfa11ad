"""The job behind `tabkit encode`: a table in, features out, with the encoder that made them."""

from __future__ import annotations

import time as clock
from pathlib import Path
from typing import Any

from pipelines.jobs.inputs import inputs
from pipelines.jobs.settings import EncodeJob
from tabkit import frames, marks
from tabkit.bundle import check_place
from tabkit.destination import check
from tabkit.encoding.table.saved import load, save
from tabkit.errors import ConfigError, ScoringError
from tabkit.predictors import encode
from tabkit.progress import Progress, Silent
from tabkit.roles import Roles
from tabkit.scoring import write
from tabkit.scoring.files import plan_outputs

_FIT, _APPLY = "encode", "encode --encoder"


def encode_files(config: EncodeJob, *, overwrite: bool, progress: Progress | None = None) -> dict[str, Any]:
    """Encode files: fit on them, or with the encoder of a bundle; return what there is to say about it."""
    started = clock.perf_counter()
    roles = Roles.from_dict(config.roles)
    if config.output is None and config.save is None:
        raise ConfigError(
            "nothing is to be written", advice="name the encoded table with -o, or the encoder with --save"
        )
    if config.save is not None:
        used = inputs(config.source, config.rules, config.output)
        check_place(config.save, overwrite=overwrite, inputs=used)
    run = _fit_files if config.encoder is None else _apply_files
    found = run(config, roles, overwrite=overwrite, progress=progress or Silent())
    return {**found, "seconds": round(clock.perf_counter() - started, 3)}


def _fit_files(config: EncodeJob, roles: Roles, *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    output = None if config.output is None else _output(config, made_by=_FIT, overwrite=overwrite)
    with progress.task("fitting encoders", total=1) as advance:
        encoded = encode(config.source or [], roles=roles, config=config)
        advance(1)
    if output is not None:
        write([encoded.frame.lazy()], [output], sources=[encoded.table.name], made_by=_FIT)
    checksum = None
    if config.save is not None:
        content = {"roles": roles.given(), "config": config.model_dump(mode="json", exclude={"rules"})}
        checksum = save(encoded.encoder.slim(), config.save, content=content, overwrite=overwrite)
    return {
        "output": None if output is None else str(output),
        "saved": config.save,
        "checksum": checksum,
        **encoded.to_dict(),
        "rates": None,
    }


def _apply_files(config: EncodeJob, roles: Roles, *, overwrite: bool, progress: Progress) -> dict[str, Any]:
    if config.encoder is None or config.output is None or config.save is not None:
        raise ConfigError("with --encoder, new rows are encoded into -o, and nothing is fitted or saved")
    encoder = load(config.encoder)
    name = frames.describe(config.source or [])
    rows = frames.scan(config.source or [], dtypes=encoder.schema.dtypes())
    features, seen = encoder.transform_with_rates(rows, keep=roles.given().values())
    output = _output(config, made_by=_APPLY, columns=features.collect_schema().names(), overwrite=overwrite)
    with progress.task("encoding", total=1) as advance:
        write([features], [output], sources=[name], made_by=_APPLY)
        rates = frames.collect(seen, what=name)
        advance(1)
    return {
        "output": str(output),
        "saved": None,
        "checksum": None,
        "rows": int(rates["rows"][0]) if rates.height else 0,
        "features": len(encoder.outputs),
        "out_of_fold": False,
        "rows_dropped": {},
        "warnings": [],
        "plan": encoder.plan().to_dicts(),
        "rates": rates.to_dicts(),
    }


def _output(config: EncodeJob, *, made_by: str, columns: list[str] | None = None, overwrite: bool) -> Path:
    output = str(config.output)
    [plan, *others] = plan_outputs(frames.files(config.source or []), output)
    if others or plan.path.suffix == "" or output.endswith("/"):
        raise ScoringError(f"{output!r} is a folder: features go to one file", advice="name a file: -o encoded.parquet")
    used, outside = inputs(config.source, config.rules, config.encoder), [] if config.save is None else [config.save]
    check(plan.path, marks.table(made_by, columns), overwrite=overwrite, inputs=used, outside=outside)
    return plan.path
