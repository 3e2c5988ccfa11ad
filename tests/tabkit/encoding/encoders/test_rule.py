"""Rules as features of the table encoder: what they give, and that nothing else changes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.encoding import Drop, EncodingConfig, Numeric, RuleFeature, TableEncoder, Target, table_encoder
from tabkit.encoding.registry import from_dict, to_dict
from tabkit.encoding.table.saved import load, save
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.predicates import Levels, Not, Null, Range, Rule, either, expr, without

N = 600


def rows(n: int = N, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    start = datetime(2020, 1, 1, 3)
    local = pl.Series([start + timedelta(minutes=int(m)) for m in rng.integers(0, 900_000, n)])
    frame = pl.DataFrame(
        {
            "k": rng.integers(-20, 50, n),
            "f": rng.normal(size=n).round(1),
            "g": pl.Series(rng.normal(size=n).round(1), dtype=pl.Float32),
            "c": rng.choice(["a", 'b"', "c'x", "d"], n),
            "cat": pl.Series(rng.choice(["u", "v", "w"], n), dtype=pl.Categorical),
            "b": rng.random(n) < 0.5,
            "d": [date(2020, 1, 1) + timedelta(days=int(i)) for i in rng.integers(0, 900, n)],
            "t": local,
            "z": local.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin"),
            "dur": [timedelta(seconds=int(i)) for i in rng.integers(-90_000, 900_000, n)],
            "m": [Decimal(int(i)) / 4 for i in rng.integers(0, 100, n)],
        }
    )
    holes = [pl.when(pl.Series(rng.random(n) < 0.9)).then(pl.col(name)).alias(name) for name in frame.columns]
    wild = pl.when(pl.Series(rng.random(n) < 0.1)).then(float("nan")).otherwise("f").alias("f")
    return frame.with_columns(holes).with_columns(wild).with_columns(id=np.arange(n), y=rng.integers(0, 2, n))


def rule(name: str, *conditions) -> Rule:
    return Rule(name=name, all_of=conditions)


RULES = [
    rule("k is middle", Range(column="k", ge=-5, lt=20)),
    rule("k above", Range(column="k", gt=3.5)),
    rule("f in", Range(column="f", gt=-0.1, le=0.5, null=True)),
    rule("not f", Not(Range(column="f", ge=0))),
    rule("g in", Range(column="g", gt=0.1)),
    rule("g level", Levels(column="g", levels=(0, 0.5, 1.5))),
    rule("c in", Levels(column="c", levels=('b"', "c'x"))),
    rule("c other", Not(Levels(column="c", levels=("a",), null=True))),
    rule("cat in", Levels(column="cat", levels=("u", "never"))),
    rule("b in", Levels(column="b", levels=(True,))),
    rule("d in", Range(column="d", ge=date(2020, 6, 1), lt=date(2021, 6, 1))),
    rule("d level", Levels(column="d", levels=tuple(date(2020, 1, 1) + timedelta(days=i) for i in range(99)))),
    rule("t in", Range(column="t", ge=date(2020, 6, 1)), Range(column="t", lt=datetime(2021, 2, 3, 4, 5, 6))),
    rule("z in", Range(column="z", ge=datetime(2020, 6, 1, 1, 30))),
    rule("dur in", Range(column="dur", ge=3600.5, le=500_000)),
    rule("m in", Range(column="m", ge=2.5, le=20)),
    rule("null", Null(column="c"), Null(column="k")),
    either(rule("x", Range(column="k", lt=0)), rule("x", Levels(column="c", levels=("d",))), name="either"),
    without(rule("x", Range(column="k", lt=30)), rule("x", Null(column="f"), Range(column="k", gt=0)), name="without"),
]
NAMES = [item.name for item in RULES]
ROLES = {"target": "y", "exclude": ["id"]}


def expected(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(expr(item, frame.schema).cast(pl.UInt8) for item in RULES)


@pytest.fixture(scope="module")
def fitted():
    return TableEncoder(rules=RULES, infinite="null").fit(rows(), **ROLES)


def test_features_are_the_rules_on_rows_of_the_fit_and_on_new_ones(fitted):
    features = TableEncoder(rules=RULES).fit_transform(rows(), **ROLES).features
    assert_frame_equal(features.select(NAMES), expected(rows()))
    new = rows(seed=1).with_columns(c=pl.when(pl.col("k") > 10).then(pl.lit("new")).otherwise("c"))
    assert_frame_equal(fitted.transform(new).select(NAMES), expected(new))
    assert_frame_equal(fitted.transform(new.lazy()).collect().select(NAMES), expected(new))
    assert fitted.transform(new).select(NAMES).null_count().sum_horizontal().item() == 0


def test_whole_numbers_that_come_as_floats_may_hold_nan(fitted):
    new = rows(seed=2).with_columns(k=pl.col("k").cast(pl.Float64).fill_null(float("nan")), f=pl.col("f") * 3)
    assert_frame_equal(fitted.transform(new).select(NAMES), expected(new))


def test_large_whole_numbers_keep_their_digits():
    frame = pl.DataFrame({"k": [2**60, 2**60 + 1, 5, None], "y": [0, 1, 0, 1]})
    rules = [rule("one", Levels(column="k", levels=(2**60 + 1,))), rule("all", Range(column="k", gt=2**60))]
    found = TableEncoder(default="drop", rules=rules, folds=2).fit(frame, target="y").transform(frame)
    assert found["one"].to_list() == found["all"].to_list() == [0, 1, 0, 0]


def test_columns_keep_their_own_encoders():
    bare = TableEncoder().fit_transform(rows(), **ROLES).features
    both = TableEncoder(rules=RULES).fit_transform(rows(), **ROLES)
    assert_frame_equal(both.features.drop(NAMES), bare)
    assert both.encoder.outputs[-len(NAMES) :] == tuple(NAMES)


def test_rules_work_where_nothing_else_is_a_feature():
    found = TableEncoder(default="drop", rules=RULES[:2]).fit(rows(), target="y")
    assert found.outputs == ("k is middle", "k above")
    assert found.schema.names() == ("k",)
    assert found.schema.columns[0].nulls == rows()["k"].null_count()


def test_a_rule_stands_beside_an_encoder_that_leaves_the_column_out():
    columns = {"k": Drop(), ("c", "b"): Target(smoothing=1)}
    crossed = rule("c x", Levels(column="c", levels=("a",)), Levels(column="b", levels=(False,)))
    found = TableEncoder(columns=columns, rules=[RULES[0], crossed]).fit(rows(), **ROLES)
    assert "k" not in found.outputs
    assert found.source_of["k is middle"] == "k is middle"
    assert found.source_of["c x"] == "c x"
    assert "c x" in found.outputs
    assert found.plan().filter(column="c x b")["encoder"].to_list() == ["target"]


def test_rules_that_hold_for_all_rows_or_none_are_left_out_with_the_reason():
    rules = [rule("none", Range(column="k", gt=1000)), Rule(name="all"), RULES[0]]
    found = TableEncoder(rules=rules).fit(rows(), **ROLES)
    plan = {row["column"]: row for row in found.plan().to_dicts()}
    assert (plan["none"]["why"], plan["none"]["outputs"]) == ("true in no row", 0)
    assert plan["all"]["why"] == "true in every row"
    assert plan["k is middle"]["why"] == "-5 <= k < 20"
    assert plan["k is middle"]["encoder"] == "rule"
    again = TableEncoder(rules=found.rules).fit(rows().with_columns(k=pl.col("k") * 100), **ROLES)
    assert "none" not in again.outputs
    assert again.plan().filter(column="none")["why"].item() == "true in no row"


def test_saved_and_read_again_it_is_the_same(fitted, tmp_path):
    save(fitted.slim(), tmp_path / "encoder")
    read = load(tmp_path / "encoder")
    new = rows(seed=3)
    assert_frame_equal(read.transform(new), fitted.transform(new))
    assert read.plan()["why"].to_list() == fitted.plan()["why"].to_list()
    assert read.source_of == fitted.source_of
    assert read.rules == fitted.rules
    assert read.to_sql() == fitted.to_sql()


def test_rules_left_out_are_read_again_too(tmp_path):
    rules = [rule("none", Range(column="k", gt=1000)), Rule(name="all"), RULES[10]]
    found = TableEncoder(rules=rules).fit(rows(), **ROLES).slim()
    save(found, tmp_path / "encoder")
    read = load(tmp_path / "encoder")
    assert read.plan()["why"].to_list() == found.plan()["why"].to_list()
    assert read.update(rows(seed=4)).outputs == found.outputs


def test_an_update_keeps_the_rules_even_if_none_holds_any_more(fitted):
    quiet = rows(seed=5).with_columns(k=pl.lit(None, dtype=pl.Int64))
    later = fitted.update(quiet, decay=0.5)
    assert later.outputs == fitted.outputs
    assert_frame_equal(later.transform(rows(seed=6)).select(NAMES), expected(rows(seed=6)))


def test_parts_that_are_merged_give_what_one_fit_gives():
    spec, frame = TableEncoder(rules=[*RULES, rule("low", Range(column="id", lt=N // 2))]), rows()
    merged = spec.fit(frame[: N // 2], target="y").merge(spec.fit(frame[N // 2 :], target="y"))
    whole = spec.fit(frame, target="y")
    assert "low" in merged.outputs  # constant in each part, not in all rows
    assert merged.plan().drop("bytes").equals(whole.plan().drop("bytes"))
    assert_frame_equal(merged.transform(rows(seed=7)), whole.transform(rows(seed=7)))
    other = TableEncoder(rules=[RULES[1]]).fit(frame, target="y")
    with pytest.raises(FitError, match="differ"):
        TableEncoder(rules=[RULES[0]]).fit(frame, target="y").merge(other)


def test_rates_of_nulls_are_those_of_all_its_columns(fitted):
    rates = fitted.transform_with_rates(rows()).rates
    null = {row["column"]: row["null"] for row in rates.to_dicts()}
    assert null["k above"] == null["k"]
    assert 0 < null["either"] < null["k"]
    assert rates.filter(column="either")["unseen"].item() is None


def test_a_database_gives_the_same_rows(fitted):
    new = rows(2000, seed=8).with_columns(c=pl.when(pl.col("id") % 7 == 0).then(pl.lit("new")).otherwise("c"))
    with duckdb.connect() as connection:
        connection.register("input", new.with_columns(pl.col("cat").cast(pl.String)).to_arrow())
        found = connection.sql(fitted.to_sql(keep=["id"])).pl().sort("id")
    assert_frame_equal(found.select(NAMES), expected(new).cast(pl.Float64))


def test_the_audit_finds_no_leak_in_rules():
    frame = rows(1500).with_columns(y=(pl.col("k").fill_null(0) > 10).cast(pl.Int8))
    audit = TableEncoder(rules=RULES).audit(frame, target="y", exclude=["id"], flips=1)
    assert set(NAMES) <= set(audit.features["feature"])
    assert not set(NAMES) & set(audit.suspects)


@pytest.mark.parametrize(
    ("rules", "error", "said"),
    [
        ([rule("a", Range(column="kk", ge=1))], SchemaError, "needs column 'kk'"),
        ([rule("a", Range(column="c", ge=1))], SchemaError, "'c' is String, on which"),
        ([rule("a", Levels(column="k", levels=("x",)))], SchemaError, "numbers were expected, not 'x'"),
        ([rule("a", Null(column="y"))], ConfigError, "'a' looks at 'y'"),
        ([rule("a", Null(column="id"))], ConfigError, "'a' looks at 'id'"),
        ([rule("c", Null(column="k"))], ConfigError, "'c' is called like"),
        ([rule("y", Null(column="k"))], ConfigError, "'y' is called like"),
        ([rule("^a$", Null(column="k"))], ConfigError, "pattern"),
        ([RULES[0], rule("k is middle", Null(column="k"))], ConfigError, "called 'k is middle'"),
        ([rule("c=a", Null(column="k"))], FitError, "features of one name"),
        ([rule("a", Null(column="list"))], ConfigError, "which is List"),
    ],
)
def test_rules_that_cannot_be_features_are_refused(rules, error, said):
    frame = rows().with_columns(list=pl.lit([1]))
    with pytest.raises(error, match=said.replace("^", r"\^")):
        TableEncoder(rules=rules, columns={"list": Drop()}).fit(frame, target="y", exclude=["id"])


def test_only_rules_are_taken_and_only_as_rules():
    with pytest.raises(ConfigError, match=r"rule.*given.*'age.*3'"):
        TableEncoder(rules=["age > 3"])
    with pytest.raises(ConfigError, match=r"pass.*`rules`"):
        TableEncoder(columns={"k": [Numeric(), RuleFeature.of(RULES[0])]}).fit(rows(), target="y")
    config = EncodingConfig(columns={"k": {"kind": "rule", "rule": {"name": "a"}}})
    with pytest.raises(ConfigError, match=r"pass.*`rules`"):
        table_encoder(config, seed=0).fit(rows(), target="y")


def test_a_specification_is_plain_data_and_back():
    spec = RuleFeature.of(RULES[12])
    assert to_dict(spec)["rule"]["all_of"] == [
        {"column": "t", "ge": "2020-06-01"},
        {"column": "t", "lt": "2021-02-03T04:05:06"},
    ]
    assert from_dict(to_dict(spec)) == spec
    assert spec.read(rows().schema).columns() == ("t",)
