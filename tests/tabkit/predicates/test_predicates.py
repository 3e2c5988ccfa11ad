from __future__ import annotations

import datetime as dt
import json
import tomllib
from decimal import Decimal

import polars as pl
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.errors import ConfigError, SchemaError
from tabkit.predicates import Levels, Not, Null, Range, Rule, check, either, expr, from_dict, negate, to_dict, without

INF, NAN = float("inf"), float("nan")
FRAME = pl.DataFrame(
    {
        "x": [1.0, 2.0, 3.0, None, NAN, INF, -INF],
        "n": [1, 2, 3, None, 5, 6, 7],
        "s": ["a", "b", 'q"', None, "", "a", "b"],
        "b": [True, False, None, True, False, None, True],
        "d": [dt.date(2026, 1, day) if day < 7 else None for day in range(1, 8)],
        "t": pl.Series([dt.datetime(2026, 1, 1, hour) if hour else None for hour in range(7)]).dt.replace_time_zone(
            "America/New_York"
        ),
        "e": pl.Series([None, *range(6)]).cast(pl.Duration("ms")) * 1000,
        "m": [Decimal("1.10"), None, *(Decimal(i) for i in range(5))],
    }
)
CONDITIONS = (
    Range(column="x", ge=2),
    Range(column="x", gt=1, le=2.5, null=True),
    Range(column="n", lt=3),
    Levels(column="s", levels=("a", 'q"')),
    Levels(column="b", levels=(True,), null=True),
    Levels(column="n", levels=(1, 3)),
    Range(column="d", ge=dt.date(2026, 1, 3)),
    Range(column="t", ge=dt.datetime(2026, 1, 1, 2), lt=dt.datetime(2026, 1, 1, 4)),
    Range(column="e", ge=1.5),
    Range(column="m", le=1.1),
    Null(column="x"),
    Null(column="s"),
)


def _inside(condition, row):
    """One row at a time, in plain Python: what the words say."""
    if isinstance(condition, Not):
        return not _inside(condition.condition, row)
    value = row[condition.column]
    if value is None or value != value:
        return isinstance(condition, Null) or condition.null
    if isinstance(condition, Null):
        return False
    if isinstance(condition, Levels):
        return value in condition.levels
    if isinstance(value, dt.timedelta):
        value = value.total_seconds()
    if isinstance(value, dt.datetime):
        value = value.replace(tzinfo=None)
    if isinstance(value, Decimal):
        value = float(value)
    return all(
        (
            condition.ge is None or value >= condition.ge,
            condition.gt is None or value > condition.gt,
            condition.le is None or value <= condition.le,
            condition.lt is None or value < condition.lt,
        )
    )


def _holds(rule, row):
    return (
        all(_inside(condition, row) for condition in rule.all_of)
        and (not rule.any_of or any(_holds(inner, row) for inner in rule.any_of))
        and not any(_holds(inner, row) for inner in rule.none_of)
    )


_conditions = st.sampled_from(CONDITIONS).flatmap(lambda c: st.sampled_from([c, negate(c)]))
_plain_rules = st.builds(Rule, all_of=st.lists(_conditions, max_size=3).map(tuple))
_rules = st.builds(
    Rule,
    all_of=st.lists(_conditions, max_size=3).map(tuple),
    any_of=st.lists(_plain_rules, max_size=2).map(tuple),
    none_of=st.lists(_plain_rules, max_size=2).map(tuple),
)


@given(_rules)
@settings(max_examples=200, deadline=None)
def test_the_expression_says_what_the_words_say(rule):
    found = FRAME.select(expr(rule, FRAME.schema)).to_series()
    found = found.new_from_index(0, FRAME.height) if len(found) == 1 else found
    assert found.dtype == pl.Boolean
    assert found.to_list() == [_holds(rule, row) for row in FRAME.iter_rows(named=True)]


@given(_rules)
@settings(max_examples=100, deadline=None)
def test_rules_come_back_from_toml_and_json(rule):
    assert from_dict(tomllib.loads(tomli_w.dumps(to_dict(rule)))) == rule
    as_json = json.loads(json.dumps(to_dict(rule), default=lambda value: value.isoformat()))
    assert from_dict(as_json, FRAME.schema) == rule


@pytest.mark.parametrize("name", ["^x$", "*", "^.*$", "a b", 'q"'])
def test_names_that_polars_reads_as_patterns_are_names(name):
    frame = pl.DataFrame({name: [1.0, 2.0, None, NAN], "x": [5.0, 5.0, 5.0, 5.0]})
    rule = Rule(name="r", all_of=(Range(column=name, ge=2),), none_of=(Rule(all_of=(Null(column=name),)),))
    assert frame.select(expr(rule, frame.schema)).to_series().to_list() == [False, True, False, False]


def test_lazy_frames_give_one_value_a_row():
    rule = Rule(name="old", all_of=(Range(column="x", ge=2),))
    found = FRAME.lazy().with_columns(expr(rule, FRAME.schema)).collect()["old"]
    assert found.to_list() == [False, True, True, False, False, True, False]


def test_rules_with_the_same_parts_have_the_same_key():
    a, b = Range(column="x", ge=1), Levels(column="s", levels=("b", "a"))
    one = Rule(name="one", all_of=(a, b))
    other = Rule(name="other", all_of=(Levels(column="s", levels=("a", "b")), Range(column="x", ge=1.0), a))
    assert one.key() == other.key()
    assert one.key() != Rule(all_of=(a,)).key()
    assert either(one, other, name="x").key() != without(one, other, name="x").key()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"all_of": [{"column": "x", "ge": 3, "lt": 1}]}, "is empty"),
        ({"all_of": [{"column": "x", "ge": 3, "lt": 3}]}, "is empty"),
        ({"all_of": [{"column": "x", "ge": 3, "gt": 3}]}, "two bounds"),
        ({"all_of": [{"column": "x", "ge": NAN}]}, "nan"),
        ({"all_of": [{"column": "x", "lt": INF}]}, "inf"),
        ({"all_of": [{"column": "x", "ge": True}]}, "True"),
        ({"all_of": [{"column": "x", "ge": "1"}]}, "'1'"),
        ({"all_of": [{"column": "x", "ge": 1, "lt": dt.date(2026, 1, 1)}]}, "two kinds"),
        ({"all_of": [{"column": "x"}]}, "says nothing"),
        ({"all_of": [{"column": "x", "levels": []}]}, "at least one"),
        ({"all_of": [{"column": "x", "levels": "ab"}]}, "a list was expected"),
        ({"all_of": [{"column": "x", "levels": ["a", 1]}]}, "several kinds"),
        ({"all_of": [{"column": "x", "levels": ["a"], "ge": 1}]}, "bounds and levels"),
        ({"all_of": [{"column": "x", "null": "yes"}]}, "true or false"),
        ({"all_of": [{"colum": "x", "null": True}]}, "unknown keys: 'colum'"),
        ({"all_of": [{"column": 3, "null": True}]}, "name of a column"),
        ({"all_of": {"column": "x"}}, "a list was expected"),
        ({"expression": "__import__('os')"}, "unknown keys"),
        ({"name": 3}, "called 3"),
        ([], "a rule is given as"),
    ],
)
def test_bad_rules_are_refused(values, words):
    with pytest.raises(ConfigError, match=words):
        from_dict(values)


def test_rules_too_deep_are_refused():
    values = {}
    for _ in range(50):
        values = {"any_of": [values]}
    with pytest.raises(ConfigError, match="deep"):
        from_dict(values)


def test_all_misfits_are_listed_at_once():
    rules = [
        Rule(name="one", all_of=(Range(column="s", ge=1), Range(column="missing", ge=1))),
        Rule(name="two", any_of=(Rule(all_of=(Levels(column="n", levels=("a",)),)),)),
        Rule(name="three", none_of=(Rule(all_of=(Range(column="n", ge=dt.date(2026, 1, 1)),)),)),
        Rule(name="four", all_of=(Range(column="d", ge=dt.datetime(2026, 1, 1)), Levels(column="b", levels=("true",)))),
    ]
    with pytest.raises(SchemaError) as caught:
        check(rules, FRAME.schema)
    for words in ("'s' is String", "'missing', which is not there", "'n' is Int64: numbers", "expected, not 'a'"):
        assert words in str(caught.value)
    for words in ("datetime.date(2026", "'d' is Date: dates", "true or false were expected"):
        assert words in str(caught.value)
