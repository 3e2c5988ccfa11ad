"""Rows with a goal, divided into those to search and those held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tabkit import division
from tabkit.config import complete
from tabkit.dependence import Codes, dependence
from tabkit.errors import ConfigError, FitError
from tabkit.refused import refused_together
from tabkit.roles import Roles
from tabkit.rules.config import AimConfig
from tabkit.rules.goal import Goal, Mask, aim
from tabkit.rules.limits import FEWEST_TO_HOLD_OUT
from tabkit.table import Table, read


@dataclass(frozen=True, slots=True, eq=False)
class RuleSample:
    """Rows with their goal, and which of them are held out.

    Parameters
    ----------
    table
        The n rows with a known goal.
    goal
        Of these.
    holdout
        Shape (n,); None where there are too few rows to hold any out.
    columns
        What rules may be on: no column with a role.
    notes
        What was decided, in sentences.
    dropped_notes
        Those of them that speak of the rows that are there at all.
    """

    table: Table
    goal: Goal
    holdout: Mask | None
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    dropped_notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """The rows."""
        return self.table.frame


def aimed(config: AimConfig) -> RuleSample:
    """Read rows, infer their goal, and hold out some.

    Raises
    ------
    TabkitError
        If the source cannot be read, or the target not be understood.
    """
    roles = Roles.from_dict(config.roles)
    if roles.target is None:
        raise ConfigError("no target is given", advice="name the column that rules are to tell apart: --target")
    exclude = [name for name in config.exclude if name not in roles.given().values()]
    return of_table(read(complete(config).source, roles, exclude=exclude), config)


def of_table(table: Table, config: AimConfig) -> RuleSample:
    """Do the same for a table that was read."""
    roles = table.roles
    target = roles.target or ""
    found = aim(
        table.frame,
        target,
        positive=config.positive,
        treatment=roles.treatment,
        control=config.control,
        arm=config.arm,
    )
    refused = refused_together([table.refused, found.refused])
    rows = Table(found.frame, roles, table.name, {**table.dropped, **found.dropped}, refused=refused)
    notes = [*found.notes, *(f"{count:,} rows were left out: {why}." for why, count in found.dropped.items())]
    if roles.treatment is not None:
        notes.append("A difference between arms is an effect only where chance decided who was in which.")
    return divided(rows, found.goal, config, notes=notes)


def divided(table: Table, goal: Goal, config: AimConfig, *, notes: Sequence[str] = ()) -> RuleSample:
    """Hold out some of the rows of a goal, and say which rows are clustered.

    Raises
    ------
    FitError
        If an arm is missing among the rows to look at.
    """
    roles = table.roles
    columns = tuple(name for name in table.frame.columns if name not in roles.given().values())
    goal, lots = _with_units(table, goal, config.holdout)
    found, holdout = [*notes, *lots], held_out(table, goal, config)
    found += [] if holdout is None else _arms(goal, holdout)
    if holdout is None:
        found.append(why_none(table, goal, config))
    elif division.way_of(table) == "time":
        both = f" One {roles.group} may stand on both sides: time divides." if roles.group is not None else ""
        found.append(f"The newest {int(holdout.sum()):,} rows by {roles.time} are held out.{both}")
    else:
        way = division.way_of(table, classes=_classes(goal))
        found += division.passed_over(table, way, classes="classes" if goal.kind == "share" else "arms")
    return RuleSample(table, goal, holdout, columns, tuple(found), (*notes, *lots))


def _with_units(table: Table, goal: Goal, share: float) -> tuple[Goal, list[str]]:
    """Return the goal with what is independent, by the one rule of `tabkit.dependence`; and a note that says so.

    Groups that are too few to be drawn count nevertheless: who names them says that their rows are alike, and a rule
    that holds in three of five shops is proved nowhere.
    """
    roles, lots = table.roles, dependence(table.frame, table.roles, share=share)
    unit, codes = lots.unit, lots.codes
    if codes is None and "group" in lots.few:
        unit, codes = "group", lots.few["group"]
    if codes is None or lots.clusters == table.frame.height:
        return goal, [lots.note] if lots.note and codes is None else []
    what = {"group": f"one {roles.group}", "day": f"one day of {roles.time}"}.get(unit, f"one block of {roles.time}")
    note = f"Rows of {what} count as one, for they depend on each other: {int(codes.max()) + 1:,} are independent."
    return replace(goal, unit=codes), [note]


def _arms(goal: Goal, holdout: Mask) -> list[str]:
    """Return a note if an arm is missing among the rows held out; among the others it must not."""
    if goal.treated is None:
        return []
    found = []
    for arm, rows in ((goal.arm, goal.treated), (goal.control, ~goal.treated)):
        if not (rows & ~holdout).any():
            raise FitError(
                f"arm {arm!r} of {goal.treatment!r} has rows among those held out alone",
                advice="hold out others: another share (--set holdout=0.4), another seed, or no time or group role",
            )
        if not (rows & holdout).any():
            found.append(f"No row of arm {arm} is held out: nothing can be proved on the rows that are.")
    return found


def held_out(table: Table, goal: Goal, config: AimConfig) -> Mask | None:
    """Return which rows are held out: the newest, whole groups, or by class or chance; None if it cannot be."""
    if table.frame.height < FEWEST_TO_HOLD_OUT:
        return None
    try:
        return _held_out(table, goal, config)
    except FitError:
        return None


def why_none(table: Table, goal: Goal, config: AimConfig) -> str:
    """Return in a sentence why `held_out` gave None."""
    if table.frame.height < FEWEST_TO_HOLD_OUT:
        return f"With fewer than {FEWEST_TO_HOLD_OUT} rows none are held out: nothing can be proved on them."
    try:
        _held_out(table, goal, config)
    except FitError as error:
        return f"No rows are held out, so that nothing can be proved: {error.problem}."
    return "No rows are held out: nothing can be proved on them."


def unprovable(sample: RuleSample, config: AimConfig) -> ConfigError:
    """Return the error that says why no rows could be held out."""
    rows = sample.frame.height
    if rows < FEWEST_TO_HOLD_OUT:
        return ConfigError(f"{rows} rows are too few to find rules in and prove them", advice="use more")
    why = why_none(sample.table, sample.goal, config)
    return ConfigError(why.rstrip("."), advice="use rows of several, or another --time or --group")


def _held_out(table: Table, goal: Goal, config: AimConfig) -> Mask:
    parts = division.divide(table, share=config.holdout, seed=config.seed, classes=_classes(goal))
    mask = np.zeros(table.frame.height, dtype=np.bool_)
    mask[parts.test] = True
    return mask


def _classes(goal: Goal) -> Codes | None:
    """Return what each part shall have its share of: the classes, else the arms; None of a mean."""
    classes = goal.y if goal.kind == "share" else goal.treated
    return None if classes is None else classes.astype(np.int64)
