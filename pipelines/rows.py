"""From a checked table to encoded rows: what training, reports and updates all need."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.config import TrainConfig
from tabkit import splits
from tabkit.boosting import Rows
from tabkit.encoding import FittedTable
from tabkit.table import Table
from tabkit.target import Target


def labels(table: Table, target: Target) -> NDArray[np.float64]:
    """Return the target as numbers, shape (n,): 0/1, a class's index, or the value."""
    return table.frame.select(target.expr()).to_series().to_numpy()


def with_features(table: Table, features: pl.DataFrame, target: Target) -> Rows:
    """Join encoded features with the target, weights and log exposure of their table."""
    exposure = table.numbers("exposure")
    offset = None if exposure is None else np.log(exposure)
    return Rows(features, labels(table, target), weight=table.numbers("weight"), offset=offset)


def fit_encoder(table: Table, target: Target, settings: TrainConfig) -> tuple[FittedTable, Rows]:
    """Fit the encoder and return it with the table's own rows, encoded out of fold.

    With a group role the folds are whole groups, so that no row is encoded by its own household.
    """
    folds = None
    if table.roles.group is not None:
        groups = table.frame[table.roles.group].to_numpy()
        folds = splits.kfold(len(groups), folds=settings.encoding.folds, seed=settings.seed, groups=groups)
    encoder, features = settings.encoding.encoder(seed=settings.seed).fit_transform(
        table.frame,
        target=target,
        exclude=[column for column in table.roles.given().values() if column != target.name],
        weight=table.roles.weight,
        folds=folds,
    )
    return encoder, with_features(table, features, target)
