"""The fitted propensity model: encoder, predictor and metadata, as one frozen object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl

from tabkit import bundle, frames
from tabkit.boosting import reason_schema
from tabkit.encoding import FittedTable
from tabkit.encoding.table.saved import from_bundle as encoder_from_bundle
from tabkit.encoding.table.saved import to_parts
from tabkit.errors import ConfigError
from tabkit.fingerprint import RowSample
from tabkit.fitted_model import BundleParts, counted_warnings
from tabkit.lineage import lineage_of
from tabkit.predictors.coherence import check_known, check_predictor, config_of, dtypes_of, sketch_of
from tabkit.predictors.protocol import Learner, Predictor
from tabkit.predictors.registry import learner_of, made_of, predictor_of
from tabkit.predictors.stored import refused_by_now
from tabkit.predictors.table_model import TableModel
from tabkit.propensity.evaluation import MODEL, Evaluation
from tabkit.roles import Roles
from tabkit.schema import Schema
from tabkit.scoring import Predict, Scorer, Tally, stream
from tabkit.target import TargetColumn
from tabkit.untrusted.manifest import NamedTable, building
from tabkit.wording import days, with_interval

KIND = "propensity"

# Reasons cost a thousand times what scores do: small pieces keep Ctrl-C and the progress bar responsive.
_ROWS_SCORED = 16_384
_ROWS_EXPLAINED = 512  # contributions take memory for each feature and class


def score_columns(target: TargetColumn) -> dict[str, pl.DataType]:
    """Return the names and types of the scores of a target, reasons not counted.

    >>> list(score_columns(TargetColumn("plan", "multiclass", ("a", "b", "c"))))
    ['score_a', 'score_b', 'score_c', 'predicted']
    """
    if target.task != "multiclass":
        return {"score": pl.Float64()}
    return {**{f"score_{label}": pl.Float64() for label in target.classes}, "predicted": pl.String()}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PropensityModel(TableModel):
    """A fitted propensity model, which scores tables by who will act.

    Parameters
    ----------
    roles
        Which column plays which part.
    target
        What is predicted.
    encoder
        Source columns to features.
    predictor
        Features to predictions: trees, say.
    evaluation
        Held-out metrics beside the baselines.
    config
        The settings of the fit, as plain data.
    lineage
        Where the model comes from: source, rows, time span, parent.
    dtypes
        The types of the role columns at the fit, by column.
    seen
        A sample of the rows of the fit, by which they are known again; None without an id.
    checksum
        Of the bundle it was loaded from or saved to last; None before.
    refused_rows
        The rows that the fit left out, ``row`` and ``reason`` first; see `tabkit.refused`. None of a bundle.
    """

    kind = KIND

    roles: Roles
    target: TargetColumn
    encoder: FittedTable
    predictor: Predictor
    evaluation: Evaluation
    config: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    seen: RowSample | None = None
    checksum: str | None = None
    refused_rows: pl.DataFrame | None = None

    @property
    def learner(self) -> Learner[Any]:
        """The learner of the predictor; see `tabkit.predictors.registry`."""
        return learner_of(self.predictor)

    def outputs(self, *, contributions: int = 0) -> dict[str, pl.DataType]:
        """Return the names and types of what `score` gives beside the kept columns."""
        return {**score_columns(self.target), **reason_schema(contributions)}

    def score(
        self,
        source: frames.Source,
        *,
        contributions: int = 0,
        keep: Sequence[str] = (),
        tally: Tally | None = None,
    ) -> pl.LazyFrame:
        """Return scores as a `LazyFrame`, which streams: sink it and memory stays bounded.

        Parameters
        ----------
        source
            Anything that `tabkit.frames.scan` takes.
        contributions
            How many of the largest reasons to add to each row.
        keep
            Further columns to carry through; the id always is.
        tally
            Counts rows and unseen levels while the stream runs.

        Returns
        -------
        pl.LazyFrame
            The id and kept columns; ``score``: the probability of the positive class, or the expected value
            (or quantile); for several classes ``score_CLASS`` each and ``predicted``; then ``reason_1``,
            ``reason_1_contribution`` and so on. Rows keep their order.

        Raises
        ------
        ConfigError
            If `contributions` is negative, or asked of a learner that cannot explain itself.
        SchemaError
            If columns are missing or of another type; extra ones are ignored.
        ForkError
            If this process was forked from one that had computed: load the model in the worker.
        """
        if contributions < 0:
            raise ConfigError(f"contributions is {contributions}; a number from 0 was expected")
        if contributions and not self.learner.explains:
            raise self.learner.unexplained()
        self.learner.ready(self.predictor)
        return self._stream(
            source,
            predict=lambda features, exposure: self._predict(features, exposure, contributions),
            outputs=self.outputs(contributions=contributions),
            rows_at_once=_ROWS_EXPLAINED if contributions else _ROWS_SCORED,
            keep=keep,
            tally=tally,
        )

    def embed(
        self, source: frames.Source, *, members: int = 1, keep: Sequence[str] = (), tally: Tally | None = None
    ) -> pl.LazyFrame:
        """Return the last hidden layer of a network as a `LazyFrame` that streams, as features for other models.

        Parameters
        ----------
        source, keep, tally
            See `score`.
        members
            See `tabkit.neural.embed`, where it is also said when these columns mislead.

        Returns
        -------
        pl.LazyFrame
            The id and kept columns, then ``hidden_0, hidden_1, ...`` of Float32.

        Raises
        ------
        ConfigError
            If the model is none of a network, or has fewer members.
        SchemaError
            If columns are missing or of another type; extra ones are ignored.
        """
        network, learner = self.predictor, self.learner
        names = learner.hidden_names(network, members=members)
        learner.ready(network)
        return self._stream(
            source,
            predict=lambda features, _: learner.hidden(network, features, members=members),
            outputs=dict.fromkeys(names, pl.Float32()),
            rows_at_once=_ROWS_SCORED,
            keep=keep,
            tally=tally,
        )

    def _stream(
        self,
        source: frames.Source,
        *,
        predict: Predict,
        outputs: Mapping[str, pl.DataType],
        rows_at_once: int,
        keep: Sequence[str],
        tally: Tally | None,
    ) -> pl.LazyFrame:
        kept = self.kept(keep)
        frame = frames.scan(source, dtypes=self.known_dtypes())
        scorer = Scorer(
            schema=self.encoder.schema,
            encode=self.encoder.to_exprs(),
            predict=predict,
            outputs=outputs,
            unseen=self.encoder.unseen(),
            exposure=self.roles.exposure,
            rows_at_once=rows_at_once,
        )
        return stream(frame, scorer, keep=kept, tally=tally)

    def known_columns(self) -> set[str]:
        """Return every column that was there at the fit, used or left out."""
        left_out = self.config.get("encoding", {}).get("exclude", [])
        return {*self.roles.given().values(), *(e.column for e in self.encoder.encoders), *left_out}

    def schema(self) -> Schema:
        """Return the columns that features are made of, as they were at the fit."""
        return self.encoder.schema

    def summary(self) -> dict[str, Any]:
        """Return the main metrics and the warnings as plain data.

        Returns
        -------
        dict
            ``target, roles, model, objective, sizes``; of the fit ``strategy, source, rows, span``; ``metrics`` of the
            model and its baselines on rows that it never saw, and their ``verdict``; ``warnings``, as sentences.
        """
        with building("what it tells of itself"):
            lineage = self.lineage
            return {
                "target": self.target.to_dict(),
                "roles": self.roles.given(),
                "model": self.learner.name,
                "objective": self.predictor.objective,
                "sizes": self.learner.sizes(self.predictor),
                **{name: lineage.get(name) for name in ("strategy", "source", "rows", "span")},
                "held_out": self.evaluation.rows,
                "metrics": self.evaluation.frame().to_dicts(),
                "verdict": self.evaluation.verdict(),
                "warnings": [*(lineage.get("hints") or []), *refused_by_now(self.config)],
            }

    def lines(self) -> tuple[str, str, str]:
        """Return what the model is, what it was made from, and how good it is: a line each."""
        told = self.summary()
        own = (each for each in self.evaluation.scores if each.model == MODEL)
        metrics = [f"{each.metric} {with_interval(each.value, each.low, each.high)}" for each in own]
        span = f", {days(told['span'])}" if told["span"] else ""
        return (
            f"{self.target.name} ({self.target.task}) by {told['model']}: {made_of(told['sizes'])}",
            f"{told['strategy']} on {told['rows'] or 0:,} rows of {told['source']}{span}",
            f"{', '.join(metrics[:2])} on {told['held_out']:,} held-out rows{counted_warnings(len(told['warnings']))}",
        )

    def to_parts(self) -> BundleParts:
        """Return what the model is saved as."""
        saved = self.learner.to_parts(self.predictor)
        content = {
            "roles": self.roles.given(),
            "target": self.target.to_dict(),
            "schema": self.encoder.schema.to_list(),
            "dtypes": dict(self.dtypes),
            "config": dict(self.config),
            "metrics": self.evaluation.to_dict(),
            "lineage": dict(self.lineage),
            **saved.content,
        }
        parts = {**to_parts(self.encoder.slim()), **saved.files}
        if self.seen is not None:
            parts["seen.parquet"] = bundle.frame_bytes(self.seen.to_frame())
        return BundleParts(content, parts)

    @classmethod
    def from_parts(cls, found: bundle.Bundle) -> Self:
        """Rebuild a model from a bundle that was read; see `from_bundle`."""
        manifest = found.manifest
        target, encoder = TargetColumn.from_dict(manifest["target"]), encoder_from_bundle(found)
        predictor = predictor_of(found)
        check_predictor(predictor, target=target, features=encoder.outputs)
        lineage = lineage_of(manifest)
        check_known(lineage, target)
        return cls(
            roles=Roles.from_dict(NamedTable(manifest["roles"], "the roles").values),
            target=target,
            encoder=encoder,
            predictor=predictor,
            evaluation=Evaluation.from_dict(manifest["metrics"]),
            config=config_of(manifest),
            lineage=lineage,
            dtypes=dtypes_of(manifest["dtypes"]),
            seen=sketch_of(found),
            checksum=found.checksum,
        )

    def _predict(self, features: pl.DataFrame, exposure: pl.Series | None, contributions: int) -> pl.DataFrame:
        # One thread: the stream calls this from as many threads as there are cores.
        offset = None if exposure is None else np.log(exposure.to_numpy())
        found = self.predictor.predict(features, offset=offset, num_threads=1)
        if self.target.task == "multiclass":
            labels = pl.Series(self.target.classes, dtype=pl.String)
            scores = pl.DataFrame({f"score_{c}": found[:, k] for k, c in enumerate(self.target.classes)})
            scores = scores.with_columns(labels.gather(found.argmax(axis=1)).alias("predicted"))
        else:
            scores = pl.DataFrame({"score": found})
        if not contributions:
            return scores
        source_of = self.encoder.source_of
        return scores.hstack(self.learner.reasons(self.predictor, features, largest=contributions, source_of=source_of))
