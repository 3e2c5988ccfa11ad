"""Pages of scores, effects, customer value and updates: what they measure is what Polars says of the same rows."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from experiments import KNOWN, QUICK, ROLES, mailing
from places import GOLDEN

from dashboards.explorer.view import View
from dashboards.explorer.views.choice import view_for
from pipelines import propensity, uplift
from pipelines.jobs.explore import explore_job
from pipelines.jobs.settings import ExploreJob as ExploreConfig
from tabkit.config import build
from tabkit.errors import BundleError, ConfigError, FitError, SchemaError, TabkitError
from tabkit.predicates import Range, Rule
from tabkit.progress import Silent
from tabkit.rules import read
from tabkit.rules import write as write_rules
from tabkit.rules.saved import RuleFile
from tabkit.scoring.files import score_files

EXPERIMENT = {"treatment": "arm", "outcome": "bought", "id": "customer"}
Make = Callable[..., pl.DataFrame]


def explored(folder: Path, **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write a page; return what the job says, and what the page is told."""
    output = folder / "page.html"
    result = explore_job({**plain(values), "output": str(output)}, overwrite=True, progress=Silent())
    found = re.search(r'<script[^>]*id="page"[^>]*>(.*?)</script>', output.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return result, json.loads(found[1])


def viewed(**values: Any) -> View:
    return view_for(build(ExploreConfig, plain(values)), progress=Silent())


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """Paths as text, and what is no setting as a role."""
    roles = {name: values.pop(name) for name in ("target", "id", "treatment", "outcome", "time") if name in values}
    texts = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
    return {**texts, "roles": roles}


def refused(kind: type[TabkitError], match: str, **values: Any) -> str:
    """Return the advice of an error that is expected."""
    with pytest.raises(kind, match=match) as error:
        viewed(**values)
    assert error.value.advice
    return error.value.advice


# Scores


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two files of scores of 60 customers, and `beside.parquet` with 50 of them, and one more."""
    folder = tmp_path_factory.mktemp("scored")
    rows = pl.read_parquet(GOLDEN / "rows.parquet")
    for name, part in (("a", rows[:30]), ("b", rows[30:])):
        part.write_parquet(folder / f"{name}.parquet")
    sources = [folder / "a.parquet", folder / "b.parquet"]
    score_files(propensity.load(GOLDEN / "churned"), sources, f"{folder}/scores/", contributions=2, keep=["plan"])
    seen = pl.Series(np.random.default_rng(0).random(51) < 0.4)
    stranger = rows[:1].with_columns(customer=pl.lit("stranger"))
    pl.concat([rows[:50], stranger]).with_columns(left=seen).write_parquet(folder / "beside.parquet")
    return folder


def test_scores_are_measured_by_their_mean_and_prove_nothing(scored: Path, tmp_path: Path) -> None:
    result, page = explored(tmp_path, source=scored / "scores", target="score")
    scores = pl.read_parquet(scored / "scores" / "*.parquet")
    assert result["kind"] == "Scores"
    assert result["goal"] == "mean of score"
    assert page["base"]["train"] == [pytest.approx(scores["score"].mean())]
    assert page["rows"] == {"all": 60, "train": 60, "holdout": 0, "drawn": 60}
    assert page["colour"]["words"] == "score"
    assert [axis["name"] for axis in page["axes"]][:3] == ["score", "reason_1", "reason_1_contribution"]
    assert "plan" in {axis["name"] for axis in page["axes"]}
    assert "model, not the world" in page["suggested"]
    assert result["given"] == []
    assert any(note.startswith("customer differs in every row") for note in result["notes"])
    assert any("predictions prove nothing" in note for note in result["notes"])


def test_what_is_beside_is_joined_and_counted(scored: Path, tmp_path: Path) -> None:
    source, beside = scored / "scores", scored / "beside.parquet"
    result, page = explored(tmp_path, source=source, beside=beside, target="score", id="customer", exclude=["left"])
    assert page["rows"]["all"] == 60
    assert "9 columns were joined" in " ".join(result["notes"])
    assert "10 of 60 ids are" in " ".join(result["notes"])
    assert "both, and shown" in " ".join(result["notes"])
    names = {axis["name"] for axis in page["axes"]}
    assert {"calls", "spend", "joined"} <= names
    assert not {"left", "customer"} & names
    calls = next(axis for axis in page["axes"] if axis["name"] == "calls")
    rows = pl.read_parquet(scored / "scores" / "*.parquet").join(pl.read_parquet(beside), on="customer", how="left")
    assert calls["nulls"] == rows["calls"].null_count()


def test_a_column_that_was_seen_decides_and_scores_colour(scored: Path) -> None:
    options: dict[str, Any] = {"source": scored / "scores", "beside": scored / "beside.parquet", "id": "customer"}
    view = viewed(**options, target="left")
    rows = pl.read_parquet(scored / "scores" / "*.parquet").join(pl.read_parquet(options["beside"]), on="customer")
    assert [goal.words() for goal in view.goals] == ["share of left = true", "mean of score"]
    assert view.goals[0].y.mean() == pytest.approx(rows["left"].mean())
    assert view.goals[1].y.mean() == pytest.approx(rows["score"].mean())
    assert view.shade is not None
    assert view.shade.words == "score"
    assert view.holdout is not None
    assert {"score", "reason_1"} <= set(view.columns)
    assert any("10 rows" in note and "null target" in note for note in view.notes)
    assert any("learned from these very rows" in note for note in view.notes)


def test_rules_are_never_searched_on_what_the_model_said(tmp_path: Path, make: Make) -> None:
    rows = make(800).select("customer", "calls", "plan", left="churned", score="truth")
    rows.write_parquet(tmp_path / "scores.parquet")
    view = viewed(source=tmp_path / "scores.parquet", target="left", id="customer")
    used = {condition.column for given in view.given for condition in given.rule.conditions()}
    assert used
    assert used <= {"calls", "plan"}
    plainly = viewed(source=tmp_path / "scores.parquet", target="left", id="customer", exclude=["score"])
    assert plainly.kind == "Features"
    asked = viewed(source=tmp_path / "scores.parquet", target="score", id="customer", exclude=["left"], suggest=True)
    assert asked.holdout is not None
    assert any("proved is what the model" in note for note in asked.notes)
    assert {condition.column for given in asked.given for condition in given.rule.conditions()} <= {"calls", "plan"}


def test_of_several_classes_the_rarest_is_shown_or_the_one_that_is_named(tmp_path: Path) -> None:
    source = GOLDEN / "segment.parquet"
    scores = pl.read_parquet(source)
    classes = {name: float(np.mean(scores[name].to_numpy())) for name in scores.columns if name.startswith("score_")}
    rarest = min(classes, key=classes.__getitem__)
    result, page = explored(tmp_path, source=source, target="score")
    assert result["goal"] == f"mean of {rarest}"
    assert sorted(page["base"]["train"]) == pytest.approx(sorted(classes.values()))
    assert any("--positive names another" in note for note in result["notes"])
    assert viewed(source=source, target="score", positive="some").goals[0].name == "score_some"
    assert "'often'" in refused(ConfigError, "scores of a class 'gold'", source=source, target="score",
                                positive="gold")  # fmt: skip


def test_tables_that_cannot_be_joined_are_refused(scored: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"source": scored / "scores", "target": "score"}
    beside = scored / "beside.parquet"
    assert "--id" in refused(ConfigError, "by which column", **options, beside=beside)
    rows = pl.read_parquet(beside)
    pl.concat([rows, rows[:2]]).write_parquet(tmp_path / "twice.parquet")
    rows.with_columns(customer=pl.lit("x") + pl.col("customer")).write_parquet(tmp_path / "others.parquet")
    rows.with_columns(customer=pl.int_range(51)).write_parquet(tmp_path / "numbers.parquet")
    rows.rename({"customer": "who"}).write_parquet(tmp_path / "nameless.parquet")
    for name, kind, match in (
        ("twice", FitError, r"'customer'.*twice\.parquet': 2 rows.*'0000"),
        ("others", FitError, "none of the 60 ids"),
        ("numbers", SchemaError, "'customer' is String.*Int64"),
        ("nameless", SchemaError, "lacks the id 'customer'"),
    ):
        refused(kind, match, **options, id="customer", beside=tmp_path / f"{name}.parquet")
    refused(ConfigError, "stand beside", **options, id="customer", beside=GOLDEN / "churned")


def test_ids_are_read_from_csv_as_the_source_has_them(tmp_path: Path) -> None:
    ids = [str(number) for number in range(10, 40)]
    pl.DataFrame({"id": ids, "score": np.linspace(0, 1, 30)}).write_parquet(tmp_path / "scores.parquet")
    pl.DataFrame({"id": ids[:25], "a": range(25)}).write_csv(tmp_path / "beside.csv")
    view = viewed(source=tmp_path / "scores.parquet", target="score", id="id", beside=tmp_path / "beside.csv")
    assert "5 of 30 ids are" in " ".join(view.notes)
    assert view.frame["a"].to_list() == [*range(25), *[None] * 5]


def test_missing_columns_are_said_of_the_source(scored: Path) -> None:
    refused(SchemaError, r"^'.*scores' lacks columns: 'churned' .target.", source=scored / "scores", target="churned")
    options: dict[str, Any] = {"beside": scored / "beside.parquet", "id": "customer", "time": "when"}
    refused(SchemaError, "beside it lacks columns: 'when'", source=scored / "scores",
            target="score", **options)  # fmt: skip


def test_a_table_without_scores_is_refused_with_the_command_that_writes_them() -> None:
    rows = GOLDEN / "rows.parquet"
    assert "tabkit score" in refused(SchemaError, "holds no scores", source=rows, target="score")
    assert "tabkit uplift train" in refused(SchemaError, "no predicted effects", source=rows, target="uplift")
    assert "tabkit cltv forecast" in refused(SchemaError, "holds no forecast", source=rows, target="cltv")


def test_a_column_of_that_name_is_a_target_like_any_other(tmp_path: Path) -> None:
    rows = pl.DataFrame({"uplift": [1.5, 2.0, 2.5, 4.0] * 5, "a": list(range(20))})
    rows.write_parquet(tmp_path / "rows.parquet")
    view = viewed(source=tmp_path / "rows.parquet", target="uplift")
    assert view.kind == "Features"
    assert view.goals[0].y.mean() == 2.5


def test_features_may_have_columns_beside_them_too(scored: Path) -> None:
    view = viewed(source=scored / "a.parquet", beside=scored / "beside.parquet", target="left", id="customer")
    assert view.kind == "Features"
    assert view.notes[0] == "1 column was joined from beside by customer."


def test_rules_of_a_page_of_predictions_claim_no_hold_out(scored: Path, tmp_path: Path) -> None:
    view = viewed(source=scored / "scores", target="score")
    write_rules(tmp_path / "rules.toml", RuleFile((Rule(name="high", all_of=(Range(column="score", ge=0.5),)),),
                                                  view.facts))  # fmt: skip
    assert dict(read(tmp_path / "rules.toml").found) == {}
    again = viewed(source=scored / "scores", target="score", rules=tmp_path / "rules.toml")
    assert [given.rule.name for given in again.given] == ["high"]


# Uplift


@pytest.fixture(scope="module")
def effects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of uplift, before and after an update; a further experiment, and the predicted effects of its units."""
    folder = tmp_path_factory.mktemp("effects")
    columns = [*KNOWN, "arm", "bought"]
    model = uplift.train(mailing(2000).select(columns), roles=ROLES, config=QUICK)
    model.save(folder / "model")
    new = mailing(3000, 1).select(columns)
    new.write_parquet(folder / "experiment.parquet")
    score_files(model, [folder / "experiment.parquet"], folder / "effects.parquet")
    later, _ = uplift.update(uplift.load(folder / "model"), mailing(1200, 2).select(columns))
    later.save(folder / "updated")
    return folder


def test_predicted_effects_alone_are_neither_held_out_nor_searched(effects: Path, tmp_path: Path) -> None:
    result, page = explored(tmp_path, source=effects / "effects.parquet", target="uplift")
    scores = pl.read_parquet(effects / "effects.parquet")
    means = {arm: float(np.mean(scores[f"effect_{arm}"].to_numpy())) for arm in ("mail", "call")}
    best = max(means, key=means.__getitem__)
    assert result["kind"] == "Uplift"
    assert page["base"]["train"] == [pytest.approx(means[best])]
    assert page["rows"]["holdout"] == 0
    assert result["given"] == []
    assert any(note.startswith(f"{best} is shown, the arm with the largest") for note in result["notes"])
    assert "effect that was seen" in page["suggested"]
    view = viewed(source=effects / "effects.parquet", target="uplift", arm="call")
    assert view.goals[0].name == "effect_call"
    assert {"effect_call_low", "effect_mail", "best_arm"} <= set(view.columns)
    assert "effect_mail_low" not in view.columns


def test_beside_an_experiment_the_difference_that_was_seen_decides(effects: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "source": effects / "effects.parquet", "beside": effects / "experiment.parquet", "target": "uplift",
        "control": "none", "arm": "mail", **EXPERIMENT,
    }  # fmt: skip
    view = viewed(**options)
    rows = pl.read_parquet(effects / "effects.parquet").join(
        pl.read_parquet(effects / "experiment.parquet"), on="customer", maintain_order="left"
    )
    own = rows.filter(pl.col("arm").is_in(["mail", "none"]))
    assert [goal.kind for goal in view.goals] == ["effect", "mean"]
    assert view.frame["customer"].equals(own["customer"])
    assert view.holdout is not None
    assert f"{rows.height - own.height:,} rows" in " ".join(view.notes)
    assert "another arm" in " ".join(view.notes)
    result, page = explored(tmp_path, embed_holdout=True, **options)
    for part, mask in (("train", ~view.holdout), ("holdout", view.holdout)):
        of = own.filter(pl.Series(mask))
        bought = {arm: float(np.mean(of.filter(arm=arm)["bought"].to_numpy())) for arm in ("mail", "none")}
        seen = bought["mail"] - bought["none"]
        assert page["base"][part] == pytest.approx([seen, of["effect_mail"].mean()])
    assert page["colour"]["words"] == "effect_mail"
    used = {condition.column for given in view.given for condition in given.rule.conditions()}
    assert used == {"age"}
    assert page["suggested"].startswith("By the difference in bought between mail and none: ")
    assert any("learned from these very rows" in note for note in result["notes"])
    by_target = viewed(**{**{k: v for k, v in options.items() if k != "outcome"}, "target": "bought"})
    assert by_target.kind == "Uplift"
    assert by_target.suggested == view.suggested


def test_half_an_experiment_is_refused(effects: Path) -> None:
    options: dict[str, Any] = {"source": effects / "effects.parquet", "target": "uplift", "id": "customer"}
    assert "--outcome" in refused(ConfigError, "--control and --outcome are missing", **options, treatment="arm")
    refused(ConfigError, "effects of an arm 'letter'", **options, arm="letter")
    whole = {**options, "treatment": "arm", "outcome": "bought", "control": "none"}
    refused(SchemaError, "columns: 'arm' .treatment., 'bought' .outcome", **whole)
    beside = effects / "experiment.parquet"
    refused(ConfigError, "control 'nobody'.*'arm'", **{**whole, "control": "nobody"}, beside=beside)


# Customer value


def test_value_p_alive_and_the_width_of_the_interval(tmp_path: Path) -> None:
    table = pl.read_parquet(GOLDEN / "value.parquet")
    result, page = explored(tmp_path, source=GOLDEN / "value.parquet", beside=GOLDEN / "value", target="cltv")
    width = (table["value_q97"] - table["value_q03"]).mean()
    assert result["kind"] == "Customer value"
    assert [goal["words"] for goal in page["goals"]] == [
        "mean of value_mean", "mean of p_alive", "mean of value_width"
    ]  # fmt: skip
    assert page["base"]["train"] == pytest.approx([table["value_mean"].mean(), table["p_alive"].mean(), width])
    names = [axis["name"] for axis in page["axes"]]
    assert names[:7] == ["value_mean", "p_alive", "value_width", "frequency", "recency", "T", "monetary_value"]
    assert "who" not in names
    assert "age" in names
    assert result["given"] == []


def test_a_forecast_without_amounts_or_quantiles_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    table = pl.read_parquet(GOLDEN / "value.parquet")
    table.select("who", "purchases_mean", "purchases_q50", "p_alive").write_parquet(tmp_path / "few.parquet")
    view = viewed(source=tmp_path / "few.parquet", target="cltv")
    assert [goal.name for goal in view.goals] == ["purchases_mean", "p_alive"]
    assert any("knows no amounts" in note for note in view.notes)
    assert any("fewer than two quantiles" in note for note in view.notes)
    assert any("--beside BUNDLE" in note for note in view.notes)


def test_rows_without_a_prediction_are_left_out_and_counted(tmp_path: Path) -> None:
    table = pl.read_parquet(GOLDEN / "value.parquet")
    some = table.with_columns(p_alive=pl.when(pl.int_range(pl.len()) >= 3).then("p_alive"))
    some.write_parquet(tmp_path / "some.parquet")
    view = viewed(source=tmp_path / "some.parquet", target="cltv")
    assert view.frame.height == 397
    assert "3 rows" in " ".join(view.notes)
    assert "no prediction" in " ".join(view.notes)


# Updates and runs


@pytest.fixture(scope="module")
def line(saved: Path, make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and two updates of it, side by side."""
    folder = tmp_path_factory.mktemp("line")
    shutil.copytree(saved, folder / "first")
    model = propensity.load(folder / "first")
    for number, name in ((1, "second"), (2, "third")):
        new = make(900, seed=number + 2).select(*model.known_columns()).with_columns(
            pl.col("seen_at").dt.offset_by(f"{number}y")
        )  # fmt: skip
        new.write_parquet(folder / f"{name}.parquet")
        model, _ = propensity.update(model, folder / f"{name}.parquet", config={"extend_trees": 20, "blocks": 1})
        model.save(folder / name)
        model = propensity.load(folder / name)
    return folder


def test_candidates_along_the_line_are_lines(line: Path, tmp_path: Path) -> None:
    result, page = explored(tmp_path, source=line / "third")
    told = [propensity.load(line / name).lineage["update"] for name in ("second", "third")]
    losses = [c["loss"] for update in told for c in update["candidates"] if c["loss"] is not None]
    differences = [c["loss_difference"] for update in told for c in update["candidates"] if c["loss"] is not None]
    assert result["kind"] == "Experiments"
    assert result["goal"] == "mean of loss (log_loss)"
    assert page["rows"]["all"] == len(losses)
    assert page["base"]["train"] == pytest.approx([np.mean(losses), np.mean(differences)])
    assert page["rows"]["holdout"] == 0
    assert result["given"] == []
    view = viewed(source=[str(line / "third")])
    assert view.frame.select("update", "source").unique().sort("update").rows() == [
        (1, "second.parquet"),
        (2, "third.parquet"),
    ]
    assert view.frame.filter("used").height == 2
    refused_ones = sum(c["loss"] is None for update in told for c in update["candidates"])
    assert any("could not be tried" in note for note in view.notes) == bool(refused_ones)


def test_an_ancestor_that_is_elsewhere_is_counted(line: Path, tmp_path: Path) -> None:
    shutil.copytree(line / "third", tmp_path / "moved")
    view = viewed(source=tmp_path / "moved")
    assert view.frame["source"].unique().to_list() == ["third.parquet"]
    assert any(note.startswith("2 ancestors of the model are not in its folder") for note in view.notes)


def test_updates_of_uplift_are_experiments_too(effects: Path) -> None:
    view = viewed(source=effects / "updated")
    told = uplift.load(effects / "updated").lineage["update"]["candidates"]
    tried = {item["name"]: item for item in told if item["loss"] is not None}
    assert view.frame.height == len(tried)
    for row in view.frame.iter_rows(named=True):
        assert row["loss_difference"] == pytest.approx(row["loss"] - tried["keep"]["loss"], abs=1e-9)
        assert row["loss"] == tried[row["strategy"]]["loss"]
    assert "ece" not in view.columns


def test_updates_of_uplift_that_tell_of_gains_are_the_same_experiments(effects: Path, tmp_path: Path) -> None:
    model = uplift.load(effects / "updated")
    told = dict(model.lineage["update"])
    tried = [
        {
            "strategy": item["name"],
            "loss": item["loss"],
            "gain": None if item["name"] == "keep" or item["refused"] else -item["loss_difference"],
            **{
                old: None if (end := item[f"loss_difference_{new}"]) is None else -end
                for old, new in (("low", "high"), ("high", "low"))
            },
            "refused": item["refused"],
        }
        for item in told.pop("candidates")
    ]
    old = {"strategy": told["strategy"], "why": "", "tried": tried, "rows": 1, "judged_on": 1, "kept": False}
    replace(model, lineage={**model.lineage, "update": old}).save(tmp_path / "updated")
    before, now = viewed(source=effects / "updated").frame, viewed(source=tmp_path / "updated").frame
    columns = ["strategy", "used", "loss", "loss_difference", "loss_difference_low", "loss_difference_high"]
    assert now.select(columns).equals(before.select(columns))


def test_bundles_without_updates_are_refused_with_what_can_be_explored(line: Path) -> None:
    assert "tabkit update" in refused(ConfigError, "'train', not by an update", source=line / "first")
    assert "a table" in refused(BundleError, "'cltv', which holds no updates", source=GOLDEN / "value")
    refused(BundleError, "kind 'encoder'", source=GOLDEN / "encoder")
    refused(ConfigError, "explored by itself", source=[str(line / "second"), str(line / "third")])


def test_tens_of_runs_are_shown_without_a_hold_out(tmp_path: Path) -> None:
    rng, count = np.random.default_rng(0), 24
    table = pl.DataFrame(
        {
            "run": [f"run {i}" for i in range(count)],
            "learning_rate": 10 ** rng.uniform(-3, -0.5, count),
            "num_leaves": rng.choice([7, 15, 31], count),
            "boosting": rng.choice(["gbdt", "dart"], count),
            "log_loss": rng.normal(0.45, 0.01, count),
        }
    )
    table.write_csv(tmp_path / "runs.csv")
    result, page = explored(tmp_path, source=tmp_path / "runs.csv", target="log_loss", id="run")
    assert result["kind"] == "Features"
    assert page["base"]["train"] == [pytest.approx(table["log_loss"].mean())]
    assert page["rows"] == {"all": 24, "train": 24, "holdout": 0, "drawn": 24}
    assert result["given"] == []
    assert any("can be proved on them" in note for note in result["notes"])
    assert "too few rows" in page["suggested"]
