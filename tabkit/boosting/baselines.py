"""The baseline that every model must beat: the base rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tabkit.boosting.config import BoostingConfig
from tabkit.objective import Objective, base_score, check_target, inverse_link, named
from tabkit.rows import Floats, Rows


@dataclass(frozen=True, slots=True, eq=False)
class BaseRate:
    """The best constant prediction, times the exposure where there is one."""

    base_score: tuple[float, ...]
    objective: Objective

    def predict(self, features: pl.DataFrame, *, offset: Floats | None = None) -> Floats:
        """Return shape (n,), or (n, classes) for multiclass."""
        raw = np.tile(np.array(self.base_score), (features.height, 1))
        if offset is not None:
            raw = raw + offset[:, None]
        return inverse_link(raw if raw.shape[1] > 1 else raw[:, 0], self.objective.link)


def base_rate(rows: Rows, *, config: BoostingConfig, classes: int = 1) -> BaseRate:
    """Fit the constant; `FitError` if the target does not suit the objective."""
    objective = named(config)
    check_target(rows.y, objective, what="the training part", classes=classes)
    score = base_score(
        rows.y,
        weight=rows.weights(),
        offset=rows.offsets(),
        config=config,
        objective=objective,
        classes=classes,
    )
    return BaseRate(tuple(float(s) for s in score), objective)
