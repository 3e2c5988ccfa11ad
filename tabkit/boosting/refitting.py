"""Refit a model: keep the trees' splits, and take the values of their leaves from new rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import threads
from tabkit.boosting.gradients import derivatives
from tabkit.boosting.growth import scale_of, start_of
from tabkit.boosting.model import BoostedModel
from tabkit.boosting.thread_lock import LIGHTGBM
from tabkit.boosting.trees import TreesText
from tabkit.boosting.updatable import check
from tabkit.errors import ConfigError, FitError
from tabkit.objective import check_target
from tabkit.rows import Floats, Rows, matrix

_CELLS_AT_ONCE = 20_000_000  # leaf indices held at a time: 80 megabytes


def refit(
    model: BoostedModel, rows: Rows, *, decay: float | None = None, evidence: float | None = None, num_threads: int = 0
) -> BoostedModel:
    """Give the leaves values from new rows, mixed with the old values; the splits stay.

    Tree by tree, with the scores of the new rows under the trees before it (already refitted), a leaf with sums
    ``G`` and ``H`` of the first and second derivatives of its new rows would get ``new = -eta G / (H + lambda)``.
    It gets

    - by `decay` d: ``d old + (1 - d) new``, as LightGBM's own ``refit``; but a leaf that no new row
      reaches keeps its value, which LightGBM would shrink to ``d old``;
    - by `evidence` r: ``(r H_old old + H new) / (r H_old + H)``, each leaf as it has rows to speak for it:
      old evidence counts r times. With r = 1 and no lambda, a tree's leaves are those of old and new rows together,
      as far as the trees before it give the old rows the scores they had.

    Below divisions of many categories lambda has ``cat_l2`` on top, as in the fit, which LightGBM's own refit leaves
    out; a tree that could not be divided stays as it is. The base score stays: `recalibrate` moves it.

    Parameters
    ----------
    model
        The model; it is not changed.
    rows
        New rows, encoded so that their own target is not inside.
    decay
        From 0 (new rows alone) to 1 (nothing changes).
    evidence
        0 or more.
    num_threads
        For the look-up of leaves; 0 takes all cores.

    Raises
    ------
    ConfigError
        Unless exactly one of `decay` and `evidence` is given, and in its range.
    FitError, SchemaError
        If the model's trees do not allow it (see `updatable`), or the target or features do not suit them.
    """
    blend = _Blend(decay, evidence)
    check(model, rows, "refit")
    check_target(rows.y, model.kind, what="the new rows", classes=len(model.classes))
    outputs = len(model.base_score)
    trees = model.checked.first(model.trees * outputs)
    if not trees.blocks:
        return model
    start = start_of(rows, np.array(model.base_score))
    scale = scale_of(model, rows)
    weight, y, raw = _single(rows.weights()), _single(scale.labels(rows.y, start)), scale.start(start)
    values, weights = [], []
    sampled = _sampled(model)
    grown = [found / sampled for found in trees.weights()]
    old_values = [value / scale.leaf for value in trees.values()]
    blocks = map(_Leaves, old_values, grown, trees.shrinkages(), _ridges(model, trees))
    for leaves in _leaves(model, rows.features, num_threads=num_threads):
        first, second = _derivatives(model, y, raw)
        for k in range(outputs):
            old, leaf = next(blocks), leaves[:, k]
            new = old  # what could not be divided stays
            if len(old.value) > 1:
                new = blend.mix(old, _sums(leaf, first[:, k] * weight, old), _sums(leaf, second[:, k] * weight, old))
            raw[:, k] += new.value[leaf]
            values.append(new.value * scale.leaf)
            weights.append(new.weight * sampled)
        if not np.isfinite(raw).all():
            raise FitError(
                "the new leaves make scores run away: the new rows are far from those of the fit",
                advice="recalibrate first, keep more of the old leaves, or retrain",
            )
    return replace(model, text=trees.with_leaves(values, weights).write(), held_out_loss=None, base_loss=None)


class _Leaves(NamedTuple):
    """The leaves of one tree: values, weights, and how they were made."""

    value: Floats
    weight: Floats
    rate: float
    ridge: Floats


@dataclass(frozen=True, slots=True)
class _Blend:
    decay: float | None
    evidence: float | None

    def __post_init__(self) -> None:
        if (self.decay is None) == (self.evidence is None):
            raise ConfigError("refit takes either a decay or an evidence", advice="decay=0.9, or evidence=1.0")
        if self.decay is not None and not 0 <= self.decay <= 1:
            raise ConfigError(f"decay is {self.decay!r}: a number from 0 to 1 was expected")
        if self.evidence is not None and not 0 <= self.evidence < np.inf:
            raise ConfigError(f"evidence is {self.evidence!r}: a number from 0 was expected")

    def mix(self, old: _Leaves, gradient: Floats, hessian: Floats) -> _Leaves:
        """Return the leaves with new values and weights, given the sums of the new rows in each."""
        reached = hessian > 0
        new = -old.rate * np.divide(gradient, hessian + old.ridge, out=np.zeros_like(old.value), where=reached)
        if self.decay is not None:
            kept = self.decay * old.weight
            share = np.where(reached, self.decay, 1.0)
        else:
            kept = (self.evidence or 0.0) * old.weight
            share = np.divide(kept, kept + hessian, out=np.ones_like(kept), where=kept + hessian > 0)
        value = share * old.value + (1 - share) * new
        return old._replace(value=value, weight=np.where(reached, kept + hessian, old.weight))


def _sampled(model: BoostedModel) -> float:
    """Return the share of the rows that each tree was grown on: its leaves weigh no more than these."""
    drawn = float(model.params.get("bagging_fraction", 1.0))
    return drawn if int(model.params.get("bagging_freq", 0)) > 0 else 1.0


def _ridges(model: BoostedModel, trees: TreesText) -> list[Floats]:
    params = {"lambda_l2": 0.0, "cat_l2": 10.0, "max_cat_to_onehot": 4, **model.params}
    return trees.ridges(
        float(params["lambda_l2"]), cat_l2=float(params["cat_l2"]), max_cat_to_onehot=int(params["max_cat_to_onehot"])
    )


def _sums(leaf: NDArray[np.int64], values: Floats, leaves: _Leaves) -> Floats:
    # rounded as LightGBM holds them, so that a refit on the rows of the fit gives the leaves of the fit
    return np.bincount(leaf, weights=_single(values), minlength=len(leaves.value)).astype(np.float64)


def _single(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


def _derivatives(model: BoostedModel, y: Floats, raw: Floats) -> tuple[Floats, Floats]:
    """Return the derivatives, shape (n, outputs) each."""
    several = raw.shape[1] > 1
    found = derivatives(model.objective, y, raw if several else raw[:, 0], model.params)
    # LightGBM rounds a residual to single precision before it is weighted
    gradient = _single(found.gradient) if model.objective == "regression" else found.gradient
    return gradient.reshape(raw.shape), found.hessian.reshape(raw.shape)


def _leaves(model: BoostedModel, features: pl.DataFrame, *, num_threads: int) -> Iterator[NDArray[Any]]:
    """Yield, for each boosting round, the leaf of each row, shape (n, outputs), looked up some rounds at a time."""
    data, outputs = matrix(features, model.features), len(model.base_score)
    num_threads = threads.count(num_threads)
    at_once = max(1, _CELLS_AT_ONCE // max(1, data.height * outputs))
    for start in range(0, model.trees, at_once):
        count = min(at_once, model.trees - start)
        with LIGHTGBM.holding(num_threads):
            found = model.booster.predict(
                data,
                start_iteration=start,
                num_iteration=count,
                pred_leaf=True,
                num_threads=num_threads,
                validate_features=False,
            )
        leaves = np.asarray(found, dtype=np.int64).reshape(data.height, count, outputs)
        yield from (leaves[:, i] for i in range(count))
