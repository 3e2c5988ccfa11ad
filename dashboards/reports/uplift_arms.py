"""The trust report's section of one arm: verdict, numbers and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl

from dashboards.charts import uplift as uplift_charts
from dashboards.charts.rendering import svg
from dashboards.kit.blocks import NO_VALUE, block, pairs
from dashboards.kit.html import Markup, escape, figure, table, tag
from tabkit.uplift.decision.trust import Finding, findings, reason, sentences, title
from tabkit.uplift.effect_unit import EffectUnit
from tabkit.wording import number, spelled

# Name, value with interval, and how to read it.
Row: TypeAlias = tuple[str, tuple[str, str], str]

# By the verdict's word: a colour beside the words that say it, never in place of them.
_COLOURS = {"usable": "#009e73", "average only": "#e69f00", "none": "#8a93a0"}

_GAIN = (
    "Whom to treat first: the summed effect on the top share of the units, spread over all units. The further the "
    "curve rises above the straight line, the better the ranking; all curves meet where everybody is treated. Where "
    "a curve falls, treating more does harm."
)
_ONE = " All predicted effects are equal here, so every order is a random one: treat all or none."
_TOC = (
    "How much larger the effect on the top share is than on all units. A ranking that works starts above zero and "
    "falls to it; the first shares are few units, and most of their band may be cut off."
)
_GROUPS = (
    "Held-out units in groups by their predicted effect, with the effect that was seen and its interval. Dots along "
    "the dashed line: predictions can be taken at their word. Dots along the dotted line: units do not differ as "
    "predicted."
)


_RESERVED = "#e69f00"


def verdict_title(arm: Mapping[str, Any], found: Sequence[Finding] = ()) -> str:
    """Return an arm's verdict in words, with what checks found."""
    return title(arm["verdict"]["word"], found)


def sentence(text: str) -> str:
    """Return words as a sentence.

    >>> sentence("no evidence")
    'No evidence.'
    """
    return f"{text[:1].upper()}{text[1:]}."


def interval_heading(level: float | None) -> str:
    """Return what stands above a column of intervals.

    >>> interval_heading(0.95)
    '95% interval'
    """
    return "Interval" if level is None else f"{100 * level:.3g}% interval"


def arm_block(arm: Mapping[str, Any], report: Mapping[str, Any], unit: EffectUnit) -> Iterator[Markup]:
    """Return the block of an arm: the verdict with why, its numbers and its pictures."""
    found = findings(report)
    word = arm["verdict"]["word"]
    reserved = word == "usable" and any(each.reserves for each in found)
    colour = _RESERVED if reserved else _COLOURS.get(word, _COLOURS["none"])
    yield tag(
        "div",
        tag("p", escape(f"Arm: {arm['arm']}"), class_="kind", style="text-transform: none; letter-spacing: 0"),
        tag("h2", escape(sentence(verdict_title(arm, found))), style="margin: 0 0 4px; font-size: 24px"),
        tag("p", escape(sentence(reason(arm["verdict"]["why"], sentences(found)))), class_="verdict"),
        style=f"margin-bottom: 20px; padding-left: 16px; border-left: 6px solid {colour}",
    )
    head = [escape(text) for text in ("Measure", "Value", interval_heading(arm["effect"]["level"]), "How to read it")]
    yield block(table(head, list(_numbers(arm, report, unit)), kind="parameters"))
    yield from _pictures(arm, unit)


def _numbers(arm: Mapping[str, Any], report: Mapping[str, Any], unit: EffectUnit) -> Iterator[list[Markup]]:
    """Yield the rows of an arm's table; where all predictions are equal, without what says nothing then."""
    flat = arm["line"]["slope"] is None
    rows = [*_averages(arm, report, unit), *_rankings(arm, unit, flat=flat)]
    if not flat:
        line = arm["line"]
        words = "1: differences are as large as predicted; 0: none of them is real"
        rows.append(("Calibration slope", spelled(line["slope"], line["slope_low"], line["slope_high"]), words))
        rows += _classical(arm["classical"], unit)
    for name, (value, both), words in rows:
        yield [escape(text) for text in (name, value, "" if both == NO_VALUE else both, words)]


def _averages(arm: Mapping[str, Any], report: Mapping[str, Any], unit: EffectUnit) -> Iterator[Row]:
    randomised = report["design"] == "randomised"
    whom = "over all units"
    if not randomised:
        kept = (report.get("basis") or {}).get("units")
        count = "all" if kept is None else f"the {sum(kept.values()):,}"
        whom = f"over {count} units that were not trimmed, of {sum(report['rows'].values()):,}"
    yield "Average effect, doubly robust", _effect(arm["effect"], unit), f"treating all against treating none, {whom}"
    treated = arm.get("on_treated")
    if treated is not None:
        words = (
            f"what it changed for those who got it: {treated['units']:,} of {treated['of']:,}, against control units "
            f"weighted to be like them, as good as {number(treated['controls'])}"
        )
        yield "Effect on the treated", _effect(treated["effect"], unit), words
    plain = "no model in it: it should say the same"
    biased = "for comparison: biased, for chance did not decide who was treated"
    yield "Difference in means", _effect(arm["difference"], unit), plain if randomised else biased


def _rankings(arm: Mapping[str, Any], unit: EffectUnit, *, flat: bool) -> Iterator[Row]:
    words = "gain over a random order, mean over all shares; a constant effect has 0"
    equal = "all predicted effects are equal: there is no ranking to judge"
    yield "Qini", _effect(arm["qini"], unit), equal if flat else words
    if arm["response"] is None:
        none = "no response model could be fitted: it expects the same of all units, and to beat it is no win"
        yield "Qini of the response model", (NO_VALUE, NO_VALUE), none
    else:
        yield "Qini of the response model", _effect(arm["response"], unit), "of ranking by expected outcome instead"
    if flat:
        return
    paired = "paired, on the same units: above 0 the uplift model ranks better"
    if arm["against_response"] is not None:
        against = _effect(arm["against_response"], unit)
        yield "Qini less the response model\N{RIGHT SINGLE QUOTATION MARK}s", against, paired
    yield "AUTOC", _effect(arm["autoc"], unit), "like Qini, with most weight on the very top; a constant effect has 0"


def _effect(found: Mapping[str, Any], unit: EffectUnit) -> tuple[str, str]:
    parts = found["value"], found["low"], found["high"]
    return unit.named(*parts), unit.effect(*parts)[1]


def _classical(found: Mapping[str, Any], unit: EffectUnit) -> Iterator[Row]:
    """Yield the metrics that other tools have, with their definitions."""
    named = {
        "qini_normalised": ("Qini coefficient", "area over a random order\N{RIGHT SINGLE QUOTATION MARK}s by that of a "
                            "perfect order (scikit-uplift: qini_auc_score)"),
        "uplift_auc_normalised": ("Uplift AUC", "the same of the uplift curve (scikit-uplift: uplift_auc_score)"),
    }  # fmt: skip
    for key, (name, words) in named.items():
        if key in found:
            yield name, spelled(found[key], None, None), words
    if "uplift_at_30" in found:
        value = found["uplift_at_30"]
        yield "Uplift at 30%", (unit.named(value), NO_VALUE), "difference in means among the top 30%"


def _pictures(arm: Mapping[str, Any], unit: EffectUnit) -> Iterator[Markup]:
    """Return the pictures of an arm; where all predictions are equal, only that of gains."""
    name, flat = arm["arm"], arm["line"]["slope"] is None
    gain = _curve(arm["curve"], "gain", unit)
    if gain.height:
        words = f"Gain, {unit.words} per unit" if unit.words else "Gain per unit"
        response = None if arm["response_curve"] is None else _curve(arm["response_curve"], "gain", unit)
        drawn = uplift_charts.gain(gain, response=response, title=words)
        rankings = "its ranking" if response is None else "two rankings"
        label = f"Line chart of the gain from {name} by share of units treated, by {rankings} and a random order."
        yield block(figure(svg(drawn), title=f"Gain of targeting: {name}", label=label, caption=_GAIN + _ONE * flat))
    if flat:
        return
    yield from pairs(list(_small(arm, unit)))


def _small(arm: Mapping[str, Any], unit: EffectUnit) -> Iterator[Markup]:
    name = arm["arm"]
    toc = _curve(arm["curve"], "toc", unit)
    if toc.height:
        words = f"Effect less the average, {unit.words}" if unit.words else "Effect less the average"
        yield figure(
            svg(uplift_charts.toc(toc, title=words)),
            title="Effect on the top share",
            label=f"Line chart of the effect of {name} on the top share less the average effect, with its band.",
            caption=_TOC,
        )
    groups = pl.DataFrame({column: _scaled(arm["groups"][column], unit) for column in uplift_charts.GROUPS})
    if groups.height:
        average = arm["line"]["average"]
        drawn = uplift_charts.calibration(
            groups, average=None if average is None else unit.scale * average, unit=unit.words
        )
        yield figure(
            svg(drawn),
            title="Calibration: observed against predicted",
            label=f"Dots of the observed against the predicted effect of {name} by group, with intervals.",
            caption=_GROUPS,
        )


def _curve(found: Mapping[str, Any], name: str, unit: EffectUnit) -> pl.DataFrame:
    """Return a curve with its band as a frame, effects in the unit shown."""
    columns = {name: found[name], "low": found[f"{name}_low"], "high": found[f"{name}_high"]}
    share_ = pl.Series("share", found["share"], dtype=pl.Float64)
    empty = [None] * len(share_)
    values = {column: _scaled(empty if each is None else each, unit) for column, each in columns.items()}
    return pl.DataFrame({"share": share_, **values})


def _scaled(values: Sequence[float | None], unit: EffectUnit) -> pl.Series:
    return pl.Series([None if value is None else unit.scale * value for value in values], dtype=pl.Float64)
