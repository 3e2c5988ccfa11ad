"""Character n-grams of texts, cut and hashed with NumPy a batch at a time.

The hashes are of our own making, because features of saved models hang on them: they depend on code points alone,
not on the versions of Polars, NumPy or Python, nor on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Statistics
from tabkit.encoding.statistics import Integers
from tabkit.errors import ConfigError

Hashes = NDArray[np.uint64]

# The multiplier of Knuth's MMIX generator (The Art of Computer Programming, vol. 2, 3.3.4).
_BASE = np.uint64(6364136223846793005)
_ROUNDS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
# Code points and outputs that are worked on together: temporary arrays of 0.5 MB, which a processor's cache holds.
_CHUNK = 1 << 16
_LONGEST = 32  # longer n-grams are whole texts, and each more costs a pass


@dataclass(frozen=True, slots=True, eq=False)
class Grams:
    """The n-grams, for one n, of several texts.

    Parameters
    ----------
    hashes
        Shape (n-grams of all texts,): text after text, repeated ones repeatedly.
    counts
        Shape (texts,): how many of them each text has.
    """

    hashes: Hashes
    counts: Integers


Features = Callable[[Iterator[Grams], int], NDArray[Any]]
"""From the n-grams of so many texts, one item for each n, to an array of shape (texts, outputs)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NGramLengths:
    """How texts are cut: n-grams of which lengths, and whether capitals count as small letters."""

    ngram: tuple[int, int]
    lower: bool


def expressions(
    text: pl.Expr, features: Features, *, cut: NGramLengths, outputs: int, dtype: pl.DataType
) -> tuple[pl.Expr, ...]:
    """Return one expression per output; null text is null in each.

    All of them take their part of one expression. A lazy query works that out once per batch of rows, but
    ``DataFrame.select`` and ``with_columns``, which do not optimise, once per output.
    """
    encode = partial(_encode, features=features, cut=cut, outputs=outputs, dtype=dtype)
    # An Array, since Polars (2.1) finds common subexpressions under `arr.get`, but not under `struct.field`.
    together = text.map_batches(encode, return_dtype=pl.Array(dtype, outputs), is_elementwise=True)
    return tuple(together.arr.get(i) for i in range(outputs))


def padded(text: pl.Expr, cut: NGramLengths) -> pl.Expr:
    """Return the texts as they are cut: white space squeezed, and one space at either end.

    A text that is shorter than the shortest n-gram is filled with spaces at its end, so that each text has an
    n-gram; only empty ones, and those of white space, have none.

    >>> texts = pl.Series(["Rue  Foch", "a", " "])
    >>> pl.select(padded(pl.lit(texts), NGramLengths(ngram=(4, 5), lower=True))).to_series().to_list()
    [' rue foch ', ' a  ', '']
    """
    cased = text.str.to_lowercase() if cut.lower else text
    squeezed = cased.str.replace_all(r"\s+", " ").str.strip_chars(" ")
    filled = pl.format(" {} ", squeezed).str.pad_end(cut.ngram[0])
    return pl.when(squeezed == "").then(squeezed).otherwise(filled)


def grams(texts: pl.Series, *, ngram: tuple[int, int]) -> Iterator[Grams]:
    r"""Yield, for each n of the range, all substrings of n code points of `texts`, which have no null.

    The hash of the n-gram :math:`c_1 \dots c_n` is :math:`\text{mix}(B^n + \sum_k c_k B^{n-k}) \bmod 2^{64}`: a
    polynomial (Karp & Rabin 1987), whose leading 1 tells apart lengths, and `mix` for what a polynomial does not
    spread.

    >>> [found.counts.tolist() for found in grams(pl.Series(["abc", "", "a"]), ngram=(1, 2))]
    [[3, 0, 1], [2, 0, 0]]
    """
    lengths = texts.str.len_chars().to_numpy().astype(np.int64)
    points = np.frombuffer(texts.str.join("").item().encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(points))  # code points from here to the text's end
    low, high = ngram
    sums = np.ones(len(points), dtype=np.uint64)
    for n in range(1, high + 1):
        last = points[n - 1 :]
        sums = sums[: len(last)] * _BASE + last
        if n >= low:
            within = left[: len(last)] >= n
            yield Grams(mix(sums[within]), np.maximum(lengths - n + 1, 0))


def mix(values: Hashes) -> Hashes:
    """Spread whole numbers over 64 bits, one to one: the finaliser of SplitMix64 (Steele, Lea & Flood 2014).

    >>> int(mix(np.array([0x9E3779B97F4A7C15], dtype=np.uint64))[0])  # the generator's first number from seed 0
    16294208416658607535
    """
    for shift, factor in _ROUNDS:
        spread = values >> shift
        spread ^= values
        spread *= factor
        values = spread
    last: Hashes = values >> np.uint64(31)
    last ^= values
    return last


def ends(column: Input) -> dict[str, pl.Expr]:
    """Return the aggregates that tell whether a column is constant: its first and its last text."""
    return {"low": column.text().min(), "high": column.text().max()}


def empty_handed(found: Statistics) -> str:
    """Return why a column tells nothing, from `ends` and its nulls; empty if it tells something."""
    if found.nulls == found.rows:
        return "all null"
    return "constant" if found.scalars["low"] == found.scalars["high"] and not found.nulls else ""


def checked_range(ngram: object) -> tuple[int, int]:
    """Return the shortest and longest n, or raise a `ConfigError`; JSON gives a list."""
    pair = tuple(ngram) if isinstance(ngram, Sequence) else ()
    whole = len(pair) == 2 and all(type(n) is int for n in pair)
    if not whole or not 1 <= pair[0] <= pair[1] <= _LONGEST:
        raise ConfigError(
            f"ngram is {ngram!r}, and should be the shortest and the longest n-gram",
            advice=f"give two whole numbers from 1 to {_LONGEST}, the smaller one first, such as (2, 4)",
        )
    return pair


def checked_outputs(name: str, value: object, *, limit: int = 4096) -> None:
    """Raise a `ConfigError` if the number of outputs is none, or more than a dense table should have."""
    if type(value) is not int or not 1 <= value <= limit:
        raise ConfigError(f"{name} is {value!r}", advice=f"give a whole number from 1 to {limit}")


def _encode(texts: pl.Series, *, features: Features, cut: NGramLengths, outputs: int, dtype: pl.DataType) -> pl.Series:
    """Return an Array per row. Dirty columns repeat themselves, so each different text is worked on once."""
    rows = texts.to_frame("text")
    unique = rows.unique().drop_nulls().with_row_index("at")
    at = rows.join(unique, on="text", how="left", maintain_order="left")["at"]
    cuttable = unique.select(padded(pl.col("text"), cut)).to_series()
    parts = [features(grams(part, ngram=cut.ngram), len(part)) for part in _chunks(cuttable, outputs)]
    values = pl.Series(texts.name, np.concatenate(parts), dtype=pl.Array(dtype, outputs))
    return values.gather(at)


def _chunks(texts: pl.Series, outputs: int) -> Iterator[pl.Series]:
    """Yield slices, at least one, of about equal work; a text longer than that is alone with a few others."""
    work = np.cumsum(texts.str.len_chars().to_numpy().astype(np.int64) + outputs)
    stops = [*(np.flatnonzero(np.diff(work // _CHUNK)) + 1).tolist(), len(texts)]
    for start, stop in zip([0, *stops], stops, strict=False):
        yield texts[start:stop]
