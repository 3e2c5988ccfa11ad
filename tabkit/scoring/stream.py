"""Scoring as a stream: batches of rows are encoded, predicted and handed on, in order, in bounded memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from polars import selectors as cs

from tabkit.errors import ScoringError
from tabkit.progress import Advance
from tabkit.schema import Schema

Predict = Callable[[pl.DataFrame, pl.Series | None], pl.DataFrame]
"""From encoded rows and their exposure to output columns; called by several threads at once, so pure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """What a fitted pipeline hands in to be run over a source.

    Parameters
    ----------
    schema
        The columns that the encoder needs.
    encode
        One expression per feature.
    predict
        From a batch of features (and exposure) to the output columns.
    outputs
        The names and types of these.
    unseen
        By column, an expression that is true where the level was never seen.
    exposure
        The column of exposure, if the model has one.
    """

    schema: Schema
    encode: Sequence[pl.Expr]
    predict: Predict
    outputs: Mapping[str, pl.DataType]
    unseen: Mapping[str, pl.Expr] = field(default_factory=dict)
    exposure: str | None = None


@dataclass(slots=True)
class Tally:
    """Counts what goes by; filled while the stream runs, complete when it has ended.

    Parameters
    ----------
    rows
        Rows scored.
    unseen
        By column, rows whose level was not there at the fit.
    advance
        Called with the rows of each batch.
    """

    rows: int = 0
    unseen: Counter[str] = field(default_factory=Counter)
    advance: Advance | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, rows: int, unseen: Mapping[str, int]) -> None:
        """Count a batch; safe to call from several threads."""
        with self._lock:
            self.rows += rows
            self.unseen.update({column: count for column, count in unseen.items() if count})
            if self.advance is not None:
                self.advance(rows)


def stream(
    frame: pl.LazyFrame, scorer: Scorer, *, keep: Sequence[str] = (), tally: Tally | None = None
) -> pl.LazyFrame:
    """Return the scores of `frame` as a `LazyFrame`: the kept columns, then the outputs, rows in order.

    Parameters
    ----------
    frame
        New rows; columns are taken by name.
    scorer
        The fitted pipeline.
    keep
        Columns that are carried through unchanged, such as the id.
    tally
        Where rows and unseen levels are counted when the stream runs.

    Raises
    ------
    SchemaError
        At once, if columns are missing or of another type.
    ScoringError
        When the stream runs, if a number is infinite or an exposure is not above zero; or at once if a
        kept column is called like an output.
    """
    found = frame.collect_schema()
    needed = [*keep, *([scorer.exposure] if scorer.exposure else [])]
    scorer.schema.check(found, expected=needed)
    clash = sorted(set(keep) & set(scorer.outputs))
    if clash:
        raise ScoringError(f"kept columns are called like outputs: {', '.join(clash)}", advice="rename them")
    aligned = frame.with_columns(
        expr.alias(n) for n, expr in zip(scorer.schema.names(), scorer.schema.align(found), strict=True)
    )
    types = aligned.collect_schema()
    batches = aligned.select(
        *(pl.col(name).alias(f"keep {i}") for i, name in enumerate(keep)),
        *([pl.col(scorer.exposure).cast(pl.Float64).alias("exposure")] if scorer.exposure else []),
        *(expr.alias(f"feature {expr.meta.output_name()}") for expr in scorer.encode),
        *(expr.alias(f"unseen {i}") for i, expr in enumerate(scorer.unseen.values())),
    )
    schema = {**{name: types[name] for name in keep}, **scorer.outputs}
    return batches.map_batches(
        lambda batch: _score(batch, scorer, keep=keep, tally=tally), schema=schema, streamable=True
    )


def _score(batch: pl.DataFrame, scorer: Scorer, *, keep: Sequence[str], tally: Tally | None) -> pl.DataFrame:
    features = batch.select(cs.starts_with("feature ").name.map(_strip))
    _refuse_infinite(features)
    exposure = batch["exposure"] if scorer.exposure else None
    if exposure is not None and not exposure.is_between(0, float("inf"), closed="none").fill_null(False).all():
        raise ScoringError(
            f"exposure {scorer.exposure!r} is null, zero, negative or infinite in some rows",
            advice="repair or remove these rows",
        )
    scores = scorer.predict(features, exposure)
    if tally is not None:
        flags = batch.select(cs.starts_with("unseen ").sum())
        tally.add(batch.height, dict(zip(scorer.unseen, flags.row(0), strict=True)) if scorer.unseen else {})
    kept = batch.select(pl.col(f"keep {i}").alias(name) for i, name in enumerate(keep))
    return scores.select(list(scorer.outputs)) if not keep else kept.hstack(scores.select(list(scorer.outputs)))


def _strip(name: str) -> str:
    return name.removeprefix("feature ")


def _refuse_infinite(features: pl.DataFrame) -> None:
    floats = features.select(cs.float())
    wild = floats.select(pl.all().is_infinite().any()).row(0) if floats.width else ()
    names = [name for name, bad in zip(floats.columns, wild, strict=True) if bad]
    if names:
        raise ScoringError(
            f"infinite values in {', '.join(map(repr, names))}",
            advice="repair them, or train with --set encoding.infinite=null, which takes them for missing",
        )
