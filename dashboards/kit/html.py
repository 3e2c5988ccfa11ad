"""Offline HTML: text is escaped, nothing is fetched, and no script runs.

`Markup` marks the strings that may stand in a page as they are. Only `escape` and the builders make it,
so that mypy finds a text that was never escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape as escape_text
from typing import NewType

from tabkit.marks import html

Markup = NewType("Markup", str)

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

# Characters that XML 1.0 forbids (and C1 controls): one of them makes a whole SVG unreadable.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

STYLE = """
:root { color-scheme: light; --ink: #1a1f27; --soft: #555e6b; --line: #e2e6eb; --tint: #f3f7fb;
  --accent: #0072b2; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); overflow-wrap: anywhere;
  font: 16px/1.55 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial,
    sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 48px 32px 40px; }
header { margin-bottom: 40px; padding-bottom: 28px; border-bottom: 1px solid var(--line); }
.kind { margin: 0 0 8px; color: var(--accent); font-size: 13px; font-weight: 600; letter-spacing: .06em;
  text-transform: uppercase; }
h1 { margin: 0 0 14px; max-width: 26em; font-size: 32px; line-height: 1.2; letter-spacing: -.015em;
  text-wrap: balance; }
h2 { margin: 0 0 12px; font-size: 18px; line-height: 1.3; letter-spacing: -.005em; }
.verdict { margin: 0; max-width: 46em; font-size: 18px; color: var(--soft); text-wrap: pretty; }
.warnings { margin: 14px 0 0; padding: 10px 16px 10px 32px; max-width: 58em; border-left: 4px solid #a3261f;
  border-radius: 4px; background: #fdf3f2; color: #a3261f; font-size: 15px; line-height: 1.5; }
.block { margin-bottom: 48px; }
.remark, figcaption { margin: 10px 0 0; max-width: 52em; color: var(--soft); font-size: 14px;
  line-height: 1.5; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 44px 48px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 12px; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: baseline; }
thead th { border-bottom: 2px solid var(--ink); font-size: 14px; font-weight: 600; }
th:first-child { padding-left: 0; text-align: left; }
tbody th { font-weight: 400; }
table.scores th:nth-child(2), table.scores td:nth-child(2) { background: var(--tint); }
table.facts td:last-child { padding-right: 0; }
table.candidates td:last-child, table.candidates th:last-child { min-width: 12em; text-align: left; }
table.candidates tr:has(strong) { background: var(--tint); }
table.parameters td:nth-child(n+4), table.parameters th:nth-child(n+4) { text-align: left; }
table.numbers td, table.parameters td:nth-child(-n+3) { white-space: nowrap; }
table.numbers thead th, table.parameters th { overflow-wrap: normal; }
table.numbers tbody th { min-width: 8em; }
.interval { color: var(--soft); white-space: nowrap; }
.name { display: inline-block; max-width: 15em; }
strong { font-weight: 700; }
figure { margin: 0; break-inside: avoid; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; }
ul { margin: 0; padding-left: 1.15em; font-size: 15px; }
li { margin-bottom: 8px; }
li::marker { color: var(--accent); }
footer { padding-top: 16px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; }
@media (max-width: 760px) {
  main { padding: 28px 18px 24px; }
  header { margin-bottom: 28px; padding-bottom: 20px; }
  h1 { font-size: 25px; }
  .verdict { font-size: 16px; }
  .block { margin-bottom: 36px; }
  .pair { grid-template-columns: minmax(0, 1fr); gap: 36px; }
  table { font-size: 14px; }
  th, td { padding: 8px 6px; }
  .interval { display: block; font-size: 12px; }
}
@media print {
  @page { margin: 14mm; }
  body { font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  .block, header { margin-bottom: 24px; }
  .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 24px; }
  .interval { display: inline; }
  section, tr, li { break-inside: avoid; }
}
"""


def clean(text: object) -> str:
    """Return the text with the characters that XML forbids replaced by U+FFFD.

    Examples
    --------
    >>> clean("a" + chr(0) + "b") == "a" + chr(0xFFFD) + "b"
    True
    """
    return _FORBIDDEN.sub("\ufffd", str(text))


def escape(text: object) -> Markup:
    """Return any text as markup that shows exactly this text, in an element or in an attribute.

    Examples
    --------
    >>> escape("<b> & 'c'")
    '&lt;b&gt; &amp; &#x27;c&#x27;'
    """
    return Markup(escape_text(clean(text), quote=True))


def join(parts: Iterable[Markup]) -> Markup:
    """Return the parts one after the other.

    Examples
    --------
    >>> join([tag("b", escape("a")), escape(" < b")])
    '<b>a</b> &lt; b'
    """
    return Markup("".join(parts))


def tag(name: str, *children: Markup, **attributes: str) -> Markup:
    """Return an element around its children.

    Parameters
    ----------
    name
        Name of the element, a constant of the caller and never data.
    *children
        What stands inside.
    **attributes
        Values are escaped; an underscore at the end of a name is dropped, others become hyphens.

    Examples
    --------
    >>> tag("p", escape("1 < 2"), class_="remark", aria_label='"x"')
    '<p class="remark" aria-label="&quot;x&quot;">1 &lt; 2</p>'
    """
    names = (key.rstrip("_").replace("_", "-") for key in attributes)
    settings = "".join(f' {key}="{escape(value)}"' for key, value in zip(names, attributes.values(), strict=True))
    return Markup(f"<{name}{settings}>{join(children)}</{name}>")


def table(head: Sequence[Markup], rows: Iterable[Sequence[Markup]], *, kind: str) -> Markup:
    """Return a table whose first column names the rows; the other columns are aligned right.

    Parameters
    ----------
    head
        One cell per column; empty for a table without a head.
    rows
        Cells, the first of each row being its name.
    kind
        The class that the style sheet knows: ``scores``, ``facts``, ``candidates``, ``parameters``, or ``numbers``.

    Examples
    --------
    >>> table([], [[escape("rows"), escape(12)]], kind="facts")
    '<div class="scroll"><table class="facts"><tbody><tr><th scope="row">rows</th><td>12</td></tr>...'
    """
    body = join(tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest)) for first, *rest in rows)
    top = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head))) if head else Markup("")
    return tag("div", tag("table", top, tag("tbody", body), class_=kind), class_="scroll")


def figure(svg: Markup, *, title: str, label: str, caption: str) -> Markup:
    """Return a titled figure.

    Parameters
    ----------
    svg
        The picture, inlined as it is.
    title, caption
        The heading above it and the words below it that say what to look at.
    label
        What a screen reader says in place of the picture.

    Examples
    --------
    >>> figure(Markup("<svg/>"), title="ROC", label="Two curves", caption="Higher is better.")
    '<figure><h2>ROC</h2><div role="img" aria-label="Two curves"><svg/></div><figcaption>Higher...'
    """
    return tag(
        "figure",
        tag("h2", escape(title)),
        tag("div", svg, role="img", aria_label=label),
        tag("figcaption", escape(caption)),
    )


def page(title: str, *blocks: Markup, made_by: str | None = None) -> str:
    """Return a complete page that runs no script and asks for nothing from outside.

    Parameters
    ----------
    title
        Title of the window.
    *blocks
        What stands on the page, from top to bottom.
    made_by
        The command whose mark the page bears, by which it knows it again; see `tabkit.marks`.

    Examples
    --------
    >>> page("A < B", tag("h1", escape("A < B")), made_by="update").splitlines()[-2:]
    ['<body><main><h1>A &lt; B</h1></main></body>', '</html>']
    """
    lines = (
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        *([] if made_by is None else [html(made_by)]),
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        f"<body>{tag('main', *blocks)}</body>",
        "</html>",
    )
    return "\n".join(lines) + "\n"
