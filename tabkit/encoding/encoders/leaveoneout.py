"""Leave-one-out target encoding: a row is encoded by the other rows of its level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.encoding.aim import Aim, labels
from tabkit.encoding.encoders.lookup import Cells, FittedLookup, LevelEncoder, group, series
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Training
from tabkit.encoding.smoothing import Smoothing, check_smoothing, shrinkage, smoothed
from tabkit.encoding.statistics import Floats, Sums
from tabkit.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOneOut(LevelEncoder):
    """Encode a row of the fit by the smoothed mean of the other rows of its level; a new row by that of all.

    Within a level the value is high where the row's own target is low, and a tree can read the target from that
    difference: `TableEncoder.audit` shows it. It is here because the field knows it; `Target` is the safe choice.
    Given folds do not matter to it. A row that is alone in its level gets the mean of all other rows; one that
    has all the weight gets null.

    Parameters
    ----------
    smoothing
        See `Target`; 0, no smoothing, is what the name usually means.
    rare, unseen, null
        See `LevelEncoder`; levels are not put together, so neither `rare` nor ``other`` is taken.
    """

    smoothing: Smoothing = 0.0
    kind: ClassVar[str] = "leave_one_out"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        check_smoothing(self.smoothing)
        refuse_grouping(self)

    @property
    def uses_target(self) -> bool:
        """True."""
        return True

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:
        """Return ``column by others' target``, or one name per class, target and arm."""
        return tuple(f"{column.name} by others' {label}" for label in labels(aims))

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:  # noqa: ARG002
        """Return the smoothed means of all rows."""
        return np.hstack([smoothed(sums, self.smoothing) for sums in cells.targets])

    def training(self, fitted: FittedLookup, rows: Training) -> list[pl.Series] | None:
        """Return for each row the smoothed mean without it."""
        if rows.grouped:
            raise ConfigError(
                f"leave-one-out of {fitted.column!r} looks at other rows of the same group, but groups were given",
                advice="use Target(), which is cross-fitted by whole groups, or leave `groups` out",
            )
        if rows.past:
            raise ConfigError(
                f"leave-one-out of {fitted.column!r} looks at rows of all times, but a time was given",
                advice="use OrderedTarget() or Target(), or leave `time` out",
            )
        cells, _ = group(fitted.statistics, 0)
        code = np.where(rows.code == fitted.levels, fitted.levels + 1, rows.code)  # null's cell stands behind other
        found = []
        for aim, sums, y, weight in zip(fitted.aims, cells.targets, rows.y, rows.weight, strict=True):
            own = np.ones(len(y)) if weight is None else weight
            for c in range(sums.sums.shape[2]):
                value = (y == c).astype(np.float64) if aim.classes else y
                found.append(self._without(sums, c, code, value, own))
        return hide_null(found, rows.code == fitted.levels, self)

    def _without(self, sums: Sums, c: int, code: NDArray[np.int64], y: Floats, own: Floats) -> Floats:
        weight, total, scatter = sums.weight[:, 0], sums.sums[:, 0, c], sums.scatter[:, 0, c]
        mass, everything = weight.sum(), total.sum()
        spread = scatter.sum() + (weight * (_divide(total, weight) - _divide(everything, mass)) ** 2).sum()
        prior = np.where(mass > own, _divide(everything - own * y, mass - own), np.nan)
        variance = _divide(_downdate(spread, mass, everything, y, own), mass - own)
        left = np.maximum(weight[code] - own, 0.0)
        mean = _divide(total[code] - own * y, left)
        within = _divide(_downdate(scatter[code], weight[code], total[code], y, own), left)
        share = shrinkage(left, within, variance, self.smoothing)
        values: Floats = np.where(left > 0, share * mean + (1 - share) * prior, prior)
        return values


def refuse_grouping(spec: LevelEncoder) -> None:
    """Refuse choices for rare levels and null that an encoder by single rows cannot keep."""
    if spec.rare or "other" in (spec.unseen, spec.null) or spec.null == "prior":
        raise ConfigError(
            f"{type(spec).__name__} keeps every level apart: it takes no rare=, no 'other', and for null only "
            "'level', 'null' or 'error'",
            advice="leave `groups` out, or use Target()",
        )


def hide_null(features: list[Floats], is_null: NDArray[np.bool_], spec: LevelEncoder) -> list[pl.Series]:
    """Return the features, with null where the source is null unless null is a level."""
    return [series(np.where(is_null, np.nan, values) if spec.null == "null" else values) for values in features]


def _downdate(scatter: Any, weight: Any, total: Any, y: Floats, own: Floats) -> Floats:
    """Return the sum of squared deviations without a row (West 1979, reversed)."""
    mean = _divide(total, weight)
    left: Floats = np.maximum(scatter - _divide(own * weight * (y - mean) ** 2, weight - own), 0.0)
    return left


def _divide(top: Any, bottom: Any) -> Floats:
    top, bottom = np.broadcast_arrays(np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64))
    ratio: Floats = np.divide(top, bottom, out=np.zeros(top.shape), where=bottom > 0)
    return ratio
