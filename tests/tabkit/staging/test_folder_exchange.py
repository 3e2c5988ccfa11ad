"""A folder takes the place of another: in one step, and in two where the system cannot do it in one."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import threading
from pathlib import Path

import pytest

from tabkit.errors import BundleError, ConfigError, TabkitError
from tabkit.staging import exclusive, folder, recover, staged_folder
from tabkit.staging.exchange import exchange
from tabkit.staging.leftovers import OLD, hidden


def write(target: Path, text: str, **options) -> None:
    with staged_folder(target, kind=BundleError, overwrite=True, **options) as part:
        (part / "file").write_text(text)


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


@pytest.fixture(params=["one step", "two steps"])
def steps(request, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "two steps":
        monkeypatch.setattr(folder, "exchange", lambda *_: False)
    return request.param


@pytest.mark.skipif(sys.platform != "linux", reason="the call is Linux'")
def test_files_folders_and_links_change_places(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("gone")
    assert exchange(tmp_path / "file", tmp_path / "folder")
    assert exchange(tmp_path / "folder", tmp_path / "link")
    assert ((tmp_path / "link").read_text(), os.readlink(tmp_path / "folder")) == ("text", "gone")
    assert (tmp_path / "file").is_dir()
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "file", tmp_path / "none")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EPERM])
def test_where_the_system_cannot_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    class Refusing:
        def renameat2(self, *_: object) -> int:
            ctypes.set_errno(number)
            return -1

    for library in (lambda *_, **__: Refusing(), lambda *_, **__: object()):
        monkeypatch.setattr(ctypes, "CDLL", library)
        assert exchange(tmp_path / "a", tmp_path / "b") is False
        write(tmp_path / "a", "1")
        write(tmp_path / "a", "2")
        assert (tmp_path / "a" / "file").read_text() == "2"
        assert names(tmp_path) == {"a"}


def test_what_was_written_meanwhile_is_not_replaced_without_the_word(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="exists already"), staged_folder(tmp_path / "a", kind=BundleError):
        write(tmp_path / "a", "first")
    assert (tmp_path / "a" / "file").read_text() == "first"
    assert names(tmp_path) == {"a"}


def test_of_many_writers_each_succeeds_and_the_last_one_stands(tmp_path: Path, steps: str) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(10):
                write(tmp_path / "a", str(number))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(tmp_path) == {"a"}
    assert (tmp_path / "a" / "file").read_text() in "0123"


def test_a_check_is_made_at_the_last_moment_and_what_slips_in_then_is_kept(tmp_path: Path, steps: str) -> None:
    def no_strangers(place: Path) -> None:
        if (place / "mine").exists():
            raise BundleError("holds a stranger")

    write(tmp_path / "a", "old")
    with (
        pytest.raises(BundleError, match="holds a stranger"),
        staged_folder(tmp_path / "a", kind=BundleError, overwrite=True, check=no_strangers),
    ):
        (tmp_path / "a" / "mine").write_text("!")
    assert names(tmp_path) == {"a"}
    assert names(tmp_path / "a") == {"file", "mine"}
    (tmp_path / "a" / "mine").unlink()

    def slips_in(place: Path) -> None:
        no_strangers(place)
        (place / "mine").write_text("!")

    with pytest.raises(BundleError, match="being replaced") as caught:
        write(tmp_path / "a", "new", check=slips_in)
    assert (tmp_path / "a" / "file").read_text() == "new"
    [kept] = names(tmp_path) - {"a"}
    assert kept in caught.value.problem
    assert not kept.startswith(".")
    assert names(tmp_path / kept) == {"file", "mine"}


def test_an_old_version_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    for number, text in enumerate(("older", "old")):
        aside = hidden(tmp_path / "a", ending=OLD)
        aside.mkdir()
        (aside / "file").write_text(text)
        os.utime(aside / "file", (10 + number, 10 + number))
        os.utime(aside, (10 + number, 10 + number))
    recover(tmp_path / "a")
    assert (tmp_path / "a" / "file").read_text() == "old"
    recover(tmp_path / "a")
    with pytest.raises(BundleError, match="exists already"), staged_folder(tmp_path / "a", kind=BundleError):
        pass


def test_who_comes_between_the_two_steps_waits_for_the_second(tmp_path: Path) -> None:
    write(tmp_path / "a", "old")
    aside = hidden(tmp_path / "a", ending=OLD)
    waiting = threading.Thread(target=recover, args=(tmp_path / "a",))
    with exclusive(tmp_path / "a", kind=ConfigError):
        (tmp_path / "a").rename(aside)
        waiting.start()
        (tmp_path / "b").mkdir()
        (tmp_path / "b").rename(tmp_path / "a")
    waiting.join()
    assert names(tmp_path / "a") == set()
    assert aside.exists()


def test_nothing_is_put_back_where_nothing_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aside = hidden(tmp_path / "a", ending=OLD)
    aside.mkdir()

    def refuse(*_: object, **__: object) -> None:
        raise TabkitError("no")

    monkeypatch.setattr(folder, "exclusive", refuse)
    recover(tmp_path / "a")
    assert names(tmp_path) == {aside.name}
