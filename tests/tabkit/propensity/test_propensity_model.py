import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest

from pipelines import propensity
from tabkit import bundle
from tabkit.config import merge
from tabkit.errors import BundleError, ConfigError, SchemaError, ScoringError
from tabkit.propensity.model import KIND, PropensityModel
from tabkit.roles import Roles
from tabkit.scoring import Tally

# Streams


def test_the_stream_equals_predicting_in_memory(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path
) -> None:
    features = model.encoder.transform(newcomers)
    expected = model.predictor.predict(features, num_threads=1)
    model.score(newcomers).sink_parquet(tmp_path / "scores.parquet")
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    assert scores["score"].to_list() == expected.tolist()
    assert scores["customer"].to_list() == newcomers["customer"].to_list()
    assert scores.equals(model.score(newcomers).collect(engine="in-memory"))
    assert scores.equals(model.score(newcomers).collect(engine="streaming"))


def test_every_form_of_source_scores_alike(model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path) -> None:
    expected = model.score(newcomers).collect()
    newcomers.write_parquet(tmp_path / "new.parquet")
    newcomers.write_csv(tmp_path / "new.csv")
    newcomers.write_ndjson(tmp_path / "new.ndjson")
    newcomers.write_ipc(tmp_path / "new.arrow")
    for source in (newcomers.lazy(), newcomers.to_pandas(), newcomers.to_arrow(), *tmp_path.iterdir()):
        assert model.score(source).collect().equals(expected), source


def test_columns_are_taken_by_name_and_others_ignored(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    mixed = newcomers.with_columns(more=pl.lit(1)).select(sorted([*newcomers.columns, "more"], reverse=True))
    assert model.score(mixed).collect().equals(model.score(newcomers).collect())


@pytest.mark.parametrize(
    "change",
    [
        pl.col("plan", "city").cast(pl.Categorical),
        pl.col("plan").cast(pl.Enum(["basic", "family", "pro", "student", "more"])),
        pl.col("age").cast(pl.Float32),
        pl.col("age").cast(pl.Int8),
        pl.col("spend").cast(pl.Decimal(12, 2)),
        pl.col("joined").cast(pl.Datetime("ns")),
    ],
    ids=["categorical", "enum", "float", "small", "decimal", "datetime"],
)
def test_types_may_change_within_their_kind(model: PropensityModel, newcomers: pl.DataFrame, change: pl.Expr) -> None:
    changed = newcomers.with_columns(change)
    assert model.score(changed).collect().equals(model.score(newcomers).collect())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.col("spend").cast(pl.String), r"'spend'.*Float64.*String"),
        (pl.col("active").cast(pl.Int8), r"'active'.*Boolean.*now Int8"),
        (pl.col("joined").cast(pl.String), r"'joined'.*Date.*String"),
        (pl.col("plan").str.len_chars(), r"'plan'.*String.*UInt32"),
    ],
)
def test_types_of_another_kind_are_refused_at_once(
    model: PropensityModel, newcomers: pl.DataFrame, change: pl.Expr, message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        model.score(newcomers.with_columns(change))


def test_all_that_is_missing_is_said_at_once(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    with pytest.raises(SchemaError, match=r"missing.*'customer', 'city', 'age'.*another"):
        model.score(newcomers.drop("age", "city", "customer").with_columns(spend=pl.lit("x")))


def test_columns_that_are_all_null_are_scored(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    gone = newcomers.with_columns(age=pl.lit(None), city=pl.lit(None), joined=pl.lit(None), active=pl.lit(None))
    typed = gone.with_columns(
        pl.col("age").cast(pl.Int64), pl.col("city").cast(pl.String), pl.col("joined").cast(pl.Date),
        pl.col("active").cast(pl.Boolean),
    )  # fmt: skip
    scores = model.score(gone).collect()
    assert scores["score"].is_between(0, 1).all()
    assert scores.equals(model.score(typed).collect())


def test_infinite_numbers_are_refused_and_missing_ones_are_not(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    with pytest.raises(ScoringError, match="infinite values in 'spend'"):
        model.score(newcomers.with_columns(spend=pl.lit(float("inf")))).collect()
    nan, null = (newcomers.with_columns(spend=pl.lit(v, dtype=pl.Float64)) for v in (float("nan"), None))
    assert model.score(nan).collect().equals(model.score(null).collect())


def test_infinite_numbers_can_be_taken_for_missing(
    customers: pl.DataFrame, newcomers: pl.DataFrame, roles: Roles, quick: dict[str, Any]
) -> None:
    wild = customers.with_columns(spend=pl.when(pl.col("age") > 70).then(float("inf")).otherwise("spend"))
    model = propensity.train(wild, roles=roles, config=merge(quick, {"encoding": {"infinite": "null"}}))
    infinite, null = (newcomers.with_columns(spend=pl.lit(v, dtype=pl.Float64)) for v in (float("-inf"), None))
    assert model.score(infinite).collect().equals(model.score(null).collect())


def test_unseen_levels_are_scored_and_counted(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    strange = newcomers.with_columns(
        city=pl.when(pl.int_range(500) < 7).then(pl.lit("city of gold")).otherwise("city"),
        plan=pl.when(pl.int_range(500) < 3).then(pl.lit("secret")).otherwise("plan"),
    )
    tally = Tally()
    scores = model.score(strange, tally=tally).collect()
    assert tally.rows == 500
    assert dict(tally.unseen) == {"city": 7, "plan": 3}
    assert scores["score"].is_between(0, 1).all()


# What is carried through

IDS = {
    "text": pl.Series(["007", "", None]),
    "categorical": pl.Series(["a", "b", None], dtype=pl.Categorical),
    "enum": pl.Series(["a", "b", "a"], dtype=pl.Enum(["a", "b"])),
    "int": pl.Series([1, -2, None], dtype=pl.Int64),
    "uint": pl.Series([2**64 - 1, 0, 1], dtype=pl.UInt64),
    "wide": pl.Series([2**100, 0, 1], dtype=pl.Int128),
    "float": pl.Series([1.5, float("nan"), None]),
    "boolean": pl.Series([True, False, None]),
    "date": pl.Series([date(2024, 1, 1), None, date(1900, 1, 1)]),
    "zoned": pl.Series([datetime(2024, 1, 1), None, datetime(2024, 7, 1)], dtype=pl.Datetime("us", "Europe/Berlin")),
    "duration": pl.Series([timedelta(1), None, timedelta(2)]),
    "decimal": pl.Series([Decimal("1.50"), None, Decimal("2.25")], dtype=pl.Decimal(10, 2)),
    "binary": pl.Series([b"\x00\xff", b"", None]),
    "list": pl.Series([[1, 2], [], None]),
    "null": pl.Series([None, None, None]),
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS.keys())
def test_ids_of_every_type_come_out_as_they_went_in(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path, ids: pl.Series
) -> None:
    rows = newcomers.head(3).with_columns(ids.alias("customer"))
    scores = model.score(rows)
    assert scores.collect_schema()["customer"] == ids.dtype
    assert scores.collect()["customer"].equals(ids, null_equal=True) or ids.dtype.is_float()
    scores.sink_parquet(tmp_path / "scores.parquet")
    assert pl.read_parquet(tmp_path / "scores.parquet")["customer"].to_list().__repr__() == ids.to_list().__repr__()


def test_leading_zeros_survive_csv(model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path) -> None:
    newcomers.write_csv(tmp_path / "new.csv")
    scores = model.score(tmp_path / "new.csv").collect()
    assert scores["customer"].dtype == pl.String
    assert scores["customer"].to_list() == newcomers["customer"].to_list()
    assert scores["customer"][0] == "010000"


def test_leading_zeros_survive_csv_in_training_too(
    customers: pl.DataFrame, newcomers: pl.DataFrame, tmp_path: Path, roles: Roles, quick: dict[str, Any]
) -> None:
    customers.write_csv(tmp_path / "train.csv")
    newcomers.with_columns(pl.lit("000001").alias("customer")).write_csv(tmp_path / "new.csv")
    model = propensity.train(tmp_path / "train.csv", roles=roles, config=quick)
    assert model.score(tmp_path / "new.csv").collect()["customer"].unique().to_list() == ["000001"]


def test_kept_columns_follow_the_id_once_each(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    rows = newcomers.with_columns(tags=pl.concat_list("age", "calls"))
    scores = model.score(rows, keep=["city", "customer", "seen_at", "city", "tags"]).collect()
    assert scores.columns == ["customer", "city", "seen_at", "tags", "score"]
    assert scores.drop("score").equals(rows.select("customer", "city", "seen_at", "tags"))
    assert model.score(rows, keep="city").collect().columns == ["customer", "city", "score"]


def test_keeping_what_is_not_there_is_refused(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    with pytest.raises(SchemaError, match="missing columns: 'gone'"):
        model.score(newcomers, keep=["gone"])
    with pytest.raises(ScoringError, match="called like outputs"):
        model.score(newcomers.with_columns(score=1), keep=["score"])


def test_a_model_without_an_id_gives_scores_alone(
    customers: pl.DataFrame, newcomers: pl.DataFrame, quick: dict[str, Any]
) -> None:
    model = propensity.train(customers.drop("customer", "seen_at"), roles=Roles(target="churned"), config=quick)
    assert model.score(newcomers).collect().columns == ["score"]


# Reasons


def test_reasons_are_the_largest_contributions_and_sum_to_the_score(
    model: PropensityModel, newcomers: pl.DataFrame
) -> None:
    columns = len(model.encoder.schema.columns)
    scores = model.score(newcomers, contributions=columns).collect()
    values = scores.select(f"reason_{i + 1}_contribution" for i in range(columns)).to_numpy()
    base = model.predictor.contributions(model.encoder.transform(newcomers))["base"].to_numpy()
    assert 1 / (1 + np.exp(-(values.sum(axis=1) + base))) == pytest.approx(scores["score"].to_numpy(), abs=1e-9)
    assert (np.diff(np.abs(values), axis=1) <= 1e-12).all()
    assert set(scores["reason_1"]) <= set(model.encoder.schema.names())


def test_more_reasons_than_columns_are_null(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    scores = model.score(newcomers, contributions=9).collect()
    assert scores.width == 2 + 2 * 9
    assert scores["reason_7"].null_count() == 0
    assert scores["reason_8"].null_count() == scores["reason_9_contribution"].null_count() == 500


def test_scores_do_not_depend_on_reasons(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    assert model.score(newcomers, contributions=1).collect()["score"].equals(model.score(newcomers).collect()["score"])


def test_a_negative_number_of_reasons_is_refused(model: PropensityModel, newcomers: pl.DataFrame) -> None:
    with pytest.raises(ConfigError, match="contributions is -1"):
        model.score(newcomers, contributions=-1)


# Threads


@pytest.mark.parametrize("contributions", [0, 2])
def test_many_small_row_groups_give_the_same_bytes_again(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path, contributions: int
) -> None:
    pl.concat([newcomers] * 8).write_parquet(tmp_path / "new.parquet", row_group_size=40)
    loaded: list[bytes] = []
    for i in range(3):
        path = tmp_path / f"{i}.parquet"
        model.score(tmp_path / "new.parquet", contributions=contributions).sink_parquet(path)
        loaded.append(path.read_bytes())
    assert loaded[0] == loaded[1] == loaded[2]
    once = model.score(newcomers, contributions=contributions).collect()
    assert pl.read_parquet(tmp_path / "0.parquet").equals(pl.concat([once] * 8))


def test_contributions_are_computed_with_nobody_else_in_lightgbm(
    saved: Path, newcomers: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = propensity.load(saved)
    honest, lock = lgb.Booster.predict, threading.Lock()
    inside: list[bool] = []
    seen: list[list[bool]] = []

    def spy(self: Any, *arguments: Any, **options: Any) -> Any:
        explains = bool(options.get("pred_contrib"))
        with lock:
            inside.append(explains)
            seen.append(list(inside))
        try:
            return honest(self, *arguments, **options)
        finally:
            with lock:
                inside.remove(explains)

    monkeypatch.setattr(lgb.Booster, "predict", spy)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: model.score(newcomers[i : i + 20], contributions=1).collect(), range(0, 400, 20)))
    assert sum(group[-1] for group in seen) >= 20  # at least one explanation a slice, however Polars cuts it
    assert all(group == [True] for group in seen if True in group)


# Bundles


def test_a_loaded_model_is_the_saved_one(model: PropensityModel, saved: Path, newcomers: pl.DataFrame) -> None:
    loaded = propensity.load(saved)
    assert loaded.score(newcomers, contributions=3).collect().equals(model.score(newcomers, contributions=3).collect())
    assert loaded.evaluation == model.evaluation
    assert (loaded.roles, loaded.target, loaded.encoder.schema) == (model.roles, model.target, model.encoder.schema)
    assert (loaded.config, loaded.lineage, loaded.dtypes) == (model.config, model.lineage, model.dtypes)
    assert loaded.checksum == bundle.read(saved).checksum


def test_saving_a_loaded_model_again_gives_the_same_parts(saved: Path, tmp_path: Path) -> None:
    propensity.load(saved).save(tmp_path / "again")
    before, after = bundle.read(saved), bundle.read(tmp_path / "again")
    assert before.parts == after.parts
    assert {k: v for k, v in before.manifest.items() if k != "created"} == {
        k: v for k, v in after.manifest.items() if k != "created"
    }


def test_an_existing_bundle_is_replaced_when_asked(model: PropensityModel, saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "model")
    with pytest.raises(BundleError, match="exists already"):
        model.save(tmp_path / "model")
    model.save(tmp_path / "model", overwrite=True)
    assert propensity.load(tmp_path / "model").target == model.target


def test_a_bundle_of_another_kind_is_refused(tmp_path: Path) -> None:
    bundle.write(tmp_path / "other", kind="cltv", content={}, parts={})
    with pytest.raises(BundleError, match=f"kind 'cltv'; {KIND} was expected"):
        propensity.load(tmp_path / "other")


@pytest.mark.parametrize("lost", ["roles", "booster", "metrics", "dtypes"])
def test_a_whole_bundle_without_what_is_needed_is_refused(saved: Path, tmp_path: Path, lost: str) -> None:
    found = bundle.read(saved)
    reserved = ("format", "kind", "created", "versions", "parts")
    content = {key: value for key, value in found.manifest.items() if key not in (*reserved, lost)}
    bundle.write(tmp_path / "forged", kind=KIND, content=content, parts=found.parts)
    with pytest.raises(BundleError, match=f"KeyError: '{lost}'"):
        propensity.load(tmp_path / "forged")


def test_a_bundle_holds_open_formats_alone(saved: Path) -> None:
    files = {path.suffix for path in saved.rglob("*") if path.is_file()}
    assert files <= {".json", ".sha256", ".txt", ".parquet"}
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["kind"] == KIND
    assert manifest["roles"] == {"id": "customer", "time": "seen_at", "target": "churned"}


@pytest.mark.parametrize(("target", "labels"), [("churned", None), ("segment", ("gold", "lively", "quiet"))])
def test_outputs_are_announced(
    make: Callable[..., pl.DataFrame], quick: dict[str, Any], target: str, labels: tuple[str, ...] | None
) -> None:
    table = make(400).select("plan", "calls", "spend", "active", target)
    model = propensity.train(table, roles=Roles(target=target), config=quick)
    scores = model.score(table, contributions=2)
    assert dict(scores.collect_schema()) == model.outputs(contributions=2) == dict(scores.collect().schema)
    assert model.target.classes == (labels or ("false", "true"))
