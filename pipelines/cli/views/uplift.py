"""What the `tabkit uplift` commands show on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.cli.views.kit import loss_difference, page_line, plain_table, titled, visible, visible_line
from tabkit.uplift.decision.trust import CHECKS, reason
from tabkit.uplift.effect_unit import EffectUnit, segment_decimals
from tabkit.wording import NONE, percentages, share, with_interval

_COLOURS = {"usable": "green", "average only": "yellow", "none": "red"}


def train_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `uplift train` has to say: effects, verdicts and failed checks."""
    saved = Text(f"Saved {visible(result['bundle'])}, {result['seconds']:.1f} s", "bold")
    return Group(*summary_lines(result), saved, *page_line(result))


def report_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `uplift report` has to say: the same, with policies, segments and every check."""
    lines = [*summary_lines(result), _policies(result), Text()]
    for arm in result["report"]["arms"]:
        lines += [_segments(arm, result), Text()]
    lines += [_all_checks(result), Text()]
    if result["page"] is None:
        lines.append(Text("No page was written: it needs pip install 'tabkit-ml[dashboards]'"))
    else:
        lines.append(Text(f"Wrote {visible(result['page'])}", "bold"))
    return Group(*lines)


def update_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `uplift update` has to say: every strategy, which was used, and the verdicts on the new units."""
    table = plain_table("candidate", result["metric"], "against keep", left=["candidate"], no_wrap=True)
    for row in (row for row in result["candidates"] if row["loss"] is not None):
        difference = "" if row["name"] == "keep" else loss_difference(row)
        style = "bold" if row["name"] == result["strategy"] else ""
        table.add_row(*(Text(cell, style) for cell in (row["name"], f"{row['loss']:.6g}", difference)))
    refused = [
        Text(f"{row['name']}: not possible, {visible(row['refused'])}", "yellow")
        for row in result["candidates"]
        if row["refused"]
    ]
    units = sum(result["rows"].values())
    title = f"Judged on {result['judged_rows']:,} of {units:,} new units ({100 * result['level']:.3g}% intervals)"
    saved = Text(f"Saved {visible(result['bundle'])}, {result['seconds']:.1f} s", "bold")
    kept = ["The model is kept as it was."] if result["kept"] else []
    why = [Text(text, "bold") for text in (*kept, result["why"])]
    return Group(
        titled(title, table), *refused, Text(), *why, Text(), *summary_lines(result), saved, *page_line(result)
    )


def summary_lines(result: Mapping[str, Any]) -> list[RenderableType]:
    """Return effects, verdicts and failed checks."""
    unit = EffectUnit(result["outcome_kind"])
    suffix = ", %p" if unit.binary else ""
    rows = sum(result["rows"].values())
    positive = "" if result["positive"] in (None, "1", "true") else f" ({visible(result['positive'])})"
    own = "" if result["outcome_kind"] == "binary" else ", in its own unit,"
    units = result["units"]
    whom = f"{rows:,} units" if units["whom"] == "all" else f"{units['used']:,} of {rows:,} units"
    head = (
        f"Effect on {visible(result['outcome'])}{positive}{own} against {visible(result['control'])}: {whom}, "
        f"{result['design']}; verdicts by {units['held_out']:,} held-out units"
    )
    table = plain_table()
    for name in ("arm", f"average effect{suffix}", f"Qini{suffix}", "less response's"):
        is_arm = name == "arm"
        table.add_column(
            name, justify="left" if is_arm else "right", no_wrap=not is_arm, min_width=8 if is_arm else None
        )
    for name, arm in result["arms"].items():
        table.add_row(
            visible_line(name),
            _between(unit, arm["effect"], arm["low"], arm["high"]),
            _between(unit, arm["qini"], arm["qini_low"], arm["qini_high"]),
            "no model"
            if arm["against_response"] is None
            else _between(unit, arm["against_response"], arm["against_response_low"], arm["against_response_high"]),
        )
    lines: list[RenderableType] = [
        Text(head),
        *_rests_on(result),
        Text(),
        *_failed(result),
        table,
        Text(),
        *_on_treated(result),
    ]
    for name, arm in result["arms"].items():
        reserved = arm["verdict"] == "usable" and "reservations" in arm["title"]
        colour = "yellow" if reserved else _COLOURS[arm["verdict"]]
        why = reason(arm["why"], result["warnings"])
        lines.append(
            Text.assemble((visible(name), "bold"), ": ", (arm["title"], f"bold {colour}"), f" – {visible(why)}")
        )
    if any(arm["against_response"] is None for arm in result["arms"].values()):
        lines.append(Text("No response model could be fitted: rankings were compared with none."))
    lines.append(Text())
    return lines


def _rests_on(result: Mapping[str, Any]) -> list[RenderableType]:
    """Return on how many units effects rest, where that is not all of them alike."""
    units = result["units"]
    lines: list[RenderableType] = []
    if result["design"] == "observational" and "effective" in units:
        sizes = [
            f"{visible(arm)} {count:,} (as good as {units['effective'][arm]:,.0f})"
            for arm, count in units["by_arm"].items()
        ]
        lines.append(Text(f"Average effects are of the units kept, weighted: {', '.join(sizes)}"))
    return lines


def _failed(result: Mapping[str, Any]) -> list[RenderableType]:
    """Return what checks found, above every figure."""
    failed = [CHECKS[name] for name, check in result["checks"].items() if check["passed"] is False]
    lines: list[RenderableType] = [Text(f"FAILED CHECKS: {', '.join(failed)}", "bold red")] if failed else []
    lines += [Text(f"! {visible(said)}", "red" if failed else "yellow") for said in result["warnings"]]
    return [*lines, Text()] if lines else []


def _on_treated(result: Mapping[str, Any]) -> list[RenderableType]:
    """Return the effect on those who were treated, a line for each arm: a further column would cut figures off."""
    unit = EffectUnit(result["outcome_kind"])
    suffix = ", %p" if unit.binary else ""
    lines: list[RenderableType] = [
        Text(
            f"On the treated: {found['units']:,} of {found['of']:,} units of {visible(name)}, against control units as "
            f"good as {found['controls']:,.0f}: effect{suffix} "
            + _between(unit, found["value"], found["low"], found["high"])
        )
        for name, arm in result["arms"].items()
        if (found := arm["on_treated"]) is not None
    ]
    return [*lines, Text()] if lines else []


def _policies(result: Mapping[str, Any]) -> Table:
    unit = EffectUnit(result["outcome_kind"])
    suffix = ", %p" if unit.binary else ""
    names = ("policy (held-out units)", "treated", f"value{suffix}", f"model's gain over it{suffix}")
    table = plain_table(*names, left=names[:1])
    for row in result["policies"]:
        gain = row["gain"]
        table.add_row(
            visible_line(row["policy"]),
            share(row["treated"]),
            with_interval(*unit.scaled(row["value"], row["low"], row["high"])),
            "" if gain is None else _between(unit, gain["value"], gain["low"], gain["high"]),
        )
    return table


def _segments(arm: Mapping[str, Any], result: Mapping[str, Any]) -> Table:
    unit = EffectUnit(result["outcome_kind"])
    suffix = ", %p" if unit.binary else ""
    names = (
        f"segments: {visible(arm['arm'])}",
        "share",
        f"predicted{suffix}",
        f"observed{suffix}",
        f"without contact{suffix}",
    )
    table = plain_table(*names, left=names[:1])
    rows: Sequence[Mapping[str, Any]] = arm["segments"]
    decimals = segment_decimals(rows, unit) if rows else None
    for row, size in zip(rows, percentages([row["share"] for row in rows]), strict=True):
        if not row["rows"]:
            continue
        table.add_row(
            row["segment"],
            f"{size}%",
            unit.effect(row["predicted"], decimals=decimals)[0],
            ""
            if row["observed"] is None
            else _between(unit, row["observed"], row["low"], row["high"], decimals=decimals),
            unit.level(row["baseline"])[0],
        )
    return table


def _between(
    unit: EffectUnit, value: float, low: float | None, high: float | None, *, decimals: int | None = None
) -> str:
    """Write an effect with its interval.

    >>> _between(EffectUnit("binary"), 0.0764, 0.0699, 0.083, decimals=None)
    '+7.6 (+7.0 to +8.3)'
    """
    shown, ends = unit.effect(value, low, high, decimals=decimals)
    return f"{shown} ({ends})" if ends != NONE else shown if low is not None else f"{shown} (no interval)"


def _all_checks(result: Mapping[str, Any]) -> Table:
    table = plain_table("check", "", left=["check", ""])
    for name, check in result["checks"].items():
        word, colour = {None: ("not checked", ""), True: ("passed", "green"), False: ("FAILED", "bold red")}[
            check["passed"]
        ]
        if check["passed"] and check["said"]:
            word, colour = "asks", "yellow"
        table.add_row(CHECKS[name], Text(word, colour))
    return table
