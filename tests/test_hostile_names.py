"""Names of files that cannot be used, at each command: advice, and never a traceback."""

import os
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

from pipelines import propensity
from tabkit import BundleError, ScoringError, SourceError, bundle, frames
from tabkit.scoring.sink import check_output

NOT_UTF8 = os.fsdecode(b"caf\xe9")
TOO_LONG = {"name": "n" * 300, "path": "/".join(["d" * 40] * 107)}
COMMANDS = {
    "train": ["train", "SOURCE", "--target", "churned", "-o", "OUT"],
    "encode": ["encode", "SOURCE", "--target", "churned", "-o", "OUT.parquet"],
    "score": ["score", "MODEL", "SOURCE", "-o", "OUT.parquet"],
    "score to a folder": ["score", "MODEL", "SOURCE", "-o", "OUT/"],
    "update": ["update", "MODEL", "SOURCE", "-o", "OUT"],
    "history": ["history", "MODEL"],
    "compare": ["compare", "MODEL", "MODEL", "SOURCE"],
    "inspect": ["inspect", "MODEL"],
    "explore": ["explore", "SOURCE", "--target", "churned", "-o", "OUT.html"],
    "rules suggest": ["rules", "suggest", "SOURCE", "--target", "churned", "-o", "OUT.toml"],
    "rules score": ["rules", "score", "OUT.toml", "SOURCE", "--target", "churned"],
    "cltv fit": ["cltv", "fit", "SOURCE", "--customer", "customer", "--date", "seen_at", "-o", "OUT"],
    "cltv forecast": ["cltv", "forecast", "MODEL", "-o", "OUT.parquet"],
    "uplift report": ["uplift", "report", "MODEL", "-o", "OUT.html"],
}  # fmt: skip


def slots(line: list[str]) -> list[str]:
    return [word for word in ("MODEL", "SOURCE", "OUT") if any(word in argument for argument in line)]


def filled(line: list[str], **names: object) -> list[str]:
    for word, name in names.items():
        line = [argument.replace(word, str(name)) for argument in line]
    return line


@pytest.fixture(scope="module")
def rows(customers: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    customers.head(200).write_parquet(path)
    return path


@pytest.mark.parametrize(("name", "slot"), [(name, slot) for name, line in COMMANDS.items() for slot in slots(line)])
def test_a_path_of_4400_characters_is_refused_by_every_command(
    run, saved: Path, rows: Path, tmp_path: Path, name: str, slot: str
):
    names = {"MODEL": saved, "SOURCE": rows, "OUT": tmp_path / "out"} | {slot: TOO_LONG["path"]}
    done = run(*filled(COMMANDS[name], **names))
    assert done.code == 2, done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("name", TOO_LONG.values(), ids=TOO_LONG)
def test_the_library_refuses_names_that_are_too_long(tmp_path: Path, name: str):
    for refuse, kind in (
        (propensity.load, BundleError),
        (lambda path: bundle.check_place(path, overwrite=False), BundleError),
        (lambda path: check_output(Path(f"{path}.csv")), ScoringError),
        (lambda path: frames.scan(f"{path}.parquet"), SourceError),
    ):
        with pytest.raises(kind, match="too long") as caught:
            refuse(f"{tmp_path}/{name}")
        assert caught.value.advice


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_tables_whose_names_are_no_utf8_are_refused_as_inputs_and_outputs(run, saved: Path, rows: Path, tmp_path: Path):
    odd = tmp_path / f"{NOT_UTF8}.parquet"
    shutil.copy(rows, odd)
    for given in (odd, tmp_path, f"{tmp_path}/*.parquet"):
        done = run("score", saved, given, "-o", tmp_path / "s.csv", "--json")
        assert (done.code, done.json["error"]["stage"]) == (2, "reading")
        assert "UTF-8" in done.said
    done = run("score", saved, rows, "-o", tmp_path / f"{NOT_UTF8}.csv", "--json")
    assert (done.code, done.json["error"]["stage"]) == (2, "scoring")
    assert "UTF-8" in done.said
    assert run("train", odd, "--target", "churned", "-o", tmp_path / "m").code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_models_may_have_names_that_are_no_utf8(spawn, saved: Path, tmp_path: Path):
    odd = tmp_path / NOT_UTF8
    shutil.copytree(saved, odd)
    shown = spawn("inspect", odd, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (shown.code, "Traceback" in shown.err) == (0, False)
    assert "caf" in shown.out
    assert spawn("inspect", odd, "--json").json["bundle"] == str(odd)


@pytest.mark.parametrize(
    "settings", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_a_terminal_of_few_characters_is_no_reason_to_fail(spawn, tmp_path: Path, settings):
    table = tmp_path / "names.csv"
    names = pl.Series("name", ["Müller", "Žižek", "東京"] * 70)
    pl.DataFrame({"größe": range(210), "y": [0, 1] * 105}).with_columns(names).write_csv(table)
    for line in (
        ["encode", table, "--target", "y", "-o", tmp_path / "e.parquet"],
        ["rules", "suggest", table, "--target", "größe", "-o", tmp_path / "r.toml"],
    ):
        done = spawn(*line, env={**os.environ, **settings})
        assert "Traceback" not in done.err
        assert done.code in (0, 2)
