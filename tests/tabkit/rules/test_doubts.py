"""Columns that tell the target and rows that are copies, at the doors of rules and pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dashboards.explorer.views.choice import view_for
from pipelines.jobs.explore import explore_job
from pipelines.jobs.rules import score_job, suggest_job, worth_job
from pipelines.jobs.settings import ExploreJob as ExploreConfig
from tabkit.predicates import Levels, Range, Rule
from tabkit.progress import Silent
from tabkit.propensity.ablation.study import worth
from tabkit.roles import Roles
from tabkit.rules import read

Run = Callable[..., Any]
ROLES = {"target": "churned", "id": "id"}


def customers(rows: int = 3000, seed: int = 0) -> pl.DataFrame:
    """Old nurses churn; a status and a date are known only afterwards."""
    rng = np.random.default_rng(seed)
    age, job = rng.integers(18, 80, rows), rng.choice(["clerk", "nurse", "pilot"], rows)
    churned = rng.random(rows) < np.where((age > 60) & (job == "nurse"), 0.6, 0.1)
    day = rng.integers(19_000, 19_300, rows)
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "age": age,
            "job": job,
            "income": np.exp(rng.normal(10, 0.5, rows)).round(-2),
            "status": np.where(churned, rng.choice(["left", "closed"], rows), rng.choice(["active", "paused"], rows)),
            "closed": pl.Series([int(d) if y else None for d, y in zip(day, churned, strict=True)]).cast(pl.Date),
            "churned": np.where(churned, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("doubts") / "customers.parquet"
    customers().write_parquet(path)
    return path


def suggested(source: Path, output: Path, **more: Any) -> dict[str, Any]:
    values = {"source": str(source), "roles": ROLES, "output": str(output), **more}
    return suggest_job(values, overwrite=True, progress=Silent())


def test_no_rule_is_sought_on_what_is_known_afterwards(table: Path, tmp_path: Path) -> None:
    found = suggested(table, tmp_path / "rules.toml")
    assert found["kept_out"] == ["closed", "status"]
    assert {name for row in found["rules"] for name in _columns(row["rule"])} == {"age", "job"}
    said = " ".join(found["warnings"])
    for words in ("'status' alone ranks churned", "'closed' is not null", "--exclude status", "--known status"):
        assert words in said
    assert read(tmp_path / "rules.toml").found["kept_out"] == ["closed", "status"]
    json.dumps(found)


def test_a_column_that_is_known_is_sought_on_without_a_question(table: Path, tmp_path: Path) -> None:
    found = suggested(table, tmp_path / "rules.toml", known=["status"], exclude=["closed"])
    assert {name for row in found["rules"] for name in _columns(row["rule"])} == {"status"}
    assert found["warnings"] == []
    assert read(tmp_path / "rules.toml").found["known"] == ["status"]


def test_without_leaks_nothing_is_asked(table: Path, tmp_path: Path) -> None:
    found = suggested(table, tmp_path / "rules.toml", exclude=["closed", "status"])
    assert found["warnings"] == []
    assert found["kept_out"] == []


def test_rules_of_a_file_on_such_a_column_are_asked_about(table: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "rules.toml"
    suggested(table, path, known=["status"], exclude=["closed"])
    values = {"rules": str(path), "source": str(table), "roles": ROLES}
    scored = score_job(values, progress=Silent())
    assert [len(row["asked"]) for row in scored["scores"]] == [1] * len(scored["scores"])
    assert len(scored["warnings"]) == 1  # the date is no part of a rule
    assert score_job({**values, "known": ["status"]}, progress=Silent())["warnings"] == []
    shown = run("rules", "score", path, table, "--target", "churned", "--id", "id")
    assert "replicated, known before?" in shown.out
    assert "Note: 'status' alone" in shown.out


def test_models_with_and_without_rules_are_asked_about_their_columns(table: Path, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "rules.toml"
    suggested(table, path)
    values = {"rules": str(path), "source": str(table), "roles": ROLES, "folds": 2, "boosting": {"max_trees": 10}}
    assert any("'closed' is not null" in text for text in worth_job(values, progress=Silent())["warnings"])
    left_out = {**values, "encoding": {"exclude": ["closed"], "known": ["status"]}}
    assert not worth_job(left_out, progress=Silent())["warnings"]


def test_pages_ask_at_their_head_at_the_axis_and_at_the_rule(table: Path, tmp_path: Path) -> None:
    rules, page = tmp_path / "rules.toml", tmp_path / "page.html"
    suggested(table, rules, known=["status"], exclude=["closed"])
    values = {"source": str(table), "roles": ROLES, "rules": str(rules), "output": str(page)}
    found = explore_job(values, overwrite=False, progress=Silent())
    assert any("'status' alone ranks churned" in text for text in found["warnings"])
    text = page.read_text()
    assert text.index('<ul class="warnings"') < text.index('class="counts"')
    view = view_for(ExploreConfig.model_validate(values), progress=Silent())
    assert set(view.leaks) == {"closed", "status"}
    assert "known before churned?" in view.given[0].words
    assert all(set(given.rule.columns()) <= {"age", "job", "status"} for given in view.given)


def test_the_outcome_and_the_arm_of_an_experiment_are_asked_about(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mailed = rng.random(3000) < 0.5
    frame = customers().with_columns(
        arm=pl.Series(np.where(mailed, "mail", "none")), sent=pl.Series(["monday" if one else None for one in mailed])
    )
    frame.drop("closed").write_parquet(tmp_path / "trial.parquet")
    roles = {**ROLES, "treatment": "arm"}
    found = suggested(tmp_path / "trial.parquet", tmp_path / "rules.toml", roles=roles, control="none", positive="yes")
    assert found["kept_out"] == ["sent", "status"]
    assert "known before arm?" in " ".join(found["warnings"])


def test_numbers_have_leaks_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"age": rng.integers(18, 80, 2000), "net": rng.normal(100, 20, 2000).round(2)})
    frame.with_columns(gross=(pl.col("net") * 1.19).round(2)).write_parquet(tmp_path / "bills.parquet")
    found = suggested(tmp_path / "bills.parquet", tmp_path / "rules.toml", roles={"target": "gross"})
    assert found["kept_out"] == ["net"]


def test_copies_on_both_sides_are_told_with_what_rules_do_without_them(tmp_path: Path) -> None:
    frame = customers().drop("id", "status", "closed")
    frame.write_parquet(tmp_path / "once.parquet")
    pl.concat([frame, frame[:1400]]).write_parquet(tmp_path / "twice.parquet")
    roles = {"target": "churned"}
    assert suggested(tmp_path / "once.parquet", tmp_path / "rules.toml", roles=roles)["warnings"] == []
    [said] = suggested(tmp_path / "twice.parquet", tmp_path / "rules.toml", roles=roles)["warnings"]
    assert "rows also stand" in said
    assert "with them" in said.partition("others: ")[2]
    source = {"source": str(tmp_path / "twice.parquet"), "roles": roles}
    view = view_for(ExploreConfig.model_validate(source), progress=Silent())
    assert any("also stand" in text for text in view.warnings)


def test_copies_among_the_folds_of_a_comparison_are_told() -> None:
    frame = customers().drop("id", "status", "closed")
    rule = Rule(name="old", all_of=(Range(column="age", gt=60), Levels(column="job", levels=("nurse",))))
    options: dict[str, Any] = {"rules": [rule], "roles": Roles(target="churned")}
    config = {"folds": 2, "boosting": {"max_trees": 10, "num_threads": 1}}
    assert worth(frame, **options, config=config).warnings == ()
    [said] = worth(pl.concat([frame, frame[:1400]]), **options, config=config).warnings
    assert "rows also stand" in said


def _columns(rule: dict[str, Any]) -> set[str]:
    return {condition["column"] for condition in rule["all_of"]}
