"""A regression as CausalML wants it: an estimator of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from tabkit.uplift.regressor import Codes, Fitted, Floats, Kind, Learn


class Estimator(RegressorMixin, BaseEstimator):  # type: ignore[misc]    # scikit-learn has no types
    """A regression that was handed in: `X` holds row numbers, last, and the S-learner's indicator before them."""

    def __init__(self, learn: Learn, features: pl.DataFrame, kind: Kind, groups: Codes | None, indicator: str) -> None:
        self.learn = learn
        self.features = features
        self.kind = kind
        self.groups = groups
        self.indicator = indicator

    def __sklearn_clone__(self) -> Estimator:
        return self._fresh()

    def __deepcopy__(self, _memo: object) -> Estimator:
        return self._fresh()  # the rows are shared, not copied

    def _fresh(self) -> Estimator:
        return Estimator(self.learn, self.features, self.kind, self.groups, self.indicator)

    def fit(self, X: NDArray[Any], y: Floats, sample_weight: Floats | None = None) -> Estimator:
        """Fit the regression on the rows that `X` numbers."""
        groups = None if self.groups is None else self.groups[_rows(X)]
        target = np.asarray(y, dtype=np.float64)
        self.fitted_ = self.learn(self._of(X), target, kind=self.kind, weight=sample_weight, groups=groups)
        return self

    def predict(self, X: NDArray[Any]) -> Floats:
        """Return what the regression says of the rows that `X` numbers."""
        fitted: Fitted = self.fitted_
        return fitted.predict(self._of(X))

    def _of(self, X: NDArray[Any]) -> pl.DataFrame:
        chosen = self.features[_rows(X)]
        if X.shape[1] == 1:
            return chosen
        return chosen.with_columns(pl.Series(self.indicator, X[:, 0].astype(np.float64)))


def _rows(X: NDArray[Any]) -> Codes:
    return np.asarray(X[:, -1], dtype=np.int64)
