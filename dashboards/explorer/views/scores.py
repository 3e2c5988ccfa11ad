"""The view of scores with their reasons, beside the observed target where it is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from dashboards.explorer.settings import ExploreConfig
from dashboards.explorer.view import Shade, View
from dashboards.explorer.views.features import view_of
from dashboards.explorer.views.predictions import features_of, known, left_out, mean_of, predicted_view, unroled
from dashboards.explorer.views.tables import columns_of, joined
from tabkit.errors import ConfigError, SchemaError
from tabkit.progress import Progress
from tabkit.roles import Roles
from tabkit.rules.sample import of_table
from tabkit.table import Table

KIND = "Scores"
SCORE = "score"
_REASON = re.compile(r"reason_\d+(_contribution)?")
_MOST_CLASSES = 6  # buttons that fit above a page
_INSTEAD = "Name a column of what came of it, and rules are searched for by that: --target churned, say."
_COLOURED = (
    "Lines are coloured by {name}, which is taken for what tabkit score wrote; it is not searched on. If it is a "
    "feature like the others, --exclude it here and show it under another name."
)
_LEARNED = (
    "If the model learned from these very rows, its scores know what came of them: then what lies between the "
    "score and {target} proves nothing."
)


@dataclass(frozen=True, slots=True)
class ScoreColumns:
    """The columns that `tabkit score` wrote.

    Parameters
    ----------
    scores
        ``score``, or of several classes ``score_CLASS`` each.
    others
        ``predicted``, the reasons and their contributions.
    """

    scores: tuple[str, ...]
    others: tuple[str, ...]

    def all(self) -> tuple[str, ...]:
        """Return all of them."""
        return (*self.scores, *self.others)

    def of(self, label: str) -> str | None:
        """Return the column of a class; None where there is none."""
        name = SCORE if self.scores == (SCORE,) else f"{SCORE}_{label}"
        return name if name in self.scores else None


def found_in(columns: Mapping[str, pl.DataType]) -> ScoreColumns | None:
    """Return the columns of scores; None where there are none.

    >>> found_in({"id": pl.Int64(), "score": pl.Float64(), "reason_1": pl.String()})
    ScoreColumns(scores=('score',), others=('reason_1',))
    >>> found_in({"score": pl.Int64()}) is None
    True
    """
    reasons = [name for name in columns if _REASON.fullmatch(name)]
    if columns.get(SCORE) == pl.Float64:
        return ScoreColumns((SCORE,), tuple(reasons))
    classes = [name for name, dtype in columns.items() if name.startswith(f"{SCORE}_") and dtype == pl.Float64]
    if len(classes) > 1 and "predicted" in columns:
        return ScoreColumns(tuple(classes), ("predicted", *reasons))
    return None


def scores_view(config: ExploreConfig, *, progress: Progress) -> View:
    """Return the view of scores: their mean, or what came of the rows, where the target is a column of its own.

    Raises
    ------
    SchemaError
        If the source holds no scores.
    """
    columns, roles = columns_of(config), Roles.from_dict(config.roles)
    score_columns = found_in(columns)
    if score_columns is None:
        raise SchemaError(
            "the source holds no scores: a column score, or score_CLASS and predicted, was expected",
            advice="tabkit score BUNDLE ROWS -o scores/ writes them; or name another --target: the columns are "
            f"{', '.join(map(repr, list(columns)[:40]))}",
        )
    if roles.target == SCORE:
        return _said(config, score_columns, progress=progress)
    return _seen(config, score_columns, roles, progress=progress)


def _said(config: ExploreConfig, made: ScoreColumns, *, progress: Progress) -> View:
    """Return the view of what the model said alone."""
    rows = joined(config, unroled(Roles.from_dict(config.roles)), written=True)
    table = known(rows.table, made.scores)
    first, notes = _first(table, made, config.positive)
    goals = [mean_of(table.frame, name) for name in (first, *(name for name in made.scores if name != first))]
    return predicted_view(
        table,
        goals[:_MOST_CLASSES],
        config,
        kind=KIND,
        made=made.all(),
        notes=[*rows.notes, *notes],
        instead=_INSTEAD,
        progress=progress,
        first=_order(first, made),
        shade=Shade(first, goals[0].y),
    )


def _seen(config: ExploreConfig, made: ScoreColumns, roles: Roles, *, progress: Progress) -> View:
    """Return the view of what came of the rows, which decides, beside what the model said of them."""
    rows = joined(config, roles)
    table = known(rows.table, made.scores)
    sample = of_table(table, config)
    name = made.of(sample.goal.positive or "") or _first(sample.table, made, None)[0]
    score = mean_of(sample.frame, name)
    target = roles.target or ""
    notes = [*rows.notes, *left_out(table), *sample.notes, _COLOURED.format(name=name), _LEARNED.format(target=target)]
    return view_of(
        replace(sample, notes=tuple(notes)),
        config,
        kind=KIND,
        progress=progress,
        searched=features_of(sample.table, made.all()),
        goals=(sample.goal, score),
        first=_order(name, made),
        shade=Shade(name, score.y),
    )


def _first(table: Table, made: ScoreColumns, positive: str | None) -> tuple[str, Sequence[str]]:
    """Return the score that decides: of the class that is named, or else of the rarest."""
    if positive is not None and made.scores != (SCORE,):
        name = made.of(positive)
        if name is None:
            classes = ", ".join(repr(one.removeprefix(f"{SCORE}_")) for one in made.scores)
            raise ConfigError(f"there are no scores of a class {positive!r}", advice=f"the classes are {classes}")
        return name, ()
    if len(made.scores) == 1:
        return made.scores[0], ()
    means = table.frame.select(pl.col(made.scores).mean()).row(0, named=True)
    name = min(made.scores, key=lambda one: float(means[one]))
    return name, (f"{name} is shown, that of the rarest class as the model sees it; --positive names another.",)


def _order(first: str, made: ScoreColumns) -> tuple[str, ...]:
    """Return the axes that come first: the score, and the chief reason with what it contributed."""
    return tuple(dict.fromkeys([first, *(name for name in made.others if name.startswith("reason_1")), *made.scores]))
