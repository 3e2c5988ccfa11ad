"""Checks of the rows of a CSV file: each must have as many values as the header has names."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import SourceError
from tabkit.sources.file_bytes import LONGEST, chunks_of
from tabkit.sources.names import describe

_COMMA, _FEED, _RETURN, _QUOTE = b',\n\r"'
_OTHERS = bytes(sorted(set(range(256)) - {_COMMA, _FEED, _QUOTE, 0}))
_QUOTED = rb'"[^"]*(?:""[^"]*)*"'
_VALUE = b"(?:" + _QUOTED + rb'|[^",\n][^,\n]*)?'
_VALUES = re.compile(_VALUE + b"(?:," + _VALUE + b")*")
_QUOTED_VALUE = re.compile(b"(?<![^,])" + _QUOTED)
_REPAIR = (
    "give each row as many values as the header has names; put quotes around values with commas, line feeds or quotes, "
    "and write a quote within them twice"
)
_EXPORT = "export or copy the file again: it was cut, or is being written still"


@dataclass(frozen=True, slots=True)
class CsvRows:
    """What a file holds.

    Parameters
    ----------
    rows
        Its rows, the header not among them.
    blank
        Blank lines after the last row. They are no rows; in a table of one column there are none, because each blank
        line is a null there.
    """

    rows: int
    blank: int


def check_rows(name: str, width: int) -> CsvRows:
    """Pass over all bytes of a file once, in bounded memory, and count its rows.

    Parameters
    ----------
    name
        A path or URL; what is compressed is unpacked.
    width
        The number of names in the header.

    Raises
    ------
    SourceError
        If a row has more or fewer values than the header has names (a blank line between rows has none), a quote is
        not closed or stands where none can, or there are zero bytes or text that is not UTF-8. It names the line.
    """
    check = _Check(name, width)
    pending, fresh = b"", b""
    for chunk in chunks_of(name):
        fresh += chunk
        if len(fresh) >= len(pending):  # so that one long value costs no more than a few looks at it
            pending, fresh = check.take(pending + fresh), b""
        if len(pending) > LONGEST:
            raise check.unclosed(pending)
    return check.finish(pending + fresh)


class _Check:
    """Where a pass over a file stands: always at the beginning of a row."""

    __slots__ = ("_blank", "_first", "_lines", "_name", "_records", "_row", "_whole", "_width", "_wrong")

    def __init__(self, name: str, width: int) -> None:
        self._name, self._width = name, width
        self._row = b"," * (width - 1) + b"\n"
        self._lines = self._records = self._blank = self._wrong = 0
        self._whole = True  # false once the last line is known to have no end
        self._first = (0, 0)  # line and values of the first wrong row

    def take(self, data: bytes) -> bytes:
        """Check the whole rows at the beginning of `data`; return what follows them."""
        block = data[: data.rfind(b"\n") + 1]
        if not self._records:
            block, data = block.removeprefix(b"\xef\xbb\xbf"), data.removeprefix(b"\xef\xbb\xbf")
        self._check_text(block)
        # Almost always the marks of a block are those of so many good rows, which is quickly seen.
        marks = block.translate(None, _OTHERS)
        good = len(marks) // self._width
        if marks == self._row * good and not self._blank:
            self._lines += good
            self._records += good
            return data[len(block) :]
        taken = self._examine(block) if block else 0
        return data[taken:]

    def finish(self, rest: bytes) -> CsvRows:
        """Check the last line and say what there was."""
        rest = self.take(rest)
        if rest:
            self._whole = rest.endswith(b"\n")
            rest = self.take(rest if self._whole else rest + b"\n")
        if rest:
            raise self.unclosed(rest)
        if self._wrong:
            raise self._ragged()
        return CsvRows(max(self._records - 1, 0), self._blank)

    def unclosed(self, rest: bytes) -> SourceError:
        """Say that the row at the beginning of `rest` does not end."""
        if b'"' in rest:
            return self._error(
                self._lines + 1, "a quote opens in this row and is not closed", f"close it, or {_EXPORT}"
            )
        return self._error(self._lines + 1, f"a row of less than {LONGEST >> 20} MiB was expected", _REPAIR)

    def _check_text(self, block: bytes) -> None:
        if not block.isascii():
            try:
                block.decode()
            except UnicodeDecodeError as error:
                line = self._lines + block.count(b"\n", 0, error.start) + 1
                raise self._error(line, "the text is not valid UTF-8", "save the file as UTF-8") from error

    def _examine(self, block: bytes) -> int:
        """Check the rows of a block one by one, as far as they are whole; return where the last one ends."""
        zero = block.find(b"\0")
        if zero >= 0:
            line = self._lines + block.count(b"\n", 0, zero) + 1
            raise self._error(line, "there are zero bytes: text was expected", _EXPORT)
        ends, values, odd = _split(block)
        if not len(ends):
            return 0
        starts = np.concatenate([[0], ends[:-1] + 1])
        for i in odd:
            record = block[starts[i] : ends[i]].removesuffix(b"\r")
            if not _VALUES.fullmatch(record):
                line = self._line(block, starts[i])
                raise self._error(line, "a quote stands within a value or is not closed", _REPAIR)
            values[i] = _QUOTED_VALUE.sub(b"", record).count(b",") + 1
        self._count(block, starts, ends, values)
        self._lines += block.count(b"\n", 0, int(ends[-1]) + 1)
        return int(ends[-1]) + 1

    def _count(
        self, block: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], values: NDArray[np.int64]
    ) -> None:
        """Count rows, wrong rows and the blank lines that follow the last row."""
        length = ends - starts
        first = np.frombuffer(block, np.uint8)[starts]
        blank = ((length == 0) | ((length == 1) & (first == _RETURN))) & (self._width > 1)
        filled = np.flatnonzero(~blank)
        if not len(filled):
            self._blank += len(blank) if self._records else 0
            return
        before = 0 if self._records else filled[0]  # blank lines above the header
        values[blank] = 0
        wrong = before + np.flatnonzero(values[before : filled[-1] + 1] != self._width)
        if not self._wrong and self._blank:
            self._first = (self._lines - self._blank + 1, 0)
        elif not self._wrong and len(wrong):
            self._first = (self._line(block, starts[wrong[0]]), int(values[wrong[0]]))
        self._wrong += len(wrong) + self._blank
        self._records += len(filled)
        self._blank = len(blank) - 1 - int(filled[-1])

    def _line(self, block: bytes, position: np.int64) -> int:
        return self._lines + block.count(b"\n", 0, int(position)) + 1

    def _ragged(self) -> SourceError:
        (line, values), more = self._first, self._wrong - 1
        expected = f"{self._width} {'was' if self._width == 1 else 'were'} expected, as many as names in the header"
        also = f" ({more:,} more {'line is' if more == 1 else 'lines are'} wrong)" if more else ""
        if not values:
            advice = "remove blank lines between rows, and put quotes around values with line feeds"
            return self._error(line, f"the line is blank, {expected}{also}", advice)
        found = f"{values} {'value' if values == 1 else 'values'} where {expected}{also}"
        if not self._whole and not more and line == self._lines and values < self._width:
            return self._error(line, f"the file ends within a row: {found}", _EXPORT)
        return self._error(line, found, _REPAIR)

    def _error(self, line: int, problem: str, advice: str) -> SourceError:
        return SourceError(f"{describe(self._name)}, line {line:,}: {problem}", advice=advice)


def _split(block: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
    """Return where the rows of a block end, how many values each has, and which have quotes at odd places."""
    text = np.frombuffer(block, np.uint8)
    at = np.flatnonzero((text == _COMMA) | (text == _FEED) | (text == _QUOTE))
    marks = text[at]
    quotes = marks == _QUOTE
    inside = np.cumsum(quotes) % 2 == 1  # from this mark on
    ends_row = (marks == _FEED) & ~inside
    ends = at[ends_row]
    commas = np.cumsum((marks == _COMMA) & ~inside)[ends_row]
    values = np.diff(commas, prepend=0) + 1
    # Opening quotes stand at the beginning of a value, closing ones at its end; within quotes they come in pairs.
    opening, quoted = inside[quotes], at[quotes]
    before = np.where(quoted > 0, text[quoted - 1], _FEED)
    after = text[quoted + 1]  # a block ends with a line feed
    ends_line = (after == _RETURN) & (text[np.minimum(quoted + 2, len(text) - 1)] == _FEED)
    odd = np.where(
        opening,
        ~np.isin(before, (_COMMA, _FEED, _QUOTE)),
        ~(np.isin(after, (_COMMA, _FEED, _QUOTE)) | ends_line),
    )
    rows = np.unique(np.searchsorted(ends, quoted[odd]))
    return ends, values, [int(row) for row in rows if row < len(ends)]
