"""The goal of rules: a share, a mean, or the effect of a treatment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.labels import is_yes_no, labels_of, matched
from tabkit.predicates.exprs import missing_expr
from tabkit.refused import no_rows, refused_rows, refused_together
from tabkit.schema import family
from tabkit.table import NULL_TARGET
from tabkit.target import Task, infer

OTHER_ARM = "another arm, or none"
Kind = Literal["share", "mean", "effect"]
Codes: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """The goal of n rows: the outcome that rules are measured by.

    Parameters
    ----------
    name
        The target or outcome column.
    kind
        ``share`` of a class (`y` is 0 or 1), ``mean`` of a number, or ``effect``: the difference of `y` between
        treated rows and controls.
    y
        Shape (n,), finite.
    positive
        The class whose share is meant; None for numbers.
    treated
        Of ``effect``, shape (n,): whether a row was treated; None otherwise.
    treatment, arm, control
        Of ``effect``: the column, its label for the treated and its label for controls.
    unit
        Shape (n,), codes from 0: rows with the same one, such as those of a customer or of a day, depend on each
        other, and only different ones are independent. None where every row is.
    two
        `binary` of the rows that these are a part of; None where these are all.
    """

    name: str
    kind: Kind
    y: Floats
    positive: str | None = None
    treated: Mask | None = None
    treatment: str | None = None
    arm: str | None = None
    control: str | None = None
    unit: Codes | None = None
    two: bool | None = None

    @property
    def binary(self) -> bool:
        """Whether `y` is 0 or 1 in every row, and in those that these were taken from."""
        if self.kind == "share":
            return True
        return bool(((self.y == 0) | (self.y == 1)).all()) if self.two is None else self.two

    def take(self, rows: NDArray[np.int64] | Mask) -> Goal:
        """Return the goal of some of the rows."""
        treated = None if self.treated is None else self.treated[rows]
        unit = None if self.unit is None else self.unit[rows]
        return replace(self, y=self.y[rows], treated=treated, unit=unit, two=self.binary)

    def signal(self) -> Floats:
        """Return by row the number whose mean measures a rule, shape (n,).

        For a share and a mean that is `y`. For an effect it is the transformed outcome of Athey and Imbens (2016,
        section 2): ``y (t - p) / (p (1 - p))`` with the share p of treated rows, of which `y` less its mean is taken:
        that changes no expectation under a randomised design, and much of the noise.

        Raises
        ------
        FitError
            If these rows have one arm alone.
        """
        if self.treated is None:
            return self.y
        if not self.treated.any() or self.treated.all():
            raise FitError(
                f"all of these rows have one arm of {self.treatment!r} alone",
                advice="an effect needs both among the rows to look at and among those held out",
            )
        t = self.treated.astype(np.float64)
        p = float(t.mean())
        return (self.y - float(self.y.mean())) * (t - p) / (p * (1 - p))

    def words(self) -> str:
        """Return in words what is measured.

        >>> Goal("churned", "share", np.array([0.0, 1.0]), positive="yes").words()
        'share of churned = yes'
        """
        if self.kind == "share":
            return f"share of {self.name} = {self.positive}"
        if self.kind == "mean":
            return f"mean of {self.name}"
        return f"difference in {self.name} between {self.arm} and {self.control}"


@dataclass(frozen=True, slots=True, eq=False)
class Aimed:
    """Rows with a known goal.

    Parameters
    ----------
    frame
        The rows, without those whose goal is null or NaN, or that are of another arm.
    goal
        Of the same rows.
    dropped
        How many rows were left out, by reason.
    notes
        What was decided on the way, in sentences.
    refused
        The rows left out, ``row`` and ``reason`` first; see `tabkit.refused`.
    """

    frame: pl.DataFrame
    goal: Goal
    dropped: dict[str, int]
    notes: tuple[str, ...] = ()
    refused: pl.DataFrame = field(default_factory=no_rows)


def aim(
    frame: pl.DataFrame,
    target: str,
    *,
    positive: str | None = None,
    treatment: str | None = None,
    control: str | None = None,
    arm: str | None = None,
) -> Aimed:
    """Understand the target; rows without one are left out and counted.

    Parameters
    ----------
    frame
        The rows.
    target
        A column with two labels, with several (then `positive` names the one that is meant, by default the rarest), or
        with numbers.
    positive
        The label whose share is meant.
    treatment, control, arm
        The column of the arms, the label of the controls and, where there are several others, the arm that is
        compared with them: then `target` is the outcome, and what is sought is the effect.

    Raises
    ------
    SchemaError
        If columns are missing or of a type that cannot be used.
    FitError
        If the target is constant, or null or infinite everywhere, or an arm has fewer than two rows.
    ConfigError
        If labels are not there.

    Examples
    --------
    >>> found = aim(pl.DataFrame({"churned": ["no", "yes", None, "no", "yes"]}), "churned")
    >>> found.goal.y.tolist(), found.goal.positive, found.dropped
    ([0.0, 1.0, 0.0, 1.0], 'yes', {'null target': 1})
    """
    _present(frame, [name for name in (target, treatment) if name is not None])
    arms = None if treatment is None else _arms(frame, treatment, control=control, arm=arm)
    lacking = missing_expr(target, frame.schema[target])
    refusals = {NULL_TARGET: lacking}
    if arms is not None and treatment is not None:
        ours = pl.lit(labels_of(frame[treatment]).is_in(list(arms)).fill_null(value=False))
        refusals = {OTHER_ARM: ~ours, NULL_TARGET: ours & lacking}
    dropped = frame.select(each.sum().alias(why) for why, each in refusals.items()).row(0, named=True)
    refused = refused_together([refused_rows(frame, refusals[why], why) for why, count in dropped.items() if count])
    known = frame.filter(~pl.any_horizontal(*refusals.values())) if sum(dropped.values()) else frame
    if known.is_empty():
        raise FitError(f"target {target!r} is null in every row", advice="check the column's name and the export")
    y, label, notes = _numbers(known, target, positive)
    dropped = {why: count for why, count in dropped.items() if count}
    if arms is None or treatment is None:
        return Aimed(known, Goal(target, "mean" if label is None else "share", y, label), dropped, notes, refused)
    treated = (labels_of(known[treatment]) == arms[0]).to_numpy().astype(bool)
    if min(treated.sum(), (~treated).sum()) < 2:
        raise FitError(f"an arm of {treatment!r} has fewer than two rows with an outcome")
    return Aimed(known, Goal(target, "effect", y, label, treated, treatment, arms[0], arms[1]), dropped, notes, refused)


def _present(frame: pl.DataFrame, names: list[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"the data lacks columns: {', '.join(map(repr, missing))}",
            advice=f"its columns are {', '.join(map(repr, frame.columns[:40]))}",
        )


def _numbers(known: pl.DataFrame, target: str, positive: str | None) -> tuple[Floats, str | None, tuple[str, ...]]:
    """Return the target as numbers, the label that 1 stands for, and what was decided."""
    kind = family(known.schema[target])
    distinct = known[target].n_unique()
    two = distinct <= 2
    # two numbers other than 0 and 1 may be an amount: their mean is in the unit of the column
    if kind == "number" and positive is None and distinct > 1 and not is_yes_no(known[target]):
        values = known[target].cast(pl.Float64)
        if not values.is_finite().all():
            raise FitError(f"target {target!r} is infinite in some rows", advice="repair or remove these rows")
        return values.to_numpy(), None, ()
    task: Task | None = "multiclass" if kind == "number" and not two else None  # a class of numbers is named
    found = infer(known, target, task=task, positive=positive if two else None, what="the data")
    if found.task == "binary":
        return known.select(found.expr(known.schema[target])).to_series().to_numpy(), found.positive, ()
    codes = known.select(found.expr(known.schema[target])).to_series().to_numpy()
    counts = np.bincount(codes.astype(np.int64), minlength=len(found.classes))
    label = found.classes[int(counts.argmin())] if positive is None else matched(positive, found.classes)
    if label is None:
        raise ConfigError(
            f"positive class {positive!r} is not among the labels of {target!r}",
            advice=f"they are {', '.join(map(repr, found.classes[:20]))}",
        )
    said = f"{target} has {len(found.classes)} classes: {label!r} is compared with all others"
    return (codes == found.classes.index(label)).astype(np.float64), label, (said,)


def _arms(frame: pl.DataFrame, treatment: str, *, control: str | None, arm: str | None) -> tuple[str, str]:
    labels = labels_of(frame[treatment].drop_nulls()).unique().sort().to_list()
    control, arm = (label if label is None else matched(label, labels) or label for label in (control, arm))
    for label, role in ((control, "control"), (arm, "arm")):
        if label is not None and label not in labels:
            raise ConfigError(
                f"{role} {label!r} is not in {treatment!r}",
                advice=f"its labels are {', '.join(map(repr, labels[:20]))}",
            )
    if control is None:
        raise ConfigError(
            f"no label of {treatment!r} is named as the controls",
            advice=f"name one with --control: its labels are {', '.join(map(repr, labels[:20]))}",
        )
    others = [label for label in labels if label != control]
    if arm is None and len(others) != 1:
        raise ConfigError(
            f"{treatment!r} has {len(others)} arms beside {control!r}",
            advice=f"choose one with --arm: {', '.join(map(repr, others[:20]))}" if others else "two arms are needed",
        )
    return (others[0] if arm is None else arm), control
