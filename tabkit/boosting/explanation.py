"""The largest reasons behind each score, by source column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import polars as pl

from tabkit.rows import Floats


class Explained(Protocol):
    """A model that tells what each feature adds to a raw score."""

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names."""

    def contribution_array(self, features: pl.DataFrame, *, num_threads: int = 0) -> Floats:
        """Return shape (n, outputs, features + 1), the base last."""


def reasons(
    model: Explained,
    features: pl.DataFrame,
    *,
    largest: int,
    source_of: Mapping[str, str],
    num_threads: int = 0,
) -> pl.DataFrame:
    """Return the `largest` contributions of each row, strongest first.

    Contributions of features made from one source column are added (SHAP values are additive), so that a
    person reads ``carrier`` and not twelve one-hot columns. For multiclass they explain the likeliest class.

    Parameters
    ----------
    features
        n encoded rows.
    source_of
        The source column of each feature; a feature without one stands for itself.

    Returns
    -------
    pl.DataFrame
        n rows: ``reason_1`` (a column's name), ``reason_1_contribution`` (raw-score units, signed), ...
        Missing reasons (fewer columns than `largest`) are null.
    """
    values = model.contribution_array(features, num_threads=num_threads)
    totals = values.sum(axis=2)
    likeliest = totals.argmax(axis=1)
    per_feature = values[np.arange(len(values)), likeliest, :-1]
    sources = [source_of.get(name, name) for name in model.features]
    columns = list(dict.fromkeys(sources))
    place = {column: i for i, column in enumerate(columns)}
    by_column = np.zeros((len(values), len(columns)))
    for i, source in enumerate(sources):
        by_column[:, place[source]] += per_feature[:, i]
    shown = min(largest, len(columns))
    order = np.argsort(-np.abs(by_column), axis=1, kind="stable")[:, :shown]
    names = pl.Series(columns, dtype=pl.String)
    result: dict[str, pl.Series] = {}
    for j in range(largest):
        if j < shown:
            result[f"reason_{j + 1}"] = names.gather(order[:, j])
            result[f"reason_{j + 1}_contribution"] = pl.Series(by_column[np.arange(len(by_column)), order[:, j]])
        else:
            result[f"reason_{j + 1}"] = pl.Series([None] * len(values), dtype=pl.String)
            result[f"reason_{j + 1}_contribution"] = pl.Series([None] * len(values), dtype=pl.Float64)
    return pl.DataFrame(result)


def reason_schema(largest: int) -> dict[str, pl.DataType]:
    """Return the columns that `reasons` gives."""
    pairs = [(f"reason_{j + 1}", f"reason_{j + 1}_contribution") for j in range(largest)]
    return {name: dtype for n, c in pairs for name, dtype in ((n, pl.String()), (c, pl.Float64()))}
