"""Which rows the candidates of an update learn from, and which they are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from tabkit.dependence import dependence, too_few
from tabkit.errors import FitError
from tabkit.predictors.features import keys
from tabkit.propensity.config import UpdateConfig
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.parts import divide
from tabkit.table import Table

_MOST = 12  # a year of months: what is older says little of the next one, and each costs as much as an update
_KNOWN = 0.01  # as in `checks`: from this share on rows are said to be known to the model


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Rows that candidates learn from, and the rows they are judged on.

    Parameters
    ----------
    learn, block
        The rows to learn from, and the rows to judge on.
    reference
        Rows from before both, for a retraining.
    when
        Of whole snapshots the time of the block; None where it is not a snapshot behind those of `learn`.
    """

    learn: Table
    block: Table
    reference: Table | None
    when: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class JudgingPlan:
    """The steps by which an update is judged.

    Parameters
    ----------
    steps
        They decide.
    replayed
        Of earlier snapshots: too few to decide, they can object.
    remark
        What is to be said of that; empty if nothing.
    """

    steps: tuple[Step, ...]
    replayed: tuple[Step, ...] = ()
    remark: str = ""


def planned(model: PropensityModel, new: Table, old: Table | None, settings: UpdateConfig, *, seed: int) -> JudgingPlan:
    """Plan how an update is judged.

    With enough days (or blocks of a time that is a number) the newest new rows are judged on, in blocks of time. Of
    fewer, snapshots, each is judged whole by what was made from those before it; a single one is divided by chance, and
    says nothing of the next. The snapshots of the reference that the model never saw are replayed: each strategy is
    made from one and judged on the next, as if it had been used then. As many as `tabkit.dependence.ENOUGH` decide
    alone; fewer can object.

    Snapshots that the model was fitted on cannot judge it, and are not replayed: it would look better than it is,
    and what it would have been without them is no longer there.
    """
    if not is_snapshots(new):
        return JudgingPlan(tuple(_blocks(new, old, model, settings, seed)))
    within, earlier = _within(new, old, model, settings, seed), _earlier(model, old)
    replayed = [] if earlier is None or old is None else _replays(earlier, old, new, settings)
    forward = [*replayed, *(step for step in within if step.when is not None)][-_MOST:]
    if not too_few(len(forward)):
        return JudgingPlan(tuple(forward), remark=_decided(forward))
    if old is not None and not replayed:
        why = "the model knows them" if earlier is None else "there are too few rows in them, or only one outcome"
        return JudgingPlan(tuple(within), remark=f"No snapshot of the reference can judge: {why}.")
    return JudgingPlan(tuple(within), tuple(replayed[-_MOST:]))


def is_snapshots(table: Table) -> bool:
    """Return whether rows have so few distinct times that each time is judged as a whole."""
    few = dependence(table.frame, table.roles).few
    return "day" in few or "time" in few


def period(table: Table) -> pl.Series:
    """Return the day of each row, or the number that stands for its time."""
    times = table.frame[table.roles.time or ""]
    return times.dt.date() if times.dtype.is_temporal() and times.dtype != pl.Date else times


def _blocks(new: Table, old: Table | None, model: PropensityModel, settings: UpdateConfig, seed: int) -> list[Step]:
    """Return rows to learn from and the block behind them, several times; without a time once, divided by chance."""
    older, rest = divide(new, model.target, share=settings.judge, seed=seed)
    count = settings.blocks if new.roles.time is not None else 1
    found: list[Step] = []
    for left in range(count, 1, -1):
        try:
            later, block = divide(rest, model.target, share=1 - 1 / left, seed=seed)
        except FitError:  # too few times for another block
            break
        found.append(Step(older, later, old))
        older, rest = replace(older, frame=older.frame.vstack(later.frame)), block
    return [*found, Step(older, rest, old)]


def _within(new: Table, old: Table | None, model: PropensityModel, settings: UpdateConfig, seed: int) -> list[Step]:
    """Judge snapshots of the new rows by those before; a single one by a part of itself."""
    periods = period(new)
    distinct = periods.unique().sort().to_list()
    if len(distinct) == 1:
        learn, block = divide(new, model.target, share=settings.judge, seed=seed)
        return [Step(learn, block, old)]
    count = min(len(distinct) - 1, max(settings.blocks, round(settings.judge * len(distinct))))
    steps = [
        Step(_rows(new, periods < each), _rows(new, periods == each), old, str(each)) for each in distinct[-count:]
    ]
    return [step for step in steps[:-1] if _is_enough(step.learn, settings)] + steps[-1:]


def _earlier(model: PropensityModel, old: Table | None) -> Table | None:
    """Return the reference rows that the model surely was not fitted on; None if there are none."""
    ends = (model.lineage.get("known") or {}).get("ends")
    times = None if old is None else old.times()
    if old is None or times is None or ends is None:
        return None
    unseen = _rows(old, pl.Series(times > ends[1]))
    found = keys(unseen) if unseen.frame.height else None
    if not unseen.frame.height or (found is not None and model.seen is not None and model.seen.overlap(found) > _KNOWN):
        return None
    return unseen


def _replays(earlier: Table, old: Table, new: Table, settings: UpdateConfig) -> list[Step]:
    """Judge each earlier snapshot, and the first new one, by what was made from as many as are new, before it."""
    periods, behind = period(earlier), period(new)
    distinct, first, wide = periods.unique().sort().to_list(), behind.min(), behind.n_unique()
    known, steps = period(old), []
    for place, each in enumerate([*distinct, first]):
        window = distinct[max(0, place - wide) : place]
        if not window:
            continue
        learn = _rows(earlier, (periods >= window[0]) & (periods <= window[-1]))
        block = _rows(new, behind == each) if each == first else _rows(earlier, periods == each)
        before = _rows(old, known < window[0])
        if _is_enough(learn, settings):
            steps.append(Step(learn, block, before if before.frame.height else None, str(each)))
    return steps


def _is_enough(learn: Table, settings: UpdateConfig) -> bool:
    target = learn.frame[learn.roles.target or ""]
    return learn.frame.height >= settings.fewest_rows and target.n_unique() > 1


def _rows(table: Table, which: pl.Series) -> Table:
    return replace(table, frame=table.frame.filter(which))


def _decided(steps: list[Step]) -> str:
    return (
        f"Judged on {len(steps)} snapshots ({steps[0].when} to {steps[-1].when}): each strategy was made from those "
        "before and judged on the next, so that what a next one brings is in the intervals."
    )


def joined_rows(steps: Sequence[Step], like: Table) -> Table:
    """Return all blocks of some steps as one table."""
    return replace(like, frame=pl.concat([step.block.frame for step in steps], how="diagonal_relaxed"))
