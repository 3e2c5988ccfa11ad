"""Blocks that all pages share: the head, side-by-side sections, facts and notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboards.kit.html import Markup, escape, join, table, tag
from tabkit.wording import NONE

NO_VALUE = NONE


def header(kind: str, *, title: str, verdict: str, warnings: Sequence[str] = ()) -> Markup:
    """Return the head of a page: what it is, its title, one sentence that says it all, and what makes that doubtful.

    Examples
    --------
    >>> header("Model report", title="Late flights", verdict="Useful.")
    '<header><p class="kind">Model report</p><h1>Late flights</h1><p class="verdict">Useful.</p></header>'
    """
    return tag(
        "header",
        tag("p", escape(kind), class_="kind"),
        tag("h1", escape(title)),
        tag("p", escape(verdict), class_="verdict"),
        *([tag("ul", *(tag("li", escape(text)) for text in warnings), class_="warnings")] if warnings else []),
    )


def pairs(parts: Sequence[Markup]) -> Iterator[Markup]:
    """Put parts side by side, two in a row; nothing where there are none."""
    if parts:
        yield tag("div", *parts, class_="block pair")


def facts(rows: Sequence[tuple[str, str]]) -> Iterator[Markup]:
    """Return a section of names and values; nothing where there are none."""
    if rows:
        cells = [(escape(name), escape(value)) for name, value in rows]
        yield tag("section", tag("h2", escape("Facts")), table([], cells, kind="facts"))


def notes(sentences: Sequence[str]) -> Iterator[Markup]:
    """Return a section of remarks; nothing where there are none."""
    if sentences:
        items = tag("ul", *(tag("li", escape(sentence)) for sentence in sentences))
        yield tag("section", tag("h2", escape("Limits and notes")), items)


def footer() -> Markup:
    """Return the last line of a page."""
    return tag("footer", escape("Made by tabkit. This page runs no scripts and loads nothing from elsewhere."))


def with_ends(shown: str, ends: str, *, bold: bool = False) -> Markup:
    """Return a value with its interval in softer letters behind it.

    >>> with_ends("1.3", "0.9 to 1.7"), with_ends("1.3", "n/a")
    ('1.3 <span class="interval">(0.9 to 1.7)</span>', '1.3')
    """
    value = tag("strong", escape(shown)) if bold else escape(shown)
    if ends == NO_VALUE:
        return value
    return join([value, escape(" "), tag("span", escape(f"({ends})"), class_="interval")])


def wide_name(text: object) -> Markup:
    """Return the name of a row, which breaks into lines only where it is long."""
    return tag("span", escape(text), style="display: block; min-width: 9em; max-width: 17em")


def block(*children: Markup) -> Markup:
    """Return parts with space below them."""
    return tag("div", *children, class_="block")
