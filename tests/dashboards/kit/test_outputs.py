"""Commands and what stands where they shall write: their own is replaced, others' files stay as they are."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tabkit.errors import ScoringError
from tabkit.scoring import check_table
from tabkit.scoring.files import score_files

Run = Callable[..., Any]

THEIRS: dict[str, bytes] = {
    "semicolons.csv": b"customer;score\n1;0.5\n",
    "one.csv": b"note\nmine\n",
    "utf16.csv": "customer,score\n1,0.5\n".encode("utf-16"),
    "latin.csv": "customer,größe\n1,0.5\n".encode("latin-1"),
    "more.csv": b"customer,score,mine\n1,0.5,x\n",
    "empty.csv": b"",
    "empty.parquet": b"",
    "array.ndjson": b'[{"customer": "1", "score": 0.5}]\n',
    "text.parquet": b"customer,score\n1,0.5\n",
    "arrow.arrow": b"ARROW1\x00\x00",
}


@pytest.fixture
def folder(tmp_path: Path, newcomers: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    newcomers.head(50).write_parquet("new.parquet")
    newcomers.head(50).write_csv("new.csv")
    return tmp_path


def snapshot(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def refused(done: Any, *words: str) -> None:
    assert done.code == 2, done.out + done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.said


def test_scores_replace_no_table_of_others_unless_asked(run: Run, folder: Path, saved: Path) -> None:
    for name, data in THEIRS.items():
        Path(name).write_bytes(data)
        refused(run("score", saved, "new.parquet", "-o", name), "exists already", "--overwrite")
        assert Path(name).read_bytes() == data, name
    assert run("score", saved, "new.parquet", "-o", "semicolons.csv", "--overwrite").code == 0
    assert pl.read_csv("semicolons.csv").columns == ["customer", "score"]


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson", "arrow"])
def test_scores_of_the_same_run_are_replaced(run: Run, folder: Path, saved: Path, ending: str) -> None:
    for options in ([], ["--contributions", "1"]):
        output = f"out{len(options)}.{ending}"
        for _ in range(2):
            assert run("score", saved, "new.parquet", "-o", output, *options).code == 0


def test_data_with_scores_of_another_tool_stays(run: Run, folder: Path, saved: Path, newcomers: pl.DataFrame) -> None:
    scored = newcomers.with_columns(score=0.5, mine=1)
    for name, write in (("data.parquet", scored.write_parquet), ("data.arrow", scored.write_ipc)):
        write(name)
        before = Path(name).read_bytes()
        refused(run("score", saved, "new.csv", "-o", name), "exists already")
        assert Path(name).read_bytes() == before
    newcomers.select("customer", score=0.5).write_parquet("two.parquet")  # the very columns, but of another tool
    refused(run("score", saved, "new.csv", "-o", "two.parquet"), "exists already")


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_inputs_bundles_folders_and_pipes_are_never_replaced(
    run: Run, folder: Path, saved: Path, more: list[str]
) -> None:
    Path("link.parquet").symlink_to("new.parquet")
    os.link("new.parquet", "hard.parquet")
    os.mkfifo("pipe.csv")
    Path("settings.toml").write_text("contributions = 1\n", encoding="utf-8")
    Path("settings.csv").symlink_to("settings.toml")
    before, kept = snapshot(folder), snapshot(saved)
    for name in ("new.parquet", "link.parquet", "hard.parquet", "../" + folder.name + "/new.parquet"):
        refused(run("score", saved, "new.parquet", "new.csv", "-o", name, *more), "would replace its own source")
    refused(run("score", saved, "new.*", "-o", "hard.parquet", *more), "would replace its own source")
    refused(run("score", saved, "new.csv", "-o", "pipe.csv", *more), "is a pipe")
    refused(run("score", saved, "new.csv", "-o", saved / "s.csv", *more), "inside of a bundle")
    refused(run("score", saved, "new.csv", "-o", "new.csv/s.csv", *more), "no folder that you")
    refused(run("score", saved, "new.csv", "-o", "settings.csv", "--config", "settings.toml", *more), "its own source")
    assert snapshot(folder) == before
    assert snapshot(saved) == kept


def test_files_in_a_folder_of_scores_are_asked_for_too(run: Run, folder: Path, saved: Path) -> None:
    Path("out").mkdir()
    pl.DataFrame({"customer": ["1"], "score": [0.5]}).write_parquet("out/new.parquet")
    before = snapshot(folder)
    refused(run("score", saved, "new.csv", "-o", "out/"), "out/new.parquet' exists already", "--overwrite")
    assert snapshot(folder) == before
    assert run("score", saved, "new.csv", "-o", "out/", "--overwrite").code == 0
    assert run("score", saved, "new.csv", "-o", "out/").code == 0
    assert pl.read_parquet("out/new.parquet").height == 50


def test_encoded_tables_keep_to_the_rule(run: Run, folder: Path, customers: pl.DataFrame) -> None:
    customers.head(300).drop("churned").write_parquet("rows.parquet")
    encode = ["encode", "rows.parquet", "--id", "customer"]
    assert run(*encode, "-o", "e.parquet", "--save", "encoder").code == 0
    assert run(*encode, "-o", "e.parquet").code == 0
    apply = ["encode", "new.parquet", "--encoder", "encoder", "--id", "customer"]
    refused(run(*apply, "-o", "e.parquet"), "exists already")  # rows to train on are no encoded new rows
    for _ in range(2):
        assert run(*apply, "-o", "n.csv").code == 0
    for name in ("semicolons.csv", "utf16.csv"):
        Path(name).write_bytes(THEIRS[name])
        refused(run(*apply, "-o", name), "exists already")
        assert Path(name).read_bytes() == THEIRS[name]
    refused(run(*encode, "-o", "x/e.parquet", "--save", "x"), "inside of a bundle")
    refused(run(*apply, "-o", "rows.parquet"), "exists already")
    assert run(*apply, "-o", "rows.parquet", "--overwrite").code == 0


def test_files_of_rules_and_bundles_are_replaced_on_demand_alone(run: Run, folder: Path, saved: Path) -> None:
    rules = ["rules", "suggest", "gone.parquet", "--target", "churned"]
    for name, data in (("a.toml", b"[tool]\nmine = 1\n"), ("b.toml", b"format = 1\n\nrules = []\n"), ("c.toml", b"")):
        Path(name).write_bytes(data)
        refused(run(*rules, "-o", name), "exists already", "where nothing was expected")
        assert "exists already" not in run(*rules, "-o", name, "--overwrite").said
        assert Path(name).read_bytes() == data
    Path("plain").write_bytes(b"mine")
    for more in ([], ["--overwrite"]):
        refused(run("train", "new.parquet", "--target", "age", "-o", "plain", *more), "file, where a folder")
        refused(run("update", saved, "new.parquet", "-o", saved, *more), "its own source", "a bundle is never changed")
        refused(run("update", saved, "new.parquet", "-o", "u", "--report", "u/page.html", *more), "inside of a bundle")
        refused(run("update", saved, "new.parquet", "-o", "u", "--report", "new.parquet", *more), "its own source")
    assert Path("plain").read_bytes() == b"mine"


def test_pages_replace_no_page_of_others(run: Run, folder: Path, saved: Path) -> None:
    pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")
    page = b"<!DOCTYPE html>\n<html><head><title>mine</title>"
    Path("page.html").write_bytes(page)
    explore = ["explore", "new.parquet", "--target", "active"]
    cltv = ["--customer", "customer", "--date", "seen_at"]
    for line in (
        [*explore, "-o", "page.html"],
        ["update", saved, "new.parquet", "-o", "u", "--report", "page.html"],
        ["cltv", "fit", "new.parquet", *cltv, "-o", "m", "--report", "page.html"],
        ["cltv", "backtest", "new.parquet", *cltv, "--report", "page.html"],
        ["train", "new.parquet", "--target", "age", "-o", "m", "--model", "mlp", "--curve", "page.html"],
    ):
        refused(run(*line), "page.html' exists already", "'<!DOCTYPE html>'", "--overwrite")
        assert Path("page.html").read_bytes() == page
    assert not Path("m").exists()


def test_the_one_word_is_in_every_command_that_writes(run: Run) -> None:
    writing = ("train", "encode", "score", "update", "explore", "rules suggest", "uplift train", "uplift update",
               "uplift report", "cltv fit", "cltv backtest", "cltv forecast", "cltv campaigns")  # fmt: skip
    for name in writing:
        said = " ".join(run(*name.split(), "--help").out.replace("│", " ").split())
        assert "--overwrite" in said, name
        assert "Replace what stands there" in said, name


def test_from_python_it_is_the_same_word(folder: Path, model: Any) -> None:
    Path("s.csv").write_bytes(THEIRS["semicolons.csv"])
    with pytest.raises(ScoringError, match=r"(?s)exists already.*overwrite=True"):
        score_files(model, "new.parquet", "s.csv")
    score_files(model, "new.parquet", "s.csv", overwrite=True)
    score_files(model, "new.parquet", "s.csv")
    with pytest.raises(ScoringError, match="one table is written"):
        check_table("folder", "cltv forecast", ["customer"])
