import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import propensity
from tabkit import bundle, frames
from tabkit.errors import SchemaError, ScoringError, SourceError
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles
from tabkit.scoring import run
from tabkit.scoring.files import plan_outputs, score_files


@pytest.fixture
def folder(tmp_path: Path, newcomers: pl.DataFrame) -> Path:
    """Two sources of 300 and 200 rows."""
    (tmp_path / "new").mkdir()
    newcomers[:300].write_parquet(tmp_path / "new" / "a.parquet")
    newcomers[300:].write_parquet(tmp_path / "new" / "b.parquet")
    return tmp_path


@pytest.fixture(scope="module")
def expected(model: PropensityModel, newcomers: pl.DataFrame) -> pl.DataFrame:
    return model.score(newcomers).collect()


def test_one_file_holds_all_rows_in_the_order_of_the_sources(
    model: PropensityModel, folder: Path, expected: pl.DataFrame
) -> None:
    report = score_files(model, [folder / "new/b.parquet", folder / "new/a.parquet"], folder / "out.parquet")
    assert pl.read_parquet(folder / "out.parquet").equals(pl.concat([expected[300:], expected[:300]]))
    assert report.rows == 500
    assert report.outputs == (str(folder / "out.parquet"),)
    assert report.unseen == {}
    assert report.extra_columns == ()
    assert report.seconds > 0
    assert report.to_dict()["rows"] == 500


def test_a_folder_of_scores_is_one_answer_and_says_of_which_run(
    model: PropensityModel, saved: Path, folder: Path, expected: pl.DataFrame
) -> None:
    out = folder / "scores"
    score_files(PropensityModel.load(saved), [folder / "new"], out)
    first, second = (run.of(out / name) for name in ("a.parquet", "b.parquet"))
    assert first is not None
    assert second is not None
    assert first["facts"]["model"] == bundle.read(saved).checksum
    assert first["source"] == str(folder / "new" / "a.parquet")
    assert first["run"] == second["run"]
    assert pl.read_parquet(out).equals(expected)
    assert frames.scan(out).collect().equals(expected)
    assert frames.scan(f"{out}/*").collect().equals(expected)
    with pytest.raises(ScoringError, match=r"by another model.*: 'b\.parquet'"):
        score_files(model, folder / "new/a.parquet", out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ScoringError, match=r"notes\.txt"):
        score_files(model, [folder / "new"], out)
    assert frames.scan(out).collect().equals(expected)


@pytest.mark.parametrize("output", ["scores/", "scores", "deep/er/scores/"])
def test_a_folder_gets_a_file_per_source(
    model: PropensityModel, folder: Path, expected: pl.DataFrame, output: str
) -> None:
    report = score_files(model, [str(folder / "new" / "*.parquet")], f"{folder}/{output}")
    assert [Path(name).name for name in report.outputs] == ["a.parquet", "b.parquet"]
    found = pl.concat([pl.read_parquet(name) for name in report.outputs])
    assert found.equals(expected)


def test_an_existing_folder_is_one_whatever_its_name(model: PropensityModel, folder: Path) -> None:
    (folder / "scores.v2").mkdir()
    report = score_files(model, folder / "new/a.parquet", folder / "scores.v2")
    assert report.outputs == (str(folder / "scores.v2" / "a.parquet"),)


@pytest.mark.parametrize("ending", [".csv", ".ndjson", ".arrow"])
def test_other_formats(model: PropensityModel, folder: Path, expected: pl.DataFrame, ending: str) -> None:
    path = folder / f"out{ending}"
    score_files(model, [folder / "new"], path)
    read: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".csv": lambda p: pl.read_csv(p, schema_overrides={"customer": pl.String}),
        ".ndjson": pl.read_ndjson,
        ".arrow": pl.read_ipc,
    }
    assert read[ending](path).equals(expected)


def test_sources_may_differ_in_format_order_and_extra_columns(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path, expected: pl.DataFrame
) -> None:
    first = newcomers[:100].with_columns(more=pl.lit(1))
    first.select(sorted(first.columns, reverse=True)).write_parquet(tmp_path / "1.parquet")
    newcomers[100:250].write_csv(tmp_path / "2.csv")
    newcomers[250:400].with_columns(other=pl.lit("x")).write_ndjson(tmp_path / "3.ndjson")
    newcomers[400:].with_columns(pl.col("customer", "plan").cast(pl.Categorical)).write_ipc(tmp_path / "4.arrow")
    report = score_files(model, sorted(tmp_path.iterdir()), tmp_path / "out.csv")
    found = pl.read_csv(tmp_path / "out.csv", schema_overrides={"customer": pl.String})
    assert found.equals(expected)
    assert set(report.extra_columns) == {"more", "other"}


def test_columns_that_were_there_in_training_are_no_news(
    make: Callable[..., pl.DataFrame], tmp_path: Path, quick: dict[str, Any]
) -> None:
    table = make(400).select("customer", "plan", "calls", "age", "city", "churned").with_columns(constant=pl.lit(1))
    settings = {**quick, "encoding": {"exclude": ["city"]}}
    model = propensity.train(table, roles=Roles(id="customer", target="churned"), config=settings)
    table.with_columns(more=pl.lit(0)).write_parquet(tmp_path / "new.parquet")
    assert score_files(model, [tmp_path / "new.parquet"], tmp_path / "out/").extra_columns == ("more",)
    kept = score_files(model, [tmp_path / "new.parquet"], tmp_path / "out/", keep=["more"])
    assert kept.extra_columns == ()


@pytest.mark.parametrize("contributions", [0, 2])
@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_no_rows_give_an_empty_table(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path, ending: str, contributions: int
) -> None:
    newcomers.head(0).write_parquet(tmp_path / "none.parquet")
    newcomers.head(0).write_csv(tmp_path / "none.csv")
    report = score_files(model, [tmp_path / f"none{ending}"], tmp_path / "out.parquet", contributions=contributions)
    assert report.rows == 0
    assert pl.read_parquet_schema(tmp_path / "out.parquet") == {
        "customer": pl.String, **model.outputs(contributions=contributions),
    }  # fmt: skip


def test_unseen_levels_are_counted_over_all_sources(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path
) -> None:
    strange = newcomers.with_columns(city=pl.when(pl.int_range(500) % 100 == 0).then(pl.lit("?")).otherwise("city"))
    for i in range(2):
        strange[i * 250 : (i + 1) * 250].write_parquet(tmp_path / f"{i}.parquet")
    report = score_files(model, [tmp_path / "0.parquet", tmp_path / "1.parquet"], tmp_path / "out/")
    assert report.unseen == {"city": 5}


def test_null_and_repeated_ids_are_carried_through(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path
) -> None:
    rows = newcomers.with_columns(customer=pl.when(pl.int_range(500) < 3).then(None).otherwise(pl.lit("twice")))
    rows.write_parquet(tmp_path / "new.parquet")
    score_files(model, [tmp_path / "new.parquet"], tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet")["customer"].equals(rows["customer"], null_equal=True)


def test_ids_of_two_widths_join_and_ids_of_two_kinds_do_not(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path
) -> None:
    number = pl.col("customer").cast(pl.Int64)
    newcomers.with_columns(number).write_parquet(tmp_path / "long.parquet")
    newcomers.with_columns(number.cast(pl.Int32)).write_parquet(tmp_path / "short.parquet")
    newcomers.write_parquet(tmp_path / "text.parquet")
    score_files(model, [tmp_path / "short.parquet", tmp_path / "long.parquet"], tmp_path / "out.parquet")
    assert pl.read_parquet_schema(tmp_path / "out.parquet")["customer"] == pl.Int64
    both = [tmp_path / "long.parquet", tmp_path / "text.parquet"]
    with pytest.raises(SchemaError, match=r"'customer'.*Int64.*long\.parquet'.*String.*text\.parquet'"):
        score_files(model, both, tmp_path / "out.parquet")
    assert score_files(model, both, tmp_path / "out/").rows == 1000


def test_the_file_that_does_not_fit_is_named(model: PropensityModel, newcomers: pl.DataFrame, folder: Path) -> None:
    newcomers.drop("age").write_parquet(folder / "new" / "c.parquet")
    with pytest.raises(SchemaError, match=r"c\.parquet'.*model; missing.*'age'"):
        score_files(model, [folder / "new"], folder / "out/")
    assert not (folder / "out").exists()


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_many_small_files_are_read_by_one_reader(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path, expected: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch, ending: str,
) -> None:  # fmt: skip
    write: dict[str, Callable[..., Any]] = {
        "parquet": pl.DataFrame.write_parquet, "csv": pl.DataFrame.write_csv, "ndjson": pl.DataFrame.write_ndjson
    }  # fmt: skip
    (tmp_path / "many").mkdir()
    for i in range(100):
        more = [] if ending == "csv" else [pl.lit(i).alias("more")] * (i % 3 == 1)
        write[ending](newcomers[5 * i : 5 * i + 5].with_columns(more), tmp_path / f"many/{i:03d}.{ending}")
    opened = []
    score = PropensityModel.score
    monkeypatch.setattr(PropensityModel, "score", lambda *a, **k: opened.append(1) or score(*a, **k))
    report = score_files(model, tmp_path / "many", tmp_path / "out.parquet")
    assert len(opened) == 1
    assert report.rows == 500
    assert report.extra_columns == (() if ending == "csv" else ("more",))
    assert pl.read_parquet(tmp_path / "out.parquet").equals(expected)


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_many_small_files_get_an_output_each(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path, expected: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch, ending: str,
) -> None:  # fmt: skip
    write: dict[str, Callable[..., Any]] = {
        "parquet": pl.DataFrame.write_parquet, "csv": pl.DataFrame.write_csv, "ndjson": pl.DataFrame.write_ndjson
    }  # fmt: skip
    (tmp_path / "many").mkdir()
    more = pl.when(pl.int_range(500) > 300).then(0.5).otherwise(1.0).alias("more")
    rows = newcomers.with_columns(more)
    places = [(5 * i, 5 * i + 5 if i != 7 else 5 * i) for i in range(100)]
    for i, (start, end) in enumerate(places):
        if ending != "ndjson" or end > start:
            write[ending](rows[start:end], tmp_path / f"many/{i:03d}.{ending}")
    opened = []
    score = PropensityModel.score
    monkeypatch.setattr(PropensityModel, "score", lambda *a, **k: opened.append(1) or score(*a, **k))
    report = score_files(model, tmp_path / "many", tmp_path / "out/", keep=["more"])
    assert len(opened) < 10
    assert report.rows == 495
    for name in report.outputs:
        start, end = places[int(Path(name).stem)]
        one = pl.read_parquet(name)
        assert one.select("customer", "score").equals(expected[start:end].select("customer", "score"))
        assert one["more"].equals(rows["more"][start:end])


def test_the_file_that_does_not_fit_is_named_among_many(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path
) -> None:
    for i in range(4):
        newcomers[5 * i : 5 * i + 5].write_ndjson(tmp_path / f"{i}.ndjson")
    newcomers[:5].with_columns(age=pl.lit("old")).write_ndjson(tmp_path / "2.ndjson")
    with pytest.raises(SchemaError, match=r"2\.ndjson': .* 'age' was"):
        score_files(model, tmp_path / "*.ndjson", tmp_path / "out.parquet")


def test_a_bad_last_source_leaves_every_output_as_it_was(
    model: PropensityModel, folder: Path, newcomers: pl.DataFrame
) -> None:
    newcomers.with_columns(spend=pl.lit(float("inf"))).write_parquet(folder / "new" / "c.parquet")
    (folder / "out").mkdir()
    (folder / "out" / "a.parquet").write_bytes(b"old")
    with pytest.raises(ScoringError, match="infinite values in 'spend'"):
        score_files(model, [folder / "new"], folder / "out", overwrite=True)
    assert [path.name for path in (folder / "out").iterdir()] == ["a.parquet"]
    assert (folder / "out" / "a.parquet").read_bytes() == b"old"


def test_numbers_that_became_text_in_csv_are_refused(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path
) -> None:
    newcomers.with_columns(age=pl.lit("old")).write_csv(tmp_path / "new.csv")
    with pytest.raises(SourceError, match=r"new\.csv'.*read.*parse `old`.*'age'"):
        score_files(model, [tmp_path / "new.csv"], tmp_path / "out.csv")


def test_name_clashes_are_refused() -> None:
    with pytest.raises(ScoringError, match=r"several sources.*'out/a\.parquet'"):
        plan_outputs(["x/a.parquet", "y/a.csv", "z/b.csv"], "out/")
    with pytest.raises(ScoringError, match=r"several sources"):
        plan_outputs(["a.csv.gz", "a.parquet"], "out/")


def test_no_source_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(folder / "new" / "a.parquet")
    (folder / "link").symlink_to(folder / "new")
    monkeypatch.chdir(folder / "new")
    for output in (source, folder / "new", f"{folder}/new/", folder / "link" / "a.parquet", "a.parquet", "./"):
        with pytest.raises(ScoringError, match="would replace its own source"):
            plan_outputs([source], output)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("out.xlsx", r"end.*known format"),
        ("out.parquet.bak", r"end.*known format"),
        ("s3://bucket/out.parquet", "is a URL"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused(output: str, message: str) -> None:
    with pytest.raises(ScoringError, match=message):
        plan_outputs(["a.parquet"], output)


def test_a_closed_place_is_found_before_the_work(
    model: PropensityModel, newcomers: pl.DataFrame, open_folder: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:  # fmt: skip
    newcomers.write_parquet(open_folder / "new.parquet")
    closed = open_folder / "closed"
    closed.mkdir()
    (closed / "new.parquet").write_bytes(b"old")
    closed.chmod(0o555)
    with unprivileged(), pytest.raises(ScoringError, match=r"folder.*write"):
        score_files(model, [open_folder / "new.parquet"], closed)
    assert (closed / "new.parquet").read_bytes() == b"old"


def test_progress_counts_every_row(model: PropensityModel, folder: Path) -> None:
    told: dict[str, Any] = {"done": 0.0}

    class Recorder:
        def task(self, label: str, *, total: float | None = None) -> "Recorder":
            told.update(label=label, total=total)
            return self

        def __enter__(self) -> Callable[[float], None]:
            return self.advance

        def __exit__(self, *_: object) -> None:
            pass

        def advance(self, amount: float) -> None:
            told["done"] += amount

    score_files(model, [folder / "new"], folder / "out/", progress=Recorder())  # type: ignore[arg-type]
    assert told == {"label": "scoring", "total": 500.0, "done": 500.0}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_memory_does_not_grow_with_the_table(saved: Path, newcomers: pl.DataFrame, tmp_path: Path) -> None:
    script = tmp_path / "peak.py"
    script.write_text(
        "import re, sys\n"
        "from pipelines import propensity\n"
        "from tabkit.scoring.files import score_files\n"
        "score_files(propensity.load(sys.argv[1]), sys.argv[3:], sys.argv[2])\n"
        # Not getrusage: its peak outlives exec, and would be that of the tests.
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
    )

    def peak(*sources: Path) -> float:
        done = subprocess.run(
            [sys.executable, script, saved, tmp_path / "out.parquet", *sources],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        return float(done.stdout) / 1024

    # Numbers and ids that differ from row to row, so that the larger table is larger in memory too.
    def grow(rows: int, path: Path) -> Path:
        picked = newcomers.sample(rows, with_replacement=True, seed=rows)
        picked.with_columns(
            customer="id of customer " + pl.int_range(rows).cast(pl.String), spend=pl.int_range(rows) / 7
        ).write_parquet(path, row_group_size=50_000)
        return path

    # The smaller one is large enough to fill all buffers, which takes some ten row groups.
    rows = 1_200_000
    small, large = grow(rows, tmp_path / "small.parquet"), grow(4 * rows, tmp_path / "large.parquet")
    parts = [grow(rows // 2 + i, tmp_path / f"part{i}.parquet") for i in range(8)]
    held = 4 * pl.read_parquet(small).estimated_size("mb")
    base, one, many = peak(small), peak(large), peak(*parts)
    assert one - base < held / 3, (base, one, many, held)
    assert many - base < held / 3, (base, one, many, held)


def test_a_table_that_holds_no_scores_is_not_replaced(
    model: PropensityModel, folder: Path, customers: pl.DataFrame
) -> None:
    kept = folder / "customers.parquet"
    customers.write_parquet(kept)
    before = kept.read_bytes()
    with pytest.raises(ScoringError, match="exists already"):
        score_files(model, folder / "new/a.parquet", kept)
    assert kept.read_bytes() == before
    for _ in range(2):  # scores are replaced by newer ones
        score_files(model, folder / "new/a.parquet", folder / "scores.parquet")
    assert pl.read_parquet(folder / "scores.parquet").height == 300


def test_standard_output_is_no_file(model: PropensityModel, folder: Path) -> None:
    with pytest.raises(ScoringError, match="standard output"):
        score_files(model, folder / "new/a.parquet", "-")


@pytest.mark.parametrize("name", ["_a.parquet", ".a.parquet"])
def test_scores_that_readers_of_folders_would_pass_over_are_refused(
    model: PropensityModel, folder: Path, name: str
) -> None:
    (folder / "new" / "a.parquet").rename(folder / "new" / name)
    with pytest.raises(ScoringError, match=r"passed.*folders"):
        score_files(model, [folder / "new" / name], folder / "scores/")


def test_a_source_that_leads_into_the_folder_is_never_replaced(model: PropensityModel, folder: Path) -> None:
    columns = ["plan", "city", "age", "spend", "calls", "active", "joined"]
    score_files(model, folder / "new" / "a.parquet", folder / "scores", keep=columns)
    (folder / "link.parquet").symlink_to(folder / "scores" / "a.parquet")
    before = (folder / "scores" / "a.parquet").read_bytes()
    with pytest.raises(ScoringError, match="never replaced"):
        score_files(model, folder / "link.parquet", folder / "scores", overwrite=True)
    assert (folder / "scores" / "a.parquet").read_bytes() == before
