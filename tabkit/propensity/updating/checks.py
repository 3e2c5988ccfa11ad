"""Checks on the rows of an update: too few, too old, seen before, or of another distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy

from tabkit.errors import FitError
from tabkit.predictors.features import keys
from tabkit.predictors.stored import refused_by_now
from tabkit.propensity.config import UpdateConfig
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.new_rows import training_summary
from tabkit.table import Table, labels

_FACTOR = 2.0  # twice or half as much is worth a question; less happens from month to month
_KNOWN = 0.5  # from half on the rows are the old ones again, not an overlap of exports
_A_FEW = 0.01  # share of rows seen before that is worth a remark
_DOUBT = 0.05  # level of the test whether rows were seen before
_SMALL, _SMALL_SHARE = 0.1, 0.005  # against the spread, and as a share: ratios of smaller numbers say nothing


def check_rows(model: PropensityModel, new: Table, settings: UpdateConfig) -> None:
    """Refuse rows that are too few to learn from, or that the model was fitted on.

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
    _check_target(model, new)
    share, sure = _overlap(model, new)
    if sure:
        raise FitError(
            f"about {share:.0%} of the new rows (same id and time) were there when the model was fitted",
            advice="give rows that are new: what was learned already would count twice",
        )
    if _is_older(model, new):
        raise FitError(
            f"all new rows are older than the last ones that the model knows ({_last(model)}): time would go backwards",
            advice="give newer rows; to add history, retrain with it as the reference",
        )


def _check_target(model: PropensityModel, new: Table) -> None:
    y, rows = labels(new, model.target), new.frame.height
    weight = new.numbers("weight")
    seen = y if weight is None else y[weight > 0]
    if len(np.unique(seen)) < 2:
        classes = model.target.classes
        value = "no row of any weight" if not seen.size else classes[int(seen[0])] if classes else f"{seen[0]:g}"
        raise FitError(
            f"all {rows:,} rows have {model.target.name} = {value}: nothing can be learned",
            advice="wait until the outcomes of these rows are known",
        )


def warnings_of(model: PropensityModel, new: Table) -> list[str]:
    """Return warnings about the rows of an update, each with advice."""
    found = refused_by_now(model.config)
    share, sure = _overlap(model, new)
    if share >= _A_FEW and not sure:
        found.append(f"About {share:.0%} of the new rows were there when the model was fitted: leave them out.")
    found += _moved(model, new)
    if _overlaps_in_time(model, new):
        found.append(f"Some new rows are older than the last ones that the model knows ({_last(model)}).")
    return found


def _moved(model: PropensityModel, new: Table) -> list[str]:
    """Say which level of the target is another by more than a factor of two."""
    before, now = _known(model).get("level"), training_summary(new, model.target)["level"]
    if not before:
        return []
    name, ask = model.target.name, "if its meaning changed, train anew."
    if "mean" in before:
        old, mean = before["mean"], now["mean"]
        small = max(abs(old), abs(mean)) < _SMALL * max(before["spread"], now["spread"])
        far = old * mean <= 0 or max(abs(old / mean), abs(mean / old)) > _FACTOR
        return [f"The mean of {name} is {mean:.3g}, and was {old:.3g}: {ask}"] if far and not small else []
    odds = {k: (before[k], now.get(k, 0.0)) for k in before}
    far = [
        k for k, (a, b) in odds.items() if max(a, b) > _SMALL_SHARE and (not min(a, b) or max(a / b, b / a) > _FACTOR)
    ]
    if not far:
        return []
    label = model.target.classes[-1] if len(odds) == 2 else far[0]
    old, share = odds[label]
    return [f"{name} is {label} in {share:.1%} of the new rows, and was in {old:.1%}: {ask}"]


def _overlap(model: PropensityModel, new: Table) -> tuple[float, bool]:
    """Return the share of rows seen before, and whether it is surely more than half: the sketch holds a sample."""
    found = keys(new)
    if found is None or model.seen is None:
        return 0.0, False
    known = model.seen.known(found)
    hits = int(known.sum())
    surely = float(scipy.stats.beta.ppf(_DOUBT, hits, len(known) - hits + 1)) if hits else 0.0
    return hits / max(1, len(known)), surely >= _KNOWN


def _known(model: PropensityModel) -> Mapping[str, Any]:
    return model.lineage.get("known") or {}


def _last(model: PropensityModel) -> Any:
    span = _known(model).get("span")
    return span[1] if span else None


def _is_older(model: PropensityModel, new: Table) -> bool:
    times, ends = new.times(), _known(model).get("ends")
    return times is not None and ends is not None and bool(times.max() < ends[1])


def _overlaps_in_time(model: PropensityModel, new: Table) -> bool:
    times, ends = new.times(), _known(model).get("ends")
    return times is not None and ends is not None and bool(times.min() < ends[1])
