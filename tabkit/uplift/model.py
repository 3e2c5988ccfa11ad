"""The fitted uplift model: members, calibration and evaluation, as one frozen object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
import polars as pl
import scipy

from tabkit import bundle, frames
from tabkit.errors import ConfigError
from tabkit.fingerprint import RowSample
from tabkit.fitted_model import BundleParts, counted_warnings
from tabkit.lineage import lineage_of
from tabkit.predictors.coherence import config_of, dtypes_of, sketch_of
from tabkit.predictors.table_model import TableModel
from tabkit.roles import Roles
from tabkit.schema import Column, Schema
from tabkit.scoring import Scorer, Tally, stream
from tabkit.target import TargetColumn
from tabkit.untrusted.manifest import NamedTable, building, damaged
from tabkit.uplift.decision.decision import Decision
from tabkit.uplift.design.design import Arms
from tabkit.uplift.ensemble.calibration import Calibration
from tabkit.uplift.ensemble.member import Member
from tabkit.uplift.regressor import Floats
from tabkit.uplift.summary import summary_of
from tabkit.wording import with_interval

KIND = "uplift"
_ROWS_SCORED = 16_384  # scored at a time: features of all members fit into memory
_ARMS_SHOWN = 3
"""Of `repr`: a line has room for no more."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UpliftModel(TableModel):
    """A fitted uplift model, which scores tables by whom contact changes.

    Parameters
    ----------
    roles
        Which column plays which part.
    target
        The outcome, understood.
    arms
        The arms, control first.
    members
        The cross-fitting ensemble.
    calibrations
        By treated arm, from the mean of the members' predictions to effects that mean what they say.
    decision
        How the best arm is chosen.
    evaluation
        What held-out units said, as plain data: see `tabkit.uplift.evaluation.evaluation`.
    config, lineage, dtypes
        Settings of the fit, where the model comes from, and the types of the role columns.
    seen
        A sample of the units of the fit, by which they are known again.
    checksum
        Of the bundle it was loaded from or saved to last; None before.
    refused_rows
        The rows that the fit left out, ``row`` and ``reason`` first; see `tabkit.refused`. None of a bundle.
    """

    kind = KIND

    roles: Roles
    target: TargetColumn
    arms: Arms
    members: tuple[Member, ...]
    calibrations: tuple[Calibration, ...]
    decision: Decision
    evaluation: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    seen: RowSample | None = None
    checksum: str | None = None
    refused_rows: pl.DataFrame | None = None

    def outputs(self) -> dict[str, pl.DataType]:
        """Return the names and types of what `score` gives beside the kept columns."""
        return score_columns(self.arms)

    def score(
        self,
        source: frames.Source,
        *,
        contributions: int = 0,
        keep: Sequence[str] = (),
        tally: Tally | None = None,
    ) -> pl.LazyFrame:
        """Return effects as a `LazyFrame`, which streams: sink it and memory stays bounded.

        Parameters
        ----------
        source
            Anything that `tabkit.frames.scan` takes; neither treatment nor outcome is needed.
        contributions
            Must be 0: an effect is a difference of many models, which has no reasons of this kind.
        keep
            Further columns to carry through; the id always is.
        tally
            Counts rows and unseen levels while the stream runs.

        Returns
        -------
        pl.LazyFrame
            The id and kept columns; for each treated arm ``effect_ARM``, calibrated, in the unit of the outcome, and
            the ends ``effect_ARM_low`` and ``effect_ARM_high`` of its interval; and ``best_arm``, the control label
            where no arm is worth its cost. Rows keep their order.

        Raises
        ------
        ConfigError
            If `contributions` is not 0.
        SchemaError
            If columns are missing or of another type; extra ones are ignored.
        ForkError
            If this process was forked from one that had computed: load the model in the worker.
        """
        if contributions:
            raise ConfigError("an uplift model gives no reasons", advice="leave out --contributions")
        kept = self.kept(keep)
        members = [member.threads(1) for member in self.members]
        for member in members:
            member.changed(_read)  # read the trees once, before several threads ask for them
        scorer = Scorer(
            schema=self.schema(),
            encode=[e.name.prefix(f"{k}/") for k, member in enumerate(members) for e in member.encoder.to_exprs()],
            predict=lambda features, _: self._predict(members, features),
            outputs=self.outputs(),
            unseen=_unseen(members),
            rows_at_once=_ROWS_SCORED,
            title=lambda name: name.partition("/")[2],
        )
        return stream(frames.scan(source, dtypes=self.known_dtypes()), scorer, keep=kept, tally=tally)

    def summary(self) -> dict[str, Any]:
        """Return effects, verdicts and checks as plain data; see `tabkit.uplift.summary.summary_of`."""
        with building("what it tells of itself"):
            return summary_of(self.evaluation, target=self.target, arms=self.arms, learner=self.config["learner"])

    def lines(self) -> tuple[str, str, str]:
        """Return what the model is, what it was made from, and what it found: a line each."""
        told, lineage = self.summary(), self.lineage
        effects = [
            f"{arm} {with_interval(one['effect'], one['low'], one['high'], sign='+')} ({one['verdict']})"
            for arm, one in told["arms"].items()
        ]
        more = f" and {len(effects) - _ARMS_SHOWN} more" if len(effects) > _ARMS_SHOWN else ""
        return (
            f"effect of {self.arms.column} on {told['outcome']} by {told['learner']}: {len(self.members)} members",
            f"{lineage.get('strategy')} on {lineage.get('rows') or 0:,} units of {lineage.get('source')}, "
            f"{told['design']}, {told['held_out']:,} held out",
            f"{', '.join(effects[:_ARMS_SHOWN])}{more}{counted_warnings(len(told['warnings']))}",
        )

    def schema(self) -> Schema:
        """Return the columns that any member needs, as they were at the fit."""
        columns: dict[str, Column] = {}
        for member in self.members:
            columns |= {column.name: columns.get(column.name, column) for column in member.encoder.schema.columns}
        return Schema(tuple(columns.values()))

    def known_columns(self) -> set[str]:
        """Return every column that was there at the fit, used or left out."""
        left_out = self.config.get("encoding", {}).get("exclude", [])
        used = (e.column for member in self.members for e in member.encoder.encoders)
        return {*self.roles.given().values(), *used, *left_out, *self.config.get("placebos", [])}

    def calibrated(self, effects: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return calibrated effects and the half-widths of their intervals, shapes (n, k - 1).

        Members leave out one part of the units each, so that their spread is that of a jackknife of groups (Quenouille
        1956): the variance of the mean is ``(m - 1) / m`` times the sum of squares around it. Student's t with m - 1
        degrees of freedom makes the interval; what the calibration is unsure of is added.

        Parameters
        ----------
        effects
            Shape (m, n, k - 1): of each member.
        """
        m = len(effects)
        mean = effects.mean(axis=0)
        spread = np.sqrt((m - 1) / m * ((effects - mean) ** 2).sum(axis=0))
        wide = scipy.stats.t.ppf(0.5 + level / 2, df=m - 1)
        columns = [
            (calibration(mean[:, i]), wide * calibration.error(mean[:, i], spread[:, i]))
            for i, calibration in enumerate(self.calibrations)
        ]
        return np.column_stack([c[0] for c in columns]), np.column_stack([c[1] for c in columns])

    def to_parts(self) -> BundleParts:
        """Return what the model is saved as."""
        parts: dict[str, bytes] = {}
        members = []
        for k, member in enumerate(self.members):
            state, own = member.to_parts(f"members/{k}/")
            members.append(state)
            parts |= own
        if self.seen is not None:
            parts["seen.parquet"] = bundle.frame_bytes(self.seen.to_frame())
        content = {
            "roles": self.roles.given(),
            "target": self.target.to_dict(),
            "arms": asdict(self.arms),
            "schema": self.schema().to_list(),
            "dtypes": dict(self.dtypes),
            "members": members,
            "calibrations": [calibration.to_dict() for calibration in self.calibrations],
            "decision": asdict(self.decision),
            "config": dict(self.config),
            "lineage": dict(self.lineage),
            "report": dict(self.evaluation),
        }
        return BundleParts(content, parts)

    @classmethod
    def from_parts(cls, found: bundle.Bundle) -> Self:
        """Rebuild a model from a bundle that was read; see `from_bundle`."""
        manifest = NamedTable(found.manifest, "the manifest")
        arms = Arms.from_dict(manifest.mapping("arms"))
        members = tuple(
            Member.from_bundle(found, state, f"members/{k}/", arms=arms)
            for k, state in enumerate(manifest.tables("members", "a member"))
        )
        calibrations = tuple(Calibration.from_dict(each.values) for each in manifest.tables("calibrations"))
        if len(members) < 2 or len(calibrations) != len(arms.treated):
            raise damaged(
                f"there are {len(members)} members and {len(calibrations)} calibrations; two or more, and one for "
                "each treated arm, were expected"
            )
        return cls(
            roles=Roles.from_dict(manifest.mapping("roles")),
            target=TargetColumn.from_dict(manifest.mapping("target")),
            arms=arms,
            members=members,
            calibrations=calibrations,
            decision=Decision.from_dict(manifest.mapping("decision"), arms=len(arms.treated)),
            evaluation=manifest.mapping("report"),
            config=config_of(found.manifest),
            lineage=lineage_of(found.manifest),
            dtypes=dtypes_of(manifest.mapping("dtypes")),
            seen=sketch_of(found),
            checksum=found.checksum,
        )

    def _predict(self, members: Sequence[Member], features: pl.DataFrame) -> pl.DataFrame:
        effects = np.stack([member.effect(_own(features, f"{k}/")) for k, member in enumerate(members)])
        effect, wide = self.calibrated(effects)
        columns: dict[str, Any] = {}
        for i, arm in enumerate(self.arms.treated):
            columns[f"effect_{arm}"] = effect[:, i]
            columns[f"effect_{arm}_low"] = effect[:, i] - wide[:, i]
            columns[f"effect_{arm}_high"] = effect[:, i] + wide[:, i]
        best = pl.Series(self.arms.labels, dtype=pl.String).gather(self.decision.best(effect))
        return pl.DataFrame(columns).with_columns(best.alias("best_arm"))


def score_columns(arms: Arms) -> dict[str, pl.DataType]:
    """Return the names and types of the scores.

    >>> list(score_columns(Arms("mail", ("none", "men"))))
    ['effect_men', 'effect_men_low', 'effect_men_high', 'best_arm']
    """
    effects = {f"effect_{arm}{end}": pl.Float64() for arm in arms.treated for end in ("", "_low", "_high")}
    return {**effects, "best_arm": pl.String()}


def check_names(arms: Arms, roles: Roles) -> None:
    """Refuse labels of arms, or an id, that would make two columns of the scores one.

    Raises
    ------
    ConfigError
        Naming them.
    """
    names = [f"effect_{arm}{end}" for arm in arms.treated for end in ("", "_low", "_high")] + ["best_arm"]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"two arms would have one column of scores: {', '.join(map(repr, twice))}",
            advice=f"rename the labels of {arms.column!r}",
        )
    if roles.id in names:
        raise ConfigError(f"id {roles.id!r} is called like a column of the scores", advice="rename the id")


def _own(features: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """Return a member's features under their own names."""
    names = [name for name in features.columns if name.startswith(prefix)]
    return features[names].rename({name: name.removeprefix(prefix) for name in names})


def _read(regression: Any) -> Any:
    if regression.model.trees:
        _ = regression.model.booster
    return regression


def _unseen(members: Sequence[Member]) -> dict[str, pl.Expr]:
    """Return by column whether its level is new to all members: a rare one may be new to some only."""
    found: dict[str, pl.Expr] = {}
    for member in members:
        for column, flag in member.encoder.unseen().items():
            found[column] = found[column] & flag if column in found else flag
    return found
