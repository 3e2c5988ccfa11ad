"""Whether new rows can update a model at all, and what a careful colleague would ask about them."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.config import UpdateConfig
from pipelines.model import PropensityModel
from pipelines.rows import keys, labels
from tabkit.errors import FitError
from tabkit.schema import family
from tabkit.table import Table

_FACTOR = 2.0
_KNOWN = 0.5
_A_FEW = 0.01


def check_rows(model: PropensityModel, new: Table, settings: UpdateConfig) -> None:
    """Refuse rows that nothing can be learned from, or that the model has seen.

    Raises
    ------
    FitError
        If there are too few of them, they have one class only, are all older than what the model knows, or are
        mostly rows that it was fitted on.
    """
    rows = new.frame.height
    if rows < settings.fewest_rows:
        raise FitError(
            f"{new.name} has {rows:,} rows; an update needs at least {settings.fewest_rows:,}",
            advice="wait for more rows, or lower fewest_rows: intervals on few rows decide nothing",
        )
    y = labels(new, model.target)
    if model.target.task != "regression" and len(np.unique(y)) < 2:
        raise FitError(
            f"all {rows:,} rows have {model.target.name} = {model.target.classes[int(y[0])]}: nothing can be learned",
            advice="wait until the outcomes of these rows are known",
        )
    if _is_older(model, new):
        raise FitError(
            f"all new rows are older than the last ones that the model knows ({_last(model)}): time would go backwards",
            advice="give newer rows; to add history, retrain with it as the reference",
        )
    share = _overlap(model, new)
    if share >= _KNOWN:
        raise FitError(
            f"about {share:.0%} of the new rows (same id and time) were there when the model was fitted",
            advice="give rows that are new: what was learned already would count twice",
        )


def warnings_of(model: PropensityModel, new: Table) -> list[str]:
    """Return what is odd about the rows, and what to do."""
    found = []
    share = _overlap(model, new)
    if _A_FEW <= share < _KNOWN:
        found.append(f"About {share:.0%} of the new rows were there when the model was fitted: leave them out.")
    before, now = model.lineage.get("target_mean"), _mean(model, new)
    if before and now and max(before / now, now / before) > _FACTOR:
        found.append(
            f"The mean of {model.target.name} is {now:.3g}, and was {before:.3g}: if its meaning changed, train anew."
        )
    if _overlaps_in_time(model, new):
        found.append(f"Some new rows are older than the last ones that the model knows ({_last(model)}).")
    return found


def _overlap(model: PropensityModel, new: Table) -> float:
    found = keys(new)
    return 0.0 if found is None or model.seen is None else model.seen.overlap(found)


def _mean(model: PropensityModel, new: Table) -> float | None:
    if model.target.task == "multiclass":
        return None
    return abs(float(np.average(labels(new, model.target), weights=new.numbers("weight"))))


def _last(model: PropensityModel) -> Any:
    span = model.lineage.get("span")
    return span[1] if span else None


def _times(model: PropensityModel, new: Table) -> tuple[Any, Any, Any] | None:
    """Return first and last new time, and the last that the model knows, in a form that compares."""
    span, known = new.span(), _last(model)
    if span is None or known is None:
        return None
    if family(new.frame.schema[new.roles.time or ""]) == "number":
        return float(span[0]), float(span[1]), float(known)
    return span[0], span[1], known  # ISO 8601 compares as text


def _is_older(model: PropensityModel, new: Table) -> bool:
    times = _times(model, new)
    return times is not None and times[1] <= times[2]


def _overlaps_in_time(model: PropensityModel, new: Table) -> bool:
    times = _times(model, new)
    return times is not None and times[0] <= times[2] < times[1]
