"""The judge of an experiment's checks: which passed, which failed, and how that limits the verdict.

It reads a report as plain data, so that a verdict, the terminal, the page and JSON cannot say different things of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tabkit.uplift.decision.verdict import TITLES
from tabkit.uplift.design.strength import Strength
from tabkit.uplift.effect_unit import EffectUnit
from tabkit.uplift.limits import DRIFT, LITTLE, MOST_TRIMMED, MUCH, TRIMMED, UNLIKELY
from tabkit.wording import Sign, number

Result = Literal["pass", "note", "asks", "FAIL", "not checked"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Parameters
    ----------
    name
        Of the check, a key of `CHECKS`.
    result
        ``asks`` if nothing is shown to be wrong, but the user must know something that no column says; ``note`` if
        that is likely.
    said
        What is wrong, or asked, as half a sentence; empty where the check passed.
    subject
        The arm or column, of a check that is made of several.
    fatal
        Whether no effect can be believed.
    """

    name: str
    result: Result
    said: str = ""
    subject: str = ""
    fatal: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is shown at the head of everything that shows a number."""
        return self.result in ("FAIL", "asks", "note")

    @property
    def reserves(self) -> bool:
        """Whether it is a reservation about the verdict."""
        return self.result in ("FAIL", "asks")


CHECKS: Mapping[str, str] = {
    "sample_ratio": "sample ratio",
    "balance": "balance of features",
    "agreement": "agreement of estimates",
    "outcome_models": "what tells the outcome",
    "clusters": "units treated together",
    "copies": "copies of units",
    "overlap": "overlap of arms",
    "placebo_treatment": "placebo treatment",
    "placebo_outcomes": "placebo outcomes",
    "drift": "drift to held-out units",
}
"""What a person calls each check."""


def findings(report: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return the results of all checks, in the order shown.

    Parameters
    ----------
    report
        Plain data, as an uplift model keeps it. What older reports lack was not checked.
    """
    found: list[Finding] = []
    for check in _JUDGES:
        found.extend(check(report))
    return tuple(found)


def passed(name: str, found: Sequence[Finding]) -> bool | None:
    """Return whether a check passed in all its parts; None where there was nothing to check."""
    results = [each.result for each in found if each.name == name and each.result != "not checked"]
    return "FAIL" not in results if results else None


def broken(found: Sequence[Finding]) -> str | None:
    """Return why no effect can be trusted, if that is so."""
    return "; ".join(dict.fromkeys(each.said for each in found if each.fatal)) or None


def reason(why: str, said: Sequence[str]) -> str:
    """Return the reason for a verdict, without repeating what `sentences` says.

    >>> reason("sizes are wrong", ["Sizes are wrong.", "Copies were made."]), reason("no effect", ["Sizes are wrong."])
    ('nothing can be believed, for what stands above', 'no effect')
    """
    heads = ("; ".join(text.removesuffix(".") for text in said[: place + 1]) for place in range(len(said)))
    return "nothing can be believed, for what stands above" if why.lower() in map(str.lower, heads) else why


def reservations(found: Sequence[Finding]) -> list[Finding]:
    """Return the reservations about a verdict."""
    return [each for each in found if each.reserves and not each.fatal]


def sentences(found: Sequence[Finding]) -> list[str]:
    """Return failures and warnings as sentences, fatal ones first.

    >>> sentences([Finding("drift", "FAIL", "held-out units are not like the others"), Finding("balance", "pass")])
    ['Held-out units are not like the others.']
    """
    said = [each.said for each in sorted(found, key=lambda each: not each.fatal) if each.counts]
    whole = (f"{text[:1].upper()}{text[1:]}" for text in dict.fromkeys(said))
    return [text if text.endswith("?") else f"{text}." for text in whole]


def title(word: str, found: Sequence[Finding]) -> str:
    """Return a verdict as a title, which says if there are reservations.

    >>> title("usable", [Finding("drift", "FAIL", "held-out units are not like the others")])
    'ranking usable, with reservations'
    """
    words: Mapping[Any, str] = TITLES
    known = words.get(word, word)
    return f"{known}, with reservations" if word != "none" and any(each.reserves for each in found) else known


def _sample_ratio(report: Mapping[str, Any]) -> Iterator[Finding]:
    p = report["sample_ratio"]["p"]
    if p is None:
        yield Finding("sample_ratio", "not checked")
    elif p < UNLIKELY:
        why = f"the arms do not have the sizes that were planned (p = {p:.2g}): something other than chance chose"
        yield Finding("sample_ratio", "FAIL", why, fatal=True)
    else:
        yield Finding("sample_ratio", "pass")


def _balance(report: Mapping[str, Any]) -> Iterator[Finding]:
    rows = report["balance"]
    if not rows:
        yield Finding("balance", "not checked")
        return
    apart = unbalanced(report)
    if not apart:
        yield Finding("balance", "pass")
        return
    weighted = report["design"] == "observational"
    size = "smd_weighted" if weighted else "smd"
    worst = max(apart, key=lambda row: abs(row[size]))
    named = list(dict.fromkeys(repr(row["column"]) for row in sorted(apart, key=lambda row: -abs(row[size]))))
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    how = "after weighting the arms are still not alike" if weighted else "features differ between arms beyond chance"
    said = f"{how}: {', '.join(named[:3])}{more}, by up to {abs(worst[size]):.2f} standard deviations"
    yield Finding("balance", "FAIL", said, fatal=abs(worst[size]) >= MUCH and not _known(report))


def _known(report: Mapping[str, Any]) -> bool:
    """Whether features differ between arms and the user said that this is no matter: then they may tell the arm too."""
    return bool(report.get("allow_imbalance")) and bool(unbalanced(report))


def unbalanced(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows of the balance whose difference is beyond chance and, weighted, not small."""
    rows = report["balance"]
    level = UNLIKELY / report.get("balance_tests", max(len(rows), 1))
    if report["design"] != "observational":
        return [row for row in rows if row["p"] is not None and row["p"] < level]
    weighted = [row for row in rows if row.get("smd_weighted") is not None]
    return [row for row in weighted if abs(row["smd_weighted"]) > LITTLE and (row.get("p_weighted") or 0.0) < level]


def _agreement(report: Mapping[str, Any]) -> Iterator[Finding]:
    agreement = report.get("agreement")
    if agreement is None:
        yield Finding("agreement", "not checked")
        return
    if agreement["p"] >= UNLIKELY:
        yield Finding("agreement", "pass")
        return
    gaps = ", ".join(f"{each['arm']!r} by {_effect(each['value'], report)}" for each in agreement["gaps"])
    said = (
        f"the doubly robust effect and the difference in means disagree beyond their errors ({gaps}; p = "
        f"{agreement['p']:.2g}): features that tell the outcome differ between arms, so one was measured after "
        "contact, or something other than chance chose"
    )
    yield Finding("agreement", "FAIL", said, fatal=not _known(report))


def _outcome_models(report: Mapping[str, Any]) -> Iterator[Finding]:
    told = _strength(report)
    if told is None or told.level == "little":
        yield Finding("outcome_models", "not checked" if told is None or told.r2 is None else "pass")
        return
    measure = f"AUC {told.auc:.3f}" if told.auc is not None else f"R2 {told.r2:.3f}"
    alone = ", ".join(f"{name!r} {size:.2f}" for name, size in told.alone)
    shown = f"({measure}; alone: {alone})" if alone else f"({measure})"
    if told.level == "exact":
        said = (
            f"features tell the outcome of unseen units almost without error {shown}: what was known before contact "
            "cannot do that; leave out what came after it (--exclude)"
        )
        yield Finding("outcome_models", "FAIL", said, fatal=True)
        return
    said = (
        f"features tell the outcome of unseen units very well {shown}: if one of them was measured after contact, the "
        f"effect is taken out with it; leave such a one out (--exclude){_both_estimates(report)}. Were all known "
        "before?"
    )
    yield Finding("outcome_models", told.level, said)


def _both_estimates(report: Mapping[str, Any]) -> str:
    """Return the two estimates of each arm, of which the plain one does not hang on features."""
    if report["design"] == "observational":
        return ""
    shown = []
    for arm in report.get("arms", ()):
        robust, plain = (
            f"{_effect(arm[name]['value'], report)} (error {_effect(arm[name]['se'], report, sign='')})"
            for name in ("effect", "difference")
        )
        shown.append(f"{arm['arm']} {robust} with features, {plain} without")
    return f". Effect of {'; '.join(shown)}" if shown else ""


def _clusters(report: Mapping[str, Any]) -> Iterator[Finding]:
    found = report.get("together")
    if found is None:
        yield Finding("clusters", "pass" if "together" in report else "not checked")
        return
    shared = " and ".join(map(repr, found["columns"]))
    said = (
        f"units with the same {shared} were given the same arm: {found['groups']:,} groups with {found['units']:,} "
        "units were assigned whole, so that errors are too small and rankings learn the groups; name the column of "
        "the groups (--group), made of these if there is none, or leave them out if they came after contact"
    )
    yield Finding("clusters", "FAIL", said, fatal=not _known(report))


def _copies(report: Mapping[str, Any]) -> Iterator[Finding]:
    found = report.get("copies")
    if found is None:
        yield Finding("copies", "pass" if "copies" in report else "not checked")
        return
    said = (
        f"{100 * found['share']:.0f} % of the held-out units also stand among the others, alike in features, arm and "
        f"outcome (by chance: {100 * found['by_chance']:.0f} %): if units were copied, errors are too small and "
        "rankings flattered; remove the copies"
    )
    yield Finding("copies", "FAIL", said)


def _overlap(report: Mapping[str, Any]) -> Iterator[Finding]:
    overlap = report["overlap"]
    if overlap is None:
        return
    part = overlap["trimmed"] / max(overlap["rows"], 1)
    if part <= TRIMMED:
        yield Finding("overlap", "pass")
        return
    kept = overlap["rows"] - overlap["trimmed"]
    said = (
        f"{overlap['trimmed']:,} of {overlap['rows']:,} units ({100 * part:.0f} %) have no counterpart in another arm "
        f"and are left out: everything rests on the other {kept:,}, and says nothing of the rest"
    )
    yield Finding("overlap", "FAIL", said, fatal=part > MOST_TRIMMED)


def _placebos(report: Mapping[str, Any]) -> Iterator[Finding]:
    columns = [each for each in report["placebos"] if each["name"] != "placebo treatment"]
    drawn = [each for each in report["placebos"] if each["name"] == "placebo treatment"]
    for name, group in (("placebo_treatment", drawn), ("placebo_outcomes", columns)):
        if not group:
            yield Finding(name, "not checked")
        for each in group:
            subject = f"{each['name']}/{each['arm']}"
            if each["passed"]:
                yield Finding(name, "pass", subject=subject)
            elif name == "placebo_treatment":  # null by its making, so that only errors can be wrong, or luck
                said = "half of the control units, drawn by chance, differ from the other half: errors may be too small"
                yield Finding(name, "FAIL", said, subject)
            else:
                said = f"there is an effect where there can be none: on {each['name']!r}"
                yield Finding(name, "FAIL", said, subject, fatal=True)


def _drift(report: Mapping[str, Any]) -> Iterator[Finding]:
    if not report["drift"]:
        yield Finding("drift", "not checked")
    same = report.get("passed_over")
    if isinstance(same, str) and same:
        yield Finding("drift", "note", same.removesuffix("."))
    for each in report["drift"]:
        z = each["z"]
        if z is None:
            yield Finding("drift", "not checked", subject=each["arm"])
        elif abs(z) > DRIFT:
            said = f"the effect of {each['arm']} on held-out units is not that on the others (z = {z:.1f})"
            yield Finding("drift", "FAIL", said, each["arm"])
        else:
            yield Finding("drift", "pass", subject=each["arm"])


def _strength(report: Mapping[str, Any]) -> Strength | None:
    found = report.get("strength")
    return None if found is None else Strength(found["r2"], found["auc"], tuple(map(tuple, found["alone"])))


def _effect(value: float | None, report: Mapping[str, Any], *, sign: Sign = "+") -> str:
    unit = EffectUnit(report["kind"])
    shown = number(unit.scaled(value)[0], sign=sign)
    return f"{shown} %p" if unit.binary and value is not None else shown


_JUDGES: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (
    _sample_ratio,
    _balance,
    _agreement,
    _outcome_models,
    _clusters,
    _copies,
    _overlap,
    _placebos,
    _drift,
)
