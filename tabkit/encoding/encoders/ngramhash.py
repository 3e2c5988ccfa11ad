"""Counts of a text's character n-grams, hashed into a few columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.encoders.ngrams import (
    Grams,
    NGramLengths,
    checked_outputs,
    checked_range,
    empty_handed,
    ends,
    expressions,
)
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.errors import ConfigError
from tabkit.schema import Family

Norm = Literal["none", "l2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NGramHash:
    r"""Count a text's character n-grams, each in the column that its hash names; null stays null.

    .. math:: x_j = \sum_{g \in \text{n-grams}} s(g) \, [h(g) = j], \quad s(g) = 1 \text{ or } \pm 1

    Nothing is learned, so any text can be encoded and texts that differ by a typo are near each other
    (Weinberger et al. 2009, "Feature hashing for large scale multitask learning"). The text has a space put at
    either end, its white space is squeezed, and its n-grams go across words: it is `HashingVectorizer` of
    scikit-learn with ``analyzer="char"``, but for the ends, dense, and with other hashes. Empty text counts 0
    everywhere.

    Parameters
    ----------
    ngram
        The shortest and the longest n-gram, in code points.
    width
        How many columns. Different n-grams share one: the fewer columns, the more of them.
    signed
        Let the hash also say whether an n-gram adds or takes away 1, so that those that share a column cancel out
        on average, and dot products are those of all n-grams in expectation. For linear models; trees split plain
        counts more easily.
    norm
        "none" for counts, which grow with the text's length; "l2" to divide them by their Euclidean length.
    lower
        Count capitals as small letters.
    keep
        Keep the column even if it is constant.
    """

    ngram: tuple[int, int] = (2, 4)
    width: int = 32
    signed: bool = False
    norm: Norm = "none"
    lower: bool = True
    keep: bool = False
    kind: ClassVar[str] = "ngram_hash"
    families: ClassVar[frozenset[Family]] = frozenset({"text"})
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "ngram", checked_range(self.ngram))
        checked_outputs("width", self.width)
        if self.norm not in get_args(Norm):
            raise ConfigError(f"norm is {self.norm!r}", advice=f"the norms are {', '.join(get_args(Norm))}")

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for the first and the last text, which are one if the column is constant."""
        return ends(column)

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Leave out a column that tells nothing."""
        if not self.keep and (why := empty_handed(found)):
            return dropped(column, why)
        features = partial(ngram_counts, width=self.width, signed=self.signed, norm=self.norm)
        dtype = pl.Int32() if self.norm == "none" else pl.Float64()
        cut = NGramLengths(ngram=self.ngram, lower=self.lower)
        return FittedExprs(
            column.name,
            self,
            replace(self, keep=True),
            expressions(column.text(), features, cut=cut, outputs=self.width, dtype=dtype),
            tuple(f"{column.name} ngram {i}" for i in range(self.width)),
            "dirty text: its n-grams",
        )


def ngram_counts(found: Iterator[Grams], texts: int, *, width: int, signed: bool, norm: Norm) -> NDArray[Any]:
    r"""Return shape (texts, width): Int32 counts, or Float64 of Euclidean length 1 (0 where nothing is counted).

    The column is :math:`\lfloor w h / 2^{32} \rfloor` of the upper 32 bits h of the hash (Lemire 2019, "Fast random
    integer generation in an interval"), the sign its lowest bit.
    """
    counts = np.zeros(texts * width, dtype=np.float64)
    for grams in found:
        column = ((grams.hashes >> np.uint64(32)) * np.uint64(width)) >> np.uint64(32)
        cell = np.repeat(np.arange(texts) * width, grams.counts) + column.astype(np.int64)
        sign = 1.0 - 2.0 * (grams.hashes & np.uint64(1)) if signed else None
        counts += np.bincount(cell, weights=sign, minlength=len(counts))
    table = counts.reshape(texts, width)
    if norm == "none":
        return table.astype(np.int32)
    length = np.sqrt(np.square(table).sum(axis=1, keepdims=True))
    return table / np.where(length > 0, length, 1.0)
