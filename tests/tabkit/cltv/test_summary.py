from __future__ import annotations

import datetime as dt
import importlib.util
import math
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from statistics import mean

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import DATA
from polars.testing import assert_frame_equal

from tabkit.cltv.summary import summarise
from tabkit.cltv.transactions import CANCELLED
from tabkit.errors import ConfigError, FitError, SchemaError, SourceError

NAN, INF = float("nan"), float("inf")
ROLES = {"customer": "who", "date": "day", "amount": "paid"}
RETAIL = DATA / "online_retail_invoices.parquet"
LIFETIMES = importlib.util.find_spec("lifetimes")


def jan(day: int) -> dt.date:
    return dt.date(2024, 1, day)


def log(*rows: tuple[object, ...], names: tuple[str, ...] = ("who", "day", "paid")) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=list(names), orient="row")


TWO = log((1, jan(1), 10.0), (1, jan(8), 5.0), (1, jan(8), 2.0), (1, jan(15), 9.0), (2, jan(3), 4.0), (2, jan(17), 6.0))


def row(summary, who: object) -> dict[str, object]:
    return summary.customers.row(by_predicate=pl.col(summary.customer) == who, named=True)


# What comes out


def test_one_row_per_customer_has_its_repeat_purchases_times_and_mean_amount():
    summary = summarise(TWO, **ROLES, unit="day")
    assert summary.customers.rows() == [(1, 2, 14.0, 16.0, 8.0, 10.0), (2, 1, 14.0, 14.0, 6.0, 4.0)]
    assert summary.customers.schema == {
        "who": pl.Int64,
        "frequency": pl.Int64,
        "recency": pl.Float64,
        "T": pl.Float64,
        "monetary_value": pl.Float64,
        "first_value": pl.Float64,
    }
    assert (summary.customer, summary.unit, summary.end, summary.start) == ("who", "day", jan(17), jan(1))
    assert (summary.transactions, summary.refused) == (5, {})


def test_times_come_in_the_unit_asked_for():
    days, weeks, years = (summarise(TWO, **ROLES, unit=unit).customers["T"] for unit in ("day", "week", "year"))
    assert weeks.to_list() == [16 / 7, 2.0]
    assert (days / 365.25).to_list() == years.to_list()


def test_without_merging_each_row_is_a_purchase():
    summary = summarise(TWO, **ROLES, unit="day", merge=False)
    one = {"who": 1, "frequency": 3, "recency": 14.0, "T": 16.0, "monetary_value": 16 / 3, "first_value": 10.0}
    assert row(summary, 1) == one
    assert summary.transactions == 6


def test_purchases_of_the_first_day_are_repeats_with_recency_zero_when_not_merged():
    days = log((1, jan(1), 3.0), (1, jan(1), 9.0), (2, jan(3), 4.0))
    assert row(summarise(days, **ROLES, merge=False), 1)["frequency"] == 1
    assert row(summarise(days, **ROLES, merge=False), 1)["recency"] == 0.0
    assert row(summarise(days, **ROLES, merge=False), 1)["monetary_value"] == 6.0  # neither came first: their mean did
    times = days.with_columns(day=pl.Series([dt.datetime(2024, 1, 1, hour) for hour in (9, 8, 7)]))
    assert row(summarise(times, **ROLES, merge=False), 1)["monetary_value"] == 3.0


def test_the_week_resolution_puts_both_times_to_the_middle_of_their_week():
    gaps = [0, 1, 4, 7, 8, 14, 15]
    rows = [(who, jan(1) + dt.timedelta(days=step), 1.0) for who, gap in enumerate(gaps) for step in {0, gap}]
    summary = summarise(log(*rows), **ROLES, unit="day", resolution="week", end=jan(16))
    assert summary.customers["recency"].to_list() == [0.0, 4.0, 4.0, 4.0, 11.0, 11.0, 18.0]
    assert summary.customers["T"].unique().to_list() == [18.0]


def test_customers_keep_their_type_and_are_sorted():
    for dtype in (pl.Int8, pl.UInt64, pl.String, pl.Categorical, pl.Enum(["2", "1"]), pl.Float64, pl.Date):
        who = pl.col("who").cast(pl.Int32 if dtype == pl.Date else pl.String).cast(dtype)
        customers = summarise(TWO.reverse().with_columns(who), **ROLES).customers
        assert customers.schema["who"] == dtype
        assert_frame_equal(customers, customers.sort("who"))


def test_without_amounts_every_row_counts_and_no_value_is_given():
    summary = summarise(TWO.with_columns(paid=pl.lit(None)), customer="who", date="day")
    assert summary.customers["frequency"].to_list() == [2, 1]
    assert summary.customers["monetary_value"].to_list() == [None, None]
    assert summary.customers["first_value"].to_list() == [None, None]


def test_a_customer_without_repeat_has_no_monetary_value():
    assert summarise(TWO, **ROLES, end=jan(10)).customers["monetary_value"].to_list() == [7.0, None]


# The observation end


def test_what_comes_after_the_end_is_left_out_and_counted():
    summary = summarise(TWO, **ROLES, unit="day", end=jan(8))
    assert summary.customers.rows() == [(1, 1, 7.0, 7.0, 7.0, 10.0), (2, 0, 0.0, 5.0, None, 4.0)]
    assert summary.refused == {"after the observation end": 2}
    assert (summary.end, summary.transactions) == (jan(8), 3)


def test_the_end_may_lie_after_the_log():
    assert row(summarise(TWO, **ROLES, unit="day", end=jan(31)), 2)["T"] == 28.0


def test_the_last_date_of_the_log_is_the_end_even_where_nothing_was_bought():
    more = pl.concat([TWO, log((None, jan(20), 1.0), (1, jan(21), 0.0))])
    summary = summarise(more, **ROLES, zeros="drop")
    assert summary.end == jan(21)
    assert summary.refused == {"no customer": 1, "amount is zero": 1}


# Dates


def test_a_datetime_counts_on_its_calendar_day_where_it_happened():
    utc = [dt.datetime(2024, 1, 1, 22, 30), dt.datetime(2024, 1, 1, 23, 30), dt.datetime(2024, 1, 5, 12)]
    times = pl.DataFrame({"who": [1, 1, 2], "day": pl.Series(utc).dt.replace_time_zone("UTC"), "paid": [1.0, 2.0, 3.0]})
    assert row(summarise(times, **ROLES), 1)["frequency"] == 0
    berlin = times.with_columns(pl.col("day").dt.convert_time_zone("Europe/Berlin"))
    assert row(summarise(berlin, **ROLES), 1)["frequency"] == 1


def test_iso_text_is_read_as_days_as_written():
    text = ["2024-01-01", " 2024-01-08T23:59", "2024-01-08 08:00:00.5", "2024-01-15T23:30:00-05:00"]
    text += ["2024-01-03 00:00:00 Z", "2024-01-17T12:00:00+0100"]
    for dtype in (pl.String, pl.Categorical):
        written = TWO.with_columns(day=pl.Series(text, dtype=dtype))
        assert_frame_equal(summarise(written, **ROLES).customers, summarise(TWO, **ROLES).customers)


@pytest.mark.parametrize("wrong", ["2024-02-30", "31.12.2024", "2024-01-01T25:00", "2024-1-1", "", "2024-01-01x"])
def test_text_that_is_no_date_is_counted_and_shown(wrong):
    days = TWO.with_columns(pl.col("day").cast(pl.String))
    days = pl.concat([days, days.head(2).with_columns(day=pl.lit(wrong))])
    with pytest.raises(FitError, match=r"(?s)date in 2 rows.*ISO 8601.*month") as error:
        summarise(days, **ROLES)
    assert repr(wrong) in str(error.value)


def test_rows_without_date_or_far_beyond_every_calendar_are_counted():
    odd = TWO.with_columns(pl.col("day").cast(pl.Int32))
    odd = pl.concat([odd, log((1, None, 1.0), (2, 4_000_000, 1.0)).cast({"day": pl.Int32})])
    summary = summarise(odd.with_columns(pl.col("day").cast(pl.Date)), **ROLES)
    assert summary.refused == {"no date": 1, "date beyond the years 1 to 9999": 1}
    assert summary.end == jan(17)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.Duration("us"), pl.Time])
def test_dates_of_other_types_are_refused_with_what_to_do(dtype):
    odd = TWO.with_columns(day=pl.lit(0).cast(pl.Int64).cast(dtype))
    with pytest.raises(SchemaError, match=r"(?s)'day'.*convert.*%Y%m%d.*from_epoch"):
        summarise(odd, **ROLES)


# Amounts and refunds


def test_rows_that_are_no_purchase_are_refused_by_reason():
    amounts = [None, NAN, INF, -INF, 2e18, 0.0, -0.0, 1e-10, -3.0]
    odd = pl.concat([TWO, log(*[(1, jan(2), amount) for amount in amounts])])
    odd = pl.concat([odd, log((None, jan(2), 1.0), (3, jan(2), -1.0))])
    summary = summarise(odd, **ROLES, zeros="drop")
    assert_frame_equal(summary.customers, summarise(TWO, **ROLES).customers)
    assert summary.refused == {
        "no customer": 1,
        "amount is null": 1,
        "amount is not finite": 3,
        "amount is beyond 1e18": 1,
        "amount is zero": 3,
        "a refund": 2,
    }


def test_a_float_customer_that_is_nan_is_none():
    odd = pl.concat([TWO.with_columns(pl.col("who").cast(pl.Float64)), log((NAN, jan(2), 1.0))])
    assert summarise(odd, **ROLES).refused == {"no customer": 1}


def test_refunds_are_taken_off_their_day():
    net = pl.concat([TWO, log((1, jan(8), -3.0), (2, jan(3), -4.0), (2, jan(5), -1.0))])
    summary = summarise(net, **ROLES, unit="day", refunds="net")
    assert row(summary, 1)["monetary_value"] == (4.0 + 9.0) / 2
    two = {"who": 2, "frequency": 0, "recency": 0.0, "T": 0.0, "monetary_value": None, "first_value": 6.0}
    assert row(summary, 2) == two
    assert (summary.refused, summary.transactions) == ({CANCELLED: 3}, 4)


@pytest.mark.parametrize(
    "parts",
    [
        [0.1, 0.2, -0.3],  # their sum in doubles is 5.6e-17
        [7564.53, 942.18, -8506.71],  # cut off instead of rounded, one billionth would be left
        [280244841.35, 578090008.28, -858334849.63],  # too large for doubles to hold billionths: 32 are left
    ],
)
def test_amounts_that_cancel_leave_no_trace_of_rounding(parts):
    cancelled = pl.concat([TWO, log(*[(3, jan(2), part) for part in parts])])
    summary = summarise(cancelled, **ROLES, refunds="net")
    assert 3 not in summary.customers["who"]
    assert summary.refused == {CANCELLED: 3}


def test_amounts_may_be_whole_or_decimal_numbers():
    expected = summarise(TWO, **ROLES).customers
    for dtype in (pl.Int64, pl.Float32, pl.Decimal(10, 2)):
        assert_frame_equal(summarise(TWO.with_columns(pl.col("paid").cast(dtype)), **ROLES).customers, expected)


# Columns kept


def test_kept_columns_come_from_the_first_purchase_used():
    names = ("who", "day", "paid", "shop", "age")
    rows = [(1, jan(8), 1.0, "late", 3), (1, jan(2), 1.0, "first", None), (1, jan(1), -1.0, "refund", 1)]
    frame = log(*rows, (2, jan(3), 1.0, None, 5), (2, jan(3), 1.0, "b", 4), (2, jan(3), 1.0, "a", 6), names=names)
    for merge in (True, False):
        customers = summarise(frame, **ROLES, keep=["age", "shop"], merge=merge).customers
        assert customers.columns[-2:] == ["age", "shop"]
        assert customers.select("age", "shop").rows() == [(None, "first"), (4, "a")]


def test_within_a_day_the_earliest_time_decides_what_is_kept():
    hours = [dt.datetime(2024, 1, 1, hour) for hour in (9, 8, 7)]
    frame = pl.DataFrame({"who": [1, 1, 2], "day": hours, "shop": ["a", "b", "c"]})
    for days in (frame, frame.with_columns(pl.col("day").dt.to_string("iso"))):
        assert summarise(days, customer="who", date="day", keep=["shop"]).customers["shop"].to_list() == ["b", "c"]


def test_with_refunds_netted_a_cancelled_day_is_no_first_purchase():
    rows = [(1, jan(1), 5.0, "a"), (1, jan(1), -5.0, "b"), (1, jan(2), 5.0, "c"), (2, jan(2), 1.0, "d")]
    frame = log(*rows, names=("who", "day", "paid", "shop"))
    assert summarise(frame, **ROLES, refunds="net", keep=["shop"]).customers["shop"].to_list() == ["c", "d"]


# Settings and tables that cannot work


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(SchemaError, match=r"(?s)lacks columns: 'x', 'y', 'z'"):
        summarise(TWO, customer="x", date="y", amount="z", keep=["shop"])


@pytest.mark.parametrize(
    ("settings_", "said"),
    [
        ({"amount": "day"}, "given twice: 'day'"),
        ({"keep": ["who"]}, "given twice: 'who'"),
        ({"keep": "shop"}, "a list of columns"),
        ({"keep": ["T"]}, "name of a result: 'T'"),
        ({"customer": "frequency"}, "name of a result: 'frequency'"),
        ({"refunds": "net", "amount": None}, "no amount is given"),
        ({"refunds": "net", "merge": False}, "merge is off"),
        ({"refunds": "keep"}, r"refunds='keep' is unknown.*'drop', 'net'"),
        ({"unit": "month"}, r"unit='month'.*'day', 'week', 'year'"),
        ({"resolution": "year"}, "resolution='year' is unknown"),
        ({"end": "2024-01-01"}, "no calendar day"),
        ({"end": dt.datetime(2024, 1, 1)}, "no calendar day"),
    ],
)
def test_settings_that_contradict_are_refused(settings_, said):
    with pytest.raises(ConfigError, match=f"(?s){said}.*To do"):
        summarise(TWO, **{**ROLES, **settings_})


def test_date_and_amount_may_be_called_like_a_result():
    renamed = TWO.rename({"day": "T", "paid": "monetary_value"})
    summary = summarise(renamed, customer="who", date="T", amount="monetary_value")
    assert_frame_equal(summary.customers, summarise(TWO, **ROLES).customers)


def test_columns_called_like_our_own_helpers_do_no_harm():
    names = {"who": "units", "day": "id", "paid": "moment", "shop": "count"}
    frame = TWO.with_columns(shop=pl.lit("a")).rename(names)
    summary = summarise(frame, customer="units", date="id", amount="moment", keep=["count"])
    assert summary.customers.columns == ["units", "frequency", "recency", "T", "monetary_value", "first_value", "count"]
    assert summary.customers.drop("count").rows() == summarise(TWO, **ROLES).customers.rows()


def test_columns_of_unusable_types_are_refused_together():
    odd = TWO.with_columns(pl.col("paid").cast(pl.String), who=pl.concat_list("who"), shop=pl.struct("who"))
    with pytest.raises(SchemaError, match=r"'paid'.*String, 'who'.*'shop'"):
        summarise(odd, **ROLES, keep=["shop"])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (TWO.clear(), r"purchase.*used.*row"),
        (TWO.with_columns(paid=-1.0), "no purchase .*a refund: 6 rows"),
        (TWO.with_columns(day=pl.lit(None)), "no purchase .*no date: 6 rows"),
        (TWO.with_columns(who=pl.lit(None)), "no purchase .*no customer: 6 rows"),
        (TWO.with_columns(paid=pl.lit(None)), r"purchase.*amount.*null: 6"),
        (TWO.filter(pl.col("who") == 1), "one customer"),
    ],
)
def test_a_log_without_two_customers_is_refused_with_the_counts(frame, said):
    with pytest.raises(FitError, match=said):
        summarise(frame, **ROLES)


def test_an_end_before_the_log_leaves_nothing():
    with pytest.raises(FitError, match="after the observation end: 6 rows"):
        summarise(TWO, **ROLES, end=dt.date(2023, 1, 1))


def test_a_source_that_is_not_there_is_named():
    with pytest.raises(SourceError, match=r"nowhere\.parquet"):
        summarise("nowhere.parquet", **ROLES)


def test_every_source_gives_the_same_and_none_is_changed(tmp_path):
    before = TWO.clone()
    expected = summarise(TWO, **ROLES)
    TWO.write_csv(tmp_path / "log.csv")
    TWO.write_parquet(tmp_path / "log.parquet")
    for source in (TWO.lazy(), TWO.to_arrow(), tmp_path / "log.csv", str(tmp_path / "log.parquet")):
        found = summarise(source, **ROLES)
        assert_frame_equal(found.customers, expected.customers)
        assert (found.transactions, found.end) == (expected.transactions, expected.end)
    assert_frame_equal(TWO, before)


# An oracle in plain Python, and real logs


def oracle(rows, *, end, width, merge, refunds, zeros="count"):
    """Return (frequency, recency, T, monetary value, first value) in days by customer, and the rows refused."""
    refused, days = Counter(), defaultdict(list)
    for who, day, amount in rows:
        reason = (
            ("no date" if day is None else None)
            or ("after the observation end" if end is not None and day > end else None)
            or ("no customer" if who is None else None)
            or ("amount is null" if amount is None else None)
            or ("amount is not finite" if not math.isfinite(amount) else None)
            or ("amount is zero" if amount == 0 and zeros == "drop" else None)
            or ("a refund" if amount < 0 and refunds == "drop" else None)
        )
        if reason:
            refused[reason] += 1
        else:
            days[who, day].append(Decimal(str(amount)))
    bought = defaultdict(list)
    for (who, day), amounts in sorted(days.items()):
        if merge and sum(amounts) <= 0 and any(amounts):
            refused[CANCELLED] += len(amounts)
        elif merge:
            bought[who].append((day, sum(amounts)))
        else:
            bought[who] += [(day, amount) for amount in amounts]
    last = end or max(day for _, day, _ in rows if day is not None)
    found = {}
    for who, purchases in bought.items():
        first, final = purchases[0][0], purchases[-1][0]
        opening = mean(amount for day, amount in purchases if day == first)
        repeats = len(purchases) - 1
        value = (sum(amount for _, amount in purchases) - opening) / repeats if repeats else None
        middle = [
            0.0 if d == 0 else ((d - 1) // width) * width + (width + 1) / 2
            for d in ((final - first).days, (last - first).days)
        ]
        found[who] = (repeats, *middle, None if value is None else float(value), float(opening))
    return found, dict(refused)


ROW = st.tuples(
    st.sampled_from([None, 1, 2, 3, 4]),
    st.one_of(st.none(), st.integers(0, 25).map(lambda day: jan(1) + dt.timedelta(days=day))),
    st.sampled_from([None, NAN, INF, 0.0, 0.1, 0.2, 0.3, -0.3, 29.99, -29.99, 100.0, -1.0]),
)
ALWAYS = [(1, jan(1), 1.0), (2, jan(2), 2.0)]
TYPES = {"who": pl.Int64, "day": pl.Date, "paid": pl.Float64}


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ROW, max_size=40).map(lambda rows: ALWAYS + rows),
    end=st.one_of(st.none(), st.integers(2, 31).map(jan)),
    resolution=st.sampled_from(["day", "week"]),
    rule=st.sampled_from([(True, "drop"), (True, "net"), (False, "drop")]),
    zeros=st.sampled_from(["count", "drop"]),
    shuffle=st.randoms(use_true_random=False),
)
def test_any_log_agrees_with_plain_python_in_any_order(rows, end, resolution, rule, zeros, shuffle):
    rules = {"merge": rule[0], "refunds": rule[1], "zeros": zeros}
    expected, refused = oracle(rows, end=end, width=7 if resolution == "week" else 1, **rules)
    options = {**ROLES, "unit": "day", "resolution": resolution, "end": end, **rules}
    frame = pl.DataFrame(rows, schema=TYPES, orient="row")
    if len(expected) < 2:
        with pytest.raises(FitError, match="at least two customers"):
            summarise(frame, **options)
        return
    summary = summarise(frame, **options)
    assert {who: rest[:3] for who, *rest in summary.customers.rows()} == {
        who: list(rest[:3]) for who, rest in expected.items()
    }
    for who, *_, value, first in summary.customers.rows():
        assert value == (None if expected[who][3] is None else pytest.approx(expected[who][3], rel=1e-12))
        assert first == pytest.approx(expected[who][4], rel=1e-12)
    assert dict(summary.refused) == refused
    assert summary.transactions == sum(frequency + 1 for frequency, *_ in expected.values())
    assert (summary.customers["recency"] <= summary.customers["T"]).all()
    shuffle.shuffle(rows)
    again = summarise(pl.DataFrame(rows, schema=TYPES, orient="row"), **options)
    assert_frame_equal(again.customers, summary.customers, check_exact=True)
    assert again.refused == summary.refused


def cdnow(name: str) -> Path:
    return Path(LIFETIMES.submodule_search_locations[0]) / "datasets" / name


def cdnow_log() -> pl.DataFrame:
    parts = [line.split() for line in cdnow("CDNOW_sample.txt").read_text().splitlines()]
    rows = [(int(one), dt.datetime.strptime(day, "%Y%m%d").date(), float(paid)) for _, one, day, _, paid in parts]
    return log(*rows)


@pytest.mark.skipif(LIFETIMES is None, reason="the package lifetimes, whose data files are read, is not installed")
def test_cdnow_gives_the_published_table():
    summary = summarise(cdnow_log(), customer="who", date="day", end=dt.date(1997, 9, 30))
    known = pl.read_csv(cdnow("cdnow_customers_summary.csv"))
    ours = summary.customers
    assert ours.height == 2357
    assert (ours["frequency"] > 0).sum() == 946
    assert ours["who"].to_list() == known["ID"].to_list()
    assert ours["frequency"].to_list() == known["frequency"].to_list()
    for name in ("recency", "T"):
        assert (ours[name] - known[name]).abs().max() <= 0.005 + 1e-9


@pytest.mark.skipif(LIFETIMES is None, reason="the package lifetimes, whose data files are read, is not installed")
def test_cdnow_gives_the_published_monetary_values_with_its_free_orders():
    rows, end = cdnow_log(), dt.date(1997, 9, 30)
    known = pl.read_csv(cdnow("cdnow_customers_summary_with_transactions.csv")).rename({"ID": "who"})
    both = summarise(rows, **ROLES, end=end).customers.join(known, on="who")
    assert both.height == 2357
    assert both["frequency"].to_list() == both["x"].to_list()
    assert (both["monetary_value"].fill_null(0) - both["zbar"]).abs().max() <= 0.005 + 1e-9
    without = summarise(rows, **ROLES, end=end, zeros="drop")
    assert without.customers.height == 2357 - 8
    assert without.refused["amount is zero"] == rows.filter((pl.col("paid") == 0) & (pl.col("day") <= end)).height


@pytest.mark.reference
@pytest.mark.skipif(not RETAIL.is_file(), reason="the reference data are not on this machine")
def test_returns_of_a_retailer_are_dropped_or_netted_as_plain_python_does():
    invoices = pl.read_parquet(RETAIL)
    columns = invoices.select("customer_id", pl.col("invoice_date").dt.date(), pl.col("amount").round(2))
    assert columns["customer_id"].n_unique() == 4372
    for refunds in ("drop", "net"):
        options = {"unit": "day", "refunds": refunds}
        summary = summarise(columns, customer="customer_id", date="invoice_date", amount="amount", **options)
        expected, refused = oracle(columns.rows(), end=None, width=1, merge=True, refunds=refunds)
        assert {who: tuple(rest[:3]) for who, *rest in summary.customers.rows()} == {
            who: rest[:3] for who, rest in expected.items()
        }
        for who, *_, value, first in summary.customers.rows():
            assert value == (None if expected[who][3] is None else pytest.approx(expected[who][3], rel=1e-12))
            assert first == pytest.approx(expected[who][4], rel=1e-12)
        assert dict(summary.refused) == refused
        assert summary.transactions < 22_190
