"""A boosted model: LightGBM's trees as text, with the base score kept outside of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import forked, threads
from tabkit.boosting.checking import check_numbers, check_scores, check_trees
from tabkit.boosting.refused import GIVEN
from tabkit.boosting.thread_lock import LIGHTGBM
from tabkit.boosting.trees import TreesText
from tabkit.errors import BundleError, ScoringError
from tabkit.extras import Later
from tabkit.frames import fresh_name
from tabkit.objective import OBJECTIVES, Objective, inverse_link
from tabkit.rows import matrix

if TYPE_CHECKING:
    import lightgbm as lgb
else:
    lgb = Later("lightgbm")

Floats = NDArray[np.float64]
_AGAIN = "copy the bundle again, or train"
_DEEPEST = 500
"""Divisions on a way down, of which contributions can be told: LightGBM's way through a tree takes stack for each, and
time by the square of them."""


@dataclass(frozen=True, eq=False)
class BoostedModel:
    """Trees on a base score: ``prediction = inverse link(base score + offset + sum of trees)``.

    LightGBM would fold the base score into the first tree, where a later refit forgets it; here it is a number
    of its own, handed to LightGBM as the initial score.

    Parameters
    ----------
    objective
        The name of the objective; it decides the link.
    features
        The features' names in the order of the trees.
    base_score
        One number, or one per class, on the raw scale.
    trees
        How many boosting rounds count; 0 if no tree beat the base score on the held-out rows.
    text
        The model in LightGBM's text format.
    classes
        The labels of a classification.
    params
        The LightGBM parameters of the fit.
    held_out_loss
        Of the objective, on the rows that stopped the growth: with these trees; None without such rows.
    base_loss
        The same with the base score alone.
    label_unit
        Under a log link, what targets were divided by when the trees were grown; their leaves' weights are in it.
    """

    learner: ClassVar[str] = "lightgbm"
    objective: str
    features: tuple[str, ...]
    base_score: tuple[float, ...]
    trees: int
    text: str = field(repr=False)
    classes: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    held_out_loss: float | None = None
    base_loss: float | None = None
    label_unit: float = 1.0

    @cached_property
    def checked(self) -> TreesText:
        """The parsed text of the trees, with every number checked, since LightGBM trusts its input."""
        return check_trees(self)

    @cached_property
    def booster(self) -> lgb.Booster:
        """LightGBM's own object.

        Its scores lack the base score, and it may hold more trees than `trees`, which alone count: with zero
        trees it still holds one, which was judged harmful. Of the fit's parameters it knows
        those that a fit of this library can have: a saved text may name files and machines.
        """
        try:
            forked.check()  # LightGBM reads trees with all of its threads
            booster = lgb.Booster(model_str=self.checked.bare())
        except lgb.basic.LightGBMError as error:
            raise BundleError(f"the trees cannot be read: {error}", advice="train again") from error
        booster.params = {name: value for name, value in self.params.items() if name in GIVEN}
        return booster

    @property
    def kind(self) -> Objective:
        """The objective with its link."""
        return OBJECTIVES[self.objective]  # type: ignore[index]  # a name from the registry

    def raw(self, features: pl.DataFrame, *, offset: Floats | None = None, num_threads: int = 0) -> Floats:
        """Return raw scores, shape (n,), or (n, classes) for multiclass.

        Parameters
        ----------
        features
            Encoded rows; columns are taken by name, null and NaN mean missing.
        offset
            Shape (n,), added to the score: log(exposure) for a log link.
        num_threads
            0 takes all that this process may use; see `tabkit.threads`.

        Raises
        ------
        SchemaError
            If a feature is missing or not numeric.
        """
        base = np.array(self.base_score)
        score = self.added(features, num_threads=num_threads) + base
        if offset is not None:
            shift = np.asarray(offset, dtype=np.float64)
            if shift.shape != (features.height,):
                raise ScoringError(f"the offset has shape {shift.shape}; ({features.height},) was expected")
            score = score + shift[:, None]
        return np.asarray(score if len(base) > 1 else score[:, 0])

    def added(self, features: pl.DataFrame, *, num_threads: int = 0) -> Floats:
        """Return what the trees add to the base score, shape (n, outputs)."""
        data, outputs = matrix(features, self.features), len(self.base_score)
        if self.trees == 0 or data.height == 0:
            return np.zeros((data.height, outputs))
        return self._traverse(data, num_threads=num_threads, raw_score=True).reshape(data.height, outputs)

    def predict(self, features: pl.DataFrame, *, offset: Floats | None = None, num_threads: int = 0) -> Floats:
        """Return predictions on the target's scale: probabilities, means or quantiles; see `raw`."""
        return inverse_link(self.raw(features, offset=offset, num_threads=num_threads), self.kind.link)

    def contributions(self, features: pl.DataFrame, *, num_threads: int = 0) -> pl.DataFrame:
        """Return what each feature adds to each row's raw score (SHAP values of the trees).

        Returns
        -------
        pl.DataFrame
            n rows; one column per feature and ``base`` (``base_`` if a feature has that name), in the units
            of the raw score, summing to `raw` without offset. Multiclass has one set of columns per class,
            named ``class: feature``.

        Notes
        -----
        Lundberg, Erion and Lee 2018, "Consistent individualized feature attribution for tree ensembles".
        """
        values = self.contribution_array(features, num_threads=num_threads)
        names = [*self.features, fresh_name("base", self.features)]
        if len(self.base_score) == 1:
            return pl.DataFrame({name: values[:, 0, i] for i, name in enumerate(names)})
        return pl.DataFrame(
            {f"{label}: {n}": values[:, k, i] for k, label in enumerate(self.classes) for i, n in enumerate(names)}
        )

    def contribution_array(self, features: pl.DataFrame, *, num_threads: int = 0) -> Floats:
        """Return the same as an array of shape (n, outputs, features + 1), the base last."""
        data = matrix(features, self.features)
        shape = (data.height, len(self.base_score), len(self.features) + 1)
        values = np.zeros(shape)
        if self.trees and data.height:
            self._check_explicable()
            values = self._traverse(data, num_threads=num_threads, pred_contrib=True).reshape(shape).copy()
        values[:, :, -1] += np.array(self.base_score)
        return values

    def importance(self) -> pl.DataFrame:
        """Return, by feature and largest first: feature, gain (total loss reduction), share of gain, splits."""
        gain, splits = (np.zeros(len(self.features)) for _ in range(2))
        if self.trees:  # LightGBM's own sums are in single precision
            trees = self.checked.first(self.trees * len(self.base_score))
            gain, splits = trees.importance(len(self.features))
        total = float(gain.sum())
        frame = pl.DataFrame(
            {
                "feature": list(self.features),
                "gain": gain,
                "share": gain / (total or 1.0),
                "splits": splits.astype(np.int64),
            }
        )
        return frame.sort("gain", "feature", descending=[True, False])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a bundle; the trees' text is saved as a part of its own, its checksum here."""
        state = {name.name: getattr(self, name.name) for name in fields(self) if name.name != "text"}
        return {**state, "params": dict(self.params), "text_sha256": _checksum(self.text)}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], *, text: str) -> BoostedModel:
        """Rebuild what `to_dict` gave, with the trees' text.

        Raises
        ------
        BundleError
            If the text is not the one that was saved, or a field or the text is not as a model's would be: LightGBM
            would end the process on such a text, or read outside of memory.
        """
        try:
            if state["objective"] not in OBJECTIVES:
                raise BundleError(f"unknown objective {state['objective']!r}", advice="upgrade tabkit-ml")
            if _checksum(text) != state["text_sha256"]:
                raise BundleError("the trees are not the ones that were saved", advice=_AGAIN)
            model = cls(**_arguments(state), text=text)
            check_numbers(model)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BundleError(
                f"the trees' model lacks something, or has it of another kind: {type(error).__name__}: {error}",
                advice=_AGAIN,
            ) from error
        if text or model.trees:  # a constant has no text
            check_scores(model)
        return model

    def _check_explicable(self) -> None:
        if self.params.get("linear_tree"):  # LightGBM would take their leaves for constants
            raise ScoringError("there are no contributions of linear trees", advice="score without contributions")
        deepest = self.checked.deepest(_DEEPEST)
        if deepest > _DEEPEST:
            raise ScoringError(
                f"a tree divides rows up to {deepest:,} times; contributions are told up to {_DEEPEST:,}",
                advice="score without contributions, or train with max_depth or fewer num_leaves",
            )

    def _traverse(self, data: pl.DataFrame, *, num_threads: int, **what: bool) -> Floats:
        booster, num_threads = self.booster, threads.count(num_threads)
        try:
            with LIGHTGBM.holding(None if "pred_contrib" in what else num_threads):
                found = booster.predict(
                    data, num_iteration=self.trees, num_threads=num_threads, validate_features=False, **what
                )
        except lgb.basic.LightGBMError as error:
            raise ScoringError(f"LightGBM cannot do this with its trees: {error}") from error
        return np.asarray(found, dtype=np.float64)


def _arguments(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a `BoostedModel` is made of, but for the text."""
    listed = {name: tuple(state[name]) for name in ("features", "base_score", "classes")}
    others = ("objective", "trees", "params", "held_out_loss", "base_loss")
    return {**listed, **{name: state[name] for name in others}, "label_unit": state.get("label_unit", 1.0)}


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
