"""One at a time: `tabkit.staging.exclusive`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tabkit.errors import ConfigError
from tabkit.staging import exclusive

ADD = """
import sys, time
from pathlib import Path
from tabkit.errors import ConfigError
from tabkit.staging import exclusive, staged_file
path = Path(sys.argv[1])
for _ in range(15):
    with exclusive(path, kind=ConfigError, seconds=60):
        count = int(path.read_text()) if path.exists() else 0
        time.sleep(0.002)
        with staged_file(path, kind=ConfigError) as hidden:
            hidden.write_text(str(count + 1))
"""


def test_of_two_processes_none_loses_what_the_other_wrote(tmp_path: Path) -> None:
    target = tmp_path / "new" / "count"
    both = [subprocess.Popen([sys.executable, "-c", ADD, str(target)]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert target.read_text() == "30"
    assert [path.name for path in target.parent.iterdir()] == ["count"]


def test_threads_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    inside: list[int] = []

    def work() -> None:
        with exclusive(tmp_path / "a", kind=ConfigError):
            inside.append(1)
            time.sleep(0.01)
            assert len(inside) == 1
            inside.clear()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not inside
    assert list(tmp_path.iterdir()) == []


def test_who_waits_too_long_is_told_what_to_do(tmp_path: Path) -> None:
    target, begun = tmp_path / "a", time.monotonic()
    with (
        exclusive(target, kind=ConfigError),
        pytest.raises(ConfigError, match="being changed by another process") as caught,
        exclusive(target, kind=ConfigError, seconds=0.1),
    ):
        pass
    assert time.monotonic() - begun < 3
    assert str(caught.value.advice).endswith(f"delete {str(tmp_path / '.a.lock')!r}")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_left_behind_is_taken_over(tmp_path: Path) -> None:
    lock = tmp_path / ".a.lock"
    lock.write_text("of a process that was ended")
    with pytest.raises(ConfigError, match="by another"), exclusive(tmp_path / "a", kind=ConfigError, seconds=0):
        pass
    assert lock.exists()
    os.utime(lock, (time.time() - 61, time.time() - 61))
    with exclusive(tmp_path / "a", kind=ConfigError, seconds=0):
        assert [path.name for path in tmp_path.iterdir()] == [".a.lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_another_took_over_is_left_to_them(tmp_path: Path) -> None:
    with exclusive(tmp_path / "a", kind=ConfigError):
        (tmp_path / ".a.lock").write_text("another's")
    assert (tmp_path / ".a.lock").read_text() == "another's"


def test_errors_inside_are_passed_on_and_the_lock_goes(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine"), exclusive(tmp_path / "b" / "a", kind=ConfigError):
        raise OSError("mine")
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot write"), exclusive(tmp_path / "file" / "a", kind=ConfigError):
        pass
