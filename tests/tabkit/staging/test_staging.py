from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from places import ROOT

from tabkit import staging
from tabkit.errors import BundleError, ScoringError, TabkitError
from tabkit.staging import folder, refuse_existing, staged_file, staged_folder

Snapshot = dict[str, bytes | str | None]


def snapshot(folder: Path) -> Snapshot:
    """Everything below a folder: bytes of files, targets of links, None for folders."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else (None if path.is_dir() else path.read_bytes())
        for path in folder.rglob("*")
    }


def write_file(target: Path) -> None:
    with staged_file(target, kind=ScoringError) as path:
        path.write_bytes(b"new")


def write_folder(target: Path) -> None:
    with staged_folder(target, kind=ScoringError, overwrite=True) as path:
        (path / "inner").mkdir()
        (path / "inner" / "a").write_bytes(b"new")
        (path / "b").write_bytes(b"new")


NEW_FILE: Snapshot = {"new": b"new"}
NEW_FOLDER: Snapshot = {"new": None, "new/inner": None, "new/inner/a": b"new", "new/b": b"new"}


@pytest.fixture(params=[(write_file, NEW_FILE), (write_folder, NEW_FOLDER)], ids=["file", "folder"])
def way(request) -> tuple[Callable[[Path], None], Snapshot]:
    return request.param


@pytest.fixture(params=[write_file, write_folder], ids=["file", "folder"])
def write(request) -> Callable[[Path], None]:
    return request.param


def old(target: Path, write: Callable[[Path], None]) -> None:
    """Put something under the name that is to be written."""
    if write is write_folder:
        (target / "kept").mkdir(parents=True)
        (target / "kept" / "file").write_bytes(b"old")
    else:
        target.write_bytes(b"old")


def fail_with(error: BaseException) -> Callable[..., None]:
    def fail(*args, **kwargs):
        raise error

    return fail


# Success


def test_new_content_appears_whole(tmp_path, way):
    write, content = way
    write(tmp_path / "new")
    assert snapshot(tmp_path) == content


def test_old_content_is_replaced(tmp_path, way):
    write, content = way
    old(tmp_path / "new", write)
    write(tmp_path / "new")
    assert snapshot(tmp_path) == content


def test_missing_folders_are_made(tmp_path, way):
    write, content = way
    write(tmp_path / "a" / "b" / "new")
    assert snapshot(tmp_path / "a" / "b") == content


def test_nothing_shows_before_the_end(tmp_path):
    (tmp_path / "new").write_bytes(b"old")
    with staged_file(tmp_path / "new", kind=ScoringError) as path:
        path.write_bytes(b"half")
        assert (tmp_path / "new").read_bytes() == b"old"
        assert path.parent == tmp_path
        assert path.name.startswith(".")
    with staged_folder(tmp_path / "folder", kind=ScoringError) as path:
        assert list(path.iterdir()) == []
        assert not (tmp_path / "folder").exists()
    assert (tmp_path / "folder").is_dir()


def test_relative_names_and_text_are_names_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with staged_file("new", kind=ScoringError) as path:
        path.write_bytes(b"1")
    with staged_file("a/../b/new", kind=ScoringError) as path:
        path.write_bytes(b"2")
    assert (Path("new").read_bytes(), Path("b/new").read_bytes()) == (b"1", b"2")


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, ".hidden", "with space"])
def test_every_name_that_the_system_allows_can_be_written(tmp_path, write, name):
    write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_is_replaced_and_what_it_leads_to_is_left(tmp_path, way):
    write, content = way
    place = tmp_path / "place"
    place.mkdir()
    real = tmp_path / "real"
    old(real, write)
    before = snapshot(real) if real.is_dir() else real.read_bytes()
    if write is write_file:
        os.symlink(real, place / "new")
    else:
        os.symlink(real, place / "new", target_is_directory=True)
    write(place / "new")
    assert snapshot(place) == content
    assert (snapshot(real) if real.is_dir() else real.read_bytes()) == before


def test_a_link_that_leads_nowhere_is_replaced(tmp_path, way):
    write, content = way
    os.symlink("gone", tmp_path / "new")
    write(tmp_path / "new")
    assert snapshot(tmp_path) == content


def test_systems_that_cannot_flush_still_write(tmp_path, way, monkeypatch):
    write, content = way
    monkeypatch.setattr(os, "fsync", fail_with(OSError(errno.EINVAL, "cannot flush that")))
    old(tmp_path / "new", write)
    write(tmp_path / "new")
    assert snapshot(tmp_path) == content


def test_a_folder_that_cannot_be_flushed_takes_nothing_back(tmp_path, way, monkeypatch):
    write, content = way
    fsync = os.fsync

    def failing(handle):
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(errno.EIO, "no flush of folders here")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    write(tmp_path / "new")
    assert snapshot(tmp_path) == content


def test_an_old_folder_that_cannot_be_removed_whole_does_not_undo_the_new_one(tmp_path, monkeypatch):
    old(tmp_path / "new", write_folder)
    rmtree = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda path, **_: rmtree(path / "kept"))
    write_folder(tmp_path / "new")
    assert (tmp_path / "new" / "b").read_bytes() == b"new"


# Failure: the old stands byte for byte, and nothing hidden is left

INTERRUPTIONS = [
    (KeyboardInterrupt(), KeyboardInterrupt),
    (SystemExit(1), SystemExit),
    (ZeroDivisionError("x"), ZeroDivisionError),
    (BundleError("ours"), BundleError),
    (OSError(errno.ENOSPC, "No space left on device"), ScoringError),
    (PermissionError(errno.EACCES, "Permission denied"), ScoringError),
]


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(("error", "raised"), INTERRUPTIONS, ids=lambda value: type(value).__name__)
def test_an_interruption_leaves_what_was(tmp_path, write, existing, error, raised):
    target = tmp_path / "new" if existing else tmp_path / "a" / "b" / "new"
    if existing:
        old(target, write)
    before = snapshot(tmp_path)
    stage = staged_file(target, kind=ScoringError)
    if write is write_folder:
        stage = staged_folder(target, kind=ScoringError, overwrite=True)
    with pytest.raises(raised), stage as path:  # noqa: PT012  # what is written before the error is the point
        (path / "part" if path.is_dir() else path).write_bytes(b"half")
        raise error
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(
    ("write", "step"),
    [(write_file, "fsync"), (write_file, "replace"), (write_folder, "fsync"), (write_folder, "rename")],
)
@pytest.mark.parametrize(("error", "raised"), [INTERRUPTIONS[0], INTERRUPTIONS[4]], ids=["ctrl-c", "full"])
def test_a_failure_of_any_last_step_leaves_what_was(tmp_path, write, existing, step, error, raised, monkeypatch):
    if existing:
        old(tmp_path / "new", write)
    before = snapshot(tmp_path)
    monkeypatch.setattr(os, step, fail_with(error))
    monkeypatch.setattr(folder, "exchange", fail_with(error))
    with pytest.raises(raised):
        write(tmp_path / "new")
    assert snapshot(tmp_path) == before


def test_a_folder_whose_second_renaming_fails_gets_its_name_back(tmp_path, monkeypatch):
    old(tmp_path / "new", write_folder)
    before = snapshot(tmp_path)
    monkeypatch.setattr(folder, "exchange", lambda *_: False)
    rename, calls = os.rename, []

    def second_fails(*names):
        calls.append(names)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        rename(*names)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(ScoringError, match="Input/output error"):
        write_folder(tmp_path / "new")
    assert snapshot(tmp_path) == before


def test_a_full_disk_is_explained(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    said = pytest.raises(ScoringError, match="space left")
    with said as caught, staged_file(tmp_path / "new", kind=ScoringError):
        raise full
    assert caught.value.__cause__ is full
    assert "free space" in caught.value.advice
    assert isinstance(staging.explain(OSError("odd"), Path("x"), kind=BundleError), BundleError)


LIMITED = """
import resource, sys
from pathlib import Path
from tabkit.errors import ScoringError
from tabkit.staging import staged_file, staged_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
target = Path(sys.argv[1])
stage = staged_file(target, kind=ScoringError) if sys.argv[2] == "file" else staged_folder(
    target, kind=ScoringError, overwrite=True)
try:
    with stage as path:
        (path / "part" if path.is_dir() else path).write_bytes(b"x" * 100_000)
except ScoringError as error:
    print(error)
"""


def test_a_real_limit_on_the_size_of_files_leaves_what_was(tmp_path, write):
    old(tmp_path / "new", write)
    before = snapshot(tmp_path)
    what = "file" if write is write_file else "folder"
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "new"), what],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert "free space" in ran.stdout
    assert snapshot(tmp_path) == before


def test_a_file_that_was_never_written_is_no_success(tmp_path):
    (tmp_path / "new").write_bytes(b"old")
    with pytest.raises(ScoringError, match="No such file"), staged_file(tmp_path / "new", kind=ScoringError):
        pass
    assert snapshot(tmp_path) == {"new": b"old"}


def test_a_folder_is_no_file(tmp_path):
    old(tmp_path / "new", write_folder)
    before = snapshot(tmp_path)
    with pytest.raises(ScoringError, match="name exists"):
        write_file(tmp_path / "new")
    assert snapshot(tmp_path) == before


def test_a_file_is_no_parent(tmp_path, write):
    (tmp_path / "file").write_bytes(b"old")
    for target in (tmp_path / "file" / "new", tmp_path / "file" / "deeper" / "new"):
        with pytest.raises(ScoringError, match=r"file' is a file|a directory"):
            write(target)
    assert snapshot(tmp_path) == {"file": b"old"}


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_places_that_are_no_names_are_refused(tmp_path, monkeypatch, write, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ScoringError, match="cannot write"):
        write(Path(name))
    assert snapshot(tmp_path) == {"here": None}


def test_a_place_without_the_right_to_write_is_refused(write, unprivileged):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "place"
        place.mkdir()
        old(place / "new", write)
        before = snapshot(place)
        Path(name).chmod(0o755)
        place.chmod(0o555)
        with unprivileged():
            for target in (place / "new", place / "a" / "new"):
                with pytest.raises(ScoringError, match="Permission denied") as caught:
                    write(target)
                assert caught.value.advice
        place.chmod(0o755)
        assert snapshot(place) == before


def test_folders_that_were_made_go_again_when_the_next_cannot_be(tmp_path, write):
    target = tmp_path / "a" / "b" / ("x" * 300) / "new"
    with pytest.raises(ScoringError, match="File name too long"):
        write(target)
    assert snapshot(tmp_path) == {}


def test_what_exists_is_left_without_the_word_to_replace_it(tmp_path):
    for name in ("file", "folder", "link"):
        target = tmp_path / name
        {"file": target.touch, "folder": target.mkdir, "link": lambda t=target: t.symlink_to("gone")}[name]()
        with pytest.raises(TabkitError, match=f"{name}' exists already") as caught:
            refuse_existing(target, kind=ScoringError, overwrite=False)
        assert "--overwrite" in caught.value.advice
        with pytest.raises(ScoringError, match="exists already"), staged_folder(target, kind=ScoringError):
            pass
        refuse_existing(target, kind=ScoringError, overwrite=True)
    refuse_existing(tmp_path / "new", kind=ScoringError, overwrite=False)
    assert sorted(snapshot(tmp_path)) == ["file", "folder", "link"]
