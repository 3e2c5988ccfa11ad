"""A folder of scores is one answer."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tabkit import frames
from tabkit.errors import ScoringError, SourceError
from tabkit.scoring import check_folder, folder, run, write_folder
from tabkit.staging.leftovers import hidden

WAYS = ["as a whole", "one by one"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "one by one":
        monkeypatch.setattr(folder, "_can_be_replaced", lambda _: False)
    return str(request.param)


def score(place: Path | str, value: float = 0.5, names: str = "ab", model: str = "m", **options: Any) -> None:
    scores = {f"{name}.parquet": pl.LazyFrame({"score": [value, value]}) for name in names}
    write(
        scores,
        place,
        sources={name: f"new/{name}" for name in scores},
        facts={"model": model},
        **options,
    )


def write(*arguments: Any, **options: Any) -> None:
    write_folder(*arguments, made_by="score", **options)


def values(place: Path) -> set[float]:
    return set(frames.scan(place).collect()["score"])


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def test_each_file_says_which_run_it_is_of(tmp_path: Path, way: str) -> None:
    (tmp_path / "out").mkdir()
    score(tmp_path / "out")
    told = {path.name: run.of(path) for path in (tmp_path / "out").iterdir()}
    first, second = told["a.parquet"], told["b.parquet"]
    assert first is not None
    assert second is not None
    assert (first["facts"], first["source"], second["source"]) == ({"model": "m"}, "new/a.parquet", "new/b.parquet")
    assert first["run"] == second["run"]
    assert names(tmp_path / "out") == {"a.parquet", "b.parquet"}
    assert names(tmp_path) == {"out"}
    score(tmp_path / "out", 0.75)
    later = run.of(tmp_path / "out" / "a.parquet")
    assert later is not None
    assert later["run"] != first["run"]
    assert values(tmp_path / "out") == {0.75}


def test_polars_and_others_read_the_folder(tmp_path: Path, way: str) -> None:
    score(tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out").height == pl.scan_parquet(f"{tmp_path}/out/").collect().height == 4


def test_missing_folders_are_made(tmp_path: Path) -> None:
    score(tmp_path / "a" / "b" / "out")
    assert values(tmp_path / "a" / "b" / "out") == {0.5}


@pytest.mark.parametrize("overwrite", [True, False])
def test_foreign_files_are_named_and_never_destroyed(tmp_path: Path, way: str, overwrite: bool) -> None:
    score(tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "out" / "more").mkdir()
    with pytest.raises(ScoringError, match=r"scores.*'more', 'notes\.txt'") as caught:
        score(tmp_path / "out", 0.75, overwrite=overwrite)
    assert "choose another" in str(caught.value.advice)
    assert names(tmp_path / "out") == {"a.parquet", "b.parquet", "notes.txt", "more"}
    assert values(tmp_path / "out") == {0.5}


def test_scores_of_an_earlier_run_go_only_when_it_is_asked_for(tmp_path: Path, way: str) -> None:
    score(tmp_path / "out", names="abc")
    with pytest.raises(ScoringError, match=r"earlier.*another.*'c\.parquet'") as caught:
        score(tmp_path / "out", 0.75, model="other")
    assert "--overwrite" in str(caught.value.advice)
    assert values(tmp_path / "out") == {0.5}
    score(tmp_path / "out", 0.75, overwrite=True)
    assert names(tmp_path / "out") == {"a.parquet", "b.parquet"}
    assert values(tmp_path / "out") == {0.75}


def test_a_folder_grows_by_runs_of_the_same_model(tmp_path: Path, way: str) -> None:
    score(tmp_path / "out", names="ab")
    score(tmp_path / "out", 0.75, names="bc")
    told = {path.name: (run.of(path) or {})["run"] for path in (tmp_path / "out").iterdir()}
    assert names(tmp_path / "out") == {"a.parquet", "b.parquet", "c.parquet"}
    assert values(tmp_path / "out") == {0.5, 0.75}
    assert told["b.parquet"] == told["c.parquet"] != told["a.parquet"]
    score(tmp_path / "out", names="d", overwrite=True)
    assert names(tmp_path / "out") == {"d.parquet"}


def test_a_run_that_another_came_before_says_so_and_loses_nothing(tmp_path: Path, way: str) -> None:
    score(tmp_path / "out", names="a")
    score(tmp_path / "other", 0.75, names="c")

    class Late(dict[str, pl.LazyFrame]):
        def items(self) -> Any:
            shutil.copy(tmp_path / "other" / "c.parquet", tmp_path / "out")  # as a run leaves it that began before
            return super().items()

    late = Late({"b.parquet": pl.LazyFrame({"score": [0.25]})})
    with pytest.raises(ScoringError, match="another run wrote into"):
        write(late, tmp_path / "out", sources={"b.parquet": "new/b"}, facts={"model": "m"})
    assert names(tmp_path / "out") == {"a.parquet", "c.parquet"}
    assert values(tmp_path / "out") == {0.5, 0.75}


@pytest.mark.parametrize("change", ["changed", "folder", "link", "joined", "of another command"])
def test_what_is_not_as_the_earlier_run_left_it_is_foreign(tmp_path: Path, way: str, change: str) -> None:
    score(tmp_path / "out", names="abc")
    third = tmp_path / "out" / "c.parquet"
    told = pl.read_parquet_metadata(third)
    mine = pl.DataFrame({"score": [1.0]})
    third.unlink()
    if change == "folder":
        third.mkdir()
    elif change == "link":
        mine.write_parquet(tmp_path / "mine.parquet")
        third.symlink_to(tmp_path / "mine.parquet")
    elif change == "joined":
        mine.with_columns(more=1).write_parquet(third, metadata={key: told[key] for key in ("tabkit", run.KEY)})
    else:
        mine.write_parquet(third, metadata={} if change == "changed" else {"tabkit": told["tabkit"]})
    with pytest.raises(ScoringError, match=r"holds more than scores.*'c\.parquet'"):
        score(tmp_path / "out", 0.75, overwrite=True)
    assert os.path.lexists(third)


def test_hidden_files_stay(tmp_path: Path, way: str) -> None:
    (tmp_path / "out").mkdir(mode=0o750)
    (tmp_path / "out" / ".gitignore").write_text("*")
    (tmp_path / "out" / ".link").symlink_to("gone")
    for _ in range(2):
        score(tmp_path / "out")
        assert (tmp_path / "out" / ".gitignore").read_text() == "*"
        assert os.readlink(tmp_path / "out" / ".link") == "gone"
        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
    (tmp_path / "out" / ".git").mkdir()
    with pytest.raises(ScoringError, match=r"'\.git'"):
        score(tmp_path / "out")


def test_what_another_process_is_writing_there_is_left(tmp_path: Path, way: str) -> None:
    score(tmp_path / "out")
    part = hidden(tmp_path / "out" / "other.parquet")
    part.mkdir()
    with pytest.raises(ScoringError, match=r"\.part'"):
        score(tmp_path / "out", 0.75)
    assert part.exists()


def test_a_foreign_file_that_comes_during_the_work_is_found(tmp_path: Path) -> None:
    score(tmp_path / "out")

    def slow(frame: pl.DataFrame) -> pl.DataFrame:
        (tmp_path / "out" / "notes.txt").write_text("mine")
        return frame

    scores = {"a.parquet": pl.LazyFrame({"score": [1.0]}).map_batches(slow, schema={"score": pl.Float64()})}
    with pytest.raises(ScoringError, match=r"notes\.txt"):
        write(scores, tmp_path / "out", sources={"a.parquet": "new"}, facts={}, overwrite=True)
    assert names(tmp_path / "out") == {"a.parquet", "b.parquet", "notes.txt"}
    assert values(tmp_path / "out") == {0.5}
    assert names(tmp_path) == {"out"}


def test_a_failing_source_leaves_the_folder_as_it_was(tmp_path: Path, way: str) -> None:
    def fail(_: pl.DataFrame) -> pl.DataFrame:
        raise OSError(errno.EIO, "the middle of the table")

    score(tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    bad = pl.LazyFrame({"score": [1.0]}).map_batches(fail, schema={"score": pl.Float64()})
    scores = {"a.parquet": pl.LazyFrame({"score": [1.0]}), "b.parquet": bad}
    with pytest.raises(SourceError, match="'second' cannot be read"):
        write(scores, tmp_path / "out", sources={"a.parquet": "first", "b.parquet": "second"}, facts={})
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert names(tmp_path) == {"out"}


def test_of_a_link_the_folder_behind_it_is_replaced(tmp_path: Path) -> None:
    score(tmp_path / "disk" / "out")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "out", target_is_directory=True)
    score(tmp_path / "link", 0.75)
    assert (tmp_path / "link").is_symlink()
    assert values(tmp_path / "disk" / "out") == {0.75}


def test_the_current_folder_stays_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    number = (tmp_path / "out").stat().st_ino
    score("./")
    assert (tmp_path / "out").stat().st_ino == number
    assert values(Path()) == {0.5}


def test_a_folder_whose_neighbours_are_closed_is_written_all_the_same(
    open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    place = open_folder / "closed" / "out"
    place.mkdir(parents=True)
    place.chmod(0o777)
    place.parent.chmod(0o555)
    with unprivileged():
        score(place)
    assert names(place) == {"a.parquet", "b.parquet"}


def test_what_is_mounted_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a b"
    place.mkdir()
    assert folder._can_be_replaced(place)
    mounted = f"36 35 0:32 / {tmp_path}/a\\040b rw shared:1 - ext4 /dev/vda rw\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounted)
    assert not folder._can_be_replaced(place)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ScoringError, match="is a file"):
        check_folder(tmp_path / "out", names=[])
    check_folder(tmp_path / "none", names=[])
