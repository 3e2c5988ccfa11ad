from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tabkit.staging import owner

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux says when a process started")


def test_a_process_that_lives_is_not_dead() -> None:
    assert owner.is_dead(owner.mine()) is False


def test_a_process_that_ended_is_dead_even_if_nobody_asked_how() -> None:
    code = "from tabkit.staging import owner; print(owner.mine())"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    )
    assert child.stdout is not None
    name = child.stdout.read().strip()
    child.stdout.close()
    for _ in range(500):  # a zombie now: it has ended, and its number is not free yet
        if owner.is_dead(name):
            break
        time.sleep(0.01)
    assert owner.is_dead(name) is True
    child.wait()
    assert owner.is_dead(name) is True


def test_a_number_that_was_given_again_is_another_process() -> None:
    number, start, machine = owner.mine().split("-")
    assert owner.is_dead(f"{number}-{int(start) - 1}-{machine}") is True


def test_processes_of_other_users_live(unprivileged) -> None:
    name = owner.mine().replace(str(os.getpid()), "1", 1).split("-")
    name[1] = str(owner._start(1))
    with unprivileged():
        assert owner.is_dead("-".join(name)) is False


@pytest.mark.parametrize("name", ["", "1", "x-1-0", "1-1-00000000", "1-1-12345678", "99999999999-1-12345678"])
def test_of_other_machines_and_other_names_nothing_is_known(name: str) -> None:
    assert owner.is_dead(name) is None


def test_numbers_beyond_what_systems_have_are_nobody() -> None:
    machine = owner.mine().rpartition("-")[2]
    assert owner.is_dead(f"9999999999-1-{machine}") is not False


def test_where_processes_cannot_be_looked_at_nothing_is_known(monkeypatch) -> None:
    name = owner.mine()
    monkeypatch.setattr(os, "readlink", lambda _: "another")
    assert owner.mine().endswith("-00000000")
    assert owner.is_dead(name) is None
    assert owner.is_dead(owner.mine()) is None
