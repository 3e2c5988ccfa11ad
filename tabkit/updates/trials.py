"""Trying strategies: each makes a candidate from every task, which is measured on what it did not learn from."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from tabkit.errors import TabkitError
from tabkit.progress import Advance
from tabkit.updates.strategies import Strategy


class _Made(Protocol):
    """What a strategy makes: it says in a few words how."""

    @property
    def how(self) -> str:
        """Its settings in a few words."""


C = TypeVar("C", bound=_Made)
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Trial:
    """How the candidate of one strategy did on rows that it did not learn from, or why there is none.

    Parameters
    ----------
    name
        The strategy.
    how
        Its settings in a few words.
    loss
        Lower is better; None if it was refused.
    loss_difference, loss_difference_low, loss_difference_high
        Its loss less that of keeping the model, paired, with the ends of the interval: below zero is better. The ends
        are None where the interval has no width: nothing was there that could differ, which is no evidence.
    seconds
        To make it, for all tasks.
    refused
        Why it could not be tried.
    """

    name: str
    how: str = ""
    loss: float | None = None
    loss_difference: float | None = None
    loss_difference_low: float | None = None
    loss_difference_high: float | None = None
    seconds: float = 0.0
    refused: str | None = None

    @property
    def ends(self) -> tuple[float | None, float | None, float | None]:
        """The difference with the ends of its interval."""
        return self.loss_difference, self.loss_difference_low, self.loss_difference_high

    @property
    def sure(self) -> bool | None:
        """True for a sure gain, False for a sure loss, None for neither."""
        _, low, high = self.ends
        if low is None or high is None:
            return None
        return True if high < 0 else False if low > 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class Trials(Generic[C, M]):
    """What came of every strategy that was tried.

    Parameters
    ----------
    trials
        By name, the refused among them; losses are not known yet.
    measured
        By name of those that could be tried, what was measured for each task.
    candidates
        By name, what was made of the last task.
    """

    trials: dict[str, Trial]
    measured: dict[str, list[M]]
    candidates: dict[str, C]


def run_trials(
    strategies: Sequence[Strategy[Any, C]],
    tasks: Iterable[Any],
    *,
    measure: Callable[[C, int], M],
    needed: Collection[str],
    advance: Advance,
) -> Trials[C, M]:
    """Make every candidate of every task; who fails at one, and is not needed, is refused and left out.

    Parameters
    ----------
    strategies
        The cheapest first.
    tasks
        What candidates are made from, one task for each block of rows to judge on.
    measure
        Given a candidate and the place of its task: what is kept of it, its predictions of the block say.
    needed
        Names whose failure ends the update.
    advance
        Told of each candidate.
    """
    trials = {strategy.name: Trial(strategy.name) for strategy in strategies}
    measured: dict[str, list[M]] = {name: [] for name in trials}
    candidates: dict[str, C] = {}
    for place, task in enumerate(tasks):
        for strategy in (each for each in strategies if each.name in measured):
            name, started = strategy.name, clock.perf_counter()
            try:
                strategy.check(task.model)
                candidate = strategy.make(task)
            except TabkitError as error:
                if name in needed:
                    raise
                del measured[name]
                candidates.pop(name, None)
                trials[name] = Trial(name, refused=error.problem)
                continue
            finally:
                advance(1)
            measured[name].append(measure(candidate, place))
            spent = trials[name].seconds + clock.perf_counter() - started
            trials[name] = replace(trials[name], how=candidate.how, seconds=round(spent, 3))
            candidates[name] = candidate
    return Trials(trials, measured, candidates)
