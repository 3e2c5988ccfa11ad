"""Encode the rows of a checked table, for training, reports and updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from tabkit.boosting import Rows, variance_power
from tabkit.encoding import Codes, Encoder, FittedTable
from tabkit.encoding import Target as Mean
from tabkit.encoding.specification import table_encoder
from tabkit.fingerprint import key_texts
from tabkit.frames import fresh_name
from tabkit.predictors.protocol import FitSettings
from tabkit.predictors.registry import LEARNERS
from tabkit.rules.features import rules_of
from tabkit.schema import family
from tabkit.table import Table, labels
from tabkit.target import TargetColumn


def with_features(
    table: Table, features: pl.DataFrame, target: TargetColumn, *, categorical: tuple[str, ...] = ()
) -> Rows:
    """Join encoded features with the target, weights and log exposure of their table."""
    exposure = table.numbers("exposure")
    offset = None if exposure is None else np.log(exposure)
    return Rows(features, labels(table, target), weight=table.numbers("weight"), offset=offset, categorical=categorical)


def keys(table: Table) -> pl.Series | None:
    """Return one text per row that tells it apart, from id and time; None without an id."""
    roles = table.roles
    return None if roles.id is None else key_texts(table.frame, id=roles.id, time=roles.time)


def fit_encoder(
    table: Table,
    target: TargetColumn,
    settings: FitSettings,
    *,
    learner: str = "lightgbm",
    like: FittedTable | None = None,
) -> tuple[FittedTable, Rows]:
    """Fit the encoder and return it with the table's own rows, encoded out of fold.

    With a group role the folds are whole groups, so that no row is encoded by its own household. With exposure,
    levels are encoded by their rate: `y / exposure`, weighted so that a level's mean is its maximum likelihood.

    Parameters
    ----------
    learner
        What the features are for: text that nothing is said about becomes, for a learner that embeds, codes, with their
        target mean beside them above `max_onehot` levels.
    like
        Use the kinds of encoders that this one has, instead of choosing them anew by what the rows hold.
    """
    encoder = table_encoder(settings.encoding, seed=settings.seed, rules=rules_of(settings.rules))
    frame, weight = rates(table, target, settings)
    if LEARNERS[learner].embeds and settings.encoding.default == "auto":
        encoder = replace(encoder, columns={**_embedded(table, settings), **encoder.columns})
    if like is not None:
        there = set(frame.columns)  # columns that were left out need not be there
        specs = {
            key: spec for key, spec in like.specs.items() if there.issuperset((key,) if isinstance(key, str) else key)
        }
        rules = [spec for spec in like.rules if not spec.left_out or there.issuperset(spec.columns())]
        encoder = replace(encoder, columns=specs, rules=rules)
    fitted, features = encoder.fit_transform(
        frame,
        target=target,
        exclude=[column for column in table.roles.given().values() if column != target.name],
        weight=weight,
        groups=table.roles.group,
        time=table.roles.time if settings.encoding.past_only else None,
    )
    return fitted, with_features(table, features, target, categorical=fitted.categorical)


def _embedded(table: Table, settings: FitSettings) -> dict[str | tuple[str, ...], Encoder | Sequence[Encoder]]:
    """Return encoders of text for a learner that embeds; text in which no level repeats is left to the default."""
    frame, left_out = table.frame, {*table.roles.given().values(), *settings.encoding.exclude}
    texts = [name for name in frame.columns if name not in left_out and family(frame.schema[name]) == "text"]
    if not texts:
        return {}
    counts = frame.select(pl.col(texts).cast(pl.String).drop_nulls().n_unique()).row(0, named=True)
    known = frame.select(pl.col(texts).count()).row(0, named=True)
    target = Mean(smoothing=settings.encoding.smoothing)
    return {
        name: [Codes(), target] if counts[name] > settings.encoding.max_onehot else [Codes()]
        for name in texts
        if counts[name] > 1 and (counts[name] < known[name] or counts[name] <= settings.encoding.max_onehot)
    }


def rates(
    table: Table, target: TargetColumn, settings: FitSettings, *, column: str | None = None
) -> tuple[pl.DataFrame, str | None]:
    """Return the table with counts or amounts turned into rates, and the column of their weights.

    `column` is what an encoder that exists already calls the weights: it is made if the table lacks it.
    """
    weight, exposure = table.roles.weight, table.numbers("exposure")
    if exposure is None:
        if column is None or column in table.frame.columns:
            return table.frame, column or weight
        return table.frame.with_columns(pl.lit(1.0).alias(column)), column
    column = column or fresh_name("weight", table.frame.columns)
    own = table.numbers("weight")
    mass = exposure ** (2 - variance_power(settings.boosting)) * (1.0 if own is None else own)
    rates = pl.col(target.name).cast(pl.Float64) / pl.Series(exposure)
    return table.frame.with_columns(rates.alias(target.name), pl.Series(column, mass)), column
