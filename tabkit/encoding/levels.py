"""The known levels of a column in a fixed order, and their codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class KnownLevels:
    """The known levels of a column, in a fixed order.

    Codes are ``0 .. n-1`` for the levels, ``n`` for null and ``n + 1`` for a level never seen. The
    cast to an Enum does the look-up: it keeps row order, streams, and holds memory flat.

    Examples
    --------
    >>> levels = KnownLevels(pl.Series(["a", "b"]))
    >>> frame = pl.DataFrame({"x": ["b", None, "new", "a"]})
    >>> frame.select(levels.code(pl.col("x"))).to_series().to_list()
    [1, 2, 3, 0]
    """

    names: pl.Series
    dtype: pl.Enum = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", pl.Enum(self.names))

    def __len__(self) -> int:
        """Return the number of levels, null and unseen not counted."""
        return len(self.names)

    def code(self, text: pl.Expr) -> pl.Expr:
        """Return the code of each row as UInt32, never null."""
        known = text.cast(self.dtype, strict=False).to_physical().cast(pl.UInt32)
        unseen = pl.lit(len(self) + 1, dtype=pl.UInt32)
        null = pl.lit(len(self), dtype=pl.UInt32)
        return pl.when(text.is_null()).then(null).otherwise(known.fill_null(unseen))

    def places(self, of: KnownLevels) -> Codes:
        """Return where the levels `of` another, then its null, stand here, shape (len(of) + 1,).

        A level that is not known here gets ``len(self) + 1``.
        """
        names = pl.concat([of.names, pl.Series([None], dtype=pl.String)])
        return names.to_frame("x").select(self.code(pl.col("x"))).to_series().cast(pl.Int64).to_numpy()

    def union(self, other: KnownLevels, *, append: bool) -> KnownLevels:
        """Return the levels of both: those of `other` behind, so that no code moves, or all sorted."""
        new = other.names.filter(~other.names.is_in(self.names.implode())) if len(other) else other.names
        if not len(new):
            return self
        names = pl.concat([self.names, new])
        return KnownLevels(names if append else names.sort())


def factorise(text: pl.Series, *, known: Sequence[str] = ()) -> tuple[KnownLevels, Codes]:
    """Return the levels of a String or Categorical, sorted, and the code of each row: their number for null.

    Levels that are `known` are among them, whether or not a row has them.

    >>> levels, code = factorise(pl.Series(["b", None, "a", "b"]))
    >>> levels.names.to_list(), code.tolist()
    (['a', 'b'], [1, 2, 0, 1])
    """
    category = text.cast(own_categories()) if text.dtype == pl.String() else text
    found = category.gather(category.to_physical().arg_unique()).drop_nulls()
    names, held = found.cast(pl.String), found.to_physical().to_numpy()
    others = pl.Series(list(dict.fromkeys(known)), dtype=pl.String)
    names = pl.concat([names, others.filter(~others.is_in(names.implode()))]) if len(others) else names
    order = names.arg_sort().to_numpy()
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    rank = np.zeros(int(held.max(initial=0)) + 2, dtype=np.uint32)
    rank[held] = place[: len(held)]
    rank[-1] = len(order)
    physical: NDArray[Any] = category.to_physical().fill_null(len(rank) - 1).to_numpy()
    return KnownLevels(names.gather(order)), rank[physical]


def own_categories() -> pl.Categorical:
    """Return a Categorical of its own: the categories of the process would keep every level any table ever had."""
    return pl.Categorical(pl.Categories.random())
