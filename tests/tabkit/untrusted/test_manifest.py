from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from tabkit.errors import BundleError, ConfigError
from tabkit.untrusted.manifest import NamedTable, building, flags_of, numbers_of, texts_of

VALUES: dict[str, Any] = {
    "half": 0.5,
    "seven": 7,
    "yes": True,
    "word": "linear",
    "nothing": None,
    "numbers": [1, 2.5],
    "texts": ["a", "ü"],
    "table": {"x": 1},
    "tables": [{"x": 1}, {"x": 2}],
}


@pytest.fixture
def given() -> NamedTable:
    return NamedTable(VALUES, "a widening")


def test_fields_come_back_as_what_they_are(given: NamedTable) -> None:
    assert (given.number("half"), given.number("seven"), given.whole("seven", high=7)) == (0.5, 7.0, 7)
    assert (given.flag("yes"), given.text("word"), given.choice("word", ("linear", "none"))) == (True,) + (
        "linear",
    ) * 2
    assert (given.numbers("numbers", size=2), given.texts("texts")) == ((1.0, 2.5), ("a", "ü"))
    assert given.table("table").whole("x") == 1
    assert [each.whole("x") for each in given.tables("tables")] == [1, 2]
    assert given.maybe(given.number, "nothing") is None
    assert given.maybe(given.number, "absent") is None
    assert given.only(VALUES) is given


def wrong(read: str, name: str, value: Any, **options: Any) -> str:
    with pytest.raises(BundleError) as caught:
        getattr(NamedTable({name: value}, "a widening"), read)(name, **options)
    assert caught.value.advice
    return caught.value.problem


@pytest.mark.parametrize("value", [None, True, "1", [], {}, math.nan, math.inf, -math.inf, 10**400, 10**30])
def test_what_is_no_finite_number_is_named(value: Any) -> None:
    said = wrong("number", "slope", value)
    assert "slope of a widening is" in said
    assert "a number" in said


@pytest.mark.parametrize(
    ("read", "value", "options", "said"),
    [
        ("number", 2, {"low": 0, "high": 1}, "is 2; a number from 0 to 1"),
        ("number", -1, {"low": 0}, "is -1; a number of 0"),
        ("whole", 1.0, {}, "is 1.0; a whole number"),
        ("whole", -1, {}, "is -1; a whole number of 0"),
        ("whole", 2**63, {}, "a huge whole number"),
        ("flag", 1, {}, "is 1; true or false"),
        ("text", 5, {}, "is 5; a text"),
        ("text", "\ud800", {}, "a text"),
        ("choice", "x", {"options": ("a", "b")}, "is 'x'; 'a' or 'b'"),
        ("choice", ["a"], {"options": ("a", "b")}, "is a list of 1 values"),
        ("numbers", 5, {}, "is 5; a list of numbers"),
        ("numbers", [1, None], {}, "null; a list"),
        ("numbers", [1], {"size": 2}, "1 values; a list of 2"),
        ("numbers", [1, [2]], {}, "holds a list"),
        ("texts", "ab", {}, "'ab'; a list of texts"),
        ("table", [1], {}, "1 values; a table"),
        ("tables", [1], {}, "holds 1; a list of tables"),
        ("lists", [1], {}, "holds 1; a list of lists"),
    ],
)
def test_each_field_says_what_was_expected_and_what_came(
    read: str, value: Any, options: dict[str, Any], said: str
) -> None:
    assert said in wrong(read, "field", value, **options)


def test_fields_that_are_absent_or_unknown_are_named(given: NamedTable) -> None:
    with pytest.raises(BundleError, match="a widening has no absent"):
        given.number("absent")
    with pytest.raises(BundleError, match="not known: 'tables'"):
        given.only([name for name in VALUES if name != "tables"])
    with pytest.raises(BundleError, match=r"widening.*null.*table"):
        NamedTable(None, "a widening")


def test_columns_are_checked_like_fields() -> None:
    frame = pl.DataFrame(
        {"x": [1, 2], "hole": [1.5, None], "nan": [1.0, math.nan], "big": [1.0, math.inf], "t": ["a", None]}
    )
    assert numbers_of(frame, "x", what="a part", whole=True, low=1, high=2).tolist() == [1, 2]
    assert math.isnan(numbers_of(frame, "hole", what="a part", nulls=True)[1])
    assert texts_of(frame, "t", what="a part", nulls=True).to_list() == ["a", None]
    for name, options, said in (
        ("x", {"low": 2}, "'x'.*holds 1.0; numbers of 2"),
        ("hole", {}, "holds null"),
        ("hole", {"nulls": True, "whole": True}, "holds 1.5; whole numbers"),
        ("nan", {"nulls": True}, "holds nan"),
        ("big", {}, "holds inf"),
        ("t", {}, "'t'.*is String; numbers"),
        ("gone", {}, "no column 'gone'"),
    ):
        with pytest.raises(BundleError, match=said):
            numbers_of(frame, name, what="a part", **options)  # type: ignore[arg-type]
    with pytest.raises(BundleError, match="holds null; texts"):
        texts_of(frame, "t", what="a part")
    with pytest.raises(BundleError, match="is Int64; texts"):
        texts_of(frame, "x", what="a part")
    with pytest.raises(BundleError, match="is Int64; true and false"):
        flags_of(frame, "x", what="a part")


@pytest.mark.parametrize(
    "fault",
    [
        lambda: {}["a"],
        lambda: list("a")[1],
        lambda: int([]),  # type: ignore[call-overload]
        lambda: float("x"),
        lambda: float(10**400),
        lambda: 1.0 / float("0"),
        lambda: None.x,  # type: ignore[attr-defined]
        lambda: pl.DataFrame({"a": [1]})["b"],
        lambda: next(iter([])),
    ],
)
def test_the_net_names_what_was_built(fault: Any) -> None:
    with (
        pytest.raises(BundleError, match=r"its encoder.*expects it: [A-Z]"),
        building("its encoder"),
    ):
        fault()


def test_the_net_lets_errors_of_ours_and_those_of_the_machine_through() -> None:
    with pytest.raises(ConfigError, match="mine"), building():
        raise ConfigError("mine")
    with pytest.raises(MemoryError), building():
        raise MemoryError
