"""Choose among candidate models by their loss on held-out rows: a costlier one must be significantly better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from tabkit.errors import ConfigError
from tabkit.updates.strategies import AUTO, KEEP
from tabkit.updates.trials import Trial
from tabkit.wording import decimals_of, number, with_interval

Difference = tuple[float, float | None, float | None]
"""A loss less another, with the ends of its interval: None where it has no width, which is no evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """How candidates compare on the judging rows.

    Parameters
    ----------
    losses
        By candidate, the cheapest first, `keep` before all others.
    difference
        Given the places of two candidates, the loss of the first less that of the second; its interval holds for all
        candidates at once.
    metric, level
        The name of the loss, and the level of the intervals.
    objections
        By candidate why it may not win whatever the intervals say, as half a sentence.
    unsure
        Why nothing can be sure on these rows, as half a sentence; empty where that is not so.
    """

    losses: Mapping[str, float]
    difference: Callable[[int, int], Difference]
    metric: str
    level: float
    objections: Mapping[str, str] = field(default_factory=dict)
    unsure: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy that is used, and why.

    Parameters
    ----------
    strategy
        Its name.
    why
        In one sentence.
    candidates
        All that were tried, the cheapest first, the refused among them.
    metric
        The loss they were judged by.
    level
        Of the intervals, for all candidates at once.
    """

    strategy: str
    why: str
    candidates: tuple[Trial, ...]
    metric: str
    level: float

    @property
    def kept(self) -> bool:
        """Whether the model is as it was."""
        return self.strategy == KEEP


@dataclass(frozen=True, slots=True, eq=False)
class Update(Choice):
    """What an update of any kind of model tried and did.

    Parameters
    ----------
    rows, judged_rows
        New rows, and how many of them candidates were judged on.
    """

    rows: int
    judged_rows: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "kept": self.kept}


def shared(choice: Choice) -> dict[str, Any]:
    """Return what the report of an update takes over from the choice."""
    return {each.name: getattr(choice, each.name) for each in fields(Choice)}


def choose(comparison: Comparison, trials: Mapping[str, Trial] | None = None, *, asked: str = AUTO) -> Choice:
    """Choose the cheapest candidate that surely helps.

    In the order of their cost each candidate is compared with the best so far, and takes its place only if the whole
    interval of the difference, and that of its difference from `keep`, lies below zero: a tie goes to the cheaper one.

    Parameters
    ----------
    trials
        By name, what is told of each candidate beside its loss; those that are not compared were refused.
    asked
        ``auto``, or the strategy that is used whatever the comparison says.

    Raises
    ------
    ConfigError
        If `keep` is not the first.

    Examples
    --------
    >>> losses = {"keep": 0.5, "recalibrate": 0.4, "retrain": 0.39}
    >>> def difference(new, old):
    ...     value = list(losses.values())[new] - list(losses.values())[old]
    ...     return value, value - 0.05, value + 0.05
    >>> choose(Comparison(losses, difference, "log_loss", 0.95)).strategy
    'recalibrate'
    """
    names = list(comparison.losses)
    if not names or names[0] != KEEP:
        raise ConfigError(f"the first candidate is {names[:1]}; {KEEP!r} was expected")
    told, best = dict(trials or {name: Trial(name) for name in names}), 0
    for place, name in enumerate(names):
        value, low, high = comparison.difference(place, 0)
        told[name] = replace(
            told[name], loss=comparison.losses[name],
            loss_difference=value, loss_difference_low=low, loss_difference_high=high,
        )  # fmt: skip
        ahead = all(is_below(comparison.difference(place, other)) for other in {0, best})
        if ahead and name not in comparison.objections and not comparison.unsure:
            best = place
    used = names[best] if asked == AUTO else asked
    compared = [told[name] for name in names]
    why = _won(used, compared, comparison) if asked == AUTO else _asked(told[asked], comparison)
    return Choice(used, why, tuple(told.values()), comparison.metric, comparison.level)


def changed(trial: Trial, level: float) -> str:
    """Write a difference of losses with its interval, or that it has none.

    >>> changed(Trial("refit", "", 0.5, -0.1, -0.2, -0.05), 0.95)
    '-0.10 (95% interval -0.20 to -0.05)'
    >>> changed(Trial("refit", "", 0.5, -0.1, None, None), 0.95)
    '-0.100 (no interval: every draw gave the same)'
    """
    value, low, high = trial.ends
    return with_interval(
        value, low, high, sign="+", before=f" ({100 * level:.3g}% interval ",
        without=" (no interval: every draw gave the same)",
    )  # fmt: skip


def is_below(difference: Difference) -> bool:
    """Return whether the whole interval of a difference is below zero."""
    return difference[2] is not None and difference[2] < 0


def _asked(used: Trial, comparison: Comparison) -> str:
    if used.name == KEEP:
        return "Keep: as asked for."
    sure = {True: "a sure gain", False: "a sure loss", None: "no sure difference"}[used.sure]
    said = f"{used.name.capitalize()}: as asked for. On the judging rows it changes {comparison.metric} by "
    return f"{said}{changed(used, comparison.level)}, {sure}."


def _kept(trials: Sequence[Trial], comparison: Comparison) -> str:
    if comparison.unsure:
        return f"Keep: {comparison.unsure}."
    others = [trial for trial in trials if trial.name != KEEP]
    if not others:
        return "Keep: nothing else could be tried."
    barred = [trial for trial in others if trial.sure and trial.name in comparison.objections]
    best = min(barred or others, key=lambda trial: trial.loss_difference or 0.0)
    said = f"Keep: the best other candidate, {best.name}, changes {comparison.metric} by "
    said += changed(best, comparison.level)
    return f"{said}, but {comparison.objections[best.name]}." if barred else f"{said}, which is no sure gain."


def _won(winner: str, trials: Sequence[Trial], comparison: Comparison) -> str:
    if winner == KEEP:
        return _kept(trials, comparison)
    names = [trial.name for trial in trials]
    won, kept = trials[names.index(winner)], trials[0]
    value, low, high = won.ends
    said = with_interval(value, low, high, sign="+", before=f", {100 * comparison.level:.3g}% interval ", after="")
    new, old = (number(each.loss, decimals=decimals_of(low, high)) for each in (won, kept))
    sentence = f"{winner.capitalize()}: {comparison.metric} {new} instead of {old} ({said})"
    dearer = [name for name in names[names.index(winner) + 1 :] if comparison.losses[name] < comparison.losses[winner]]
    if not dearer:
        return f"{sentence}."
    more = comparison.objections.get(dearer[0])
    return f"{sentence}; {dearer[0]} is not significantly better than that{f': {more}' if more else ''}."
