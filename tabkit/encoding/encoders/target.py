"""Target encoding: a level becomes the smoothed mean of the target among its rows, cross-fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from tabkit.encoding.aim import Aim, labels
from tabkit.encoding.encoders.lookup import Cells, Flags, LevelEncoder, declared_levels
from tabkit.encoding.input import Input
from tabkit.encoding.smoothing import Smoothing, check_smoothing, smoothed
from tabkit.encoding.statistics import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(LevelEncoder):
    """Encode a level by the mean of the target among its rows, shrunk towards the mean of all rows.

    With ``n`` rows of the level, its mean ``m``, and the mean of all rows ``p`` (all weighted):

    - a number ``s``: ``(n m + s p) / (n + s)``, the m-estimate (Micci-Barreca 2001, eq. 7);
    - ``auto``: ``l m + (1 - l) p`` with ``l = v n / (v n + w)``, ``v`` the variance of the target over all
      rows and ``w`` within the level: the empirical Bayes estimate (same paper, eq. 5), as scikit-learn's.

    A target of two values counts as two classes, numbers too: the mean of 0 and 50 is the share of 50, between 0 and 1.
    As an amount (`tabkit.target.infer` with ``task="regression"``) it is the same feature in another unit.

    A multiclass target gives one column per class, and several targets or arms one (or more) each. The rows of the
    fit get the value of the other folds, with the other folds' own ``p``.

    Parameters
    ----------
    smoothing
        A number of pseudo-rows, 0 for none, or ``auto``.
    levels
        The levels that have a value of their own, if they are known beforehand: all others are unseen, also those of
        rows of the fit. These count for ``p`` all the same.
    rare, unseen, null
        See `LevelEncoder`. The prior is ``p``.
    """

    smoothing: Smoothing = "auto"
    levels: tuple[str, ...] | None = None
    kind: ClassVar[str] = "target"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        check_smoothing(self.smoothing)
        object.__setattr__(self, "levels", declared_levels(self.levels))

    @property
    def declared(self) -> tuple[str, ...]:
        """The given levels."""
        return self.levels or ()

    def outside(self, names: pl.Series) -> Flags:
        """Return which levels were not declared."""
        if self.levels is None:
            return LevelEncoder.outside(self, names)
        return (~names.is_in(pl.Series(self.levels, dtype=pl.String).implode())).to_numpy()

    @property
    def uses_target(self) -> bool:
        """True."""
        return True

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:
        """Return ``column by target``, or one name per class, target and arm."""
        return tuple(f"{column.name} by {label}" for label in labels(aims))

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:  # noqa: ARG002
        """Return the smoothed means."""
        return np.hstack([smoothed(sums, self.smoothing) for sums in cells.targets])
