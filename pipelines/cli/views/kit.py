"""What all views are made of: tables in one style, notes, errors; names from data are shown as they are."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tabkit.errors import TabkitError
from tabkit.wording import with_interval


class Printer(Console):
    """Prints; that a reader left is an error for who prints, as a full disk is."""

    def on_broken_pipe(self) -> None:
        """Raise what Rich ends the process for."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def error_block(error: TabkitError, *, boxed: bool) -> RenderableType:
    """Return an error as one block: stage, problem, what to do; in a box for people, plain for logs."""
    title = f"tabkit: {error.stage}"
    text = Text(visible(error.problem))
    if error.advice:
        text.append("\nTo do: ", "bold").append(visible(error.advice))
    return Panel(text, title=title, title_align="left", border_style="red") if boxed else Text(f"{title}: ") + text


def plain_table(
    *names: str, left: Collection[str] = (), no_wrap: bool = False, overflow: OverflowMethod = "ellipsis"
) -> Table:
    """Return an empty table in the one style, with columns of numbers, but for those of text, which stand left."""
    # Columns two spaces apart, so that three models with intervals fit into 80 characters.
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=no_wrap, overflow=overflow)
    return table


def titled(title: str, table: RenderableType) -> Group:
    """Put a title above a table; Rich's own is broken to the table's width."""
    return Group(Text(title, "italic"), table, Text())


def notes(warnings: Iterable[str]) -> list[Text]:
    """Return warnings, a line each."""
    return [Text(f"Note: {visible(warning)}", "yellow") for warning in warnings]


def page_line(result: Mapping[str, Any]) -> list[Text]:
    """Return where the page is, if one was written."""
    return [visible_line(f"Look at {result['page']}")] if result.get("page") else []


def loss_difference(row: Mapping[str, Any]) -> str:
    """Return how a candidate's loss differs from that of keeping the model, with its interval."""
    value, low, high = (row[f"loss_difference{end}"] for end in ("", "_low", "_high"))
    return with_interval(value, low, high, sign="+", without=" (no interval)") if value else "the same"


def unit_note(result: Mapping[str, Any]) -> list[Text]:
    """Say what intervals draw, and what they take for granted."""
    unit, note = result["unit"], result.get("note")
    if note:
        return [visible_line(note)]
    return [] if unit == "row" else [Text(f"Intervals draw whole {unit}s: rows of one {unit} are alike.")]


def visible_line(text: str) -> Text:
    """Return a line that shows what a terminal would obey."""
    return Text(visible(text), overflow="fold")


def visible(text: str) -> str:
    r"""Write out what a terminal would obey instead of show; line ends stay.

    >>> visible("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
