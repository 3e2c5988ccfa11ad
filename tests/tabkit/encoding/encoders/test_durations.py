from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tabkit.encoding import DurationParts, FittedTable, TableEncoder
from tabkit.errors import ConfigError

PARTS = ["x days", "x hours", "x minutes", "x seconds"]
MIXED = [
    dt.timedelta(days=2, hours=3, minutes=4, seconds=5, milliseconds=900),
    -dt.timedelta(days=1, hours=23, minutes=59, seconds=58),
    None,
    dt.timedelta(seconds=-0.5),
]


def _fit(values, **options):
    frame = pl.DataFrame({"x": values, "z": range(len(values))})
    return TableEncoder(folds=2, columns={"x": DurationParts(**options)}).fit_transform(frame)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_parts_are_whole_and_point_away_from_zero_alike(unit):
    encoder, features = _fit(pl.Series(MIXED, dtype=pl.Duration(unit)))
    expected = [(2, 3, 4, 5), (-1, -23, -59, -58), (None,) * 4, (0, 0, 0, 0)]
    assert features.select(PARTS).rows() == expected
    again = FittedTable.from_dict(encoder.to_dict())
    assert again.transform(pl.DataFrame({"x": MIXED, "z": [0] * 4})).select(PARTS).rows() == expected


def test_durations_longer_than_nanoseconds_can_count():
    days = [400 * 365, -(400 * 365), 106_752]
    long = pl.Series([d * 86_400_000 + 3_661_000 * np.sign(d) for d in days]).cast(pl.Duration("ms"))
    signs = np.sign(days)
    expected = [(d, s, s, s) for d, s in zip(days, signs, strict=True)]
    assert _fit(long).features.select(PARTS).rows() == expected


def test_parts_add_up_to_the_whole():
    seconds = np.random.default_rng(0).integers(-(10**7), 10**7, 200)
    features = _fit(pl.Series(seconds * 1000).cast(pl.Duration("ms"))).features.select(PARTS)
    np.testing.assert_array_equal(features.to_numpy() @ [86_400, 3_600, 60, 1], seconds)


def test_times_of_day_have_no_days():
    encoder, features = _fit([dt.time(0), dt.time(23, 59, 59, 999_999), None, dt.time(12, 30)])
    assert features.drop("z").columns == PARTS[1:]
    assert features.drop("z").rows() == [(0, 0, 0), (23, 59, 59), (None,) * 3, (12, 30, 0)]
    assert encoder.transform(pl.DataFrame({"x": [dt.time(1, 2, 3)], "z": [0]})).row(0) == (1, 2, 3, 0)


def test_midnight_comes_round():
    clock = [dt.time(23), dt.time(0), dt.time(1), None]
    features = _fit(clock, parts=("hours",), cyclic=True).features
    assert features.columns == ["x hours sin", "x hours cos", "z"]
    assert features["x hours cos"].to_list() == pytest.approx([np.cos(np.pi / 12), 1, np.cos(np.pi / 12), None])
    assert features["x hours sin"].to_list() == pytest.approx([-np.sin(np.pi / 12), 0, np.sin(np.pi / 12), None])


def test_days_do_not_come_round():
    assert _fit(MIXED, cyclic=True).features.columns[:3] == ["x days", "x hours sin", "x hours cos"]


def test_parts_that_do_not_vary_are_left_out_unless_they_are_kept():
    hours = [dt.timedelta(hours=h) for h in (1, 2, 3, 4)]
    assert _fit(hours).features.columns == ["x hours", "z"]
    assert _fit(hours, keep=True).features.columns == [*PARTS, "z"]
    assert _fit([dt.timedelta(1)] * 3 + [None]).features["x days"].to_list() == [1, 1, 1, None]


@pytest.mark.parametrize(("values", "why"), [([dt.timedelta(1)] * 4, "constant"), ([None] * 4, "all null")])
def test_durations_that_tell_nothing_are_left_out(values, why):
    assert _fit(pl.Series(values, dtype=pl.Duration("us"))).encoder.plan()["why"][0] == why


@pytest.mark.parametrize("parts", [(), ("weeks",)])
def test_unknown_parts_are_refused(parts):
    with pytest.raises(ConfigError, match="parts of a duration"):
        DurationParts(parts=parts)
