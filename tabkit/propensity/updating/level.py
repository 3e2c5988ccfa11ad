"""Whether the base rate or mean of a target moved between the rows of the fit and new rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from tabkit.propensity.model import PropensityModel
from tabkit.propensity.new_rows import training_summary
from tabkit.propensity.updating.strategies import cheapest
from tabkit.propensity.updating.trials import UpdateTrials
from tabkit.table import Table

_LEVEL = 0.001  # who updates each month for years shall not be alarmed by chance
_ODDS = 1.25  # a quarter more or less: what was planned by the old level is off by as much
_LAGS = (
    0.25  # of the move: what recalibrating leaves is far less, a refit that keeps half of the old leaves leaves more
)
_SPREAD = 0.1  # a mean that moved by less than a tenth of what single values differ by changes few decisions


@dataclass(frozen=True, slots=True)
class Moved:
    """A level of the target that changed significantly, and by enough to matter.

    Parameters
    ----------
    level
        The class, or ``mean``.
    before, now
        Its share, or the mean, in the rows that the model knows and in the new ones.
    low, high
        The ends of the difference's interval at 99.9 %, by days, groups or rows, whatever is independent.
    p
        How probable so large a difference would be if nothing had moved.
    """

    level: str
    before: float
    now: float
    low: float
    high: float
    p: float


def moved_levels(model: PropensityModel, new: Table) -> tuple[Moved, ...]:
    """Return the levels of the target that changed, by rising p-value; of two classes only the second.

    A difference counts where it is surely there, given how many rows (or days, or groups) there are, and large enough
    to matter: by a factor of 1.25 in the odds of a class, or by a tenth of the spread of a number or a quarter of its
    mean.
    """
    before, now = model.lineage.get("known") or {}, training_summary(new, model.target)
    if not before.get("level"):
        return ()
    names = [name for name in before["level"] if name != "spread"]
    if len(names) == 2:
        names = names[1:]
    tested = [_tested(name, before, now, tests=len(names)) for name in names]
    matter = [each for each in tested if each is not None and _matters(each, before, now)]
    return tuple(sorted(matter, key=lambda each: (each.p, -abs(each.now - each.before))))


def expected(moved: Moved, model: PropensityModel, judged: UpdateTrials, strategy: str) -> tuple[float, float] | None:
    """Return the updated model's mean prediction and the observed level, if the model lags behind the change.

    It does where what is missing is more than a quarter of the move and than two standard errors. None too of a
    quantile, which is no mean.
    """
    if judged.choice.metric == "pinball_loss":
        return None
    predicted, y = judged.predictions[strategy], judged.y
    if predicted.ndim == 2:
        place = model.target.classes.index(moved.level)
        predicted, y = predicted[:, place], (y == place).astype(float)
    missing = y - predicted
    error = float(np.std(missing)) / math.sqrt(len(missing))
    if abs(float(np.average(missing, weights=judged.weight))) <= max(_LAGS * abs(moved.now - moved.before), 2 * error):
        return None
    return float(np.average(predicted, weights=judged.weight)), float(np.average(y, weights=judged.weight))


def alarm(moved: Moved, model: PropensityModel, strategy: str, lag: tuple[float, float] | None = None) -> str:
    """Say that a level changed, and which strategy at least corrects it; `lag` is the result of `expected`."""
    name = model.target.name
    if moved.level == "mean":
        said = f"The mean of {name} moved: it is {moved.now:.3g} in the new rows, and was {moved.before:.3g}"
        ends = f"{moved.low:+.3g} to {moved.high:+.3g}"
    else:
        said = (
            f"The base rate moved: {name} is {moved.level} in {moved.now:.1%} of the new rows, and was in "
            f"{moved.before:.1%}"
        )
        ends = f"{100 * moved.low:+.1f} to {100 * moved.high:+.1f} %p"
    remedy_name = cheapest(model)
    if strategy == "keep":
        remedy = (
            "The kept model still expects the old one; if this stays, the cheapest remedy is "
            f"{remedy_name} (--strategy {remedy_name})."
        )
    elif lag is not None:
        means, came = (f"{value:.3g}" if moved.level == "mean" else f"{value:.1%}" for value in lag)
        remedy = (
            f"The updated model ({strategy}) lags behind: on the judging rows it expects {means}, and {came} came. The "
            f"cheapest remedy is {remedy_name} (--strategy {remedy_name})."
        )
    else:
        remedy = f"The updated model ({strategy}) follows it."
    return f"{said} (difference {ends}, 99.9% interval). {remedy}"


def _tested(name: str, before: Mapping[str, Any], now: Mapping[str, Any], *, tests: int) -> Moved | None:
    old, new = float(before["level"][name]), float(now["level"].get(name, 0.0))
    error = math.hypot(_error(name, before), _error(name, now))
    if error <= 0:  # neither varies: a class that is in no row, say
        return None
    lots = [known["lots"] for known in (before, now) if known.get("lots")]
    free = min(lots, default=math.inf) - 1
    p = min(1.0, tests * 2 * float(scipy.stats.t.sf(abs(new - old) / error, free)))
    if p > _LEVEL:
        return None
    wide = float(scipy.stats.t.isf(_LEVEL / 2, free)) * error
    return Moved(name, old, new, new - old - wide, new - old + wide, p)


def _error(name: str, known: Mapping[str, Any]) -> float:
    """Return the standard error of a level; of bundles that do not tell it, that of independent rows."""
    if "errors" in known:
        return float(known["errors"].get(name, 0.0))
    level, rows = known["level"], max(int(known["rows"]), 1)
    if name == "mean":
        return float(level["spread"]) / math.sqrt(rows)
    share = float(level.get(name, 0.0))
    return math.sqrt(share * (1 - share) / rows)


def _matters(moved: Moved, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    old, new = moved.before, moved.now
    if moved.level != "mean":
        odds = [share / (1 - share) if share < 1 else math.inf for share in (old, new)]
        return min(odds) <= 0 or max(odds) / min(odds) >= _ODDS
    spread = max(before["level"]["spread"], now["level"]["spread"])
    if abs(new - old) >= _SPREAD * spread:
        return True
    ratio = max(abs(old), abs(new)) / max(min(abs(old), abs(new)), 1e-300)
    return max(abs(old), abs(new)) >= _SPREAD * spread and (old * new < 0 or ratio >= _ODDS)
