"""Score rows as a stream: batches are encoded, predicted and passed on in order, in bounded memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from polars import selectors as cs

from tabkit import forked
from tabkit.errors import SchemaError, ScoringError
from tabkit.frames import fresh_name
from tabkit.progress import Advance
from tabkit.schema import Schema, dtype_name, family

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
    rows_at_once
        The most rows that `predict` gets: it bounds memory, and how long a stop has to wait.
    title
        What messages call a feature.
    """

    schema: Schema
    encode: Sequence[pl.Expr]
    predict: Predict
    outputs: Mapping[str, pl.DataType]
    unseen: Mapping[str, pl.Expr] = field(default_factory=dict)
    exposure: str | None = None
    rows_at_once: int = 16_384
    title: Callable[[str], str] = str


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

    Examples
    --------
    >>> tally = Tally()
    >>> tally.add(100, {"city": 2, "plan": 0})
    >>> tally.rows, dict(tally.unseen)
    (100, {'city': 2})
    """

    rows: int = 0
    unseen: Counter[str] = field(default_factory=Counter)
    advance: Advance | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _stopped: threading.Event = field(default_factory=threading.Event, repr=False)

    def add(self, rows: int, unseen: Mapping[str, int]) -> None:
        """Count a batch; safe to call from several threads."""
        with self._lock:
            self.rows += rows
            self.unseen.update({column: count for column, count in unseen.items() if count})
            if self.advance is not None:
                self.advance(rows)

    def stop(self) -> None:
        """Let the stream fail at its next batch: the threads that score hear nothing of Ctrl-C themselves."""
        self._stopped.set()

    def check(self) -> None:
        """Raise a `ScoringError` once `stop` was called."""
        if self._stopped.is_set():
            raise ScoringError("scoring was stopped before its end", advice="run it again")


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
        When the stream runs, if a number is infinite, an exposure is not above zero or a score is no finite
        number; or at once if a kept column is called like an output.
    """
    forked.check()
    schema = frame.collect_schema()
    _check(schema, scorer, keep)
    # The encoder sees the columns under their own names, so what is carried past it needs others.
    taken = scorer.schema.names()
    kept = [fresh_name(f"kept {i}", taken) for i in range(len(keep))]
    exposure = [fresh_name("exposure", taken)] if scorer.exposure else []
    aligned = frame.select(
        *(pl.col(name).alias(alias) for name, alias in zip(keep, kept, strict=True)),
        *(pl.col(scorer.exposure).cast(pl.Float64).alias(alias) for alias in exposure if scorer.exposure),
        *(expr.alias(n) for n, expr in zip(scorer.schema.names(), scorer.schema.align(schema), strict=True)),
    )
    batches = aligned.select(
        *(pl.col(alias).alias(f"kept {i}") for i, alias in enumerate(kept)),
        *(pl.col(alias).alias("exposure") for alias in exposure),
        *(expr.alias(f"feature {expr.meta.output_name()}") for expr in scorer.encode),
        *(expr.alias(f"unseen {i}") for i, expr in enumerate(scorer.unseen.values())),
    )
    return batches.map_batches(
        lambda batch: _score(batch, scorer, keep=keep, tally=tally or Tally()),
        schema={**{name: schema[name] for name in keep}, **scorer.outputs},
        streamable=True,
    )


def _check(found: Mapping[str, pl.DataType], scorer: Scorer, keep: Sequence[str]) -> None:
    scorer.schema.check(found, expected=[*keep, *([scorer.exposure] if scorer.exposure else [])])
    if scorer.exposure and family(found[scorer.exposure]) != "number":
        raise SchemaError(
            f"exposure {scorer.exposure!r} is {dtype_name(found[scorer.exposure])}; a number was expected",
            advice="bring the column back under its old type",
        )
    clash = sorted(set(keep) & set(scorer.outputs))
    if clash:
        raise ScoringError(
            f"kept columns are called like outputs: {', '.join(map(repr, clash))}",
            advice="rename them in the source, or do not keep them",
        )


def _score(batch: pl.DataFrame, scorer: Scorer, *, keep: Sequence[str], tally: Tally) -> pl.DataFrame:
    size = scorer.rows_at_once
    pieces = list(batch.iter_slices(size)) if batch.height > size else [batch]
    scores = pl.concat([_score_piece(piece, scorer, tally) for piece in pieces], rechunk=True)
    kept = batch.select(pl.col(f"kept {i}").alias(name) for i, name in enumerate(keep))
    return kept.hstack(scores) if keep else scores


def _score_piece(piece: pl.DataFrame, scorer: Scorer, tally: Tally) -> pl.DataFrame:
    tally.check()
    features = piece.select(cs.starts_with("feature ").name.map(_strip))
    _refuse_infinite(features, scorer)
    exposure = piece["exposure"] if scorer.exposure else None
    if exposure is not None and not exposure.is_between(0, float("inf"), closed="none").fill_null(False).all():
        raise ScoringError(
            f"exposure {scorer.exposure!r} is null, zero, negative or infinite in some rows",
            advice="repair or remove these rows",
        )
    scores = scorer.predict(features, exposure).select(list(scorer.outputs))
    _refuse_no_numbers(scores)
    flags = piece.select(cs.starts_with("unseen ").sum())
    tally.add(piece.height, dict(zip(scorer.unseen, flags.row(0), strict=True)) if scorer.unseen else {})
    return scores


def _refuse_no_numbers(scores: pl.DataFrame) -> None:
    """Refuse scores that nobody could act on: a base score or a leaf that is too large makes infinities."""
    finite = scores.select(cs.float().is_finite().all())
    if names := [name for name in finite.columns if finite[name].item() is False]:
        raise ScoringError(
            f"scores are no finite numbers in {', '.join(map(repr, names[:20]))}",
            advice="numbers of the model, or exposures, are too large to be counted with: repair them, or train again",
        )


def _strip(name: str) -> str:
    return name.removeprefix("feature ")


def _refuse_infinite(features: pl.DataFrame, scorer: Scorer) -> None:
    floats = features.select(cs.float())
    wild = floats.select(pl.all().is_infinite().any()).row(0) if floats.width else ()
    bad = (scorer.title(name) for name, found in zip(floats.columns, wild, strict=True) if found)
    if names := list(dict.fromkeys(bad)):
        raise ScoringError(
            f"infinite values in {', '.join(map(repr, names))}",
            advice="repair them, or train with --set encoding.infinite=null, which takes them for missing",
        )
