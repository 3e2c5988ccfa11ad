"""Rows with something to look for in them, divided into those to look at and those held out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pipelines.explore_config import AimConfig
from pipelines.needs import needed
from tabkit import splits
from tabkit.errors import ConfigError, FitError
from tabkit.roles import Roles
from tabkit.rules import Goal, aim
from tabkit.rules.goal import Mask
from tabkit.table import Table, read

FEWEST = 40
"""With fewer rows than this nothing is held out."""


@dataclass(frozen=True, slots=True, eq=False)
class Aimed:
    """Rows, what is looked for, and which of them nobody looks at.

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


def aimed(config: AimConfig) -> Aimed:
    """Read rows, understand what is looked for, and hold out some.

    Raises
    ------
    TabkitError
        If the source cannot be read, or the target not be understood.
    """
    roles = Roles.from_dict(config.roles)
    if roles.target is None:
        raise ConfigError("no target is given", advice="name the column that rules are to tell apart: --target")
    exclude = [name for name in config.exclude if name not in roles.given().values()]
    return of_table(read(needed(config, "source"), roles, exclude=exclude), config)


def of_table(table: Table, config: AimConfig) -> Aimed:
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
    rows = Table(found.frame, roles, table.name, {**table.dropped, **found.dropped})
    notes = [*found.notes, *(f"{count:,} rows were left out: {why}." for why, count in found.dropped.items())]
    return divided(rows, found.goal, config, notes=notes)


def divided(table: Table, goal: Goal, config: AimConfig, *, notes: Sequence[str] = ()) -> Aimed:
    """Hold out some of the rows of a goal."""
    roles = table.roles
    columns = tuple(name for name in table.frame.columns if name not in roles.given().values())
    found, holdout = [*notes], held_out(table, goal, config)
    if holdout is None:
        found.append(f"With fewer than {FEWEST} rows none are held out: nothing can be proved on them.")
    elif roles.time is not None:
        found.append(f"The newest {int(holdout.sum()):,} rows by {roles.time} are held out.")
    return Aimed(table, goal, holdout, columns, tuple(found), tuple(notes))


def held_out(table: Table, goal: Goal, config: AimConfig) -> Mask | None:
    """Return which rows nobody looks at: the newest, whole groups, or by class or chance; None if there are too few."""
    rows, roles = table.frame.height, table.roles
    if rows < FEWEST:
        return None
    by_class = goal.y if goal.kind == "share" else goal.treated
    plain = roles.time is None and roles.group is None
    try:
        parts = splits.holdout(
            rows,
            share=config.holdout,
            seed=config.seed,
            time=table.times(),
            groups=table.frame[roles.group].to_numpy() if roles.group and roles.time is None else None,
            stratify=by_class.astype(np.int64) if plain and by_class is not None else None,
        )
    except FitError:
        return None
    mask = np.zeros(rows, dtype=np.bool_)
    mask[parts.test] = True
    return mask


def facts(found: Aimed, config: AimConfig) -> dict[str, Any]:
    """Return how rules were found, for their file: enough to hold out the same rows again."""
    goal = found.goal
    return {
        "source": found.table.short_name,
        "rows": found.frame.height,
        "print": fingerprint(found),
        "target": goal.name,
        "positive": goal.positive,
        "treatment": goal.treatment,
        "arm": goal.arm,
        "control": goal.control,
        "time": found.table.roles.time,
        "group": found.table.roles.group,
        "holdout": config.holdout,
        "seed": config.seed,
    }


def fingerprint(found: Aimed) -> str:
    """Return a short text that is the same for the same rows in the same order, whatever columns they have."""
    content = hashlib.sha256(found.goal.name.encode() + found.goal.y.tobytes())
    if found.goal.treated is not None:
        content.update(found.goal.treated.tobytes())
    return content.hexdigest()[:16]


def same_rows(found: Aimed, facts: Mapping[str, Any], config: AimConfig) -> bool:
    """Return whether rules were found on these very rows, so that only those held out then can prove anything."""
    alike = {"rows": found.frame.height, "print": fingerprint(found)}
    return all(facts.get(key) == value for key, value in alike.items()) and (
        facts.get("holdout"),
        facts.get("seed"),
    ) == (config.holdout, config.seed)
