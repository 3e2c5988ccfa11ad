"""Levels in an order: by how often they occur, by the target, or as given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
import polars as pl

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.lookup import Cells, LevelEncoder, Null, group, written
from tabkit.encoding.input import Input
from tabkit.encoding.levels import KnownLevels
from tabkit.encoding.smoothing import smoothed
from tabkit.encoding.statistics import Floats, LevelStatistics
from tabkit.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordinal(LevelEncoder):
    """Encode a level by its place, from 0, in an order of the levels.

    An order by the target is cross-fitted: the rows of the fit get the places that the other folds give. It goes by
    the first class of the first target, if there are several.

    Parameters
    ----------
    order
        ``frequency`` puts the most frequent level first (equal ones by name), ``target`` the one with the least
        smoothed mean; or the levels themselves, first to last.
    append
        Whether levels that are not in a given `order` come behind it, as they are found; else they are null, or
        with `rare` share the place of rare levels.
    rare, unseen, null
        See `LevelEncoder`. Rare levels share the place behind the order, so that `append` cannot be had beside. The
        prior is null, and null is null unless told otherwise.
    """

    order: Literal["frequency", "target"] | tuple[str, ...] = "frequency"
    append: bool = False
    null: Null = "null"
    kind: ClassVar[str] = "ordinal"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        if isinstance(self.order, list | tuple):
            object.__setattr__(self, "order", tuple(map(written, self.order)))
            wrong = not self.order or len(set(self.order)) < len(self.order)
        else:
            wrong = self.order not in ("frequency", "target")
        if wrong:
            raise ConfigError(f"order is {self.order!r}: 'frequency', 'target' or distinct levels were expected")
        if self.append and self.rare:
            raise ConfigError(
                "new levels cannot come behind the order when rare ones share the place there",
                advice="choose append= or rare=",
            )
        if self.null == "level":
            raise ConfigError("null has no place among the levels", advice="choose null='null', 'prior' or 'other'")

    @property
    def declared(self) -> tuple[str, ...]:
        """The given order."""
        return () if isinstance(self.order, str) else self.order

    @property
    def uses_target(self) -> bool:
        """Whether the order is made by the target."""
        return self.order == "target"

    def freeze(self, statistics: LevelStatistics) -> Self:
        """Keep the order as it was found; new levels come behind, or with the rare ones if there may be some."""
        if not isinstance(self.order, str):
            return self
        cells, _ = group(statistics, self.rare)
        places = self._found(cells)
        return replace(self, order=tuple(cells.names.gather(np.argsort(places)).to_list()), append=not self.rare)

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:  # noqa: ARG002
        """Return ``column rank``."""
        return (f"{column.name} rank",)

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:  # noqa: ARG002
        """Return the places; rare levels share the place behind the last, null and the prior have none."""
        is_found = isinstance(self.order, str)
        places = self._found(cells) if is_found else self._given(cells)
        other = len(places if is_found else self.order) if cells.rows[-2] else np.nan
        table = np.concatenate([places, [other, np.nan, np.nan]])[:, None]
        known = not self.uses_target or cells.targets[0].weight.any()
        return table if known else np.full_like(table, np.nan)

    def _found(self, cells: Cells) -> Floats:
        count = len(cells.names)
        # a level with no rows in these folds stands where the mean of all rows would: no place moves for it
        measure = -cells.rows[:count] if self.order == "frequency" else smoothed(cells.targets[0], "auto")[:count, 0]
        # means that differ in their last bits alone, as sums in another order make them, are equal
        largest = float(np.abs(measure).max(initial=0.0))
        measure = np.round(measure / largest, 10) if 0 < largest < np.inf else measure
        places = np.empty(count)
        places[np.argsort(measure, kind="stable")] = np.arange(count)
        return places

    def _given(self, cells: Cells) -> Floats:
        order = KnownLevels(pl.Series(self.order, dtype=pl.String))
        places = order.places(KnownLevels(cells.names))[:-1].astype(np.float64)
        new = places >= len(order)
        behind = float(len(order)) if self.rare else np.nan
        places[new] = len(order) + np.arange(new.sum()) if self.append else behind
        return places
