"""Experiments that no effect can be learned from: each refused with what, where and what to do, and nothing written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from experiments import KNOWN, SETTINGS, mailing

from pipelines import uplift

Run = Callable[..., Any]
ROLE_OPTIONS = ["--treatment", "arm", "--outcome", "bought", "--id", "customer"]
RANDOMISED = ["--control", "none", "--design", "randomised"]
OBSERVATIONAL = ["--control", "none", "--design", "observational"]
MEASURED = ["--set", "final=evaluated"]
"""Saves the members that were evaluated, where a test asks about names alone: no second fit on all units."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def everything() -> pl.DataFrame:
    return mailing(900)


@pytest.fixture
def people(everything: pl.DataFrame) -> pl.DataFrame:
    return everything.select(*KNOWN, "arm", "bought")


def train(
    run: Run,
    table: pl.DataFrame | None,
    *more: str,
    roles: list[str] = ROLE_OPTIONS,
    design: list[str] = RANDOMISED,
    name: str = "mailing.parquet",
) -> Any:
    if table is not None:
        table.write_csv(name) if name.endswith(".csv") else table.write_parquet(name)
    return run("uplift", "train", name, *roles, *design, "-o", "out/m", *SETTINGS, *more)


def refused(done: Any, *expected: str) -> None:
    """Exit 2, one block that says what came and what to do, and no bundle."""
    assert done.code == 2, done.err or done.out
    for text in expected:
        assert text in done.said, done.err
    assert done.said.startswith("tabkit: ")
    assert done.said.count("tabkit: ") == 1
    assert "To do: " in done.said
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not Path("out").exists() or not list(Path("out").iterdir())


# What must be said


def test_roles_control_and_design_must_be_given(run: Run, folder: Path, people: pl.DataFrame) -> None:
    people.write_parquet("mailing.parquet")
    refused(train(run, None, roles=["--outcome", "bought"]), "no treatment is given", "--treatment")
    refused(train(run, None, roles=["--treatment", "arm"]), "no outcome is given", "--outcome")
    refused(train(run, None, design=["--design", "randomised"]), "no control is given", "--control")
    refused(
        train(run, None, design=["--control", "none"]),
        "the design is not given", "--design randomised if chance", "--design observational",
    )  # fmt: skip
    refused(train(run, None, design=["--control", "none", "--design", "random"]), "design", "'randomised'")


@pytest.mark.parametrize("role", ["target", "weight", "amount", "exposure"])
def test_roles_that_make_no_sense(role: str, run: Run, folder: Path, people: pl.DataFrame) -> None:
    done = train(run, people, "--set", f"roles.{role}=visits")
    refused(done, f"use for the role {role}", "outcome, id")


def test_one_column_in_two_roles(run: Run, folder: Path, people: pl.DataFrame) -> None:
    refused(train(run, people, "--group", "customer"), "'customer' is given two")
    refused(train(run, None, roles=["--treatment", "arm", "--outcome", "arm"]), "'arm' is given two roles")


def test_columns_that_are_not_there(run: Run, folder: Path, people: pl.DataFrame) -> None:
    refused(train(run, people.drop("arm")), "'arm' (treatment)")
    refused(train(run, people.drop("bought")), "'bought' (outcome)")
    refused(train(run, people.drop("customer")), "'customer' (id)")


# Treatment


def test_one_arm_only(run: Run, folder: Path, people: pl.DataFrame) -> None:
    refused(
        train(run, people.filter(pl.col("arm") == "none")),
        "treatment 'arm'", "'none' in all", "no one to compare with", "without contact in",
    )  # fmt: skip


def test_no_one_with_the_control_label(run: Run, folder: Path, people: pl.DataFrame) -> None:
    done = train(run, people, design=["--control", "nobody", "--design", "randomised"])
    refused(done, "no row", "'nobody' as its 'arm'", "one of 'call', 'mail', 'none'")


def test_a_treatment_with_nulls(run: Run, folder: Path, people: pl.DataFrame) -> None:
    holes = people.with_columns(arm=pl.when(pl.int_range(900) >= 9).then("arm"))
    refused(train(run, holes), "treatment 'arm'", "9 of 900 rows", "arm these units")


def test_a_treatment_that_is_a_dose(run: Run, folder: Path, people: pl.DataFrame) -> None:
    refused(train(run, people.with_columns(arm=pl.lit(0.5))), "treatment 'arm' is Float64", "labels of arms")
    dates = people.with_columns(arm=pl.col("joined"))
    refused(train(run, dates), "treatment 'arm' is Date")


def test_an_arm_with_a_handful_of_rows(run: Run, folder: Path, people: pl.DataFrame) -> None:
    few = people.with_columns(arm=pl.when(pl.int_range(900) < 8).then(pl.lit("visit")).otherwise("arm"))
    refused(train(run, few), "arms with fewer", "50 rows: 'visit' (8)", "merge them with others")
    many = people.with_columns(arm=pl.when(pl.col("arm") == "none").then("arm").otherwise("customer"))
    refused(train(run, many), "arms with fewer than 50 rows", "leave them out")


def test_sixty_rows_and_fewer(run: Run, folder: Path, people: pl.DataFrame) -> None:
    refused(train(run, people.head(60)), "arms with fewer than 50 rows")
    refused(train(run, people.head(1)), "arm")
    refused(train(run, people.head(0)), "has no rows")


def test_an_empty_file(run: Run, folder: Path) -> None:
    for name in ("mailing.parquet", "mailing.csv"):
        Path(name).touch()
        refused(train(run, None, name=name), f"'{name}' is an empty", "(0 bytes)")


def test_newest_units_without_an_arm(run: Run, folder: Path, everything: pl.DataFrame) -> None:
    """Who was called long ago can not be judged by the newest units."""
    early = everything.filter((pl.col("arm") != "call") | (pl.col("sent_at").rank() < 450))
    done = train(run, early.select(*KNOWN, "sent_at", "arm", "bought"), "--time", "sent_at", "--allow-imbalance")
    refused(done, "few are in arm 'call'", "time range")


# Outcome


def test_an_outcome_with_nulls(run: Run, folder: Path, people: pl.DataFrame) -> None:
    holes = people.with_columns(bought=pl.when(pl.int_range(900) >= 7).then("bought"))
    refused(train(run, holes), "(or NaN) in 7 of 900 rows", "fill it with 0")
    nans = people.with_columns(bought=pl.when(pl.int_range(900) >= 7).then(1.5).otherwise(float("nan")))
    refused(train(run, nans), "(or NaN) in 7 of 900 rows")
    nothing = people.with_columns(bought=pl.lit(None, dtype=pl.Float64))
    refused(train(run, nothing), "(or NaN) in 900 of 900 rows")


def test_an_outcome_without_end(run: Run, folder: Path, everything: pl.DataFrame) -> None:
    table = everything.with_columns(bought=pl.when(pl.int_range(900) == 3).then(float("inf")).otherwise("spend"))
    refused(train(run, table.select(*KNOWN, "arm", "bought")), "'bought'")


def test_an_outcome_of_many_texts(run: Run, folder: Path, people: pl.DataFrame) -> None:
    table = people.with_columns(bought=pl.col("customer"))
    refused(train(run, table), "'bought' is String with 900", "text with two", "0/1")
    dates = people.with_columns(bought=pl.col("joined"))
    refused(train(run, dates), "'bought'", "Date")


@pytest.mark.parametrize("value", [True, 0, 1.5, "yes"])
def test_a_constant_outcome(value: object, run: Run, folder: Path, people: pl.DataFrame) -> None:
    refused(train(run, people.with_columns(bought=pl.lit(value))), "'bought' is constant")


def test_an_outcome_that_one_arm_alone_has(run: Run, folder: Path, people: pl.DataFrame) -> None:
    """All of one arm bought and none of the others: an effect without any error, which is no evidence."""
    done = train(run, people.with_columns(bought=pl.col("arm") == "mail"), "--json")
    assert done.code == 0, done.err
    assert done.json["arms"]["mail"]["effect"] == pytest.approx(1, abs=0.05)
    assert done.json["arms"]["mail"]["verdict"] == "none"
    assert "has no width" in done.json["arms"]["mail"]["why"]


def test_an_outcome_of_two_texts(run: Run, folder: Path, people: pl.DataFrame) -> None:
    table = people.with_columns(bought=pl.when("bought").then(pl.lit("kauf")).otherwise(pl.lit("nichts")))
    refused(train(run, table, "--positive", "purchase"), "'purchase'")
    done = train(run, None, "--positive", "kauf", "--json")
    assert done.code == 0, done.err
    assert done.json["outcome_kind"] == "binary"
    assert done.json["arms"]["mail"]["effect"] > 0


# Leaks, imbalance, overlap


def test_a_feature_that_is_the_outcome(run: Run, folder: Path, everything: pl.DataFrame) -> None:
    table = everything.select(*KNOWN, "arm", "bought", revenue=pl.col("bought").cast(pl.Int8) * 10)
    refused(train(run, table), "'revenue' tells", "'bought' without", "--exclude 'revenue'")
    money = everything.select(*KNOWN, "arm", bought=pl.col("spend"), cents=pl.col("spend") * 100)
    refused(train(run, money), "'cents' tells", "'bought' without")
    assert train(run, table, "--exclude", "revenue").code == 0


def test_a_feature_that_is_the_treatment(run: Run, folder: Path, people: pl.DataFrame) -> None:
    table = people.with_columns(channel=pl.col("arm").str.to_uppercase())
    for design in (RANDOMISED, OBSERVATIONAL):
        refused(train(run, table, design=design), "'channel' tells the treatment 'arm'", "--exclude")


def test_a_feature_that_all_but_tells_the_treatment(run: Run, folder: Path, people: pl.DataFrame) -> None:
    """Measured after contact: a number that overlaps nowhere, though it is no copy."""
    rng = np.random.default_rng(0)
    after = {"none": 0, "mail": 10, "call": 20}
    noisy = pl.col("arm").replace_strict(after, return_dtype=pl.Float64) + pl.Series(rng.normal(size=900)).round(1)
    table = people.with_columns(opened=noisy)
    refused(train(run, table), "'opened'", "--exclude 'opened'")
    done = train(run, table, design=OBSERVATIONAL)
    refused(done, "arm", "leave")


def test_no_overlap(run: Run, folder: Path, people: pl.DataFrame) -> None:
    rule = pl.when(pl.col("visits") >= 3).then(pl.lit("mail")).otherwise(pl.lit("none"))
    done = train(run, people.with_columns(arm=rule), design=OBSERVATIONAL)
    refused(done, "'visits'", "treatment 'arm' without")
    rng = np.random.default_rng(0)
    almost = pl.when(pl.Series(rng.random(900)) < 0.01).then(pl.lit("none")).otherwise(rule)
    done = train(run, people.with_columns(arm=almost), design=OBSERVATIONAL)
    refused(done, "after trimming", "no one to compare with", "leave out features")


def test_imbalance_is_named_and_can_be_allowed(run: Run, folder: Path, people: pl.DataFrame) -> None:
    leaning = people.with_columns(visits=pl.col("visits") + 2 * (pl.col("arm") == "mail"))
    refused(
        train(run, leaning),
        "called randomised", "'visits' (by", "--exclude 'visits'",
        "--strata", "--design observational", "--allow-imbalance",
    )  # fmt: skip
    assert train(run, None, "--allow-imbalance").code == 0


def test_a_feature_after_the_time_of_contact(run: Run, folder: Path, everything: pl.DataFrame) -> None:
    table = everything.select(*KNOWN, "arm", "bought", "sent_at", paid_on=pl.col("sent_at").dt.offset_by("3d"))
    done = train(run, table, "--time", "sent_at")
    refused(done, "contact: 'paid_on' in 900 rows", "--exclude 'paid_on'")


def test_repeated_and_missing_ids(run: Run, folder: Path, people: pl.DataFrame) -> None:
    refused(train(run, people.with_columns(customer=pl.lit("x"))), "id 'customer' repeats: 899 rows", "'x'")
    holes = people.with_columns(customer=pl.when(pl.int_range(900) > 2).then("customer"))
    refused(train(run, holes), "id 'customer' is null")


@pytest.mark.parametrize("groups", [1, 2, 3, 5, 12])
def test_few_groups(groups: int, run: Run, folder: Path, people: pl.DataFrame) -> None:
    """Too few to divide are refused; with a few more the intervals are what they are."""
    done = train(run, people.with_columns(house=pl.int_range(900) % groups), "--group", "house")
    if done.code:
        refused(done, "group")
    assert done.code == 2 or groups >= 3


def test_what_causalml_cannot_do(run: Run, folder: Path, everything: pl.DataFrame) -> None:
    pytest.importorskip("causalml", reason="the extra uplift is not installed")
    table = everything.select(*KNOWN, "arm", "bought", "spend", house=pl.int_range(900) // 2)
    roles = ["--treatment", "arm", "--outcome", "spend", "--id", "customer"]
    leave = ["--exclude", "bought"]
    refused(train(run, table, *leave, "--learner", "uplift_forest", roles=roles), "outcomes of 0 and 1")
    grouped = ["--group", "house", "--exclude", "spend", "--engine", "causalml", "--learner", "dr"]
    refused(train(run, table, *grouped), "clusters", "tabkit's own learner")


def test_no_features_at_all(run: Run, folder: Path, people: pl.DataFrame) -> None:
    done = train(run, people.select("customer", "arm", "bought"))
    assert done.code == 2
    assert "has no features" in done.said
    assert "Traceback" not in done.err


# Shares, strata, costs, policies


def test_shares_and_strata_of_an_observational_design(run: Run, folder: Path, people: pl.DataFrame) -> None:
    shares = ["--share", "none=0.4", "--share", "mail=0.3", "--share", "call=0.3"]
    done = train(run, people, *shares, design=OBSERVATIONAL)
    refused(done, "design is observational", "leave the shares out")
    done = train(run, None, "--strata", "city", design=OBSERVATIONAL)
    refused(done, "strata are for a randomised", "leave out the strata")
    refused(train(run, None, "--strata", "city", *shares), "strata are for a randomised")


def test_strata_that_lack_an_arm(run: Run, folder: Path, people: pl.DataFrame) -> None:
    region = pl.when(pl.col("arm") == "call").then(pl.lit("north")).otherwise(pl.lit("south"))
    mixed = pl.when(pl.int_range(900) % 2 == 0).then(pl.lit("north")).otherwise(region)
    done = train(run, people.with_columns(region=mixed), "--strata", "region")
    refused(done, "1 strata of 'region'", "arm, such as 'south'", "merge strata")


def test_a_policy_that_is_no_policy(run: Run, folder: Path, people: pl.DataFrame) -> None:
    strange = pl.when(pl.int_range(900) % 3 == 0).then(pl.lit("letter")).otherwise(pl.lit("mail"))
    done = train(run, people.with_columns(plan=strange), "--policy", "plan")
    refused(done, "policy 'plan' is no arm", "such as 'letter'", "arms are 'none', 'call', 'mail'")
    holes = pl.when(pl.int_range(900) % 3 > 0).then(pl.lit("mail"))
    refused(train(run, people.with_columns(plan=holes), "--policy", "plan"), "policy 'plan' is no arm", "None")


# Names and labels


@pytest.mark.parametrize(
    "label",
    [
        "</script><b>",
        "a\nb",
        "✉ 邮件 🎉",
        "a=b",
        " mail ",
        "",
        "low",
        '"',
        "[bold]",
        "a/b",
        "mail\x1b[31m",
    ],
)
def test_strange_labels_of_arms(label: str, run: Run, folder: Path, people: pl.DataFrame) -> None:
    table = people.with_columns(pl.col("arm").replace("mail", label))
    done = train(run, table, *MEASURED)
    assert done.code == 0, done.err
    assert "\x1b" not in done.out
    done = run("uplift", "report", "out/m", "--json")
    assert done.code == 0, done.err
    assert label in done.json["arms"]
    if done.json["page"]:
        page = Path(done.json["page"]).read_text(encoding="utf-8")
        assert "</script" not in page
        assert "<b>" not in page
    table.select(KNOWN).write_parquet("new.parquet")
    scored = run("score", "out/m", "new.parquet", "-o", "scores.parquet")
    assert scored.code == 0, scored.err
    columns = pl.read_parquet("scores.parquet").columns
    assert {f"effect_{label}", f"effect_{label}_low", f"effect_{label}_high"} <= set(columns)
    assert set(pl.read_parquet("scores.parquet")["best_arm"]) <= {label, "none", "call"}
    assert run("inspect", "out/m").code == 0


def test_labels_whose_columns_would_be_the_same(run: Run, folder: Path, people: pl.DataFrame) -> None:
    """`mail` and `mail_low` would both have a column `effect_mail_low`."""
    table = people.with_columns(pl.col("arm").replace("call", "mail_low"))
    refused(train(run, table), "'effect_mail_low'")


@pytest.mark.parametrize("name", ["best_arm", "effect_mail", "effect_mail_low"])
def test_an_id_that_is_called_like_a_score(name: str, run: Run, folder: Path, people: pl.DataFrame) -> None:
    table = people.rename({"customer": name})
    roles = ["--treatment", "arm", "--outcome", "bought", "--id", name]
    done = train(run, table, roles=roles)
    if done.code == 0:
        table.drop("arm", "bought").write_parquet("new.parquet")
        done = run("score", "out/m", "new.parquet", "-o", "scores.parquet")
        shutil.rmtree("out")
    refused(done, f"'{name}'")
    assert not Path("scores.parquet").exists()


def test_a_name_that_is_a_pattern_is_refused(run: Run, folder: Path, people: pl.DataFrame) -> None:
    refused(train(run, people.rename({"age": "^x.*$"})), "as patterns: '^x.*$'")


@pytest.mark.parametrize(
    "name",
    [
        "0/age",
        "best_arm",
        "effect_mail",
        "a\nb",
        "treated",
        "</script>",
        "arm_",
    ],
)
def test_features_with_strange_names(name: str, run: Run, folder: Path, people: pl.DataFrame) -> None:
    table = people.rename({"age": name})
    done = train(run, table, "--learner", "s", *MEASURED)
    assert done.code == 0, done.err
    table.write_parquet("new.parquet")
    done = run("score", "out/m", "new.parquet", "-o", "scores.parquet")
    assert done.code == 0, done.err
    plain = uplift.load("out/m").score(people.rename({"age": name})).collect()
    assert pl.read_parquet("scores.parquet").equals(plain)


def test_a_source_that_ends_and_other_kinds_of_files(run: Run, folder: Path, people: pl.DataFrame) -> None:
    Path("mailing.parquet").write_bytes(b"PAR1" + bytes(90) + b"PAR1")
    refused(train(run, None), "'mailing.parquet' cannot be read")
    done = train(run, people, "--json", name="mailing.csv")
    assert done.code == 0, done.err
    assert done.json["rows"] == dict(people["arm"].value_counts().iter_rows())


def test_a_bundle_that_was_damaged(run: Run, folder: Path, people: pl.DataFrame) -> None:
    assert train(run, people).code == 0
    part = max(Path("out/m").rglob("*.txt"), key=lambda path: path.stat().st_size)
    part.write_bytes(part.read_bytes()[:-5])
    people.write_parquet("new.parquet")
    for command in (
        ["uplift", "report", "out/m"],
        ["inspect", "out/m"],
        ["score", "out/m", "new.parquet", "-o", "s.csv"],
    ):
        done = run(*command)
        assert done.code == 2
        assert part.name in done.said
        assert "Traceback" not in done.err
    assert not Path("s.csv").exists()
    assert not Path("out/m.html").exists()


def test_an_output_inside_of_a_bundle(run: Run, folder: Path, people: pl.DataFrame) -> None:
    people.write_parquet("mailing.parquet")
    assert train(run, None).code == 0
    before = sorted(Path("out/m").rglob("*"))
    done = run("uplift", "train", "mailing.parquet", *ROLE_OPTIONS, *RANDOMISED, "-o", "out/m/inner", *SETTINGS)
    assert done.code == 2, done.err
    assert "out/m" in done.said
    assert sorted(Path("out/m").rglob("*")) == before
