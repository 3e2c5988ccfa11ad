from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import polars as pl
import pytest

from tabkit.errors import SourceError
from tabkit.frames import collect, files, key_types, parts, scan, scan_parts

WRITERS = {
    "parquet": pl.DataFrame.write_parquet,
    "arrow": pl.DataFrame.write_ipc,
    "csv": pl.DataFrame.write_csv,
    "ndjson": pl.DataFrame.write_ndjson,
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, frame: pl.DataFrame | None = None, **columns) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    WRITERS[name.rpartition(".")[2]](pl.DataFrame(columns) if frame is None else frame, name)
    return name


def read(source, **options) -> pl.DataFrame:
    return collect(scan(source, **options), what=str(source))


def refused(source, *, match: str) -> SourceError:
    with pytest.raises(SourceError, match=match) as caught:
        read(source)
    assert caught.value.advice
    return caught.value


@pytest.mark.parametrize("ending", WRITERS)
def test_folders_give_columns_in_every_format(ending):
    write(f"hive/region=north/month=5/1.{ending}", x=[1, 2])
    write(f"hive/region=south/month=10/1.{ending}", x=[3])
    expected = pl.DataFrame({"x": [1, 2, 3], "region": ["north", "north", "south"], "month": [5, 5, 10]})
    for source in (
        "hive",
        "hive/",
        Path("hive"),
        "./hive",
        "hive/*/*/1.*",
        f"hive/**/*.{ending}",
        "hive/region=*/**/1.*",
    ):
        assert read(source).equals(expected), source
    assert read("hive").select("x").equals(expected.select("x"))
    assert scan("hive").select("month").collect()["month"].to_list() == [5, 5, 10]


@pytest.mark.parametrize(
    ("folders", "values"),
    [
        (["d=2024-01-31", "d=2024-12-31"], [dt.date(2024, 1, 31), dt.date(2024, 12, 31)]),
        (["d=01", "d=10"], ["01", "10"]),
        (["d=1", "d=2.5"], [1.0, 2.5]),
        (["d=1", "d=__HIVE_DEFAULT_PARTITION__"], [1, None]),
        (["d=a%2Fb%20c", "d=x=y"], ["a/b c", "x=y"]),
        (["d=01%2F02%2F2024", "d=1"], ["01/02/2024", "1"]),
        (["d=2024-01-31%2010%3A00%3A00", "d=2024-02-01"], [dt.datetime(2024, 1, 31, 10), dt.datetime(2024, 2, 1)]),
        (["d=false", "d=true"], [False, True]),
    ],
)
def test_names_of_folders_are_typed_over_all_of_them(folders, values):
    for folder in folders:
        write(f"hive/{folder}/1.parquet", x=[1])
    assert read("hive")["d"].to_list() == values


def test_only_folders_below_what_is_named_give_columns():
    name = write("run=5/hive/region=north/1.parquet", x=[1])
    assert read("run=5/hive").columns == ["x", "region"]
    assert read("run=5/hive/*/1.parquet").columns == ["x", "region"]
    assert read("run=5/hive/region=north").columns == ["x"]
    assert read(name).columns == ["x"]
    known = {"region": pl.String()}
    for source in (name, "run=5/hive/region=north", "run=5/hive/region=north/*.parquet"):
        assert read(source, dtypes=known).rows() == [(1, "north")]


def test_a_column_that_files_have_too_must_agree():
    write("hive/d=2024-01-31/1.parquet", x=[1, 2], d=[dt.date(2024, 1, 31)] * 2)
    write("hive/d=2024-02-29/1.parquet", x=[3], d=[dt.date(2024, 2, 29)])
    assert read("hive").rows() == [(1, dt.date(2024, 1, 31)), (2, dt.date(2024, 1, 31)), (3, dt.date(2024, 2, 29))]
    write("hive/d=2024-02-29/1.parquet", x=[3], d=[dt.date(2024, 3, 1)])
    assert "move the files" in refused("hive", match=r"'d'.*values.*files").advice
    assert read("hive/d=2024-02-29/1.parquet", dtypes={"d": pl.Date()})["d"].to_list() == [dt.date(2024, 3, 1)]


@pytest.mark.parametrize(
    "other",
    ["hive/1.parquet", "hive/region=south/month=5/1.parquet", "hive/month=5/1.parquet", "hive/a=1/region=2/x.pq"],
)
def test_folders_of_different_columns_are_refused(other):
    write("hive/region=north/1.parquet", x=[1])
    Path(other).parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"x": [1]}).write_parquet(other)
    refused("hive", match=r"folders.*different.*'region'")


def test_what_is_no_table_in_hive_folders_is_passed_over():
    write("hive/region=north/1.parquet", x=[1])
    write("hive/region=north/.part/2.parquet", x=[2])
    write("hive/_temporary/3.parquet", x=[3])
    os.makedirs("hive/region=east")
    Path("hive/_SUCCESS").touch()
    assert read("hive").rows() == [(1, "north")]
    os.makedirs("none/region=east")
    refused("none", match="folder 'none' holds no table")
    os.makedirs("plain/sub")
    refused("plain", match="folder 'plain' holds no table")


def test_parts_one_by_one_are_like_the_whole():
    write("hive/code=01/1.parquet", x=[1])
    write("hive/code=10/1.parquet", x=[2])
    found = parts("hive")
    assert [part.name for part in found] == files("hive")
    types = key_types(found)
    assert types == {"code": pl.String()}
    apart = pl.concat([scan_parts([part], dtypes=types) for part in found]).collect()
    assert apart.equals(read("hive"))
