"""How large rules may be, and that what is large ends neither the process nor the patience."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal

import polars as pl
import pytest

from tabkit.errors import ConfigError
from tabkit.predicates import Levels, Range, Rule, expr, from_dict

LARGE = """
import polars as pl
from tabkit.predicates import Levels, Range, Rule, expr
frame = pl.DataFrame({"n": [1, 5, -3, None], "x": [1.0, 0.5, None, 7.0]})
def inside(rule):
    return frame.select(expr(rule, frame.schema)).to_series().to_list()
for name in ("n", "x"):
    levels = Levels(column=name, levels=tuple(range(12_000)))
    print(inside(Rule(all_of=(levels,))))
print(inside(Rule(all_of=tuple(Range(column="n", ge=-i) for i in range(30_000)))))
print(inside(Rule(any_of=tuple(Rule(all_of=(Range(column="n", le=-i),)) for i in range(20_000)))))
"""


def test_large_rules_end_no_process() -> None:
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[True, True, False, False]",
        "[True, False, False, True]",
        "[True, True, False, False]",
        "[False, False, True, False]",
    ]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (pl.Series([1, 2, None, 127], dtype=pl.Int8), (2.0, 2.5, 300, 127, -1)),
        (pl.Series([2**64 - 1, 2**63, 3, None], dtype=pl.UInt64), (2**64 - 1, 3.0, -5)),
        (pl.Series([2**53, 2**53 + 1, None]), (2**53 + 1,)),
        (pl.Series([1.0, -0.0, float("nan"), None, float("inf"), 2.5]), (1, 0, 2.5)),
        (pl.Series([0.1, 1.0, None], dtype=pl.Float32), (0.1, 1)),
        (pl.Series(["1.10", "2.00", None]).cast(pl.Decimal(10, 2)), (1.1, 2)),
        (pl.Series([True, False, None]), (False,)),
        (pl.Series([dt.date(2026, 1, 1), dt.date(2026, 1, 2), None]), (dt.date(2026, 1, 2),)),
        (pl.Series([dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1, 5), None]), (dt.date(2026, 1, 1),)),
        (
            pl.Series([dt.datetime(2026, 7, 1), dt.datetime(2026, 7, 1, 5), None]).dt.replace_time_zone("Asia/Tokyo"),
            (dt.datetime(2026, 7, 1, 5),),
        ),
        (pl.Series([dt.datetime(2026, 7, 1, 5), None]).cast(pl.Datetime("ms")), (dt.datetime(2026, 7, 1, 5),)),
        (pl.Series(["a", "b", None], dtype=pl.Categorical), ("b", "c")),
        (pl.Series(["a", "b", None], dtype=pl.Enum(["a", "b"])), ("b", "c")),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pl.Series) else "",
)
def test_levels_are_those_rows_that_compare_equal_one_by_one(values: pl.Series, levels: tuple[object, ...]) -> None:
    def equal(value: object, level: object) -> bool:
        if isinstance(value, dt.datetime):
            value = value.replace(tzinfo=None)
            day = isinstance(level, dt.date) and not isinstance(level, dt.datetime)
            level = dt.datetime.combine(level, dt.time()) if day else level  # type: ignore[arg-type]
        return (float(value) if isinstance(value, Decimal) else value) == level

    frame = values.alias("c").to_frame()
    for null in (False, True):
        rule = Rule(all_of=(Levels(column="c", levels=levels, null=null),))  # type: ignore[arg-type]
        expected = [
            null if value is None or value != value else any(equal(value, level) for level in levels)
            for value in values.to_list()
        ]
        assert frame.select(expr(rule, frame.schema)).to_series().to_list() == expected


ONE = {"column": "x", "ge": 1}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"all_of": [ONE] * 201}, "more than 200 conditions"),
        ({"any_of": [{"all_of": [ONE] * 50}] * 4}, "more than 200 conditions"),
        ({"none_of": [{}] * 201}, "more than 200 conditions"),
        ({"all_of": [{"column": "x", "levels": list(range(10_001))}]}, "'x' lists 10,001 levels; at most 10,000"),
        ({"all_of": [{"column": "x", "levels": ["a" * 100_001]}]}, "100,001 characters; at most 100,000"),
        ({"all_of": [{"column": "x" * 1_001, "ge": 1}]}, r"name.*column.*1,001 characters"),
        ({"name": "x" * 1_001, "all_of": [ONE]}, r"name.*rule.*1,001 characters"),
        ({"all_of": [{"column": "x", "ge": 10**400}]}, r"beyond.*whole.*64 bits"),
        ({"all_of": [{"column": "x", "lt": -(2**63) - 1}]}, r"beyond.*whole.*64 bits"),
        ({"all_of": [{"column": "x", "levels": [1, 2**64]}]}, r"beyond.*whole.*64 bits"),
    ],
)
def test_rules_that_are_too_large_are_refused(values: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        from_dict(values)


def test_the_largest_rules_are_not_refused() -> None:
    levels = [{"column": "x", "levels": list(range(10_000))}, *[ONE] * 99]
    rule = from_dict({"all_of": levels, "any_of": [{"all_of": [ONE]}] * 50})
    frame = pl.DataFrame({"x": [5, 20_000]})
    assert frame.select(expr(rule, frame.schema)).to_series().to_list() == [True, False]
    ends = from_dict({"all_of": [{"column": "x", "ge": -(2**63), "le": 2**64 - 1}]})
    assert frame.select(expr(ends, frame.schema)).to_series().all()


def test_alternatives_and_exceptions_without_conditions_are_every_row() -> None:
    frame = pl.DataFrame({"x": [1, 2]})
    rule = Rule(all_of=(Range(column="x", ge=2),), any_of=(Rule(), Rule(all_of=(Range(column="x", ge=9),))))
    assert frame.select(expr(rule, frame.schema)).to_series().to_list() == [False, True]
