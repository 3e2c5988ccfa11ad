from pathlib import Path

import polars as pl
import pytest

from tabkit.errors import SourceError
from tabkit.frames import collect, parts, runs, scan, scan_parts
from tabkit.sources import gathered

WRITERS = {
    "parquet": pl.DataFrame.write_parquet,
    "csv": pl.DataFrame.write_csv,
    "arrow": pl.DataFrame.write_ipc,
    "ndjson": pl.DataFrame.write_ndjson,
}
TABLE = pl.DataFrame({"n": range(70), "x": [i / 7 for i in range(70)], "t": [f"text {i % 5}" for i in range(70)]})
SIZES = [9, 1, 20, 10, 10, 0, 15, 5]


@pytest.fixture(autouse=True)
def few(tmp_path, monkeypatch):
    """Files that are many by this test's measure, in batches of at most three."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gathered, "FEWEST_TOGETHER", 4)
    monkeypatch.setattr(gathered, "_BATCH_FILES", 3)


def split(ending: str, folder: str = "many/{}.") -> list[str]:
    names, start = [], 0
    for i, size in enumerate(SIZES):
        name = folder.format(i) + ending
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        WRITERS[ending](TABLE[start : start + size], name)
        names, start = [*names, name], start + size
    return names


@pytest.mark.parametrize("ending", [ending for ending in WRITERS if ending != "ndjson"])
def test_many_small_files_are_the_whole_table(ending):
    split(ending)
    many = scan("many")
    assert "PYTHON" in many.explain()
    for engine in ("streaming", "in-memory"):
        assert many.collect(engine=engine).equals(TABLE)
        assert many.select(pl.len()).collect(engine=engine).item() == 70
        assert many.select("t", "n").collect(engine=engine).equals(TABLE.select("t", "n"))
        assert many.head(33).collect(engine=engine).equals(TABLE.head(33))
        odd = pl.col("n") % 2 == 1
        assert many.filter(odd).select("x").collect(engine=engine).equals(TABLE.filter(odd).select("x"))


def test_ndjson_files_that_lack_keys_are_one_table():
    names = split("ndjson")
    Path(names[5]).write_text('{"x": 1}\n{"n": null, "late": true}\n')
    many = collect(scan("many"), what="many")
    assert many["n"].null_count() == 2
    assert many["late"].drop_nulls().to_list() == [True]
    assert many.filter(pl.col("n").is_not_null()).drop("late").equals(TABLE)
    Path(names[7]).write_text('{"n": "text"}\n')  # what has no common type is joined as few files are
    assert collect(scan("many"), what="many")["n"].to_list()[-1] == "text"


def test_folders_give_columns_to_many_files():
    split("parquet", "many/day={}/part.")
    many = collect(scan("many"), what="many")
    assert many.drop("day").equals(TABLE)
    assert many["day"].to_list() == [i for i, size in enumerate(SIZES) for _ in range(size)]


def test_no_more_files_than_a_batch_are_read_at_once(monkeypatch):
    read = []
    one = gathered._read
    monkeypatch.setattr(gathered, "_read", lambda *given: read.append(given[2]) or one(*given))
    split("parquet")
    assert collect(scan("many").select("x"), what="many").height == 70
    assert read == [slice(0, 3), slice(3, 6), slice(6, 8)]
    monkeypatch.setattr(gathered, "_BATCH_BYTES", 1)
    assert all(batch.stop - batch.start <= 1 for batch in gathered.batches_of(split("parquet")))
    monkeypatch.setattr(gathered, "_SMALL", 1)
    assert gathered.batches_of(split("parquet")) == []


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_what_is_damaged_among_many_is_named(ending):
    name = split(ending)[4]
    content = Path(name).read_bytes()
    Path(name).write_bytes(content[:-30])
    with pytest.raises(SourceError, match=f"'many/4.{ending}' cannot be read"):
        scan("many")
    Path(name).write_bytes(content)
    many = scan("many")
    Path(name).write_bytes(content[:-30])
    with pytest.raises(SourceError, match=f"'many/4.{ending}' cannot be read"):
        collect(many, what="'many'")


def test_values_that_do_not_fit_a_known_type_are_named_with_their_file():
    name = split("csv")[6]
    Path(name).write_text("n,x,t\n1,2,a\nq,3,b\n")
    with pytest.raises(SourceError, match=r"'many/6\.csv'.*read.*parse `q`"):
        collect(scan("many", dtypes={"n": pl.Int64(), "x": pl.Float64(), "t": pl.String()}), what="'many'")


# Runs


def test_neighbours_of_one_kind_are_a_run():
    for i in range(6):
        frame = TABLE.head(2).with_columns(more=i) if i in (1, 4) else TABLE.head(2)
        frame = frame.select(reversed(frame.columns)) if i == 2 else frame
        frame.write_parquet(f"{i}.parquet")
    TABLE.head(2).with_columns(pl.col("n").cast(pl.Int8)).write_parquet("3.parquet")
    TABLE.write_csv("6.csv")
    TABLE.with_columns(more=1).write_csv("7.csv")
    found = runs(parts([f"{i}.parquet" for i in range(6)] + ["6.csv", "7.csv"]), wanted=["n", "t"])
    assert [[part.name[0] for part in run.parts] for run in found] == [["0", "1", "2"], ["3"], ["4", "5"], ["6"], ["7"]]
    assert found[0].columns == ("n", "x", "t", "more")
    table = collect(scan_parts(found[0].parts, wanted=["n", "t"]), what="run")
    assert table.equals(pl.concat([TABLE.head(2)] * 3).select("n", "t"))
