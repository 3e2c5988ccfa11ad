"""Compare two models on the same rows: their metrics, and the paired difference with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tabkit.errors import ConfigError
from tabkit.frames import Source, collect, describe, scan
from tabkit.leaks.asked import asked, leaks_of
from tabkit.predictors.features import keys, with_features
from tabkit.predictors.stored import refused_by_now, stored
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.evaluation import MODEL, Evaluation, evaluate, measures_of, resampling
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.new_rows import read_rows
from tabkit.table import Table, labels

OTHER = "other"
_A_FEW = 0.01  # share of rows that a comparison may lose without a remark


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
    training = stored(TrainConfig, b.config)
    dtypes = {**a.known_dtypes(), **b.known_dtypes()}
    # Read once, so that both models see the same rows in the same order.
    frame = collect(scan(source, dtypes=dtypes), what=describe(source))
    other, table = (read_rows(model, frame, drop_null_target=True) for model in (a, b))
    y = labels(table, b.target)
    return evaluate(
        y,
        {MODEL: _predict(b, table), OTHER: _predict(a, other)},
        measures=measures_of(training),
        weight=table.numbers("weight"),
        span=table.span(),
        how=resampling(table, training),
        ranked=OTHER,
    )


def comparison(a: str | Path, b: str | Path, source: Source) -> dict[str, Any]:
    """Compare two bundles; return plain data: both names, the evaluation, and a sentence."""
    models = {str(path): PropensityModel.load(path) for path in (a, b)}
    found = compare(models[str(a)], models[str(b)], source)
    return {
        "a": str(a),
        "b": str(b),
        **asdict(found),
        "verdict": _verdict(found, str(a), str(b)),
        "warnings": _warnings(models, source),
    }


def _warnings(models: Mapping[str, PropensityModel], source: Source) -> list[str]:
    """Say what flatters a model on these rows: that it was fitted on them, or a column that tells the target."""
    seen, told = [], []
    for name, model in models.items():
        table = read_rows(model, source, drop_null_target=True)
        seen += [*_seen(name, model, table), *refused_by_now(model.config, what=name)]
        columns, known = model.encoder.schema.names(), stored(TrainConfig, model.config).encoding.known
        told += asked(leaks_of(table, model.target, columns, known=known), "model")
    return [*dict.fromkeys(told), *seen]


def _seen(name: str, model: PropensityModel, table: Table) -> list[str]:
    """Say which share of the rows a model was fitted on: on those it looks better than it is."""
    found = keys(table) if model.seen is not None else None
    share = model.seen.overlap(found) if model.seen is not None and found is not None else 0.0
    return (
        [f"{name} was fitted on about {share:.0%} of these rows: it looks better than it is."] if share > 0.01 else []
    )


def _verdict(found: Evaluation, a: str, b: str) -> str:
    said = found.verdict().replace("the other", a)
    return said.replace("held-out rows the model", f"rows {b}")


def named(row: Mapping[str, Any], a: str, b: str) -> str:
    """Return the bundle that a row of scores belongs to."""
    name: str = row["model"]
    return {MODEL: b, OTHER: a}.get(name, name)


def _predict(model: PropensityModel, table: Table) -> Any:
    rows = with_features(table, model.encoder.transform(table.frame), model.target)
    return model.predictor.predict(rows.features, offset=rows.offset)
