from __future__ import annotations

import datetime as dt
import io
import itertools
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabkit.errors import SourceError
from tabkit.frames import collect, scan


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(values: list[str], *, name: str = "x.csv") -> str:
    Path(name).write_text("\n".join(["a,b", *(f"{value},1" for value in values), ""]))
    return name


def read(source, **options) -> pl.DataFrame:
    return collect(scan(source, **options), what=str(source))


def typed(values: list[str]) -> pl.DataType:
    return read(table(values)).schema["a"]


@pytest.mark.parametrize(
    "values",
    [
        ["01/02/2024", "12/11/2024"],
        ["31/12/24", "01/02/24"],
        ["01.02.24", "03.04.24"],
        ["24-01-31", "24-02-01"],
        ["12-05-1234", "11-06-5678"],
        ["2024-1-5", "2024-10-12"],
        ["2024/01/05", "2024/10/12"],
        ["2024-01-05", "01/06/2024"],
        ["2024-02-30", "2024-02-28"],
        ["2024-01-05 10:00", "2024-01-05T10:00:00Z"],
        ["2024-01-05 25:00:00"],
        ["00123", "123"],
        ["00123", "1.5"],
        ["9223372036854775808", "1"],
        ["12345678901234567890", "1.5"],
        ["true", "1"],
        ["1_000", "2"],
        ["12.30", "12.30 EUR"],
    ],
)
def test_what_is_no_plain_number_and_no_iso_date_stays_as_it_is_written(values):
    assert read(table(values))["a"].to_list() == values
    apart = [table([value], name=f"{i}.csv") for i, value in enumerate(values)]
    assert read(apart)["a"].to_list() == values


@pytest.mark.parametrize(
    ("values", "dtype", "last"),
    [
        (["", "2024-12-31"], pl.Date(), dt.date(2024, 12, 31)),
        (["2024-12-31 23:59:01", "2024-12-31T23:59:00"], pl.Datetime("us"), dt.datetime(2024, 12, 31, 23, 59)),
        (["2024-12-31", "2024-12-31 23:59"], pl.Datetime("us"), dt.datetime(2024, 12, 31, 23, 59)),
        (["2024-12-31T23:59:00.25"], pl.Datetime("us"), dt.datetime(2024, 12, 31, 23, 59, 0, 250_000)),
        (
            ["2024-12-31T23:59:00.5Z", "2024-12-31 23:59:00+00", "2024-12-31T23:59-05:30"],
            pl.Datetime("us", "UTC"),
            dt.datetime(2025, 1, 1, 5, 29, tzinfo=dt.UTC),
        ),
        (["10:11:12", "10:11:12.5"], pl.Time(), dt.time(10, 11, 12, 500_000)),
        (["1", "2.5"], pl.Float64(), 2.5),
        (["1", "1e3"], pl.Float64(), 1000.0),
        (["", "-0", "9223372036854775807"], pl.Int64(), 2**63 - 1),
        (["True", "FALSE"], pl.Boolean(), False),
        (['"1"', '""', '"3"'], pl.Int64(), 3),
        (['"2024-01-05"', '""', '"2024-01-06"'], pl.Date(), dt.date(2024, 1, 6)),
        (["", ""], pl.String(), None),
    ],
)
def test_types_hold_for_all_values(values, dtype, last):
    column = read(table(values))["a"]
    assert column.dtype == dtype
    assert column.to_list()[-1] == last
    apart = [table([value], name=f"{i}.csv") for i, value in enumerate(values)]
    assert read(apart)["a"].equals(column)


@pytest.mark.parametrize(
    ("late", "dtype"), [("1.5", pl.Float64()), ("007", pl.String()), ("x", pl.String()), ("", pl.Int64())]
)
def test_all_rows_decide_and_not_the_first_ones(late, dtype):
    assert typed(["1"] * 5_000 + [late]) == dtype
    assert typed([""] * 5_000 + ["2024-01-31"]) == pl.Date()


ROWS = pl.DataFrame(
    {
        "whole": ["1", "", "-3", "4", "5"],
        "number": ["1", "2", "", "2.5", "1e3"],
        "code": ["10115", "01067", "", "80331", "1"],
        "yes": ["true", "", "False", "true", "false"],
        "day": ["", "2024-01-31", "2024-02-29", "", "2024-03-01"],
        "moment": ["2024-01-31", "", "2024-02-29 10:00", "2024-03-01T10:00:00.5", ""],
        "us": ["01/02/2024", "12/31/2024", "", "", ""],
        "late": ["", "", "", "", "7"],
    }
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 5), max_size=4), st.permutations(ROWS.columns))
def test_a_table_in_parts_reads_like_the_whole(cuts, order):
    ROWS.write_csv("whole.csv")
    ends = [0, *sorted(cuts), ROWS.height]
    parts = []
    for i, (start, end) in enumerate(itertools.pairwise(ends)):
        part = ROWS[start:end] if i == 0 else ROWS[start:end].select(order)
        part.write_csv(f"part-{i}.csv")
        parts.append(f"part-{i}.csv")
    whole = read("whole.csv")
    assert whole.dtypes[:5] == [pl.Int64, pl.Float64, pl.String, pl.Boolean, pl.Date]
    assert read(parts).equals(whole)


def test_what_an_ndjson_file_holds_is_typed_like_csv():
    frame = pl.DataFrame(
        {"day": ["2024-01-31", None], "us": ["01/02/2024", "1"], "n": [None, 1.5], "code": ["01", "2"]}
    )
    frame.write_ndjson("x.ndjson")
    frame.write_csv("x.csv")
    assert read("x.ndjson").equals(read("x.csv"))
    frame[:1].write_ndjson("1.ndjson")
    frame[1:].write_ndjson("2.ndjson")
    assert read(["1.ndjson", "2.ndjson"]).equals(read("x.ndjson"))


@pytest.mark.parametrize("value", ["01/31/2024", "24-01-31", "2024-1-5", "2024-02-30"])
@pytest.mark.parametrize("known", [pl.Date(), pl.Datetime("us"), pl.Datetime("us", "UTC")])
def test_a_known_date_refuses_what_is_none(value, known):
    name = table(["2024-01-31", value])
    with pytest.raises(SourceError, match=rf"column 'a'.*{value}.*ISO 8601") as caught:
        read(name, dtypes={"a": known})
    assert "2024-12-31" in caught.value.advice
    unused = scan(name, dtypes={"a": known}).select("b")
    assert collect(unused, what=name).height == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sep=,\na,b\n1,2\n", "begins with 'sep='"),
        ("sep=;\na;b\n1;2\n", "begins with 'sep=;'"),
        ("a,b\r1,2\r", "carriage"),
    ],
)
def test_a_first_line_that_holds_no_names_is_refused(content, said):
    Path("x.csv").write_bytes(content.encode())
    with pytest.raises(SourceError, match=said):
        scan("x.csv")


def test_lines_that_end_as_on_windows_are_read():
    Path("x.csv").write_bytes(b'"a\r\nc",b\r\n1,2\r\n')
    assert read("x.csv").to_dict(as_series=False) == {"a\r\nc": [1], "b": [2]}


def test_a_time_zone_of_the_fit_is_kept():
    known = pl.Datetime("ms", "Europe/Berlin")
    column = read(table(["2024-07-01T10:00:00Z"]), dtypes={"a": known})["a"]
    assert column.dtype == known
    assert column.dt.hour().to_list() == [12]


def test_quoted_lines_and_marks_are_no_rows_of_their_own():
    text = io.StringIO()
    pl.DataFrame({"n": [1, 2], "t": ["x,\n1", 'say "2024-01-01"']}).write_csv(text)
    Path("x.csv").write_text(text.getvalue())
    assert read("x.csv").rows() == [(1, "x,\n1"), (2, 'say "2024-01-01"')]
