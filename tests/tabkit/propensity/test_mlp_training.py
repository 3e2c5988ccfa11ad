"""A network in the place of trees: what it learns, what it is measured by, how columns reach it."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit import metrics, neural
from tabkit.config import merge
from tabkit.errors import ConfigError, FitError, TabkitError
from tabkit.frames import collect
from tabkit.kinds import inspect
from tabkit.neural import MLPModel
from tabkit.propensity import training
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

pytest.importorskip("torch", reason="the extra neural is not installed")

Make = Callable[..., pl.DataFrame]
Train = Callable[..., PropensityModel]
SMALL: dict[str, Any] = {
    "model": "mlp",
    "resamples": 20,
    "neural": {"hidden": [16], "members": 2, "max_epochs": 20, "learning_rate": 0.01, "num_threads": 1},
    "boosting": {"num_threads": 1, "max_trees": 20},
}
FEATURES = ["plan", "city", "age", "spend", "calls", "active", "joined"]


@pytest.fixture(scope="session")
def train() -> Train:
    def call(source: Any, roles: Roles, **settings: Any) -> PropensityModel:
        return training.train(source, roles=roles, config=merge(SMALL, settings))

    return call


@pytest.fixture(scope="session")
def network(train: Train, customers: pl.DataFrame, roles: Roles) -> PropensityModel:
    return train(customers, roles)


@pytest.fixture(scope="session")
def measured(train: Train, customers: pl.DataFrame, roles: Roles) -> PropensityModel:
    return train(customers, roles, final="evaluated")


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


def value(model: PropensityModel, metric: str, of: str = "model") -> float:
    return next(s.value for s in model.evaluation.scores if (s.model, s.metric) == (of, metric))


def encoders(model: PropensityModel) -> dict[str, list[str]]:
    """Return the kinds of encoders by column."""
    plan = model.encoder.plan()
    return {name: plan.filter(pl.col("column") == name)["encoder"].to_list() for name in plan["column"]}


def scores(model: PropensityModel, rows: pl.DataFrame) -> pl.DataFrame:
    return collect(model.score(rows), what="scores")


# What is learned


@pytest.mark.parametrize(
    ("objective", "target", "exposure"),
    [
        ("auto", "churned", None),
        ("auto", "segment", None),
        ("auto", "value", None),
        ("quantile", "value", None),
        ("poisson", "claims", None),
        ("poisson", "claims", "months"),
        ("tweedie", "claims", "months"),
        ("gamma", "bill", "months"),
    ],
)
def test_every_objective_goes_through_the_whole_job(
    train: Train, make: Make, tmp_path: Path, objective: str, target: str, exposure: str | None
) -> None:
    columns = ["plan", "city", "age", "spend", "calls", "active", target, *([exposure] if exposure else [])]
    table, new = (make(rows, seed=seed).select(columns) for rows, seed in ((1200, 0), (700, 9)))
    model = train(table, Roles(target=target, exposure=exposure), boosting={"objective": objective, "quantile": 0.8})
    task = {"churned": "binary", "segment": "multiclass"}.get(target, "regression")
    assert isinstance(model.predictor, MLPModel)
    assert model.predictor.objective == (task if objective == "auto" else objective)
    assert model.predictor.config["quantile"] == 0.8
    loss = model.evaluation.scores[0].metric
    assert value(model, loss) < value(model, loss, "base rate")
    found = scores(model, new.drop(target))
    assert found.height == 700
    if task == "multiclass":
        assert found.columns == ["score_gold", "score_lively", "score_quiet", "predicted"]
        each = found.drop("predicted")
        assert each.sum_horizontal().to_list() == pytest.approx([1.0] * 700)
        assert each.select(pl.all_horizontal(pl.all().is_between(0, 1)).all()).item()
        best = each.select(pl.concat_list(pl.all()).list.arg_max()).to_series()
        assert found["predicted"].to_list() == [("gold", "lively", "quiet")[k] for k in best]
        assert (found["predicted"] == new["segment"]).mean() > (new["segment"] == "lively").mean() + 0.1
    else:
        assert found.columns == ["score"]
        score = found["score"]
        assert score.dtype == pl.Float64
        assert score.is_finite().all()
        assert score.n_unique() > 100
        if objective != "auto" or task == "binary":
            assert (score > 0).all() or objective == "quantile"
        if task == "binary":
            assert (score < 1).all()
            assert metrics.auc(new[target].cast(pl.Float64).to_numpy(), score.to_numpy()) > 0.65
        if objective == "quantile":
            assert (new[target] <= score).mean() == pytest.approx(0.8, abs=0.12)
    model.save(tmp_path / "model")
    assert_frame_equal(scores(training.load(tmp_path / "model"), new), scores(model, new), check_exact=True)


def test_twice_the_exposure_is_twice_the_count(train: Train, make: Make) -> None:
    table = make(900).select("plan", "calls", "active", "months", "claims")
    model = train(table, Roles(target="claims", exposure="months"), boosting={"objective": "poisson"})
    once = scores(model, table)["score"]
    twice = scores(model, table.with_columns(pl.col("months") * 2))["score"]
    assert twice.to_list() == pytest.approx((once * 2).to_list())


def test_the_known_truth_is_found(network: PropensityModel, make: Make) -> None:
    rows = make(1500, seed=5)
    found = scores(network, rows)["score"].to_numpy()
    assert np.corrcoef(found, rows["truth"].to_numpy())[0, 1] > 0.75
    y = rows["churned"].cast(pl.Float64).to_numpy()
    assert metrics.log_loss(y, found) < metrics.log_loss(y, rows["truth"].to_numpy()) + 0.06


def test_the_same_seed_gives_the_same_scores_and_another_one_others(
    train: Train, network: PropensityModel, customers: pl.DataFrame, newcomers: pl.DataFrame, roles: Roles
) -> None:
    before = customers.clone()
    again = train(customers, roles)
    assert customers.equals(before)
    assert scores(again, newcomers).equals(scores(network, newcomers))
    assert again.evaluation == network.evaluation
    other = train(customers, roles, neural={"seed": 1})
    assert not scores(other, newcomers).equals(scores(network, newcomers))
    assert value(other, "log_loss", "linear") == value(network, "log_loss", "linear")


def test_noise_is_not_called_a_model(train: Train, make: Make) -> None:
    table = make(1000).select("plan", "age", "spend", "calls")
    told = []
    for seed in (1, 2, 4, 5):
        noise = table.with_columns(y=pl.Series(np.random.default_rng(seed).random(1000) < 0.3))
        told.append("beats the base rate" in train(noise, Roles(target="y"), resamples=100).evaluation.verdict())
    assert sum(told) <= 1  # one in forty by chance


# What the metrics belong to


def test_the_measured_model_never_saw_the_rows_of_its_metrics(
    measured: PropensityModel, customers: pl.DataFrame
) -> None:
    held_out = customers.sort("seen_at").tail(measured.evaluation.rows)
    y, p = held_out["churned"].cast(pl.Float64).to_numpy(), scores(measured, held_out)["score"].to_numpy()
    assert value(measured, "log_loss") == pytest.approx(metrics.log_loss(y, p), abs=1e-9)
    assert value(measured, "auc") == pytest.approx(metrics.auc(y, p), abs=1e-9)
    assert measured.lineage["split"] == "time"
    assert measured.lineage["span"][1] < (measured.evaluation.span or ("",))[0]


def test_the_model_of_all_rows_is_trained_as_long_as_the_measured_one_and_keeps_its_temperature(
    network: PropensityModel, measured: PropensityModel, newcomers: pl.DataFrame
) -> None:
    last, twin = network.predictor, measured.predictor
    assert isinstance(last, MLPModel)
    assert isinstance(twin, MLPModel)
    assert 0 < last.epochs == twin.epochs == network.lineage["measured"]["epochs"]
    assert last.temperature == twin.temperature != 1
    assert last.slope == twin.slope == pytest.approx(1 / twin.temperature)
    assert network.lineage["rows"] == 2000 > measured.lineage["rows"]
    assert network.evaluation == measured.evaluation
    assert last.weights != twin.weights
    assert not scores(network, newcomers).equals(scores(measured, newcomers))
    y = network.lineage["target_mean"]
    assert last.constant[0] == pytest.approx(math.log(y / (1 - y)), abs=1e-6)


def test_the_lineage_keeps_the_course_of_the_measured_training(network: PropensityModel) -> None:
    told = network.lineage["measured"]
    history = told["history"]
    assert set(history[0]) == {"loss", "held_out_loss", "learning_rate"}
    losses = [epoch["held_out_loss"] for epoch in history]
    assert told["epochs"] == 1 + int(np.argmin(losses))
    assert told["held_out_loss"] <= min(losses) + 1e-9 < told["base_loss"]
    assert "trees" not in told


def test_baselines_are_those_beside_trees_on_the_same_split(
    network: PropensityModel, customers: pl.DataFrame, roles: Roles, train: Train
) -> None:
    trees = train(customers, roles, model="lightgbm")
    for name in ("linear", "base rate"):
        own = network.evaluation.frame().filter(pl.col("model") == name)
        assert own.equals(trees.evaluation.frame().filter(pl.col("model") == name)), name
    assert network.evaluation.rows == trees.evaluation.rows
    assert network.evaluation.span == trees.evaluation.span
    assert [gain.model for gain in network.evaluation.gains] == ["linear", "linear", "base rate"]
    for name in ("rows", "split", "rows_fit", "rows_early_stopping", "span", "class_rows"):
        assert network.lineage[name] == trees.lineage[name], name


def test_metrics_are_weighted_as_a_hand_would(train: Train, make: Make, parts: list[training._Parts]) -> None:
    table = make(1200).select("customer", *FEATURES, "trust", "churned")
    model = train(table, Roles(target="churned", id="customer", weight="trust"), final="evaluated")
    test, fit = parts[0].test.frame, parts[0].fit.frame
    y, p = test["churned"].cast(pl.Float64).to_numpy(), scores(model, test)["score"].to_numpy()
    weight = test["trust"].to_numpy()
    assert value(model, "log_loss") == pytest.approx(metrics.log_loss(y, p, weight=weight), abs=1e-9)
    assert value(model, "log_loss") != pytest.approx(metrics.log_loss(y, p), abs=1e-6)
    base = model.predictor.constant[0]  # type: ignore[union-attr]
    mean = np.average(fit["churned"].cast(pl.Float64), weights=fit["trust"])
    assert base == pytest.approx(math.log(mean / (1 - mean)), abs=1e-6)


def test_rows_of_no_weight_teach_nothing(train: Train, make: Make) -> None:
    table = make(1200).select("age", "calls", "churned").with_columns(w=(pl.int_range(1200) % 2).cast(pl.Float64))
    upset = table.with_columns(churned=pl.when(pl.col("w") == 0).then(~pl.col("churned")).otherwise("churned"))
    honest, mixed = (
        train(rows, Roles(target="churned", weight="w"), neural={"batch_size": 5000, "max_epochs": 60})
        for rows in (table, upset)
    )
    new = make(800, seed=8)
    found = [metrics.auc(new["churned"].cast(pl.Float64).to_numpy(), scores(m, new)["score"].to_numpy())
             for m in (honest, mixed)]  # fmt: skip
    assert min(found) > 0.6


def test_the_unit_of_weights_does_not_matter(train: Train, make: Make) -> None:
    table = make(900).select("customer", *FEATURES, "trust", "churned")
    roles = Roles(target="churned", id="customer", weight="trust")
    small = train(table.with_columns(pl.col("trust") / 2**20), roles)
    assert_frame_equal(scores(small, table), scores(train(table, roles), table), abs_tol=1e-5)


def test_no_group_is_in_two_parts(train: Train, make: Make, parts: list[training._Parts]) -> None:
    table = make(1200).select("customer", "household", *FEATURES, "churned")
    model = train(table, Roles(target="churned", id="customer", group="household"))
    fit, stop, test = (set(part.frame["household"]) for part in (parts[0].fit, parts[0].stop, parts[0].test))
    assert not fit & stop
    assert not fit & test
    assert not stop & test
    assert model.lineage["split"] == "group"
    assert model.evaluation.unit == "group"


# How columns reach the network


def test_text_becomes_codes_and_with_many_levels_their_target_mean_too(network: PropensityModel) -> None:
    kinds = encoders(network)
    assert kinds["plan"] == ["codes"]
    assert kinds["city"] == ["codes", "target"]
    assert network.encoder.categorical == ("plan code", "city code")
    assert {"age", "spend", "calls"} <= set(network.predictor.features)
    shape = network.predictor.shape  # type: ignore[union-attr]
    assert len(shape["sizes"]) == 2


def test_max_onehot_decides_what_many_levels_are(train: Train, make: Make) -> None:
    table = make(700).select("plan", "city", "age", "churned")
    model = train(table, Roles(target="churned"), encoding={"max_onehot": 3})
    assert encoders(model)["plan"] == ["codes", "target"]
    model = train(table, Roles(target="churned"), encoding={"max_onehot": 100})
    assert encoders(model)["city"] == ["codes"]


def test_encoders_that_are_asked_for_win_and_excluded_columns_stay_out(train: Train, make: Make) -> None:
    table = make(700).select("plan", "city", "age", "spend", "churned")
    columns = {"city": {"kind": "frequency"}, "plan": [{"kind": "onehot"}, {"kind": "text_length"}]}
    model = train(table, Roles(target="churned"), encoding={"columns": columns, "exclude": ["spend"]})
    assert encoders(model) == {"plan": ["onehot", "text_length"], "city": ["frequency"], "age": ["numeric"]}
    assert model.encoder.categorical == ()


def test_what_tells_nothing_is_left_out(train: Train, make: Make) -> None:
    table = make(700).select("calls", "active", "churned").with_columns(
        key=pl.format("k{}", pl.int_range(700)),
        empty=pl.lit(None, pl.String),
        hollow=pl.lit(None, pl.Float64),
        one=pl.lit("a"),
        seven=pl.lit(7),
    )  # fmt: skip
    model = train(table, Roles(target="churned"))
    left_out = {e.column: e.why for e in model.encoder.encoders if not e.outputs}
    assert {"key", "empty", "hollow"} <= set(left_out)
    assert "looks like an identifier" in left_out["key"]
    used = model.predictor.inputs  # type: ignore[union-attr]
    assert set(used.numbers) | set(used.levels) == {"calls", "active"}
    other = table.with_columns(one=pl.lit("b"), seven=pl.lit(8), key=pl.lit("k"))
    found, same = scores(model, table), scores(model, other)
    assert found["score"].n_unique() > 5
    assert_frame_equal(found, same)


def test_a_column_of_one_level_and_holes_tells_by_its_holes(train: Train, make: Make) -> None:
    table = make(900).select("age", "churned")
    told = table.with_columns(sign=pl.when("churned").then(pl.lit("a")))
    model = train(told, Roles(target="churned"), neural={"max_epochs": 40})
    assert value(model, "auc") > 0.95


def test_only_constant_columns_cannot_be_learned_from(train: Train, make: Make) -> None:
    with pytest.raises(FitError, match=r"no column.*learn"):
        train(make(300).select("churned").with_columns(a=pl.lit(1)), Roles(target="churned"))


@pytest.mark.parametrize("way", ["lightgbm", "mlp"])
def test_infinite_numbers_are_refused_with_the_same_words(train: Train, make: Make, way: str) -> None:
    table = make(600).select("age", "spend", "churned")
    infinite = table.with_columns(spend=pl.when(pl.int_range(600) == 400).then(math.inf).otherwise("spend"))
    with pytest.raises(TabkitError, match=r"infinit.*'spend'|'spend'.*infinit") as caught:
        train(infinite, Roles(target="churned"), model=way)
    assert "infinite" in str(caught.value)
    model = train(infinite, Roles(target="churned"), model=way, encoding={"infinite": "null"})
    found = scores(model, infinite)["score"]
    assert found.is_finite().all()
    assert found[400] == pytest.approx(scores(model, table.with_columns(spend=pl.lit(None, pl.Float64)))["score"][400])


def test_rules_are_features_of_the_network(train: Train, make: Make) -> None:
    table = make(900).select("age", "calls", "active", "churned")
    rules = [{"name": "calm", "all_of": [{"column": "calls", "lt": 2}, {"column": "age", "ge": 30}]}]
    model = train(table, Roles(target="churned"), rules=rules)
    assert [e.kind for e in model.encoder.encoders if e.kind == "rule"] == ["rule"]
    assert any("calm" in name for name in model.predictor.features)
    assert any("Rules are among the features" in hint for hint in model.lineage["hints"])


def test_levels_that_were_not_there_are_scored_as_unknown(network: PropensityModel, newcomers: pl.DataFrame) -> None:
    strange = newcomers.with_columns(city=pl.lit("nowhere"), plan=pl.lit("none"))
    other = newcomers.with_columns(city=pl.lit("elsewhere"), plan=pl.lit("of them"))
    found = scores(network, strange)["score"]
    assert found.is_between(0, 1).all()
    assert found.equals(scores(network, other)["score"])
    assert not found.equals(scores(network, newcomers)["score"])


@pytest.mark.slow
def test_a_hundred_thousand_levels_are_no_trouble(train: Train) -> None:
    rng = np.random.default_rng(0)
    level = np.concatenate([np.arange(100_000), rng.integers(0, 100_000, 100_000)])
    effect = rng.normal(0, 1, 100_000)
    number = rng.normal(0, 1, len(level))
    y = effect[level] + number + rng.normal(0, 0.5, len(level)) > 0
    table = pl.DataFrame({"c": pl.Series(level).cast(pl.String), "x": number, "y": y})
    model = train(table, Roles(target="y"), neural={"max_epochs": 2, "batch_size": 2048}, final="evaluated")
    assert encoders(model)["c"] == ["codes", "target"]
    assert value(model, "auc") > 0.7
    assert scores(model, table.head(1000))["score"].is_finite().all()


# Hints, and trainings that fail


def test_the_last_epoch_being_the_best_is_told(network: PropensityModel, train: Train, make: Make) -> None:
    told = "The held-out loss still fell at the last of 2 epochs: raise neural.max_epochs or neural.learning_rate."
    table = make(900).select("age", "calls", "active", "churned")
    model = train(table, Roles(target="churned"), neural={"max_epochs": 2, "learning_rate": 0.003})
    assert told in model.lineage["hints"]
    other = train(table, Roles(target="churned"), neural={"max_epochs": 60, "learning_rate": 0.05})
    assert other.predictor.epochs < 60  # type: ignore[union-attr]
    assert not [hint for hint in other.lineage["hints"] if "epochs was the best" in hint]


def test_almost_perfect_metrics_are_doubted_without_naming_trees(train: Train, make: Make) -> None:
    table = make(900).select("age", "churned").with_columns(later=pl.col("churned").cast(pl.Int64) * 5)
    [hint] = [h for h in train(table, Roles(target="churned")).lineage["hints"] if "Almost perfect" in h]
    assert "trees" not in hint


def test_a_training_that_explodes_at_once_is_an_error_that_says_what_to_lower(train: Train, make: Make) -> None:
    table = make(600).select("age", "calls", "value")
    with pytest.raises(FitError, match="no finite number in epoch 1") as caught:
        train(table, Roles(target="value"), neural={"learning_rate": 1e30})
    assert "neural.learning_rate" in (caught.value.advice or "")


def test_a_training_that_breaks_off_later_says_so_and_leaves_a_model_that_scores(
    train: Train, make: Make, tmp_path: Path
) -> None:
    table = make(600).select("age", "calls", "churned")
    model = train(table, Roles(target="churned"), neural={"learning_rate": 1e5})
    [hint] = [hint for hint in model.lineage["hints"] if "Training broke off" in hint]
    assert hint.endswith("Lower neural.learning_rate.")
    assert scores(model, table)["score"].is_between(0, 1).all()
    measured = train(table, Roles(target="churned"), neural={"learning_rate": 1e5}, final="evaluated")
    measured.save(tmp_path / "model")
    assert "no finite number" in inspect(tmp_path / "model")["network"]["stopped"]


def test_where_no_epoch_helps_the_base_rate_is_the_score(train: Train, make: Make) -> None:
    table = make(600).select("age").with_columns(y=pl.Series(np.random.default_rng(1).random(600) < 0.4))
    model = train(table, Roles(target="y"), neural={"learning_rate": 3.0, "max_epochs": 3, "averaging": 0})
    assert model.predictor.epochs == model.lineage["measured"]["epochs"] == 0  # type: ignore[union-attr]
    assert scores(model, table)["score"].to_numpy() == pytest.approx(table["y"].mean())


# Both learners beside each other


@pytest.fixture(scope="session")
def compared(train: Train, customers: pl.DataFrame, roles: Roles) -> PropensityModel:
    return train(customers, roles, compare=True)


def test_all_four_are_measured_on_the_same_rows(compared: PropensityModel, network: PropensityModel) -> None:
    names = compared.evaluation.frame()["model"].unique(maintain_order=True).to_list()
    assert names == ["model", "LightGBM", "linear", "base rate"]
    gains = [(gain.model, gain.metric) for gain in compared.evaluation.gains]
    assert gains == [("LightGBM", "log_loss"), ("linear", "log_loss"), ("linear", "auc"), ("base rate", "log_loss")]
    own = compared.evaluation.frame().filter(pl.col("model") != "LightGBM")
    assert own.equals(network.evaluation.frame())
    assert "LightGBM (log_loss" in compared.evaluation.verdict()
    assert "compare" not in compared.config


def test_the_other_learner_does_as_it_does_alone(
    compared: PropensityModel, train: Train, customers: pl.DataFrame, roles: Roles
) -> None:
    alone, beside = (train(customers, roles, model="lightgbm", compare=both) for both in (False, True))
    assert beside.evaluation.frame()["model"].unique(maintain_order=True).to_list() == [
        "model", "MLP", "linear", "base rate"
    ]  # fmt: skip
    trees = alone.evaluation.frame().filter(pl.col("model") == "model").drop("model")
    for found, name in ((compared, "LightGBM"), (beside, "model")):
        own = found.evaluation.frame().filter(pl.col("model") == name).drop("model")
        assert own.equals(trees), name
    mlp = [m.evaluation.frame().filter(pl.col("model") == n).drop("model")
           for m, n in ((compared, "model"), (beside, "MLP"))]  # fmt: skip
    assert mlp[0].equals(mlp[1])
    assert "the MLP (log_loss" in beside.evaluation.verdict()
    assert beside.predictor.text == alone.predictor.text  # type: ignore[union-attr]


def test_several_classes_and_exposure_can_be_compared(train: Train, make: Make) -> None:
    table = make(900).select("plan", "calls", "spend", "segment")
    model = train(table, Roles(target="segment"), compare=True)
    assert {s.model for s in model.evaluation.scores} == {"model", "LightGBM", "linear", "base rate"}
    table = make(900).select("plan", "calls", "months", "claims")
    model = train(table, Roles(target="claims", exposure="months"), compare=True, boosting={"objective": "tweedie"})
    assert {s.model for s in model.evaluation.scores} == {"model", "LightGBM", "linear", "base rate"}


# The hidden layer


def test_the_hidden_layer_streams_beside_the_id(network: PropensityModel, newcomers: pl.DataFrame) -> None:
    frame = network.embed(newcomers)
    assert isinstance(frame, pl.LazyFrame)
    found = collect(frame, what="hidden")
    assert found.columns == ["customer", *(f"hidden_{k}" for k in range(16))]
    assert set(found.dtypes[1:]) == {pl.Float32}
    assert found["customer"].equals(newcomers["customer"])
    predictor = network.predictor
    assert isinstance(predictor, MLPModel)
    own = neural.embed(predictor, network.encoder.transform(newcomers), num_threads=1)
    assert_frame_equal(found.drop("customer"), own, abs_tol=1e-6)
    assert found.select(pl.all_horizontal(pl.exclude("customer").is_finite()).all()).item()
    assert found.drop("customer").n_unique() > 400


def test_more_members_and_kept_columns_can_be_asked_for(network: PropensityModel, newcomers: pl.DataFrame) -> None:
    one = collect(network.embed(newcomers), what="hidden")
    both = collect(network.embed(newcomers, members=2, keep=["plan", "seen_at"]), what="hidden")
    assert both.columns == ["customer", "plan", "seen_at", *(f"hidden_{k}" for k in range(32))]
    assert both["plan"].equals(newcomers["plan"])
    assert_frame_equal(both.select(one.columns), one, abs_tol=1e-6)
    assert not both["hidden_16"].equals(both["hidden_0"])
    for members in (0, 3):
        with pytest.raises(ConfigError, match=rf"members.*{members}.*model.*2"):
            network.embed(newcomers, members=members)


def test_trees_have_no_hidden_layer(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    with pytest.raises(ConfigError, match="hidden layer in boosted trees") as caught:
        model.embed(newcomers)
    assert "mlp" in (caught.value.advice or "")


def test_trees_learn_from_the_hidden_layer(network: PropensityModel, make: Make, train: Train) -> None:
    rows = make(900, seed=6).select("customer", "seen_at", *FEATURES, "churned")
    hidden = collect(network.embed(rows), what="hidden")
    table = rows.select("customer", "churned").join(hidden, on="customer", how="left", validate="1:1")
    model = train(table, Roles(id="customer", target="churned"), model="lightgbm")
    assert all(name.startswith("hidden_") for name in model.predictor.features)
    assert value(model, "auc") > 0.65
    assert scores(model, table).height == 900
