"""Ordered target encoding, as in CatBoost: a row is encoded by the rows before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.aim import Aim, labels
from tabkit.encoding.encoders.leaveoneout import hide_null, refuse_grouping
from tabkit.encoding.encoders.lookup import Cells, FittedLookup, LevelEncoder
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Training
from tabkit.encoding.smoothing import check_smoothing, smoothed
from tabkit.encoding.statistics import Floats, Integers
from tabkit.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedTarget(LevelEncoder):
    """Encode a row of the fit by the rows before it, in order of time or else in a seeded random order.

    With ``n`` and ``S`` the weight and weighted sum of the target over earlier rows of the level, and ``p`` the
    mean of the target over all earlier rows: ``(S + a p) / (n + a)`` (Prokhorenkova et al. 2018, eq. 5, with the
    running mean for the prior: the mean of all rows would hold the row's own target). Rows of equal time do not
    see each other, and the first get null. A new row gets the same from all rows. Given folds do not matter to it.

    Parameters
    ----------
    smoothing
        ``a``, above 0.
    rare, unseen, null
        See `LevelEncoder`; levels are not put together, so neither `rare` nor ``other`` is taken.
    """

    smoothing: float = 1.0
    kind: ClassVar[str] = "ordered_target"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        refuse_grouping(self)
        check_smoothing(self.smoothing)
        if self.smoothing in ("auto", 0):
            raise ConfigError(f"smoothing is {self.smoothing!r}: a number above 0 was expected")

    @property
    def uses_target(self) -> bool:
        """True."""
        return True

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:
        """Return ``column by earlier target``, or one name per class, target and arm."""
        return tuple(f"{column.name} by earlier {label}" for label in labels(aims))

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:  # noqa: ARG002
        """Return the smoothed means of all rows."""
        return np.hstack([smoothed(sums, self.smoothing) for sums in cells.targets])

    def training(self, fitted: FittedLookup, rows: Training) -> list[pl.Series] | None:
        """Return for each row what the rows before it say."""
        if rows.grouped and rows.time is None:
            raise ConfigError(
                f"{fitted.column!r} is encoded by rows drawn before, also of the same group, but groups were given",
                advice="use Target(), which is cross-fitted by whole groups, or give a time",
            )
        n = len(rows.code)
        rank = rows.time if rows.time is not None else np.random.default_rng(rows.seed).permutation(n)
        in_level, in_all = RowOrder.of(rank, rows.code), RowOrder.of(rank, np.zeros(n, dtype=np.int64))
        found = []
        for aim, y, weight in zip(fitted.aims, rows.y, rows.weight, strict=True):
            own = np.ones(n) if weight is None else weight
            mass, everything = in_level.before(own), in_all.before(own)
            for value in [(y == c).astype(np.float64) for c in range(len(aim.classes))] or [y]:
                total = in_all.before(own * value)
                prior = np.divide(total, everything, out=np.full(n, np.nan), where=everything > 0)
                found.append((in_level.before(own * value) + self.smoothing * prior) / (mass + self.smoothing))
        return hide_null(found, rows.code == fitted.levels, self)


@dataclass(frozen=True, slots=True, eq=False)
class RowOrder:
    """Rows sorted by group and then by rank.

    Parameters
    ----------
    rows
        Shape (n,): row numbers in that order.
    group, tie
        Shape (n,): where, in that order, the row's group starts, and the rows of its group with equal rank.
    """

    rows: Integers
    group: Integers
    tie: Integers

    @classmethod
    def of(cls, rank: Integers, group: Integers) -> RowOrder:
        """Sort the rows."""
        by_rank = np.argsort(rank, kind="stable")
        rows = by_rank[np.argsort(group[by_rank], kind="stable")]
        new_group = np.append(True, np.diff(group[rows]) != 0)
        new_tie = new_group | np.append(True, np.diff(rank[rows]) != 0)
        return cls(rows, _starts(new_group), _starts(new_tie))

    def before(self, values: Floats) -> Floats:
        """Return for each row the sum over the rows of its group with lower rank, shape (n,)."""
        # one running sum over all groups would carry the rounding of one into the next
        sorted_rows = pl.DataFrame({"group": self.group, "value": values[self.rows]})
        sums = sorted_rows.select(pl.col("value").cum_sum().over("group")).to_series().to_numpy()
        found = np.empty(len(values))
        found[self.rows] = np.where(self.tie > self.group, sums[self.tie - 1], 0.0)
        return found


def _starts(is_new: NDArray[np.bool_]) -> Integers:
    return np.maximum.accumulate(np.where(is_new, np.arange(len(is_new)), 0))
