"""By what an earlier output is known, and by what a file of others is not."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tabkit import marks
from tabkit.scoring import write

ROWS = pl.DataFrame({"id": ["a", "b"], 'the "score", ü': [0.5, None]})
ENDINGS = (".parquet", ".csv", ".ndjson", ".arrow")


def ours(path: Path, made_by: str = "score", columns: list[str] | None = ROWS.columns) -> bool:
    found = marks.table(made_by, columns).ours
    assert found is not None
    return found(path)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def make(ending: str, rows: pl.DataFrame = ROWS) -> Path:
        path = tmp_path / f"out{ending}"
        write([rows.lazy()], [path], sources=["rows"], made_by="score")
        return path

    return make


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_is_known_again(make: Callable[..., Path], ending: str) -> None:
    path = make(ending)
    assert ours(path)
    if ending != ".ndjson":  # which is empty then
        assert ours(make(ending, ROWS.clear()))


@pytest.mark.parametrize("ending", ENDINGS[1:])
def test_without_a_mark_the_columns_must_be_the_same(make: Callable[..., Path], ending: str) -> None:
    path = make(ending)
    for columns in (None, ["id"], [*ROWS.columns, "more"], ROWS.columns[::-1], ["ID", ROWS.columns[1]]):
        assert not ours(path, columns=columns)


def test_a_parquet_file_is_known_by_its_mark(make: Callable[..., Path]) -> None:
    path = make(".parquet")
    assert ours(path, columns=["other"])
    assert not ours(path, made_by="encode")
    ROWS.write_parquet(path)
    assert not ours(path)
    joined = ROWS.with_columns(mine=1)
    joined.write_parquet(path, metadata=marks.parquet("score", ROWS.columns))  # as a tool that keeps metadata does
    assert not ours(path)
    path.write_bytes(b"PAR1PAR1")
    assert not ours(path)


HEAD = "id,score\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"id;score\n1;0.5\n",
        b"id\tscore\n",
        b"id, score\n",
        b"id,score",
        b"id,score\r\n1,2\r\n",
        b'"id","score"\n',
        b"id,score,note\n",
        b"note,id,score\n",
        b"\xef\xbb\xbfid,score\n",
        HEAD.encode("utf-16"),
        b"1,0.5\n2,0.25\n",
        b"note\nmine\n",
    ],
)
def test_a_csv_of_others_is_not_taken_for_ours(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(data)
    assert not ours(path, columns=["id", "score"])
    path.write_bytes(HEAD.encode() + b"1,0.5\n")
    assert ours(path, columns=["id", "score"])
    path.write_bytes("größe,score\n".encode("latin-1"))
    assert not ours(path, columns=["größe", "score"])


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1, "score": 0.5}]',
        '{"id": 1, "score": 0.5}',
        '{"score":0.5,"id":1}\n',
        '{"id":1}\n',
        '{"id":1,"score":',
        "null\n",
        "[" * 100_000,
        '{"id":' + "[" * 100_000 + "}\n",
        '{"id":1,"score":2} {}\n',
    ],
)
def test_json_of_others_is_not_taken_for_ours(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out.ndjson"
    path.write_text(text, encoding="utf-8")
    assert not ours(path, columns=["id", "score"])
    path.write_text('{"id":1,"score":0.5}\n', encoding="utf-8")
    assert ours(path, columns=["id", "score"])


def test_an_ending_in_capitals_is_the_same_format(make: Callable[..., Path]) -> None:
    assert ours(make(".PARQUET"))
    assert ours(make(".Csv"))


def test_pages_are_known_by_the_command(tmp_path: Path) -> None:
    path, page = tmp_path / "page.html", marks.page("update").ours
    assert page is not None
    path.write_text(f"<!DOCTYPE html>\n<head>{marks.html('update')}", encoding="utf-8")
    assert page(path)
    for other in (
        f"<!DOCTYPE html>\n<head>{marks.html('update all')}",
        "<!DOCTYPE html>\n<p>tabkit update",
        f"<p>{marks.html('update')}",
        "<!DOCTYPE html>" + " " * 2000 + marks.html("update"),
    ):
        path.write_text(other, encoding="utf-8")
        assert not page(path)


def test_the_mark_of_a_table_is_plain_json() -> None:
    assert json.loads(marks.parquet("score", ["ü"])["tabkit"]) == {"made_by": "score", "columns": ["ü"]}
