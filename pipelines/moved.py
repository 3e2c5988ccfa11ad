"""Whether the level of a target moved between the rows that a model knows and new ones: a base rate, or a mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy import stats

from pipelines.intake import knowledge
from pipelines.model import PropensityModel
from tabkit.table import Table

_LEVEL = 0.001  # who updates each month for years shall not be alarmed by chance
_ODDS = 1.25  # a quarter more or less: what was planned by the old level is off by as much
_SPREAD = 0.1  # a mean that moved by less than a tenth of what single values differ by changes few decisions


@dataclass(frozen=True, slots=True)
class Moved:
    """A level of the target that is surely another, by enough to matter.

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
    """Return which levels of the target moved, the least probable by chance first; of two classes the second.

    A difference counts where it is surely there, given how many rows (or days, or groups) there are, and large enough
    to matter: by a factor of 1.25 in the odds of a class, or by a tenth of the spread of a number or a quarter of its
    mean.
    """
    before, now = model.lineage.get("known") or {}, knowledge(new, model.target)
    if not before.get("level"):
        return ()
    names = [name for name in before["level"] if name != "spread"]
    if len(names) == 2:
        names = names[1:]
    tested = [_tested(name, before, now, tests=len(names)) for name in names]
    matter = [each for each in tested if each is not None and _matters(each, before, now)]
    return tuple(sorted(matter, key=lambda each: (each.p, -abs(each.now - each.before))))


def alarm(moved: Moved, model: PropensityModel, strategy: str) -> str:
    """Say that a level moved, and what is the least that mends it."""
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
    if strategy == "keep":
        remedy = (
            "The kept model still expects the old one; if this stays, the cheapest remedy is recalibrate (--strategy "
            "recalibrate)."
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
    p = min(1.0, tests * 2 * float(stats.t.sf(abs(new - old) / error, free)))
    if p > _LEVEL:
        return None
    wide = float(stats.t.isf(_LEVEL / 2, free)) * error
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
