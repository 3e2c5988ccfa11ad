"""Views of predictions; rules are not tested on predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from dashboards.explorer.settings import ExploreConfig
from dashboards.explorer.view import View
from dashboards.explorer.views.features import view_of
from tabkit.errors import FitError
from tabkit.progress import Progress
from tabkit.roles import Roles
from tabkit.rules import Goal
from tabkit.rules.sample import RuleSample, divided
from tabkit.table import Table

_NOT_HELD = (
    "No rows are held out: everything that is measured here is predicted, and predictions prove nothing. Intervals say "
    "how much predictions differ from row to row, not how sure the model is."
)
_HELD = (
    "Rules were searched for by what the model predicts: what is proved is what the model says of further rows, "
    "not what they do."
)
_NOT_SEARCHED = (
    "Nothing was searched for: rules found on predictions describe the model, not the world. {instead}"
    "With --set suggest=true rules that describe the model are searched for nevertheless."
)
_UNPROVED = "These are a model's own numbers: they say what it predicts for the rows inside, and prove nothing."


def features_of(table: Table, made: Sequence[str]) -> list[str]:
    """Return the columns that are neither a role nor what a model said."""
    taken = {*made, *table.roles.given().values()}
    return [name for name in table.frame.columns if name not in taken]


def known(table: Table, names: Sequence[str]) -> Table:
    """Leave out rows without a finite prediction, and count them."""
    number = [pl.col(name).cast(pl.Float64).is_finite().fill_null(value=False) for name in names]
    frame = table.frame.filter(pl.all_horizontal(number))
    if frame.is_empty():
        raise FitError(f"{', '.join(names)}: no row of {table.name} has a finite number", advice="score the rows again")
    lost = table.frame.height - frame.height
    return replace(table, frame=frame, dropped={**table.dropped, **({"no prediction": lost} if lost else {})})


def left_out(table: Table) -> list[str]:
    """Return in sentences how many rows were left out, and why."""
    return [f"{count:,} rows were left out: {why}." for why, count in table.dropped.items()]


def mean_of(frame: pl.DataFrame, name: str) -> Goal:
    """Return the mean of a column as a goal."""
    return Goal(name, "mean", frame[name].cast(pl.Float64).to_numpy())


def unroled(roles: Roles) -> Roles:
    """Return roles without those that say what is looked for."""
    return replace(roles, target=None, treatment=None, outcome=None)


def predicted_view(
    table: Table,
    goals: Sequence[Goal],
    config: ExploreConfig,
    *,
    kind: str,
    made: Sequence[str],
    notes: Sequence[str],
    instead: str,
    progress: Progress,
    **more: object,
) -> View:
    """Return a view of predictions: nothing is held out or searched for, unless that is asked for by name.

    Parameters
    ----------
    table
        The rows, all with predictions.
    goals
        What is measured.
    config
        How to search, if ``suggest`` is set to true rather than left alone.
    kind
        What the page is called.
    made
        The columns that the model made: axes, but nothing that rules are searched on.
    notes
        Sentences.
    instead
        What to give so that something can be proved.
    progress
        Is told how far the work is.
    **more
        Further fields of the view.
    """
    asked = config.suggest and "suggest" in config.model_fields_set
    told = [*notes, *left_out(table)]
    columns = tuple(name for name in table.frame.columns if name not in table.roles.given().values())
    said: dict[str, object] = {}
    if asked:
        found = divided(table, goals[0], config, notes=[*told, _HELD])
    else:
        found = RuleSample(table, goals[0], None, columns, (*told, _NOT_HELD))
        # Without facts a file of rules claims no hold-out: all rows were looked at.
        said = {"suggested": _NOT_SEARCHED.format(instead=f"{instead} "), "facts": {}, "unproved": _UNPROVED}
    settings = config.model_copy(update={"suggest": asked})
    fields: dict[str, object] = {"goals": tuple(goals), **said, **more}
    return view_of(
        found, settings, kind=kind, progress=progress, searched=features_of(table, made), seen=False, **fields
    )
