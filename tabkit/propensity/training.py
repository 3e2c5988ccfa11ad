"""Train a propensity model on a table with a target, and measure it on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit import boosting
from tabkit.boosting import Rows
from tabkit.config import settings_of
from tabkit.encoding import FittedTable
from tabkit.errors import FitError
from tabkit.fingerprint import RowSample
from tabkit.frames import Source
from tabkit.leaks.copied_rows import copies_of
from tabkit.leaks.copies import Copies
from tabkit.predictors.features import fit_encoder, keys, with_features
from tabkit.predictors.protocol import Predictor
from tabkit.predictors.registry import LEARNERS, learner_of
from tabkit.progress import Progress, Silent
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.evaluation import BASE_RATE, LINEAR, MODEL, Evaluation, evaluate, measures_of, resampling
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.new_rows import training_summary
from tabkit.propensity.parts import check_part, divide, of_shares, way_of
from tabkit.propensity.target import resolve_objective, target_name, target_of, understood
from tabkit.propensity.updating.update import UpdateReport, update
from tabkit.propensity.warnings import of_copies, of_leaks, of_model, of_refit, of_rows, of_rules
from tabkit.roles import Roles, RolesLike
from tabkit.rules.features import check_rules, load_rules, origin
from tabkit.schema import dtype_name
from tabkit.table import Table, labels, read
from tabkit.target import TargetColumn

__all__ = ["PropensityModel", "TrainConfig", "UpdateReport", "load", "train", "update"]


def train(
    source: Source,
    *,
    roles: RolesLike,
    config: TrainConfig | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> PropensityModel:
    """Fit a propensity model, and measure it on held-out rows beside two baselines.

    The newest rows (or random ones without a time role) are held out. On the others the encoder is fitted
    with cross-fitting, and trees are grown (or a network is trained) until a second held-out part stops improving;
    base rate and the linear model are fitted on the encoding for trees. With ``compare`` the other learners are
    measured too, each on its own encoding. With ``final="all"``, the default, the saved model is then fitted again on
    all rows with the number of trees (or epochs) found: its metrics are those of the measured twin.

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
    roles, settings = Roles.of(roles), settings_of(TrainConfig, config)
    shown = progress or Silent()
    for each in _learners(settings):
        LEARNERS[each].check_there(settings)
    name, ruled = target_name(roles, settings.boosting), load_rules(settings.rules)
    settings = settings.model_copy(update={"rules": ruled.rules})
    table = read(source, roles, exclude=settings.encoding.exclude, drop_null_target=settings.drop_null_target)
    check_rules(ruled.rules, table, exclude=settings.encoding.exclude)
    target = target_of(table, name, settings)
    about = understood(table, target, settings)
    settings = resolve_objective(settings, target)
    with shown.task("training", total=4) as advance:
        parts = _parts(table, target, settings)
        tried = _tried(parts, target, settings, progress=shown)
        fitted = measured = tried[settings.model]
        advance(1)
        evaluation = replace(_evaluate(parts, tried, target, settings), about=about)
        copied = _copied(parts, tried, target, settings)
        advance(2)
        if settings.final == "all":
            fitted = _fit_all(table, measured, target, settings, progress=shown)
        advance(1)
    warnings = of_leaks(table, target, measured.encoder, known=settings.encoding.known)
    warnings += [of_copies(copied.copies, copied.others)] if copied else []
    warnings += _of_shares(table, target, parts, settings)
    warnings += of_rows(parts.fit, parts.test, target, measured.encoder)
    warnings += [*of_model(measured.predictor, evaluation, settings), *of_rules(measured.encoder)]
    if fitted is not measured:
        warnings += of_refit(fitted.predictor)
    lineage = _lineage(table, target, parts, measured.predictor, settings, warnings)
    return PropensityModel(
        roles=roles,
        target=target,
        encoder=fitted.encoder,
        predictor=fitted.predictor,
        evaluation=evaluation,
        # devices are this machine's own, and rules are in the encoder
        config=settings.model_dump(
            mode="json",
            include=set(TrainConfig.model_fields),  # a job's settings may hold more
            exclude={"rules": True, "compare": True, "neural": {"device"}},
        ),
        lineage=lineage
        | ({"rules": origin(ruled)} if ruled.found else {})
        | ({"copies": copied.to_dict()} if copied else {}),
        dtypes={column: dtype_name(table.frame.schema[column]) for column in roles.given().values()},
        refused_rows=table.refused,
        seen=None if (found := keys(table)) is None else RowSample.of(found),
    )


def load(path: str | Path) -> PropensityModel:
    """Read a saved model, in the process that uses it: a fork of one that has loaded raises at once.

    Raises
    ------
    BundleError
        If it is damaged, of another kind or from a newer version.
    ForkError
        If this process was forked from one that had computed; see `tabkit.forked`.
    """
    return PropensityModel.load(path)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """The table in three: to fit on, to stop the growth of trees, to measure on; and the first two together."""

    fit: Table
    stop: Table
    test: Table
    rest: Table


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    encoder: FittedTable
    predictor: Predictor
    rows: Rows
    """The encoded rows of the fit, for the baselines."""


@dataclass(frozen=True, slots=True, eq=False)
class _Copied:
    """Copies among the held-out rows, and the metrics of the others; None where these are too few."""

    copies: Copies
    others: Evaluation | None

    def to_dict(self) -> dict[str, Any]:
        others = None if self.others is None else self.others.to_dict()
        return {"share": self.copies.share, "by_chance": self.copies.expected, "metrics_of_others": others}


def _parts(table: Table, target: TargetColumn, settings: TrainConfig) -> _Parts:
    rest, test = divide(table, target, share=settings.split.holdout, seed=settings.seed)
    fit, stop = divide(rest, target, share=settings.split.early_stopping, seed=settings.seed + 1, whole=False)
    for key, part in (("fit", fit), ("stop", stop), ("test", test)):
        check_part(part, target, key)
    return _Parts(fit, stop, test, rest)


def _of_shares(table: Table, target: TargetColumn, parts: _Parts, settings: TrainConfig) -> list[str]:
    shares = settings.split
    named = {
        "are held out": (parts.test, table, shares.holdout),
        "before them end the fit early": (parts.stop, parts.rest, shares.early_stopping),
    }
    return of_shares(table, target, named)


def _learners(settings: TrainConfig) -> list[str]:
    """Return the model's own learner, then the linear one, or all others where they shall be compared."""
    return [
        settings.model,
        *(name for name in LEARNERS if name != settings.model and (settings.compare or name == LINEAR)),
    ]


def _tried(parts: _Parts, target: TargetColumn, settings: TrainConfig, *, progress: Progress) -> dict[str, _Fitted]:
    """Fit each learner; those that see columns alike share an encoder."""
    encoded: dict[bool, tuple[FittedTable, Rows, Rows]] = {}
    tried = {}
    for name in _learners(settings):
        learner = LEARNERS[name]
        if learner.embeds not in encoded:
            encoder, rows = fit_encoder(parts.fit, target, settings, learner=name)
            features = encoder.transform(parts.stop.frame)
            held_out = with_features(parts.stop, features, target, categorical=encoder.categorical)
            encoded[learner.embeds] = encoder, rows, held_out
        encoder, rows, held_out = encoded[learner.embeds]
        predictor = learner.fit(rows, held_out, settings=settings, classes=target.classes, progress=progress)
        tried[name] = _Fitted(encoder, predictor, rows)
    return tried


def _fit_all(
    table: Table, measured: _Fitted, target: TargetColumn, settings: TrainConfig, *, progress: Progress
) -> _Fitted:
    """Fit on all rows, with the kinds of encoders of the measured twin, and as far as it went."""
    encoder, rows = fit_encoder(table, target, settings, learner=settings.model, like=measured.encoder)
    learner, twin, classes = LEARNERS[settings.model], measured.predictor, target.classes
    predictor = learner.fit_again(twin, rows, settings=settings, classes=classes, progress=progress)
    return _Fitted(encoder, predictor, rows)


def _evaluate(parts: _Parts, tried: Mapping[str, _Fitted], target: TargetColumn, settings: TrainConfig) -> Evaluation:
    config, outputs = settings.boosting, len(target.classes) if target.task == "multiclass" else 1
    predictions = {
        MODEL if name == settings.model else LEARNERS[name].title: _predict(fitted, parts.test, target, settings)
        for name, fitted in tried.items()
    }
    others = [name for name in predictions if name != MODEL]
    constant = boosting.base_rate(tried[LINEAR].rows, config=config, classes=outputs)
    test = with_features(parts.test, tried[LINEAR].encoder.transform(parts.test.frame), target)
    predictions[BASE_RATE] = constant.predict(test.features, offset=test.offset)
    return evaluate(
        test.y,
        predictions,
        measures=measures_of(settings),
        weight=test.weight,
        span=parts.test.span(),
        how=resampling(parts.test, settings),
        ranked=next(iter(others), LINEAR) if settings.model == LINEAR else LINEAR,
    )


def _copied(parts: _Parts, tried: Mapping[str, _Fitted], target: TargetColumn, settings: TrainConfig) -> _Copied | None:
    """Look for held-out rows that are copies of rows of the fit, and measure all models on the others."""
    learned = replace(parts.fit, frame=parts.fit.frame.vstack(parts.stop.frame))
    columns = tried[settings.model].encoder.schema.names()
    classes = target.task != "regression"
    copies = copies_of(learned, parts.test, target=target.name, classes=classes, columns=columns)
    if copies is None:
        return None
    others = replace(parts.test, frame=parts.test.frame.filter(~copies.copied))
    try:
        check_part(others, target, "test")
        return _Copied(copies, _evaluate(replace(parts, test=others), tried, target, settings))
    except FitError:
        return _Copied(copies, None)


def _predict(fitted: _Fitted, table: Table, target: TargetColumn, settings: TrainConfig) -> NDArray[np.float64]:
    rows = with_features(table, fitted.encoder.transform(table.frame), target)
    threads = learner_of(fitted.predictor).threads(settings)
    return fitted.predictor.predict(rows.features, offset=rows.offset, num_threads=threads)


def _lineage(
    table: Table, target: TargetColumn, parts: _Parts, measured: Predictor, settings: TrainConfig, warnings: list[str]
) -> dict[str, Any]:
    """Say where the model comes from; ``measured`` is the twin that the metrics belong to."""
    used = table if settings.final == "all" else parts.fit
    y, weight = labels(used, target), used.numbers("weight")
    counts = {label: int((y == k).sum()) for k, label in enumerate(target.classes)}
    learner, spans = learner_of(measured), {"span": used, "span_early_stopping": parts.stop, "span_holdout": parts.test}
    return {
        "parent": None,
        "strategy": "train",
        "split": way_of(table, target),
        "source": table.short_name,
        "rows": used.frame.height,
        **{name: list(found) if (found := part.span()) else None for name, part in spans.items()},
        "target_mean": None if target.task == "multiclass" else float(np.average(y, weights=weight)),
        "known": training_summary(used, target),
        "class_rows": counts or None,
        "weight_mean": table.weight_mean,
        "rows_fit": parts.fit.frame.height,
        "rows_early_stopping": parts.stop.frame.height,
        "rows_holdout": parts.test.frame.height,
        "rows_dropped": dict(table.dropped),
        "hints": warnings,
        "measured": {
            learner.unit: learner.extent(measured),
            "base_score": list(measured.base_score),
            "held_out_loss": measured.held_out_loss,
            "base_loss": measured.base_loss,
            **learner.measured(measured),
        },
    }
