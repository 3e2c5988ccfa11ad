"""Updates: what is chosen, what is refused, what the new model remembers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines import propensity
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.lineage import history
from tabkit.propensity.comparison import compare
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

FEW = {"extend_trees": 30, "blocks": 1}
COLUMNS = ["customer", "seen_at", "plan", "city", "age", "spend", "calls", "active", "joined", "churned"]
Make = Callable[..., pl.DataFrame]


def later(make: Make, rows: int = 1500, seed: int = 3) -> pl.DataFrame:
    """Rows of the year after."""
    return make(rows, seed=seed).select(COLUMNS).with_columns(pl.col("seen_at").dt.offset_by("1y"))


def thinned(frame: pl.DataFrame, share: float) -> pl.DataFrame:
    """The same rows with most who churned left out: the base rate falls, nothing else changes."""
    drawn = pl.Series(np.random.default_rng(5).random(frame.height) < share)
    return frame.filter(~pl.col("churned") | drawn)


def turned(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows with the opposite outcome."""
    return frame.with_columns(~pl.col("churned"))


def test_where_nothing_changed_the_model_is_kept(model: PropensityModel, make: Make) -> None:
    new, report = propensity.update(model, later(make), config=FEW)
    assert report.strategy == "keep"
    assert report.why.startswith("Keep: the best other candidate")
    assert new.predictor.text == model.predictor.text
    assert [c.name for c in report.candidates] == [
        "keep", "recalibrate", "refit", "extend", "refit_extend", "retrain"
    ]  # fmt: skip


def test_a_new_base_rate_is_seen(model: PropensityModel, make: Make) -> None:
    rows = thinned(later(make, 4000), 0.2)
    new, report = propensity.update(model, rows, config=FEW)
    assert report.strategy == "recalibrate"
    fresh = thinned(later(make, 2000, seed=4), 0.2)
    predicted = new.score(fresh).collect()["score"].mean()
    assert predicted == pytest.approx(fresh["churned"].mean(), abs=0.03)
    [loss, *_] = compare(model, new, fresh).gains
    assert loss.high < 0


def test_a_world_turned_round_is_learned_anew(model: PropensityModel, make: Make) -> None:
    new, report = propensity.update(model, turned(later(make, 3000)), config=FEW)
    assert report.strategy in ("extend", "refit", "refit_extend", "retrain")
    [loss, *_] = compare(model, new, turned(later(make, 1000, seed=4))).gains
    assert loss.high < 0


@pytest.mark.parametrize("strategy", ["keep", "recalibrate", "refit", "extend", "refit_extend", "retrain"])
def test_each_strategy_can_be_asked_for(model: PropensityModel, make: Make, strategy: str, tmp_path: Path) -> None:
    text = model.predictor.text
    new, report = propensity.update(model, later(make), config={**FEW, "strategy": strategy})
    assert report.strategy == strategy
    assert model.predictor.text == text
    assert new.encoder.outputs == model.encoder.outputs or strategy == "retrain"
    new.save(tmp_path / "new")
    rows = later(make, 100, seed=9).drop("churned")
    again = propensity.load(tmp_path / "new")
    assert again.score(rows).collect().equals(new.score(rows).collect())
    assert again.lineage["update"]["why"] == report.why


def test_an_update_can_be_updated_and_history_tells_it(model: PropensityModel, make: Make, tmp_path: Path) -> None:
    model.save(tmp_path / "a")
    first = propensity.load(tmp_path / "a")
    second, _ = propensity.update(first, later(make), config={**FEW, "strategy": "refit", "decay": 0.5})
    second.save(tmp_path / "b")
    newest = later(make, 1000, seed=7).with_columns(pl.col("seen_at").dt.offset_by("1y"))
    third, _ = propensity.update(propensity.load(tmp_path / "b"), newest, config={**FEW, "strategy": "extend"})
    third.save(tmp_path / "c")
    chain = history(tmp_path / "c", kinds=["propensity"])["chain"]
    assert [row["strategy"] for row in chain] == ["extend", "refit", "train"]
    assert [row["checksum"] for row in chain][1:] == [
        propensity.load(tmp_path / "b").checksum, first.checksum
    ]  # fmt: skip
    assert [row["rows"] for row in chain] == [1000, 1500, 2000]


def test_the_encoder_learns_new_levels_where_it_is_updated(model: PropensityModel, make: Make) -> None:
    rows = later(make).with_columns(city=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("new")).otherwise("city"))
    new, _ = propensity.update(model, rows, config={**FEW, "strategy": "refit"})
    one = rows.filter(pl.col("city") == "new").head(1)
    before, after = (m.encoder.transform(one)["city by target"].item() for m in (model, new))
    assert before != after
    assert new.encoder.outputs == model.encoder.outputs


def test_reference_rows_serve_a_retraining(model: PropensityModel, customers: pl.DataFrame, make: Make) -> None:
    settings = {**FEW, "strategy": "retrain", "half_life_days": 100.0}
    _, report = propensity.update(model, later(make), reference=customers, config=settings)
    assert report.candidates[-1].how == "with 2,000 reference rows"


def test_counts_with_exposure_and_weights_can_be_updated(make: Make, quick: dict[str, Any]) -> None:
    columns = ["customer", "plan", "city", "age", "calls", "months", "trust", "claims"]
    roles = Roles(id="customer", target="claims", exposure="months", weight="trust")
    config = {**quick, "boosting": {**quick["boosting"], "objective": "poisson"}}
    model = propensity.train(make().select(columns), roles=roles, config=config)
    rows = make(1500, seed=3).select(columns)
    for strategy in ("recalibrate", "refit", "extend", "retrain"):
        new, report = propensity.update(model, rows, config={**FEW, "strategy": strategy})
        assert report.strategy == strategy
        assert new.score(rows.drop("claims")).collect()["score"].is_finite().all()


def test_several_classes_can_be_updated(make: Make, quick: dict[str, Any]) -> None:
    columns = ["customer", "plan", "city", "spend", "calls", "active", "segment"]
    model = propensity.train(make().select(columns), roles=Roles(id="customer", target="segment"), config=quick)
    new, report = propensity.update(model, make(1500, seed=3).select(columns), config=FEW)
    assert report.metric == "log_loss"
    scores = new.score(make(50, seed=4).select(columns[:-1])).collect()
    total = scores.select(pl.sum_horizontal("^score_.*$")).to_series()
    assert total.to_list() == pytest.approx([1.0] * 50)


# What is refused


def test_too_few_rows_are_refused(model: PropensityModel, make: Make) -> None:
    with pytest.raises(FitError, match="needs at least 200"):
        propensity.update(model, later(make, 150))


def test_rows_of_one_class_are_refused(model: PropensityModel, make: Make) -> None:
    with pytest.raises(FitError, match="nothing can be learned"):
        propensity.update(model, later(make).with_columns(churned=pl.lit(False)))


def test_time_may_not_go_backwards(model: PropensityModel, make: Make) -> None:
    older = later(make).with_columns(pl.col("seen_at").dt.offset_by("-3y"))
    with pytest.raises(FitError, match="time would go backwards"):
        propensity.update(model, older)


def test_rows_of_the_fit_are_known_again(customers: pl.DataFrame, quick: dict[str, Any], tmp_path: Path) -> None:
    trained = propensity.train(customers.drop("seen_at"), roles=Roles(id="customer", target="churned"), config=quick)
    trained.save(tmp_path / "m")
    with pytest.raises(FitError, match="100% of the new rows"):
        propensity.update(propensity.load(tmp_path / "m"), customers.drop("seen_at"))


def test_a_few_known_rows_a_new_base_rate_and_an_overlap_in_time_are_warned_of(
    model: PropensityModel, customers: pl.DataFrame, make: Make
) -> None:
    rows = pl.concat([thinned(later(make, 3000), 0.15), customers.head(200)])
    _, report = propensity.update(model, rows, config={**FEW, "strategy": "keep"})
    said = " ".join(report.warnings)
    assert "fitted: leave" in said
    assert "meaning changed" in said
    assert "older than the last" in said


@pytest.mark.parametrize("column", ["city", "churned", "customer"])
def test_a_missing_column_is_named(model: PropensityModel, make: Make, column: str) -> None:
    with pytest.raises(SchemaError, match=column):
        propensity.update(model, later(make).drop(column))


def test_what_the_trees_do_not_allow_is_said_before_any_work(
    customers: pl.DataFrame, make: Make, roles: Roles, quick: dict[str, Any]
) -> None:
    boosting = {**quick["boosting"], "monotone": {"calls": 1}}
    model = propensity.train(customers, roles=roles, config={**quick, "boosting": boosting})
    with pytest.raises(FitError, match="would break the monotone constraints"):
        propensity.update(model, later(make), config={**FEW, "strategy": "refit"})
    _, report = propensity.update(model, later(make), config=FEW)
    refused = {c.name: c.refused for c in report.candidates if c.refused}
    assert set(refused) == {"refit", "refit_extend"}


def test_models_of_different_targets_are_not_compared(
    model: PropensityModel, make: Make, quick: dict[str, Any]
) -> None:
    frame = make().select("customer", "plan", "city", "value")
    other = propensity.train(frame, roles=Roles(id="customer", target="value"), config=quick)
    with pytest.raises(ConfigError, match="predict different targets"):
        compare(model, other, frame)


# The commands


def test_the_commands_update_tell_and_compare(run: Any, saved: Path, make: Make, tmp_path: Path) -> None:
    later(make).write_parquet(tmp_path / "new.parquet")
    later(make, 500, seed=8).write_parquet(tmp_path / "next.parquet")
    out, new = str(tmp_path / "updated"), str(tmp_path / "new.parquet")
    done = run("update", str(saved), new, "-o", out, "--set", "blocks=1", "--set", "extend_trees=20", "--json")
    assert done.code == 0, done.err
    assert done.json["parent"]["checksum"] == propensity.load(saved).checksum
    assert {row["name"] for row in done.json["candidates"]} >= {"keep", "retrain"}
    told = run("history", out, "--json")
    assert [row["strategy"] for row in told.json["chain"]] == [done.json["strategy"], "train"]
    assert "ancestors" in run("history", out).out
    compared = run("compare", str(saved), out, str(tmp_path / "next.parquet"), "--json")
    assert compared.code == 0, compared.err
    assert compared.json["rows"] == 500


def test_a_person_sees_every_candidate_and_why(run: Any, saved: Path, make: Make, tmp_path: Path) -> None:
    later(make).write_parquet(tmp_path / "new.parquet")
    done = run("update", str(saved), str(tmp_path / "new.parquet"), "-o", str(tmp_path / "m"), "--strategy", "refit",
               "--decay", "0.7", "--set", "blocks=1")  # fmt: skip
    assert done.code == 0, done.err
    assert "decay 0.7" in done.out
    assert "Refit: as asked for" in " ".join(done.out.split())
    assert "the old model stays" in " ".join(done.out.split())


def test_a_bundle_is_never_updated_in_place(run: Any, saved: Path, make: Make, tmp_path: Path) -> None:
    later(make).write_parquet(tmp_path / "new.parquet")
    done = run("update", str(saved), str(tmp_path / "new.parquet"), "-o", str(saved), "--overwrite")
    assert done.code == 2
    assert "a bundle is never changed" in done.said


def test_columns_that_were_left_out_at_the_fit_stay_out(make: Make, quick: dict[str, Any]) -> None:
    frame = make().select(COLUMNS).with_columns(constant=pl.lit("a"))
    model = propensity.train(frame, roles=Roles(id="customer", time="seen_at", target="churned"), config=quick)
    assert "constant" not in model.encoder.schema.names()
    for rows in (later(make), later(make).with_columns(constant=pl.col("plan"))):
        new, report = propensity.update(model, rows, config={**FEW, "strategy": "retrain"})
        assert report.strategy == "retrain"
        assert new.encoder.outputs == model.encoder.outputs


def test_a_half_life_needs_a_time(make: Make, quick: dict[str, Any]) -> None:
    frame = make(800).select("customer", "age", "churned")
    model = propensity.train(frame, roles=Roles(id="customer", target="churned"), config=quick)
    with pytest.raises(ConfigError, match="how old a row"):
        propensity.update(model, make(500, seed=4).select(frame.columns), config={**FEW, "half_life_days": 30.0})


@pytest.mark.parametrize("half_life", [25.0, 100.0])
def test_a_row_one_half_life_old_counts_half(half_life: float, quick: dict[str, Any]) -> None:
    def rows(count: int, rate: float, day: int) -> pl.DataFrame:
        when = pl.lit(pl.Series([day])).first() + pl.int_range(count) * 0
        late = (pl.int_range(count) % 100) < round(100 * rate)
        return pl.select(when.alias("day"), late.alias("late"), (pl.int_range(count) * 7919 % 13).alias("x"))

    old = pl.concat([rows(400, 0.2, day) for day in (0, 100)])
    new = pl.concat([rows(400, 0.6, day) for day in (200, 201, 202, 203, 204)])
    model = propensity.train(
        rows(800, 0.3, -1).with_columns(day=-1 - pl.int_range(800) // 100),
        roles=Roles(target="late", time="day"),
        config=quick,
    )
    settings = {**FEW, "strategy": "retrain", "half_life_days": half_life}
    fresh, _ = propensity.update(model, new, reference=old, config=settings)
    weight = {day: 0.5 ** ((204 - day) / half_life) for day in (0, 100, 200, 201, 202, 203, 204)}
    rate = {day: 0.2 if day < 200 else 0.6 for day in weight}
    expected = sum(weight[day] * rate[day] for day in weight) / sum(weight.values())
    # Outside the trees stands the log-odds of the weighted mean of all rows.
    assert fresh.predictor.base_score[0] == pytest.approx(np.log(expected / (1 - expected)), abs=1e-9)
    alone, _ = propensity.update(model, new, config=settings)
    assert alone.predictor.base_score[0] == pytest.approx(np.log(1.5), abs=1e-9)


def test_calibration_is_told_for_every_kind_of_target(
    model: PropensityModel, make: Make, quick: dict[str, Any]
) -> None:
    _, report = propensity.update(model, later(make), config={**FEW, "strategy": "recalibrate"})
    kept, changed = report.candidates
    assert kept.ece is not None
    assert changed.bias == pytest.approx(0, abs=0.05)
    frame = make(2000, seed=1).select("customer", "plan", "age", "spend", "calls")
    for target, objective in (("spend", "quantile"), ("spend", "regression"), ("plan", "multiclass")):
        config = {**quick, "boosting": {**quick["boosting"], "objective": objective}}
        other = propensity.train(frame.drop_nulls(), roles=Roles(id="customer", target=target), config=config)
        rows = make(1000, seed=5).select(frame.columns).drop_nulls()
        _, found = propensity.update(other, rows, config={**FEW, "strategy": "keep"})
        [only] = found.candidates
        predicted = other.score(rows).collect()
        assert only.ece is None
        if objective == "quantile":
            assert only.bias == pytest.approx((rows["spend"] <= predicted["score"]).mean() - 0.5, abs=0.05)
        assert only.bias is not None


def test_a_retraining_with_recency_weights_can_be_updated_again(
    model: PropensityModel, customers: pl.DataFrame, make: Make, tmp_path: Path
) -> None:
    settings = {**FEW, "strategy": "retrain", "half_life_days": 100.0}
    first, _ = propensity.update(model, later(make), reference=customers, config=settings)
    first.save(tmp_path / "first")
    newest = later(make, 1000, seed=7).with_columns(pl.col("seen_at").dt.offset_by("1y"))
    for strategy in ("refit", "extend", "retrain"):
        again = propensity.load(tmp_path / "first")
        second, report = propensity.update(again, newest, config={**settings, "strategy": strategy})
        assert report.strategy == strategy
        second.save(tmp_path / strategy)
        assert propensity.load(tmp_path / strategy).score(newest).collect().height == 1000
