import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl
import pytest

from tabkit.errors import ScoringError, SourceError
from tabkit.scoring import sink, write

FRAME = pl.DataFrame({"id": ["007", "008"], "score": [0.25, 0.5]})
READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: pl.read_csv(path, schema_overrides={"id": pl.String}),
    ".ndjson": pl.read_ndjson,
    ".arrow": pl.read_ipc,
}


def broken(message: str = "the middle of the table") -> pl.LazyFrame:
    def fail(_: pl.DataFrame) -> pl.DataFrame:
        raise OSError(errno.EIO, message)

    return FRAME.lazy().map_batches(fail, schema=FRAME.schema)


@pytest.mark.parametrize("ending", [*READERS, ".PARQUET"])
def test_each_format_reads_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    write([FRAME.lazy()], [path], sources=["'new'"])
    assert READERS[ending.lower()](path).equals(FRAME)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", READERS)
def test_no_rows_are_written_as_an_empty_table(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    write([FRAME.head(0).lazy()], [path], sources=["'new'"])
    if ending == ".ndjson":
        assert path.read_bytes() == b""
    else:
        assert READERS[ending](path).schema.names() == ["id", "score"]
        assert READERS[ending](path).is_empty()


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write([FRAME.lazy()], [tmp_path / "a" / "b" / "out.csv"], sources=["'new'"])
    assert (tmp_path / "a" / "b" / "out.csv").read_text() == "id,score\n007,0.25\n008,0.5\n"


def test_an_unknown_ending_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ScoringError, match=r"out\.xlsx'.*end.*format"):
        write([FRAME.lazy()] * 2, [tmp_path / "out.csv", tmp_path / "out.xlsx"], sources=["'new'"] * 2)
    assert not list(tmp_path.iterdir())


def test_csv_refuses_nested_columns_before_the_work(tmp_path: Path) -> None:
    nested = FRAME.with_columns(tags=pl.lit(["a"])).lazy()
    with pytest.raises(ScoringError, match=r"CSV cannot hold 'tags'"):
        write([nested], [tmp_path / "out.csv"], sources=["'new'"])
    write([nested], [tmp_path / "out.parquet"], sources=["'new'"])


def test_a_failing_source_leaves_all_outputs_as_they_were(tmp_path: Path) -> None:
    first, second = tmp_path / "a.parquet", tmp_path / "new" / "b.parquet"
    first.write_bytes(b"old")
    with pytest.raises(SourceError, match="'second' cannot be read"):
        write([FRAME.lazy(), broken()], [first, second], sources=["'first'", "'second'"])
    assert first.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
@pytest.mark.parametrize("plain", [True, False], ids=["OSError", "text of Polars"])
def test_a_full_disk_is_told_from_a_bad_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, plain: bool
) -> None:
    def full(_frame: pl.LazyFrame, _path: Path) -> None:
        raise OSError(number, "full") if plain else pl.exceptions.ComputeError(f"No luck (os error {number})")

    monkeypatch.setitem(sink._WRITERS, ".csv", full)
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(ScoringError, match=r"cannot write .*out\.csv") as caught:
        write([FRAME.lazy()], [path], sources=["'new'"])
    assert "free space" in (caught.value.advice or "")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_place_without_the_right_to_write_is_found_before_the_work(
    open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o555)
    with unprivileged(), pytest.raises(ScoringError, match=r"cannot write '.*out\.csv': Permission denied"):
        write([broken()], [closed / "out.csv"], sources=["'new'"])


def test_a_folder_in_the_place_of_the_output_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(ScoringError, match="cannot write"):
        write([FRAME.lazy()], [tmp_path / "out.csv"], sources=["'new'"])


def test_an_interruption_stops_the_stream_and_leaves_nothing(tmp_path: Path) -> None:
    stopped: list[bool] = []

    def interrupted(_: pl.DataFrame) -> pl.DataFrame:
        raise KeyboardInterrupt

    frame = FRAME.lazy().map_batches(interrupted, schema=FRAME.schema)
    with pytest.raises(KeyboardInterrupt):
        write([frame], [tmp_path / "out.parquet"], sources=["'new'"], stop=lambda: stopped.append(True))
    assert stopped
    assert not list(tmp_path.iterdir())
