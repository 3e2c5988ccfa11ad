from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tabkit.encoding import TableEncoder

N = 60
COUNT = [i % 2 for i in range(N)]


def _plan(frame, **options):
    rows = TableEncoder(folds=3, **options).fit(frame.with_columns(y=pl.Series(COUNT)), target="y").plan()
    return {row["column"]: row for row in rows.rows(named=True)}


def test_each_kind_of_column_gets_its_encoder_with_a_reason():
    plan = _plan(
        pl.DataFrame(
            {
                "number": np.arange(N),
                "flag": [i % 3 == 0 for i in range(N)],
                "few": [f"l{i % 10}" for i in range(N)],
                "many": [f"l{i % 11}" for i in range(N)],
                "day": [dt.date(2024, 1, 1) + dt.timedelta(i) for i in range(N)],
                "clock": [dt.time(i % 24) for i in range(N)],
                "length": [dt.timedelta(i) for i in range(N)],
                "same": [1] * N,
                "none": pl.Series([None] * N, dtype=pl.Null),
                "key": [f"id {i}" for i in range(N)],
            }
        )
    )
    assert {name: row["encoder"] for name, row in plan.items()} == {
        "number": "numeric",
        "flag": "numeric",
        "few": "onehot",
        "many": "target",
        "day": "dates",
        "clock": "numeric",
        "length": "numeric",
        "same": "drop",
        "none": "drop",
        "key": "drop",
    }
    assert plan["key"]["why"] == "looks like an identifier: 60 levels, none repeats"
    assert plan["many"]["why"] == "11 levels, cross-fitted"
    assert (plan["few"]["levels"], plan["few"]["outputs"]) == (10, 10)
    assert (plan["many"]["levels"], plan["many"]["outputs"]) == (11, 1)


def test_without_a_target_many_levels_are_counted():
    frame = pl.DataFrame({"few": [f"l{i % 10}" for i in range(N)], "many": [f"l{i % 11}" for i in range(N)]})
    fitted = TableEncoder(folds=3).fit(frame)
    assert fitted.plan()["encoder"].to_list() == ["onehot", "frequency"]
    assert fitted.transform(frame.head(1))["many count"].to_list() == [6.0]


def test_the_border_between_one_hot_and_target_encoding_is_a_setting():
    frame = pl.DataFrame({"t": [f"l{i % 6}" for i in range(N)]})
    assert _plan(frame, max_onehot=5)["t"]["encoder"] == "target"
    assert _plan(frame, max_onehot=6)["t"]["encoder"] == "onehot"


def test_constant_text_is_left_out_whatever_the_border():
    frame = pl.DataFrame({"t": ["a"] * N, "x": np.arange(N)})
    assert _plan(frame, max_onehot=0)["t"]["why"] == _plan(frame)["t"]["why"] == "constant ('a')"


def test_text_with_one_repeated_level_is_no_identifier():
    text = [f"id {i}" for i in range(N - 1)] + ["id 0"]
    assert _plan(pl.DataFrame({"t": text}))["t"]["encoder"] == "target"


def test_an_identifier_with_nulls_is_an_identifier():
    text = [f"id {i}" if i % 2 else None for i in range(N)]
    assert _plan(pl.DataFrame({"t": text, "x": np.arange(N)}))["t"]["encoder"] == "drop"
