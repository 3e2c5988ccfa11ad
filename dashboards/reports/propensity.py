"""Measure a model on labelled rows for its report: tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dashboards.kit.outputs import check_page
from dashboards.reports.propensity_page import ModelReport, render
from tabkit import boosting, metrics
from tabkit.boosting import Rows
from tabkit.errors import FitError, TabkitError
from tabkit.frames import Source
from tabkit.leaks.asked import asked, leaks_of
from tabkit.leaks.copied_rows import copies_of
from tabkit.predictors.features import fit_encoder, with_features
from tabkit.predictors.registry import LEARNERS
from tabkit.predictors.stored import refused_by_now, stored
from tabkit.progress import Silent
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.evaluation import (
    BASE_RATE,
    LINEAR,
    MODEL,
    Evaluation,
    Resampling,
    evaluate,
    measures_of,
    resampling,
)
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.warnings import of_copies
from tabkit.schema import family
from tabkit.staging import staged_file
from tabkit.table import Table, labels, read
from tabkit.untrusted.manifest import building
from tabkit.wording import days

Floats = NDArray[np.float64]
_PERIODS = 36  # three years of months fit the page


class ReportError(TabkitError):
    """A report cannot be written; what stood at the destination before still stands."""

    stage = "report"


def write(
    model: PropensityModel,
    source: Source,
    path: str | Path,
    *,
    title: str,
    training: Source | None = None,
    overwrite: bool = False,
) -> Evaluation:
    """Measure a model on labelled rows, write the page, and return what was measured.

    Parameters
    ----------
    model
        A fitted model.
    source
        Rows with the target that the model was **not** fitted on; rows without a target are left out.
    path
        The HTML file. It needs no network and holds no script.
    title
        The page's heading.
    training
        The rows of the fit, if the linear baseline shall be fitted on them and shown beside the model.
    overwrite
        Replace what stands there, also if it is no earlier report.

    Raises
    ------
    TabkitError
        If the rows cannot be used, or the page cannot be written or may not go there (see `tabkit.destination`).
    ImportError
        If the extra `dashboards` is not installed.
    """
    check_page(path, "report", overwrite=overwrite)
    page, evaluation = build_report(model, source, title=title, training=training)
    _write(page, path)
    return evaluation


def write_recorded(model: PropensityModel, path: str | Path, *, title: str, overwrite: bool = False) -> None:
    """Write the page of what was measured when the model was made, which its bundle keeps: no rows are read.

    Parameters and errors are those of `write`.
    """
    check_page(path, "report", overwrite=overwrite)
    with building("what it tells of itself"):
        page = recorded_report(model, title=title)
    _write(page, path)


def recorded_report(model: PropensityModel, *, title: str) -> ModelReport:
    """Return the page's content; see `write_recorded`."""
    measured = model.evaluation
    return ModelReport(
        title=title,
        verdict=measured.verdict(),
        warnings=tuple(model.summary()["warnings"]),
        metrics=measured.frame(),
        importance=_importance(model),
        importance_by=model.learner.shown_by,
        facts=_facts(model, _rows(measured.rows, measured.span)),
        notes=_notes(model, measured.note, {}),
    )


def build_report(
    model: PropensityModel, source: Source, *, title: str, training: Source | None = None
) -> tuple[ModelReport, Evaluation]:
    """Return the page's content and the measurement behind it; see `write`."""
    settings = stored(TrainConfig, model.config)
    table = read(source, model.roles, drop_null_target=True)
    model.target.check(table.frame, what=table.name)
    rows = with_features(table, model.encoder.transform(table.frame), model.target)
    fitted = None if training is None else _fitted(model, training, settings)
    predictions = _predictions(model, table, rows, settings, fitted)
    measures = measures_of(settings)
    how = resampling(table, settings)
    measured = evaluate(
        rows.y,
        predictions,
        measures=measures,
        weight=rows.weight,
        span=table.span(),
        how=how,
    )
    evaluation = replace(measured, about=model.evaluation.about)
    curves = _Curves(rows.y, predictions, rows.weight)
    binary = model.target.task == "binary"
    page = ModelReport(
        title=title,
        verdict=evaluation.verdict(),
        warnings=tuple(_warnings(model, table, fitted, predictions, settings)),
        metrics=evaluation.frame(),
        roc=curves.roc() if binary else None,
        calibration=curves.calibration() if binary else None,
        importance=_importance(model),
        importance_by=model.learner.shown_by,
        over_time=_over_time(table, curves, measures[1] if binary else measures[0], how),
        facts=_facts(model, _rows(table.frame.height, table.span())),
        notes=_notes(model, how.note, table.dropped),
    )
    return page, evaluation


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    y: Floats
    predictions: Mapping[str, Floats]
    weight: Floats | None

    def roc(self) -> pl.DataFrame:
        curves = {
            m: metrics.roc_curve(self.y, p, weight=self.weight) for m, p in self.predictions.items() if m != BASE_RATE
        }
        return pl.concat(
            pl.DataFrame(
                {
                    "false_positive_rate": curve.false_positive_rate,
                    "true_positive_rate": curve.true_positive_rate,
                }
            ).select(pl.lit(model).alias("model"), pl.all())
            for model, curve in curves.items()
        )

    def calibration(self) -> pl.DataFrame:
        curves = {
            m: metrics.calibration_curve(self.y, p, weight=self.weight)
            for m, p in self.predictions.items()
            if m != BASE_RATE
        }
        return pl.concat(
            pl.DataFrame(
                {"predicted": curve.mean_predicted, "observed": curve.observed_rate, "rows": curve.count}
            ).select(pl.lit(model).alias("model"), pl.all())
            for model, curve in curves.items()
        )


def _predictions(
    model: PropensityModel, table: Table, rows: Rows, settings: TrainConfig, fitted: Table | None
) -> dict[str, Floats]:
    found = {MODEL: model.predictor.predict(rows.features, offset=rows.offset)}
    if fitted is None:
        known = boosting.BaseRate(model.learner.constant(model.predictor), model.predictor.kind)
        return {**found, BASE_RATE: known.predict(rows.features, offset=rows.offset)}
    like = None if model.learner.embeds else model.encoder  # codes are no numbers for a linear model
    encoder, own = fit_encoder(fitted, model.target, settings, like=like)
    features = encoder.transform(table.frame)
    outputs = len(model.target.classes) if model.target.task == "multiclass" else 1
    constant = boosting.base_rate(own, config=settings.boosting, classes=outputs)
    if model.learner.name != LINEAR:
        linear = LEARNERS[LINEAR].fit(own, None, settings=settings, classes=model.target.classes, progress=Silent())
        found[LINEAR] = linear.predict(features, offset=rows.offset)
    return {
        **found,
        BASE_RATE: constant.predict(features, offset=rows.offset),
    }


def _fitted(model: PropensityModel, training: Source, settings: TrainConfig) -> Table:
    """Return the rows of the fit."""
    exclude = settings.encoding.exclude
    found = read(training, model.roles, exclude=exclude, drop_null_target=settings.drop_null_target)
    model.target.check(found.frame, what=found.name)
    return found


def _warnings(
    model: PropensityModel, table: Table, fitted: Table | None, measured: Mapping[str, Floats], settings: TrainConfig
) -> list[str]:
    """Return what flatters the model: columns that tell the target, and rows that are copies of those of the fit."""
    columns, target = model.encoder.schema.names(), model.target
    found = refused_by_now(model.config)
    found += asked(leaks_of(table, target, columns, known=settings.encoding.known), "model")
    if fitted is None:
        return found
    copies = copies_of(fitted, table, target=target.name, classes=target.task != "regression", columns=columns)
    if copies is None:
        return found
    others = replace(table, frame=table.frame.filter(~copies.copied))
    told = _of_others(model, others, measured[MODEL][~copies.copied], settings)
    return [*found, of_copies(copies, told, judged="rows measured here")]


def _of_others(model: PropensityModel, others: Table, prediction: Floats, settings: TrainConfig) -> Evaluation | None:
    """Measure the model on rows that are no copies; None where nothing can be measured on them."""
    try:
        return evaluate(
            labels(others, model.target),
            {MODEL: prediction},
            measures=measures_of(settings),
            weight=others.numbers("weight"),
            span=others.span(),
            how=resampling(others, settings),
        )
    except FitError:
        return None


def _importance(model: PropensityModel) -> pl.DataFrame | None:
    importance = model.learner.importance(model.predictor)
    return None if importance is None else importance.select("feature", "gain")


def _over_time(table: Table, curves: _Curves, measure: metrics.Metric, how: Resampling) -> pl.DataFrame | None:
    """Return the metric month by month; None without dates or with a single month."""
    column = table.roles.time
    if column is None or family(table.frame.schema[column]) not in ("date", "datetime"):
        return None
    period = table.frame[column].dt.strftime("%Y-%m").to_numpy()
    months = sorted(set(period))[-_PERIODS:]
    found = []
    for model, prediction in curves.predictions.items():
        if model == BASE_RATE:
            continue
        for month in months:
            own = period == month
            try:
                (interval,) = metrics.bootstrap(
                    [measure], curves.y[own], prediction[own],
                    weight=None if curves.weight is None else curves.weight[own], **how.options(own),
                )  # fmt: skip
            except FitError:
                continue  # the metric is undefined in this month: a class is absent
            found.append((model, month, measure.name, interval.value, interval.low, interval.high))
    names = ["model", "period", "metric", "value", "low", "high"]
    return pl.DataFrame(found, schema=names, orient="row") if len(months) > 1 and found else None


def _facts(model: PropensityModel, measured: str) -> tuple[tuple[str, str], ...]:
    known = model.lineage.get("known") or model.lineage
    return (
        ("Target", f"{model.target.name} ({model.target.task})"),
        ("Rows measured here", measured),
        ("Rows of the fit", _rows(known["rows"], known["span"])),
        ("Source columns", f"{len(model.encoder.schema.columns)}"),
        ("Features", f"{len(model.predictor.features)}"),
        (model.learner.unit.capitalize(), f"{model.learner.extent(model.predictor)}"),
    )


def _rows(rows: int, span: Sequence[str] | None) -> str:
    return f"{rows:,}" + (f", {days(span)}" if span else "")


def _notes(model: PropensityModel, note: str, dropped: Mapping[str, int]) -> tuple[str, ...]:
    learner = model.learner
    notes = [
        *([note] if note else []),
        "Intervals know nothing of how the world may change after the last row.",
        *(
            [f"Importance by {learner.shown_by} says what the model leans on, not what causes the target."]
            if learner.shown_by
            else []
        ),
    ]
    notes += [f"Left out {e.column}: {e.why}." for e in model.encoder.encoders if not e.outputs]
    notes += [f"{count:,} rows were left out here: {reason}." for reason, count in dropped.items() if count]
    return tuple(notes)


def _write(page: ModelReport, path: str | Path) -> None:
    text = render(page)
    with staged_file(path, kind=ReportError) as hidden:
        hidden.write_text(text, encoding="utf-8")
