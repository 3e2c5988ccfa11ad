"""The table encoder and its target encoding as scikit-learn transformers: for pipelines, grids and column transformers.

Import this module by its name: `tabkit.encoding` does not. Both transformers encode the rows of the fit **out of
fold** in `fit_transform`, as scikit-learn's own ``TargetEncoder`` does: ``fit_transform(X, y)`` is not
``fit(X, y).transform(X)``. A pipeline calls the right one by itself.

X is an array, or a pandas or Polars frame. Features are float64 with NaN for null, or frames of them after
``set_output(transform="polars")``. Errors are both `tabkit.errors.TabkitError` and ValueError. What is learned stands
in ``encoder_``, a `FittedTable`, which `tabkit.encoding.table.saved.save` writes as data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tabkit.encoding.arrays import (
    Categories,
    InputError,
    SampleRows,
    TargetType,
    as_value_error,
    folds_of,
    frame_of,
    levels_of,
    names_of,
    plain,
    rows_of,
    seed_of,
)
from tabkit.encoding.encoders.leaveoneout import LeaveOneOut
from tabkit.encoding.encoders.numeric import Infinite
from tabkit.encoding.encoders.ordered import OrderedTarget
from tabkit.encoding.encoders.target import Target
from tabkit.encoding.protocol import Encoder
from tabkit.encoding.smoothing import Smoothing
from tabkit.encoding.statistics import Floats, Integers
from tabkit.encoding.table import encoder as table
from tabkit.encoding.table.fitted import FittedTable
from tabkit.errors import ConfigError

__all__ = ["InputError", "TableTransformer", "TargetEncoder"]

_Key = str | tuple[str, ...]


def _refuse_by_row(spec: table.TableEncoder, groups: Any) -> None:
    """Refuse encoders that look at single rows, of the own group too, where groups were given as folds."""
    listed = [value if isinstance(value, Sequence) else [value] for value in spec.columns.values()]
    by_row = [type(e).__name__ for encoders in listed for e in encoders if isinstance(e, LeaveOneOut | OrderedTarget)]
    if groups is not None and by_row:
        raise ConfigError(
            f"{by_row[0]} looks at other rows of the same group, but groups were given",
            advice="use Target(), which is cross-fitted by whole groups, or leave `groups` out",
        )


class _Transformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both transformers do alike."""

    encoder_: FittedTable
    classes_: NDArray[Any] | None
    target_type_: str | None

    def fit(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Fit on X of shape (rows, columns). `groups` play no part here, for nothing is encoded out of fold."""
        del groups
        with as_value_error():
            rows = self._read(X, y, sample_weight)
            # The values for new rows do not hang on the folds, and two can be made of the fewest rows.
            fold = None if rows.known is None else np.arange(rows.frame.height) % 2
            spec = self._spec(seed_of(self.random_state))
            self.encoder_ = spec.fit(rows.frame, target=rows.target, weight=rows.weight, folds=fold)
        return self

    def fit_transform(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Any:
        """Fit, and encode the rows of the fit out of fold; rows of one of the `groups` go to one fold."""
        with as_value_error():
            rows, seed = self._read(X, y, sample_weight), seed_of(self.random_state)
            fold = folds_of(rows, self._division(), groups, seed=seed)
            _refuse_by_row(self._spec(seed), groups)
            encoded = self._spec(seed).fit_transform(rows.frame, target=rows.target, weight=rows.weight, folds=fold)
        self.encoder_ = encoded.encoder
        return self._features(encoded.features, rows, fold)

    def transform(self, X: Any) -> Any:
        """Encode rows that were **not** fitted on."""
        check_is_fitted(self, "encoder_")
        with as_value_error():
            return self._features(self.encoder_.transform(frame_of(self, X)))

    def _read(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> SampleRows:
        rows = rows_of(frame_of(self, X, y, reset=True), y, sample_weight, target_type=self.target_type)
        self.target_type_ = rows.known.kind if rows.known else None
        self.classes_ = rows.known.classes if rows.known else None
        self.target_mean_ = rows.mean()
        return rows

    def _spec(self, seed: int) -> table.TableEncoder:
        raise NotImplementedError

    def _division(self) -> Any:
        raise NotImplementedError

    def _features(self, features: pl.DataFrame, rows: SampleRows | None = None, fold: Integers | None = None) -> Floats:  # noqa: ARG002
        return features.cast(pl.Float64).to_numpy(order="c", writable=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.allow_nan = True
        return tags


class TableTransformer(_Transformer):
    """`tabkit.encoding.TableEncoder` as a transformer.

    Columns that cannot tell rows apart are left out, as by ``VarianceThreshold``; if none is left, `fit` fails.

    Parameters
    ----------
    default, columns, max_onehot, smoothing, infinite
        See `tabkit.encoding.TableEncoder`. Columns without names are called ``x0``, ``x1``, ...
    folds
        How many folds (shuffled, even within each class, or whole by group), or a splitter, or its splits. Each row
        must be tested on once; it is encoded by all rows that are not in its fold.
    target_type
        ``auto`` goes by scikit-learn's ``type_of_target``: whole numbers are classes. Give ``continuous`` for counts.
    random_state
        Decides which row goes to which fold, if `folds` is a number; None draws anew at each fit.

    Attributes
    ----------
    encoder_
        The `FittedTable`.
    target_type_, classes_, target_mean_
        How y was understood, its labels (None if it is continuous), and its mean (of a multiclass y one per class).
        All are None without y.
    n_features_in_, feature_names_in_
        How many columns X had, and their names if it was a frame.

    Examples
    --------
    >>> X = pl.DataFrame({"city": ["a", "b", "a", "b"], "age": [31.0, 54.0, 27.0, 43.0]})
    >>> encoder = TableTransformer(folds=2).set_output(transform="polars")
    >>> encoder.fit_transform(X, [0, 1, 0, 1]).columns
    ['city=a', 'city=b', 'age']
    >>> encoder.transform(X[:1]).row(0)
    (1.0, 0.0, 31.0)
    """

    def __init__(
        self,
        *,
        default: Literal["auto", "drop"] = "auto",
        columns: Mapping[_Key, Encoder | Sequence[Encoder]] | None = None,
        max_onehot: int = 10,
        smoothing: Smoothing = "auto",
        folds: Any = 5,
        infinite: Infinite = "error",
        target_type: TargetType = "auto",
        random_state: Any = 0,
    ) -> None:
        self.default = default
        self.columns = columns
        self.max_onehot = max_onehot
        self.smoothing = smoothing
        self.folds = folds
        self.infinite = infinite
        self.target_type = target_type
        self.random_state = random_state

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the features; where X had no names they are made from `input_features`."""
        check_is_fitted(self, "encoder_")
        names = dict(zip(names_of(self), names_of(self, input_features), strict=True))
        sources = {name: source.input.columns for name, source in self.encoder_.sources.items()}
        renamed = {name: " x ".join(names[column] for column in columns) for name, columns in sources.items()}
        found = [renamed[source] + name.removeprefix(source) for name, source in self.encoder_.source_of.items()]
        return np.array(found, dtype=object)

    def _spec(self, seed: int) -> table.TableEncoder:
        options = {name: plain(getattr(self, name)) for name in ("default", "max_onehot", "smoothing", "infinite")}
        return table.TableEncoder(columns=self.columns or {}, seed=seed, **options)

    def _division(self) -> Any:
        return self.folds


TableEncoder = TableTransformer
"""The old name of `TableTransformer`, for one release."""


class TargetEncoder(_Transformer):
    """`tabkit.encoding.Target` for every column, in the place of scikit-learn's ``TargetEncoder``.

    It gives the same features under the same names, and also takes weights and groups. All values are levels,
    missing ones too; a level that was never seen gets the mean of the target. So does a column of a single level, which
    cannot be learned from and is not in ``encoder_``; if all columns are such, `fit` fails.

    Parameters
    ----------
    categories
        ``auto``, or for each column a list of its levels: any other level is taken for one never seen, also at the fit.
        A list with None or NaN lets missing values be a level.
    smooth
        A number of pseudo-rows, or ``auto``; see `tabkit.encoding.Target`.
    target_type, cv, random_state
        As `target_type`, `folds` and `random_state` of `TableTransformer`, and so are the attributes.

    Examples
    --------
    >>> X = np.array([["dog"] * 20 + ["cat"] * 30 + ["snake"] * 38]).T
    >>> y = [90.3] * 5 + [80.1] * 15 + [20.4] * 5 + [20.1] * 25 + [21.2] * 8 + [49.0] * 30
    >>> encoder = TargetEncoder(smooth=5000.0).fit(X, y)
    >>> encoder.transform([["dog"], ["cat"], ["snake"], ["bird"]]).round(1).ravel().tolist()
    [44.4, 44.1, 44.3, 44.3]
    """

    def __init__(
        self,
        *,
        categories: Categories = "auto",
        target_type: TargetType = "auto",
        smooth: Smoothing = "auto",
        cv: Any = 5,
        random_state: Any = 0,
    ) -> None:
        self.categories = categories
        self.target_type = target_type
        self.smooth = smooth
        self.cv = cv
        self.random_state = random_state

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the columns, with those of the classes behind them if the target is multiclass."""
        check_is_fitted(self, "encoder_")
        names = names_of(self, input_features)
        if self.target_type_ == "multiclass" and self.classes_ is not None:
            names = [f"{name}_{label}" for name in names for label in self.classes_]
        return np.array(names, dtype=object)

    def _spec(self, seed: int) -> table.TableEncoder:
        levels = levels_of(self.categories, names_of(self))
        columns: dict[_Key, Encoder] = {
            name: Target(smoothing=plain(self.smooth), levels=own, null=null) for name, (own, null) in levels.items()
        }
        return table.TableEncoder(default="drop", columns=columns, seed=seed)

    def _division(self) -> Any:
        return self.cv

    def _features(self, features: pl.DataFrame, rows: SampleRows | None = None, fold: Integers | None = None) -> Floats:
        """Put columns of a single level back: they are the mean of the target, out of fold for the rows of the fit."""
        names, mean = names_of(self), self.target_mean_
        if rows is not None and fold is not None:
            mean = np.stack([rows.mean(fold != k) for k in range(int(fold.max()) + 1)])[fold]
        values = np.empty((features.height, len(names), np.size(self.target_mean_)))
        values[:] = np.reshape(mean, (-1, 1, values.shape[2]))
        varied = np.isin(names, list(self.encoder_.source_of.values()))
        values[:, varied] = super()._features(features).reshape(len(values), -1, values.shape[2])
        return values.reshape(len(values), -1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
