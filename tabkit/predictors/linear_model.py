"""A fitted linear model: plain numbers, which predict, explain themselves and are saved without code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import polars as pl

from tabkit.bundle import Bundle, frame_bytes, json_bytes
from tabkit.errors import ScoringError
from tabkit.fitted_model import BundleParts
from tabkit.objective import OBJECTIVES, Objective, inverse_link
from tabkit.rows import Floats, matrix
from tabkit.untrusted.manifest import NamedTable, numbers_of, texts_of

PART, _TABLE = "linear.json", "linear.parquet"
_LARGEST = 1e100  # of a feature: its square still is a number
_SMALLEST = 1e-200  # of a scale: a feature divided by it still is a number
_ROWS = 16_384  # scored at once


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Coefficients on a base score: ``prediction = inverse link(base score + offset + sum of contributions)``.

    A contribution is ``coefficient * (value - mean) / scale``; that of a missing value is 0.

    Parameters
    ----------
    objective
        The name of the objective; it decides the link.
    features
        The features' names in the order of the fit, p of them.
    base_score
        One number, or one per class: the raw score of a row with the mean of every feature.
    coefficients
        Shape (outputs, p): on the raw scale, for a change of one standard deviation.
    mean, scale
        Shape (p,): of the rows of the fit.
    constant
        The raw score of the best constant on the rows of the fit.
    classes
        The labels of a classification.
    penalty
        Of the fit.
    held_out_loss, base_loss
        Of the objective, on the rows that chose the penalty: of this model, and of the best constant.
    """

    learner: ClassVar[str] = "linear"
    objective: str
    features: tuple[str, ...]
    base_score: tuple[float, ...]
    coefficients: Floats = field(repr=False)
    mean: Floats = field(repr=False)
    scale: Floats = field(repr=False)
    constant: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    penalty: float = 1.0
    held_out_loss: float | None = None
    base_loss: float | None = None

    @property
    def kind(self) -> Objective:
        """The objective with its link."""
        return OBJECTIVES[self.objective]  # type: ignore[index]  # a name from the registry

    def raw(self, features: pl.DataFrame, *, offset: Floats | None = None, num_threads: int = 0) -> Floats:
        """Return raw scores, shape (n,), or (n, classes) for several classes.

        Parameters
        ----------
        features
            Encoded rows; columns are taken by name. What is null, NaN or infinite counts as missing.
        offset
            Shape (n,), added to the score: log(exposure) for a log link.
        num_threads
            Not used: one is enough.

        Raises
        ------
        SchemaError
            If a feature is missing or not numeric.
        """
        score = np.array(self.base_score) + self.added(features)
        if offset is not None:
            shift = np.asarray(offset, dtype=np.float64)
            if shift.shape != (features.height,):
                raise ScoringError(f"the offset has shape {shift.shape}; ({features.height},) was expected")
            score = score + shift[:, None]
        return np.asarray(score if score.shape[1] > 1 else score[:, 0])

    def added(self, features: pl.DataFrame) -> Floats:
        """Return what the features add to the base score, shape (n, outputs), some thousand rows at a time."""
        data = matrix(features, self.features)
        score, used = np.zeros((data.height, len(self.base_score))), np.flatnonzero(self.coefficients.any(axis=0))
        for start in range(0, data.height, _ROWS):
            X, part = self._standardised(data.slice(start, _ROWS)), score[start : start + _ROWS]
            for k in used:  # a product of matrices would round a row by which others stand beside it
                part += X[:, k, None] * self.coefficients[:, k]
        return score

    def predict(self, features: pl.DataFrame, *, offset: Floats | None = None, num_threads: int = 0) -> Floats:
        """Return predictions on the target's scale: probabilities, means or quantiles; see `raw`."""
        return inverse_link(self.raw(features, offset=offset), self.kind.link)

    def contribution_array(self, features: pl.DataFrame, *, num_threads: int = 0) -> Floats:
        """Return what each feature adds to each raw score, shape (n, outputs, p + 1), the base score last."""
        X = self._standardised(matrix(features, self.features))
        values = np.empty((len(X), len(self.base_score), len(self.features) + 1))
        values[:, :, :-1] = X[:, None, :] * self.coefficients
        values[:, :, -1] = self.base_score
        return values

    def importance(self) -> pl.DataFrame:
        """Return, largest first: feature, gain (the mean size of its coefficients), share of it, coefficient.

        ``coefficient`` is for a change of one standard deviation; null where there are several classes.
        """
        size = np.abs(self.coefficients).mean(axis=0)
        own = pl.Series(self.coefficients[0] if len(self.base_score) == 1 else [None] * len(size), dtype=pl.Float64)
        frame = pl.DataFrame({"feature": list(self.features), "gain": size, "share": size / (size.sum() or 1.0)})
        return frame.with_columns(coefficient=own).sort("gain", "feature", descending=[True, False])

    def _standardised(self, data: pl.DataFrame) -> Floats:
        return np.nan_to_num((numbers(data) - self.mean) / self.scale, copy=False)

    def to_parts(self) -> BundleParts:
        """Return the coefficients as a table, and the rest as JSON."""
        names = ("objective", "classes", "base_score", "constant", "penalty", "held_out_loss", "base_loss")
        table = pl.DataFrame({"feature": list(self.features), "mean": self.mean, "scale": self.scale})
        table = table.with_columns(pl.Series(f"coefficient_{k}", row) for k, row in enumerate(self.coefficients))
        values = {name: getattr(self, name) for name in names}
        return BundleParts({}, {PART: json_bytes(values), _TABLE: frame_bytes(table)})

    @classmethod
    def from_parts(cls, found: Bundle) -> LinearModel:
        """Rebuild what `to_parts` gave, every number checked; `BundleError` if it cannot be one."""
        given, table = NamedTable(found.json(PART), "the linear model"), found.frame(_TABLE)
        what, objective, classes = (
            "the table of coefficients",
            given.choice("objective", OBJECTIVES),
            given.texts("classes"),
        )
        outputs = len(classes) if objective == "multiclass" else 1
        columns = [numbers_of(table, f"coefficient_{k}", what=what) for k in range(outputs)]
        return cls(
            objective=objective,
            features=tuple(texts_of(table, "feature", what=what)),
            base_score=given.numbers("base_score", size=outputs),
            coefficients=np.array(columns).reshape(outputs, table.height),
            mean=numbers_of(table, "mean", what=what, low=-_LARGEST, high=_LARGEST),
            scale=numbers_of(table, "scale", what=what, low=_SMALLEST),
            constant=given.numbers("constant", size=outputs),
            classes=classes,
            penalty=given.number("penalty", low=0),
            held_out_loss=given.maybe(given.number, "held_out_loss"),
            base_loss=given.maybe(given.number, "base_loss"),
        )


def numbers(data: pl.DataFrame) -> Floats:
    """Return columns as an array, shape (n, columns), the infinite as NaN, the huge made smaller."""
    x = pl.all().cast(pl.Float64)
    array = data.select(pl.when(x.is_finite()).then(x.clip(-_LARGEST, _LARGEST)).otherwise(float("nan")))
    return np.asarray(array.to_numpy(writable=True), dtype=np.float64)
