"""A strategy is one way to update a model: what it makes a candidate from, and why it may refuse a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tabkit.errors import ConfigError, FitError

AUTO, KEEP = "auto", "keep"


T = TypeVar("T")
C = TypeVar("C")


def _allowed(_: Any) -> None:
    """Refuse no model."""


@dataclass(frozen=True, slots=True)
class Strategy(Generic[T, C]):
    """An entry of a question's registry, which lists strategies by their cost, the cheapest first.

    Parameters
    ----------
    name
        As users ask for it.
    make
        Makes a candidate from a task, which holds the model as it is and whatever else the question's strategies read.
    refusal
        Says why it cannot change a model, or None: it is asked before any work.
    """

    name: str
    make: Callable[[T], C]
    refusal: Callable[[Any], str | None] = _allowed

    def check(self, model: Any) -> None:
        """Raise `FitError` if it cannot change this model."""
        if (why := self.refusal(model)) is not None:
            raise FitError(f"this model cannot be updated by {self.name!r}: {why}", advice="retrain it")


def pick(there: Sequence[Strategy[T, C]], asked: str, model: Any, *, what: str) -> list[Strategy[T, C]]:
    """Return the strategies to try: all for ``auto``, else keeping the model and the one that was asked for.

    Parameters
    ----------
    there
        Those of the model's learner, the cheapest first.
    asked
        The name that the user gave.
    what
        The kind of model, in words.

    Raises
    ------
    ConfigError
        If none has this name.
    FitError
        If the one that was asked for cannot change this model.
    """
    if asked == AUTO:
        return list(there)
    names = [strategy.name for strategy in there]
    if asked not in names:
        raise ConfigError(f"{asked!r} is no strategy for {what}", advice=f"choose auto or one of {', '.join(names)}")
    found = [strategy for strategy in there if strategy.name in (KEEP, asked)]
    found[-1].check(model)
    return found
