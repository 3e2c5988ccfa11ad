"""The page: HiPlot's bundled script and ours, allowed by hash, and data that is never executed."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from dashboards.explorer.decimals import short
from dashboards.explorer.payload import Payload, to_json
from dashboards.kit.html import Markup, escape, join, tag
from tabkit.errors import ConfigError
from tabkit.extras import require
from tabkit.marks import html

_SCRIPTS = (
    "numbers.js",
    "rules.js",
    "plot.js",
    "counting.js",
    "draft.js",
    "panel.js",
    "views.js",
    "explorer.js",
    "main.js",
)
HIPLOT = "0.1.33"
"""The version whose bundle this page was written for."""


def policy(*, served: bool) -> str:
    """Return the content security policy: two scripts by their hashes, and of a served page calls to its server."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in (_hiplot(), _own()))
    connect = "; connect-src 'self'" if served else ""
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; font-src data:{connect}"


def _meta_policy(*, served: bool) -> str:
    """Return the policy of the page itself; a server's header has the rest already, and Chromium warns of doubles."""
    return policy(served=served) + ("" if served else "; base-uri 'none'; form-action 'none'")


def page(content: Payload) -> str:
    """Return the whole page.

    Raises
    ------
    ImportError
        If HiPlot is not installed.
    """
    values = content.page
    data = [f'<script type="application/json" id="page">{to_json(values)}</script>']
    data += [
        f'<script type="text/plain" id="{name}">{packed.text}</script>' for name, packed in content.columns.items()
    ]
    lines = (
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        html("explore"),
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_meta_policy(served=values["served"]))}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{escape(values['title'])}</title>",
        f"<style>{_static('page.css')}</style>",
        "</head>",
        f"<body>{_body(values)}",
        *data,
        f"<script>{_hiplot()}</script>",
        f"<script>{_own()}</script>",
        "</body>",
        "</html>",
    )
    return "\n".join(lines) + "\n"


def _body(values: dict[str, Any]) -> Markup:
    return join(
        [
            _head(values),
            tag("main", _plot(values), _aside(values), class_="board"),
            tag("div", _ledger(), _notes(values), class_="below"),
        ]
    )


def _head(values: dict[str, Any]) -> Markup:
    return tag(
        "header",
        tag("p", escape(values["kind"]), class_="kind"),
        tag("h1", escape(values["title"])),
        *_warnings(values["warnings"]),
        tag("p", escape(values["counts"]), class_="counts"),
        _legend(values["colour"]),
    )


def _warnings(warnings: list[str]) -> list[Markup]:
    if not warnings:
        return []
    return [tag("ul", *(tag("li", escape(warning)) for warning in warnings), class_="warnings", role="alert")]


def _legend(colour: dict[str, Any]) -> Markup:
    if colour["kind"] == "class":
        swatches = [
            tag("span", tag("i", style=f"background: {ink}"), escape(name), class_="swatch")
            for ink, name in zip((colour["low"], colour["high"]), colour["names"], strict=True)
        ]
        names = ("all lines", *(f"only {name}" for name in colour["names"]))
        picks = [tag("option", escape(name), value=value) for name, value in zip(names, ("", "0", "1"), strict=True)]
        return tag(
            "p", *swatches, tag("select", *picks, id="draws", aria_label="which lines are drawn"), class_="legend"
        )
    low, middle, high = (short(value) for value in colour["ends"])
    words = f"{colour['words']}, by rank: {low} (2 %), {middle} (middle), {high} (98 %)"
    return tag("p", tag("i", class_="ramp"), escape(words), class_="legend")


def _plot(values: dict[str, Any]) -> Markup:
    hint = "Drag along an axis to brush; drag a name to move its axis, click it to turn the axis over."
    axes = tag("details", tag("summary", tag("span", id="axes-words")), tag("div", id="axes", class_="checks"))
    where = escape(f"{values['title']}: parallel coordinates. Conditions can be set by keyboard under Your rule.")
    return tag(
        "section",
        tag("div", id="plot", role="group", aria_label=str(where)),
        tag("p", escape(hint), class_="remark"),
        axes,
        class_="plot",
    )


def _aside(values: dict[str, Any]) -> Markup:
    save = [_button("save", f"Save to {values['saves']}")] if values["saves"] else []
    worth = [_button("worth", "Is it worth a feature?")] if values["worth"] else []
    rule = tag(
        "section",
        tag("h2", escape("Your rule")),
        tag("p", id="rule", class_="rule-text", aria_live="polite"),
        tag("div", id="parts"),
        Markup('<p id="excepting" class="remark" hidden>The box in hand is left out of the rule.</p>'),
        tag("div", id="conditions"),
        tag("select", id="add", aria_label="add a condition on a column"),
        tag("div", _button("or", "Or …"), _button("but-not", "But not …"), _button("clear", "Clear"), class_="row"),
    )
    keep = tag(
        "section",
        tag("label", escape("Name "), tag("input", id="name", type="text", maxlength="60", spellcheck="false")),
        tag("div", _button("copy-polars", "Copy as Polars"), _button("copy-toml", "Copy as TOML"), *save, class_="row"),
        *([tag("div", *worth, class_="row"), _progress()] if worth else []),
        tag("p", id="said", role="status"),
    )
    measures = tag(
        "section",
        tag("h2", escape("What it holds")),
        tag("div", id="measures"),
        tag("p", id="verdict", class_="verdict", aria_live="polite"),
        tag("p", id="doubts", class_="verdict poor", hidden="hidden"),
        tag("p", id="alike", class_="remark"),
    )
    offered = tag(
        "section",
        tag("h2", escape("Suggested")),
        tag("p", id="suggested-words", class_="remark"),
        tag("ol", id="suggested", class_="plain-list"),
    )
    following = tag(
        "section",
        tag("h2", escape("Which axis next")),
        tag("p", escape("What tells the rows inside apart, chance taken off (1 is all)."), class_="remark"),
        tag("ol", id="next", class_="plain-list"),
    )
    return tag("aside", rule, measures, keep, offered, following)


def _progress() -> Markup:
    return join(
        [Markup('<progress id="progress" hidden aria-label="progress"></progress>'), tag("p", id="worth-words")]
    )


def _button(name: str, words: str) -> Markup:
    return tag("button", escape(words), id=name, type="button")


def _ledger() -> Markup:
    names = ("#", "Rule", "Inside", "Rows you look at", "Hold-out", "")
    head = tag("thead", tag("tr", *(tag("th", escape(name), scope="col") for name in names)))
    return tag(
        "section",
        tag("h2", escape("Ledger of rules tried")),
        tag("p", id="ledger-words", class_="remark"),
        tag("div", tag("table", head, tag("tbody", id="ledger")), class_="scroll"),
    )


def _notes(values: dict[str, Any]) -> Markup:
    if not values["notes"]:
        return Markup("")
    return tag("section", tag("h2", escape("Notes")), tag("ul", *(tag("li", escape(note)) for note in values["notes"])))


@cache
def _own() -> str:
    parts = "\n".join(_static(name) for name in _SCRIPTS)
    return f'(() => {{ "use strict";\n{parts}}})();'


@cache
def _hiplot() -> str:
    """Return HiPlot's bundled script, from the package that is installed."""
    text = (files(require("hiplot", extra="dashboards")) / "static" / "built" / "hiplot.bundle.js").read_text(
        encoding="utf-8"
    )
    if "</script" in text.lower():
        raise ConfigError("this HiPlot cannot stand inside of a page", advice=f"install hiplot=={HIPLOT}")
    return text


def _static(name: str) -> str:
    return (files("dashboards.explorer") / "static" / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
