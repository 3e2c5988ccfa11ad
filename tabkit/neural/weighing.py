"""Class weights in training, and the correction of the scores for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabkit.neural.config import MLPConfig
from tabkit.objective import Objective
from tabkit.rows import Rows

Floats = NDArray[np.float64]


def class_weights(rows: Rows, objective: Objective, config: MLPConfig, *, classes: int = 2) -> tuple[Floats, Floats]:
    """Return the rows' weights in training, shape (n,), and by how much they raise the raw scores, shape (outputs,).

    A class that weighs w times as much has its odds multiplied by w: the logarithm is what a score must lose to be a
    probability again (King and Zeng 2001, "Logistic regression in rare events data", equation 7).

    Parameters
    ----------
    classes
        How many there are; one without rows has weight 1.

    Examples
    --------
    >>> import polars as pl
    >>> from tabkit.objective import OBJECTIVES
    >>> rows = Rows(pl.DataFrame({"x": range(4)}), np.array([0.0, 0.0, 0.0, 1.0]))
    >>> weight, shift = class_weights(rows, OBJECTIVES["binary"], MLPConfig(class_weight="balanced"))
    >>> weight.round(2), np.exp(shift).round(2)
    (array([0.67, 0.67, 0.67, 2.  ]), array([3.]))
    """
    weight = rows.weights()
    if config.class_weight == "none" or objective.name not in ("binary", "multiclass"):
        return weight, np.zeros(1)
    codes = rows.y.astype(np.int64)
    mass = np.bincount(codes, weights=weight, minlength=max(classes, 2))
    there = mass > 0
    each = np.divide(weight.sum(), there.sum() * mass, out=np.ones(len(mass)), where=there)
    raised = np.log(each)
    return weight * each[codes], raised[1:] - raised[:1] if objective.name == "binary" else raised
