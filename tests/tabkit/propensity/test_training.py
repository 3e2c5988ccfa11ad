import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dashboards.reports.propensity import build_report
from tabkit import metrics
from tabkit.config import build, merge
from tabkit.errors import ConfigError, FitError, SchemaError, TabkitError
from tabkit.propensity import training
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.target import target_of, understood
from tabkit.roles import Roles
from tabkit.table import Table

Make = Callable[..., pl.DataFrame]
FEATURES = ["plan", "city", "age", "spend", "calls", "active", "joined"]


@pytest.fixture(scope="module")
def train(quick: dict[str, Any]) -> Callable[..., PropensityModel]:
    def call(source: Any, roles: Roles, **settings: Any) -> PropensityModel:
        return training.train(source, roles=roles, config=merge(quick, settings))

    return call


def value(model: PropensityModel, metric: str, of: str = "model") -> float:
    return next(s.value for s in model.evaluation.scores if (s.model, s.metric) == (of, metric))


# What is learned


def test_the_known_truth_is_found(make: Make, model: PropensityModel) -> None:
    rows = make(3000, seed=5)
    scores = model.score(rows).collect()
    found = np.corrcoef(scores["score"].to_numpy(), rows["truth"].to_numpy())[0, 1]
    assert found > 0.8
    best = metrics.log_loss(rows["churned"].cast(pl.Float64).to_numpy(), rows["truth"].to_numpy())
    assert metrics.log_loss(rows["churned"].cast(pl.Float64).to_numpy(), scores["score"].to_numpy()) < best + 0.05


def test_metrics_stand_beside_both_baselines_with_intervals(model: PropensityModel) -> None:
    scores = model.evaluation.frame()
    assert scores["model"].unique(maintain_order=True).to_list() == ["model", "linear", "base rate"]
    assert scores.filter(pl.col("model") == "model")["metric"].to_list() == [
        "log_loss", "auc", "average_precision", "brier", "ece",
    ]  # fmt: skip
    assert scores.select((pl.col("low") <= pl.col("high")).all()).item()
    gains = [(gain.model, gain.metric) for gain in model.evaluation.gains]
    assert gains == [("linear", "log_loss"), ("linear", "auc"), ("base rate", "log_loss")]
    assert value(model, "log_loss") < value(model, "log_loss", "base rate")
    assert value(model, "auc", "base rate") == 0.5


def test_the_held_out_rows_are_strictly_newer_than_all_others(
    train: Callable, customers: pl.DataFrame, roles: Roles
) -> None:
    tied = customers.with_columns(pl.col("seen_at").dt.truncate("1w"))
    model = train(tied.sample(fraction=1, shuffle=True, seed=1), roles, final="evaluated")
    assert model.evaluation.span is not None
    newest_of_fit, oldest_held_out = model.lineage["span"][1], model.evaluation.span[0]
    assert newest_of_fit < oldest_held_out
    held_out = tied.filter(pl.col("seen_at").cast(pl.String).str.slice(0, 19) >= oldest_held_out[:19]).height
    assert held_out == model.evaluation.rows == model.lineage["rows_holdout"]


def test_the_metrics_are_those_of_the_rows_held_out(train: Callable, customers: pl.DataFrame, roles: Roles) -> None:
    model = train(customers, roles, final="evaluated")
    held_out = customers.sort("seen_at").tail(model.evaluation.rows)
    y = held_out["churned"].cast(pl.Float64).to_numpy()
    scores = model.score(held_out).collect()["score"].to_numpy()
    assert value(model, "log_loss") == pytest.approx(metrics.log_loss(y, scores), abs=1e-12)
    assert value(model, "auc") == pytest.approx(metrics.auc(y, scores), abs=1e-12)


def test_the_final_model_sees_all_rows_and_the_measured_one_does_not(
    train: Callable, customers: pl.DataFrame, roles: Roles
) -> None:
    last, measured = train(customers, roles), train(customers, roles, final="evaluated")
    assert last.lineage["rows"] == 2000
    assert measured.lineage["rows"] == measured.lineage["rows_fit"] < 2000 - 400
    assert last.evaluation == measured.evaluation
    assert last.predictor.trees == measured.predictor.trees
    assert last.predictor.text != measured.predictor.text
    parts = [last.lineage[f"rows_{part}"] for part in ("fit", "early_stopping", "holdout")]
    assert sum(parts) == 2000


def test_the_same_seed_gives_the_same_scores(
    train: Callable, customers: pl.DataFrame, newcomers: pl.DataFrame, model: PropensityModel, roles: Roles
) -> None:
    again = train(customers, roles)
    assert again.score(newcomers).collect().equals(model.score(newcomers).collect())
    assert again.evaluation == model.evaluation
    other = train(customers, roles, seed=1)
    assert not other.score(newcomers).collect().equals(model.score(newcomers).collect())


def test_noise_is_not_called_a_model(train: Callable, customers: pl.DataFrame, roles: Roles) -> None:
    noise = customers.with_columns(churned=pl.Series(np.random.default_rng(3).random(2000) < 0.3))
    model = train(noise, roles)
    assert "beats the base rate" not in model.evaluation.verdict()


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        ([0, 1, 2], {}, ["taken for a number", "3 values alone (0, 1, 2)", "--objective multiclass"]),
        ([1.0, 2.0, 3.0], {}, ["taken for a number", "(1, 2, 3)"]),
        ([0, 50], {}, ["taken for two classes", "probability of 50", "--objective regression"]),
        ([-1.0, 1.0], {}, ["taken for two classes", "-1 and 1 are amounts"]),
        ([0, 1], {}, []),
        ([0.0, 1.0], {}, []),
        ([0.5, 1.5, 2.5], {}, []),
        (["a", "b", "c"], {}, []),
        ([0, 1, 2], {"boosting": {"objective": "poisson"}}, []),
        ([0, 50], {"positive": "50"}, []),
        (list(range(31)), {}, []),
    ],
)
def test_what_a_target_was_taken_for_is_said_where_it_can_mean_two_things(
    values: list[Any], settings: dict[str, Any], words: list[str]
) -> None:
    frame = pl.DataFrame({"y": values * (400 // len(values))})
    table, config = Table(frame, Roles(target="y"), "t", {}), build(TrainConfig, settings)
    said = understood(table, target_of(table, "y", config), config)
    assert bool(said) == bool(words)
    assert all(word in said for word in words)


def test_it_stands_in_the_verdict_everywhere(train: Callable, customers: pl.DataFrame) -> None:
    classes = customers.select("age", "spend", grade=pl.int_range(pl.len()) % 3)
    model = train(classes, Roles(target="grade"))
    assert "--objective multiclass" in model.evaluation.to_dict()["verdict"]
    page, found = build_report(model, classes, title="t")
    assert "--objective multiclass" in page.verdict
    assert "--objective multiclass" in found.to_dict()["verdict"]


# Sources


@pytest.mark.parametrize("kind", ["frame", "lazy", "pandas", "parquet", "glob", "csv", "list"])
def test_every_kind_of_source_gives_the_same_model(
    train: Callable, customers: pl.DataFrame, newcomers: pl.DataFrame, model: PropensityModel, roles: Roles,
    tmp_path: Path, kind: str,
) -> None:  # fmt: skip
    halves = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    customers[:900].write_parquet(halves[0])
    customers[900:].write_parquet(halves[1])
    customers.write_csv(tmp_path / "all.csv")
    customers.write_parquet(tmp_path / "all.pq")
    sources: dict[str, Callable[[], Any]] = {
        "frame": lambda: customers,
        "lazy": customers.lazy,
        "pandas": customers.to_pandas,
        "parquet": lambda: tmp_path / "all.pq",
        "glob": lambda: str(tmp_path / "*.parquet"),
        "csv": lambda: str(tmp_path / "all.csv"),
        "list": lambda: [str(path) for path in halves],
    }
    found = train(sources[kind](), roles)
    new = newcomers.to_pandas() if kind == "pandas" else newcomers  # pandas knows no dates without a time
    assert found.score(new).collect()["score"].to_list() == model.score(newcomers).collect()["score"].to_list()


def test_training_does_not_change_its_source(train: Callable, customers: pl.DataFrame, roles: Roles) -> None:
    before = customers.clone()
    train(customers, roles)
    assert customers.equals(before)


def test_role_columns_and_excluded_ones_are_no_features(train: Callable, make: Make) -> None:
    table = make().drop("truth", "segment", "value", "claims", "bill")
    roles = Roles(id="customer", time="seen_at", target="churned", weight="trust", group="household")
    model = train(table, roles, encoding={"exclude": ["city"]})
    assert set(model.encoder.schema.names()) == {"plan", "age", "spend", "calls", "active", "joined", "months"}
    assert {"truth", "city", "customer", "trust"}.isdisjoint(model.encoder.source_of.values())
    assert "city" in model.known_columns()


def test_weights_change_the_model_and_the_metrics(train: Callable, make: Make) -> None:
    table = make().select("customer", *FEATURES, "trust", "churned")
    plain = train(table.drop("trust"), Roles(target="churned", id="customer"))
    weighted = train(table, Roles(target="churned", id="customer", weight="trust"))
    assert plain.predictor.base_score != weighted.predictor.base_score
    assert value(plain, "log_loss", "base rate") != value(weighted, "log_loss", "base rate")
    ones = train(table.with_columns(trust=pl.lit(2)), Roles(target="churned", id="customer", weight="trust"))
    assert value(ones, "brier", "base rate") == pytest.approx(value(plain, "brier", "base rate"), abs=1e-9)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[training._Parts]:
    """The parts of each model that is trained."""
    seen: list[training._Parts] = []
    divide = training._parts

    def spy(*arguments: Any) -> training._Parts:
        seen.append(divide(*arguments))
        return seen[-1]

    monkeypatch.setattr(training, "_parts", spy)
    return seen


def test_metrics_are_weighted_as_a_hand_would(train: Callable, make: Make, parts: list[training._Parts]) -> None:
    table = make().select("customer", *FEATURES, "trust", "churned")
    model = train(table, Roles(target="churned", id="customer", weight="trust"), final="evaluated")
    test = parts[0].test.frame
    y, p = test["churned"].cast(pl.Float64).to_numpy(), model.score(test).collect()["score"].to_numpy()
    weight = test["trust"].to_numpy()
    assert value(model, "log_loss") == pytest.approx(metrics.log_loss(y, p, weight=weight), abs=1e-12)
    assert value(model, "log_loss") != pytest.approx(metrics.log_loss(y, p), abs=1e-6)


def test_the_unit_of_weights_does_not_matter(train: Callable, make: Make) -> None:
    table = make().select("customer", *FEATURES, "trust", "churned")
    roles = Roles(target="churned", id="customer", weight="trust")
    small = train(table.with_columns(pl.col("trust") / 2**20), roles)
    assert small.score(table).collect().equals(train(table, roles).score(table).collect())
    assert small.lineage["weight_mean"] == pytest.approx(table["trust"].mean() / 2**20)


def test_exposure_counts_in_fit_encoding_and_metrics(train: Callable, make: Make, parts: list[training._Parts]) -> None:
    table = make(4000).select("customer", *FEATURES, "months", "claims").with_columns(pl.col("city").fill_null("none"))
    roles = Roles(target="claims", id="customer", exposure="months")
    settings = {"boosting": {"objective": "poisson"}, "encoding": {"smoothing": 0.0}, "final": "evaluated"}
    model = train(table, roles, **settings)
    fit, test = parts[0].fit.frame, parts[0].test.frame
    assert model.predictor.base_score[0] == pytest.approx(np.log(fit["claims"].sum() / fit["months"].sum()))
    rates = fit.group_by("city").agg(pl.col("claims").sum() / pl.col("months").sum()).sort("city")
    levels = pl.concat([fit.head(1)] * rates.height).with_columns(rates["city"])
    found = model.encoder.transform(levels)["city by target"]
    assert found.to_numpy() == pytest.approx(rates["claims"].to_numpy(), abs=1e-12)
    scores = model.score(test).collect()["score"].to_numpy()
    doubled = model.score(test.with_columns(pl.col("months") * 2)).collect()["score"].to_numpy()
    assert doubled == pytest.approx(2 * scores)
    own = metrics.poisson_deviance(test["claims"].to_numpy(), scores)
    assert value(model, "poisson_deviance") == pytest.approx(own, abs=1e-12)


def test_no_trees_stay_no_trees_when_fitted_on_all_rows(train: Callable, customers: pl.DataFrame) -> None:
    noise = customers.with_columns(churned=pl.Series(np.random.default_rng(3).random(2000) < 0.3)).select(
        "customer", "age", "churned"
    )
    model = train(noise, Roles(id="customer", target="churned"), boosting={"learning_rate": 5.0})
    assert model.predictor.trees == model.lineage["measured"]["trees"] == 0
    assert model.score(noise).collect()["score"].to_numpy() == pytest.approx(noise["churned"].mean())


def test_the_saved_model_has_the_encoders_of_the_measured_one(train: Callable) -> None:
    rng = np.random.default_rng(0)
    day, level = np.arange(600), rng.integers(0, 10, 600)
    table = pl.DataFrame({"day": day, "c": [f"c{i}" for i in level], "y": rng.random(600) < 0.1 + 0.08 * level})
    grown = table.with_columns(c=pl.when(pl.col("day") > 560).then(pl.lit("c99")).otherwise("c"))
    settings = {"boosting": {"monotone": {"c=c9": 1}}}
    model = train(grown, Roles(time="day", target="y"), **settings)
    assert set(model.encoder.plan()["encoder"]) == {"onehot"}
    assert "c=c99" in model.predictor.features


def test_an_id_must_not_be_called_like_a_score(train: Callable, customers: pl.DataFrame) -> None:
    for name in ("score", "reason_1", "reason_2_contribution"):
        with pytest.raises(ConfigError, match="column of the scores"):
            train(customers.rename({"customer": name}), Roles(id=name, target="churned"))
    assert train(customers.rename({"customer": "score_id"}), Roles(id="score_id", target="churned"))


def test_lineage_holds_no_place_of_this_machine(train: Callable, customers: pl.DataFrame, tmp_path: Path) -> None:
    customers.write_parquet(tmp_path / "customers.parquet")
    model = train(tmp_path / "customers.parquet", Roles(id="customer", target="churned"), output=str(tmp_path / "m"))
    assert str(tmp_path) not in str((model.lineage, model.config))
    assert model.lineage["source"] == "customers.parquet"


def test_no_group_is_in_two_parts(train: Callable, make: Make, parts: list[training._Parts]) -> None:
    table = make().select("customer", "household", *FEATURES, "churned")
    model = train(table, Roles(target="churned", id="customer", group="household"))
    groups = [set(part.frame["household"]) for part in (parts[0].fit, parts[0].stop, parts[0].test)]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert model.lineage["split"] == "group"
    assert model.evaluation.span is None


@pytest.mark.parametrize(
    ("roles", "way"),
    [
        (Roles(target="churned"), "class"),
        (Roles(target="value"), "chance"),
        (Roles(target="churned", group="household"), "group"),
        (Roles(target="churned", group="household", time="seen_at"), "time"),
    ],
)
def test_the_lineage_says_how_rows_were_divided(train: Callable, make: Make, roles: Roles, way: str) -> None:
    table = make(600).select("household", "seen_at", "plan", "calls", "active", roles.target or "")
    assert (
        train(table.drop(set(table.columns) - {"plan", "calls", "active", *roles.given().values()}), roles).lineage[
            "split"
        ]
        == way
    )


# Objectives


@pytest.mark.parametrize(
    ("objective", "target", "exposure"),
    [
        ("auto", "churned", None),
        ("binary", "churned", None),
        ("auto", "segment", None),
        ("multiclass", "segment", None),
        ("auto", "value", None),
        ("regression", "value", None),
        ("quantile", "value", None),
        ("poisson", "claims", None),
        ("poisson", "claims", "months"),
        ("tweedie", "claims", "months"),
        ("gamma", "bill", "months"),
    ],
)
def test_every_objective_goes_through_the_whole_job(
    make: Make, train: Callable, tmp_path: Path, objective: str, target: str, exposure: str | None
) -> None:
    table = make(1500)
    columns = ["plan", "city", "age", "spend", "calls", "active", target, *([exposure] if exposure else [])]
    roles = Roles(target=target, exposure=exposure)
    model = train(table.select(columns), roles, boosting={"objective": objective, "quantile": 0.8})
    task = {"churned": "binary", "segment": "multiclass"}.get(target, "regression")
    assert model.target.task == task
    assert model.predictor.objective == (task if objective == "auto" else objective)
    loss = model.evaluation.scores[0].metric
    assert value(model, loss) < value(model, loss, "base rate")
    model.save(tmp_path / "model")
    scores = training.load(tmp_path / "model").score(table.select(columns), contributions=1).collect()
    assert scores.equals(model.score(table.select(columns), contributions=1).collect())
    if task == "multiclass":
        assert scores.columns == [
            "score_gold",
            "score_lively",
            "score_quiet",
            "predicted",
            "reason_1",
            "reason_1_contribution",
        ]
        probabilities = scores.select(pl.sum_horizontal("score_gold", "score_lively", "score_quiet"))
        assert probabilities.to_series().to_list() == pytest.approx([1.0] * 1500)
        assert (scores["predicted"] == table["segment"]).mean() > 0.6


def test_twice_the_exposure_is_twice_the_count(train: Callable, make: Make) -> None:
    table = make(1500).select("plan", "calls", "active", "months", "claims")
    model = train(table, Roles(target="claims", exposure="months"), boosting={"objective": "poisson"})
    once = model.score(table).collect()["score"]
    twice = model.score(table.with_columns(pl.col("months") * 2)).collect()["score"]
    assert twice.to_list() == pytest.approx((once * 2).to_list())


def test_the_positive_label_can_be_chosen(train: Callable, customers: pl.DataFrame, newcomers: pl.DataFrame) -> None:
    named = customers.with_columns(churned=pl.when("churned").then(pl.lit("gone")).otherwise(pl.lit("here")))
    roles = Roles(id="customer", target="churned")
    here, gone = train(named, roles), train(named, roles, positive="gone")
    assert (here.target.positive, gone.target.positive) == ("here", "gone")
    both = here.score(newcomers).collect()["score"] + gone.score(newcomers).collect()["score"]
    assert both.mean() == pytest.approx(1.0, abs=0.02)


# Refusals


class Untouchable:
    """A source that must not be read."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        raise AssertionError("the source was read")


@pytest.mark.parametrize("objective", ["auto", "binary", "multiclass", "regression", "quantile"])
def test_exposure_without_a_log_link_is_refused_before_any_work(train: Callable, objective: str) -> None:
    with pytest.raises(ConfigError, match=rf"'months'.*given.*objective.*{objective}"):
        train(Untouchable(), Roles(target="y", exposure="months"), boosting={"objective": objective})


def test_a_target_is_needed(train: Callable) -> None:
    with pytest.raises(ConfigError, match="no target is given"):
        train(Untouchable(), Roles(id="customer"))


@pytest.mark.parametrize(
    "roles",
    [
        Roles(target="gone"),
        Roles(target="churned", id="gone"),
        Roles(target="churned", time="gone"),
        Roles(target="churned", group="gone"),
        Roles(target="churned", weight="gone"),
    ],
)
def test_a_role_that_the_table_lacks_is_named(train: Callable, customers: pl.DataFrame, roles: Roles) -> None:
    with pytest.raises(SchemaError, match=r"lacks columns: 'gone' \(") as caught:
        train(customers, roles)
    assert "'customer'" in (caught.value.advice or "")


@pytest.mark.parametrize("target", ["churned", "value", "segment", "claims"])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 10, 20, 30, 49])
def test_a_handful_of_rows_is_refused_with_a_reason(train: Callable, make: Make, rows: int, target: str) -> None:
    table = make(rows).select("seen_at", *FEATURES, target)
    for roles in (Roles(target=target), Roles(target=target, time="seen_at")):
        with pytest.raises(FitError) as caught:
            train(table, roles)
        assert caught.value.advice


def test_fifty_rows_are_enough(train: Callable, make: Make) -> None:
    for seed in range(3):
        table = make(50, seed=seed).select(*FEATURES, "value")
        model = train(table, Roles(target="value"))
        assert model.evaluation.rows == 10
        assert model.score(table).collect()["score"].is_finite().all()


def test_a_boolean_positive_in_a_settings_file_is_a_label(train: Callable, make: Make) -> None:
    table = make().select(*FEATURES, "churned")
    assert train(table, Roles(target="churned"), positive=False).target.positive == "false"


def blocks(rows: int, *, fit: list[Any], stop: list[Any], test: list[Any]) -> pl.Series:
    """Repeat values over the parts that a division by time makes of `rows` rows: 68, 12 and 20 percent."""
    sizes = [round(rows * share) for share in (0.68, 0.12, 0.2)]
    return pl.Series(
        [part[i % len(part)] for part, size in zip((fit, stop, test), sizes, strict=True) for i in range(size)]
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"fit": [0], "stop": [0, 1], "test": [0, 1]},
            r"part.*272.*none.*'y'.*'1'",
        ),
        ({"fit": [0, 1], "stop": [0, 1], "test": [0]}, r"held-out part.*80.*'y'.*'1'"),
        (
            {"fit": [7.0], "stop": [1.0, 2.0], "test": [1.0, 2.0, 3.0]},
            r"target 'y'.*7.*272.*part",
        ),
        ({"fit": ["a", "b"], "stop": ["a", "c"], "test": ["a", "b", "c"]}, r"none.*'y'.*'c'"),
    ],
)
def test_a_part_that_cannot_be_learned_from_is_named(
    train: Callable, make: Make, parts: dict[str, list[Any]], message: str
) -> None:
    table = (
        make(400).select(pl.int_range(400).alias("day"), "plan", "calls", "age").with_columns(y=blocks(400, **parts))
    )
    with pytest.raises(FitError, match=message):
        train(table, Roles(target="y", time="day"))


def test_the_part_that_ends_growth_may_lack_a_class(train: Callable, make: Make) -> None:
    y = blocks(400, fit=[0, 1], stop=[0], test=[0, 1])
    table = make(400).select(pl.int_range(400).alias("day"), "plan", "calls", "age").with_columns(y=y)
    assert train(table, Roles(target="y", time="day")).lineage["rows_early_stopping"] == 48


@pytest.mark.parametrize("part", ["the part to fit on", "the part that ends the fit early", "the held-out part"])
def test_a_part_without_weight_is_named(train: Callable, make: Make, part: str) -> None:
    order = ["the part to fit on", "the part that ends the fit early", "the held-out part"]
    weights = blocks(
        400, **{k: [0.0 if re.search(part, order[i]) else 1.0] for i, k in enumerate(("fit", "stop", "test"))}
    )
    table = make(400).select(pl.int_range(400).alias("day"), "plan", "calls", "churned").with_columns(w=weights)
    with pytest.raises(FitError, match=rf"weight 'w'.*rows.*{part}"):
        train(table, Roles(target="churned", time="day", weight="w"))


def test_a_single_time_divides_nothing_and_that_is_said(train: Callable, customers: pl.DataFrame, roles: Roles) -> None:
    lineage = train(customers.with_columns(seen_at=pl.lit(1)), roles).lineage
    assert lineage["split"] != "time"
    assert any("have one time (seen_at 1)" in hint for hint in lineage["hints"])


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_too_few_groups_are_refused(train: Callable, customers: pl.DataFrame, groups: int) -> None:
    table = customers.with_columns(g=pl.int_range(2000) % groups)
    with pytest.raises(TabkitError, match="group"):
        train(table, Roles(target="churned", group="g", id="customer", time=None))


def test_shares_that_leave_too_little_are_refused(train: Callable, customers: pl.DataFrame, roles: Roles) -> None:
    with pytest.raises(FitError, match=r"held-out.*2 rows.*at least 10"):
        train(customers, roles, split={"holdout": 0.001})
    with pytest.raises(FitError, match=r"early.*2 rows"):
        train(customers, roles, split={"early_stopping": 0.001})
    with pytest.raises(FitError, match=r"part to fit.*1"):
        train(customers, roles, split={"holdout": 0.95, "early_stopping": 0.9})


def test_progress_is_told_and_ends_full(customers: pl.DataFrame, roles: Roles, quick: dict[str, Any]) -> None:
    done: dict[str, float] = {}
    totals: dict[str, float | None] = {}

    class Recorder:
        def task(self, label: str, *, total: float | None = None) -> Any:
            totals[label] = total

            def advance(amount: float) -> None:
                done[label] = done.get(label, 0) + amount

            return contextlib.nullcontext(advance)

    training.train(customers, roles=roles, config=quick, progress=Recorder())
    assert done["training"] == totals["training"]
    assert done["growing trees"] > 0
