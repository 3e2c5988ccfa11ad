"""New rows for a model that exists: what is read of them, what is refused, what reference rows may stay."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines import propensity
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.propensity.comparison import compare
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

FEW = {"extend_trees": 30, "blocks": 1}
COLUMNS = ["customer", "seen_at", "plan", "city", "age", "spend", "calls", "active", "joined", "churned"]
Make = Callable[..., pl.DataFrame]


def later(make: Make, rows: int = 1500, seed: int = 3) -> pl.DataFrame:
    return make(rows, seed=seed).select(COLUMNS).with_columns(pl.col("seen_at").dt.offset_by("1y"))


def test_columns_that_the_model_does_not_know_are_never_learned_from(make: Make, quick: dict[str, Any]) -> None:
    leak = (pl.col("churned").cast(pl.Int8) * 2).alias("refund")
    first = make().select(COLUMNS).with_columns(leak)
    config = {**quick, "encoding": {"exclude": ["refund"]}}
    model = propensity.train(first, roles=Roles(id="customer", time="seen_at", target="churned"), config=config)
    rows = later(make).with_columns(leak, pl.col("churned").alias("another"), pl.lit([1]).alias("list"))
    new, report = propensity.update(model, rows, config={**FEW, "strategy": "retrain"})
    assert new.encoder.outputs == model.encoder.outputs
    assert report.candidates[-1].loss is not None
    assert report.candidates[-1].loss > 0.1
    assert new.score(later(make).drop("churned")).collect().height == 1500


def test_reference_rows_among_the_new_ones_are_left_out(
    model: PropensityModel, customers: pl.DataFrame, make: Make
) -> None:
    rows, config = later(make), {**FEW, "strategy": "retrain"}
    _, honest = propensity.update(model, rows, reference=customers, config=config)
    _, found = propensity.update(model, rows, reference=pl.concat([customers, rows]), config=config)
    assert found.candidates[-1].loss == honest.candidates[-1].loss
    assert any("1,500 reference rows are not" in w for w in found.warnings)
    with pytest.raises(FitError, match=r"1,500 reference.*older"):
        propensity.update(model, rows, reference=rows, config=config)


def test_without_a_time_reference_rows_are_told_by_their_id(make: Make, quick: dict[str, Any]) -> None:
    frame = make().select("customer", "age", "calls", "churned")
    model = propensity.train(frame, roles=Roles(id="customer", target="churned"), config=quick)
    rows, config = make(800, seed=4).select(frame.columns), {**FEW, "strategy": "retrain"}
    _, found = propensity.update(model, rows, reference=pl.concat([frame, rows]), config=config)
    assert any("800 reference rows have" in warning for warning in found.warnings)
    bare = propensity.train(frame.drop("customer"), roles=Roles(target="churned"), config=quick)
    _, found = propensity.update(bare, rows.drop("customer"), reference=frame.drop("customer"), config=config)
    assert any("nobody can tell" in warning for warning in found.warnings)


def test_a_kept_model_has_learned_nothing(model: PropensityModel, make: Make) -> None:
    rows = later(make)
    kept, _ = propensity.update(model, rows, config={**FEW, "strategy": "keep"})
    assert kept.lineage["known"] == model.lineage["known"]
    again, report = propensity.update(kept, rows, config={**FEW, "strategy": "refit"})
    assert report.warnings == ()
    assert again.lineage["known"]["rows"] == 3500
    with pytest.raises(FitError, match="100% of the new rows"):
        propensity.update(again, rows, config=FEW)


def test_a_retrained_model_knows_the_rows_that_it_was_made_from(
    model: PropensityModel, customers: pl.DataFrame, make: Make
) -> None:
    rows = later(make)
    alone, _ = propensity.update(model, rows, config={**FEW, "strategy": "retrain"})
    both, _ = propensity.update(model, rows, reference=customers, config={**FEW, "strategy": "retrain"})
    assert (alone.lineage["known"]["rows"], both.lineage["known"]["rows"]) == (1500, 3500)
    assert both.lineage["known"]["span"][0] == model.lineage["known"]["span"][0]
    with pytest.raises(FitError, match="100% of the new rows"):
        propensity.update(both, customers, config=FEW)


def timed(make: Make, quick: dict[str, Any], time: pl.Expr) -> PropensityModel:
    frame = make().select(COLUMNS).with_columns(time.alias("seen_at"))
    return propensity.train(frame, roles=Roles(id="customer", time="seen_at", target="churned"), config=quick)


SEEN = pl.col("seen_at")


@pytest.mark.parametrize(
    ("fit", "new"),
    [
        (SEEN, SEEN.dt.timestamp("ms")),
        (SEEN.dt.epoch("s"), SEEN),
        (SEEN, SEEN.dt.replace_time_zone("UTC")),
        (SEEN.dt.replace_time_zone("UTC"), SEEN),
        (SEEN, SEEN.dt.date()),
        (SEEN.dt.date(), SEEN),
    ],
)
def test_times_of_another_kind_are_refused(make: Make, quick: dict[str, Any], fit: pl.Expr, new: pl.Expr) -> None:
    model, rows = timed(make, quick, fit), later(make)
    with pytest.raises(SchemaError, match="they do not compare"):
        propensity.update(model, rows.with_columns(new.alias("seen_at")), config=FEW)
    reference = make(500, seed=9).select(COLUMNS).with_columns(new.alias("seen_at"))
    with pytest.raises(SchemaError, match="they do not compare"):
        propensity.update(model, rows.with_columns(fit.alias("seen_at")), reference=reference, config=FEW)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_moments_are_compared_not_how_they_are_written(make: Make, quick: dict[str, Any], zone: str) -> None:
    model = timed(make, quick, SEEN.dt.replace_time_zone("UTC"))
    last = datetime.fromisoformat(model.lineage["known"]["span"][1])
    rows = make(600, seed=5).select(COLUMNS)
    minutes = pl.duration(minutes=pl.int_range(1, 601))
    newer = pl.lit(last.astimezone(UTC)) + minutes
    older = pl.lit(last.astimezone(UTC) - timedelta(days=30)) + minutes
    _, report = propensity.update(
        model, rows.with_columns(newer.dt.convert_time_zone(zone).alias("seen_at")), config={**FEW, "strategy": "refit"}
    )
    assert report.warnings == ()
    with pytest.raises(FitError, match="time would go backwards"):
        propensity.update(model, rows.with_columns(older.dt.convert_time_zone(zone).alias("seen_at")), config=FEW)


def test_rows_of_a_csv_file_are_read_as_at_the_fit(make: Make, quick: dict[str, Any], tmp_path: Any) -> None:
    def coded(frame: pl.DataFrame, start: int) -> pl.DataFrame:
        code = (pl.int_range(pl.len()) % 50 + start).cast(pl.String).str.zfill(5)
        return frame.select("customer", "age", code.alias("zip"), "churned")

    first, second = coded(make(), 1), coded(make(900, seed=4), 10_000)  # of the second no code has a leading zero
    model = propensity.train(first, roles=Roles(id="customer", target="churned"), config=quick)
    second.write_csv(tmp_path / "new.csv")
    new, report = propensity.update(model, tmp_path / "new.csv", config={**FEW, "strategy": "refit"})
    assert report.rows == 900
    assert compare(model, new, tmp_path / "new.csv").rows == 900


def test_both_models_of_a_comparison_get_their_own_exposure(make: Make, quick: dict[str, Any]) -> None:
    columns = ["customer", "plan", "calls", "months", "claims"]
    config = {**quick, "boosting": {**quick["boosting"], "objective": "poisson"}}
    with_exposure = Roles(id="customer", target="claims", exposure="months")
    a = propensity.train(make().select(columns), roles=with_exposure, config=config)
    b = propensity.train(make().select(columns), roles=Roles(id="customer", target="claims"), config=config)
    rows = make(1000, seed=8).select(columns)
    alone = {m.roles.exposure: compare(m, m, rows).scores[0].value for m in (a, b)}
    for first, second in ((a, b), (b, a)):
        scores = compare(first, second, rows).scores
        loss = {score.model: score.value for score in scores if score.metric == scores[0].metric}
        assert loss == {"model": alone[second.roles.exposure], "other": alone[first.roles.exposure]}


def test_new_rows_of_a_single_day_can_be_used(make: Make, quick: dict[str, Any]) -> None:
    model = timed(make, quick, SEEN.dt.date())
    rows = make(900, seed=4).select(COLUMNS).with_columns(pl.lit(datetime(2026, 1, 1).date()).alias("seen_at"))
    _, report = propensity.update(model, rows.with_columns(~pl.col("churned")), config=FEW)
    assert report.strategy != "keep"
    assert (report.unit, report.kept) == ("row", False)
    assert "next month" in report.note
    _, report = propensity.update(model, rows, config={**FEW, "strategy": "refit"})
    assert report.strategy == "refit"


def test_one_candidate_that_fails_leaves_the_others(make: Make, quick: dict[str, Any]) -> None:
    frame = make().select("customer", "household", "age", "city", "churned")
    few = pl.when(pl.int_range(pl.len()) % 3 > 0).then(pl.lit("a")).otherwise(pl.lit("b")).alias("household")
    roles = Roles(id="customer", group="household", target="churned")
    model = propensity.train(frame, roles=roles, config=quick)
    _, report = propensity.update(model, make(900, seed=4).select(frame.columns).with_columns(few), config=FEW)
    tried = {candidate.name: candidate.refused for candidate in report.candidates}
    assert tried["keep"] is None
    assert any(tried.values())


def test_a_constant_target_is_refused_for_numbers_too(make: Make, quick: dict[str, Any]) -> None:
    config = {**quick, "boosting": {**quick["boosting"], "objective": "poisson"}}
    frame = make().select("customer", "calls", "age", "claims")
    model = propensity.train(frame, roles=Roles(id="customer", target="claims"), config=config)
    with pytest.raises(FitError, match=r"claims = 0.*learned"):
        propensity.update(model, make(500, seed=4).select(frame.columns).with_columns(claims=0), config=FEW)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (pl.col("value") * -1, True),
        (pl.col("value") * 3, True),
        (pl.col("value") * 1.5, False),
    ],
)
def test_a_target_whose_level_moved_is_noticed(
    make: Make, quick: dict[str, Any], change: pl.Expr, *, told: bool
) -> None:
    frame = make().select("customer", "spend", "calls", "value")
    model = propensity.train(frame, roles=Roles(id="customer", target="value"), config=quick)
    rows = make(500, seed=4).select(frame.columns).with_columns(change.alias("value"))
    _, report = propensity.update(model, rows, config={**FEW, "strategy": "keep"})
    assert any("The mean of value" in warning for warning in report.warnings) == told


def test_rates_are_compared_where_there_is_an_exposure(make: Make, quick: dict[str, Any]) -> None:
    columns = ["customer", "plan", "calls", "months", "claims"]
    config = {**quick, "boosting": {**quick["boosting"], "objective": "poisson"}}
    roles = Roles(id="customer", target="claims", exposure="months")
    model = propensity.train(make().select(columns), roles=roles, config=config)
    rows = make(800, seed=4).select(columns)
    for factor, told in ((1.0, False), (12.0, True)):
        scaled = rows.with_columns(pl.col("months") * factor)
        _, report = propensity.update(model, scaled, config={**FEW, "strategy": "keep"})
        assert any("The mean of claims" in warning for warning in report.warnings) == told


def test_a_class_that_vanished_is_noticed(make: Make, quick: dict[str, Any]) -> None:
    frame = make().select("customer", "spend", "calls", "active", "segment")
    model = propensity.train(frame, roles=Roles(id="customer", target="segment"), config=quick)
    rows = make(900, seed=4).select(frame.columns).filter(pl.col("segment") != "gold")
    _, report = propensity.update(model, rows, config={**FEW, "strategy": "keep"})
    assert any("gold in 0.0%" in warning for warning in report.warnings)


def test_trees_meet_the_features_that_they_were_refitted_on(make: Make, quick: dict[str, Any]) -> None:
    # New shops where all is well: both the encoder and the trees must learn it once, and not twice.
    rng = np.random.default_rng(0)

    def shops(rows: int, names: list[str], rate: dict[str, float], start: int) -> pl.DataFrame:
        shop = rng.choice(names, rows)
        y = rng.random(rows) < np.array([rate[name] for name in shop])
        return pl.DataFrame({"id": np.arange(start, start + rows), "shop": shop, "y": y})

    old = [f"old {i}" for i in range(30)]
    rate = {name: 0.1 + 0.02 * i for i, name in enumerate(old)} | {f"new {i}": 0.9 for i in range(10)}
    model = propensity.train(shops(3000, old, rate, 0), roles=Roles(id="id", target="y"), config=quick)
    names = [*old, *(name for name in rate if name.startswith("new"))]
    rows, fresh = shops(3000, names, rate, 10_000), shops(5000, names, rate, 20_000)
    truth = np.array([rate[name] for name in fresh["shop"]])
    for strategy in ("refit", "extend", "refit_extend"):
        new, _ = propensity.update(model, rows, config={**FEW, "strategy": strategy})
        predicted = new.score(fresh).collect()["score"].to_numpy()
        mine = fresh["shop"].str.starts_with("new").to_numpy()
        assert abs(predicted.mean() - truth.mean()) < 0.03
        assert abs(predicted[mine].mean() - 0.9) < 0.15, strategy


def test_settings_that_would_change_nothing_are_refused(model: PropensityModel, make: Make) -> None:
    with pytest.raises(ConfigError, match=r"setting of refit.*extend"):
        propensity.update(model, later(make), config={**FEW, "strategy": "extend", "decay": 0.5})
