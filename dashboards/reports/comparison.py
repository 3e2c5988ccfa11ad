"""Pages of differences on the same rows: of two models, and of models with and without rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.kit.blocks import block, facts, footer, header, notes, pairs, with_ends
from dashboards.kit.html import escape, page, table, tag
from dashboards.reports.propensity import ReportError
from tabkit.staging import staged_file
from tabkit.wording import days, decimals_of, number, share, spelled


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric of both sides, and how far the second exceeds the first; None where that was not computed."""

    metric: str
    first: float
    second: float
    difference: tuple[float, float | None, float | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonPage:
    """What the page says.

    Parameters
    ----------
    kind, title, verdict
        What the page is, what is compared, and what came of it in a sentence.
    warnings
        What makes that doubtful.
    names
        Of the two sides.
    metrics
        A row each, the loss first.
    level
        Of the intervals.
    facts, notes
        Names with values, and sentences.
    """

    kind: str
    title: str
    verdict: str
    warnings: Sequence[str]
    names: tuple[str, str]
    metrics: Sequence[MetricRow]
    level: float
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]


def of_models(result: Mapping[str, Any]) -> ComparisonPage:
    """Return the page of what `tabkit.propensity.comparison.comparison` found."""
    sides = {name: {row["metric"]: row["value"] for row in _of(result["scores"], name)} for name in ("other", "model")}
    gains = {row["metric"]: (row["value"], row["low"], row["high"]) for row in result["gains"]}
    metrics = [MetricRow(name, value, sides["model"][name], gains.get(name)) for name, value in sides["other"].items()]
    span = f", {days(result['span'])}" if result["span"] else ""
    return ComparisonPage(
        kind="Comparison of models",
        title=f"{result['b']} beside {result['a']}",
        verdict=result["verdict"],
        warnings=result["warnings"],
        names=(result["a"], result["b"]),
        metrics=metrics,
        level=result["level"],
        facts=[("Rows", f"{result['rows']:,}{span}"), ("Drawn for intervals", f"by {result['unit']}")],
        notes=[result["note"]] if result["note"] else [],
    )


def of_rules(result: Mapping[str, Any]) -> ComparisonPage:
    """Return the page of an ablation of rules; see `tabkit.propensity.ablation`."""
    metrics = [
        MetricRow(row["metric"], row["without_rules"], row["with_rules"], (row["difference"], row["low"], row["high"]))
        for row in result["metrics"]
    ]
    rules = [(use["rule"], f"{use['text']}; {share(use['share'], decimals=1)} of all gain") for use in result["rules"]]
    fits = f"{result['fits']:,}, in {result['folds']:,} folds"
    return ComparisonPage(
        kind="Rules as features",
        title="Models with and without the rules",
        verdict=result["verdict"],
        warnings=result["warnings"],
        names=("without", "with"),
        metrics=metrics,
        level=result["level"],
        facts=[("Rows", f"{result['rows']:,}"), ("Models", fits), *rules],
        notes=[result["note"]] if result["note"] else [],
    )


def write(content: ComparisonPage, path: str | Path, *, made_by: str) -> None:
    """Write a page without scripts or outside requests; where it may go was checked before.

    Raises
    ------
    ReportError
        If it cannot be written.
    """
    text = render(content, made_by=made_by)
    with staged_file(path, kind=ReportError) as hidden:
        hidden.write_text(text, encoding="utf-8")


def render(content: ComparisonPage, *, made_by: str) -> str:
    """Return the page as HTML."""
    head = [escape(name) for name in ("Metric", *content.names, f"Difference ({share(content.level)} interval)")]
    rows = []
    for row in content.metrics:
        value, low, high = row.difference or (None, None, None)
        decimals = decimals_of(low, high)
        values = (escape(number(each, decimals=decimals)) for each in (row.first, row.second))
        ends = escape("") if value is None else with_ends(*spelled(value, low, high, sign="+"))
        rows.append([escape(row.metric), *values, ends])
    return page(
        content.title,
        header(content.kind, title=content.title, verdict=content.verdict, warnings=content.warnings),
        block(tag("section", tag("h2", escape("On the same rows")), table(head, rows, kind="candidates"))),
        *pairs([*facts(content.facts), *notes(content.notes)]),
        footer(),
        made_by=made_by,
    )


def _of(scores: Sequence[Mapping[str, Any]], model: str) -> list[Mapping[str, Any]]:
    return [row for row in scores if row["model"] == model]
