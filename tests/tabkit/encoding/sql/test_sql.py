from __future__ import annotations

from datetime import date, datetime, time, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from tabkit.encoding import (
    Codes,
    DateParts,
    DurationParts,
    Frequency,
    LogTarget,
    MinHash,
    Numeric,
    OneHot,
    Ordinal,
    QuantileBins,
    RobustScale,
    StandardScale,
    TableEncoder,
    Target,
    TextLength,
    WeightOfEvidence,
)
from tabkit.errors import ConfigError

CALENDAR = ("month", "weekday", "days", "ordinal_day", "week", "quarter")
ENCODERS = {
    "c": [OneHot(), Target(), WeightOfEvidence(), LogTarget(), Frequency(), Ordinal(), Codes()],
    "k": [Numeric(), Target(rare=60), OneHot(rare=65)],
    "f": [Target(), QuantileBins(), StandardScale(), RobustScale()],
    "b": [Target(), Numeric()],
    "d": [DateParts(), DateParts(cyclic=True, parts=CALENDAR[:2]), Target(null="null", unseen="null")],
    "t": DateParts(parts=("hour", "day", "minute")),
    "dur": [Numeric(), DurationParts(), DurationParts(cyclic=True, parts=("hours",))],
    "tm": [Numeric(), DurationParts(parts=("hours",))],
    "level": TextLength(),
    ("c", "k"): Target(),
    ("b", "c"): OneHot(),
}


def rows(n: int = 2000) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    zone = pl.Series([datetime(2020, 1, 1, 3) + timedelta(minutes=int(m)) for m in rng.integers(0, 900_000, n)])
    return pl.DataFrame(
        {
            "id": np.arange(n),
            "c": [["a", 'b"', "c'x", None][i] for i in rng.integers(0, 4, n)],
            "k": rng.integers(0, 50, n),
            "f": rng.normal(size=n).round(1),
            "b": rng.random(n) < 0.5,
            "d": [date(1965, 1, 1) + timedelta(days=int(i)) for i in rng.integers(0, 9000, n)],
            "t": zone.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin"),
            "dur": [timedelta(seconds=int(i)) for i in rng.integers(-90_000, 900_000, n)],
            "tm": [time(int(h), 3, 2) for h in rng.integers(0, 24, n)],
            "level": [" ".join(["Word 12"] * int(i)) + "é" for i in rng.integers(0, 5, n)],
            "y": rng.integers(0, 2, n),
        }
    )


def answer(query: str, frame: pl.DataFrame) -> pl.DataFrame:
    with duckdb.connect() as connection:
        connection.register("input", frame.to_arrow())
        return connection.sql(query).pl()


@pytest.fixture(scope="module")
def fitted():
    return TableEncoder(columns=ENCODERS).fit(rows(), target="y", exclude=["id"])


def test_a_database_gives_what_the_expressions_give(fitted):
    new = rows().with_columns(
        c=pl.when(pl.col("id") % 7 == 0).then(pl.lit("new")).otherwise("c"),
        k=pl.col("k") + 3,
        f=pl.when(pl.col("id") % 9 == 0).then(None).when(pl.col("id") % 11 == 0).then(float("nan")).otherwise("f"),
        d=pl.when(pl.col("id") % 5 > 0).then("d"),
    )
    found = answer(fitted.to_sql(keep=["id"]), new).sort("id").drop("id")
    expected = fitted.transform(new)
    assert found.columns == expected.columns
    for name in expected.columns:
        ours, theirs = expected[name].cast(pl.Float64), found[name].cast(pl.Float64)
        assert (ours.is_null() == theirs.is_null()).all(), name
        np.testing.assert_allclose(ours.fill_null(0), theirs.fill_null(0), rtol=1e-12, atol=1e-12, err_msg=name)


def test_a_hundred_thousand_levels_are_one_query():
    frame = pl.DataFrame({"x": [f"level {i}" for i in range(100_000)] * 2, "y": [0, 1] * 100_000})
    fitted = TableEncoder(columns={"x": Target(smoothing=1.0)}).fit(frame, target="y")
    found = answer(fitted.to_sql(), frame.head(1000))
    assert sorted(found.to_series()) == pytest.approx(sorted(fitted.transform(frame.head(1000)).to_series()), abs=1e-12)


def test_a_level_that_is_refused_is_an_error_of_the_database():
    frame = pl.DataFrame({"x": ["a", "b"] * 10, "y": [0, 1, 1, 0] * 5})
    query = TableEncoder(columns={"x": OneHot(unseen="error")}).fit(frame, target="y").to_sql()
    assert answer(query, frame).height == 20
    with pytest.raises(duckdb.InvalidInputException, match="never seen"):
        answer(query, pl.DataFrame({"x": ["c"]}))


def test_what_sql_cannot_say_is_refused():
    frame = pl.DataFrame({"x": [f"text {i}" for i in range(20)], "f": [0.5, 1.5] * 10, "y": [0, 1] * 10})
    with pytest.raises(ConfigError, match=r"MinHash of 'x'.*SQL"):
        TableEncoder(columns={"x": MinHash()}).fit(frame, target="y").to_sql()
    with pytest.raises(ConfigError, match="cast the column"):
        TableEncoder(columns={("x", "f"): Target()}).fit(frame, target="y").to_sql()
    with pytest.raises(ConfigError, match="known dialects: duckdb"):
        TableEncoder().fit(frame, target="y").to_sql("oracle")


def test_names_that_a_database_takes_for_one_are_refused():
    frame = pl.DataFrame({"a": [1.0, 2.0], "A": [3.0, 4.0]})
    with pytest.raises(ConfigError, match="SQL cannot tell apart"):
        TableEncoder().fit(frame).to_sql()
    with pytest.raises(ConfigError, match=r"SQL.*apart: 'a', 'a'"):
        TableEncoder().fit(frame.select("a")).to_sql(keep=["a"])
