"""Bad input: every item of the promise "a clear error, and nothing lost", through the command."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

QUICK = ["--set", "boosting.num_threads=1", "--set", "boosting.max_trees=20", "--set", "resamples=20"]
ROLES = ["--target", "churned", "--id", "customer", "--time", "seen_at"]
Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(
    run: Run, table: pl.DataFrame | None, *more: str, name: str = "table.parquet", roles: list[str] = ROLES
) -> Any:
    if table is not None:
        table.write_csv(name) if name.endswith(".csv") else table.write_parquet(name)
    return run("train", name, *roles, "-o", "out/model", *QUICK, *more)


def score(run: Run, bundle: Path, table: pl.DataFrame | None, *more: str, name: str = "new.parquet") -> Any:
    """Score over an old output, which must stand whatever happens."""
    if table is not None:
        table.write_csv(name) if name.endswith(".csv") else table.write_parquet(name)
    Path("out").mkdir(exist_ok=True)
    Path("out/scores.parquet").write_bytes(b"old")
    return run("score", bundle, name, "-o", "out/scores.parquet", "--overwrite", *more)


def refused(done: Any, *expected: str) -> None:
    """Exit 2, one block that says what came and what to do, and nothing new on the disk."""
    assert done.code == 2, done.err
    for text in expected:
        assert text in done.said, done.err
    assert done.said.startswith("tabkit: ")
    assert done.said.count("tabkit: ") == 1
    assert "To do: " in done.said
    assert "Traceback" not in done.err
    assert done.out == ""
    assert sorted(path.name for path in Path("out").glob("*")) in ([], ["scores.parquet"])
    if Path("out/scores.parquet").exists():
        assert Path("out/scores.parquet").read_bytes() == b"old"


# The table to train on


def test_a_missing_target(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    refused(train(run, customers.drop("churned")), "lacks columns: 'churned' (target)", "its columns are 'customer'")


def test_a_missing_id_column(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    refused(train(run, customers.drop("customer")), "lacks columns: 'customer' (id)")


def test_a_missing_id_in_some_rows(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    holes = customers.with_columns(customer=pl.when(pl.int_range(2000) > 2).then("customer"))
    refused(train(run, holes), "id 'customer' is null", "3")


def test_a_constant_target(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    refused(
        train(run, customers.with_columns(churned=pl.lit(True))), "target 'churned' is constant", "nothing to learn"
    )


def test_a_target_null_in_places(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    holes = customers.with_columns(churned=pl.when(pl.int_range(2000) >= 7).then("churned"))
    refused(train(run, holes), "target 'churned' is null", "7 of 2,000 rows", "--drop-null-target")
    done = train(run, None, "--drop-null-target", "--json")
    assert done.code == 0, done.err
    assert done.json["rows_dropped"] == {"null target": 7}
    assert done.json["rows"] == 1993


def test_a_target_null_everywhere(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    gone = customers.with_columns(churned=pl.lit(None, dtype=pl.Boolean))
    refused(train(run, gone), "target 'churned'")
    refused(train(run, None, "--drop-null-target"), "null in every row")


def test_repeated_ids(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    twice = customers.with_columns(customer=pl.col("customer").str.slice(0, 5) + "0")
    refused(train(run, twice), "id 'customer' repeats", "1,800 rows", "'000000'")


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "table.ndjson", "table.arrow"])
def test_an_empty_file(run: Run, folder: Path, name: str) -> None:
    Path(name).touch()
    refused(train(run, None, name=name), f"'{name}' is an empty", "(0 bytes)")


@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_a_table_without_rows(run: Run, folder: Path, customers: pl.DataFrame, name: str) -> None:
    refused(train(run, customers.head(0), name=name), f"'{name}' has no rows")


@pytest.mark.parametrize(
    "content", [b"customer,churned\n1,true\n", b"PAR1", os.urandom(500), b"PAR1" + bytes(90) + b"PAR1"]
)
def test_a_file_that_is_not_parquet_though_it_says_so(run: Run, folder: Path, content: bytes) -> None:
    Path("table.parquet").write_bytes(content)
    refused(train(run, None), "'table.parquet' cannot be read")


def test_a_truncated_file(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    customers.write_parquet("whole.parquet")
    content = Path("whole.parquet").read_bytes()
    Path("table.parquet").write_bytes(content[: len(content) // 2])
    refused(train(run, None), "'table.parquet' cannot be read")


def test_a_file_that_is_not_there(run: Run, folder: Path) -> None:
    refused(train(run, None, name="nowhere.parquet"), "nowhere.parquet", "check the spelling")
    refused(train(run, None, name="no*.parquet"), "no file matches 'no*.parquet'")


def test_an_unknown_format(run: Run, folder: Path) -> None:
    Path("table.xlsx").write_bytes(b"x")
    refused(train(run, None, name="table.xlsx"), ".xlsx", "known endings")


def test_columns_that_are_all_null_are_left_out(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    gone = customers.with_columns(
        age=pl.lit(None), city=pl.lit(None, dtype=pl.String), spend=pl.lit(None, dtype=pl.Float64)
    )
    done = train(run, gone, "--json")
    assert done.code == 0, done.err
    assert done.json["left_out"] == {"age": "all null", "city": "all null", "spend": "all null"}


def test_nothing_but_null_columns(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    gone = customers.select("customer", "churned", age=pl.lit(None), city=pl.lit(None))
    done = train(run, gone, roles=ROLES[:4])
    assert done.code == 2
    assert "learn from (age" in done.said
    assert "city: all null)" in done.said


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinite_values(run: Run, folder: Path, customers: pl.DataFrame, value: float) -> None:
    wild = customers.with_columns(spend=pl.when(pl.int_range(2000) < 40).then(value).otherwise("spend"))
    refused(train(run, wild), "infinite values in 'spend' (40 rows)", "--set encoding.infinite=null")
    assert train(run, None, "--set", "encoding.infinite=null").code == 0


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_an_infinite_target(run: Run, folder: Path, customers: pl.DataFrame, value: float) -> None:
    wild = customers.with_columns(churned=pl.when(pl.int_range(2000) < 4).then(value).otherwise(pl.int_range(2000)))
    refused(train(run, wild), "target 'churned' is NaN", "4 of 2,000")


def test_a_class_with_one_row(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    lonely = customers.with_columns(churned=pl.int_range(2000) == 5)
    refused(train(run, lonely), "target 'churned'", "row only: 'true'")
    three = customers.with_columns(
        churned=pl.when(pl.int_range(2000) == 5).then(pl.lit("odd")).otherwise(pl.col("churned").cast(pl.String))
    )
    refused(train(run, three), "row only: 'odd'")


def test_a_rare_class_that_a_part_misses(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    rare = customers.sort("seen_at").with_columns(churned=pl.int_range(2000) < 5)
    refused(train(run, rare), "held-out part has 401", "'churned' is 'true'")


def test_columns_that_cannot_be_encoded(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    nested = customers.with_columns(tags=pl.concat_list("age", "calls"))
    refused(train(run, nested), "'tags' (List(Int64))")


# The place to write to


def test_an_existing_bundle_is_refused_before_any_work(run: Run, folder: Path) -> None:
    Path("out/model").mkdir(parents=True)
    Path("out/model/notes.txt").write_text("mine")
    for more in ([], ["--overwrite"]):
        done = run("train", "there-is-no-such-source.parquet", *ROLES, "-o", "out/model", *more)
        assert done.code == 2
        assert "'out/model' exists" in done.said
        assert Path("out/model/notes.txt").read_text() == "mine"


def test_overwrite_replaces_a_bundle_and_nothing_else_does(
    run: Run, folder: Path, customers: pl.DataFrame, saved: Path
) -> None:
    shutil.copytree(saved, "out/model")
    before = Path("out/model/manifest.json").read_bytes()
    assert "exists already" in train(run, customers).said
    assert Path("out/model/manifest.json").read_bytes() == before
    assert train(run, None, "--overwrite").code == 0
    assert Path("out/model/manifest.json").read_bytes() != before


def test_a_closed_place_for_a_bundle_is_found_before_any_work(
    run: Run, open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    (open_folder / "closed").mkdir(mode=0o555)
    with unprivileged():
        done = run("train", "there-is-no-such-source.parquet", *ROLES, "-o", open_folder / "closed" / "model")
    assert done.code == 2
    assert "cannot write" in done.said
    assert "choose another place" in done.said


def test_a_closed_place_for_scores(
    run: Run, open_folder: Path, saved: Path, newcomers: pl.DataFrame,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:  # fmt: skip
    shutil.copytree(saved, open_folder / "model")
    for path in (open_folder / "model", *(open_folder / "model").rglob("*")):
        path.chmod(0o755)
    newcomers.write_parquet(open_folder / "new.parquet")
    closed = open_folder / "closed"
    closed.mkdir()
    (closed / "scores.parquet").write_bytes(b"old")
    closed.chmod(0o555)
    with unprivileged():
        done = run("score", open_folder / "model", open_folder / "new.parquet", "-o", closed / "scores.parquet")
    assert done.code == 2
    assert "no folder that you" in done.said
    assert [path.read_bytes() for path in closed.iterdir()] == [b"old"]


def test_a_disk_full_while_scores_are_written(spawn: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    pl.concat([newcomers.with_columns(customer=pl.lit(f"{i} ") + pl.col("customer")) for i in range(60)]).write_parquet(
        "new.parquet"
    )
    Path("out").mkdir()
    Path("out/scores.csv").write_bytes(b"old")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    for arguments in (["-o", "out/scores.csv"], ["-o", "out/folder/", "--keep", "spend"]):
        done = spawn("score", saved, "new.parquet", *arguments, "--overwrite", first=limit)
        assert done.code == 2, done.err
        assert done.said.startswith("tabkit: scoring: cannot write 'out/")
        assert "free space" in done.said
        assert [path.name for path in Path("out").iterdir()] == ["scores.csv"]
        assert Path("out/scores.csv").read_bytes() == b"old"


def test_a_disk_full_while_a_bundle_is_written(spawn: Run, folder: Path, saved: Path, customers: pl.DataFrame) -> None:
    customers.write_parquet("table.parquet")
    shutil.copytree(saved, "out/model")
    before = {path.name: path.read_bytes() for path in Path("out/model").rglob("*") if path.is_file()}
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))"
    done = spawn("train", "table.parquet", *ROLES, "-o", "out/model", "--overwrite", *QUICK, first=limit)
    assert done.code == 2, done.err
    assert done.said.startswith("tabkit: bundle: cannot write 'out/model': File too large")
    assert [path.name for path in Path("out").iterdir()] == ["model"]
    assert {path.name: path.read_bytes() for path in Path("out/model").rglob("*") if path.is_file()} == before


def test_scores_never_go_into_the_bundle(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    newcomers.write_parquet("new.parquet")
    before = sorted(saved.rglob("*"))
    for output in (saved, saved / "scores", saved / "encoder" / "scores.csv"):
        done = run("score", saved, "new.parquet", "-o", output)
        assert done.code == 2
        assert "inside of a bundle" in done.said
    assert sorted(saved.rglob("*")) == before


# The table to score


def test_missing_columns(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    done = score(run, saved, newcomers.drop("customer", "age", "city"))
    refused(done, "'new.parquet': the data does", "columns: 'customer', 'city', 'age'")


def test_retyped_columns(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    done = score(run, saved, newcomers.with_columns(pl.col("spend").cast(pl.String), pl.col("active").cast(pl.Int8)))
    refused(done, "now String; 'active' was Boolean", "now Int8")


def test_text_where_numbers_were_in_csv(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    text = newcomers.with_columns(
        spend=pl.when(pl.int_range(500) == 400).then(pl.lit("12 €")).otherwise(pl.col("spend").cast(pl.String))
    )
    refused(score(run, saved, text, name="new.csv"), "'new.csv' cannot be read", "not parse `12", "'spend'")


@pytest.mark.parametrize("name", ["new.parquet", "new.csv"])
def test_extra_and_reordered_columns_are_reported_and_scored(
    run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame, name: str
) -> None:
    plain = score(run, saved, newcomers, "--json")
    assert plain.json["extra_columns"] == []
    expected = pl.read_parquet("out/scores.parquet")
    mixed = newcomers.with_columns(more=pl.lit(1), churned=pl.lit(True))
    done = score(run, saved, mixed.select(sorted(mixed.columns, reverse=True)), "--json", name=name)
    assert done.json["extra_columns"] == ["more"]
    assert pl.read_parquet("out/scores.parquet").equals(expected)


def test_unseen_levels_are_counted_and_scored(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    done = score(run, saved, newcomers.with_columns(city=pl.lit("Atlantis")), "--json")
    assert done.json["unseen"] == {"city": 500}
    assert pl.read_parquet("out/scores.parquet")["score"].is_between(0, 1).all()


def test_columns_all_null_at_scoring(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    assert score(run, saved, newcomers.with_columns(age=pl.lit(None), city=pl.lit(None))).code == 0
    assert pl.read_parquet("out/scores.parquet")["score"].is_between(0, 1).all()


@pytest.mark.parametrize("name", ["new.parquet", "new.csv"])
def test_infinite_values_at_scoring(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame, name: str) -> None:
    wild = newcomers.with_columns(spend=pl.when(pl.int_range(500) == 499).then(float("inf")).otherwise("spend"))
    refused(score(run, saved, wild, name=name), "infinite values in 'spend'", "encoding.infinite=null")


@pytest.mark.parametrize("name", ["new.parquet", "new.csv"])
def test_no_rows_at_scoring_give_an_empty_table(
    run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame, name: str
) -> None:
    done = score(run, saved, newcomers.head(0), "--json", name=name)
    assert done.json["rows"] == 0
    assert pl.read_parquet("out/scores.parquet").schema == {"customer": pl.String, "score": pl.Float64}


def test_bad_files_at_scoring(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    Path("empty.parquet").touch()
    refused(score(run, saved, None, name="empty.parquet"), "'empty.parquet' is an empty", "(0 bytes)")
    Path("text.parquet").write_text("a,b\n1,2\n")
    refused(score(run, saved, None, name="text.parquet"), "'text.parquet' cannot be read")
    refused(score(run, saved, None, name="nowhere.parquet"), "nowhere.parquet")


DOORS = {
    "train": ["train", "bad.csv", *ROLES, "-o", "out/model", *QUICK],
    "score": ["score", "BUNDLE", "bad.csv", "-o", "out/scores.parquet"],
    "encode": ["encode", "bad.csv", "--target", "churned", "-o", "out/encoded.parquet"],
    "encode with": ["encode", "bad.csv", "--encoder", "encoder", "-o", "out/encoded.parquet"],
    "update": ["update", "BUNDLE", "bad.csv", "-o", "out/model"],
    "compare": ["compare", "BUNDLE", "BUNDLE", "bad.csv"],
    "cltv fit": ["cltv", "fit", "bad.csv", "--customer", "customer", "--date", "seen_at", "-o", "out/model"],
}


@pytest.mark.parametrize("door", DOORS)
def test_a_row_that_lost_a_value_in_a_column_nobody_needs(
    run: Run, folder: Path, saved: Path, customers: pl.DataFrame, door: str
) -> None:
    """Every job refuses it, though it lies in no column that the job reads."""
    lines = customers.with_columns(more=pl.lit("x"), spare=pl.lit("y")).write_csv().splitlines()
    lines[1500] = lines[1500].removesuffix(",y")
    Path("bad.csv").write_text("\n".join(lines) + "\n")
    if "--encoder" in DOORS[door]:
        customers.head(300).write_parquet("few.parquet")
        assert run("encode", "few.parquet", "--target", "churned", "--save", "encoder").code == 0
    width = len(customers.columns) + 2
    arguments = [saved if word == "BUNDLE" else word for word in DOORS[door]]
    refused(run(*arguments), "'bad.csv', line 1,501", f"{width - 1} values where {width}")


def test_a_file_damaged_in_the_middle(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    newcomers.write_parquet("new.parquet", compression="zstd")
    content = bytearray(Path("new.parquet").read_bytes())
    content[4:60] = bytes(56)  # the first page of the id
    Path("new.parquet").write_bytes(content)
    refused(score(run, saved, None), "'new.parquet' cannot be read")


# The bundle


@pytest.fixture
def copy(folder: Path, saved: Path) -> Path:
    return Path(shutil.copytree(saved, folder / "model"))


@pytest.mark.parametrize("part", ["manifest.json", "manifest.sha256", "booster.txt", "encoder.json"])
def test_a_flipped_byte(run: Run, copy: Path, newcomers: pl.DataFrame, part: str) -> None:
    content = bytearray((copy / part).read_bytes())
    content[len(content) // 3] ^= 1
    (copy / part).write_bytes(content)
    refused(score(run, copy, newcomers), "damaged")
    done = run("inspect", copy, "--json")
    assert (done.code, done.json["error"]["stage"]) == (2, "bundle")


def test_every_part_is_needed(run: Run, copy: Path, newcomers: pl.DataFrame) -> None:
    parts = [path for path in copy.rglob("*") if path.is_file()]
    assert len(parts) >= 5
    for part in parts:
        content = part.read_bytes()
        part.unlink()
        refused(score(run, copy, newcomers), "")
        part.write_bytes(content)
    assert score(run, copy, newcomers).code == 0


def test_a_newer_format(run: Run, copy: Path, newcomers: pl.DataFrame) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    refused(score(run, copy, newcomers), "format 99", "upgrade tabkit-ml")


def test_what_is_no_bundle(run: Run, folder: Path, newcomers: pl.DataFrame) -> None:
    Path("plain").mkdir()
    refused(score(run, Path("plain"), newcomers), "'plain' is no bundle")
    refused(score(run, Path("new.parquet"), newcomers), "new.parquet")
    refused(score(run, Path("nowhere"), newcomers), "no bundle at 'nowhere'")
