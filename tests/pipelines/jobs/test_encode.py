"""`tabkit encode`: a table in, features out, with the encoder that made them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.encoding.table.saved import load


@pytest.fixture
def folder(tmp_path: Path, customers: pl.DataFrame, newcomers: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Path:
    customers.write_parquet(tmp_path / "customers.parquet")
    newcomers.write_parquet(tmp_path / "new.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_writes_features_and_the_encoder(run: Any, folder: Path, customers: pl.DataFrame) -> None:
    done = run("encode", "customers.parquet", "--target", "churned", "--id", "customer", "-o", "e.parquet",
               "--save", "encoder", "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert (done.json["rows"], done.json["out_of_fold"], done.json["saved"]) == (2000, True, "encoder")
    assert pl.read_parquet("e.parquet").shape == (2000, 2 + done.json["features"])
    again = run("encode", "new.parquet", "--encoder", "encoder", "--id", "customer", "-o", "n.parquet", "--json")
    assert again.code == 0, again.err
    assert {row["column"] for row in again.json["rates"]} >= {"city"}
    new = pl.read_parquet("new.parquet")
    assert_frame_equal(pl.read_parquet("n.parquet"), load("encoder").transform(new, keep=["customer"]))


def test_a_person_sees_the_plan_and_where_things_are(run: Any, folder: Path) -> None:
    done = run("encode", "customers.parquet", "--target", "churned", "--id", "customer", "-o", "e.parquet",
               "--save", "encoder")  # fmt: skip
    assert "fold: train" in done.out
    assert "cross-fitted" in done.out
    again = run("encode", "new.parquet", "--encoder", "encoder", "-o", "n.parquet")
    assert "unseen" in again.out


def test_encoders_are_chosen_by_settings(run: Any, folder: Path) -> None:
    settings = ["--set", "encoding.columns.city.kind=log_target", "--set", "encoding.columns.city.smoothing=5"]
    done = run("encode", "customers.parquet", "--target", "churned", "--id", "customer", "-o", "e.csv", *settings)
    assert done.code == 0, done.err
    assert "city by log target" in pl.read_csv("e.csv").columns


def test_without_a_target_nothing_is_cross_fitted(run: Any, folder: Path) -> None:
    done = run("encode", "customers.parquet", "--id", "customer", "-o", "e.parquet", "--json")
    assert (done.code, done.json["out_of_fold"]) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["customers.parquet", "--target", "churned"], "nothing is to be written"),
        (["--target", "churned", "-o", "e.parquet"], "no source is given"),
        (["customers.parquet", "--target", "churned", "-o", "folder/"], "is a folder"),
        (["customers.parquet", "--target", "churned", "-o", "customers.parquet"], "would replace its own source"),
        (["customers.parquet", "--target", "churned", "-o", "new.parquet"], "exists already"),
        (["customers.parquet", "--target", "nowhere", "-o", "e.parquet"], "nowhere"),
        (["new.parquet", "--encoder", "none", "-o", "e.parquet"], "there is no bundle"),
        (["new.parquet", "--encoder", ".", "--save", "x", "-o", "e.parquet"], "nothing is fitted or saved"),
        (["customers.parquet", "--target", "churned", "-o", "e.parquet", "--set", "encoding.columns.city.kind=foo"],
         "the kinds are"),
        (["customers.parquet", "--target", "churned", "-o", "e.parquet", "--set", "encoding.columns.city.kind=target",
          "--set", "encoding.columns.city.smooth=3"], "its parameters are"),
        (["customers.parquet", "--target", "churned", "-o", "e.parquet", "--set",
          "encoding.columns.nowhere.kind=target"], "no features: 'nowhere'"),
    ],
)  # fmt: skip
def test_mistakes_are_said_plainly_and_nothing_is_written(
    run: Any, folder: Path, arguments: list[str], said: str
) -> None:
    done = run("encode", *arguments)
    assert done.code == 2
    assert said in done.err.replace("\n", " ")
    assert sorted(path.name for path in folder.iterdir()) == ["customers.parquet", "new.parquet"]


def test_an_encoder_of_train_can_be_chosen_too(run: Any, folder: Path) -> None:
    quick = ["--set", "boosting.num_threads=1", "--set", "boosting.max_trees=20", "--set", "resamples=20"]
    done = run("train", "customers.parquet", "--target", "churned", "--id", "customer", "-o", "m", *quick,
               "--set", "encoding.columns.city.kind=codes", "--set", "encoding.past_only=true")  # fmt: skip
    assert done.code == 0, done.err
    assert run("inspect", "m", "--json").json["plan"][0]["column"]
    assert "num_cat=" in Path("m/booster.txt").read_text()
