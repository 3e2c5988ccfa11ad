"""How long a text is: characters, words and digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.encoders.numeric import check_options
from tabkit.encoding.encoders.parts import checked, flat, ranges, varying
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.encoding.sql import quoting
from tabkit.errors import ConfigError
from tabkit.schema import Family

# what is counted, as a regular expression that Polars and DuckDB read alike
_PATTERNS = {"words": r"[^ \t\r\n]+", "digits": r"[0-9]", "capitals": r"[A-Z]"}
_PARTS = ("characters", *_PATTERNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLength:
    """How many characters, words, digits and capitals (A to Z) a text has, as far as they vary; null stays null.

    Parameters
    ----------
    parts
        Which of characters, words (parted by space, tab or line break), digits (0 to 9) and capitals.
    keep
        Keep parts even if they do not vary.
    """

    parts: tuple[str, ...] = _PARTS
    keep: bool = False
    kind: ClassVar[str] = "text_length"
    families: ClassVar[frozenset[Family]] = frozenset({"text"})
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        check_options(self)
        object.__setattr__(self, "parts", checked(self.parts, _PARTS, what="text"))

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for the range of each part."""
        return ranges({part: _part(column, part) for part in self.parts})

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Keep the parts that vary."""
        if len(column.columns) > 1:
            raise ConfigError(f"{column.name!r} is a cross: it has no length", advice="use TextLength of each column")
        parts = self.parts
        if not self.keep:
            parts = varying(parts, found)
            if not parts:
                return dropped(column, flat(found, otherwise="all of one length"))
        return FittedExprs(
            column.name,
            self,
            replace(self, parts=parts, keep=True),
            tuple(_part(column, part) for part in parts),
            tuple(f"{column.name} {part}" for part in parts),
            "the length of the text",
            tuple(_part_sql(column, part) for part in parts),
        )


def _part(column: Input, part: str) -> pl.Expr:
    text = column.text().str
    return (text.len_chars() if part == "characters" else text.count_matches(_PATTERNS[part])).cast(pl.Int32)


def _part_sql(column: Input, part: str) -> str:
    text = f"{quoting.column(column.name)}::VARCHAR"
    if part == "characters":
        return f"length({text})"
    return f"len(regexp_extract_all({text}, {quoting.text(_PATTERNS[part])}))::INTEGER"
