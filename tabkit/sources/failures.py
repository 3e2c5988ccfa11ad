"""Failures to read files, reworded so that a user can fix them; nothing here needs Polars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from tabkit import forked, threads
from tabkit.errors import SourceError

_ADVICE = (
    ("iso 8601", "write dates as 2024-12-31 and times as 2024-12-31T23:59:00, or give a Parquet file"),
    ("could not parse", "repair the value at its source, or give a Parquet file, whose columns have one type each"),
    ("utf-8", "save the file as UTF-8"),
    ("unexpected end of file", "export or copy the file again: it was cut, or is being written still"),
    ("incomplete frame", "export or copy the file again: it was cut, or is being written still"),
    ("must end with par1", "export or copy the file again: it was cut, or is being written still"),
    ("invalidfooter", "export or copy the file again: it was cut, or is being written still"),
    ("permission denied", "ask for the right to read it"),
    ("schema names differ", "give all parts the same columns in the same order"),
    ("object-store", "check the address and that this machine can reach it"),
)
_LOOK = "check that the content is what the name says, and that all parts have the same columns"


@contextmanager
def looking(what: str) -> Iterator[None]:
    """Turn what the system raises while `what` is looked for into a `SourceError` that says what to do."""
    forked.check()
    threads.check()
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(what, error) from error


def unreadable(what: str, error: BaseException) -> SourceError:
    """Return what is said of a source that cannot be read, whatever raised `error`."""
    said = first_lines(error)
    if isinstance(error, FileNotFoundError):
        return SourceError(
            f"{what} was not found or vanished while it was read: {said}",
            advice="check the path, and that nothing moves or rewrites the file meanwhile",
        )
    advice = next((advice for sign, advice in _ADVICE if sign in said.lower()), _LOOK)
    return SourceError(f"{what} cannot be read: {said}", advice=advice)


def first_lines(error: BaseException, *, lines: int = 3) -> str:
    """Return the beginning of what an exception says, in one line."""
    said = str(error).partition("You might want to try:")[0]  # what follows is for programmers
    return " / ".join(line for line in said.strip().splitlines()[:lines] if line.strip())[:400]


def some(names: Sequence[str], *, most: int = 5) -> str:
    """Return names as a message shows them.

    >>> some(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def different(first: str, columns: Iterable[str], name: str, others: Iterable[str]) -> SourceError:
    """Say of two files of one table which columns one of them lacks, or has besides."""
    lacks, more = sorted({*columns} - {*others}), sorted({*others} - {*columns})
    told = [f"lacks {some(lacks)}"] if lacks else []
    told += [f"has {some(more)} besides"] if more else []
    return SourceError(
        f"{name!r} and {first!r} have different columns: {name!r} {' and '.join(told)}",
        advice="give all parts the same columns",
    )
