"""Strategies are tried whatever a model predicts: a task has a model, a candidate says how it was made."""

from dataclasses import dataclass
from typing import Any

import pytest

from tabkit.errors import ConfigError, FitError
from tabkit.updates import AUTO, KEEP, Strategy, pick, run_trials


@dataclass(frozen=True)
class Task:
    model: int
    rows: int


@dataclass(frozen=True)
class Candidate:
    value: int
    how: str = ""


def fails_late(task: Task) -> Candidate:
    if task.rows > 1:
        raise FitError("too many rows", advice="take fewer")
    return Candidate(task.rows)


def even(model: Any) -> str | None:
    return "it is even" if model % 2 == 0 else None


STRATEGIES: tuple[Strategy[Task, Candidate], ...] = (
    Strategy(KEEP, lambda task: Candidate(task.model)),
    Strategy("add", lambda task: Candidate(task.model + task.rows, f"by {task.rows}")),
    Strategy("odd", lambda task: Candidate(1), refusal=even),
    Strategy("late", fails_late),
)


def tried(*rows: int, model: int = 10, needed: tuple[str, ...] = (KEEP,)) -> Any:
    told: list[int] = []
    tasks = [Task(model, count) for count in rows]
    found = run_trials(
        STRATEGIES, tasks, measure=lambda candidate, place: (place, candidate.value), needed=needed, advance=told.append
    )
    return found, told


def test_each_candidate_is_measured_on_every_task_and_the_last_is_kept() -> None:
    found, told = tried(1, 1)
    assert found.measured == {KEEP: [(0, 10), (1, 10)], "add": [(0, 11), (1, 11)], "late": [(0, 1), (1, 1)]}
    assert found.candidates["add"] == Candidate(11, "by 1")
    assert (found.trials["add"].how, found.trials["add"].loss) == ("by 1", None)
    assert told == [1] * 7  # who was refused is not tried again


def test_who_cannot_change_a_model_or_fails_at_one_task_is_refused_with_the_reason() -> None:
    found, _ = tried(1, 2)
    assert list(found.trials) == [KEEP, "add", "odd", "late"]
    assert found.trials["odd"].refused == "this model cannot be updated by 'odd': it is even"
    assert found.trials["late"].refused == "too many rows"
    assert set(found.measured) == set(found.candidates) == {KEEP, "add"}
    assert "odd" in tried(1, model=11)[0].measured


def test_the_failure_of_one_that_is_needed_ends_the_update() -> None:
    with pytest.raises(FitError, match="too many rows"):
        tried(1, 2, needed=(KEEP, "late"))


def names(asked: str, model: int = 11) -> list[str]:
    return [strategy.name for strategy in pick(STRATEGIES, asked, model, what="a number")]


def test_auto_tries_all_and_a_name_is_tried_beside_keeping_the_model() -> None:
    assert names(AUTO) == [KEEP, "add", "odd", "late"]
    assert names("late") == [KEEP, "late"]
    assert names(KEEP) == [KEEP]
    assert names(AUTO, model=10) == names(AUTO)


def test_what_cannot_be_asked_for_is_refused_before_any_work() -> None:
    with pytest.raises(ConfigError, match="'best' is no strategy") as caught:
        names("best")
    assert "keep, add, odd, late" in str(caught.value)
    with pytest.raises(FitError, match="'odd': it is even"):
        names("odd", model=10)
