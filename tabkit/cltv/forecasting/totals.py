"""Sums over customers, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.cltv.forecasting.quantiles import QUANTILES, described

Floats = NDArray[np.float64]


class Stretch(Protocol):
    """How draws are stretched where a model knows too little; see `tabkit.cltv.forecasting.widening.Widening`."""

    def apply(self, draws: Floats, *, rng: np.random.Generator | None = None) -> Floats:
        """Return draws of customers, shape (n, draws), with other quantiles."""

    def apply_total(self, draws: Floats) -> Floats:
        """Return draws of a sum over customers, shape (draws,), with other quantiles."""


@dataclass(slots=True, eq=False)
class Totals:
    """Sums over customers, draw by draw: sums keep what customers have in common, which quantiles of each do not.

    Parameters
    ----------
    purchases, value
        By group (``""`` without), shape (draws,).
    customers
        By group, how many there are.
    """

    purchases: dict[str, Floats] = field(default_factory=dict)
    value: dict[str, Floats] = field(default_factory=dict)
    customers: dict[str, int] = field(default_factory=dict)

    def add(self, names: Sequence[str], purchases: Floats, value: Floats | None) -> None:
        """Add a block of customers, shape (n, draws), by the group of each."""
        for name, places in _by_name(names).items():
            self.customers[name] = self.customers.get(name, 0) + len(places)
            self.purchases[name] = self.purchases.get(name, 0.0) + purchases[places].sum(axis=0)
            if value is not None:
                self.value[name] = self.value.get(name, 0.0) + value[places].sum(axis=0)

    def merge(self, other: Totals) -> None:
        """Add the sums of other customers."""
        for name, count in other.customers.items():
            self.customers[name] = self.customers.get(name, 0) + count
            for own, more in ((self.purchases, other.purchases), (self.value, other.value)):
                if name in more:
                    own[name] = own.get(name, 0.0) + more[name]

    def frame(
        self, quantiles: Sequence[float] = QUANTILES, *, stretch: Mapping[str, Stretch] | None = None
    ) -> pl.DataFrame:
        """Return one row per group, and one for all of them where there are several: means and quantiles of sums.

        Parameters
        ----------
        stretch
            By kind (``purchases``, ``value``); quantiles are stretched, means are not.
        """
        groups = {name: [name] for name in sorted(self.purchases)}
        if len(groups) > 1:
            groups[_free("(all)", groups)] = list(self.purchases)
        return pl.DataFrame([self._row(label, names, quantiles, stretch or {}) for label, names in groups.items()])

    def _row(
        self, label: str, names: Sequence[str], quantiles: Sequence[float], stretch: Mapping[str, Stretch]
    ) -> dict[str, Any]:
        row: dict[str, Any] = {"group": label, "customers": sum(self.customers[name] for name in names)}
        for kind, draws in (("purchases", self.purchases), ("value", self.value)):
            if draws:
                total = np.sum([draws[name] for name in names], axis=0)
                wide = stretch[kind].apply_total(total) if kind in stretch else total
                row |= {name: float(v) for name, v in described(kind, total, quantiles, wide=wide).items()}
        return row


def _free(label: str, taken: Mapping[str, Any]) -> str:
    """Return a label that no group has.

    >>> _free("(all)", {"(all)": 0})
    '((all))'
    """
    return _free(f"({label})", taken) if label in taken else label


def _by_name(names: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    found, place = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return {str(name): np.flatnonzero(place == k) for k, name in enumerate(found)}
