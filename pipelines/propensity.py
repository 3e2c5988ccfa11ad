"""Who will act: from a table with a target to a model with honest held-out metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.aims import named_objective, target_name, target_of
from pipelines.config import TrainConfig
from pipelines.dividing import check_part, divide, way_of
from pipelines.evaluation import BASE_RATE, LINEAR, MODEL, Evaluation, evaluate, measures_of, resampling
from pipelines.hints import of_model, of_rows, of_rules
from pipelines.intake import knowledge
from pipelines.model import PropensityModel
from pipelines.rows import fit_encoder, keys, labels, with_features
from pipelines.ruled import check_rules, file_of, origin
from pipelines.updating import UpdateReport, update
from tabkit import boosting
from tabkit.boosting import BoostedModel, Rows
from tabkit.config import build
from tabkit.encoding import FittedTable
from tabkit.frames import Source
from tabkit.progress import Progress, Silent
from tabkit.roles import Roles
from tabkit.schema import dtype_name
from tabkit.sketch import Sketch
from tabkit.table import Table, read
from tabkit.target import Target

__all__ = ["PropensityModel", "TrainConfig", "UpdateReport", "load", "train", "update"]


def train(
    source: Source,
    *,
    roles: Roles,
    config: TrainConfig | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> PropensityModel:
    """Fit a model and measure it on rows that it never saw, beside two baselines.

    The newest rows (or random ones without a time role) are held out. On the others the encoder is fitted
    with cross-fitting and trees are grown until a second held-out part stops improving; base rate and a
    linear model are fitted on the same encoding. With ``final="all"``, the default, the saved model is then
    fitted again on all rows with the number of trees found: its metrics are those of the measured twin.

    Parameters
    ----------
    source
        A table with the target: anything that `tabkit.frames.scan` takes. It is read into memory.
    roles
        The target at least. Role columns are never features.
    config
        Settings; a mapping is validated.
    progress
        Is told how far the work is.

    Raises
    ------
    TabkitError
        Of the stage at which the data or the settings cannot be used; see `tabkit.errors`.
    """
    settings = config if isinstance(config, TrainConfig) else build(TrainConfig, config or {})
    shown = progress or Silent()
    name, ruled = target_name(roles, settings.boosting), file_of(settings.rules)
    settings = settings.model_copy(update={"rules": ruled.rules})
    table = read(source, roles, exclude=settings.encoding.exclude, drop_null_target=settings.drop_null_target)
    check_rules(ruled.rules, table, exclude=settings.encoding.exclude)
    target = target_of(table, name, settings)
    settings = named_objective(settings, target)
    with shown.task("training", total=4) as advance:
        parts = _parts(table, target, settings)
        fitted = measured = _fit(parts.fit, parts.stop, target, settings, progress=shown)
        advance(1)
        evaluation = _evaluate(parts, measured, target, settings)
        advance(2)
        if settings.final == "all":
            fitted = _fit_all(table, measured, target, settings, progress=shown)
        advance(1)
    hints = of_rows(parts.fit, parts.test, target, measured.encoder)
    hints += [*of_model(measured.predictor, evaluation, settings.boosting), *of_rules(measured.encoder)]
    lineage = _lineage(table, target, parts, measured.predictor, settings, hints)
    return PropensityModel(
        roles=roles,
        target=target,
        encoder=fitted.encoder,
        predictor=fitted.predictor,
        evaluation=evaluation,
        # places are this machine's own, and rules are in the encoder
        config=settings.model_dump(mode="json", exclude={"source", "output", "rules"}),
        lineage=lineage | ({"rules": origin(ruled)} if ruled.found else {}),
        dtypes={column: dtype_name(table.frame.schema[column]) for column in roles.given().values()},
        seen=None if (found := keys(table)) is None else Sketch.of(found),
    )


def load(path: str | Path) -> PropensityModel:
    """Read a saved model; `BundleError` if it is damaged, of another kind or from a newer version."""
    return PropensityModel.load(path)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """The table in three: to fit on, to stop the growth of trees, to measure on."""

    fit: Table
    stop: Table
    test: Table


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    encoder: FittedTable
    predictor: BoostedModel
    rows: Rows
    """The encoded rows of the fit, for the baselines."""


def _parts(table: Table, target: Target, settings: TrainConfig) -> _Parts:
    rest, test = divide(table, target, share=settings.split.holdout, seed=settings.seed)
    fit, stop = divide(rest, target, share=settings.split.early_stopping, seed=settings.seed + 1)
    for key, part in (("fit", fit), ("stop", stop), ("test", test)):
        check_part(part, target, key)
    return _Parts(fit, stop, test)


def _fit(fit: Table, stop: Table, target: Target, settings: TrainConfig, *, progress: Progress) -> _Fitted:
    encoder, rows = fit_encoder(fit, target, settings)
    held_out = with_features(stop, encoder.transform(stop.frame), target, categorical=encoder.categorical)
    booster = boosting.fit(rows, held_out, config=settings.boosting, classes=target.classes, progress=progress)
    return _Fitted(encoder, booster, rows)


def _fit_all(table: Table, measured: _Fitted, target: Target, settings: TrainConfig, *, progress: Progress) -> _Fitted:
    """Fit on all rows, with the kinds of encoders and the number of trees of the measured twin."""
    encoder, rows = fit_encoder(table, target, settings, like=measured.encoder)
    trees = measured.predictor.trees
    config = settings.boosting.model_copy(update={"max_trees": max(trees, 1)})
    booster = boosting.fit(rows, config=config, classes=target.classes, progress=progress)
    return _Fitted(encoder, replace(booster, trees=min(trees, booster.trees)), rows)


def _evaluate(parts: _Parts, fitted: _Fitted, target: Target, settings: TrainConfig) -> Evaluation:
    test = with_features(parts.test, fitted.encoder.transform(parts.test.frame), target)
    config = settings.boosting
    outputs = len(target.classes) if target.task == "multiclass" else 1
    predictions = {
        MODEL: fitted.predictor.predict(test.features, offset=test.offset, num_threads=config.num_threads),
        LINEAR: boosting.linear(fitted.rows, config=config).predict(test.features, offset=test.offset),
        BASE_RATE: boosting.base_rate(fitted.rows, config=config, classes=outputs).predict(
            test.features, offset=test.offset
        ),
    }
    return evaluate(
        test.y,
        predictions,
        measures=measures_of(settings),
        weight=test.weight,
        span=parts.test.span(),
        how=resampling(parts.test, settings),
    )


def _lineage(
    table: Table, target: Target, parts: _Parts, measured: BoostedModel, settings: TrainConfig, hints: list[str]
) -> dict[str, Any]:
    """Say where the model comes from; ``measured`` is the twin that the metrics belong to."""
    used = table if settings.final == "all" else parts.fit
    y, weight = labels(used, target), used.numbers("weight")
    counts = {label: int((y == k).sum()) for k, label in enumerate(target.classes)}
    spans = {"span": used, "span_early_stopping": parts.stop, "span_holdout": parts.test}
    return {
        "parent": None,
        "strategy": "train",
        "split": way_of(table, target),
        "source": table.short_name,
        "rows": used.frame.height,
        **{name: list(found) if (found := part.span()) else None for name, part in spans.items()},
        "target_mean": None if target.task == "multiclass" else float(np.average(y, weights=weight)),
        "known": knowledge(used, target),
        "class_rows": counts or None,
        "weight_mean": table.weight_mean,
        "rows_fit": parts.fit.frame.height,
        "rows_early_stopping": parts.stop.frame.height,
        "rows_holdout": parts.test.frame.height,
        "rows_dropped": dict(table.dropped),
        "hints": hints,
        "measured": {
            "trees": measured.trees,
            "base_score": list(measured.base_score),
            "held_out_loss": measured.held_out_loss,
            "base_loss": measured.base_loss,
        },
    }
