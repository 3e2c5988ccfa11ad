"""The page of the uplift trust report: results by arm on held-out units, and whether they can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboards.kit import blocks as shared
from dashboards.kit.blocks import NO_VALUE, footer, header, pairs, wide_name, with_ends
from dashboards.kit.html import Markup, escape, page, table, tag
from dashboards.reports.uplift_arms import arm_block, interval_heading, sentence, verdict_title
from dashboards.reports.uplift_checks import alarms, checks_section
from tabkit.errors import SchemaError
from tabkit.uplift.decision import trust
from tabkit.uplift.effect_unit import EffectUnit, segment_decimals
from tabkit.wording import percentages, share

KEYS = (
    *("design", "kind", "rows", "held_out", "arms", "policies", "sample_ratio", "balance", "overlap", "placebos"),
    *("drift", "propensities"),
)

_POLICIES = (
    "The mean outcome per held-out unit if everybody were treated by the policy, costs taken off. By inverse "
    "propensity only units count that got what the policy wants: a check with no model in it. The model's gain is "
    "paired, on the same units; it is bold where its interval leaves out zero. The response model treats as many units "
    "as this one does: those with the highest expected outcome."
)
_SEGMENTS = (
    "Effects are in {unit}. Names go by what was predicted, the observed effect and its interval by what was seen. "
    "Persuadables have a predicted effect of at least the cost of contact (without costs: of half the average effect), "
    "sleeping dogs at most minus that. Of the others, sure things have at least the mean baseline, lost causes less; "
    "the baseline is the expected outcome without contact. What fewer than {few} units did is left out."
)

# What so few units did says nothing, and their interval would be a guess too.
FEW = 30
# In all columns of a table of segments that is to stand beside another.
MOST_LETTERS = 52


def report_page(
    report: Mapping[str, Any], *, title: str, facts: Sequence[tuple[str, str]] = (), notes: Sequence[str] = ()
) -> str:
    """Return the trust report as one HTML page without scripts or outside requests.

    Parameters
    ----------
    report
        Plain data, as an uplift model keeps it of its evaluation: ``design``, ``kind``, ``rows`` (by arm, control
        first), ``held_out``, ``arms``, ``policies``, ``sample_ratio``, ``balance``, ``overlap``, ``placebos``,
        ``drift`` and ``propensities``; None stands for what is not a number.
    title
        The heading.
    facts, notes
        Names with values, and sentences, beside those that follow from the report.

    Raises
    ------
    SchemaError
        The report lacks parts.
    ImportError
        The `dashboards` extra is not installed.
    """
    missing = [name for name in KEYS if name not in report]
    if missing:
        raise SchemaError(
            f"the uplift report lacks {', '.join(missing)}", advice="give it the report of a trained uplift model"
        )
    unit = EffectUnit(report["kind"])
    blocks = (
        header("Uplift: trust report", title=title, verdict=_verdict(report)),
        *alarms(report),
        *(part for arm in report["arms"] for part in arm_block(arm, report, unit)),
        *_policies(report["policies"], unit),
        *_segments(report["arms"], unit),
        *checks_section(report, unit),
        *pairs([*shared.facts([*_facts(report), *facts]), *shared.notes([*_notes(report), *notes])]),
        footer(),
    )
    return page(title, *blocks, made_by="uplift report")


def _verdict(report: Mapping[str, Any]) -> str:
    arms, found = report["arms"], trust.findings(report)
    if len(arms) == 1:
        return sentence(verdict_title(arms[0], found))
    return " ".join(f"{arm['arm']} \N{EN DASH} {verdict_title(arm, found)}." for arm in arms)


def _policies(policies: Sequence[Mapping[str, Any]], unit: EffectUnit) -> Iterator[Markup]:
    if not policies:
        return
    level = interval_heading(policies[0]["doubly_robust"]["level"])
    names = ("Policy", f"Value ({level})", "By inverse propensity", "Treated", f"Gain of this model over it ({level})")
    rows = [_policy(found, unit) for found in policies]
    remark = tag("p", escape(_POLICIES), class_="remark")
    head = [escape(name) for name in names]
    yield tag(
        "section", tag("h2", escape("What policies are worth")), table(head, rows, kind="numbers"), remark,
        class_="block",
    )  # fmt: skip


def _policy(found: Mapping[str, Any], unit: EffectUnit) -> list[Markup]:
    robust, weighted, gain = found["doubly_robust"], found["weighted"], found["gain"]
    name = "this model" if found["policy"] == "model" else found["policy"]
    value = with_ends(*unit.level(robust["value"], robust["low"], robust["high"]))
    plain = unit.level(weighted["value"], weighted["low"], weighted["high"])[0]
    shown = escape("")
    if gain is not None:
        parts = gain["value"], gain["low"], gain["high"]
        shown = with_ends(unit.named(*parts), unit.effect(*parts)[1])
        sure = None not in parts and gain["low"] < gain["high"] and (gain["low"] > 0 or gain["high"] < 0)
        shown = tag("strong", shown) if sure else shown
    cells = [wide_name(name), value, escape(plain), escape(share(robust["treated"]))]
    return [*cells, shown]


def _segments(arms: Sequence[Mapping[str, Any]], unit: EffectUnit) -> Iterator[Markup]:
    """Return a table per arm, side by side where they are narrow enough."""
    found = {arm["arm"]: _segment_rows(arm["segments"], unit) for arm in arms if arm["segments"]}
    if not found:
        return
    beside = len(found) > 1 and all(_letters(rows) <= MOST_LETTERS for rows in found.values())
    tables = [_segment_table(name, rows) for name, rows in found.items()]
    last = tag("p", escape(_SEGMENTS.format(few=FEW, unit=unit.heading)), class_="remark", style="margin-bottom: 48px")
    if beside:
        yield tag("div", *tables, class_="pair")
    else:
        yield from (tag("div", each, style="margin-bottom: 32px") for each in tables[:-1])
        yield tables[-1]
    yield last


def _segment_rows(segments: Sequence[Mapping[str, Any]], unit: EffectUnit) -> list[tuple[str, ...]]:
    """Return the texts of the rows, effects with as many decimals as the largest segment supports."""
    decimals = segment_decimals(segments, unit)
    sizes = percentages([found["share"] for found in segments])
    return [_segment(found, unit, decimals, size) for found, size in zip(segments, sizes, strict=True)]


def _segment(found: Mapping[str, Any], unit: EffectUnit, decimals: int | None, size: str) -> tuple[str, ...]:
    count, few = found["rows"], found["rows"] < FEW
    observed = unit.effect(found["observed"], found["low"], found["high"], decimals=decimals)
    alone = share(found["share"])  # less than one per cent reads as such
    return (
        found["segment"],
        f"{count} unit{'s' * (count > 1)}" if count and few else alone if alone[0] in "<>" else f"{size}%",
        unit.effect(found["predicted"], decimals=decimals)[0],
        *((NO_VALUE, NO_VALUE) if few else observed),
        unit.level(found["baseline"])[0],
    )


def _letters(rows: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) for column in zip(*rows, strict=True))


def _segment_table(arm: str, rows: Sequence[tuple[str, ...]]) -> Markup:
    head = [escape(text) for text in ("Segment", "Share", "Predicted", "Observed", "Baseline")]
    cells = [
        [*map(escape, (name, size, predicted)), with_ends(observed, both), escape(baseline)]
        for name, size, predicted, observed, both, baseline in rows
    ]
    return tag("section", tag("h2", escape(f"Segments: {arm}")), table(head, cells, kind="numbers"))


def _facts(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    total = sum(report["rows"].values())
    yield "Design", str(report["design"])
    yield "Outcome", str(report["kind"])
    yield "Units", f"{total:,}"
    for place, (arm, count) in enumerate(report["rows"].items()):
        yield f"Arm: {arm}" + ("" if place else " (control)"), f"{count:,}"
    yield "Held out", f"{report['held_out']:,} ({share(report['held_out'] / max(total, 1))})"
    basis = report.get("basis")
    if basis is not None and basis["whom"] == "kept":
        yield "Units that effects rest on", f"{sum(basis['units'].values()):,} of {total:,}"
        yield "Held-out units that verdicts rest on", f"{basis['held_out']:,} of {report['held_out']:,}"


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    if report["design"] == "observational":
        yield (
            "Chance did not decide who was treated. Everything here rests on the columns holding all that decided both "
            "treatment and outcome (no unmeasured confounding); no check on this page can show that it holds."
        )
        if (report["overlap"] or {}).get("trimmed") and trust.passed("overlap", trust.findings(report)):
            yield "Effects say nothing about the units that were trimmed: they are in none of them."
    else:
        yield (
            "Chance alone is taken to have decided the arms. Effects are of these units at that time; others, or a "
            "later time, may react otherwise."
        )
    yield (
        "Intervals are of held-out units for these very models: they do not say how much models learned from other "
        "units would differ. Only those of average effects are of all units."
    )
    yield "Bands of curves hold at each share by itself; a whole curve leaves its band more often."
    if len(report["arms"]) > 1:
        yield (
            "Verdicts are made at a level that holds for all arms together, so they may be stricter than the intervals "
            "shown, each of which stands for itself."
        )
    rankings = [arm[name] for arm in report["arms"] for name in ("qini", "response") if arm[name] is not None]
    undefined = max((each["undefined"] for each in rankings), default=0)
    if undefined:
        yield f"Up to {undefined:,} resamples were left out of intervals: rankings were undefined on them."
