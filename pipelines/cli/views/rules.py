"""What the `tabkit rules` and `tabkit explore` commands show on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.cli.views.kit import notes, page_line, plain_table, unit_note, visible
from tabkit.wording import NONE, between, decimals_of, number, share, spelled

_ALIKE = 0.8  # four fifths of the rows shared: much the same rule
_REPLICATED = ("replicated", "replicated, smaller effect")
_COLOURS = {
    "replicated": "green",
    "replicated, smaller effect": "yellow",
    "not replicated": "red",
    "reversed": "red",
    "arms differ": "red",
}


def suggest_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `rules suggest` has to say: the rules that passed, where they were found and where proved."""
    lines: list[RenderableType] = [
        Text(f"{visible(result['goal'])}: {result['rows']:,} rows, {result['holdout']:,} of them held out to prove"),
        *notes(result["warnings"]),
    ]
    if result["rules"]:
        named = ((row["rule"]["name"], row["text"]) for row in result["rules"])
        lines += [Text(), _suggested(result), Text(), *_texts(named)]
    else:
        lines.append(Text("No rule was proved.", "bold"))
    lines += [Text(), *_notes(result["notes"])]
    looked = f"{result['searched']:,} rules looked at, {result['tested']} tested"
    lines.append(Text(f"Wrote {visible(result['output'])}; {looked}, {result['seconds']:.1f} s", "bold"))
    return Group(*lines)


def score_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `rules score` has to say: each rule on the further rows, and as it was when it was found."""
    names = ("rule", "inside", "value", "interval", "lift", "found", "verdict")
    table = plain_table(*names, left=["rule", "verdict"], overflow="fold")
    kind = result["kind"]
    for row in result["scores"]:
        before = row["before"] or {}
        table.add_row(
            Text(visible(row["name"])),
            share(row["coverage"], decimals=1),
            *_written(row, kind),
            _lift(row["lift"], kind),
            _lift(before.get("lift"), kind),
            _asking(row["verdict"], row["asked"]),
        )
    texts = _texts((row["name"], row["text"]) for row in result["scores"])
    pairs = {
        frozenset((row["name"], row["alike"]["name"]))
        for row in result["scores"]
        if row["alike"] and row["alike"]["jaccard"] > _ALIKE
    }
    alike = [
        Text(f"{visible(one)} and {visible(other)} share most of their rows: one will do.")
        for one, other in sorted(map(sorted, pairs))
    ]
    base = _written({"value": result["scores"][0]["base"]}, kind)[0]
    head = Text(
        f"{visible(result['goal'])} on {result['rows']:,} rows: {base} everywhere; found: the lift where it was found"
    )
    asked = notes(result["warnings"])
    return Group(head, *asked, Text(), table, Text(), *texts, *alike, Text(), *_notes(result["notes"]))


def worth_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `rules worth` has to say: metrics with and without the rules, and how sure the difference is."""
    table = plain_table("metric", "without", "with", "difference", "interval", left=["metric"])
    for row in result["metrics"]:
        digits = decimals_of(row["low"], row["high"])
        numbers = (number(row[name], decimals=digits) for name in ("without_rules", "with_rules"))
        value, ends = spelled(row["difference"], row["low"], row["high"], sign="+")
        table.add_row(row["metric"], *numbers, value, "" if ends == NONE else ends)
    uses = [
        Text(f"{visible(use['rule'])}: {use['share']:.1%} of all gain, mean rank {use['rank'] or 'n/a'}")
        for use in result["rules"]
    ]
    verdict = Text(visible(result["verdict"]), "bold")
    said = [*unit_note(result), *notes(result["warnings"]), *page_line(result)]
    return Group(table, Text(), *uses, verdict, *said)


def explore_view(result: Mapping[str, Any]) -> RenderableType:
    """Return what `explore` has to say: the page, what it shows and what it leaves out."""
    if result.get("served"):
        return Text("The server has stopped.")
    held = f", {result['holdout']:,} of them held out" if result["holdout"] else ""
    lines: list[RenderableType] = [
        Text(f"{result['kind']}: {visible(result['goal'])}"),
        *notes(result["warnings"]),
        Text(f"{result['rows']:,} rows{held}; {result['drawn']:,} lines on {result['axes']} axes"),
    ]
    lines += [Text(f"  {visible(one['name'])}: {visible(one['text'])}; {one['words']}") for one in result["given"]]
    if result["skipped"]:
        names = list(result["skipped"].items())
        lines += [Text(f"  not shown: {visible(name)} ({why})") for name, why in names[:5]]
        lines += [Text(f"  and {len(names) - 5:,} more columns")] if len(names) > 5 else []
    lines += _notes(result["notes"])
    if result["holdout"] and not result["embedded_holdout"]:
        lines.append(Text("The held-out rows are not in the page: --embed-holdout puts them in, --serve counts them."))
    size = f"{result['bytes'] / 1e6:.1f} MB, {result['seconds']:.1f} s"
    lines.append(Text(f"Wrote {visible(result['page'])} ({size}); open it in a browser", "bold"))
    return Group(*lines)


def _written(row: Mapping[str, Any], kind: str) -> tuple[str, str]:
    """Return a value and its interval: shares as per cent, effects with their sign.

    >>> _written({"value": 0.1234, "low": 0.1, "high": 0.15}, "share"), _written({"value": 7.64}, "effect")
    (('12.3%', '10.0–15.0%'), ('+7.64', ''))
    """
    value, low, high = row["value"], row.get("low"), row.get("high")
    if kind != "share":
        shown, ends = spelled(value, low, high, sign="+" if kind == "effect" else "")
        return shown, "" if ends == NONE else ends
    if low is None or high is None or low == high:
        return share(value, decimals=1), ""
    return share(value, decimals=1), between(*(number(100 * end, decimals=1) for end in (low, high))) + "%"


def _suggested(result: Mapping[str, Any]) -> Table:
    names = ("rule", "inside", "found", "lift", "held out", "interval", "lift", "verdict")
    table = plain_table(*names, left=["rule", "verdict"], overflow="fold")
    kind = result["kind"]
    for row, said in zip(result["rules"], result["verdicts"], strict=True):
        held = row["holdout"]
        table.add_row(
            Text(visible(row["rule"]["name"])),
            share(held["coverage"], decimals=1),
            _written(row["train"], kind)[0],
            _lift(row["train"]["lift"], kind),
            *_written(held, kind),
            _lift(held["lift"], kind),
            Text(said, _COLOURS.get(said, "")),
        )
    return table


def _texts(rows: Iterable[tuple[str, str]]) -> list[Text]:
    return [Text.assemble((visible(name), "bold"), f": {visible(text)}") for name, text in rows]


def _lift(value: float | None, kind: str) -> str:
    return f"{value:.2f}" if value is not None and kind != "effect" else ""


def _asking(said: str, asked: Sequence[str]) -> Text:
    """Return a verdict, which a column that tells the target too well makes doubtful."""
    if asked and said in _REPLICATED:
        return Text(f"{said}, known before?", "yellow")
    return Text(said, _COLOURS.get(said, ""))


def _notes(notes: Sequence[str]) -> list[Text]:
    return [Text(f"- {visible(note)}", "dim") for note in notes]
