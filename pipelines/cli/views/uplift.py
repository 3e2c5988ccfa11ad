"""What the `tabkit uplift` commands show on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.cli.views.propensity import plain_table, visible, visible_line
from tabkit.propensity.evaluation import has_width
from tabkit.uplift.decision.trust import CHECKS, reason
from tabkit.wording import Sign, figures, percentages, with_interval

_COLOURS = {"usable": "green", "average only": "yellow", "none": "red"}
_LARGE = 100_000.0
"""From here on numbers are written with a power of ten."""


def train_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `uplift train` has to say: effects, verdicts and failed checks."""
    saved = Text(f"Saved {visible(result['bundle'])}, {result['seconds']:.1f} s", "bold")
    return Group(*summary_lines(result), saved)


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
    found = result["update"]
    table = plain_table()
    for name in ("strategy", "loss", "less than keeping's by"):
        table.add_column(name, justify="left" if name == "strategy" else "right")
    for row in found["tried"]:
        if row["loss"] is None:
            continue
        gain = "" if row["gain"] is None else _between(1.0, row["gain"], row["low"], row["high"])
        style = "bold" if row["strategy"] == found["strategy"] else ""
        table.add_row(Text(row["strategy"], style), f"{row['loss']:.6g}", gain)
    refused = [
        Text(f"Not possible: {row['strategy']}: {visible(row['refused'])}", "yellow")
        for row in found["tried"]
        if row["refused"]
    ]
    head = f"Tried on {found['judged_on']:,} of {found['rows']:,} new units"
    why = Text.assemble(("Used ", ""), (found["strategy"], "bold"), f": {found['why']}")
    saved = Text(f"Saved {visible(result['bundle'])}, {result['seconds']:.1f} s", "bold")
    kept = [Text("The model is kept as it was.", "bold")] if found["kept"] else []
    return Group(Text(head), Text(), table, *refused, Text(), *kept, why, Text(), *summary_lines(result), saved)


def unit_of(kind: str) -> tuple[float, str]:
    """Return what effects are multiplied by, and the unit: percentage points of a binary outcome.

    >>> unit_of("binary"), unit_of("number")
    ((100.0, ', %p'), (1.0, ''))
    """
    return (100.0, ", %p") if kind == "binary" else (1.0, "")


def summary_lines(result: Mapping[str, Any]) -> list[RenderableType]:
    """Return effects, verdicts and failed checks."""
    scale, unit = unit_of(result["outcome_kind"])
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
    for name in ("arm", f"average effect{unit}", f"Qini{unit}", "less response's"):
        is_arm = name == "arm"
        table.add_column(
            name, justify="left" if is_arm else "right", no_wrap=not is_arm, min_width=8 if is_arm else None
        )
    for name, arm in result["arms"].items():
        table.add_row(
            visible_line(name),
            _between(scale, arm["effect"], arm["low"], arm["high"]),
            _between(scale, arm["qini"], arm["qini_low"], arm["qini_high"]),
            "no model"
            if arm["against_response"] is None
            else _between(scale, arm["against_response"], arm["against_response_low"], arm["against_response_high"]),
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
    scale, unit = unit_of(result["outcome_kind"])
    lines: list[RenderableType] = [
        Text(
            f"On the treated: {found['units']:,} of {found['of']:,} units of {visible(name)}, against control units as "
            f"good as {found['controls']:,.0f}: effect{unit} "
            + _between(scale, found["value"], found["low"], found["high"])
        )
        for name, arm in result["arms"].items()
        if (found := arm["on_treated"]) is not None
    ]
    return [*lines, Text()] if lines else []


def _policies(result: Mapping[str, Any]) -> Table:
    scale, unit = unit_of(result["outcome_kind"])
    table = plain_table()
    for name in ("policy (held-out units)", "treated", f"value{unit}", f"model's gain over it{unit}"):
        table.add_column(name, justify="left" if name.startswith("policy") else "right")
    for row in result["policies"]:
        gain = row["gain"]
        table.add_row(
            visible_line(row["policy"]),
            f"{100 * row['treated']:.0f} %",
            _number(scale * row["value"], scale * row["low"], scale * row["high"], sign=False),
            "" if gain is None else _between(scale, gain["value"], gain["low"], gain["high"]),
        )
    return table


def _segments(arm: Mapping[str, Any], result: Mapping[str, Any]) -> Table:
    scale, unit = unit_of(result["outcome_kind"])
    table = plain_table()
    names = (
        f"segments: {visible(arm['arm'])}",
        "share",
        f"predicted{unit}",
        f"observed{unit}",
        f"without contact{unit}",
    )
    for name in names:
        table.add_column(name, justify="left" if name.startswith("segments") else "right")
    rows: Sequence[Mapping[str, Any]] = arm["segments"]
    for row, share in zip(rows, percentages([row["share"] for row in rows]), strict=True):
        if not row["rows"]:
            continue
        low, high = (None if row[end] is None else scale * row[end] for end in ("low", "high"))
        table.add_row(
            row["segment"],
            f"{share} %",
            _number(scale * row["predicted"], low, high),
            "" if row["observed"] is None else _between(scale, row["observed"], row["low"], row["high"]),
            _number(scale * row["baseline"], low, high, sign=False),
        )
    return table


def _between(scale: float, value: float, low: float | None, high: float | None) -> str:
    """Write a figure with its interval.

    >>> _between(100.0, 0.0764, 0.0699, 0.083)
    '+7.6 (+7.0 – +8.3)'
    """
    if low is None or high is None:
        return f"{_number(scale * value, None, None)} (no interval)"
    value, low, high = (scale * each for each in (value, low, high))
    if not has_width(low, high):
        return _number(value, low, high)
    if max(map(abs, (value, low, high))) >= _LARGE:
        return f"{value:+.3g} ({low:+.3g} – {high:+.3g})"
    return with_interval(value, low, high, sign="+", between=" – ")


def _number(value: float, low: float | None, high: float | None, *, sign: bool = True) -> str:
    """Write a number to the digits that its interval allows."""
    mark: Sign = "+" if sign else ""
    if abs(value) >= _LARGE:
        return f"{value:{mark}.3g}"
    return figures(value, low, high, sign=mark)[0]


def _all_checks(result: Mapping[str, Any]) -> Table:
    table = plain_table()
    table.add_column("check")
    table.add_column("")
    for name, check in result["checks"].items():
        word, colour = {None: ("not checked", ""), True: ("passed", "green"), False: ("FAILED", "bold red")}[
            check["passed"]
        ]
        if check["passed"] and check["said"]:
            word, colour = "asks", "yellow"
        table.add_row(CHECKS[name], Text(word, colour))
    return table
