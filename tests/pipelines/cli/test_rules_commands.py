"""`tabkit rules` and `tabkit explore`, as a user runs them."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tabkit.predicates import Levels, Range, Rule, expr
from tabkit.rules import read

Run = Callable[..., Any]
PLANTED = (Range(column="age", ge=30, lt=46), Levels(column="job", levels=("retired", "student")))


def customers(rows: int, *, seed: int = 0) -> pl.DataFrame:
    """Customers of whom half churn inside of the planted rule, and 8 % elsewhere."""
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "id": np.arange(rows) + 10_000_000 * seed,
            "age": random.integers(18, 80, rows),
            "job": random.choice(["admin", "student", "retired", "blue-collar", "technician"], rows),
            "noise": random.normal(size=rows),
            "tags": [["a"]] * rows,
            "day": pl.Series(np.sort(random.integers(19_000, 20_000, rows))).cast(pl.Date),
        }
    )
    inside = frame.select(expr(Rule(all_of=PLANTED), frame.schema)).to_series().to_numpy()
    churned = random.random(rows) < np.where(inside, 0.5, 0.08)
    return frame.with_columns(churned=pl.Series(np.where(churned, "yes", "no")))


@pytest.fixture(scope="module")
def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    return customers(6_000), customers(3_000, seed=1)


@pytest.fixture
def folder(tmp_path: Path, tables: tuple[pl.DataFrame, pl.DataFrame], monkeypatch: pytest.MonkeyPatch) -> Path:
    tables[0].write_parquet(tmp_path / "customers.parquet")
    tables[1].write_parquet(tmp_path / "fresh.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ROLES = ("--target", "churned", "--id", "id")


def suggest(run: Run, *more: object) -> Any:
    return run("rules", "suggest", "customers.parquet", *ROLES, "-o", "rules.toml", *more)


def refused(done: Any, *expected: str) -> None:
    """Exit 2 with one block on standard error."""
    assert done.code == 2, done.err
    for text in expected:
        assert text in done.said, done.err
    assert done.said.count("tabkit: ") == 1
    assert "Traceback" not in done.err
    assert done.out == ""


def test_the_planted_rule_is_found_proved_scored_and_trained_with(run: Run, folder: Path) -> None:
    done = suggest(run, "--json")
    assert done.code == 0, done.err
    [best, *_] = done.json["rules"]
    rule = read("rules.toml").rules[0]
    assert set(rule.columns()) == {"age", "job"}
    assert "tags" in " ".join(done.json["notes"])
    fresh = pl.read_parquet("fresh.parquet")
    inside = fresh.filter(expr(rule, fresh.schema))
    planted = fresh.filter(expr(Rule(all_of=PLANTED), fresh.schema))
    assert inside.join(planted, on="id").height > 0.85 * max(inside.height, planted.height)

    scored = run("rules", "score", "rules.toml", "fresh.parquet", *ROLES, "--json")
    [first, *_] = scored.json["scores"]
    assert first["covered"] == inside.height
    assert first["value"] == pytest.approx((inside["churned"] == "yes").mean())
    assert first["base"] == pytest.approx((fresh["churned"] == "yes").mean())
    assert first["verdict"] == "replicated"
    assert first["before"]["value"] == pytest.approx(best["train"]["value"])
    assert "None of these rows" in scored.json["notes"][0]
    # On its own rows only those that were held out count.
    own = run("rules", "score", "rules.toml", "customers.parquet", *ROLES, "--json")
    assert own.json["rows"] == done.json["holdout"]
    assert own.json["scores"][0]["covered"] == best["holdout"]["covered"]

    settings = ("boosting.max_trees=30", "boosting.num_threads=1", "resamples=20", 'encoding.exclude=["tags"]')
    options = [part for setting in settings for part in ("--set", setting)]
    trained = run("train", "customers.parquet", *ROLES, "--rules", "rules.toml", "-o", "m", "--json", *options)
    assert trained.code == 0, trained.err
    assert run("score", "m", "fresh.parquet", "-o", "scores.parquet").code == 0
    scores = pl.read_parquet("scores.parquet")
    assert scores.join(inside, on="id")["score"].mean() > 3 * scores.join(inside, on="id", how="anti")["score"].mean()


def test_what_the_terminal_says(run: Run, folder: Path) -> None:
    said = " ".join(suggest(run).out.split())
    assert "yes: 6,000 rows, 1,800" in said
    assert "replicated" in said
    assert "Wrote rules.toml" in said
    said = " ".join(run("rules", "score", "rules.toml", "fresh.parquet", *ROLES).out.split())
    assert "yes on 3,000 rows" in said
    said = run("explore", "customers.parquet", *ROLES, "-o", "page.html").out
    assert "Wrote page.html" in said
    assert "tags (List(String)" in " ".join(said.split())
    assert "place on an axis)" in " ".join(said.split())
    assert Path("page.html").stat().st_size > 1_500_000


@pytest.mark.slow
def test_worth_judges_by_the_rows_that_were_held_out(run: Run, folder: Path) -> None:
    suggest(run)
    options = ("--set", "boosting.num_threads=1", "--set", "folds=3", "--set", "resamples=50", "--exclude", "tags")
    done = run("rules", "worth", "rules.toml", "customers.parquet", *ROLES, *options, "--json")
    assert done.code == 0, done.err
    assert done.json["unseen"] is True
    assert done.json["rows"] == 1_800
    fresh = run("rules", "worth", "rules.toml", "fresh.parquet", *ROLES, *options, "--json")
    assert fresh.json["rows"] == 3_000
    page = ("--report", "page.html") if importlib.util.find_spec("altair") else ()
    text = run("rules", "worth", "rules.toml", "customers.parquet", *ROLES, *options, *page).out
    assert not page or "log_loss" in Path("page.html").read_text(encoding="utf-8")
    assert "log_loss" in text
    assert "held out while the rules" in " ".join(text.split())


def test_the_newest_rows_are_held_out_by_time(run: Run, folder: Path, tables: Any) -> None:
    done = suggest(run, "--time", "day", "--json")
    assert done.json["holdout"] == pytest.approx(1_800, abs=40)
    assert read("rules.toml").found["time"] == "day"
    assert all("day" not in rule.columns() for rule in read("rules.toml").rules)


def test_an_effect_is_looked_for_where_there_is_a_treatment(run: Run, folder: Path) -> None:
    random = np.random.default_rng(3)
    frame = customers(12_000, seed=3).drop("churned", "tags")
    inside = (frame["age"] < 40).to_numpy()
    treated = random.random(frame.height) < 0.5
    bought = random.random(frame.height) < 0.2 + np.where(inside & treated, 0.25, 0.0)
    frame.with_columns(arm=pl.Series(np.where(treated, "mail", "none")), bought=pl.Series(bought)).write_parquet(
        "e.parquet"
    )
    options = ("--target", "bought", "--id", "id", "--treatment", "arm", "--control", "none")
    done = run("rules", "suggest", "e.parquet", *options, "-o", "effects.toml", "--json")
    assert done.code == 0, done.err
    [best, *_] = done.json["rules"]
    assert best["rule"]["all_of"][0]["column"] == "age"
    assert best["holdout"]["value"] == pytest.approx(0.25, abs=0.08)
    assert best["holdout"]["base"] == pytest.approx(0.09, abs=0.04)
    page = run("explore", "e.parquet", *options, "-o", "page.html", "--json")
    assert page.json["goal"] == "difference in bought between mail and none"


# Bad input


def test_files_that_are_there_stay(run: Run, folder: Path) -> None:
    Path("rules.toml").write_text("mine", encoding="utf-8")
    refused(suggest(run), "exists already", "'mine'", "--overwrite")
    assert Path("rules.toml").read_text(encoding="utf-8") == "mine"
    Path("page.html").write_text('<html><div id="page">mine</div></html>', encoding="utf-8")
    refused(run("explore", "customers.parquet", *ROLES, "-o", "page.html"), "exists already")
    assert Path("page.html").read_text(encoding="utf-8") == '<html><div id="page">mine</div></html>'
    # A page of its own is replaced.
    assert run("explore", "customers.parquet", *ROLES, "-o", "new.html", "--no-suggest").code == 0
    assert run("explore", "customers.parquet", *ROLES, "-o", "new.html", "--no-suggest").code == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("explore", "customers.parquet", "-o", "x.html"), ("no target is given", "--target")),
        (("explore", "customers.parquet", "--target", "churn", "-o", "x.html"), ("'churn'", "'churned'")),
        (("explore", "nothing.parquet", *ROLES, "-o", "x.html"), ("nothing.parquet",)),
        (("explore", "customers.parquet", *ROLES, "-o", "x.txt"), (".html",)),
        (("explore", "customers.parquet", *ROLES), ("no output is given",)),
        (("explore", "customers.parquet", *ROLES, "-o", "x.html", "--serve"), ("not both",)),
        (("explore", "customers.parquet", *ROLES, "-o", "x.html", "--show", "mine"), ("no rule 'mine'",)),
        (("explore", "customers.parquet", "--target", "tags", "-o", "x.html"), ("List",)),
        (("explore", "customers.parquet", *ROLES, "--positive", "maybe", "-o", "x.html"), ("'maybe'",)),
        (("explore", "customers.parquet", *ROLES, "--treatment", "job", "-o", "x.html"), ("--control",)),
        (("rules", "suggest", "customers.parquet", *ROLES, "-o", "rules.json"), (".toml",)),
        (("rules", "suggest", "customers.parquet", *ROLES), ("no output is given",)),
        (("rules", "score", "missing.toml", "fresh.parquet", *ROLES), ("missing.toml",)),
    ],
    ids=lambda value: " ".join(map(str, value))[:60] if isinstance(value, tuple) else "",
)
def test_mistakes_are_explained(run: Run, folder: Path, arguments: tuple[str, ...], expected: tuple[str, ...]) -> None:
    refused(run(*arguments), *expected)
    assert {path.name for path in folder.iterdir()} == {"customers.parquet", "fresh.parquet"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[rules]]\nname = "a"\nall_of = [{column = "agee", ge = 3}]', ("'agee', which is not there", "'age'")),
        ('[[rules]]\nname = "a"\nall_of = [{column = "job", ge = 3}]', ("'job' is String",)),
        ('[[rules]]\nname = "a"\nall_of = [{column = "age", levels = ["x"]}]', ("numbers were expected, not 'x'",)),
        ('[[rules]]\nname = "a"\nall_of = [{column = "age", ge = 5, lt = 3}]', ("'a'", "is empty")),
        ('[[rules]]\nname = "a"\nall_of = [{column = "age", expression = "os.system"}]', ("unknown keys",)),
        ('[[rules]]\nname = "a"\n[[rules]]\nname = "a"', ("several rules called 'a'",)),
        ('[[rules]]\nname = "a"\nall_of = [{column = "churned", levels = ["yes"]}]', ("'churned'",)),
        ('[found]\ntried = "many"\n[[rules]]\nname = "a"', ("tried under found", "a whole number")),
        ("[found]\ntried = inf", ("tried under found", "a whole number")),
        ('[[rules]]\nname = "a"\nmeasured = {train = {lift = "abc"}}', ("'a'", "measured.train.lift is 'abc'")),
        (f'[[rules]]\nname = "a"\nall_of = [{{column = "age", ge = {10**400}}}]', ("'a'", "64 bits")),
        ("rules = [", ("not TOML",)),
        ("rules = []", ("holds no rules",)),
        ("format = 2", ("format 2",)),
    ],
)
def test_files_of_rules_that_do_not_fit(run: Run, folder: Path, text: str, expected: tuple[str, ...]) -> None:
    Path("rules.toml").write_text(text, encoding="utf-8")
    refused(run("rules", "score", "rules.toml", "fresh.parquet", *ROLES), *expected)
    if "no rules" not in expected[0]:
        page = ("--rules", "rules.toml", "-o", "page.html")
        refused(run("explore", "fresh.parquet", *ROLES, "--no-suggest", *page), *expected)
    assert Path("rules.toml").read_text(encoding="utf-8") == text


def test_a_target_that_is_missing_in_places_is_left_out_and_said(run: Run, folder: Path) -> None:
    frame = pl.read_parquet("customers.parquet")
    frame.with_columns(pl.when(pl.col("age") > 20).then("churned").alias("churned")).write_parquet("gaps.parquet")
    done = run("explore", "gaps.parquet", *ROLES, "-o", "x.html", "--json")
    gaps = frame.filter(pl.col("age") <= 20).height
    assert f"{gaps:,} rows" in " ".join(done.json["notes"])
    assert "null target" in " ".join(done.json["notes"])
    assert done.json["rows"] == 6_000 - gaps


def test_one_day_divides_nothing_and_that_is_said(run: Run, folder: Path) -> None:
    frame = pl.read_parquet("customers.parquet").with_columns(day=pl.lit(0).cast(pl.Date))
    frame.write_parquet("day.parquet")
    done = run("rules", "suggest", "day.parquet", *ROLES, "--time", "day", "-o", "r.toml", "--json")
    assert done.code == 0, done.err
    assert {"age", "job"} == set(read("r.toml").rules[0].columns())
    assert "have one time (day 1970-01-01)" in " ".join(done.json["notes"])


def test_rows_of_one_group_prove_nothing_of_others(run: Run, folder: Path) -> None:
    pl.read_parquet("customers.parquet").with_columns(shop=pl.lit("a")).write_parquet("shop.parquet")
    done = run("rules", "suggest", "shop.parquet", *ROLES, "--group", "shop", "-o", "r.toml", "--json")
    assert done.code == 0, done.err
    assert done.json["rules"] == []
    assert "have one group (shop a)" in " ".join(done.json["notes"])
    assert "too few clusters" in " ".join(done.json["notes"])


def test_few_rows_prove_nothing_and_say_so(run: Run, folder: Path) -> None:
    frame = pl.read_parquet("customers.parquet")
    pl.concat([frame.filter(churned=label).head(15) for label in ("yes", "no")]).write_parquet("few.parquet")
    refused(run("rules", "suggest", "few.parquet", *ROLES, "-o", "r.toml"), "too few")
    done = run("explore", "few.parquet", *ROLES, "-o", "x.html", "--json")
    assert done.code == 0, done.err
    assert done.json["holdout"] == 0
    assert "nothing can be proved" in " ".join(done.json["notes"])


# Serving


def test_a_server_starts_answers_saves_and_stops(command: list[str], folder: Path) -> None:
    line = [*command, "explore", "customers.parquet", *ROLES, "--serve", "--rules", "mine.toml", "--no-suggest"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert process.stderr is not None
    url = ""
    for said in process.stderr:
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", said)
        if found:
            url = found.group(0)
            break
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert b"Your rule" in answer.read()
    rule = {"name": "young", "all_of": [{"column": "age", "lt": 30}]}
    base, token = url.split("/?token=")
    request = urllib.request.Request(
        f"{base}/api/save",
        data=json.dumps({"rule": rule, "tried": 2}).encode(),
        headers={"X-Tabkit-Token": token, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert "Saved young" in json.load(answer)["words"]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "stopped" in out
    assert [rule.name for rule in read(folder / "mine.toml").rules] == ["young"]
    assert read(folder / "mine.toml").found["tried"] == 2


def test_a_port_in_use_is_refused(run: Run, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("explore", "customers.parquet", *ROLES, "--serve", "--port", port, "--no-suggest")
    refused(done, f"port {port} is in use")
