from __future__ import annotations

import datetime as dt
import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import ROOT

from tabkit import frames
from tabkit.errors import FitError, SourceError

FRAME = pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]})
WRITERS = {
    "parquet": pl.DataFrame.write_parquet,
    "pq": pl.DataFrame.write_parquet,
    "csv": pl.DataFrame.write_csv,
    "arrow": pl.DataFrame.write_ipc,
    "feather": pl.DataFrame.write_ipc,
    "ipc": pl.DataFrame.write_ipc,
    "ndjson": pl.DataFrame.write_ndjson,
    "jsonl": pl.DataFrame.write_ndjson,
}
ENDINGS = ["parquet", "csv", "arrow", "ndjson"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, frame: pl.DataFrame = FRAME) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    WRITERS[name.rpartition(".")[2].lower()](frame, name)
    return name


def text(name: str, content: str | bytes) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def load(source, **options) -> pl.DataFrame:
    return frames.collect(frames.scan(source, **options), what=frames.describe(source))


def refused(source, *, match: str, **options) -> SourceError:
    with pytest.raises(SourceError, match=match) as caught:
        load(source, **options)
    assert caught.value.advice, caught.value
    return caught.value


# What can be read


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_is_read_by_name_path_list_glob_and_folder(ending):
    name = write(f"data/one.{ending}")
    for source in (name, Path(name), [name], (Path(name),), f"data/*.{ending}", "data", "data/", Path("data")):
        assert load(source).equals(FRAME), source


@pytest.mark.parametrize("ending", ["CSV", "Parquet", "NDJSON"])
def test_endings_may_be_of_any_case(ending):
    os.rename(write(f"x.{ending.lower()}"), f"y.{ending}")
    assert load(f"y.{ending}").equals(FRAME)


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_compressed_text_is_read(ending):
    content = Path(write(f"x.{ending}")).read_bytes()
    assert load(text(f"y.{ending}.gz", gzip.compress(content))).equals(FRAME)


@pytest.mark.parametrize(
    "source",
    [
        FRAME,
        FRAME.lazy(),
        FRAME.to_arrow(),
        FRAME.to_pandas(),
        pa.RecordBatchReader.from_batches(FRAME.to_arrow().schema, FRAME.to_arrow().to_batches()),
    ],
    ids=lambda source: f"{type(source).__module__}.{type(source).__name__}",
)
def test_every_kind_of_frame_is_read(source):
    assert load(source).rows() == FRAME.rows()


def test_a_relation_of_duckdb_is_read():
    pytest.importorskip("duckdb")
    code = "import duckdb; from tabkit.frames import scan; print(scan(duckdb.sql('select 1 as a')).collect().rows())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout == "[(1,)]\n"


def test_a_pandas_index_is_data_when_it_is_named():
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index([7, 8], name="id"))
    assert load(frame).to_dict(as_series=False) == {"id": [7, 8], "a": [1, 2]}
    assert load(frame.rename_axis(None)).columns == ["a"]
    assert load(frame.rename_axis("a")).columns == ["a"]
    assert load(frame["a"]).columns == ["a"]


def test_pandas_types_are_kept():
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan],
            "whole": pd.array([1, None], dtype="Int64"),
            "level": pd.Categorical(["u", None]),
            "when": pd.to_datetime(["2020-01-01", None]),
            "day": [dt.date(2020, 1, 1), None],
        }
    )
    found = load(frame)
    assert found.row(0) == (1.5, 1, "u", dt.datetime(2020, 1, 1), dt.date(2020, 1, 1))
    assert found.row(1) == (None,) * 5
    assert found.schema["level"] == pl.Categorical


def test_the_source_is_left_as_it_was():
    frame, pandas = FRAME.clone(), FRAME.to_pandas()
    load(frame)
    load(pandas)
    assert frame.equals(FRAME)
    assert pandas.equals(FRAME.to_pandas())


@pytest.mark.parametrize("ending", ENDINGS)
def test_brackets_and_stars_in_names_are_letters(ending):
    write(f"b[1].{ending}")
    write(f"b1.{ending}", FRAME.reverse())
    write(f"fol[1]/p*.{ending}")
    write(f"fol[1]/px.{ending}", FRAME.reverse())
    assert load(f"b[1].{ending}").equals(FRAME)
    assert load(f"fol[1]/p*.{ending}").equals(FRAME)
    assert load("fol[1]").height == 6
    assert "[[]" in refused(f"fol[1]/q*.{ending}", match="no file matches").advice


def test_links_are_followed():
    write("real/x.csv")
    os.symlink("real/x.csv", "link.csv")
    os.symlink("real", "folder")
    assert load("link.csv").equals(FRAME)
    assert load("folder").equals(FRAME)


@pytest.mark.parametrize("ending", ENDINGS)
def test_parts_are_read_in_order_one_after_the_other(ending):
    for i in (2, 0, 10, 1):
        write(f"data/part-{i:02}.{ending}", pl.DataFrame({"i": [i, i]}))
    assert load("data")["i"].to_list() == [0, 0, 1, 1, 2, 2, 10, 10]
    assert load([f"data/part-10.{ending}", f"data/part-0[01].{ending}"])["i"].to_list() == [10, 10, 0, 0, 1, 1]


def test_a_glob_through_all_folders_reads_each_file_once():
    write("data/a.csv")
    write("data/sub/b.csv")
    assert load("data/**").height == 6
    assert load("data/**/*.csv").height == 6
    assert load("data").height == 3
    assert load("da*").height == 3


def test_a_folder_that_is_called_like_a_file_is_one_table():
    write("data/x.parquet/part-0.parquet")
    write("data/x.parquet/part-1.parquet")
    text("data/x.parquet/_SUCCESS", "")
    text("data/.hidden.parquet", "no table")
    assert load("data/x.parquet").height == 6
    assert load("data").height == 6


def test_columns_of_other_order_are_matched_by_name():
    for ending in ENDINGS:
        names = [write(f"1.{ending}", pl.DataFrame({"a": [1], "b": [2]}))]
        names += [write(f"2.{ending}", pl.DataFrame({"b": [4], "a": [3]}))]
        assert load(names).rows() == [(1, 2), (3, 4)]
    error = refused([text("3.csv", "a,b\n1,2\n"), text("4.csv", "b,c\n3,4\n")], match=r"'4.csv' lacks 'a'.*'c'")
    assert "same columns" in error.advice


def test_urls_pass_unchanged():
    assert frames.files(["s3://bucket/x?.csv", "https://host/y.csv?version=2"]) == [
        "s3://bucket/x?.csv",
        "https://host/y.csv?version=2",
    ]
    write("x.csv")
    assert load(f"file://{os.getcwd()}/x.csv").equals(FRAME)


# What is refused


@pytest.mark.parametrize("ending", WRITERS)
def test_an_empty_file_is_refused(ending):
    refused(text(f"x.{ending}", ""), match=rf"'x.{ending}'.*file \(0 bytes\)")


@pytest.mark.parametrize("ending", WRITERS)
def test_a_file_of_bytes_that_are_no_table_is_refused(ending):
    refused(text(f"x.{ending}", b"no table\x00\xff\xfe\n\n"), match=rf"'x.{ending}' cannot be read: \S")


@pytest.mark.parametrize("ending", [ending for ending in WRITERS if ending != "csv"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.97])
def test_a_truncated_file_is_refused(ending, kept):
    content = Path(write(f"x.{ending}")).read_bytes()
    refused(text(f"x.{ending}", content[: int(len(content) * kept)]), match=rf"'x.{ending}' cannot be read")


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_a_file_of_blank_lines_is_refused(ending):
    refused(text(f"x.{ending}", "\n\n"), match=rf"'x.{ending}'")


@pytest.mark.parametrize("header", ["a,b", "a,b\n"])
def test_a_header_alone_is_a_table_without_rows(header):
    name = text("x.csv", header)
    assert load(name).shape == (0, 2)
    known = {"a": pl.Int64(), "b": pl.Date(), "c": pl.Int8()}
    assert frames.scan(name, dtypes=known).collect_schema() == {"a": pl.Int64, "b": pl.Date}


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("nope.csv", r"file.*folder 'nope.csv'"),
        (Path("no/pe.csv"), r"file.*folder 'no/pe.csv'"),
        (["x.csv", "nope.csv"], r"file.*folder 'nope.csv'"),
        ("nope*.csv", r"no file matches 'nope\*.csv'"),
        ("empty", "folder 'empty' holds no table"),
        ("emp*", "folder 'empty' holds no table"),
        (
            "mixed",
            r"'mixed/a.csv'.*1.*format.*CSV.*'mixed/a.csv'",
        ),
        ("x.xlsx", r"unknown \(.xlsx\) such as 'x.xlsx'"),
        ("bare", r"unknown \(no ending\).*'bare'"),
        ("dangling.csv", r"'dangling.csv'.*link.*'gone.csv'"),
        ("dang*", r"'dangling.csv'.*link.*'gone.csv'"),
        ("circle.csv", r"link.*'circle.csv'"),
        ("pipe.csv", "'pipe.csv' is no regular file"),
        ("", r"name.*source.*empty"),
        (["", "x.csv"], r"name.*source.*empty"),
        ("a\0b.csv", r"file.*folder"),
        ("a" * 5000, "cannot be read: .*too long"),
        ("zzz://host/x.csv", "'zzz://host/x.csv' was not found"),
        ("https://host/x", r"unknown \(no ending\)"),
        (["x.csv", "./x.csv"], "x.csv' would be read twice"),
        (["x.csv", "again.csv"], "x.csv' would be read twice"),
        (["x.csv", "*.csv"], "x.csv'.*read twice|is a link"),
    ],
)
def test_names_that_lead_to_no_table_are_refused(source, match):
    write("x.csv")
    write("mixed/a.csv")
    write("mixed/b.parquet")
    text("x.xlsx", "a")
    text("bare", "a")
    text("empty/README", "none here")
    os.symlink("gone.csv", "dangling.csv")
    os.symlink("circle.csv", "circle.csv")
    os.symlink("x.csv", "again.csv")
    os.mkfifo("pipe.csv")
    refused(source, match=match)


@pytest.mark.parametrize(
    ("source", "match"),
    [
        (np.zeros((2, 2)), r"ndarray.*table"),
        ({"a": [1]}, r"dict.*table"),
        (None, r"NoneType.*table"),
        ([], r"list.*table"),
        ([FRAME, FRAME], r"list.*table"),
        (["x.csv", 1], r"list.*table"),
        (b"x.csv", r"bytes.*table"),
        (5, r"int.*table"),
        (pa.array([1]), r"Int64Array.*table"),
        (pd.DataFrame(np.zeros((2, 2)), columns=["a", "a"]), r"DataFrame.*non-unique"),
        (pd.DataFrame({"a": [1, "x"]}), r"DataFrame.*convert"),
        (pa.table([[1], [2]], names=["a", "a"]), r"Table.*once"),
        (pl.LazyFrame({"a": [1]}).select("b"), r'LazyFrame.*"b"'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_that_are_no_table_are_refused(source, match):
    refused(source, match=match)


def test_an_array_comes_with_advice():
    assert "pl.DataFrame(data, schema=[names], orient='row')" in refused(np.zeros((2, 2)), match="ndarray").advice


def test_pandas_without_pyarrow_says_what_to_install(monkeypatch):
    class Blocked:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "pyarrow":
                raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")

    def no_pyarrow(*args, **kwargs):
        raise ImportError("pyarrow is required for converting a pandas dataframe to Polars")

    monkeypatch.setattr(pl, "from_pandas", no_pyarrow)
    monkeypatch.setattr(sys, "meta_path", [Blocked(), *sys.meta_path])
    with pytest.raises(ImportError, match="pip install pyarrow"):
        frames.scan(FRAME.to_pandas())


def test_no_source_at_all_is_refused():
    with pytest.raises(SourceError, match="no source is given"):
        frames.files([])


@pytest.mark.parametrize(("file", "folder"), [(0o000, 0o755), (0o644, 0o000)])
def test_what_may_not_be_read_is_refused(file, folder, unprivileged):
    with tempfile.TemporaryDirectory() as place:
        name = write(f"{place}/inside/x.parquet")
        os.chmod(name, file)
        os.chmod(Path(name).parent, folder)
        os.chmod(place, 0o755)
        with unprivileged():
            error = refused(name, match="[Pp]ermission denied")
            assert error.advice == "ask for the right to read it"
        os.chmod(Path(name).parent, 0o755)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("run", [frames.collect, lambda lazy, what: frames.collect_all([lazy, lazy], what=what)])
def test_a_file_that_vanishes_is_named(ending, run):
    lazy = frames.scan(write(f"x.{ending}"))
    os.remove(f"x.{ending}")
    with pytest.raises(SourceError, match=r"'the.*vanished") as caught:
        run(lazy, what="'the table'")
    assert caught.value.advice


def test_a_query_over_a_file_that_has_vanished_is_no_source():
    lazy = pl.scan_parquet(write("x.parquet"))
    os.remove("x.parquet")
    refused(lazy, match="a LazyFrame was not found")


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_parts_with_other_columns_or_types_are_refused(ending):
    names = [write(f"1.{ending}", pl.DataFrame({"a": [1]}))]
    other = f"2.{ending}"
    refused([*names, write(other, pl.DataFrame({"a": ["x"]}))], match=rf"'a'.*Int64.*'1.*String.*'{other}'")
    refused([*names, write(other, pl.DataFrame({"b": [1]}))], match=rf"'{other}'.*'a'.*'b' besides")


def test_our_own_errors_pass_through_a_query():
    def refuse(batch):
        raise FitError("too few rows", advice="more")

    lazy = pl.LazyFrame({"a": [1]}).map_batches(refuse, streamable=True)
    with pytest.raises(FitError, match="too few rows"):
        frames.collect(lazy, what="x")


# CSV


def test_text_where_numbers_were_names_column_and_value():
    name = text("x.csv", "n,d\n1,2020-01-01\nx,2020-01-02\n")
    error = refused(name, match=r"'x.csv'.*parse `x`.*dtype `i64`",
                    dtypes={"n": pl.Int64()})  # fmt: skip
    assert "repair the value" in error.advice
    assert "2024-12-31" in refused(name, match="column 'n' .*1 is not ISO 8601", dtypes={"n": pl.Date()}).advice


def test_codes_keep_their_leading_zeros():
    name = text("x.csv", "zip,month,n,f,z\n10115,1,1,00.5,0\n01067,02,-3,1.5,0\n")
    found = load(name)
    assert found.rows() == [("10115", "1", 1, 0.5, 0), ("01067", "02", -3, 1.5, 0)]
    assert load(name, dtypes={"zip": pl.String()})["zip"].to_list() == ["10115", "01067"]
    assert load(name, dtypes={"month": pl.Int64()})["month"].to_list() == [1, 2]
    names = [text("1.csv", "id\n1\n"), text("2.csv", "id\n007\n")]
    assert load(names)["id"].to_list() == ["1", "007"]


@pytest.mark.parametrize(
    ("content", "known", "expected"),
    [
        ("1.0", pl.Int64(), 1.0),
        ("1", pl.Float64(), 1.0),
        ("1", pl.Int8(), 1),
        ("1", pl.String(), "1"),
        ("1", pl.Categorical(), "1"),
        ("true", pl.String(), "true"),
        ("True", pl.Boolean(), True),
        ("1.50", pl.Decimal(10, 2), 1.5),
        ("2020-01-02", pl.String(), "2020-01-02"),
        ("2020-01-02", pl.Datetime("us"), dt.datetime(2020, 1, 2)),
        ("2020-01-02 03:04:05", pl.Date(), dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02T03:04:05", pl.Datetime("ms"), dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("10:11:12", pl.Time(), dt.time(10, 11, 12)),
        ("1", pl.Null(), 1),
        ("1", pl.Duration("us"), 1),
        ("x", pl.List(pl.Int64), "x"),
        ("2020-01-02T03:04:05+0500", pl.Datetime("us"), dt.datetime(2020, 1, 1, 22, 4, 5, tzinfo=dt.UTC)),
        ("2020-01-02T03:04:05+0500", pl.Datetime("us", "UTC"), dt.datetime(2020, 1, 1, 22, 4, 5, tzinfo=dt.UTC)),
        ("2020-01-02T03:04:05", pl.Datetime("us", "UTC"), dt.datetime(2020, 1, 2, 3, 4, 5)),
    ],
)
def test_known_types_hold_where_they_lose_nothing(content, known, expected):
    found = load(text("x.csv", f"a,b\n{content},1\n,2\n"), dtypes={"a": known, "absent": pl.Int8()})["a"].to_list()
    assert found == [expected, None]


def test_types_come_from_all_parts():
    assert load([text("1.csv", "a\n1\n"), text("2.csv", "a\nx\n")])["a"].to_list() == ["1", "x"]
    assert load([text("1.csv", "a\n1\n"), text("2.csv", "a\n1.5\n")], dtypes={"a": pl.Int64()})["a"].to_list() == [
        1,
        1.5,
    ]


@pytest.mark.parametrize(("header", "name"), [("a,b,a", "a"), ("a,b,a,a", "a"), ("a,,b,", "")])
def test_columns_of_one_name_are_refused(header, name):
    values = ",".join("1" for _ in header.split(","))
    refused(text("x.csv", f"{header}\n{values}\n"), match=rf"'x.csv'.*several columns.*'{name}'")


def test_a_column_may_be_called_like_a_repeated_one():
    assert load(text("x.csv", "a,a_duplicated_0,b_duplicated_0\n1,2,3\n")).row(0) == (1, 2, 3)


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_marks_than_commas_are_named(mark):
    refused(text("x.csv", f"a{mark}b\n1{mark}2\n"), match=r"single column 'a.*b'")


@pytest.mark.parametrize(
    ("content", "match", "advice"),
    [
        ("a,b\n1,2,3\n", "3 values where 2", "put quotes around"),
        ("a,b\nä,1\n".encode("latin-1"), "not valid UTF-8", "save the file as UTF-8"),
        ("ä,b\n1,2\n".encode("latin-1"), r"first line.*text.*UTF-8", "as CSV in UTF-8"),
        ("a,b\nä,1\n".encode("utf-16"), r"first line.*text.*UTF-8", "as CSV in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_csv_comes_with_its_own_advice(content, match, advice):
    assert advice in refused(text("x.csv", content), match=match).advice


def test_quotes_and_line_ends_are_understood():
    name = text("x.csv", '\ufeffa,b\r\n"x, ""y""",1\r\n"two\r\nlines",2\r\n')
    assert load(name).rows() == [('x, "y"', 1), ("two\r\nlines", 2)]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=8)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts, min_size=1, max_size=5))
def test_text_of_a_known_type_comes_back_letter_by_letter(values):
    for ending in ("csv", "ndjson"):
        name = write(f"x.{ending}", pl.DataFrame({"a": values, "b": 1}))
        assert load(name, dtypes={"a": pl.String()})["a"].to_list() == values


# NDJSON


def test_keys_that_come_late_or_in_other_parts_are_kept():
    late = '{"a": 1}\n' * 300 + '{"a": 2, "late": "x"}\n'
    assert load(text("x.ndjson", late))["late"].to_list() == [None] * 300 + ["x"]
    parts = [text("1.ndjson", '{"a": 1}\n'), text("2.ndjson", '{"b": "x", "a": 1.5}\n')]
    assert load(parts).rows() == [(1.0, None), (1.5, "x")]


@pytest.mark.parametrize(
    ("content", "known", "expected"),
    [
        ("1", pl.String(), "1"),
        ("1", pl.Categorical(), "1"),
        ('"01"', pl.String(), "01"),
        ("1.5", pl.Int64(), 1.5),
        ("1", pl.Int8(), 1),
        ("1", pl.Decimal(10, 2), 1),
        ("true", pl.Boolean(), True),
        ('"x"', pl.Int64(), "x"),
        ('"10:11:12"', pl.Time(), dt.time(10, 11, 12)),
        ('"2020-01-02"', pl.Date(), dt.date(2020, 1, 2)),
        ('"2020-01-02 03:04:05"', pl.Datetime("us"), dt.datetime(2020, 1, 2, 3, 4, 5)),
        ('"2020-01-02T03:04:05"', pl.Datetime("us", "UTC"), dt.datetime(2020, 1, 2, 3, 4, 5)),
        ('"2020-01-02T03:04:05+05:00"', pl.Datetime("us"), dt.datetime(2020, 1, 1, 22, 4, 5, tzinfo=dt.UTC)),
        (
            '"2020-01-02T03:04:05+05:00"',
            pl.Datetime("us", "UTC"),
            dt.datetime(2020, 1, 1, 22, 4, 5, tzinfo=dt.UTC),
        ),
        ("[1]", pl.String(), [1]),
    ],
)
def test_known_types_of_json_hold_where_they_lose_nothing(content, known, expected):
    name = text("x.ndjson", f'{{"b": 0, "a": null}}\n{{"a": {content}, "b": 1}}\n')
    assert load(name, dtypes={"a": known, "absent": pl.Date()})["a"].to_list() == [None, expected]


def test_a_date_that_is_none_is_named():
    refused(text("x.ndjson", '{"a": "bad"}\n'), match=r"'a'.*bad is not ISO", dtypes={"a": pl.Date()})


# Names and helpers


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a.csv", "'a.csv'"),
        (Path("a.csv"), "'a.csv'"),
        (["a.csv"], "'a.csv'"),
        (["a.csv", "b.csv", "c.csv"], "'a.csv' and 2 more"),
        (FRAME, "a DataFrame"),
        (pa.array([1]), "an Int64Array"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sources_have_names_for_messages(source, name):
    assert frames.describe(source) == name


@settings(deadline=None)
@given(st.text(max_size=3), st.lists(st.text(max_size=4), max_size=5))
def test_a_fresh_name_is_fresh(stem, taken):
    name = frames.fresh_name(stem, taken)
    assert name not in taken
    assert name.rstrip("_") == stem.rstrip("_")


def test_collecting_gives_the_same_either_way():
    lazy = FRAME.lazy().filter(pl.col("a") > 1)
    one = frames.collect(lazy, what="x")
    assert one.equals(frames.collect(lazy, what="x", streaming=False))
    first, second = frames.collect_all([lazy, lazy.select("b")], what="x")
    assert first.equals(one)
    assert second.equals(one.select("b"))
