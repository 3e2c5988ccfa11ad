"""Trees of effects as flat arrays: predicted with NumPy and saved as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.errors import BundleError, SchemaError
from tabkit.schema import dtype_name
from tabkit.uplift.regressor import Codes, Floats

ForestKind = Literal["uplift", "causal"]
_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "tree": pl.Int32,
    "feature": pl.String,
    "threshold": pl.Float64,
    "left": pl.Int32,
    "right": pl.Int32,
    "missing_left": pl.Boolean,
}
_VALUE = "outcome of "
_CHUNK = 65_536  # rows walked through the trees at a time: fit into a processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class ForestNodes:
    """The nodes of all trees one after another.

    Parameters
    ----------
    start
        Shape (trees,): the root of each tree.
    feature
        Shape (nodes,): the number of the feature that is split on; -1 in leaves.
    threshold
        Shape (nodes,): rows up to it go left; infinite where the missing part from the rest.
    left, right
        Shape (nodes,): the children's numbers among all nodes; -1 in leaves. Children come after their parents.
    missing_left
        Shape (nodes,): whether rows go left whose feature is missing.
    value
        Shape (nodes, k): the mean outcome under each arm, control first.
    """

    start: Codes
    feature: Codes
    threshold: Floats
    left: Codes
    right: Codes
    missing_left: NDArray[np.bool_]
    value: Floats

    @classmethod
    def of(
        cls,
        *,
        feature: Sequence[NDArray[np.generic]],
        threshold: Sequence[Floats],
        left: Sequence[Codes],
        right: Sequence[Codes],
        missing_left: Sequence[NDArray[np.generic]],
        value: Sequence[Floats],
    ) -> ForestNodes:
        """Join trees whose children are numbered within their tree."""
        sizes = [len(part) for part in left]
        start = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        moved = np.repeat(start, sizes)
        ends = [np.concatenate(side).astype(np.int64) for side in (left, right)]
        leaf = ends[0] < 0
        return cls(
            start=start,
            feature=np.where(leaf, -1, np.concatenate(feature).astype(np.int64)),
            threshold=np.concatenate(threshold).astype(np.float64),
            left=np.where(leaf, -1, ends[0] + moved),
            right=np.where(leaf, -1, ends[1] + moved),
            missing_left=np.concatenate(missing_left).astype(np.bool_),
            value=np.concatenate(value),
        )

    def leaves(self, X: NDArray[np.float32], root: int) -> Codes:
        """Return the leaf that each of n rows comes to, shape (n,), from a root."""
        at = np.full(len(X), root, dtype=np.int64)
        moving = np.arange(len(X))
        while (moving := moving[self.left[at[moving]] >= 0]).size:
            node = at[moving]
            seen = X[moving, self.feature[node]]
            goes_left = np.where(np.isnan(seen), self.missing_left[node], seen <= self.threshold[node])
            at[moving] = np.where(goes_left, self.left[node], self.right[node])
        return at


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A fitted forest: what CausalML grew, predicted without it.

    Parameters
    ----------
    kind
        ``uplift`` or ``causal``.
    treated
        The arms beside control, in the order of the columns of `effect`.
    features
        The names that `trees.feature` numbers.
    trees
        The nodes.
    """

    kind: ForestKind
    treated: tuple[str, ...]
    features: tuple[str, ...]
    trees: ForestNodes

    def outcome(self, features: pl.DataFrame) -> Floats:
        """Return the expected outcome under each arm, control first, shape (n, k)."""
        return self._mean(features, self.trees.value)

    def effect(self, features: pl.DataFrame, *, propensity: Floats | None = None) -> Floats:  # noqa: ARG002
        """Return the effect of each treated arm, shape (n, k - 1), in the unit of the outcome.

        Parameters
        ----------
        features
            n rows; columns are taken by name. Null and NaN mean missing.
        propensity
            Not needed: it is here so that forests and learners have one face.

        Raises
        ------
        SchemaError
            If a feature is missing or not numeric.
        """
        return self._mean(features, self.trees.value[:, 1:] - self.trees.value[:, [0]])

    def to_frame(self) -> pl.DataFrame:
        """Return one row per node, with names in place of numbers; children are numbered within their tree."""
        trees = self.trees
        sizes = np.diff([*trees.start, len(trees.left)])
        moved, leaf = np.repeat(trees.start, sizes), trees.left < 0
        names = pl.Series("feature", self.features, dtype=pl.String)
        chosen = pl.Series("feature", np.where(leaf, 0, trees.feature))
        split = pl.Series(~leaf)
        frame = pl.DataFrame(
            {
                "tree": pl.Series(np.repeat(np.arange(len(sizes)), sizes), dtype=pl.Int32),
                "feature": names.gather(chosen) if len(names) else pl.Series(chosen, dtype=pl.String),
                "threshold": trees.threshold,
                "left": pl.Series(trees.left - moved, dtype=pl.Int32),
                "right": pl.Series(trees.right - moved, dtype=pl.Int32),
                "missing_left": trees.missing_left,
            }
        )
        inner = [pl.when(split).then(pl.col(name)).alias(name) for name in _TYPES if name != "tree"]
        arms = ["control", *self.treated]
        values = [pl.Series(f"{_VALUE}{a} {arm}", trees.value[:, a]) for a, arm in enumerate(arms)]
        return frame.with_columns(inner).with_columns(values)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, *, kind: ForestKind) -> Forest:
        """Return the forest that `to_frame` wrote; its features are those that some tree splits on.

        Raises
        ------
        BundleError
            If the table is not one of a forest.
        """
        values = _value_columns(frame)
        tree = frame["tree"].to_numpy()
        leaf = frame["feature"].is_null().to_numpy()
        names = tuple(frame["feature"].drop_nulls().unique().sort())
        start = np.flatnonzero(np.diff(tree, prepend=-1)).astype(np.int64)
        moved = np.repeat(start, np.diff([*start, frame.height]))
        number = frame["feature"].replace_strict(names, range(len(names)), default=-1, return_dtype=pl.Int64)
        left, right = (frame[side].cast(pl.Int64).fill_null(-1).to_numpy() for side in ("left", "right"))
        threshold = frame["threshold"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        trees = ForestNodes(
            start=start,
            feature=number.to_numpy(),
            threshold=np.where(leaf, -2.0, threshold),
            left=np.where(leaf, -1, left + moved),
            right=np.where(leaf, -1, right + moved),
            missing_left=frame["missing_left"].fill_null(False).to_numpy(),
            value=frame.select(values).to_numpy(),
        )
        _check(trees)
        return cls(kind, tuple(name.split(" ", 3)[3] for name in values[1:]), names, trees)

    def _mean(self, features: pl.DataFrame, values: Floats) -> Floats:
        X = matrix(features, self.features)
        total = np.zeros((len(X), values.shape[1]))
        for first in range(0, len(X), _CHUNK):
            part = X[first : first + _CHUNK]
            for root in self.trees.start:
                total[first : first + _CHUNK] += values[self.trees.leaves(part, int(root))]
        return total / len(self.trees.start)


def matrix(features: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the named columns as numbers of 32 bits, shape (n, len(names)); null becomes NaN.

    Raises
    ------
    SchemaError
        If a column is missing or not numeric.
    """
    missing = [repr(name) for name in names if name not in features.columns]
    if missing:
        raise SchemaError(f"missing features: {', '.join(missing[:20])}", advice="encode the rows first")
    chosen = features.select(names)
    numeric = {name: dtype.is_numeric() or dtype in (pl.Boolean, pl.Null) for name, dtype in chosen.schema.items()}
    wrong = [f"{name!r} ({dtype_name(chosen.schema[name])})" for name, good in numeric.items() if not good]
    if wrong:
        raise SchemaError(f"features that are no numbers: {', '.join(wrong[:20])}", advice="encode the rows first")
    if not names:
        return np.empty((features.height, 0), dtype=np.float32)
    return chosen.select(pl.all().cast(pl.Float32).fill_null(float("nan"))).to_numpy(order="c")


def _value_columns(frame: pl.DataFrame) -> list[str]:
    """Return the names of the columns that hold outcomes by arm, after refusing what is not a table of trees."""
    values = [name for name in frame.columns if name.startswith(_VALUE)]
    types = _TYPES | dict.fromkeys(values, pl.Float64)
    wrong = [repr(name) for name, dtype in types.items() if frame.schema.get(name) not in (dtype, pl.Null)]
    if wrong or len(values) < 2 or not frame.height or frame["tree"].null_count():
        raise _damaged(f"columns that are missing or of another type ({', '.join(wrong)}), or no rows")
    return values


def _check(trees: ForestNodes) -> None:
    """Refuse tables that rows would get lost in."""
    inner = np.flatnonzero(trees.feature >= 0)
    ends = np.repeat(np.append(trees.start[1:], len(trees.left)), np.diff([*trees.start, len(trees.left)]))
    for side in (trees.left[inner], trees.right[inner]):
        if not ((side > inner) & (side < ends[inner])).all():
            raise _damaged("children that do not come after their parents in the same tree")
    if not np.isfinite(trees.value).all() or np.isnan(trees.threshold).any():
        raise _damaged("outcomes that are not finite, or thresholds that are NaN")


def _damaged(what: str) -> BundleError:
    return BundleError(f"this is not a table of trees: it has {what}", advice="restore it from a copy, or fit again")
