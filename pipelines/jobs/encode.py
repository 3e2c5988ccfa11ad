"""The job behind `tabkit encode`: a table in, features out, with the encoder that made them."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.jobs.inputs import inputs
from pipelines.jobs.settings import EncodeJob
from tabkit import frames, marks
from tabkit.bundle import check_place
from tabkit.config import settings_of
from tabkit.destination import check
from tabkit.encoding import FittedTable
from tabkit.encoding.specification import table_encoder
from tabkit.encoding.table.saved import load, save
from tabkit.errors import ConfigError, ScoringError
from tabkit.leaks import Leak
from tabkit.leaks.asked import asked, leaks_of
from tabkit.progress import Progress, Silent
from tabkit.roles import Roles, RolesLike
from tabkit.rules.features import check_rules, rules_of
from tabkit.scoring import write
from tabkit.scoring.files import plan_outputs
from tabkit.table import Table, read
from tabkit.target import infer

_FIT, _APPLY = "encode", "encode --encoder"


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTable:
    """A table with its features.

    Parameters
    ----------
    encoder
        The fitted encoder.
    frame
        The columns that have a role, then the features: out of fold.
    table
        What was read.
    leaks
        Columns that tell the target too well to be known before it.
    """

    encoder: FittedTable
    frame: pl.DataFrame
    table: Table
    leaks: tuple[Leak, ...] = ()


def encode(
    source: frames.Source, *, roles: RolesLike, config: EncodeJob | Mapping[str, Any] | None = None
) -> EncodedTable:
    """Fit an encoder on a table and encode its own rows **out of fold**, as a model must be trained on them.

    Columns with a role are carried along and make no features. With a time role rows are encoded by earlier ones
    only, else with a group role by other groups; a treatment role encodes the target for each of its arms.

    Raises
    ------
    TabkitError
        Of the stage that failed.
    """
    roles, settings = Roles.of(roles), settings_of(EncodeJob, config)
    if roles.exposure is not None:
        raise ConfigError(
            f"exposure {roles.exposure!r} is given: only `train` encodes rates",
            advice="divide the target by it and pass it as the weight, or leave it out",
        )
    table = read(source, roles, exclude=settings.encoding.exclude, drop_null_target=settings.drop_null_target)
    role_columns, rules = roles.given(), rules_of(settings.rules)
    check_rules(rules, table, exclude=settings.encoding.exclude)
    target = None if roles.target is None else infer(table.frame, roles.target, what=table.name)
    encoder, features = table_encoder(settings.encoding, seed=settings.seed, rules=rules).fit_transform(
        table.frame,
        target=target,
        exclude=[column for column in role_columns.values() if column != roles.target],
        weight=roles.weight,
        arms=roles.treatment,
        groups=roles.group,
        time=roles.time,
    )
    columns, known = encoder.schema.names(), settings.encoding.known
    leaks = () if target is None else leaks_of(table, target, columns, known=known)
    return EncodedTable(encoder, _beside(table.frame.select(role_columns.values()), features), table, leaks)


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
        "rows": encoded.frame.height,
        "features": len(encoded.encoder.outputs),
        "out_of_fold": any(getattr(part.spec, "uses_target", False) for part in encoded.encoder.parts),
        "rows_dropped": dict(encoded.table.dropped),
        "warnings": asked(encoded.leaks, "settings"),
        "plan": encoded.encoder.plan().to_dicts(),
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


def _beside(roles: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    clash = [name for name in features.columns if name in roles.columns]
    if clash:
        raise ConfigError(
            f"features are called like columns with a role: {', '.join(map(repr, clash))}", advice="rename the columns"
        )
    return pl.concat([roles, features], how="horizontal")
