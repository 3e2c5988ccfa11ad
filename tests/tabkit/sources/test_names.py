from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tabkit import frames
from tabkit.errors import SourceError


def write(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"x": [value]}).write_csv(path)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tables, and what is about them: hidden files and names that begin with an underscore."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "new" / "a.csv", 1)
    write(tmp_path / "new" / "sub" / "b.csv", 2)
    for name in ("_c.csv", ".c.csv", "_temporary/c.csv", ".old/c.csv", "sub/_c.csv"):
        write(tmp_path / "new" / name, 99)
    (tmp_path / "new" / "_run.json").write_text("{}")
    (tmp_path / "new" / "_SUCCESS").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "values"),
    [("new", [1]), ("new/*", [1]), ("new/*.csv", [1]), ("new/**", [1, 2]), ("**/*.csv", [1, 2]), ("n*", [1])],
)
def test_what_is_about_tables_is_no_table(place: Path, source: str, values: list[int]) -> None:
    for name in (source, f"{place}/{source}", f"./{source}"):
        assert frames.scan(name).collect()["x"].to_list() == values


@pytest.mark.parametrize("source", ["new/_c.csv", "new/_*.csv", "new/_temporary", "new/_temp*/*.csv"])
def test_what_is_named_is_read_whatever_its_name(place: Path, source: str) -> None:
    assert frames.scan(source).collect()["x"].to_list() == [99]


def test_a_hive_folder_may_begin_with_an_underscore(tmp_path: Path) -> None:
    for year in (1, 2):
        write(tmp_path / f"_year={year}" / "a.csv", year)
        write(tmp_path / f"_year={year}" / "_a.csv", 99)
    for source in (tmp_path, tmp_path / "*" / "*.csv"):
        assert frames.scan(source).collect().sort("x").rows() == [(1, 1), (2, 2)]


def test_a_folder_inside_of_one_that_begins_so_is_read(tmp_path: Path) -> None:
    write(tmp_path / "_private" / "a.csv", 1)
    assert frames.scan(tmp_path / "_private" / "*.csv").collect()["x"].to_list() == [1]


def test_nothing_but_names_that_are_passed_over_is_nothing(place: Path) -> None:
    (place / "new" / "a.csv").unlink()
    with pytest.raises(SourceError, match="names that begin with _"):
        frames.scan("new/?c.csv")
    with pytest.raises(SourceError, match="holds no table"):
        frames.scan("new")
