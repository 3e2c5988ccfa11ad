"""The report of a propensity model as an offline page: metrics, curves, facts and limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from dashboards.charts import model as model_charts
from dashboards.charts import rendering
from dashboards.kit.blocks import NO_VALUE, facts, footer, header, notes, pairs, with_ends
from dashboards.kit.html import Markup, escape, figure, page, table, tag
from tabkit.wording import in_row

# A metric is known by one of these words in its name; of an unknown metric no value is called best.
LOWER_IS_BETTER = frozenset(
    {"loss", "logloss", "brier", "error", "rmse", "mae", "mse", "mape", "deviance", "ece", "pinball"}
)
HIGHER_IS_BETTER = frozenset(
    {"auc", "precision", "recall", "accuracy", "f1", "r2", "r²", "lift", "gini", "qini", "ks", "skill"}
)

REMARK = (
    "Honest only if no model saw these rows in training; in brackets the bootstrap interval. "
    "↑ higher is better, ↓ lower is better; the best value of each row is bold."
)


@dataclass(frozen=True, slots=True)
class Words:
    """What is said about a figure: its heading, the start of its description and what to look at."""

    title: str
    label: str
    caption: str


WORDS: dict[model_charts.Section, Words] = {
    "roc": Words(
        "ROC curves",
        "Line chart of the true positive rate against the false positive rate of",
        "Look at how far a curve rises above the dashed diagonal, which is guessing: the higher it is, the "
        "more true cases are found for the same share of false alarms.",
    ),
    "calibration": Words(
        "Calibration",
        "Line chart of observed against predicted values, with bars of row counts, of",
        "Points on the dashed diagonal mean that predictions can be taken at their word; above it they are "
        "too low, below it too high. The bars count the rows behind each point.",
    ),
    "importance": Words(
        "Feature importance by gain",
        "Bar chart of shares of the total gain; the largest belong to",
        "The features whose splits reduced the training loss most, at most 15, as shares of the total "
        "gain. Gain shows what the model leans on, not what causes the outcome.",
    ),
    "over_time": Words(
        "Performance over time",
        "Line chart per period, with interval bands, of",
        "Look for drift: a line that keeps falling says that the model ages. Changes inside the shaded "
        "interval may be chance.",
    ),
}

_COEFFICIENTS = Words(
    "Size of the coefficients",
    "Bar chart of shares of the sum of all coefficients; the largest belong to",
    "The features whose coefficients are largest in size, at most 15, as shares of the sum: each is for a change of "
    "one standard deviation. A coefficient shows what the model leans on, not what causes the outcome.",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelReport:
    """What the page says; a section whose frame is None or without rows is left out.

    Parameters
    ----------
    title
        What is predicted.
    verdict
        One sentence: is the model any good?
    warnings
        What makes that doubtful, one sentence or two each: at the head.
    metrics
        Columns ``model``, ``metric``, ``value``, ``low``, ``high``: values on the hold-out with the bounds
        of their intervals (null: none). The first model is the one reported on, the others are baselines.
    roc
        Columns ``model``, ``false_positive_rate``, ``true_positive_rate``, in the order of each curve.
    calibration
        Columns ``model``, ``predicted``, ``observed``, ``rows``: one row per bin.
    importance
        Columns ``feature``, ``gain``: one row per feature.
    importance_by
        What its ``gain`` is: ``gain``, or the size of ``coefficients``.
    over_time
        Columns ``model``, ``period`` (text such as 2013-09), ``metric`` (one name), ``value``, ``low``,
        ``high``.
    facts
        Names with their values, such as ``("Trees", "412")``.
    notes
        Limits of the model, columns that were dropped and the like, one sentence or two each.

    Raises
    ------
    SchemaError
        A frame lacks columns.

    Examples
    --------
    >>> ModelReport(title="Late flights", verdict="Useful.", importance=pl.DataFrame({"feature": ["hour"]}))
    Traceback (most recent call last):
    tabkit.errors.SchemaError: the frame of importance lacks gain; it has feature
    To do: give it the columns feature, gain
    """

    title: str
    verdict: str
    warnings: tuple[str, ...] = ()
    metrics: pl.DataFrame | None = None
    roc: pl.DataFrame | None = None
    calibration: pl.DataFrame | None = None
    importance: pl.DataFrame | None = None
    importance_by: str = "gain"
    over_time: pl.DataFrame | None = None
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for section in model_charts.COLUMNS:
            frame: pl.DataFrame | None = getattr(self, section, None)
            if frame is not None:
                model_charts.require_columns(frame, section)


def render(report: ModelReport) -> str:
    """Return the report as one HTML page without scripts or outside requests.

    Raises
    ------
    ImportError
        The `dashboards` extra is not installed and the report has a chart.

    Examples
    --------
    >>> html = render(ModelReport(title="Late flights", verdict="Useful.", notes=("One year.",)))
    >>> "<li>One year.</li>" in html, "<svg" in html, "<script" in html
    (True, False, False)
    """
    blocks = (
        header("Model report", title=report.title, verdict=report.verdict, warnings=report.warnings),
        *_metrics(report.metrics),
        *pairs(list(_figures(report))),
        *pairs([*facts(report.facts), *notes(report.notes)]),
        footer(),
    )
    return page(report.title, *blocks, made_by="report")


def _figures(report: ModelReport) -> Iterator[Markup]:
    models = _names(report.metrics, "model")
    if (frame := _filled(report.roc)) is not None:
        yield _figure("roc", model_charts.roc(frame, models=models), of=_names(frame, "model"))
    if (frame := _filled(report.calibration)) is not None:
        yield _figure("calibration", model_charts.calibration(frame, models=models), of=_names(frame, "model"))
    if (frame := _filled(report.importance)) is not None:
        first = frame.sort("gain", descending=True, nulls_last=True).head(3)
        words = _COEFFICIENTS if report.importance_by == "coefficients" else WORDS["importance"]
        yield _figure("importance", model_charts.importance(frame), of=_names(first, "feature"), words=words)
    if (frame := _filled(report.over_time)) is not None:
        yield _figure("over_time", model_charts.over_time(frame, models=models), of=_names(frame, "model"))


def _figure(
    section: model_charts.Section, chart: rendering.Chart, *, of: Sequence[str], words: Words | None = None
) -> Markup:
    words = words or WORDS[section]
    label = f"{words.label} {', '.join(of)}."
    return figure(rendering.svg(chart), title=words.title, label=label, caption=words.caption)


def _filled(frame: pl.DataFrame | None) -> pl.DataFrame | None:
    return None if frame is None or frame.is_empty() else frame


def _names(frame: pl.DataFrame | None, column: str) -> list[str]:
    return [] if frame is None else frame[column].unique(maintain_order=True).to_list()


def _metrics(frame: pl.DataFrame | None) -> Iterator[Markup]:
    if (scores := _filled(frame)) is None:
        return
    models = _names(scores, "model")
    rows = [_metric_row(name, scores.filter(pl.col("metric") == name), models) for name in _names(scores, "metric")]
    head = [escape("Metric"), *(tag("span", escape(model), class_="name") for model in models)]
    yield tag(
        "section",
        tag("h2", escape("Metrics on the hold-out")),
        table(head, rows, kind="scores"),
        tag("p", escape(REMARK), class_="remark"),
        class_="block",
    )


def _metric_row(name: str, frame: pl.DataFrame, models: Sequence[str]) -> list[Markup]:
    columns = frame.select("value", "low", "high").cast(pl.Float64).rows()
    way = _way(name)
    texts = in_row(columns)
    known = [(row[0], text) for row, (text, _) in zip(columns, texts, strict=True) if text != NO_VALUE]
    best = (max if way == "up" else min)(known)[1] if way is not None and len(known) > 1 else None
    cells = {
        model: with_ends(shown, ends, bold=shown == best)
        for model, (shown, ends) in zip(frame["model"], texts, strict=True)
    }
    arrow = {"up": "\u00a0↑", "down": "\u00a0↓", None: ""}[way]
    return [
        escape(name + arrow),
        *(cells.get(model, escape(NO_VALUE)) for model in models),
    ]


def _way(metric: str) -> Literal["up", "down"] | None:
    """Return which values of a metric are better, None where its name does not tell.

    >>> _way("ROC AUC"), _way("log_loss"), _way("calibration slope")
    ('up', 'down', None)
    """
    words = set(re.split(r"[\W_]+", metric.lower()))
    if words & LOWER_IS_BETTER:
        return "down"
    return "up" if words & HIGHER_IS_BETTER else None
