from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.target import TargetColumn, infer

NAN, INF = float("nan"), float("inf")


def frame(values, dtype=None) -> pl.LazyFrame:
    return pl.LazyFrame({"x": range(len(values)), "y": pl.Series(values, dtype=dtype, strict=False)})


def encoded(target: TargetColumn, values, dtype=None) -> list[float | None]:
    found = frame(values, dtype).select(target.expr()).collect().to_series()
    assert found.dtype == pl.Float64
    return found.to_list()


@pytest.mark.parametrize(
    ("values", "dtype", "task", "classes"),
    [
        ([0, 1, 0, 1], pl.Int8, "binary", ("0", "1")),
        ([1, 0, 1, 0], pl.UInt64, "binary", ("0", "1")),
        ([0.0, 1.0, 0.0, 1.0], pl.Float64, "binary", ("0", "1")),
        ([-0.0, 0.0, 1.0, 1.0], pl.Float32, "binary", ("0", "1")),
        ([Decimal(0), Decimal(1)] * 2, pl.Decimal(10, 2), "binary", ("0", "1")),
        ([-1, 1, -1, 1], pl.Int64, "binary", ("-1", "1")),
        ([10, 9, 10, 9], pl.Int64, "binary", ("9", "10")),
        ([0.5, 1.5, 0.5, 1.5], pl.Float64, "binary", ("0.5", "1.5")),
        ([True, False, True, False], pl.Boolean, "binary", ("false", "true")),
        (["yes", "no", "yes", "no"], pl.String, "binary", ("no", "yes")),
        (["yes", "no", "yes", "no"], pl.Categorical, "binary", ("no", "yes")),
        (["yes", "no", "yes", "no"], pl.Enum(["yes", "no"]), "binary", ("no", "yes")),
        (["b", "c", "a", "a", "b", "c"], pl.String, "multiclass", ("a", "b", "c")),
        (["b", "c", "a", "a", "b", "c"], pl.Enum(["c", "b", "a"]), "multiclass", ("a", "b", "c")),
        ([1, 2, 3], pl.Int64, "regression", ()),
        ([1.5, 2.5, -3.5], pl.Float32, "regression", ()),
        ([Decimal(1), Decimal(2), Decimal(3)], pl.Decimal(10, 2), "regression", ()),
    ],
)
def test_the_task_follows_from_the_column(values, dtype, task, classes):
    target = infer(frame(values, dtype), "y")
    assert target == TargetColumn("y", task, classes)
    assert infer(frame(values, dtype).collect(), "y") == target
    assert target.positive == (classes[1] if task == "binary" else None)
    assert TargetColumn.from_dict(json.loads(json.dumps(target.to_dict()))) == target
    target.check(frame(values, dtype))


@pytest.mark.parametrize(
    ("values", "task", "positive", "classes"),
    [
        ([0, 1, 2, 0, 1, 2], "multiclass", None, ("0", "1", "2")),
        ([2, 10, 1, 10, 2, 1], "multiclass", None, ("1", "2", "10")),
        ([0, 1, 0, 1], "multiclass", None, ("0", "1")),
        ([0, 1, 0, 1], "regression", None, ()),
        ([0, 1, 0, 1], "binary", "0", ("1", "0")),
        ([0, 1, 0, 1], None, "0.0", ("1", "0")),
        ([True, False, True, False], None, "False", ("true", "false")),
        (["yes", "no", "yes", "no"], None, "no", ("yes", "no")),
        (["yes", "no", "yes", "no"], None, "yes", ("no", "yes")),
    ],
)
def test_task_and_positive_label_can_be_chosen(values, task, positive, classes):
    assert infer(frame(values), "y", task=task, positive=positive).classes == classes


@pytest.mark.parametrize(
    ("values", "dtype", "options", "kind", "match"),
    [
        ([1, None, 0, None], None, {}, FitError, r"'y'.*null.*2.*4 rows"),
        ([None, None], pl.Int64, {}, FitError, r"'y'.*null.*2.*2 rows"),
        ([None, None], pl.Null, {}, SchemaError, r"'y'.*Null.*boolean"),
        ([], pl.Int64, {}, FitError, "the data has no rows"),
        ([1, 1, 1], None, {}, FitError, r"'y'.*constant.*rows"),
        (["a"], None, {}, FitError, "'y' is constant"),
        ([1, 1, 1], None, {"task": "regression"}, FitError, "'y' is constant"),
        ([1.0, NAN, 2.0], None, {}, FitError, r"'y'.*NaN.*1.*3"),
        ([1.0, INF, -INF], None, {}, FitError, r"'y'.*NaN.*2.*3"),
        ([1.0, NAN, None], None, {}, FitError, r"'y'.*null.*1.*3 rows"),
        (["a", "a", "b"], None, {}, FitError, r"'y'.*classes.*'b'"),
        (["a", "a", "b", "c"], None, {}, FitError, "one row only: 'b', 'c'"),
        ([str(i) for i in range(101)] * 2, None, {}, FitError, "'y' has 101 classes, more than 100"),
        (list(range(101)) * 2, None, {"task": "multiclass"}, FitError, "'y' has 101 classes"),
        ([1, 2, 3], None, {"task": "binary"}, ConfigError, r"'y'.*3 distinct.*binary"),
        (["a", "b"] * 2, None, {"task": "regression"}, ConfigError, r"'y'.*text: regression"),
        ([True, False] * 2, None, {"task": "regression"}, ConfigError, r"'y'.*boolean: regression"),
        ([0, 1] * 2, None, {"task": "guess"}, ConfigError, "unknown task 'guess'"),
        ([0, 1] * 2, None, {"positive": "2"}, ConfigError, r"positive class '2'.*labels"),
        (["no", "yes"] * 2, None, {"positive": "Yes"}, ConfigError, "positive class 'Yes'"),
        ([1, 2, 3], None, {"positive": "1"}, ConfigError, "a target for regression"),
        (["a", "b", "c"] * 2, None, {"positive": "a"}, ConfigError, "a target for multiclass"),
        ([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], None, {}, SchemaError, r"'y'.*Date.*boolean"),
        ([dt.datetime(2020, 1, 1)], None, {}, SchemaError, r"'y' is Datetime\[us\]"),
        ([dt.timedelta(1)], None, {}, SchemaError, r"'y' is Duration\[us\]"),
        ([dt.time(1)], None, {}, SchemaError, "'y' is Time"),
        ([[1], [2]], None, {}, SchemaError, r"'y' is List\(Int64\)"),
    ],
)
def test_what_cannot_be_learned_is_refused(values, dtype, options, kind, match):
    with pytest.raises(kind, match=match) as caught:
        infer(frame(values, dtype), "y", **options)
    assert caught.value.advice


def test_a_missing_column_is_refused_with_those_that_are_there():
    with pytest.raises(SchemaError, match=r"'a.csv'.*target column 'z'") as caught:
        infer(frame([0, 1]), "z", what="'a.csv'")
    assert "'x', 'y'" in caught.value.advice


@pytest.mark.parametrize("name", ["rows", "value", "len", "nulls", "literal", "", "a b"])
def test_the_column_may_have_any_name(name):
    target = infer(pl.LazyFrame({name: [0, 1, 0, 1]}), name)
    assert target == TargetColumn(name, "binary", ("0", "1"))
    target.check(pl.LazyFrame({name: [1.0]}))
    assert pl.DataFrame({name: [1.0]}).select(target.expr()).item() == 1.0


def test_a_hundred_classes_are_not_too_many():
    assert len(infer(frame([f"{i:03}" for i in range(100)] * 2), "y").classes) == 100


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 0, None], pl.Int8),
        ([1, 0, None], pl.UInt64),
        ([1.0, -0.0, None], pl.Float32),
        ([1.0, 0.0, None], pl.Float64),
        ([Decimal(1), Decimal(0), None], pl.Decimal(12, 4)),
        (["1", "0", None], pl.String),
        (["1.0", "0.0", None], pl.Categorical),
    ],
)
def test_numbers_name_the_same_classes_whatever_their_type(values, dtype):
    for classes in (("0", "1"), ("0.0", "1.0")):
        assert encoded(TargetColumn("y", "binary", classes), values, dtype) == [1.0, 0.0, None]


def test_labels_of_text_stay_apart():
    values = ["1", "1.0", "1", "1.0", "v1.0", "v1.0"]
    target = infer(frame(values), "y")
    assert target.classes == ("1", "1.0", "v1.0")
    assert encoded(target, values) == [0.0, 1.0, 0.0, 1.0, 2.0, 2.0]


def test_labels_come_back_as_they_were_chosen():
    values = ["yes", "no", "yes", "no"]
    assert encoded(infer(frame(values), "y"), values) == [1, 0, 1, 0]
    assert encoded(infer(frame(values), "y", positive="no"), values) == [0, 1, 0, 1]
    assert encoded(infer(frame([True, False] * 2), "y"), [True, False, None]) == [1, 0, None]
    assert encoded(TargetColumn("y", "regression"), [Decimal("1.5"), None], pl.Decimal(5, 2)) == [1.5, None]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-(2**31), 2**31), min_size=2, max_size=6, unique=True), st.booleans())
def test_whole_numbers_and_floats_agree(numbers, reverse):
    values = sorted(numbers, reverse=reverse) * 2
    whole = infer(frame(values, pl.Int64), "y", task="multiclass")
    assert whole == infer(frame(values, pl.Float64), "y", task="multiclass")
    assert whole.classes == tuple(map(str, sorted(numbers)))
    assert encoded(whole, values, pl.Float64) == [float(sorted(numbers).index(value)) for value in values]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(), min_size=2, max_size=6, unique=True))
def test_any_text_can_be_a_label(labels):
    target = infer(frame(labels * 2, pl.String), "y")
    assert target.classes == tuple(sorted(labels))
    assert encoded(target, labels, pl.String) == [float(target.classes.index(label)) for label in labels]


@pytest.mark.parametrize(
    ("target", "values", "kind", "match"),
    [
        (TargetColumn("y", "binary", ("0", "1")), [0, 1, 2], FitError, r"classes.*fit: '2'"),
        (TargetColumn("y", "binary", ("0", "1")), [0, None], FitError, r"'y'.*null.*1.*2 rows"),
        (TargetColumn("y", "binary", ("0", "1")), [True, False], FitError, "fit: 'false', 'true'"),
        (TargetColumn("y", "regression"), ["1", "2"], SchemaError, r"'y'.*data.*text"),
        (TargetColumn("y", "regression"), [1.0, INF], FitError, "NaN or infinite"),
        (TargetColumn("z", "regression"), [1.0], SchemaError, "no target column 'z'"),
    ],
)
def test_further_rows_are_checked(target, values, kind, match):
    with pytest.raises(kind, match=match) as caught:
        target.check(frame(values))
    assert caught.value.advice


def test_further_rows_may_have_one_class_and_another_type():
    TargetColumn("y", "binary", ("0", "1")).check(frame([1.0, 1.0]))
    TargetColumn("y", "binary", ("1.0", "0.0")).check(frame([1]).collect())
    TargetColumn("y", "regression").check(frame([1]))


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (pl.Series([0.1, 0.2] * 5, dtype=pl.Float32), None),
        (pl.Series([2**53, 2**53 + 1] * 5), None),
        (pl.Series([1, 0] * 5, dtype=pl.Int8), None),
        (pl.Series([True, False] * 5), None),
        (pl.Series([-1, 1] * 5), None),
        (pl.Series([2.0, 1.0] * 5), None),
    ],
)
def test_the_fast_way_gives_what_the_slow_one_gives(values, classes):
    frame = pl.DataFrame({"y": values})
    target = infer(frame, "y")
    slow, fast = (frame.select(target.expr(*given)).to_series().to_list() for given in ((), (values.dtype,)))
    assert slow == fast
    assert set(fast) == {0.0, 1.0}


def test_numbers_that_doubles_cannot_tell_apart_are_refused():
    for values, dtype in [
        ([2**60 + k for k in range(50)], pl.Int64),
        ([2**64 - 1 - k for k in range(50)], pl.UInt64),
        ([Decimal(10**20) + k for k in range(50)], pl.Decimal(30, 2)),
        ([1e17 + 16 * k for k in range(50)], pl.Float64),
    ]:
        with pytest.raises(FitError, match=r"doubles are .* apart.*rounded away") as caught:
            infer(frame(values, dtype), "y")
        assert "take a constant off" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1e9 + k for k in range(50)], pl.Float64),
        ([k * 1e-200 for k in range(50)], pl.Float64),
        ([1e18, *range(50)], pl.Float64),
        ([-(2**63), 2**63 - 1, 0], pl.Int64),
        ([1_700_000_000_000_000_000 + k * 10**9 for k in range(50)], pl.Int64),
    ],
)
def test_large_and_small_numbers_that_differ_by_enough_are_learned_from(values, dtype):
    assert infer(frame(values, dtype), "y").task == "regression"
