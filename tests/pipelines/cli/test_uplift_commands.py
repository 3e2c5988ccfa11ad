"""`tabkit uplift` and what other commands do with its bundles, as a user runs them."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from experiments import KNOWN, QUICK, ROLES, SETTINGS, mailing
from rich.console import Console

from pipelines import uplift
from pipelines.cli.views.uplift import update_view
from tabkit.propensity.updating.trials import ScoredTrial
from tabkit.propensity.updating.update import UpdateReport
from tabkit.updates import Trial
from tabkit.uplift.updating import UpliftUpdate

Run = Callable[..., Any]
ROLE_OPTIONS = ["--treatment", "arm", "--outcome", "bought", "--id", "customer"]
DESIGN = ["--control", "none", "--design", "randomised"]
drawable = pytest.mark.skipif(
    importlib.util.find_spec("altair") is None, reason="the extra dashboards is not installed"
)


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    return mailing(1500).select(*KNOWN, "arm", "bought")


@pytest.fixture(scope="module")
def bundle(people: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uplift") / "mail"
    uplift.train(people, roles=ROLES, config=QUICK).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, people: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Path:
    people.write_parquet(tmp_path / "mailing.parquet")
    mailing(400, seed=1).select(KNOWN).write_parquet(tmp_path / "new.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(run: Run, *more: object, output: str = "m") -> Any:
    options = [*ROLE_OPTIONS, *DESIGN, "-o", output, *SETTINGS, "--set", "final=evaluated"]
    return run("uplift", "train", "mailing.parquet", *options, *more)


def refused(done: Any, *expected: str) -> None:
    """Exit 2 with one block on standard error."""
    assert done.code == 2, done.err
    for text in expected:
        assert text in done.said, done.err
    assert done.said.count("tabkit: ") == 1
    assert "To do: " in done.said
    assert "Traceback" not in done.err
    assert done.out == ""


# uplift train


def test_training_says_effects_and_verdicts(run: Run, folder: Path) -> None:
    done = train(run)
    assert done.code == 0, done.err
    assert done.err == ""
    text = " ".join(done.out.split())
    assert "none: 1,500" in text
    assert "600 held-out" in text
    assert "mail: ranking" in text
    assert "call: no evidence" in text or "call: average effect only" in text
    assert "Saved m, " in text
    assert {path.name for path in folder.iterdir()} == {"mailing.parquet", "new.parquet", "m"}


def test_training_as_json(run: Run, folder: Path) -> None:
    done = train(run, "--json")
    assert done.code == 0, done.err
    assert set(done.json) == {
        "bundle", "checksum", "seconds", "arms", "checks", "rows", "held_out", "design", "outcome", "outcome_kind",
        "control", "learner", "policies", "positive", "warnings", "units", "page",
    }  # fmt: skip
    assert (done.json["bundle"], done.json["page"]) == ("m", None)
    assert done.json["arms"]["mail"]["verdict"] == "usable"
    assert uplift.load("m").checksum == done.json["checksum"]


@drawable
def test_training_writes_its_trust_report(run: Run, folder: Path) -> None:
    assert train(run, "--report", "m/trust.html").code == 2
    assert not Path("m").exists()
    done = train(run, "--report", "trust.html")
    assert "trust.html" in done.out
    assert "usable" in Path("trust.html").read_text(encoding="utf-8")


def test_options_files_and_settings_say_the_same(run: Run, folder: Path) -> None:
    first = train(run, "--json", "--learner", "x", "--cost", "mail=0.05", "--cost", "call=0.01", "--exclude", "city")
    Path("settings.toml").write_text(
        'source = "mailing.parquet"\noutput = "n"\ncontrol = "none"\ndesign = "randomised"\nlearner = "x"\n'
        "members = 3\nresamples = 200\n"
        '[roles]\ntreatment = "arm"\noutcome = "bought"\nid = "customer"\n'
        '[costs]\nmail = 0.05\ncall = 0.01\n[encoding]\nexclude = ["city"]\n'
        + "".join(
            f"[{name}]\nnum_threads = 1\nmax_trees = 40\nlearning_rate = 0.2\nearly_stopping_rounds = 10\n"
            for name in ("outcomes", "effects")
        )
    )
    second = run("uplift", "train", "--config", "settings.toml", "--json")
    assert second.code == 0, second.err
    assert second.json["arms"] == first.json["arms"]
    assert uplift.load("n").decision.costs == (0.01, 0.05)
    assert "city" not in uplift.load("n").schema().names()
    third = run("uplift", "train", "--config", "settings.toml", "--learner", "s", "-o", "o", "--json")
    assert third.json["learner"] == "s"


def test_every_option_reaches_its_setting(run: Run, folder: Path) -> None:
    table = mailing(1200).with_columns(
        plan=pl.lit("mail"), house=pl.col("customer"), region=pl.lit("north"), bought=pl.col("bought").cast(pl.String)
    )
    table.select(*KNOWN, "arm", "bought", "before", "plan", "house", "sent_at", "region").write_parquet(
        "mailing.parquet"
    )
    done = train(
        run, "--positive", "true", "--placebo", "before", "--policy", "plan", "--group", "house", "--time", "sent_at",
        "--strata", "region", "--allow-imbalance", "--engine", "tabkit", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    config = uplift.load("m").config
    assert config["placebos"] == ["before"]
    assert (config["policy"], config["strata"], config["positive"]) == ("plan", "region", "true")
    assert config["allow_imbalance"] is True
    assert uplift.load("m").roles.given() == {
        "id": "customer", "time": "sent_at", "treatment": "arm", "outcome": "bought", "group": "house",
    }  # fmt: skip
    assert done.json["checks"]["placebo_outcomes"]["passed"] is not None
    assert "column plan" in [each["policy"] for each in done.json["policies"]]


def test_planned_shares_are_checked(run: Run, folder: Path) -> None:
    shares = ["--share", "none=0.5", "--share", "mail=0.25", "--share", "call=0.25"]
    done = train(run, *shares)
    assert done.code == 0
    assert "FAILED CHECKS" in done.out
    assert "sample ratio" in done.out
    words = " ".join(done.out.split())
    assert words.count("he arms do not have the sizes that were planned") == 1
    assert "mail: no evidence" in words


@pytest.mark.parametrize("given", ["mail", "mail=", "=0.5", "mail=much", "", "mail 0.5"])
@pytest.mark.parametrize("option", ["--share", "--cost"])
def test_numbers_by_arm_that_are_none(option: str, given: str, run: Run, folder: Path) -> None:
    refused(train(run, option, given), f"{option} is {given!r}; ARM=NUMBER was expected", f"write {option} mail=0.5")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "0", "1", "-0.5", "0.9"])
def test_shares_lie_between_0_and_1_and_sum_to_1(number: str, run: Run, folder: Path) -> None:
    done = train(run, "--share", f"mail={number}", "--share", "none=0.5", "--share", "call=0.2")
    refused(done, "share", "between 0 and 1")
    refused(
        train(run, "--share", "mail=0.5", "--share", "none=0.5"), "shares are given for", "the arms are 'none', 'call'"
    )


@pytest.mark.parametrize(
    "number",
    ["nan", "inf", "-inf"],
)
def test_costs_are_finite(number: str, run: Run, folder: Path) -> None:
    refused(train(run, "--cost", f"mail={number}"), "cost")


def test_an_arm_with_an_equals_sign_of_its_own(run: Run, folder: Path, people: pl.DataFrame) -> None:
    people.with_columns(pl.col("arm").replace("mail", "a=b")).write_parquet("mailing.parquet")
    done = train(run, "--cost", "a=b=0.1", "--json")
    assert done.code == 0, done.err
    assert uplift.load("m").decision.costs == (0.1, 0.0)
    assert run("score", "m", "new.parquet", "-o", "scores.csv").code == 0
    assert "effect_a=b" in pl.read_csv("scores.csv").columns


def test_bad_options(run: Run, folder: Path) -> None:
    refused(train(run, "--learner", "best"), "learner", "'best'")
    refused(train(run, "--engine", "econml"), "engine")
    refused(train(run, "--set", "member=3"), "member")
    refused(train(run, "--set", "members=1"), "members")
    refused(train(run, "--set", "effects.num_leafs=3"), "num_leafs")
    refused(train(run, "--cost", "post=1"), "costs are given for 'post'", "'call', 'mail'")
    refused(train(run, "--policy", "nowhere"), "no policy column 'nowhere'")
    refused(train(run, "--placebo", "nowhere"), "no placebo column 'nowhere'")
    refused(train(run, "--placebo", "city"), "placebo 'city' is String")
    refused(train(run, "--strata", "nowhere"), "no column 'nowhere'")
    assert run("uplift", "train", "--no-such-option").code == 2
    assert not Path("m").exists()


def test_an_existing_bundle_is_only_replaced_when_asked(run: Run, folder: Path) -> None:
    Path("m").mkdir()
    (Path("m") / "notes.txt").write_text("mine")
    refused(train(run, "--overwrite"), "'m'")
    assert (Path("m") / "notes.txt").read_text() == "mine"
    assert train(run, output="n").code == 0
    refused(train(run, output="n"), "--overwrite")
    assert train(run, "--overwrite", output="n").code == 0


def test_without_source_or_output(run: Run, folder: Path) -> None:
    refused(run("uplift", "train", *ROLE_OPTIONS, *DESIGN, "-o", "m"), "source")
    refused(run("uplift", "train", "mailing.parquet", *ROLE_OPTIONS, *DESIGN), "output")
    refused(run("uplift", "train", "nowhere.parquet", *ROLE_OPTIONS, *DESIGN, "-o", "m"), "nowhere.parquet")


def test_an_error_as_json(run: Run, folder: Path) -> None:
    done = train(run, "--learner", "best", "--json")
    assert done.code == 2
    assert done.json["error"]["stage"] == "configuration"


# uplift update


def test_an_update_is_told_in_the_words_of_every_update(run: Run, bundle: Path, folder: Path) -> None:
    mailing(900, seed=3).select(*KNOWN, "arm", "bought").write_parquet("second.parquet")
    done = run("uplift", "update", bundle, "second.parquet", "-o", "n", "--strategy", "calibrate", "--json")
    assert done.code == 0, done.err
    told = done.json
    keep, other = told["candidates"]
    assert (told["strategy"], told["kept"], told["judged_rows"]) == ("calibrate", False, 360)
    assert [keep["name"], other["name"]] == ["keep", "calibrate"]
    assert other["loss_difference"] == pytest.approx(other["loss"] - keep["loss"])
    assert other["loss_difference_low"] < other["loss_difference"] < other["loss_difference_high"]
    assert not {"update", "tried", "judged_on", "gain", "low", "high"} & {*told, *keep}
    # The same words as those of `tabkit update`, and no other meaning of one.
    shared = {field.name for field in fields(UpdateReport)} & {field.name for field in fields(UpliftUpdate)}
    assert {"strategy", "why", "candidates", "metric", "level", "judged_rows"} <= shared <= set(told)
    assert set(other) == {field.name for field in fields(Trial)} < {field.name for field in fields(ScoredTrial)}
    console = Console(file=io.StringIO(), width=200)
    console.print(update_view(told))
    text = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]  # it is the buffer
    assert "360 of 900 new units" in text
    assert "against keep" in text
    assert told["why"] in text


# uplift report


@drawable
def test_a_report_is_shown_and_drawn_beside_the_bundle(run: Run, folder: Path) -> None:
    train(run, output="models/mail")
    before = {path: path.read_bytes() for path in Path("models/mail").rglob("*") if path.is_file()}
    done = run("uplift", "report", "models/mail")
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    for said in (
        "policy (held-out units)",
        "treat all: mail",
        "segments: mail",
        "placebo treatment",
        "drift to held-out",
    ):
        assert said in text, said
    assert "Wrote models/mail.html" in text
    page = Path("models/mail.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    for word in ("mail", "call", "bought"):
        assert word in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    after = {path: path.read_bytes() for path in Path("models/mail").rglob("*") if path.is_file()}
    assert after == before
    assert {path.name for path in Path("models").iterdir()} == {"mail", "mail.html"}


@drawable
def test_a_report_as_json(run: Run, folder: Path, bundle: Path) -> None:
    done = run("uplift", "report", bundle, "-o", "page.html", "--json")
    assert done.code == 0, done.err
    assert done.json["page"] == "page.html"
    assert done.json["bundle"] == str(bundle)
    assert done.json["arms"] == json.loads(json.dumps(done.json["arms"]))
    assert done.json["report"]["held_out"] == 600
    assert Path("page.html").exists()


@drawable
def test_a_page_never_goes_into_a_bundle_or_over_other_files(run: Run, folder: Path, bundle: Path, saved: Path) -> None:
    listed = sorted(path.name for path in bundle.iterdir())
    refused(run("uplift", "report", bundle, "-o", bundle / "page.html"), "inside of a bundle")
    refused(run("uplift", "report", bundle, "-o", bundle), "is a folder")
    refused(run("uplift", "report", bundle, "-o", saved / "page.html"), "inside of a bundle")
    refused(run("uplift", "report", bundle, "-o", "mailing.parquet"), "exists already")
    refused(run("uplift", "report", bundle, "-o", "mailing.parquet/page.html"), "cannot write")
    assert sorted(path.name for path in bundle.iterdir()) == listed
    assert run("uplift", "report", bundle, "-o", "page.html").code == 0
    assert run("uplift", "report", bundle, "-o", "page.html").code == 0  # a page of ours is replaced


@drawable
def test_the_page_of_the_folder_that_one_stands_in(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(run, output="mail")
    monkeypatch.chdir("mail")
    done = run("uplift", "report", ".", "--json")
    assert done.code == 0
    assert Path("../mail.html").exists()
    assert not list(Path().glob("*.html"))


def test_without_the_extra_that_draws_text_is_all(
    run: Run, folder: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "altair" else find(name, *a))
    done = run("uplift", "report", bundle)
    assert done.code == 0, done.err
    assert "it needs pip install 'tabkit-ml[dashboards]'" in " ".join(done.out.split())
    assert not bundle.with_name("mail.html").exists()
    asked = run("uplift", "report", bundle, "-o", "page.html")
    assert asked.code == 2
    assert "pip install 'tabkit-ml[dashboards]'" in asked.said
    assert "Traceback" not in asked.err


def test_reports_of_other_things(run: Run, folder: Path, saved: Path) -> None:
    refused(run("uplift", "report", saved), "propensity", "uplift")
    refused(run("uplift", "report", "nowhere"), "no bundle at 'nowhere'")
    refused(run("uplift", "report", "mailing.parquet"), "mailing.parquet")


# score, inspect and the others


def test_score_writes_effects_and_the_best_arm(run: Run, folder: Path, bundle: Path) -> None:
    done = run("score", bundle, "new.parquet", "-o", "scores.parquet", "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] == 400
    told = pl.read_parquet("scores.parquet")
    assert told.equals(uplift.load(bundle).score("new.parquet").collect())
    done = run("score", bundle, "new.parquet", "-o", "scores/", "--keep", "city")
    assert done.code == 0, done.err
    assert pl.read_parquet("scores/new.parquet").columns[:2] == ["customer", "city"]
    # Old scores are replaced; a table that holds none is not.
    assert run("score", bundle, "new.parquet", "-o", "scores.parquet").code == 0
    refused(run("score", bundle, "new.parquet", "-o", "mailing.parquet"), "exists already")


def test_score_refuses_what_it_cannot_do(run: Run, folder: Path, bundle: Path) -> None:
    refused(run("score", bundle, "new.parquet", "-o", "s.parquet", "--contributions", "2"), "gives no reasons")
    refused(run("score", bundle, "new.parquet", "-o", bundle / "s.parquet"), "inside of a bundle")
    pl.read_parquet("new.parquet").drop("city").write_parquet("less.parquet")
    refused(run("score", bundle, "less.parquet", "-o", "s.parquet"), "'less.parquet'", "missing columns: 'city'")
    refused(run("score", bundle, "new.parquet", "-o", "s.parquet", "--keep", "effect_mail"), "effect_mail")
    assert not Path("s.parquet").exists()


def test_inspect_says_what_a_bundle_holds(run: Run, folder: Path, bundle: Path) -> None:
    done = run("inspect", bundle)
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "bought (binary)" in text
    assert "randomised, control none" in text
    assert "mail: ranking usable" in text
    found = run("inspect", bundle, "--json").json
    assert found["kind"] == "uplift"
    assert found["sizes"]["members"] == 3
    assert {"roles", "schema", "arms", "checks", "lineage", "config"} <= set(found)
    assert found["arms"]["mail"]["verdict"] == "usable"


def test_other_commands_refuse_the_bundle(run: Run, folder: Path, bundle: Path) -> None:
    refused(run("encode", "new.parquet", "--encoder", bundle, "-o", "f.parquet"), "uplift")


@pytest.mark.slow
def test_the_whole_way_in_processes_of_their_own(spawn: Run, folder: Path) -> None:
    trained = spawn("uplift", "train", "mailing.parquet", *ROLE_OPTIONS, *DESIGN, "-o", "m", *SETTINGS)
    assert (trained.code, trained.err) == (0, "")
    scored = spawn("score", "m", "new.parquet", "-o", "scores.csv")
    assert (scored.code, scored.err) == (0, "")
    assert pl.read_csv("scores.csv").height == 400
    wrong = spawn("uplift", "report", "nowhere")
    assert (wrong.code, wrong.out) == (2, "")
    helped = spawn("uplift", "--help")
    assert helped.code == 0
    for name in ("train", "report"):
        assert name in helped.out
