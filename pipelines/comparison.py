"""Two models on the same rows: their metrics, and the paired difference with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.config import TrainConfig
from pipelines.evaluation import MODEL, Evaluation, evaluate, measures_of, resampling
from pipelines.model import PropensityModel
from pipelines.rows import labels, with_features
from tabkit.config import build
from tabkit.errors import ConfigError
from tabkit.frames import Source
from tabkit.table import Table, read

OTHER = "other"


def compare(a: PropensityModel, b: PropensityModel, source: Source) -> Evaluation:
    """Measure two models on the same rows, which neither should have seen; rows without a target are left out.

    The scores are those of `b` (called ``model``) and `a` (``other``); the gains are those of `b` over `a`, in the loss
    and, where there is one, in AUC: whole groups or days are drawn, as in training.

    Raises
    ------
    ConfigError
        If the two predict different targets.
    TabkitError
        If the rows do not fit one of them.
    """
    if a.target != b.target:
        raise ConfigError(
            f"the models predict different targets: {a.target.name!r} ({a.target.task}, {list(a.target.classes)}) and "
            f"{b.target.name!r} ({b.target.task}, {list(b.target.classes)})",
            advice="compare models of one target",
        )
    training = build(TrainConfig, dict(b.config))
    table = read(source, b.roles, exclude=(), drop_null_target=True)
    b.target.check(table.frame, what=table.name)
    y = labels(table, b.target)
    return evaluate(
        y,
        {MODEL: _predict(b, table), OTHER: _predict(a, table)},
        measures=measures_of(training),
        weight=table.numbers("weight"),
        span=table.span(),
        how=resampling(table, training),
        ranked=OTHER,
    )


def comparison(a: str | Path, b: str | Path, source: Source) -> dict[str, Any]:
    """Compare two bundles; return plain data: both names, the evaluation, and a sentence."""
    found = compare(PropensityModel.load(a), PropensityModel.load(b), source)
    return {"a": str(a), "b": str(b), **asdict(found), "verdict": _verdict(found, str(a), str(b))}


def _verdict(found: Evaluation, a: str, b: str) -> str:
    said = found.verdict().replace("the other", a)
    return said.replace("held-out rows the model", f"rows {b}")


def named(row: Mapping[str, Any], a: str, b: str) -> str:
    """Return the bundle that a row of scores belongs to."""
    name: str = row["model"]
    return {MODEL: b, OTHER: a}.get(name, name)


def _predict(model: PropensityModel, table: Table) -> Any:
    model.encoder.schema.check(table.frame.schema)
    rows = with_features(table, model.encoder.transform(table.frame), model.target)
    return model.booster.predict(rows.features, offset=rows.offset)
