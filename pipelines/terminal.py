"""What a person sees: tables, verdicts, errors and progress bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from tabkit.errors import TabkitError
from tabkit.progress import Advance

_TOP = 15


class Bars:
    """Progress as bars on standard error; nothing at all when that is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: Progress | None = None

    @contextmanager
    def task(self, label: str, *, total: float | None = None) -> Iterator[Advance]:
        """Show one bar; tasks may nest."""
        if not self._console.is_terminal:
            yield lambda _amount: None
            return
        outermost = self._shown is None
        bars = self._shown or Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), console=self._console, transient=True,
        )  # fmt: skip
        if outermost:
            self._shown = bars
            bars.start()
        task = bars.add_task(label, total=total)
        try:
            yield lambda amount: bars.advance(task, amount)
        finally:
            bars.remove_task(task)
            if outermost:
                bars.stop()
                self._shown = None


def error_block(error: TabkitError) -> RenderableType:
    """Return an error as one block: stage, problem, what to do."""
    text = escape(error.problem)
    if error.advice:
        text += f"\n[bold]To do:[/bold] {escape(error.advice)}"
    return Panel(text, title=f"tabkit: {error.stage}", title_align="left", border_style="red")


def scores_table(metrics: Mapping[str, Any]) -> RenderableType:
    """Return held-out metrics, one row per metric, one column per model."""
    level = f"{metrics['level']:.0%}"
    models = list(dict.fromkeys(score["model"] for score in metrics["scores"]))
    names = list(dict.fromkeys(score["metric"] for score in metrics["scores"]))
    cells = {(s["metric"], s["model"]): s for s in metrics["scores"]}
    table = Table(title=f"Held-out metrics ({level} intervals)", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("metric")
    for model in models:
        table.add_column(model, justify="right")
    for name in names:
        table.add_row(name, *(_interval(cells[name, model]) for model in models))
    return table


def train_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `train` has to say."""
    lines = [
        f"[bold]{escape(result['metrics']['verdict'])}[/bold]",
        _final_note(result["final"]),
        f"Saved {escape(result['bundle'])}: {result['features']} features, {result['trees']} trees, "
        f"{result['rows']:,} rows, {result['seconds']:.1f} s",
    ]
    lines += [f"Left out {escape(column)}: {escape(why)}" for column, why in result["left_out"].items()]
    lines += [f"Dropped {count:,} rows: {reason}" for reason, count in result["rows_dropped"].items()]
    return Group(scores_table(result["metrics"]), *lines)


def score_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `score` has to say."""
    files = result["outputs"]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    rate = result["rows"] / result["seconds"] if result["seconds"] else 0.0
    lines = [
        f"Scored {result['rows']:,} rows in {result['seconds']:.1f} s ({rate:,.0f} a second): {escape(files[0])}{more}"
    ]
    if result["unseen"]:
        unseen = ", ".join(f"{escape(column)} {count:,}" for column, count in result["unseen"].items())
        lines.append(f"Rows with a level never seen in training: {unseen}")
    if result["extra_columns"]:
        lines.append(f"Columns not used: {escape(', '.join(result['extra_columns']))}")
    return Group(*lines)


def inspect_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `inspect` has to say."""
    target, lineage, sizes = result["target"], result["lineage"], result["sizes"]
    facts = {
        "bundle": result["bundle"],
        "kind": f"{result['kind']} (format {result['format']}, made {result['created']})",
        "checksum": result["checksum"],
        "target": f"{target['name']} ({target['task']}{_classes(target)})",
        "roles": ", ".join(f"{role} {column}" for role, column in result["roles"].items()),
        "rows": f"{lineage['rows']:,} from {lineage['source']}",
        "span": " to ".join(lineage["span"]) if lineage["span"] else "no time role",
        "lineage": f"{lineage['strategy']}, parent {lineage['parent'] or 'none'}",
        "sizes": f"{sizes['trees']} trees, {sizes['features']} features, {sizes['levels']:,} levels, "
        f"{sizes['bytes'] / 1024:,.0f} KiB",
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
    }
    grid = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        grid.add_row(f"[bold]{name}[/bold]", escape(value))
    return Group(
        grid,
        _plan_table(result),
        scores_table(result["metrics"]),
        f"[bold]{escape(result['metrics']['verdict'])}[/bold]",
        _final_note(result["config"]["final"]),
        _importance_table(result["importance"]),
    )


def _plan_table(result: Mapping[str, Any]) -> Table:
    columns = {column["name"]: column for column in result["schema"]}
    table = Table(title="Columns", title_justify="left", box=SIMPLE_HEAD)
    for name in ("column", "type", "encoder", "features"):
        table.add_column(name, justify="right" if name == "features" else "left")
    table.add_column("nulls", justify="right")
    table.add_column("why")
    for row in result["plan"]:
        column = columns.get(row["column"], {"dtype": "", "nulls": None})
        nulls = "" if column["nulls"] is None else f"{column['nulls']:,}"
        table.add_row(
            escape(row["column"]),
            column["dtype"],
            row["encoder"],
            str(row["outputs"]),
            nulls,
            escape(row["why"]),
        )
    return table


def _importance_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        title=f"Importance (the {min(_TOP, len(rows))} largest of {len(rows)})", title_justify="left", box=SIMPLE_HEAD
    )
    table.add_column("feature")
    table.add_column("share of gain", justify="right")
    table.add_column("splits", justify="right")
    for row in rows[:_TOP]:
        table.add_row(escape(row["feature"]), f"{row['share']:.1%}", f"{row['splits']:,}")
    return table


def _final_note(final: str) -> str:
    if final == "all":
        return (
            "The saved model is fitted on all rows; the metrics are those of its twin that never saw the held-out ones."
        )
    return "The saved model is the measured one; it never saw the held-out rows."


def _classes(target: Mapping[str, Any]) -> str:
    if target["task"] == "binary":
        return f", positive is {target['classes'][1]!r}"
    return f", {len(target['classes'])} classes" if target["classes"] else ""


def _interval(score: Mapping[str, Any]) -> str:
    """Write a value with its interval, to the digits that the interval's width supports.

    >>> _interval({"value": 0.68457, "low": 0.68012, "high": 0.68951})
    '0.685 (0.680–0.690)'
    """
    width = abs(score["high"] - score["low"])
    digits = min(max(1 - math.floor(math.log10(width)), 0), 6) if width > 0 else 3
    value, low, high = (f"{score[key]:,.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} ({low}–{high})" if width > 0 else value
