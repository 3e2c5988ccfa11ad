from __future__ import annotations

from contextlib import nullcontext

import pytest

from tabkit.progress import Progress, Silent


def run(progress: Progress) -> None:
    with progress.task("outer", total=2) as advance:
        advance(1)
        with progress.task("inner") as inner:
            inner(0.5)
        advance(1)


def test_silence_takes_tasks_within_tasks():
    run(Silent())


def test_silence_lets_errors_through():
    with pytest.raises(ZeroDivisionError), Silent().task("fit"):
        raise ZeroDivisionError


def test_any_object_with_a_task_can_watch():
    seen = []

    class Recorder:
        def task(self, label, *, total=None):
            return nullcontext(lambda amount: seen.append((label, amount, total)))

    run(Recorder())
    assert seen == [("outer", 1, 2), ("inner", 0.5, None), ("outer", 1, 2)]
