"""Quantiles of numbers that were counted, and bins between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.drop import dropped
from tabkit.encoding.encoders.exprs import FittedExprs
from tabkit.encoding.encoders.numeric import NUMBERS, Infinite, check_options, constant, number, number_sql, ranges
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import FittedEncoder, Need, Scalars, Statistics, pool_scalars
from tabkit.encoding.sql import quoting
from tabkit.errors import ConfigError
from tabkit.schema import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileBins:
    """The number of the bin, from 0, between quantiles of the column: about equally many rows in each.

    A quantile is the least number that so many rows do not exceed (Hyndman and Fan 1996, type 1), and a bin holds
    its upper edge. Equal edges fall together, so that there may be fewer bins. Rows count alike, whatever their weight.
    Null stays null; numbers beyond those of the fit go to the first or last bin.

    Parameters
    ----------
    bins
        How many, from 2.
    infinite
        ``error`` refuses infinite numbers at the fit, ``null`` takes them for missing, then and later.
    edges
        The inner edges, rising, if they are known beforehand.
    """

    bins: int = 10
    infinite: Infinite = "error"
    edges: tuple[float, ...] | None = None
    kind: ClassVar[str] = "quantile_bins"
    families: ClassVar[frozenset[Family]] = NUMBERS
    needs: ClassVar[frozenset[Need]] = frozenset({"values"})

    def __post_init__(self) -> None:
        check_options(self)
        if self.bins < 2:
            raise ConfigError(f"bins is {self.bins!r}: 2 or more were expected")
        if self.edges is not None:
            object.__setattr__(self, "edges", tuple(map(float, self.edges)))
            if not np.isfinite(self.edges).all() or not (np.diff(self.edges) > 0).all():
                raise ConfigError(f"edges are {self.edges}: rising numbers were expected")

    def scalars(self, column: Input, weight: pl.Expr) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for the range."""
        return ranges(column, self.infinite)

    def pool(self, parts: Sequence[Scalars]) -> Scalars:
        """Pool by name."""
        return pool_scalars(parts)

    def finish(self, column: Input, found: Statistics, aims: tuple[Aim, ...]) -> FittedEncoder:  # noqa: ARG002
        """Keep the column unless it never varies."""
        edges = self.edges
        if edges is None:
            flat = constant(found)
            if flat or found.values is None:
                return dropped(column, flat or "all null")
            inner = quantile(found.values, [i / self.bins for i in range(1, self.bins)])
            edges = tuple(sorted({edge for edge in inner if edge < found.scalars["high"]}))
        value, sql = number(column, infinite=self.infinite), number_sql(column, infinite=self.infinite)
        first = pl.when(value.is_not_null()).then(0).cast(pl.Int32)
        # a bin for each edge that the number exceeds
        bins = pl.sum_horizontal([first, *((value > edge).cast(pl.Int32) for edge in edges)], ignore_nulls=False)
        cases = " ".join(f"WHEN ({sql}) <= {quoting.number(edge)} THEN {i}" for i, edge in enumerate(edges))
        statement = f"CASE WHEN ({sql}) IS NULL THEN NULL {cases} ELSE {len(edges)} END"
        return FittedExprs(
            column.name,
            self,
            replace(self, edges=edges),
            (bins,),
            (f"{column.name} bin",),
            f"{len(edges) + 1} bins of about equally many rows",
            (statement,),
        )


def quantile(values: pl.DataFrame, shares: Sequence[float]) -> list[float]:
    """Return the least values that the given shares of the rows do not exceed.

    Parameters
    ----------
    values
        Distinct numbers, rising, in ``value``, and how many rows have each in ``rows``.
    shares
        From 0 to 1.

    Examples
    --------
    >>> quantile(pl.DataFrame({"value": [1.0, 5.0], "rows": [3, 1]}), [0.5, 0.75, 0.76])
    [1.0, 1.0, 5.0]
    """
    below = values["rows"].cast(pl.Float64).cum_sum().to_numpy()
    # a whole number of rows may come out of the product a little too large
    places = np.searchsorted(below, np.asarray(shares) * below[-1] * (1 - 1e-12), side="left")
    found: list[float] = values["value"].gather(np.minimum(places, len(below) - 1)).to_list()
    return found
