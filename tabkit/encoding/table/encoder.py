"""The table encoder: one encoder per column (or more), fitted together in one pass, applied as expressions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import splits
from tabkit.encoding.auto import choose
from tabkit.encoding.encoders.numeric import Infinite
from tabkit.encoding.encoders.rule import RuleFeature, specs_of
from tabkit.encoding.input import Input
from tabkit.encoding.protocol import Encoder
from tabkit.encoding.roles import RowRoles
from tabkit.encoding.smoothing import Smoothing, check_smoothing
from tabkit.encoding.table.audit import Audit, audited
from tabkit.encoding.table.choosing import Columns
from tabkit.encoding.table.fit import Fit, FitRequest, Targets, fit, in_order, training_features, training_frame
from tabkit.encoding.table.fitted import FittedTable
from tabkit.errors import ConfigError
from tabkit.frames import collect
from tabkit.predicates import Rule
from tabkit.target import TargetColumn, infer


class Encoded(NamedTuple):
    """What `TableEncoder.fit_transform` returns.

    Parameters
    ----------
    encoder
        The fitted encoder, for new rows.
    features
        The rows of the fit, in their order, encoded out of fold. Lazy if the frame was.
    """

    encoder: FittedTable
    features: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEncoder:
    """A specification: how the columns of a table become numbers.

    Parameters
    ----------
    default
        ``auto`` picks by type and number of levels; ``drop`` leaves out columns that are not in `columns`.
    columns
        Encoders for those columns that shall not have the default: one, or several in a list. A tuple of columns
        crosses them: their values together are the levels.
    rules
        Sets of rows that become features of 0 and 1 under their own names, beside what their columns become anyway.
        They may only look at columns that could be features themselves. One that holds for all rows of the fit, or
        none, is left out.
    max_onehot
        Text with up to this many levels gets one column per level, above that its target mean.
    smoothing
        Of the default target encoding, see `tabkit.encoding.Target`.
    folds
        Into how many parts the rows of the fit are divided for cross-fitting.
    infinite
        ``error`` refuses infinite numbers at the fit, ``null`` takes them for missing.
    seed
        Decides which row goes to which fold.
    """

    default: Literal["auto", "drop"] = "auto"
    columns: Columns = field(default_factory=dict)
    rules: Sequence[Rule | RuleFeature] = ()
    max_onehot: int = 10
    smoothing: Smoothing = "auto"
    folds: int = 5
    infinite: Infinite = "error"
    seed: int = 0

    def __post_init__(self) -> None:
        check_smoothing(self.smoothing)
        specs_of(self.rules)
        wrong = {
            "default": self.default not in ("auto", "drop"),
            "max_onehot": not isinstance(self.max_onehot, int) or self.max_onehot < 0,
            "folds": not isinstance(self.folds, int) or self.folds < 2,
            "infinite": self.infinite not in ("error", "null"),
        }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            raise ConfigError(f"{name} is {getattr(self, name)!r}", advice="see `TableEncoder` for what it may be")

    def fit(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        target: Targets = None,
        exclude: Iterable[str] = (),
        weight: str | None = None,
        arms: str | None = None,
        groups: str | None = None,
        time: str | None = None,
        folds: NDArray[np.integer[Any]] | None = None,
    ) -> FittedTable:
        """Fit in one pass over the data; where `target` is a name, two short ones before look at that column.

        Parameters
        ----------
        frame
            The rows of the fit.
        target
            The target column, or one that was understood before by `tabkit.target.infer`, or a list of several.
            Without one, encoders that use the target are refused, and text of many levels is encoded by frequency.
        exclude
            Columns that are no features.
        weight
            Column of row weights of 0 or more; it is no feature.
        arms
            Column of an experiment's arm: every target is encoded for each arm, by that arm's rows (the outcome with
            and without contact, for uplift). It is no feature.
        groups
            Column whose rows of one value go to one fold, so that none is encoded by its own household. With a `time`
            it is not looked at: earlier rows of the same household are the past too. It is a feature only if it
            stands in `columns`.
        time
            Column of the row's time: folds are then blocks of time, and each is encoded by earlier ones only; the
            first, which has no past, gets null. What does not use the target (counts, scales, which levels are rare)
            still comes from all rows. It is a feature only if it stands in `columns`.
        folds
            Shape (rows,): a fold number from 0 for each row. By default seeded, stratified by class. A lazy
            frame is read twice, so its rows must come in the same order each time; one that joins, groups or sorts
            may not, and is collected first.

        Raises
        ------
        FitError
            If nothing is left to encode, a number is infinite, a weight is impossible, or the target cannot
            be learned.
        SchemaError
            If a column named is not there, or a column cannot be encoded.
        ConfigError
            If an encoder is given for a column that is not there or that it does not take, or `folds` do not
            suit the rows.
        """
        roles = RowRoles(weight=weight, arms=arms, groups=groups, time=time)
        return self._fit(frame.lazy(), target, exclude, roles, folds, transform=False, out_of_fold=False).table

    def fit_transform(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        target: Targets = None,
        exclude: Iterable[str] = (),
        weight: str | None = None,
        arms: str | None = None,
        groups: str | None = None,
        time: str | None = None,
        folds: NDArray[np.integer[Any]] | None = None,
    ) -> Encoded:
        """Fit, and encode the rows of the fit **out of fold**: no row's target enters its own features.

        This is not ``fit`` followed by ``transform``: wherever an encoder uses the target, a training row
        gets the value that the other folds give, with the other folds' own mean as the prior. Use the
        features returned here to train, and `FittedTable.transform` for all other rows.
        Parameters and errors are those of `fit`.
        """
        lazy = in_order(frame)
        roles = RowRoles(weight=weight, arms=arms, groups=groups, time=time)
        fitted = self._fit(lazy, target, exclude, roles, folds, transform=True)
        if isinstance(frame, pl.DataFrame):
            return Encoded(fitted.table, training_frame(lazy, fitted))
        return Encoded(fitted.table, training_features(lazy, fitted))

    def audit(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        target: str | TargetColumn,
        exclude: Iterable[str] = (),
        weight: str | None = None,
        groups: str | None = None,
        time: str | None = None,
        share: float = 0.3,
        flips: int = 3,
    ) -> Audit:
        """Look for leaks of the target into the features of the rows of the fit.

        Two trials on the rows themselves. The target of a few rows is flipped, one at a time: their own features must
        not move. And each feature alone is cut into bins of some ten rows, on half of the rows of the fit, as trees
        might: if bins know the target of the other half better than that of held-out rows, the feature carries
        more than new rows will.
        The first is certain; the second, which also finds leave-one-out, comes with its noise.

        Parameters
        ----------
        frame, target, exclude, weight, groups, time
            See `fit`. Rows are held out by time, by group, or else by chance and evenly by class.
        share
            The share of rows held out.
        flips
            How many rows' targets are flipped; each costs a fit.

        Examples
        --------
        >>> import numpy as np
        >>> from tabkit.encoding import Target
        >>> chance = np.random.default_rng(0)
        >>> frame = pl.DataFrame({"shop": chance.integers(0, 300, 3000), "y": chance.integers(0, 2, 3000)})
        >>> audit = TableEncoder(columns={"shop": Target()}).audit(frame, target="y")
        >>> audit.features["moved"].max(), audit.suspects
        (0.0, [])
        """
        rows = collect(frame.lazy(), what="the rows of the audit")
        target_column = target if isinstance(target, TargetColumn) else infer(rows, target)
        apart = {"time": rows[time].to_numpy()} if time else {"groups": rows[groups].to_numpy()} if groups else {}
        if not apart and target_column.task != "regression":
            apart = {"stratify": rows[target_column.name].to_numpy()}
        held_out = splits.holdout(rows.height, share=share, seed=self.seed, **apart)
        train, test = rows[held_out.train], rows[held_out.test]
        roles = RowRoles(weight=weight, groups=groups, time=time)
        fixed, left_out = None, [*exclude]
        if time is None:  # folds are drawn by class: a flipped target would draw others
            fixed = self._fit(train.lazy(), target_column, exclude, roles, None, transform=False).folds.fold
            roles, left_out = RowRoles(weight=weight), [*exclude, *([groups] if groups else [])]

        def encode(part: pl.DataFrame) -> tuple[FittedTable, pl.DataFrame]:
            grouped = groups is not None
            fitted = self._fit(part.lazy(), target_column, left_out, roles, fixed, transform=True, grouped=grouped)
            return fitted.table, training_frame(part.lazy(), fitted)

        flipped = np.random.default_rng(self.seed).permutation(train.height)[:flips]
        return audited(encode, train, test, target_column, flips=flipped.tolist(), seed=self.seed)

    def _fit(
        self,
        frame: pl.LazyFrame,
        target: Targets,
        exclude: Iterable[str],
        roles: RowRoles,
        folds: NDArray[np.integer[Any]] | None,
        *,
        transform: bool,
        grouped: bool | None = None,
        out_of_fold: bool = True,
    ) -> Fit:
        order = FitRequest(
            columns=self.columns,
            rules=specs_of(self.rules),
            default=self._default if self.default == "auto" else None,
            folds=self.folds,
            seed=self.seed,
            target=target,
            exclude=exclude,
            roles=roles,
            given=folds,
            grouped=roles.groups is not None if grouped is None else grouped,
            out_of_fold=out_of_fold,
        )
        return fit(frame, order, transform=transform)

    def _default(self, column: Input) -> Encoder | None:
        return choose(column, max_onehot=self.max_onehot, smoothing=self.smoothing, infinite=self.infinite)
