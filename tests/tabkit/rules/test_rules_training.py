"""Rules as features of a trained model: from a file to scores, updates and the command."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines import propensity
from pipelines.jobs.settings import EncodeJob
from tabkit.errors import ConfigError, SchemaError, SourceError
from tabkit.kinds import inspect
from tabkit.predicates import Levels, Null, Range, Rule, expr
from tabkit.predictors import encode
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles
from tabkit.rules.saved import RuleFile, write
from tabkit.scoring.files import score_files

SINCE = datetime.date(2021, 6, 1)
BOX = Rule(name="box", all_of=(Range(column="age", ge=30, lt=60), Levels(column="plan", levels=("basic", "pro"))))
LATE = Rule(name="joined late", all_of=(Range(column="joined", ge=SINCE, null=True),))
NEVER = Rule(name="never", all_of=(Range(column="age", gt=200),))
RULES = [BOX, LATE, NEVER]


@pytest.fixture(scope="module")
def planted(customers: pl.DataFrame) -> pl.DataFrame:
    """Customers who churn by the rule alone, but for a tenth of noise."""
    noise = pl.Series(np.random.default_rng(0).random(customers.height) < 0.1)
    return customers.with_columns(churned=expr(BOX, customers.schema) ^ noise)


@pytest.fixture(scope="module")
def trained(planted: pl.DataFrame, roles: Roles, quick: dict[str, Any]) -> PropensityModel:
    return propensity.train(planted, roles=roles, config={**quick, "rules": RULES})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "rules.toml", RuleFile(tuple(RULES), {"source": "customers.parquet", "at": SINCE}))
    return tmp_path / "rules.toml"


def test_a_rule_that_holds_is_what_the_trees_use(trained: PropensityModel) -> None:
    importance = trained.predictor.importance()
    assert importance["feature"][0] == "box"
    assert importance["share"][0] > 0.3
    assert {"age", "plan=basic", "joined late"} <= set(trained.predictor.features)
    assert "never" not in trained.predictor.features


def test_the_model_says_that_rules_are_among_its_features(trained: PropensityModel, model: PropensityModel) -> None:
    assert any("the features ('box', 'joined late')" in hint for hint in trained.lineage["hints"])
    assert not any("Rules" in hint for hint in model.lineage["hints"])
    assert "rules" not in trained.config


def test_saved_it_scores_the_same_without_the_file(
    planted: pl.DataFrame, roles: Roles, quick: dict[str, Any], file: Path, tmp_path: Path, newcomers: pl.DataFrame
) -> None:
    found = propensity.train(planted, roles=roles, config={**quick, "rules": str(file)})
    found.save(tmp_path / "model")
    file.unlink()
    read = propensity.load(tmp_path / "model")
    before = found.score(newcomers, contributions=3).collect()
    assert_frame_equal(read.score(newcomers, contributions=3).collect(), before)
    assert before["reason_1"].str.contains("box").any()
    assert read.lineage["rules"] == {"source": "customers.parquet", "at": "2021-06-01"}
    newcomers.write_parquet(tmp_path / "new.parquet")
    score_files(read, str(tmp_path / "new.parquet"), str(tmp_path / "scores.parquet"))
    assert_frame_equal(pl.read_parquet(tmp_path / "scores.parquet"), found.score(newcomers).collect())
    plan = {row["column"]: row["why"] for row in inspect(tmp_path / "model")["plan"]}
    assert plan["box"] == '30 <= age < 60 and plan in {"basic", "pro"}'
    assert plan["joined late"] == "(joined >= 2021-06-01 or joined is null)"
    assert plan["never"] == "true in no row"


def test_rows_that_are_null_or_new_score(trained: PropensityModel, newcomers: pl.DataFrame) -> None:
    empty = newcomers.with_columns(age=pl.lit(None, dtype=pl.Float64), plan=pl.lit("unheard of"), joined=None)
    assert trained.score(empty).collect()["score"].is_between(0, 1).all()
    with pytest.raises(SchemaError, match="missing columns: 'age'"):
        trained.score(newcomers.drop("age"))


@pytest.mark.parametrize("strategy", ["recalibrate", "refit", "extend", "refit_extend", "retrain", "auto"])
def test_every_update_keeps_the_rules(
    trained: PropensityModel, make: Callable[..., pl.DataFrame], tmp_path: Path, strategy: str
) -> None:
    fresh = make(600, seed=7).select("customer", "seen_at", *trained.encoder.schema.names(), "churned")
    fresh = fresh.with_columns(pl.col("seen_at") + pl.duration(days=400), churned=expr(BOX, fresh.schema))
    new, _ = propensity.update(trained, fresh, config={"strategy": strategy, "num_threads": 1})
    assert [spec.rule["name"] for spec in new.encoder.rules] == ["box", "joined late", "never"]
    new.save(tmp_path / "new")
    read = propensity.load(tmp_path / "new")
    assert {"box", "joined late"} <= set(read.predictor.features)
    assert_frame_equal(read.score(fresh), new.score(fresh))


def test_rules_are_read_and_refused_before_any_work(
    planted: pl.DataFrame, roles: Roles, quick: dict[str, Any], tmp_path: Path
) -> None:
    def refused(rules: object, error: type[Exception], said: str, **more: Any) -> None:
        with pytest.raises(error, match=said):
            propensity.train(planted, roles=roles, config={**quick, "rules": rules, **more})

    age = Range(column="age", ge=1)
    refused(
        [
            Rule(name="a", all_of=(Range(column="agee", ge=1),)),
            Rule(name="b", all_of=(Levels(column="age", levels=("x",)),)),
        ],
        SchemaError,
        "'a' needs column 'agee'.*'age' is Int64",
    )
    refused([Rule(name="a", all_of=(age, Null(column="churned")))], ConfigError, "'churned', which has the role")
    refused([Rule(name="a", all_of=(Null(column="seen_at"),))], ConfigError, "'seen_at', which has the role")
    refused([Rule(name="a", all_of=(age,))], ConfigError, "'age', which is excluded", encoding={"exclude": ["age"]})
    refused([Rule(name="age", all_of=(age,))], ConfigError, "'age' is called like")
    refused(str(tmp_path / "none.toml"), SourceError, "cannot be read")
    refused(7, ConfigError, "rules are given as 7")
    refused([{"name": "a", "all": []}], ConfigError, "unknown keys: 'all'")


def test_settings_may_hold_rules_as_plain_data(planted: pl.DataFrame, roles: Roles, quick: dict[str, Any]) -> None:
    data = [{"name": "old", "all_of": [{"column": "age", "ge": 70}]}]
    found = propensity.train(planted, roles=roles, config={**quick, "rules": data})
    assert "old" in found.predictor.features


def test_the_command_takes_a_file_of_rules(
    run: Callable[..., Any], planted: pl.DataFrame, file: Path, tmp_path: Path
) -> None:
    planted.write_parquet(tmp_path / "customers.parquet")
    quick = ["--set", "boosting.max_trees=20", "--set", "boosting.num_threads=1", "--set", "resamples=20"]
    named = ["--target", "churned", "--id", "customer", "--time", "seen_at", *quick, "--json"]
    table = tmp_path / "customers.parquet"
    done = run("train", table, *named, "--rules", file, "-o", tmp_path / "model")
    assert done.code == 0, done.said
    assert done.json["left_out"] == {"never": "true in no row"}
    (tmp_path / "settings.toml").write_text(f"rules = {json.dumps(str(file))}\n", encoding="utf-8")
    again = run("train", table, *named, "--config", tmp_path / "settings.toml", "-o", tmp_path / "again")
    assert again.json["metrics"] == done.json["metrics"]
    shown = run("inspect", tmp_path / "model")
    assert "joined late" in shown.out
    wrong = run("train", table, "--target", "age", "--rules", file, "-o", tmp_path / "other")
    assert (wrong.code, "has the role target" in wrong.said) == (2, True)
    assert not (tmp_path / "other").exists()


def test_encode_takes_rules_too(planted: pl.DataFrame, roles: Roles) -> None:
    found = encode(planted, roles=roles, config=EncodeJob(rules=RULES))
    assert found.frame["box"].to_list() == planted.select(expr(BOX, planted.schema)).to_series().cast(int).to_list()


def test_crosses_and_rules_do_not_disturb_the_hints(planted: pl.DataFrame, roles: Roles, quick: dict[str, Any]) -> None:
    crossed = {"crosses": [{"columns": ["plan", "active"], "kind": "target", "smoothing": 10}]}
    found = propensity.train(planted, roles=roles, config={**quick, "rules": RULES, "encoding": crossed})
    assert found.encoder.source_of["box"] == "box"
