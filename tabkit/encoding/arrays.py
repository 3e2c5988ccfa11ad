"""Inputs of scikit-learn's methods as tables: arrays or frames, targets, weights, splitters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
import polars as pl
import sklearn
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import check_cv
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import validate_data

from tabkit import frames, splits, target
from tabkit.encoding.encoders.lookup import Null
from tabkit.encoding.statistics import Floats, Integers
from tabkit.errors import TabkitError

TargetType = Literal["auto", "continuous", "binary", "multiclass"]
Categories = Literal["auto"] | Sequence[ArrayLike]
_TASKS: dict[str, target.Task] = {"continuous": "regression", "binary": "binary", "multiclass": "multiclass"}
_SEES_POLARS = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)


class InputError(TabkitError, ValueError):
    """What a transformer was given cannot be used; scikit-learn expects a ValueError."""

    stage = "fitting"


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """y, understood: its kind, its labels if it is not continuous, and shape (n,) its numbers or labels' indices."""

    kind: str
    classes: NDArray[Any] | None
    numbers: Floats

    def labels(self) -> list[str]:
        """Return the labels as text, whole numbers without a point."""
        classes: Sequence[Any] = () if self.classes is None else list(self.classes)
        return [str(int(c)) if isinstance(c, np.floating) and c.is_integer() else str(c) for c in classes]

    def column(self, name: str) -> pl.Series:
        """Return the numbers, or the labels, as a column."""
        if self.classes is None:
            return pl.Series(name, self.numbers)
        return pl.Series(name, self.labels(), dtype=pl.String).gather(self.numbers.astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class SampleRows:
    """The rows of a fit: the columns of X, and the target and weight if they are given."""

    frame: pl.DataFrame
    known: Known | None
    target: target.TargetColumn | None
    w: Floats | None
    weight: str | None

    def mean(self, which: Any = slice(None)) -> Any:
        """Return the mean of y over some rows, of a multiclass y one per class; None without y."""
        if self.known is None:
            return None
        values = self.known.numbers[which]
        if self.known.kind == "multiclass":
            values = (values[:, None] == np.arange(len(self.known.labels()))).astype(np.float64)
        return np.average(values, axis=0, weights=None if self.w is None else self.w[which])


@contextmanager
def as_value_error() -> Iterator[None]:
    """Turn errors of tabkit into ones that are ValueErrors too, as scikit-learn expects."""
    try:
        yield
    except InputError:
        raise
    except TabkitError as error:
        raise InputError(error.problem, advice=error.advice) from error


def frame_of(estimator: Any, X: Any, y: Any = "no_validation", *, reset: bool = False) -> pl.DataFrame:
    """Return X under the names of the fit, once scikit-learn has checked its shape and names."""
    if isinstance(X, pl.LazyFrame):
        raise InputError("X is a lazy frame, of which scikit-learn cannot take rows", advice="collect it first")
    is_pandas = hasattr(X, "iloc") and getattr(X, "ndim", 0) == 2
    if not is_pandas and not isinstance(X, pl.DataFrame):
        X = _checked(estimator, X)
    seen = _Interchange(X) if isinstance(X, pl.DataFrame) and not _SEES_POLARS else X
    validate_data(estimator, seen, y, reset=reset, skip_check_array=True)
    names = names_of(estimator)
    if isinstance(X, pl.DataFrame):
        return X.rename(dict(zip(X.columns, names, strict=True)))
    if is_pandas:  # its index is no column
        return frames.collect(frames.scan(X.set_axis(names, axis=1).reset_index(drop=True)), what="X")
    if X.dtype != object:
        return pl.from_numpy(X, schema=names, orient="row")  # by itself it guesses, from the memory order
    return pl.DataFrame([_series(name, column) for name, column in zip(names, X.T, strict=True)])


class _Interchange:
    """A Polars frame as scikit-learn before 1.9 reads names: by a protocol that Polars 2 no longer offers."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.shape = frame.shape
        self.column_names = lambda: frame.columns

    def __dataframe__(self) -> Self:
        return self


def _checked(estimator: Any, X: Any) -> NDArray[Any]:
    options: dict[str, Any] = {"ensure_all_finite": False, "estimator": estimator, "input_name": "X"}
    array = check_array(X, dtype=None, **options)
    if not hasattr(X, "dtype") and array.dtype.kind == "U":  # a list in which numbers became text
        array = check_array(X, dtype=object, **options)
    return np.asarray(array)


def _series(name: str, values: NDArray[Any]) -> pl.Series:
    """Return an array of objects as a column of one type."""
    cells = [None if _is_missing(value) else value for value in values]
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) > 1 and all(issubclass(kind, Real | np.bool_) for kind in kinds):
        cells = [None if cell is None else float(cell) for cell in cells]
    try:
        return pl.Series(name, cells)
    except (TypeError, OverflowError) as error:
        found = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(
            f"each column of the argument must be uniformly strings or numbers; {name!r} holds {found}"
        ) from error


def _is_missing(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # of pandas, which need not be there


def rows_of(frame: pl.DataFrame, y: Any, sample_weight: Any, *, target_type: TargetType) -> SampleRows:
    """Return the rows of a fit, once it is sure that y and the weights suit them."""
    if frame.height < 2:
        raise InputError(f"X has n_samples = {frame.height}: at least two rows were expected to learn from")
    names, columns = list(frame.columns), []
    known = w = aim = weight = None
    if y is not None:
        known, name = _understood(y, target_type), frames.fresh_name("y", names)
        aim = target.TargetColumn(name, _TASKS[known.kind], tuple(known.labels()))
        columns.append(known.column(name))
    if sample_weight is not None:
        w, weight = column_or_1d(sample_weight).astype(np.float64), frames.fresh_name("sample_weight", names)
        columns.append(pl.Series(weight, w))
        if not w.sum() > 0:
            raise InputError("sample_weight is zero in every row, or no number in some", advice="repair the weights")
    check_consistent_length(frame, *columns)
    return SampleRows(frame.with_columns(columns), known, aim, w, weight)


def _understood(y: Any, target_type: TargetType) -> Known:
    values = column_or_1d(y, warn=True)
    missing = _series("y", values).null_count() if values.dtype == object else 0
    if missing or (values.dtype.kind == "f" and not np.isfinite(values).all()):
        raise InputError("y contains NaN, None or infinity", advice="leave these rows out")
    kind = type_of_target(values, input_name="y") if target_type == "auto" else target_type
    if kind not in _TASKS:
        raise InputError(f"Unknown label type: y is {kind}; it may be {', '.join(_TASKS)}")
    if kind == "continuous":
        return Known(kind, None, values.astype(np.float64))
    classes, code = np.unique(values, return_inverse=True)
    if len(classes) < 2 or (kind == "binary" and len(classes) > 2):
        found = "one class" if len(classes) < 2 else f"{len(classes)} classes"
        raise InputError(f"y has {found}: a {kind} target was expected", advice="see target_type")
    return Known(kind, classes, code.astype(np.float64))


def folds_of(rows: SampleRows, division: Any, groups: Any, *, seed: int) -> Integers | None:
    """Return the fold of each row, as `tabkit.encoding.TableEncoder` deals them or as a splitter does."""
    target, n, division = rows.known, rows.frame.height, plain(division)
    if target is None:
        return None
    groups = None if groups is None else column_or_1d(groups)
    if isinstance(division, int):
        classes = target.numbers if target.classes is not None and groups is None else None
        return splits.kfold(n, folds=division, seed=seed, groups=groups, stratify=classes).astype(np.int64)
    cv = check_cv(division, target.numbers, classifier=target.classes is not None)
    fold, tested = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for k, (_, test) in enumerate(cv.split(np.zeros((n, 1)), target.numbers, groups)):
        fold[test] = k
        tested[test] += 1
    if (tested != 1).any():
        raise InputError(
            f"the splitter tests {int((tested != 1).sum()):,} of {n:,} rows never, or more than once",
            advice="give one whose test parts hold each row once, such as KFold or GroupKFold",
        )
    return fold


def names_of(estimator: Any, given: ArrayLike | None = None) -> list[str]:
    """Return the names of the columns; `given` ones if there were none, or the same."""
    known = getattr(estimator, "feature_names_in_", None)
    names = [f"x{i}" for i in range(estimator.n_features_in_)] if known is None else list(known)
    if given is None:
        return names
    wanted = list(np.asarray(given, dtype=object))
    if known is not None and wanted != names:
        raise InputError("input_features is not equal to feature_names_in_")
    if len(wanted) != len(names):
        raise InputError(f"input_features should have length equal to number of features ({len(names)})")
    return wanted


def levels_of(categories: Categories, names: Sequence[str]) -> dict[str, tuple[tuple[Any, ...] | None, Null]]:
    """Return for each column the levels that are declared for it (None for all), and what a missing value gets."""
    if isinstance(categories, str):
        if categories != "auto":
            raise InputError(f"categories is {categories!r}: 'auto', or one list of levels per column was expected")
        return dict.fromkeys(names, (None, "level"))
    if len(categories) != len(names):
        raise InputError(
            f"Shape mismatch: categories are given for {len(categories)} columns, X has {len(names)}",
            advice="give one list of levels per column",
        )
    levels: dict[str, tuple[tuple[Any, ...] | None, Null]] = {}
    for name, given in zip(names, categories, strict=True):
        values = list(map(plain, np.asarray(given, dtype=object)))
        known = tuple(value for value in values if not _is_missing(value))
        levels[name] = known, "level" if len(known) < len(values) else "prior"
    return levels


def plain(value: Any) -> Any:
    """Return a number of NumPy, as grids hold them, as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def seed_of(random_state: Any) -> int:
    """Return a seed for tabkit's own generators."""
    state = plain(random_state)
    return state if isinstance(state, int) else int(check_random_state(state).randint(2**31 - 1))
