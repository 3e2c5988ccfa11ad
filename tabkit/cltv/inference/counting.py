"""Count equal customers once: a million customers become some ten thousand weighted rows with the same likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

COUNT = "customers"


@dataclass(frozen=True, slots=True, eq=False)
class DistinctCustomers:
    """Distinct customers, and how many there are of each.

    Parameters
    ----------
    frame
        The columns that were counted by, sorted, and ``customers``: how many are alike.
    place
        Shape (n,): for each customer the row of `frame` that is like it.
    """

    frame: pl.DataFrame
    place: NDArray[np.int64]

    @property
    def weight(self) -> NDArray[np.float64]:
        """How often each row counts, shape (rows,)."""
        return self.frame[COUNT].cast(pl.Float64).to_numpy()


def count(customers: pl.DataFrame, columns: Sequence[str]) -> DistinctCustomers:
    """Count customers that are equal in the columns: the likelihood needs each only once, with a weight.

    Parameters
    ----------
    customers
        One row each.
    columns
        What the likelihood sees of a customer, covariates and groups too. Nulls are equal to each other.

    Examples
    --------
    >>> frame = pl.DataFrame({"frequency": [0, 2, 0], "T": [5.0, 7.0, 5.0]})
    >>> found = count(frame, ["frequency", "T"])
    >>> found.frame["customers"].to_list(), found.place.tolist()
    ([2, 1], [0, 1, 0])
    """
    names = list(columns)
    found = customers.group_by(names).agg(pl.len().cast(pl.Int64).alias(COUNT)).sort(names)
    numbered = found.select(*names).with_row_index("place")
    place = customers.select(names).join(numbered, on=names, how="left", nulls_equal=True, maintain_order="left")
    return DistinctCustomers(found, place["place"].cast(pl.Int64).to_numpy())
