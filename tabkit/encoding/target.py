"""Target encoding: a level becomes the smoothed mean of the target among its rows, cross-fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl

from tabkit.encoding.drop import FittedDrop
from tabkit.encoding.levels import Floats, LevelStatistics
from tabkit.encoding.protocol import FittedEncoder, Input, Statistics
from tabkit.errors import ConfigError, FitError
from tabkit.schema import Family
from tabkit.target import Target as TargetColumn

Smoothing = float | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Target:
    """Encode a level by the mean of the target among its rows, shrunk towards the mean of all rows.

    With ``n`` rows of the level, its mean ``m``, and the mean of all rows ``p`` (all weighted):

    - a number ``s``: ``(n m + s p) / (n + s)``, the m-estimate (Micci-Barreca 2001, eq. 7);
    - ``auto``: ``l m + (1 - l) p`` with ``l = v n / (v n + w)``, ``v`` the variance of the target over all
      rows and ``w`` within the level: the empirical Bayes estimate (same paper, eq. 5), as scikit-learn's.

    Null is a level of its own. A level never seen, and null if there was none at the fit, get ``p``.
    A multiclass target gives one column per class.

    Parameters
    ----------
    smoothing
        A number of pseudo-rows, 0 for none, or ``auto``.
    """

    smoothing: Smoothing = "auto"
    families: ClassVar[frozenset[Family]] = frozenset({"text"})
    needs_levels: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not _is_smoothing(self.smoothing):
            raise ConfigError(f"smoothing is {self.smoothing!r}: 'auto' or a number from 0 was expected")

    def scalars(self, column: Input) -> dict[str, pl.Expr]:  # noqa: ARG002
        """Ask for nothing beside the levels."""
        return {}

    def finish(self, column: Input, found: Statistics, target: TargetColumn) -> FittedEncoder:
        """Keep the statistics by level and fold; all values follow from them."""
        if found.levels is None:
            raise FitError(f"target encoding of {column.name!r} needs its levels")
        levels = found.levels.levels
        if len(levels) == 0:
            return FittedDrop(column.name, "all null")
        if len(levels) == 1 and not found.nulls:
            return FittedDrop(column.name, f"constant ({levels.names[0]!r})")
        classes = target.classes if target.task == "multiclass" else ()
        return FittedTarget(column.name, found.levels, self.smoothing, classes)


@dataclass(frozen=True, slots=True, eq=False)
class FittedTarget:
    """The target's statistics by level and fold, and how they are smoothed."""

    column: str
    statistics: LevelStatistics
    smoothing: Smoothing
    classes: tuple[str, ...] = ()
    kind: ClassVar[str] = "target"

    @property
    def levels(self) -> int:
        """How many levels have a value of their own."""
        return len(self.statistics.levels)

    @property
    def outputs(self) -> tuple[str, ...]:
        """``column by target``, or one name per class."""
        name = f"{self.column} by target"
        return tuple(f"{name}={label}" for label in self.classes) if self.classes else (name,)

    @property
    def why(self) -> str:
        """The reason is the number of levels."""
        return f"text with {self.levels:,} levels: smoothed mean of the target, cross-fitted"

    @property
    def spec(self) -> Target:
        """The same on other rows."""
        return Target(smoothing=self.smoothing)

    def exprs(self) -> list[pl.Expr]:
        """Return the full-data values: **never for rows of the fit**, whose own target is inside."""
        values = smoothed_means(self.statistics.total(), self.smoothing)
        code = self.statistics.levels.code(self.column)
        return [_gather(values[:, c], code, name) for c, name in enumerate(self.outputs)]

    def cross_exprs(self, fold: pl.Expr) -> list[pl.Expr]:
        """Return values for the rows of the fit, each made without any row of its own fold."""
        folds = self.statistics.weight.shape[1]
        parts = [smoothed_means(self.statistics.without(k), self.smoothing) for k in range(folds)]
        table = np.stack(parts, axis=1)  # (levels + 2, folds, columns)
        index = self.statistics.levels.code(self.column) * folds + fold.cast(pl.UInt32)
        return [_gather(table[:, :, c].ravel(), index, name) for c, name in enumerate(self.outputs)]

    def unseen(self) -> pl.Expr | None:
        """Return true where the level has no statistics."""
        return self.statistics.levels.unseen(self.column)

    def state(self) -> dict[str, Any]:
        """Return plain data and the statistics as a frame."""
        return {
            "column": self.column,
            "smoothing": self.smoothing,
            "classes": list(self.classes),
            "folds": self.statistics.weight.shape[1],
            "frames": {"statistics": self.statistics.to_frame()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> FittedTarget:
        """Rebuild what `state` gave."""
        statistics = LevelStatistics.from_frame(state["frames"]["statistics"], folds=state["folds"])
        return cls(state["column"], statistics, state["smoothing"], tuple(state["classes"]))


def _is_smoothing(value: object) -> bool:
    return value == "auto" or (isinstance(value, int | float) and value >= 0)


def smoothed_means(pooled: LevelStatistics, smoothing: Smoothing) -> Floats:
    """Return the values by code, shape (levels + 2, columns): the levels, null, unseen.

    `pooled` has a single fold. The formulas are in the docstring of `Target`.
    """
    weight, sums, scatter = pooled.weight[:, 0, None], pooled.sums[:, 0], pooled.scatter[:, 0]
    mass = weight.sum()
    if not mass > 0:
        raise FitError(
            "a fold holds all rows, or all that have weight: none is left to encode it with",
            advice="use fewer folds, or divide the rows more evenly",
        )
    prior = sums.sum(axis=0) / mass
    seen = weight > 0
    mean = np.divide(sums, weight, out=np.broadcast_to(prior, sums.shape).copy(), where=seen)
    if smoothing == "auto":
        variance = (scatter.sum(axis=0) + (weight * (mean - prior) ** 2).sum(axis=0)) / mass
        within = np.divide(scatter, weight, out=np.zeros_like(scatter), where=seen)
        top = variance * weight
        share = np.divide(top, top + within, out=np.zeros_like(top), where=top + within > 0)
    else:
        share = np.divide(weight, weight + smoothing, out=np.zeros_like(weight), where=seen)
    return np.vstack([share * mean + (1 - share) * prior, prior])


def _gather(values: Floats, index: pl.Expr, name: str) -> pl.Expr:
    return pl.lit(pl.Series(values)).gather(index).alias(name)
