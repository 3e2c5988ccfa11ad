from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tabkit.errors import ConfigError
from tabkit.staging import leftovers, owner, scratch_folder, staged_file, staged_folder
from tabkit.staging.leftovers import OLD, PART, hidden

DAY = 86_400
LEAVE = """
import os, sys
from pathlib import Path
from tabkit.errors import ConfigError
from tabkit.staging import staged_file, staged_folder
stage = staged_file if sys.argv[2] == "file" else staged_folder
with stage(sys.argv[1], kind=ConfigError) as path:
    (path if sys.argv[2] == "file" else path / "a").write_text("half")
    os._exit(9)
"""


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a process of this machine that has ended."""
    number, start, machine = owner.mine().split("-")
    return f"{number}-{int(start) - 1}-{machine}"


def leave(target: Path, who: str, *, ending: str = PART) -> Path:
    """Leave a file as a process of that name would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, "mine", lambda: who)
        path = hidden(target, ending=ending)
    path.write_text("half")
    return path


def write(target: Path) -> None:
    with staged_file(target, kind=ConfigError) as path:
        path.write_text("whole")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="elsewhere it is left for a day")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_a_killed_process_left_is_removed_by_the_next_one_beside_it(tmp_path: Path, what: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LEAVE, tmp_path / "big", what], cwd=Path(__file__).parents[3], check=False
    )
    assert ran.returncode == 9
    assert len(names(tmp_path)) == 1
    write(tmp_path / "other")
    assert names(tmp_path) == {"other"}


def test_a_scratch_folder_is_gone_in_the_end_and_so_are_the_folders_made_for_it(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "out"
    with pytest.raises(IsADirectoryError), scratch_folder(target, kind=ConfigError) as folder:
        folder.write_text("half")
    assert names(tmp_path) == set()
    with scratch_folder(target, kind=ConfigError):
        write(target)
    assert names(target.parent) == {"out"}
    with pytest.raises(ConfigError, match="is a file"), scratch_folder(target / "more", kind=ConfigError):
        pass


def test_what_a_living_process_writes_is_left(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "a", kind=ConfigError) as first:
        os.utime(first, (0, 0))
        write(tmp_path / "b")
        assert first.is_dir()
    assert names(tmp_path) == {"a", "b"}


def test_of_another_machine_only_what_was_silent_for_a_day_is_removed(tmp_path: Path) -> None:
    kept, gone = (leave(tmp_path / name, "77-5-12345678") for name in ("a", "b"))
    busy = leave(tmp_path / "c", "77-5-12345678")
    busy.unlink()
    (busy / "inner").mkdir(parents=True)
    (busy / "inner" / "file").write_text("half")
    old = time.time() - DAY - 60
    for path in (gone, busy / "inner", busy):
        os.utime(path, (old, old))
    write(tmp_path / "new")
    assert names(tmp_path) == {"new", kept.name, busy.name}
    os.utime(busy / "inner" / "file", (old, old))
    write(tmp_path / "new")
    assert names(tmp_path) == {"new", kept.name}


def test_a_name_that_only_looks_alike_is_left(tmp_path: Path, dead: str) -> None:
    whole = leave(tmp_path / "a", dead).name
    other = whole[:-6] + ("0" if whole[-6] != "0" else "1") + PART
    alike = {
        f".a.{secrets.token_hex(4)}.part",
        ".part",
        "notes.part",
        whole[1:],
        other,
        f"{whole}.part",
        ".a.1-2-x.part",
    }
    for name in alike:
        (tmp_path / name).write_text("mine")
    old = time.time() - 30 * DAY
    for name in alike:
        os.utime(tmp_path / name, (old, old))
    write(tmp_path / "new")
    assert names(tmp_path) == {"new", *alike}


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path, dead: str) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    (tmp_path / "place").mkdir()
    left = leave(tmp_path / "place" / "a", dead)
    left.unlink()
    left.symlink_to(tmp_path / "precious", target_is_directory=True)
    write(tmp_path / "place" / "new")
    assert names(tmp_path / "place") == {"new"}
    assert (tmp_path / "precious" / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["a", "x" * 200, "ü" * 100])
def test_an_old_version_is_removed_once_the_new_one_is_there(tmp_path: Path, dead: str, name: str) -> None:
    old = leave(tmp_path / name, dead, ending=OLD)
    write(tmp_path / "other")
    assert old.exists()  # it may be all that there is
    write(tmp_path / name)
    write(tmp_path / name)
    assert names(tmp_path) == {name, "other"}


def test_long_names_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    one, two = (leftovers.stem_of(tmp_path / ("x" * 100 + end)) for end in "ab")
    assert one != two
    assert leftovers.stem_of(tmp_path / "short") == "short"
    longest = hidden(tmp_path / ("😀" * 63))
    assert len(os.fsencode(longest.name)) <= 255
