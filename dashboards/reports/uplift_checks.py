"""The checks of the uplift trust report: sizes of arms, balance, overlap, placebos and drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from dashboards.charts import uplift as uplift_charts
from dashboards.charts.rendering import svg
from dashboards.charts.style import WIDTH
from dashboards.kit.blocks import NO_VALUE, block, pairs, wide_name
from dashboards.kit.html import Markup, escape, figure, table, tag
from tabkit.uplift.decision import trust
from tabkit.uplift.decision.trust import Finding, Result
from tabkit.uplift.effect_unit import EffectUnit
from tabkit.uplift.limits import LITTLE
from tabkit.wording import number, percentages, share, spelled

MOST_COLUMNS = 15  # rows that a chart can name

_LOVE = (
    "The {count} that differ most, each by its largest difference in any level and any arm, in standard deviations. "
    "Left of the dashed line ({little:g}) a difference is small."
)
_OVERLAP = (
    "Upwards the units of the arm, downwards all others. Where one side has no bars there is nobody to compare with; "
    "beyond the dashed line units are left out."
)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was looked at, how it went and what was found."""

    name: str
    result: Result
    found: str


def checks(report: Mapping[str, Any], unit: EffectUnit) -> list[Check]:
    """Return all checks of a report, in the order shown; `tabkit.uplift.decision.trust` judges, here are the words."""
    found = trust.findings(report)
    by = {(each.name, each.subject): each for each in found}
    return [
        Check("Sample ratio", by["sample_ratio", ""].result, _sample_ratio(report)),
        Check("Balance of columns", by["balance", ""].result, _balance(report)),
        *(_told(each, report) for each in found if each.name in _TOLD and each.result != "not checked"),
        *(Check("Overlap", by["overlap", ""].result, words) for words in _overlap(report)),
        *(_placebo(each, by[_placebo_key(each)].result, unit) for each in report["placebos"]),
        *(_drift(each, by["drift", each["arm"]].result, unit) for each in report["drift"]),
    ]


def alarms(report: Mapping[str, Any]) -> Iterator[Markup]:
    """Return loud lines for all that checks found: what ends every belief, and what figures are to be read with."""
    found = trust.findings(report)
    grave = [each for each in found if each.fatal]
    rest, notes = trust.reservations(found), [each for each in found if each.result == "note"]
    for head, part, edge, ground in (
        ("Do not use these effects. ", grave, "#d55e00", "#fdf1e8"),
        ("Read with reservations. ", rest, "#e69f00", "#fdf8e8"),
        ("To be sure. ", notes, "#8a93a0", "#f3f5f8"),
    ):
        if part:
            style = f"margin: 0 0 24px; padding: 14px 18px; border-left: 6px solid {edge}; background: {ground}"
            words = tag("strong", escape(head))
            yield tag("p", words, escape(" ".join(trust.sentences(part))), role="alert", style=style)


def checks_section(report: Mapping[str, Any], unit: EffectUnit) -> Iterator[Markup]:
    """Return the table of checks with the pictures of balance and overlap."""
    rows = [(wide_name(check.name), _result(check.result), escape(check.found)) for check in checks(report, unit)]
    head = [escape(text) for text in ("Check", "Result", "What was found")]
    shown = tag("section", tag("h2", escape("Checks")), table(head, rows, kind="candidates"))
    yield tag("div", shown, class_="block")
    overlaps = list(_overlap_figure(report))
    beside = 0 < len(report["propensities"]) <= 2
    balances = list(_love_figure(report["balance"], width=WIDTH if beside else uplift_charts.WIDE))
    both = [*balances, *overlaps]
    yield from pairs(both) if beside else (block(part) for part in both)


def _result(result: Result) -> Markup:
    words = tag("span", escape(result), style="white-space: nowrap")
    return tag("strong", words, style="color: #b34700") if result in ("FAIL", "asks", "note") else words


_TOLD = {
    "agreement": (
        "Agreement of estimates",
        "Doubly robust effects and differences in means agree within their errors.",
    ),
    "outcome_models": ("What tells the outcome", "Features tell no more of it than one may know before contact."),
    "clusters": ("Units treated together", "Arms were drawn unit by unit, as far as columns show."),
    "copies": ("Copies of units", "No more held-out units are like others than chance explains."),
}


def _told(found: Finding, report: Mapping[str, Any]) -> Check:
    name, calm = _TOLD[found.name]
    words = trust.sentences([found])[0] if found.counts else calm
    if found.name == "agreement" and not found.counts:
        words += f" ({_p(report['agreement']['p'])})"
    return Check(name, found.result, words)


def _placebo_key(found: Mapping[str, Any]) -> tuple[str, str]:
    name = "placebo_treatment" if found["name"] == "placebo treatment" else "placebo_outcomes"
    return name, f"{found['name']}/{found['arm']}"


def _sample_ratio(report: Mapping[str, Any]) -> str:
    ratio = report["sample_ratio"]
    if ratio["p"] is None:
        return "No planned shares were given: nothing to check."
    counts, planned = ratio["rows"], ratio["expected"] or ()
    shares = (percentages(parts, decimals=2) for parts in (counts, planned))
    told = "; ".join(
        f"{arm} {came}%, planned {part}%" for arm, came, part in zip(report["rows"], *shares, strict=False)
    )
    told += f" ({_p(ratio['p'])})."
    return told


def _balance(report: Mapping[str, Any]) -> str:
    rows = report["balance"]
    if not rows:
        return "There is no column to compare."
    apart = trust.unbalanced(report)
    if report["design"] == "observational":
        worst = max(rows, key=lambda row: abs(row.get("smd_weighted") or 0))
        size = abs(worst.get("smd_weighted") or 0)
        before = max(abs(row["smd"] or 0) for row in rows)
        told = f"Weighted, the largest difference left is {number(size, digits=2)} standard deviations ({_place(worst)}"
        told += f"); before it was {number(before, digits=2)}."
        if apart:
            told += f" {len(apart)} differ by more than {LITTLE:g} beyond chance: arms are not alike."
        return told
    worst = max(rows, key=lambda row: abs(row["smd"] or 0))
    told = (
        f"The largest difference is {number(abs(worst['smd'] or 0), digits=2)} standard deviations ({_place(worst)})."
    )
    return told + (f" Chance does not explain {len(apart)} of these differences." if apart else "")


def _place(row: Mapping[str, Any]) -> str:
    level = "" if row["level"] is None else f" = {row['level']}"
    return f"{row['column']}{level}, {row['arm']}"


def _overlap(report: Mapping[str, Any]) -> Iterator[str]:
    overlap = report["overlap"]
    if overlap is None:
        return
    part = overlap["trimmed"] / max(overlap["rows"], 1)
    limit = "in the picture" if overlap["trim"] is None else f"a propensity below {overlap['trim']:g} for any arm"
    counts = (report.get("basis") or {}).get("units", report["rows"])
    sizes = zip(counts.items(), overlap["effective"], strict=False)
    kept = ", ".join(f"{arm} {number(size)} of {count:,}" for (arm, count), size in sizes)
    yield (
        f"{overlap['trimmed']:,} of {overlap['rows']:,} units ({share(part, decimals=1)}) have {limit} and are left "
        f"out. Effective sample sizes of the others, weighted: {kept}. "
        f"Propensities of contact go from {number(overlap['lowest'])} to {number(overlap['highest'])}."
    )


def _placebo(found: Mapping[str, Any], result: Result, unit: EffectUnit) -> Check:
    drawn, value, se = found["name"] == "placebo treatment", found["value"], found["se"]
    both = (None, None) if value is None or se is None else (value - se, value + se)
    shown = unit.named(value, *both) if drawn else spelled(value, *both, sign="+")[0]
    error = "" if se is None else f", error {number((unit.scale if drawn else 1.0) * se, digits=2)}"
    words = "Half of {}, drawn by chance, against the other half" if drawn else "Effect of {} on what it cannot change"
    told = f"{words.format(found['arm'])}: {shown}{error} ({_p(found['p'])})."
    name = "Placebo treatment" if drawn else f"Placebo: {found['name']}"
    return Check(name, result, told)


def _drift(found: Mapping[str, Any], result: Result, unit: EffectUnit) -> Check:
    z = found["z"]
    fit, held = (unit.effect(found[name])[0] for name in ("effect_fit", "effect_holdout"))
    told = f"Average effect {fit} where it was learned, {unit.named(found['effect_holdout'])} held out"
    told = told if held != NO_VALUE else f"{told} (unknown)"
    told += "" if z is None else f" (z\u00a0=\u00a0{z:.1f})"
    told += ": held-out units are not like the others." if result == "FAIL" else "."
    return Check(f"Drift: {found['arm']}", result, told)


def _p(value: float | None) -> str:
    r"""Return a p-value with its sign of equality.

    >>> _p(0.6659), _p(1e-12), _p(None)
    ('p\xa0=\xa00.67', 'p\xa0<\xa00.0001', 'p\xa0=\xa0n/a')
    """
    return "p\u00a0<\u00a00.0001" if value is not None and value < 1e-4 else f"p\u00a0=\u00a0{number(value, digits=2)}"


def by_column(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the size of each column's largest difference, before and after weighting, the largest first.

    >>> row = {"arm": "a", "column": "age", "level": None, "smd": -0.3, "p": 0.1}
    >>> by_column([row, {**row, "smd": 0.1}]).rows()
    [('age', 0.3, None)]
    """
    types = {"column": pl.String, "before": pl.Float64, "after": pl.Float64}
    plain = [(str(row["column"]), row["smd"], row.get("smd_weighted")) for row in rows]
    found = pl.DataFrame(plain, schema=types, orient="row").group_by("column", maintain_order=True)
    sizes = found.agg(pl.col("before", "after").abs().max())
    return sizes.sort("before", descending=True, nulls_last=True, maintain_order=True).head(MOST_COLUMNS)


def _love_figure(rows: Sequence[Mapping[str, Any]], *, width: int) -> Iterator[Markup]:
    columns = by_column(rows)
    if columns.is_empty():
        return
    count = f"{columns.height} columns" if columns.height > 1 else "column"
    yield figure(
        svg(uplift_charts.love(columns, width=width)),
        title="Balance: are the arms alike?",
        label="Dot plot of the size of standardised differences between arms, by column.",
        caption=_LOVE.format(count=count, little=LITTLE),
    )


def _overlap_figure(report: Mapping[str, Any]) -> Iterator[Markup]:
    frames = [_histogram(found) for found in report["propensities"]]
    frames = [frame for frame in frames if frame.height]
    if not frames:
        return
    trim = None if report["overlap"] is None else report["overlap"]["trim"]
    borders = () if not trim else (trim, 1 - trim) if len(report["rows"]) == 2 else (trim,)
    yield figure(
        svg(uplift_charts.overlap(pl.concat(frames), borders=borders)),
        title="Overlap: could each have been in another arm?",
        label="Mirrored histograms of propensities of the units of each arm and of all others.",
        caption=_OVERLAP,
    )


def _histogram(found: Mapping[str, Any]) -> pl.DataFrame:
    edges = found["edges"]
    sides = {name: [n / max(sum(found[name]), 1) for n in found[name]] for name in ("given", "others")}
    bins = pl.DataFrame({"low": edges[:-1], "high": edges[1:], **sides}).with_columns(arm=pl.lit(str(found["arm"])))
    return bins.select(uplift_charts.OVERLAP)
