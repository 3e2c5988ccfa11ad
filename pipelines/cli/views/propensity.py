"""What commands about models of who acts show on a terminal: tables and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from pipelines.cli.views.kit import (
    loss_difference,
    notes,
    page_line,
    plain_table,
    titled,
    unit_note,
    visible,
    visible_line,
)
from tabkit.predictors.registry import LEARNERS, extent_in, made_of
from tabkit.propensity.evaluation import MODEL
from tabkit.wording import NONE, days, decimals_of, in_row, number, percentages, share


def train_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `train` has to say."""
    learner = LEARNERS[result["model"]]
    own = learner.title if result["compared"] else "model"
    verdict = result["metrics"]["verdict"]
    if result["compared"]:
        verdict = verdict.replace("held-out rows the model", f"held-out rows {learner.subject}", 1)
    lines = [
        Text(verdict, "bold"),
        *notes(result["hints"]),
        *unit_note(result["metrics"]),
        *_saved(result),
    ]
    if not result[learner.unit]:
        lines.append(
            Text(f"{learner.nothing} did better than the base rate on rows it had not seen: all scores are alike.")
        )
    lines += [visible_line(f"Left out {column}: {why}") for column, why in result["left_out"].items()]
    lines += [
        visible_line(f"Dropped {count:,} rows: {reason}") for reason, count in result["rows_dropped"].items() if count
    ]
    return Group(visible_line(_predicted(result)), Text(), scores_table(result["metrics"], own=own), *lines)


def _saved(result: Mapping[str, Any]) -> list[Text]:
    size = f"{made_of(result)}, {result['rows']:,} rows, {result['seconds']:.1f} s"
    looks = [*([visible_line(f"Look at {result['curve']}")] if result["curve"] else []), *page_line(result)]
    if result["bundle"] is None:
        name = LEARNERS[result["model"]].title
        return [visible_line(f"The model is {name}: {size}. Nothing was saved: name a bundle with -o."), *looks]
    return [final_note(result["final"]), visible_line(f"Saved {result['bundle']}: {size}"), *looks]


def _predicted(result: Mapping[str, Any]) -> str:
    """Say what is predicted, so that a wrong guess at the target is seen at once."""
    target, mean, counts = result["target"], result["target_mean"], result["class_rows"]
    what = f"Target {target['name']}: {target['task']}{classes_of(target)}, objective {result['objective']}"
    if counts:
        shares = zip(counts, percentages(list(counts.values()), decimals=1), strict=True)
        return f"{what}; " + ", ".join(f"{label} {share}%" for label, share in list(shares)[:10])
    return f"{what}; mean {mean:,.6g}"


def score_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `score` has to say."""
    files = result["outputs"]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    rate = result["rows"] / result["seconds"] if result["seconds"] else 0.0
    lines = [visible_line(f"Scored {result['rows']:,} rows in {result['seconds']:.1f} s ({rate:,.0f} a second)")]
    lines.append(visible_line(f"Wrote {files[0]}{more}"))
    if result["unseen"]:
        unseen = ", ".join(f"{column} {count:,}" for column, count in result["unseen"].items())
        lines.append(visible_line(f"Rows with a level never seen in training: {unseen}"))
    if result["extra_columns"]:
        lines.append(visible_line(f"Columns not there in training, not used: {', '.join(result['extra_columns'])}"))
    return Group(*lines)


def update_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `update` has to say: every candidate, which one was used, and why."""
    tried = [row for row in result["candidates"] if row["loss"] is not None]
    ece = "bias" if all(row["ece"] is None for row in tried) else "ece"
    extent, unit = extent_in(result)
    names = ("candidate", result["metric"], "against keep", ece, unit, "s")
    table = plain_table(*names, left=["candidate"], no_wrap=True)
    known = (decimals_of(row["loss_difference_low"], row["loss_difference_high"]) for row in tried)
    digits = max((decimals for decimals in known if decimals is not None), default=None)
    for row in tried:
        difference = "" if row["name"] == "keep" else loss_difference(row)
        calibration = number(row[ece], decimals=3) if ece == "ece" else number(row[ece], sign="+")
        chosen = "bold" if row["name"] == result["strategy"] else ""
        costs = (f"{row['trees']:,}", f"{row['seconds']:.1f}")
        cells = (row["name"], number(row["loss"], decimals=digits), difference, calibration, *costs)
        table.add_row(*(Text(visible(cell), chosen) for cell in cells))
    alarms = [Text(f"Alarm: {visible(alarm)}", "bold red") for alarm in result["alarms"]]
    judged = f"{result['judged_rows']:,}"
    title = f"Judged on {judged} of {result['rows']:,} new rows ({100 * result['level']:.3g}% intervals)"
    lines = [visible_line(f"{row['name']}: {row['how']}") for row in tried if row["how"]]
    lines += [visible_line(f"{r['name']}: not possible, {r['refused']}") for r in result["candidates"] if r["refused"]]
    saved = f"Saved {result['bundle']}: {extent} {unit}, {result['seconds']:.1f} s; the old model stays"
    kept = ["The model is kept as it was."] if result["kept"] else []
    lines += [Text(), *(Text(text, "bold") for text in (*kept, result["why"])), *unit_note(result), visible_line(saved)]
    lines += [*page_line(result), *notes(result["warnings"])]
    return Group(*alarms, titled(title, table), *_months(result["months"]), *lines)


def _months(months: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Return how each candidate did on each snapshot, made from those before it; nothing if there are none."""
    if not months:
        return []
    table = plain_table("snapshot", "rows", *months[0]["loss_differences"], left=["snapshot"], no_wrap=True)
    for month in months:
        differences = (number(each, sign="+") for each in month["loss_differences"].values())
        table.add_row(*map(visible_line, (month["when"], f"{month['rows']:,}", *differences)))
    return [titled("Each made from the snapshots before: its loss less that of keep", table)]


def compare_view(result: Mapping[str, Any]) -> RenderableType:
    """Return the metrics of two models side by side."""
    names = {"model": result["b"], "other": result["a"]}
    scores = [{**row, "model": names[row["model"]]} for row in result["scores"]]
    head = visible_line(f"{result['rows']:,} rows{', ' + days(result['span']) if result['span'] else ''}")
    shown = scores_table({**result, "scores": scores})
    verdict = Text(visible(result["verdict"]), "bold")
    said = [*unit_note(result), *notes(result["warnings"]), *page_line(result)]
    return Group(head, Text(), shown, verdict, *said)


def encode_view(result: Mapping[str, Any]) -> RenderableType:
    """Show what an encoding run did: the plan, what new rows held, and where things were written."""
    plan = plain_table()
    for name, style in (("column", "left"), ("encoder", "left"), ("levels", "right"), ("features", "right")):
        plan.add_column(name, justify="right" if style == "right" else "left", no_wrap=name != "column")
    rates = {row["column"]: row for row in result["rates"] or []}
    if rates:
        plan.add_column("null", justify="right", no_wrap=True)
        plan.add_column("unseen", justify="right", no_wrap=True)
    else:
        plan.add_column("why", overflow="fold", min_width=20)
    for row in result["plan"]:
        levels = "" if row["levels"] is None else f"{row['levels']:,}"
        cells = [row["column"], row["encoder"], levels, str(row["outputs"])]
        if rates:
            found = rates.get(row["column"], {})
            cells += [_share(found.get("null")), _share(found.get("unseen"))]
        else:
            cells.append(row["why"])
        plan.add_row(*map(visible_line, cells))
    lines = [f"{result['rows']:,} rows, {result['features']} features, {result['seconds']:.1f} s"]
    lines += [f"{rows:,} rows left out: {why}" for why, rows in result["rows_dropped"].items() if rows]
    if result["output"]:
        how = "encoded out of fold: train on these" if result["out_of_fold"] else "encoded; no feature uses a target"
        lines.append(f"{result['output']}: {how}")
    if result["saved"]:
        lines.append(
            f"{result['saved']}: the encoder, for new rows: tabkit encode NEW --encoder {result['saved']} -o OUT"
        )
    return Group(titled("Columns", plan), *notes(result["warnings"]), *map(visible_line, lines))


def _share(value: float | None) -> str:
    return "" if value is None else share(value, decimals=1)


def scores_table(metrics: Mapping[str, Any], *, own: str = "model") -> RenderableType:
    """Return held-out metrics, one row per metric, one column per model; `own` is what the model itself is called."""
    when = f", {days(metrics['span'])}" if metrics["span"] else ""
    title = f"Measured on {metrics['rows']:,} held-out rows{when} ({metrics['level']:.0%} intervals)"
    return titled(title, _Either(*(_scores_table(metrics, gap=gap, own=own) for gap in (" ", "\n"))))


class _Either:
    """The first of two if it fits, else the second."""

    def __init__(self, wide: RenderableType, narrow: RenderableType) -> None:
        self._wide, self._narrow = wide, narrow

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needed = Measurement.get(console, options.update(max_width=10_000), self._wide).maximum
        yield self._wide if needed <= options.max_width else self._narrow


def _scores_table(metrics: Mapping[str, Any], *, gap: str, own: str) -> Table:
    """Return the table with each interval after its value, or below it."""
    models = list(dict.fromkeys(score["model"] for score in metrics["scores"]))
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for score in metrics["scores"]:
        rows.setdefault(score["metric"], {})[score["model"]] = score
    table = plain_table()
    table.add_column("metric", no_wrap=True)
    for model in models:
        table.add_column(Text(own if model == MODEL else model), justify="right", overflow="fold")
    for name, scores in rows.items():
        texts = in_row([(score["value"], score["low"], score["high"]) for score in scores.values()])
        cells = {
            model: f"{shown}{gap}({ends})" if ends != NONE else shown
            for model, (shown, ends) in zip(scores, texts, strict=True)
        }
        table.add_row(name, *(cells[model] for model in models))
    return table


def final_note(final: str) -> Text:
    """Say which rows a trained model is fitted on."""
    if final == "all":
        return Text(
            "The saved model is fitted on all rows; the metrics are those of its twin that never saw the held-out ones."
        )
    return Text("The saved model is the measured one; it never saw the held-out rows.")


def classes_of(target: Mapping[str, Any]) -> str:
    """Return what is said of a target's classes, to be added to its type."""
    if target["task"] == "binary":
        return f", positive is {target['classes'][1]!r}"
    return f", {len(target['classes'])} classes" if target["classes"] else ""
