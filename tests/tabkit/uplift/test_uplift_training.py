"""Uplift from Python: what is learned, judged, scored, kept in a bundle, and seen by whom."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from experiments import KNOWN, QUICK, ROLES, mailing

from pipelines import uplift
from tabkit import bundle, division
from tabkit.config import build
from tabkit.dependence import ENOUGH
from tabkit.encoding.specification import table_encoder
from tabkit.errors import BundleError, ConfigError, FitError, SchemaError, TabkitError
from tabkit.progress import Silent
from tabkit.roles import Roles
from tabkit.scoring.files import score_files
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.ensemble.fit import ExperimentUnits, fit_ensemble
from tabkit.uplift.model import UpliftModel
from tabkit.uplift.units import divide, units_of

EFFECTS = [f"effect_{arm}{end}" for arm in ("call", "mail") for end in ("", "_low", "_high")]


def trained(
    table: pl.DataFrame, *also: str, roles: Roles = ROLES, quick: Mapping[str, Any] = QUICK, **settings: Any
) -> UpliftModel:
    """Train on the features of a mailing, the roles, and the columns that are named.

    What is saved are the members that were evaluated, which spares fitting them anew on all units.
    """
    columns = dict.fromkeys([*KNOWN, *roles.given().values(), *also])
    return uplift.train(table.select(*columns), roles=roles, config={**quick, "final": "evaluated", **settings})


def learned_from(
    table: pl.DataFrame, *also: str, roles: Roles = ROLES, **settings: Any
) -> tuple[ExperimentUnits, UpliftConfig]:
    config = build(UpliftConfig, {**QUICK, **settings})
    columns = dict.fromkeys([*KNOWN, *roles.given().values(), *also])
    return units_of(table.select(*columns), roles, config), config


def found(model: UpliftModel, arm: str) -> dict[str, Any]:
    return next(each for each in model.evaluation["arms"] if each["arm"] == arm)


def word(model: UpliftModel, arm: str) -> str:
    return str(found(model, arm)["verdict"]["word"])


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    return mailing()


@pytest.fixture(scope="module")
def strangers() -> pl.DataFrame:
    """Units that the model never saw."""
    return mailing(1000, seed=1)


@pytest.fixture(scope="module")
def mailer(people: pl.DataFrame) -> UpliftModel:
    return trained(people, final="all")


@pytest.fixture(scope="module")
def scores(mailer: UpliftModel, strangers: pl.DataFrame) -> pl.DataFrame:
    return mailer.score(strangers.select(KNOWN)).collect()


@pytest.fixture(scope="module")
def kept(mailer: UpliftModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uplift") / "model"
    mailer.save(path)
    return path


# What is learned and said


def test_the_arm_whose_effect_differs_between_units_is_usable_and_the_other_is_not(
    mailer: UpliftModel, people: pl.DataFrame
) -> None:
    assert word(mailer, "mail") == "usable"
    assert word(mailer, "call") != "usable"
    mail = found(mailer, "mail")
    assert 0 < mail["qini"]["low"] < mail["qini"]["value"] < mail["qini"]["high"]
    assert mail["effect"]["low"] < 0.1 < mail["effect"]["high"]
    assert found(mailer, "call")["effect"]["low"] < 0.02 < found(mailer, "call")["effect"]["high"]
    assert mailer.evaluation["rows"] == dict(people["arm"].value_counts().iter_rows())
    assert list(mailer.evaluation["rows"]) == ["none", "call", "mail"]
    assert mailer.evaluation["held_out"] == mailer.lineage["rows_holdout"] == 1200


def test_the_summary_has_the_keys_that_are_promised(mailer: UpliftModel) -> None:
    said = mailer.summary()
    assert set(said) == {
        "arms", "checks", "rows", "held_out", "design", "outcome", "outcome_kind", "control", "learner", "policies",
        "positive", "warnings", "units",
    }  # fmt: skip
    assert set(said["arms"]) == {"mail", "call"}
    for arm in said["arms"].values():
        assert set(arm) == {
            "effect", "se", "low", "high", "verdict", "why", "qini", "qini_low", "qini_high", "qini_response",
            "against_response", "against_response_low", "against_response_high", "slope", "title", "difference",
            "on_treated",
        }  # fmt: skip
    passed = {name: check["passed"] for name, check in said["checks"].items()}
    assert passed == {
        "sample_ratio": None, "balance": True, "agreement": True, "outcome_models": True, "clusters": True,
        "copies": True, "placebo_treatment": True, "placebo_outcomes": None, "drift": True,
    }  # fmt: skip
    assert said["warnings"] == []
    assert said["units"]["whom"] == "all"
    assert said["units"]["used"] == said["units"]["all"] == sum(said["rows"].values())
    assert all(arm["on_treated"] is None for arm in said["arms"].values())
    policies = [each["policy"] for each in said["policies"]]
    assert policies[:4] == ["model", "treat none", "treat all: call", "treat all: mail"]
    assert said["policies"][0]["gain"] is None
    assert (said["control"], said["outcome"], said["outcome_kind"], said["learner"]) == (
        "none",
        "bought",
        "binary",
        "dr",
    )
    json.dumps(said, allow_nan=False)
    json.dumps(dict(mailer.evaluation), allow_nan=False)


def test_the_models_policy_is_worth_more_than_to_treat_none_or_all(mailer: UpliftModel) -> None:
    policies = {each["policy"]: each for each in mailer.summary()["policies"]}
    assert policies["treat none"]["gain"]["low"] > 0
    assert policies["treat all: mail"]["gain"]["value"] > 0


def test_the_policy_that_is_valued_is_the_one_that_scores_carry_out(mailer: UpliftModel, scores: pl.DataFrame) -> None:
    valued = next(each for each in mailer.summary()["policies"] if each["policy"] == "model")
    assert valued["treated"] == pytest.approx((scores["best_arm"] != "none").mean(), abs=0.15)


def test_an_experiment_drawn_by_chance_passes_its_checks(mailer: UpliftModel) -> None:
    assert mailer.summary()["checks"]["balance"]["passed"] is True


# Scores


def test_scores_have_their_columns_id_first_in_the_order_of_the_rows(
    scores: pl.DataFrame, strangers: pl.DataFrame, mailer: UpliftModel
) -> None:
    assert scores.columns == ["customer", *EFFECTS, "best_arm"]
    assert scores.schema == {"customer": pl.String, **dict.fromkeys(EFFECTS, pl.Float64), "best_arm": pl.String}
    assert mailer.outputs() == dict(list(scores.schema.items())[1:])
    assert scores["customer"].equals(strangers["customer"])
    assert scores.null_count().sum_horizontal().item() == 0


def test_calibrated_effects_follow_the_truth_within_their_intervals(
    scores: pl.DataFrame, strangers: pl.DataFrame
) -> None:
    assert np.corrcoef(scores["effect_mail"], strangers["true_mail"])[0, 1] > 0.8
    assert scores["effect_mail"].mean() == pytest.approx(strangers["true_mail"].mean(), abs=0.05)
    slope = np.polyfit(scores["effect_mail"], strangers["true_mail"], 1)[0]
    assert slope == pytest.approx(1, abs=0.35)
    for arm in ("mail", "call"):
        low, middle, high = (scores[f"effect_{arm}{end}"] for end in ("_low", "", "_high"))
        assert ((low <= middle) & (middle <= high)).all()
        assert (low < high).all()


def test_the_best_arm_follows_from_verdicts_effects_and_costs(scores: pl.DataFrame, mailer: UpliftModel) -> None:
    assert scores["best_arm"].is_in(["none", "call", "mail"]).all()
    effects = scores.select("effect_call", "effect_mail").to_numpy()
    expected = [mailer.arms.labels[i] for i in mailer.decision.best(effects)]
    assert scores["best_arm"].to_list() == expected
    # Units are told apart by the arm whose ranking is usable; the other one is without evidence and given to no one.
    assert mailer.decision.words == ("none", "usable")
    assert scores.select((pl.col("best_arm") == "mail") == (pl.col("effect_mail") > 0)).to_series().all()
    assert set(scores["best_arm"]) == {"none", "mail"}


def test_costs_move_the_best_arm(people: pl.DataFrame, strangers: pl.DataFrame, scores: pl.DataFrame) -> None:
    dear = trained(people, final="all", costs={"mail": 0.2, "call": 1})
    told = dear.score(strangers).collect()
    assert told.select(EFFECTS).equals(scores.select(EFFECTS))  # costs change what is done, not what is expected
    assert set(told["best_arm"]) == {"mail", "none"}
    assert told.filter(pl.col("best_arm") == "mail")["effect_mail"].min() > 0.2
    assert (told["best_arm"] == "mail").sum() < (scores["best_arm"] == "mail").sum()
    assert set(trained(people, costs={"mail": 1, "call": 1}).score(strangers).collect()["best_arm"]) == {"none"}


def test_an_arm_that_helps_all_alike_is_given_to_all(strangers: pl.DataFrame) -> None:
    rng = np.random.default_rng(5)
    table = mailing(seed=2).filter(pl.col("arm") != "mail")
    helped = table.with_columns(bought=pl.Series(rng.random(table.height)) < 0.3 + 0.3 * (pl.col("arm") == "call"))
    model = trained(helped)
    assert word(model, "call") == "average only"
    assert set(model.score(strangers).collect()["best_arm"]) == {"call"}


def test_a_row_is_scored_alike_whatever_stands_around_it(
    mailer: UpliftModel, strangers: pl.DataFrame, scores: pl.DataFrame
) -> None:
    mixed = strangers.select(KNOWN).sample(fraction=1, shuffle=True, seed=3)
    assert mailer.score(mixed).collect().sort("customer").equals(scores.sort("customer"))
    turned = strangers.select(pl.lit(1.5).alias("new"), *reversed(KNOWN))
    assert mailer.score(turned).collect().equals(scores)
    assert mailer.score(strangers.head(1)).collect().equals(scores.head(1))
    assert mailer.score(strangers.head(0)).collect().schema == scores.schema


def test_many_rows_at_once_are_scored_like_few(
    mailer: UpliftModel, strangers: pl.DataFrame, scores: pl.DataFrame
) -> None:
    many = pl.concat([strangers] * 40)
    assert mailer.score(many).collect().equals(pl.concat([scores] * 40))


def test_further_columns_are_kept_on_request(
    mailer: UpliftModel, strangers: pl.DataFrame, scores: pl.DataFrame
) -> None:
    told = mailer.score(strangers, keep=["true_mail", "customer"]).collect()
    assert told.columns == ["customer", "true_mail", *EFFECTS, "best_arm"]
    assert told.drop("true_mail").equals(scores)
    with pytest.raises(SchemaError, match="'nowhere'"):
        mailer.score(strangers, keep=["nowhere"]).collect()


def test_levels_never_seen_are_scored_and_counted(mailer: UpliftModel, strangers: pl.DataFrame, tmp_path: Path) -> None:
    moved = strangers.select(KNOWN).with_columns(
        city=pl.when(pl.int_range(1000) < 7).then(pl.lit("atlantis")).otherwise("city")
    )
    moved.write_parquet(tmp_path / "new.parquet")
    report = score_files(mailer, tmp_path / "new.parquet", tmp_path / "scores.parquet")
    assert report.unseen == {"city": 7}
    assert report.rows == 1000
    told = pl.read_parquet(tmp_path / "scores.parquet").head(7).select(EFFECTS)
    assert told.select(pl.all().is_finite().all()).row(0) == (True,) * 6


def test_files_hold_what_is_collected(
    mailer: UpliftModel, strangers: pl.DataFrame, scores: pl.DataFrame, tmp_path: Path
) -> None:
    strangers.write_parquet(tmp_path / "new.parquet")
    strangers.write_csv(tmp_path / "new.csv")
    report = score_files(mailer, tmp_path / "new.parquet", tmp_path / "scores.parquet")
    assert pl.read_parquet(tmp_path / "scores.parquet").equals(scores)
    assert set(report.extra_columns) == set(strangers.columns) - {*KNOWN, "arm", "bought"}
    mailer.score(tmp_path / "new.parquet").sink_parquet(tmp_path / "sunk.parquet")
    assert pl.read_parquet(tmp_path / "sunk.parquet").equals(scores)
    score_files(mailer, tmp_path / "new.csv", tmp_path / "from_csv.parquet")
    assert pl.read_parquet(tmp_path / "from_csv.parquet").equals(scores)


def test_scores_need_neither_treatment_nor_outcome_but_each_feature_in_its_type(
    mailer: UpliftModel, strangers: pl.DataFrame
) -> None:
    table = strangers.select(KNOWN)
    with pytest.raises(SchemaError, match=r"missing columns: 'age', 'city'"):
        mailer.score(table.drop("age", "city")).collect()
    with pytest.raises(SchemaError, match=r"missing columns: 'customer'"):
        mailer.score(table.drop("customer")).collect()
    with pytest.raises(SchemaError, match=r"'joined'.*Date.*now Int64"):
        mailer.score(table.with_columns(joined=pl.lit(1, dtype=pl.Int64))).collect()
    assert mailer.score(table.with_columns(pl.col("age").cast(pl.Float32))).collect().height == 1000


def test_reasons_are_refused(mailer: UpliftModel, strangers: pl.DataFrame) -> None:
    with pytest.raises(ConfigError, match="gives no reasons") as caught:
        mailer.score(strangers, contributions=3)
    assert "--contributions" in str(caught.value)


# Bundles


def test_a_bundle_scores_as_the_model_did(
    kept: Path, mailer: UpliftModel, strangers: pl.DataFrame, scores: pl.DataFrame
) -> None:
    again = UpliftModel.load(kept)
    assert again.score(strangers).collect().equals(scores)
    assert again.evaluation == json.loads(json.dumps(dict(mailer.evaluation)))
    assert again.checksum == bundle.read(kept).checksum
    assert again.schema() == mailer.schema()
    assert (again.roles, again.arms, again.decision) == (mailer.roles, mailer.arms, mailer.decision)
    assert again.calibrations == mailer.calibrations


def test_a_model_saved_twice_is_the_same(kept: Path, tmp_path: Path) -> None:
    model = uplift.load(kept)
    model.save(tmp_path / "again")
    first, second = bundle.read(kept), bundle.read(tmp_path / "again")
    assert dict(first.parts) == dict(second.parts)


def test_scoring_needs_no_causalml_nor_the_data_of_the_fit(kept: Path, strangers: pl.DataFrame, tmp_path: Path) -> None:
    strangers.select(KNOWN).write_parquet(tmp_path / "new.parquet")
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('causalml',):\n"
        "            raise AssertionError(f'{name} is imported')\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from pipelines import uplift\n"
        f"print(uplift.load({str(kept)!r}).score({str(tmp_path / 'new.parquet')!r}).collect().height)\n"
        "assert 'causalml' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "1000"), done.stderr


def test_bundles_of_other_kinds_and_damaged_ones_are_refused(saved: Path, kept: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="propensity"):
        uplift.load(saved)
    with pytest.raises(BundleError, match="does not exist"):
        uplift.load(tmp_path / "nowhere")
    found = bundle.read(kept)
    lacking = {key: value for key, value in found.manifest.items() if key in ("roles", "target", "arms", "decision")}
    bundle.write(tmp_path / "half", kind="uplift", content=lacking, parts=dict(found.parts))
    with pytest.raises(BundleError, match="tabkit expects"):
        uplift.load(tmp_path / "half")


# Repeatable


def test_the_same_seed_gives_the_same_scores_and_another_seed_others(
    people: pl.DataFrame, strangers: pl.DataFrame, mailer: UpliftModel, scores: pl.DataFrame
) -> None:
    again = trained(people, final="all")
    assert again.score(strangers).collect().equals(scores)
    assert again.evaluation == mailer.evaluation
    assert not trained(people, final="all", seed=1).score(strangers).collect().equals(scores)


def test_input_is_left_as_it_was(people: pl.DataFrame) -> None:
    table = people.select(*KNOWN, "arm", "bought")
    before = table.clone()
    trained(table, final="all")
    assert table.equals(before)


def test_the_measured_members_can_be_kept(people: pl.DataFrame, strangers: pl.DataFrame, mailer: UpliftModel) -> None:
    measured = trained(people, final="evaluated")
    assert measured.evaluation == mailer.evaluation
    assert not measured.score(strangers).collect().equals(mailer.score(strangers).collect())


# Learners, engines, outcomes


@pytest.mark.parametrize("learner", ["s", "t", "x", "r", "stack"])
def test_every_learner_trains_keeps_and_scores(
    learner: str, people: pl.DataFrame, strangers: pl.DataFrame, tmp_path: Path
) -> None:
    model = trained(people, learner=learner, final="evaluated", members=2)
    _kept_alike(model, strangers, tmp_path, least=0.6)


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["s", "t", "x", "r", "dr"])
def test_causalmls_own_learners_train_keep_and_score(
    learner: str, people: pl.DataFrame, strangers: pl.DataFrame, tmp_path: Path
) -> None:
    pytest.importorskip("causalml", reason="the extra uplift is not installed")
    model = trained(people, learner=learner, engine="causalml", final="evaluated", members=2)
    _kept_alike(model, strangers, tmp_path, least=0.4)


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["uplift_forest", "causal_forest"])
def test_forests_train_keep_and_score(
    learner: str, people: pl.DataFrame, strangers: pl.DataFrame, tmp_path: Path
) -> None:
    pytest.importorskip("causalml", reason="the extra uplift is not installed")
    model = trained(people, learner=learner, final="evaluated", members=2)
    _kept_alike(model, strangers, tmp_path, least=0.4 if learner == "uplift_forest" else None)


def _kept_alike(model: UpliftModel, strangers: pl.DataFrame, folder: Path, *, least: float | None) -> None:
    """Scores stay the same through a bundle, and follow the truth."""
    told = model.score(strangers).collect()
    model.save(folder / "m")
    assert uplift.load(folder / "m").score(strangers).collect().equals(told)
    assert told.columns == ["customer", *EFFECTS, "best_arm"]
    if least is not None:
        assert np.corrcoef(told["effect_mail"], strangers["true_mail"])[0, 1] > least
    assert found(model, "mail")["effect"]["low"] < 0.1 < found(model, "mail")["effect"]["high"]


@pytest.mark.parametrize("calibration", ["linear", "isotonic", "none"])
def test_every_calibration_trains_keeps_and_scores(
    calibration: str, people: pl.DataFrame, strangers: pl.DataFrame, tmp_path: Path
) -> None:
    model = trained(people, calibration=calibration, final="evaluated", members=2)
    _kept_alike(model, strangers, tmp_path, least=0.6)
    assert {each.method for each in model.calibrations} == {calibration}


@pytest.mark.parametrize(
    ("outcome", "kind", "scale"), [("bought", "binary", 1.0), ("orders", "count", 4.0), ("spend", "number", 10.0)]
)
def test_outcomes_of_every_kind(
    outcome: str, kind: str, scale: float, people: pl.DataFrame, strangers: pl.DataFrame
) -> None:
    model = trained(people, roles=replace(ROLES, outcome=outcome))
    assert model.evaluation["kind"] == kind
    assert word(model, "mail") == "usable"
    told = model.score(strangers).collect()
    assert np.corrcoef(told["effect_mail"], strangers["true_mail"])[0, 1] > 0.8
    slope = np.polyfit(told["effect_mail"], scale * strangers["true_mail"], 1)[0]
    assert slope == pytest.approx(1, abs=0.35)  # in the unit of the outcome


def test_the_kind_of_outcome_can_be_said(people: pl.DataFrame) -> None:
    orders = replace(ROLES, outcome="orders")
    assert trained(people, roles=orders, outcome_type="number").evaluation["kind"] == "number"
    with pytest.raises(FitError, match="said to be a count"):
        trained(people, roles=replace(ROLES, outcome="spend"), outcome_type="count")


def test_features_and_an_outcome_that_never_repeat_are_no_leak() -> None:
    rng = np.random.default_rng(0)
    table = mailing(600).with_columns(spend=pl.Series(rng.normal(size=600)), height=pl.Series(rng.normal(size=600)))
    model = trained(table, "height", roles=replace(ROLES, outcome="spend"))
    assert "height" in model.schema().names()


def test_an_outcome_of_two_texts(people: pl.DataFrame) -> None:
    told = people.with_columns(bought=pl.when("bought").then(pl.lit("yes")).otherwise(pl.lit("no")))
    yes, no = (trained(told, positive=label) for label in ("yes", "no"))
    assert found(yes, "mail")["effect"]["value"] == pytest.approx(-found(no, "mail")["effect"]["value"], abs=0.01)
    assert found(yes, "mail")["effect"]["value"] > 0


def test_treatments_of_other_types(people: pl.DataFrame, strangers: pl.DataFrame) -> None:
    two = people.filter(pl.col("arm") != "call")
    flags = trained(two.with_columns(pl.col("arm") == "mail"), control="false")
    assert flags.arms.labels == ("false", "true")
    numbers = trained(two.with_columns((pl.col("arm") == "mail").cast(pl.Int8)), control=0)
    assert numbers.arms.labels == ("0", "1")
    texts = trained(two)
    first = [m.score(strangers).collect()[name] for m, name in
             [(flags, "effect_true"), (numbers, "effect_1"), (texts, "effect_mail")]]  # fmt: skip
    assert first[0].equals(first[1], check_names=False)
    assert texts.arms.labels == ("none", "mail")


# Clusters, time, strata, observational designs


def households(rows: int = 3000) -> pl.DataFrame:
    """A mailing in which both people of a household have one arm and one outcome."""
    half = mailing(rows // 2)
    both = pl.concat([half, half.with_columns(customer=pl.concat_str(pl.lit("b"), "customer"))])
    return both.with_columns(household=pl.concat_str(pl.lit("h"), pl.col("customer").str.slice(-6)))


def test_errors_cluster_by_group() -> None:
    table, grouped = households(), replace(ROLES, group="household")
    alone, together = trained(table), trained(table, roles=grouped)
    for what in ("effect", "difference"):
        wider = found(together, "mail")[what]["se"] / found(alone, "mail")[what]["se"]
        assert wider == pytest.approx(np.sqrt(2), rel=0.1), what
    assert found(together, "mail")["qini"]["se"] > 1.15 * found(alone, "mail")["qini"]["se"]


def test_whole_groups_are_held_out_and_left_to_one_member() -> None:
    units, settings = learned_from(households(600), roles=replace(ROLES, group="household"))
    clusters = units.experiment.clusters
    assert clusters is not None
    learned, held = divide(units, settings)
    assert len(learned) + len(held) == 600
    assert not set(clusters[learned]) & set(clusters[held])
    # Twins are told the same by the member that saw neither of them.
    told = fit_ensemble(units, settings, progress=Silent()).predicted
    order = np.argsort(clusters, kind="stable").reshape(-1, 2)
    assert np.array_equal(told.effect[order[:, 0]], told.effect[order[:, 1]])


def test_with_a_time_the_newest_are_held_out(people: pl.DataFrame) -> None:
    timed = replace(ROLES, time="sent_at")
    units, settings = learned_from(people, roles=timed)
    learned, held = divide(units, settings)
    sent = units.table.frame["sent_at"].to_numpy()
    assert sent[learned].max() <= sent[held].min()
    # An effect that came up lately is seen in the held-out units, and called a drift.
    newest = pl.col("sent_at").rank() > 1800
    late = people.with_columns(bought=pl.when(newest & (pl.col("arm") == "mail")).then(True).otherwise("bought"))
    model = trained(late, roles=timed)
    drift = next(each for each in model.evaluation["drift"] if each["arm"] == "mail")
    assert drift["effect_holdout"] > drift["effect_fit"] + 0.4
    assert model.summary()["checks"]["drift"]["passed"] is False
    assert [at[:10] for at in model.lineage["span"]] == ["2024-01-01", "2024-01-03"]


@pytest.mark.parametrize("group", [None, "household"])
def test_one_time_divides_nothing_and_that_is_said(group: str | None) -> None:
    table = households(600).with_columns(sent_at=pl.lit(7))
    (timed, settings), (plain, _) = (
        learned_from(table, roles=replace(ROLES, group=group, time=time)) for time in ("sent_at", None)
    )
    for own, expected in zip(divide(timed, settings), divide(plain, settings), strict=True):
        assert np.array_equal(own, expected)
    [said] = division.passed_over(timed.table, division.way_of(timed.table, classes=timed.experiment.arm))
    assert "have one time (sent_at 7)" in said
    assert ("whole groups" in said) == (group is not None)


def test_fewer_groups_than_give_an_interval_are_refused() -> None:
    table = households(600).with_columns(household=pl.int_range(600) % (ENOUGH - 1))
    with pytest.raises(FitError, match=rf"'household' has 9.*at least {ENOUGH}"):
        learned_from(table, roles=replace(ROLES, group="household"), members=2, folds=2)


def test_strata_with_other_shares_are_no_imbalance_and_no_bias() -> None:
    rng = np.random.default_rng(4)
    table = mailing(4000).filter(pl.col("arm") != "call")
    north = pl.Series("north", rng.random(table.height) < 0.5)
    arm = np.where(rng.random(table.height) < np.where(north, 0.8, 0.3), "mail", "none")
    chance = 0.2 + 0.4 * north.to_numpy() + 0.1 * (arm == "mail")
    table = table.with_columns(
        arm=pl.Series(arm), region=pl.when(north).then(pl.lit("north")).otherwise(pl.lit("south")),
        bought=pl.Series(rng.random(table.height) < chance),
    )  # fmt: skip
    with pytest.raises(FitError, match="'region'") as caught:
        trained(table, "region")
    assert "--strata" in str(caught.value)
    model = trained(table, "region", strata="region")
    effect = found(model, "mail")["effect"]
    assert effect["value"] == pytest.approx(0.1, abs=3 * effect["se"])
    assert effect["se"] < 0.03


def test_what_decided_the_arms_is_taken_into_account() -> None:
    """The truth is 0.1; people who were mailed would have bought more anyway."""
    rng = np.random.default_rng(8)
    rows = 4000
    age, visits = rng.integers(18, 80, rows), rng.poisson(3, rows)
    mailed = rng.random(rows) < 1 / (1 + np.exp(-0.05 * (age - 50)))
    bought = rng.random(rows) < 0.2 + 0.006 * (age - 18) + 0.02 * np.minimum(visits, 5) + 0.1 * mailed
    table = pl.DataFrame({"age": age, "visits": visits, "arm": np.where(mailed, "mail", "none"), "bought": bought})
    roles = Roles(treatment="arm", outcome="bought")
    with pytest.raises(FitError, match=r"between.*beyond.*'age'"):
        uplift.train(table, roles=roles, config=QUICK)
    model = uplift.train(table, roles=roles, config={**QUICK, "design": "observational"})
    effect, plain = found(model, "mail")["effect"], found(model, "mail")["difference"]
    assert plain["low"] > 0.13
    assert effect["value"] == pytest.approx(0.1, abs=0.05)
    assert set(model.summary()["checks"]) >= {"overlap"}
    overlap = model.evaluation["overlap"]
    assert 0 <= overlap["trimmed"] < 400
    assert 0 < overlap["lowest"] < 0.3 < 0.7 < overlap["highest"] < 1
    assert model.evaluation["propensities"][0]["arm"] == "mail"
    shown = next(row for row in model.evaluation["balance"] if row["column"] == "age" and row["level"] is None)
    assert abs(shown["smd_weighted"]) < abs(shown["smd"]) / 2


def test_an_observational_design_with_two_arms_and_stacking_keeps_its_bundle(
    strangers: pl.DataFrame, tmp_path: Path
) -> None:
    model = trained(mailing(chosen=True), design="observational", learner="stack", members=2, final="evaluated")
    told = model.score(strangers).collect()
    model.save(tmp_path / "m")
    assert uplift.load(tmp_path / "m").score(strangers).collect().equals(told)
    assert np.corrcoef(told["effect_mail"], strangers["true_mail"])[0, 1] > 0.6


# Checks


def test_arms_of_another_size_than_planned_take_every_verdict_away(people: pl.DataFrame) -> None:
    model = trained(people, shares={"none": 0.4, "mail": 0.3, "call": 0.3})
    assert {word(model, arm) for arm in ("mail", "call")} == {"none"}
    assert "sizes that were planned" in found(model, "mail")["verdict"]["why"]
    check = model.summary()["checks"]["sample_ratio"]
    assert check["passed"] is False
    assert check["p"] < 0.001
    as_planned = trained(people, shares=dict.fromkeys(("none", "mail", "call"), 1 / 3))
    assert as_planned.summary()["checks"]["sample_ratio"]["passed"] is True
    assert word(as_planned, "mail") == "usable"


def test_no_one_is_contacted_where_nothing_can_be_believed(people: pl.DataFrame, strangers: pl.DataFrame) -> None:
    model = trained(people, shares={"none": 0.4, "mail": 0.3, "call": 0.3})
    assert set(model.score(strangers).collect()["best_arm"]) == {"none"}


def test_a_placebo_that_moved_takes_the_verdict_away(people: pl.DataFrame) -> None:
    calm = trained(people, "before", placebos=["before"])
    assert word(calm, "mail") == "usable"
    assert calm.summary()["checks"]["placebo_outcomes"]["passed"] is True
    moved = people.with_columns(before=pl.col("before") + 1.0 * (pl.col("arm") == "mail"))
    model = trained(moved, "before", placebos=["before"], allow_imbalance=True)
    assert word(model, "mail") == "none"
    assert "on 'before'" in found(model, "mail")["verdict"]["why"]
    check = model.summary()["checks"]["placebo_outcomes"]
    assert check["passed"] is False
    assert {each["arm"]: each["passed"] for each in check["found"]} == {"mail": False, "call": True}


def test_a_policy_column_is_valued_beside_the_models(people: pl.DataFrame) -> None:
    wise = pl.when(pl.col("age") > 50).then(pl.lit("mail")).otherwise(pl.lit("none")).alias("plan")
    model = trained(people.with_columns(wise), "plan", policy="plan")
    policies = {each["policy"]: each for each in model.summary()["policies"]}
    assert "column plan" in policies
    assert policies["column plan"]["value"] > policies["treat none"]["value"]


@pytest.mark.parametrize("given", [{"policy": "before"}, {"placebos": ["before"], "encoding": {"exclude": ["before"]}}])
def test_policies_and_placebos_that_are_left_out_are_no_features(given: dict[str, Any], people: pl.DataFrame) -> None:
    people = people.with_columns(before=pl.col("arm").shuffle(0)) if "policy" in given else people
    assert "before" not in trained(people, "before", final="evaluated", **given).schema().names()


# Honest members


def flipped(units: ExperimentUnits, row: int) -> ExperimentUnits:
    """Return the same units but for one outcome."""
    name = units.target.name
    frame = units.table.frame.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(~pl.col(name)).otherwise(name).alias(name)
    )
    y = units.experiment.outcome.copy()
    y[row] = 1 - y[row]
    return replace(units, table=replace(units.table, frame=frame), experiment=replace(units.experiment, outcome=y))


@pytest.mark.parametrize("learner", ["dr", "x", "s"])
@pytest.mark.parametrize("design", ["randomised", "observational"])
def test_no_outcome_has_a_say_in_what_its_unit_is_told(learner: str, design: str) -> None:
    rng = np.random.default_rng(1)
    table = mailing(900).with_columns(street=pl.Series([f"street {i}" for i in rng.integers(0, 250, 900)]))
    units, settings = learned_from(table, "street", design=design, learner=learner)
    first = fit_ensemble(units, settings, progress=Silent()).predicted
    for row in (3, 500):
        second = fit_ensemble(flipped(units, row), settings, progress=Silent()).predicted
        for name in ("effect", "outcome", "propensity"):
            assert np.array_equal(getattr(first, name)[row], getattr(second, name)[row]), name
        assert not np.array_equal(first.outcome, second.outcome)  # others are told otherwise: it was used


def test_no_outcome_has_a_say_in_its_own_features() -> None:
    rng = np.random.default_rng(1)
    table = mailing(900).with_columns(street=pl.Series([f"street {i}" for i in rng.integers(0, 250, 900)]))
    units, settings = learned_from(table, "street")
    folds = np.arange(900) % 2

    def encoded(given: ExperimentUnits) -> pl.DataFrame:
        return table_encoder(settings.encoding, seed=0).fit_transform(
            given.table.frame, target=given.target, exclude=["customer", "arm"], arms="arm", folds=folds
        )[1]  # fmt: skip

    first, second = encoded(units), encoded(flipped(units, 3))
    assert first.row(3) == second.row(3)
    changed = [i for i in range(900) if first.row(i) != second.row(i)]
    street = units.table.frame["street"]
    assert any(street[i] == street[3] for i in changed)
    assert all(i % 2 == 0 for i in changed)  # only rows of the other fold are encoded by it


def test_what_cannot_be_asked_is_an_error_of_its_own() -> None:
    with pytest.raises(TabkitError, match="the role target"):
        trained(mailing(300).with_columns(target=1), roles=replace(ROLES, target="target"))


def test_copies_of_units_on_both_sides_reach_the_verdict(people: pl.DataFrame) -> None:
    once = people.select(*KNOWN[1:], "arm", "bought")
    roles = Roles(treatment="arm", outcome="bought")
    model = uplift.train(pl.concat([once, once[:1400]]), roles=roles, config=QUICK)
    said = model.summary()
    assert said["checks"]["copies"]["passed"] is False
    assert 0.3 < said["checks"]["copies"]["share"] < 0.7
    assert any("also stand among the others" in warning for warning in said["warnings"])
    assert all(arm["verdict"] == "none" or "reservations" in arm["title"] for arm in said["arms"].values())
