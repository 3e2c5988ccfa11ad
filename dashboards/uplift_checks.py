"""The checks of the uplift trust report: sizes of arms, balance, overlap, placebos and drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from dashboards import uplift_charts
from dashboards.charts import WIDTH, svg
from dashboards.html import Markup, escape, figure, table, tag
from dashboards.lifetime_parts import block, number, share
from dashboards.parts import NO_VALUE, pairs
from dashboards.uplift_parts import Unit, ends, wide_name
from tabkit.uplift.design import MISMATCH

Result = Literal["pass", "FAIL", "not checked"]

# Within them nobody would ask why: three standard errors, and a tenth of the units.
DRIFT_Z, TRIMMED = 3.0, 0.1
UNLIKELY = 0.001
MOST_COLUMNS = 15

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


def checks(report: Mapping[str, Any], unit: Unit) -> list[Check]:
    """Return all checks of a report, in the order shown."""
    return [
        _sample_ratio(report),
        _balance(report),
        *_overlap(report),
        *(_placebo(found, unit) for found in report["placebos"]),
        *(_drift(found, unit) for found in report["drift"]),
    ]


def alarms(report: Mapping[str, Any]) -> Iterator[Markup]:
    """Return a loud line where the arms or a placebo say that no effect can be believed; else nothing."""
    said = []
    if _sample_ratio(report).result == "FAIL":
        said.append("Arms are not as large as planned: something other than chance decided who is in the table.")
    failed = [placebo["name"] for placebo in report["placebos"] if not placebo["passed"]]
    if failed:
        named = ", ".join(dict.fromkeys(failed))
        said.append(f"There is an effect where there can be none: {named}.")
    if said:
        style = "margin: 0 0 40px; padding: 14px 18px; border-left: 6px solid #d55e00; background: #fdf1e8"
        words = tag("strong", escape("Do not use these effects. "))
        yield tag("p", words, escape(" ".join(said)), role="alert", style=style)


def checks_section(report: Mapping[str, Any], unit: Unit) -> Iterator[Markup]:
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
    return tag("strong", words, style="color: #b34700") if result == "FAIL" else words


def _sample_ratio(report: Mapping[str, Any]) -> Check:
    ratio, name = report["sample_ratio"], "Sample ratio"
    if ratio["p"] is None:
        return Check(name, "not checked", "No planned shares were given: nothing to check.")
    counts, planned = ratio["rows"], ratio["expected"] or ()
    total = max(sum(counts), 1)
    told = "; ".join(
        f"{arm} {count / total:.2%}, planned {part:.2%}"
        for arm, count, part in zip(report["rows"], counts, planned, strict=False)
    ).replace("%", "\u00a0%")
    told += f" ({_p(ratio['p'])})."
    if ratio["p"] < MISMATCH:
        told = f"Mismatch: something other than chance decided who is in the table. {told}"
    return Check(name, "FAIL" if ratio["p"] < MISMATCH else "pass", told)


def _balance(report: Mapping[str, Any]) -> Check:
    rows, name = report["balance"], "Balance of columns"
    if not rows:
        return Check(name, "not checked", "There is no column to compare.")
    if report["design"] == "observational":
        worst = max(rows, key=lambda row: abs(row.get("smd_weighted") or 0))
        size = abs(worst.get("smd_weighted") or 0)
        before = max(abs(row["smd"] or 0) for row in rows)
        told = f"Weighted, the largest difference left is {number(size, digits=2)} standard deviations ({_place(worst)}"
        told += f"); before it was {number(before, digits=2)}."
        level = UNLIKELY / report.get("balance_tests", len(rows))
        apart = [
            row
            for row in rows
            if abs(row.get("smd_weighted") or 0) > uplift_charts.LITTLE and (row.get("p_weighted") or 0) < level
        ]
        if apart:
            told += f" {len(apart)} differ by more than {uplift_charts.LITTLE:g} beyond chance: arms are not alike."
        return Check(name, "FAIL" if apart else "pass", told)
    worst = max(rows, key=lambda row: abs(row["smd"] or 0))
    told = (
        f"The largest difference is {number(abs(worst['smd'] or 0), digits=2)} standard deviations ({_place(worst)})."
    )
    level = UNLIKELY / report.get("balance_tests", len(rows))
    beyond = [row for row in rows if row["p"] is not None and row["p"] < level]
    if beyond:
        told += f" Chance does not explain {len(beyond)} of these differences."
    return Check(name, "FAIL" if beyond else "pass", told)


def _place(row: Mapping[str, Any]) -> str:
    level = "" if row["level"] is None else f" = {row['level']}"
    return f"{row['column']}{level}, {row['arm']}"


def _overlap(report: Mapping[str, Any]) -> Iterator[Check]:
    found = report["overlap"]
    if found is None:
        return
    part = found["trimmed"] / max(found["rows"], 1)
    limit = "in the picture" if found["trim"] is None else f"a propensity below {found['trim']:g} for any arm"
    sizes = zip(report["rows"].items(), found["effective"], strict=False)
    kept = ", ".join(f"{arm} {number(size)} of {count:,}" for (arm, count), size in sizes)
    told = (
        f"{found['trimmed']:,} of {found['rows']:,} units ({share(part, digits=1)}) have {limit} and are left out. "
        f"Effective sample sizes of the others, weighted: {kept}. "
        f"Propensities of contact go from {number(found['lowest'])} to {number(found['highest'])}."
    )
    if part > TRIMMED:
        told += f" More than {share(TRIMMED)} of the units are left out: the effects are those of a selection."
    yield Check("Overlap", "pass" if part <= TRIMMED else "FAIL", told)


def _placebo(found: Mapping[str, Any], unit: Unit) -> Check:
    drawn, value, se = found["name"] == "placebo treatment", found["value"], found["se"]
    both = (None, None) if value is None or se is None else (value - se, value + se)
    shown = unit.named(value, *both) if drawn else ends(value, *both, sign="+")[0]
    error = "" if se is None else f", error {number((unit.scale if drawn else 1.0) * se, digits=2)}"
    words = "Half of {}, drawn by chance, against the other half" if drawn else "Effect of {} on what it cannot change"
    told = f"{words.format(found['arm'])}: {shown}{error} ({_p(found['p'])})."
    name = "Placebo treatment" if drawn else f"Placebo: {found['name']}"
    return Check(name, "pass" if found["passed"] else "FAIL", told)


def _drift(found: Mapping[str, Any], unit: Unit) -> Check:
    z = found["z"]
    fit, held = (unit.effect(found[name])[0] for name in ("effect_fit", "effect_holdout"))
    told = f"Average effect {fit} where it was learned, {unit.named(found['effect_holdout'])} held out"
    told = told if held != NO_VALUE else f"{told} (unknown)"
    told += "" if z is None else f" (z\u00a0=\u00a0{z:.1f})"
    apart = z is not None and abs(z) > DRIFT_Z
    told += ": held-out units are not like the others." if apart else "."
    result: Result = "not checked" if z is None else "FAIL" if apart else "pass"
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
        caption=_LOVE.format(count=count, little=uplift_charts.LITTLE),
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
