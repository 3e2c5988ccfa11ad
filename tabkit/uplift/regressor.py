"""The protocol of regressions that learners use, so that this room needs no library of trees."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

Kind = Literal["binary", "count", "number", "effect", "arm"]
"""What is learned: a probability, a count's or a number's mean, the mean of noisy pseudo-outcomes, or a propensity."""


class Fitted(Protocol):
    """A fitted regression."""

    def predict(self, features: pl.DataFrame) -> Floats:
        """Return the expected value of each row, shape (n,); columns are taken by name."""
        ...


class Learn(Protocol):
    """Fits a regression of the conditional mean; the same rows give the same model."""

    def __call__(
        self,
        features: pl.DataFrame,
        y: Floats,
        *,
        kind: Kind,
        weight: Floats | None = None,
        groups: Codes | None = None,
    ) -> Fitted:
        """Fit on n rows of numeric features; null means missing.

        Parameters
        ----------
        y
            Shape (n,).
        kind
            What `y` is; it decides the loss and how strongly trees are held back.
        weight
            Shape (n,), not negative.
        groups
            Shape (n,): rows of one group are kept together where rows are held out.
        """
        ...
