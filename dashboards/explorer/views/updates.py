"""The view of a model's updates: one line for each candidate, along the model's ancestors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from dashboards.explorer.settings import ExploreConfig
from dashboards.explorer.view import View
from dashboards.explorer.views.features import view_of
from dashboards.explorer.views.predictions import mean_of
from tabkit.errors import ConfigError
from tabkit.lineage import Ancestry, ancestors_of, lineage_of
from tabkit.progress import Progress
from tabkit.propensity.model import KIND as PROPENSITY
from tabkit.roles import Roles
from tabkit.rules.sample import RuleSample
from tabkit.table import Table
from tabkit.untrusted.manifest import building
from tabkit.uplift.model import KIND as UPLIFT

KIND = "Experiments"
_TYPES = {
    "update": pl.Int64,
    "source": pl.String,
    "strategy": pl.String,
    "how": pl.String,
    "used": pl.Boolean,
    "loss": pl.Float64,
    "loss_difference": pl.Float64,
    "loss_difference_low": pl.Float64,
    "loss_difference_high": pl.Float64,
    "ece": pl.Float64,
    "bias": pl.Float64,
    "trees": pl.Int64,
    "seconds": pl.Float64,
    "new_rows": pl.Int64,
    "judged_rows": pl.Int64,
}
_FIRST = ("update", "strategy", "used", "trees", "seconds", "ece", "bias", "loss", "loss_difference")
_CAN = (
    "what can be explored is a bundle that tabkit update or tabkit uplift update wrote, or a table: rows, scores, "
    "predicted effects, a forecast, a table of runs"
)


@dataclass(frozen=True, slots=True)
class Experiments:
    """The candidates of an update of the line.

    Parameters
    ----------
    metric
        The loss that candidates were judged by.
    rows
        One for each candidate that could be judged.
    refused
        How many could not be tried.
    """

    metric: str
    rows: tuple[dict[str, Any], ...]
    refused: int


def runs_view(config: ExploreConfig, folders: Sequence[Path], *, progress: Progress) -> View:
    """Return the view of all candidates that were tried along the line of a bundle.

    Raises
    ------
    ConfigError
        If there is more than one source, or no update made the model or any ancestor.
    BundleError
        If the bundle is damaged, or of a kind that is never updated.
    """
    if len(folders) > 1 or (not isinstance(config.source, str) and len(config.source or ()) > 1):
        raise ConfigError("a bundle is explored by itself: its ancestors are found", advice="name one bundle")
    line = ancestors_of(folders[0], kinds=(PROPENSITY, UPLIFT), advice=f"{_CAN}; tabkit inspect shows this one")
    with building("what it tells of its updates"):
        updates = [_update(place, manifest) for place, manifest in enumerate(filter(_tried, line.manifests), 1)]
        frame = pl.DataFrame([row for update in updates for row in update.rows], schema=_TYPES)
    if not updates:
        strategy = line.manifests[-1]["lineage"].get("strategy", "train")
        raise ConfigError(
            f"{str(folders[0])!r} was made by {strategy!r}, not by an update: nothing was tried that could be compared",
            advice=f"{_CAN}; tabkit inspect shows this one",
        )
    table = Table(frame, Roles(), repr(folders[0].name), {})
    return _view(table, updates, line, config, progress=progress)


def _tried(manifest: Mapping[str, Any]) -> bool:
    return bool(manifest["lineage"].get("update"))


def _update(place: int, manifest: Mapping[str, Any]) -> Experiments:
    """Return an update and its place among all as rows."""
    lineage = lineage_of(manifest)
    told = lineage["update"]
    common = {
        "update": place, "source": lineage["source"], "new_rows": told["rows"], "judged_rows": told["judged_rows"]
    }  # fmt: skip
    tried = [item for item in told["candidates"] if item.get("loss") is not None]
    rows = [{**item, **common, "strategy": item["name"], "used": item["name"] == told["strategy"]} for item in tried]
    shown = tuple({name: row.get(name) for name in _TYPES} for row in rows)
    return Experiments(told["metric"], shown, len(told["candidates"]) - len(tried))


def _view(
    table: Table, updates: Sequence[Experiments], line: Ancestry, config: ExploreConfig, *, progress: Progress
) -> View:
    metric = updates[-1].metric
    goals = tuple(
        replace(mean_of(table.frame, name), name=f"{name} ({metric})") for name in ("loss", "loss_difference")
    )
    empty = [name for name in table.frame.columns if table.frame[name].null_count() == table.frame.height]
    columns = tuple(name for name in table.frame.columns if name not in empty)
    found = RuleSample(table, goals[0], None, columns, tuple(_notes(updates, line)))
    return view_of(
        found,
        config.model_copy(update={"suggest": False}),
        kind=KIND,
        progress=progress,
        goals=goals,
        title=config.title or f"{table.short_name}: {table.frame.height} candidates of {_many(len(updates), 'update')}",
        first=tuple(name for name in _FIRST if name in columns),
        suggested="Nothing is searched for: these are experiments, of which each is one line.",
        unproved="These are all experiments that were made: there is nothing to prove anything on.",
        facts={},
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _notes(updates: Sequence[Experiments], line: Ancestry) -> list[str]:
    """Say how losses compare, and what is not there."""
    refused = sum(update.refused for update in updates)
    notes = [
        "Lower is better. Losses of different updates come from different rows: compare them by "
        "loss_difference, the loss less that of keeping the model on the same rows.",
        "None are held out: these are all candidates that were tried.",
    ]
    if refused:
        notes.append(
            f"{_many(refused, 'candidate')} could not be tried: {'it is' if refused == 1 else 'they are'} no line."
        )
    if line.missing:
        notes.append(
            f"{_many(line.missing, 'ancestor')} of the model {'is' if line.missing == 1 else 'are'} not in its folder: "
            "what was tried then is not shown."
        )
    if len({update.metric for update in updates}) > 1:
        notes.append("Updates were judged by different losses.")
    return notes
