from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.encoding import FittedTable, TableEncoder
from tabkit.encoding.dates import FittedDateParts
from tabkit.errors import SchemaError

DAYS = [dt.date(2023, 12, 31), dt.date(2024, 2, 29), None, dt.date(2024, 2, 1)]
TIMES = [dt.datetime(2024, 6, 1, 22, 30), dt.datetime(2024, 6, 1, 23, 45), None, dt.datetime(2024, 6, 1, 0, 0)]


def _fit(values):
    frame = pl.DataFrame({"d": values, "y": [i % 2 for i in range(len(values))], "z": list(range(len(values)))})
    return TableEncoder(folds=2).fit_transform(frame, target="y")


def test_dates_become_their_parts_and_null_stays_null():
    encoder, features = _fit(DAYS)
    assert features.columns == ["d year", "d month", "d day", "d weekday", "z"]
    assert features.drop("z").rows() == [(2023, 12, 31, 7), (2024, 2, 29, 4), (None,) * 4, (2024, 2, 1, 4)]
    assert encoder.source_of["d month"] == "d"
    assert FittedTable.from_dict(encoder.to_dict()) == encoder


def test_parts_that_do_not_vary_are_left_out():
    _, features = _fit(TIMES)
    assert features.columns == ["d hour", "d minute", "z"]
    assert features["d hour"].to_list() == [22, 23, None, 0]


def test_times_with_a_zone_are_read_in_the_zone_of_the_fit():
    encoder, features = _fit(pl.Series(TIMES).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo"))
    assert features["d hour"].to_list() == [7, 8, None, 9]
    elsewhere = pl.DataFrame({"z": [0], "d": pl.Series(TIMES[:1]).dt.replace_time_zone("UTC")})
    assert encoder.transform(elsewhere)["d hour"].to_list() == [7]


def test_a_new_datetime_serves_where_a_date_was():
    encoder, features = _fit(DAYS)
    as_times = pl.DataFrame({"z": [0, 1, 2, 3], "d": pl.Series(DAYS).cast(pl.Datetime("ns"))})
    assert_frame_equal(encoder.transform(as_times), features)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_units_do_not_matter(unit):
    assert _fit(pl.Series(TIMES).cast(pl.Datetime(unit))).features.rows() == _fit(TIMES).features.rows()


def test_a_constant_date_is_left_out_but_not_if_it_is_sometimes_missing():
    encoder, _ = _fit([DAYS[0]] * 4)
    assert encoder.plan()["why"][0] == "constant"
    _, features = _fit([DAYS[0], None, DAYS[0], None])
    assert features["d year"].to_list() == [2023, None, 2023, None]
    assert features.columns == ["d year", "z"]


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("us", "UTC")])
def test_dates_all_null_are_left_out(dtype):
    encoder, _ = _fit(pl.Series([None] * 4, dtype=dtype))
    assert encoder.plan()["why"][0] == "all null"


def test_a_part_that_this_version_does_not_know_is_refused():
    with pytest.raises(SchemaError, match="quarter"):
        FittedDateParts.from_state({"column": "d", "parts": ["year", "quarter"]})
