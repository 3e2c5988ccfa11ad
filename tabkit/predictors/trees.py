"""Boosted trees as a learner: LightGBM, see `tabkit.boosting`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from tabkit import boosting
from tabkit.bundle import Bundle
from tabkit.errors import FitError
from tabkit.fitted_model import BundleParts
from tabkit.predictors.protocol import FitSettings, Learner, Predictor
from tabkit.progress import Progress
from tabkit.rows import Rows

if TYPE_CHECKING:
    from tabkit.boosting import BoostedModel

_REFUSALS = {"refit_extend": ("refit", "extend")}


class Trees(Learner["BoostedModel"]):
    """Boosted trees."""

    name = "lightgbm"
    section = "boosting"
    title = subject = "LightGBM"
    noun = "boosted trees"
    unit = "trees"
    nothing = "No tree"
    part = "booster.txt"
    updates = ("keep", "recalibrate", "refit", "extend", "refit_extend", "retrain")
    explains = True
    keeps_monotone = True
    shown_by = "gain"

    def fit(
        self, rows: Rows, stop: Rows | None, *, settings: FitSettings, classes: Sequence[str], progress: Progress
    ) -> BoostedModel:
        """Grow trees until the loss of the rows that stop it no longer falls; see `tabkit.boosting.fit`."""
        return boosting.fit(rows, stop, config=settings.boosting, classes=classes, progress=progress)

    def fit_again(
        self, measured: BoostedModel, rows: Rows, *, settings: FitSettings, classes: Sequence[str], progress: Progress
    ) -> BoostedModel:
        """Grow as many trees as `measured` has."""
        config = settings.boosting.model_copy(update={"max_trees": max(measured.trees, 1)})
        model = boosting.fit(rows, config=config, classes=classes, progress=progress)
        return replace(model, trees=min(measured.trees, model.trees))

    def extent(self, model: BoostedModel) -> int:
        """Return the number of trees."""
        return model.trees

    def ready(self, model: BoostedModel) -> None:
        """Read the trees."""
        _ = model.booster

    def to_parts(self, model: BoostedModel) -> BundleParts:
        """Return the trees' text, and what the manifest says of them."""
        return BundleParts({"booster": model.to_dict()}, {self.part: model.text.encode()})

    def from_parts(self, found: Bundle) -> BoostedModel:
        """Rebuild what `to_parts` gave, every number checked."""
        return boosting.BoostedModel.from_dict(found.manifest["booster"], text=found.text(self.part))

    def recalibrate(self, model: BoostedModel, rows: Rows, *, settings: FitSettings) -> BoostedModel:
        """Move the base score, and stretch the leaves."""
        return boosting.recalibrate(model, rows)

    def refusal(self, model: BoostedModel, strategy: str) -> str | None:
        """Return why LightGBM's parameters forbid a strategy."""
        ways: Sequence[Any] = _REFUSALS.get(strategy, (strategy,))
        found = (boosting.refusal(model, way) for way in ways if way in ("recalibrate", "refit", "extend"))
        return next((why for why in found if why is not None), None)

    def reasons(
        self, model: BoostedModel, features: pl.DataFrame, *, largest: int, source_of: Mapping[str, str]
    ) -> pl.DataFrame:
        """Return the largest SHAP values of each row."""
        return boosting.reasons(model, features, largest=largest, source_of=source_of)

    def importance(self, model: BoostedModel) -> pl.DataFrame:
        """Return by feature how much its splits reduced the loss of the fit."""
        return model.importance()

    def inside(self, model: BoostedModel) -> dict[str, Any]:
        """Return the features' gain and splits."""
        return {"importance": model.importance().to_dicts()}

    def warnings(self, model: BoostedModel, settings: FitSettings) -> list[str]:
        """Say that growth did not end by itself."""
        config = settings.boosting
        if not config.early_stopping_rounds or model.trees < config.max_trees:
            return []
        return [
            f"All {model.trees:,} trees were grown and the held-out loss still fell: "
            "raise boosting.max_trees or boosting.learning_rate."
        ]


def trees_of(predictor: Predictor) -> BoostedModel:
    """Return a predictor as the trees that it is; `FitError` if it has none."""
    if not isinstance(predictor, boosting.BoostedModel):
        raise FitError("this strategy is one of trees, which the model has not", advice="choose one of its learner")
    return predictor
