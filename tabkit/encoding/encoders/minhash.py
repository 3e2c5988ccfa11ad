"""MinHash of a text's character n-grams: similar texts share many hashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.encoders.ngrams import (
    Grams,
    Hashes,
    NGramLengths,
    checked_outputs,
    checked_range,
    empty_handed,
    ends,
    expressions,
    mix,
)
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.encoding.statistics import Floats
from tabkit.schema import Family

# 2**64 divided by the golden ratio: the step of SplitMix64
_STEP = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinHash:
    r"""Encode a text by the least value that each of several hash functions has on its n-grams; null stays null.

    .. math:: x_i = \min_{g \in G} h_i(g), \quad h_i(g) \in [0, 1), \qquad
        P(x_i = x'_i) = \frac{|G \cap G'|}{|G \cup G'|}

    The share of equal components estimates the Jaccard similarity of two texts' sets of n-grams (Broder 1997, "On
    the resemblance and containment of documents"); a text with all n-grams of another, and more, is nowhere above
    it, which trees can split on (Cerda & Varoquaux 2020, "Encoding high-cardinality string categorical variables").
    Nothing is learned, so any text can be encoded. The text has a space put at either end, and its white space is
    squeezed. Empty text has no n-grams and gives 1, which no other text does.

    Parameters
    ----------
    components
        How many hash functions, each of which is a feature. A similarity J is estimated with standard error
        :math:`\sqrt{J (1 - J) / \text{components}}`.
    ngram
        The shortest and the longest n-gram, in code points.
    lower
        Count capitals as small letters.
    keep
        Keep the column even if it is constant.
    """

    components: int = 30
    ngram: tuple[int, int] = (2, 4)
    lower: bool = True
    keep: bool = False
    kind: ClassVar[str] = "min_hash"
    families: ClassVar[frozenset[Family]] = frozenset({"text"})
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "ngram", checked_range(self.ngram))
        checked_outputs("components", self.components)

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
        features = partial(least_hashes, components=self.components)
        cut = NGramLengths(ngram=self.ngram, lower=self.lower)
        return FittedExprs(
            column.name,
            self,
            replace(self, keep=True),
            expressions(column.text(), features, cut=cut, outputs=self.components, dtype=pl.Float64()),
            tuple(f"{column.name} minhash {i}" for i in range(self.components)),
            "dirty text: the least hashes of its n-grams",
        )


def least_hashes(found: Iterator[Grams], texts: int, *, components: int) -> Floats:
    r"""Return shape (texts, components): the least of the upper 53 bits of each hash, as a fraction; 1 of no n-grams.

    The hash functions are :math:`h_i(g) = a_i g + b_i \bmod 2^{64}` (Dietzfelbinger et al. 1997, "A reliable
    randomized algorithm for the closest-pair problem"), with a_i odd and both from SplitMix64: of hashes that are
    random already, that is enough, and a third of the work of mixing anew for each component.
    """
    factors, shifts = _functions(components)
    least = np.full((components, texts), np.iinfo(np.uint64).max)
    some = np.zeros(texts, dtype=np.bool_)
    for grams in found:
        rows = np.flatnonzero(grams.counts)
        if not len(rows):
            continue
        some[rows] = True
        starts = (np.cumsum(grams.counts) - grams.counts)[rows]
        values = np.empty_like(grams.hashes)
        for i in range(components):
            np.multiply(grams.hashes, factors[i], out=values)
            np.add(values, shifts[i], out=values)
            least[i, rows] = np.minimum(least[i, rows], np.minimum.reduceat(values, starts))
    return np.where(some[:, None], (least.T >> np.uint64(11)) * 2.0**-53, 1.0)


def _functions(components: int) -> tuple[Hashes, Hashes]:
    """Return factors and shifts; those of a component do not hang on how many there are."""
    numbers = mix(np.arange(1, 2 * components + 1, dtype=np.uint64) * _STEP)
    return numbers[::2] | np.uint64(1), numbers[1::2]
