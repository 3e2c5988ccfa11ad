"""Readers beside writers: each reads one version, whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tabkit import bundle
from tabkit.errors import BundleError
from tabkit.staging import Version, one_version, opened, version

WRITE = """
import sys
from tabkit import bundle
from tabkit.staging import folder
if sys.argv[2] == "two steps":
    folder.exchange = lambda *_: False
for turn in range(int(sys.argv[3])):
    parts = {f"{i}.txt": str(turn).encode() for i in range(6)}
    bundle.write(sys.argv[1], kind="test", content={"turn": turn}, parts=parts, overwrite=True)
"""


def write(path: Path, text: str) -> None:
    parts = {f"{i}.txt": text.encode() for i in range(6)}
    bundle.write(path, kind="test", content={}, parts=parts, overwrite=True)


@pytest.mark.parametrize("steps", ["one step", "two steps"])
def test_no_reader_beside_two_writers_meets_anything_but_a_whole_version(tmp_path: Path, steps: str) -> None:
    write(tmp_path / "model", "0")
    command = [sys.executable, "-c", WRITE, str(tmp_path / "model"), steps, "25"]
    writers = [subprocess.Popen(command, cwd=Path(__file__).parents[3]) for _ in range(2)]
    versions, reads = set(), 0
    while any(writer.poll() is None for writer in writers):
        found = bundle.read(tmp_path / "model")
        assert len(set(found.parts.values())) == 1
        versions.add(found.checksum)
        reads += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert reads > 10
    assert len(versions) > 2
    if steps == "two steps":  # writers that met half way may leave an old version aside: the next one takes it along
        write(tmp_path / "model", "last")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("by_handle", [True, False])
def test_a_folder_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_handle: bool
) -> None:
    monkeypatch.setattr(version, "_BY_HANDLE", by_handle)
    write(tmp_path / "model", "old")
    plain, turns = bundle._read_part, []

    def replaced_meanwhile(*args: object) -> bytes:
        if not turns:
            turns.append(1)
            write(tmp_path / "model", "new")
        return plain(*args)

    monkeypatch.setattr(bundle, "_read_part", replaced_meanwhile)
    assert set(bundle.read(tmp_path / "model").parts.values()) == {b"new"}


def test_what_was_opened_before_a_replacement_stays_readable(tmp_path: Path) -> None:
    write(tmp_path / "model", "old")
    with opened(tmp_path / "model") as held:
        os.rename(tmp_path / "model", tmp_path / "aside")
        write(tmp_path / "model", "new")
        assert not held.is_current()
        with open(os.open("0.txt", os.O_RDONLY, dir_fd=held.handle), "rb") as file:
            assert file.read() == b"old"


def test_damage_that_stays_is_said_at_once(tmp_path: Path) -> None:
    write(tmp_path / "model", "old")
    (tmp_path / "model" / "0.txt").write_text("other")
    with pytest.raises(BundleError, match="damaged"):
        bundle.read(tmp_path / "model")


def test_a_folder_that_changes_all_the_time_is_no_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "_ATTEMPTS", 3)
    turns: list[Path] = []

    def fail(held: Version) -> None:
        turns.append(held.path.rename(tmp_path / str(len(turns))))
        (tmp_path / "model").mkdir()
        raise BundleError("damaged")

    (tmp_path / "model").mkdir()
    with pytest.raises(BundleError, match="replaced 3 times") as caught:
        one_version(tmp_path / "model", fail, kind=BundleError)
    assert "again" in str(caught.value.advice)
    assert len(turns) == 3


def test_what_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with opened(tmp_path / "none") as held:
        assert held.handle is None
        assert held.identity is None
        assert held.is_current()
    with pytest.raises(BundleError, match="does not exist"):
        bundle.read(tmp_path / "none")
