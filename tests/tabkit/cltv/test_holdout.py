from __future__ import annotations

import datetime as dt
import importlib.util
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tabkit.cltv.holdout import split
from tabkit.cltv.summary import summarise
from tabkit.cltv.transactions import CANCELLED
from tabkit.errors import ConfigError, FitError

ROLES = {"customer": "who", "date": "day", "amount": "paid"}
TYPES = {"who": pl.Int64, "day": pl.Date, "paid": pl.Float64}
LIFETIMES = importlib.util.find_spec("lifetimes")


def jan(day: int) -> dt.date:
    return dt.date(2024, 1, day)


def log(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=TYPES, orient="row")


LOG = log(
    *[(2, jan(1), 1.0), (1, jan(3), 2.0), (3, jan(5), 3.0)],
    *[(1, jan(10), 4.0), (1, jan(10), 5.0), (1, jan(12), 6.0), (3, jan(11), 7.0), (3, jan(25), 8.0)],
    *[(4, jan(12), 9.0), (4, jan(20), 9.0), (5, jan(30), 9.0)],
)


def test_the_outcome_counts_what_the_summarys_customers_bought_later():
    parts = split(LOG, **ROLES, calibration_end=jan(9), end=jan(20), unit="day")
    assert parts.summary.customers.select("who", "frequency", "T").rows() == [(1, 0, 6.0), (2, 0, 8.0), (3, 0, 4.0)]
    assert parts.outcome.rows() == [(1, 2, 15.0), (2, 0, 0.0), (3, 1, 7.0)]
    assert parts.outcome.schema == {"who": pl.Int64, "purchases": pl.Int64, "value": pl.Float64}
    assert (parts.days, parts.newcomers, parts.refused) == (11, 1, {"after the observation end": 2})


def test_the_holdout_lasts_until_the_last_date_by_default():
    parts = split(LOG, **ROLES, calibration_end=jan(9))
    assert (parts.days, parts.newcomers, parts.refused) == (21, 2, {})
    assert parts.outcome["purchases"].to_list() == [2, 0, 2]


def test_the_summary_is_that_of_summarise():
    parts = split(LOG, **ROLES, calibration_end=jan(11), resolution="week", merge=False)
    alone = summarise(LOG, **ROLES, end=jan(11), resolution="week", merge=False)
    assert_frame_equal(parts.summary.customers, alone.customers)
    assert (parts.summary.refused, parts.summary.transactions) == (alone.refused, alone.transactions)
    assert parts.outcome["purchases"].to_list() == [1, 0, 1]


def test_the_first_day_of_the_holdout_is_the_one_after_the_calibration():
    assert split(LOG, **ROLES, calibration_end=jan(9)).outcome["purchases"].sum() == 4
    assert split(LOG, **ROLES, calibration_end=jan(10)).outcome["purchases"].sum() == 3


def test_purchases_are_counted_by_the_same_rule():
    returns = pl.concat([LOG, log((1, jan(12), -6.0), (3, jan(11), -2.0))])
    net = split(returns, **ROLES, calibration_end=jan(9), end=jan(20), refunds="net")
    assert net.outcome.rows() == [(1, 1, 9.0), (2, 0, 0.0), (3, 1, 5.0)]
    assert net.refused[CANCELLED] == 2
    dropped = split(returns, **ROLES, calibration_end=jan(9), end=jan(20))
    assert dropped.outcome.rows() == [(1, 2, 15.0), (2, 0, 0.0), (3, 1, 7.0)]
    each = split(returns, **ROLES, calibration_end=jan(9), end=jan(20), merge=False)
    assert each.outcome["purchases"].to_list() == [3, 0, 1]


def test_without_amounts_the_outcome_has_no_value():
    parts = split(LOG, customer="who", date="day", calibration_end=jan(9))
    assert parts.outcome.rows() == [(1, 2, None), (2, 0, None), (3, 2, None)]
    assert parts.outcome.schema["value"] == pl.Float64


def test_a_holdout_in_which_nothing_was_bought_is_all_zero():
    parts = split(LOG, **ROLES, calibration_end=jan(30), end=dt.date(2024, 2, 29))
    assert parts.outcome.select("purchases", "value").unique().rows() == [(0, 0.0)]
    assert (parts.days, parts.newcomers) == (30, 0)


def test_kept_columns_are_those_known_in_the_calibration():
    shops = LOG.with_columns(shop=pl.when(pl.col("day") <= jan(9)).then(pl.lit("old")).otherwise(pl.lit("new")))
    parts = split(shops, **ROLES, calibration_end=jan(9), keep=["shop"])
    assert parts.summary.customers["shop"].to_list() == ["old"] * 3
    assert parts.outcome.columns == ["who", "purchases", "value"]


def test_a_source_that_can_be_read_only_once_is_read_once():
    stream = LOG.to_arrow().to_reader()
    assert_frame_equal(
        split(stream, **ROLES, calibration_end=jan(9)).outcome, split(LOG, **ROLES, calibration_end=jan(9)).outcome
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"calibration_end": jan(9), "end": jan(9)}, "not after the calibration's end"),
        ({"calibration_end": None}, "no calendar day"),
        ({"calibration_end": jan(9), "end": "2024-01-20"}, "end='2024-01-20' is no calendar day"),
        ({"calibration_end": jan(9), "unit": "month"}, "unit='month' is unknown"),
        ({"calibration_end": jan(9), "resolution": "x"}, "resolution='x' is unknown"),
        ({"calibration_end": jan(9), "customer": "value"}, "name of a result: 'value'"),
    ],
)
def test_settings_that_cannot_work_are_refused(options, said):
    with pytest.raises(ConfigError, match=f"{said}"):
        split(LOG, **{**ROLES, **options})


def test_a_log_that_ends_with_the_calibration_is_refused():
    with pytest.raises(FitError, match=r"transaction.*2024-01-30"):
        split(LOG, **ROLES, calibration_end=jan(30))


ROW = st.tuples(
    st.sampled_from([None, 1, 2, 3, 4]),
    st.integers(1, 31).map(jan),
    st.sampled_from([None, 0.0, 0.1, 0.3, -0.3, 29.99, -1.0]),
)
LATER = st.tuples(
    st.sampled_from([None, 1, 2, 3, 9]), st.integers(16, 31).map(jan), st.sampled_from([None, -5.0, 0.1, 7])
)
RULE = st.sampled_from([{}, {"merge": False}, {"refunds": "net"}, {"resolution": "week"}])


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(ROW, max_size=30), later=st.lists(LATER, max_size=10), rule=RULE, end=st.sampled_from([None, jan(31)])
)
def test_nothing_after_the_calibration_changes_the_summary(rows, later, rule, end):
    rows = [(1, jan(1), 5.0), (2, jan(2), 5.0), (3, jan(16), 1.0), *rows]
    changed = [row for row in rows if row[1] <= jan(15)] + [(3, jan(16), 2.0), *later]
    one, other = (
        split(log(*all_rows), **ROLES, **rule, calibration_end=jan(15), end=end) for all_rows in (rows, changed)
    )
    assert_frame_equal(one.summary.customers, other.summary.customers, check_exact=True)
    assert (one.summary.transactions, one.summary.start, one.summary.end) == (
        *(other.summary.transactions, other.summary.start),
        jan(15),
    )
    late = "after the observation end"
    assert {k: n for k, n in one.summary.refused.items() if k != late} == {
        k: n for k, n in other.summary.refused.items() if k != late
    }
    assert one.outcome["who"].to_list() == one.summary.customers["who"].to_list()


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(ROW, max_size=40), merge=st.booleans())
def test_any_outcome_agrees_with_plain_python(rows, merge):
    rows = [(1, jan(1), 5.0), (2, jan(2), 5.0), (1, jan(16), 1.0), *rows]
    known, days = set(), defaultdict(list)
    for who, day, amount in rows:
        if who is not None and amount is not None and amount > 0:
            if day <= jan(15):
                known.add(who)
            elif day <= jan(28):
                days[who, day].append(amount)
    purchases, value = defaultdict(int), defaultdict(float)
    for (who, _), amounts in days.items():
        purchases[who] += 1 if merge else len(amounts)
        value[who] += sum(amounts)
    parts = split(log(*rows), **ROLES, merge=merge, zeros="drop", calibration_end=jan(15), end=jan(28))
    assert [who for who, _, _ in parts.outcome.rows()] == sorted(known)
    for who, bought, worth in parts.outcome.rows():
        assert bought == purchases[who]
        assert worth == pytest.approx(value[who])
    assert parts.newcomers == len({who for who, _ in days} - known)


@pytest.mark.skipif(LIFETIMES is None, reason="the package lifetimes, whose data files are read, is not installed")
def test_the_cdnow_holdout_of_39_weeks_agrees_with_a_plain_loop():
    folder = Path(LIFETIMES.submodule_search_locations[0]) / "datasets"
    parts = [line.split() for line in (folder / "CDNOW_sample.txt").read_text().splitlines()]
    rows = [(int(one), dt.datetime.strptime(day, "%Y%m%d").date(), float(paid)) for _, one, day, _, paid in parts]
    known, later = set(), defaultdict(set)
    for who, day, _ in rows:
        if day <= dt.date(1997, 9, 30):
            known.add(who)
        else:
            later[who].add(day)
    held = split(log(*rows), customer="who", date="day", calibration_end=dt.date(1997, 9, 30))
    assert (held.summary.customers.height, held.days, held.newcomers) == (2357, 273, 0)
    assert held.outcome["who"].to_list() == sorted(known)
    assert held.outcome["purchases"].to_list() == [len(later[who]) for who in sorted(known)]
    assert held.outcome["purchases"].sum() == sum(map(len, later.values())) == 1882
