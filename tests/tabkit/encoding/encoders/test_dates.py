from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.encoding import DateParts, FittedTable, TableEncoder, registry
from tabkit.errors import ConfigError, SchemaError

DAYS = [dt.date(2023, 12, 31), dt.date(2024, 2, 29), None, dt.date(2024, 2, 1)]
TIMES = [dt.datetime(2024, 6, 1, 22, 30), dt.datetime(2024, 6, 1, 23, 45), None, dt.datetime(2024, 6, 1, 0, 0)]


def _fit(values, encoder=None):
    frame = pl.DataFrame({"d": values, "y": [i % 2 for i in range(len(values))], "z": list(range(len(values)))})
    columns = {} if encoder is None else {"d": encoder}
    return TableEncoder(folds=2, columns=columns).fit_transform(frame, target="y")


def _parts(values, *parts, **options):
    """The features alone, whether they vary or not."""
    spec = TableEncoder(folds=2, columns={"d": DateParts(parts=parts, keep=True, **options)})
    return spec.fit_transform(pl.DataFrame({"d": values})).features


def test_dates_become_their_parts_and_null_stays_null():
    encoder, features = _fit(DAYS)
    assert features.columns == ["d year", "d month", "d day", "d weekday", "z"]
    assert features.drop("z").rows() == [(2023, 12, 31, 7), (2024, 2, 29, 4), (None,) * 4, (2024, 2, 1, 4)]
    assert encoder.source_of["d month"] == "d"
    again = FittedTable.from_dict(encoder.to_dict())
    assert_frame_equal(again.transform(pl.DataFrame({"d": DAYS, "z": range(4)})), features)


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
    with pytest.raises(SchemaError, match="century"):
        registry.from_dict({"kind": "dates", "parts": ["year", "century"]})


ALL = ("year", "quarter", "month", "week", "day", "ordinal_day", "weekday", "hour", "minute", "second", "days")


def test_every_part_of_any_time_is_that_of_the_standard_library():
    step = dt.timedelta(days=211, hours=7, minutes=13, seconds=29)
    times = [dt.datetime(1899, 12, 31, 23, 59, 59) + i * step for i in range(400)]
    times += [dt.datetime(2000, 2, 29), dt.datetime(1900, 2, 28), dt.datetime(2020, 12, 31), dt.datetime(2021, 1, 3)]
    expected = [
        (
            *(t.year, (t.month + 2) // 3, t.month, t.isocalendar().week, t.day, t.timetuple().tm_yday, t.isoweekday()),
            *(t.hour, t.minute, t.second, (t.date() - dt.date(1970, 1, 1)).days),
        )
        for t in times
    ]
    assert _parts(times, *ALL).rows() == expected
    dates = _parts([t.date() for t in times], *(part for part in ALL if part not in ("hour", "minute", "second")))
    assert dates.rows() == [row[:7] + row[-1:] for row in expected]


def test_days_before_1970_are_negative_and_count_in_the_zone_of_the_fit():
    eve = pl.Series([dt.datetime(1969, 12, 31, 23, 30), dt.datetime(1969, 12, 30, 0, 0)])
    assert _parts(eve, "days")["d days"].to_list() == [-1, -2]
    assert _parts(eve.dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo"), "days")["d days"].to_list() == [
        0,
        -2,
    ]
    new_york = eve.dt.replace_time_zone("America/New_York")
    assert _parts(new_york, "days", "hour").rows() == [(-1, 23), (-2, 0)]


def test_hours_follow_the_clocks_of_a_zone_through_summer_time():
    utc = pl.Series([dt.datetime(2024, 3, 31, 0, 30), dt.datetime(2024, 3, 31, 1, 30)]).dt.replace_time_zone("UTC")
    assert _parts(utc.dt.convert_time_zone("Europe/Berlin"), "hour")["d hour"].to_list() == [1, 3]


@pytest.mark.parametrize(
    ("part", "period"),
    [("quarter", 4), ("month", 12), ("week", 53), ("day", 31), ("ordinal_day", 366), ("weekday", 7), ("hour", 24),
     ("minute", 60), ("second", 60)],
)  # fmt: skip
def test_parts_that_come_round_lie_evenly_on_a_circle(part, period):
    step = {"hour": dt.timedelta(hours=1), "minute": dt.timedelta(minutes=1), "second": dt.timedelta(seconds=1)}
    times = [dt.datetime(2020, 1, 1) + i * step.get(part, dt.timedelta(1)) for i in range(500)]
    number = _parts(times, part).to_series().to_numpy()
    wave = _parts(times, part, cyclic=True)
    assert wave.columns == [f"d {part} sin", f"d {part} cos"]
    sin, cos = wave.to_numpy().T
    np.testing.assert_allclose(sin**2 + cos**2, 1)
    first = 0 if part in ("hour", "minute", "second") else 1
    np.testing.assert_allclose(np.arctan2(sin, cos) % (2 * np.pi), (number - first) / period * 2 * np.pi, atol=1e-9)


def test_december_is_as_near_to_january_as_january_to_february():
    months = [dt.date(2024, m, 1) for m in (12, 1, 2, 7)]
    points = _parts(months, "month", cyclic=True).to_numpy()
    far = np.linalg.norm(points - points[1], axis=1)
    assert far[0] == pytest.approx(far[2])
    assert far[3] == pytest.approx(2)


def test_a_year_does_not_come_round_and_null_stays_null_on_the_circle():
    features = _fit(DAYS, DateParts(cyclic=True)).features
    assert features.columns[0] == "d year"
    assert features.columns[1:3] == ["d month sin", "d month cos"]
    assert features.drop("z").row(2) == (None,) * 7


def test_parts_that_do_not_vary_stay_on_demand():
    assert _fit([DAYS[0]] * 4, DateParts(keep=True)).features.drop("z").rows() == [(2023, 12, 31, 7)] * 4


def test_new_rows_get_the_parts_that_varied_at_the_fit():
    encoder, _ = _fit(TIMES)
    new = encoder.transform(pl.DataFrame({"d": [dt.datetime(1950, 1, 1, 5, 6)], "z": [0]}))
    assert new.row(0) == (5, 6, 0.0)


@pytest.mark.parametrize("parts", [(), ("year", "century")])
def test_unknown_parts_are_refused(parts):
    with pytest.raises(ConfigError, match="parts of a date"):
        DateParts(parts=parts)


def test_a_date_has_no_time_of_day():
    with pytest.raises(ConfigError, match=r"'d'.*date without"):
        _fit(DAYS, DateParts(parts=("year", "hour")))
