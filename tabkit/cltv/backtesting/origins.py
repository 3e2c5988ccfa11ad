"""The origins of a backtest: the days from which forecasts are made again."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from tabkit.cltv.limits import FEWEST_BACKTEST_DAYS
from tabkit.errors import ConfigError, FitError


@dataclass(frozen=True, slots=True)
class BacktestPlan:
    """The origins and horizon of a backtest; see `plan_of` for the rule.

    Parameters
    ----------
    days
        The origins: the last day that each forecast knows, the earliest first.
    horizon_days
        How long each forecast reaches.
    step_days
        From one origin to the next; with one origin the horizon.
    """

    days: tuple[datetime.date, ...]
    horizon_days: int
    step_days: int

    @property
    def overlap_days(self) -> int:
        """How many days of its horizon an origin shares with the next one."""
        return self.horizon_days - self.step_days


def plan_of(first: datetime.date, last: datetime.date, *, horizon_days: int, origins: int) -> BacktestPlan:
    """Choose origins: the last horizon ends at `last`, and origins lie at most a horizon apart.

    Each origin knows at least half of a horizon, and 30 days. Where the log is too short for a horizon between
    origins, they are spread evenly over what there is, at least a tenth of a horizon apart; their horizons then
    overlap, and their errors are not independent.

    Raises
    ------
    ConfigError
        If horizon or origins are no whole numbers from 1.
    FitError
        If there is no room for them; it says how many origins are possible, or how long a horizon.

    Examples
    --------
    >>> plan = plan_of(datetime.date(1997, 1, 1), datetime.date(1998, 6, 30), horizon_days=273, origins=2)
    >>> [str(day) for day in plan.days], plan.overlap_days
    (['1997-05-18', '1997-09-30'], 138)
    """
    for name, value in (("horizon_days", horizon_days), ("origins", origins)):
        if isinstance(value, bool) or not float(value).is_integer() or value < 1:
            raise ConfigError(f"{name} is {value!r}; a whole number from 1 was expected")
    horizon, origins, span = int(horizon_days), int(origins), (last - first).days
    least_history = max(-(-horizon // 2), FEWEST_BACKTEST_DAYS)
    room, least = span - horizon - least_history, -(-horizon // 10)
    told = f"the log covers {span} days ({first} to {last})"
    if room < 0:
        longest = min(2 * span // 3, span - FEWEST_BACKTEST_DAYS)
        raise FitError(
            f"{told}: no origin is possible, it needs {least_history} days to learn from and {horizon} to be judged by",
            advice=f"give a horizon of at most {longest} days" if longest > 0 else "observe longer",
        )
    possible = room // least + 1
    if origins > possible:
        raise FitError(
            f"{told}: {possible} of {origins} origins {'are' if possible > 1 else 'is'} possible with a horizon of "
            f"{horizon} days, the first after {least_history} days and each {least} days or more after the one before",
            advice=f"ask for {possible}, or for a shorter horizon",
        )
    step = min(horizon, room // (origins - 1)) if origins > 1 else horizon
    end = last - datetime.timedelta(horizon)
    return BacktestPlan(tuple(end - datetime.timedelta(step * k) for k in reversed(range(origins))), horizon, step)
