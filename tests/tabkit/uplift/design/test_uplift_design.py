"""Designs: what is refused and how it is said, sizes of arms, and features that are the outcome by another name."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import comb, log

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.uplift.design.design import Arms, arms_of, sample_ratio, shares_of, stratum_shares
from tabkit.uplift.design.leaks import _log_chance, refuse_leaks

ARMS = Arms("mail", ("none", "a", "b"))
# A shared machine stalls at times; that is no failure.
patient = settings(deadline=None, max_examples=40)


# --- arms


@pytest.mark.parametrize(
    ("values", "control", "labels"),
    [
        (["b", "none", "a"], "none", ("none", "a", "b")),
        ([True, False], "false", ("false", "true")),
        ([3, 0, 1], "1", ("1", "0", "3")),
        (pl.Series(["y", "x"], dtype=pl.Categorical), "y", ("y", "x")),
        (pl.Series(["y", "x"], dtype=pl.Enum(["y", "x"])), "x", ("x", "y")),
    ],
)
def test_arms_are_texts_control_first(values, control, labels):
    frame = pl.DataFrame({"mail": pl.concat([pl.Series(values)] * 50)})
    arms = arms_of(frame, "mail", control)
    assert arms == Arms("mail", labels)
    assert arms.treated == labels[1:]
    texts = frame["mail"].cast(pl.String).to_list()
    assert [labels[code] for code in arms.codes(frame)] == texts


@pytest.mark.parametrize(
    ("values", "control"),
    [
        ([0.0, 1.0, 2.0], "0"),
        ([0.0, 1.0, 2.0], "0.0"),
        ([0, 1, 2], "0.0"),
        ([-0.0, 1.0, 2.0], "0"),
        (pl.Series([0.0, 1.0, 2.0], dtype=pl.Float32), "0"),
        (pl.Series(["0.00", "1.00", "2.00"]).cast(pl.Decimal(10, 2)), "0"),
    ],
)
def test_whole_numbers_are_arms_however_they_are_typed(values, control):
    frame = pl.DataFrame({"mail": pl.concat([pl.Series(values)] * 50)})
    arms = arms_of(frame, "mail", control)
    assert arms.labels == ("0", "1", "2")
    for later in ([2.0, 0.0, 1.0], [2, 0, 1], ["2.0", "0", "1"]):
        assert arms.codes(pl.DataFrame({"mail": later})).tolist() == [2, 0, 1]
    with pytest.raises(FitError, match=r"'0\.5' in 1 rows"):
        arms.codes(pl.DataFrame({"mail": [0.5, 1.0]}))
    planned = shares_of(arms, arms.codes(frame), {"0.0": 0.5, "1.0": 0.3, "2": 0.2})
    assert planned.tolist() == pytest.approx([0.5, 0.3, 0.2])


def test_a_control_of_a_text_may_be_written_as_another_number():
    frame = pl.DataFrame({"mail": ["0.0", "1.0"] * 50})
    assert arms_of(frame, "mail", "0").labels == ("0.0", "1.0")
    two = pl.DataFrame({"mail": ["0", "0.0", "1"] * 50})  # here they are two
    assert arms_of(two, "mail", "0.0").labels == ("0.0", "0", "1")


@pytest.mark.parametrize("name", ["count", "arm", "len", "literal"])
def test_a_treatment_may_have_any_name(name):
    frame = pl.DataFrame({name: ["x", "y"] * 50})
    assert arms_of(frame, name, "x").codes(frame).tolist() == [0, 1] * 50


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ([None, "a", "none"] * 60, FitError, r"(?s)'mail'.*60.*180.*find.*arm"),
        (["a", "b"] * 60, ConfigError, r"(?s)row.*'none'.*'mail'.*--control"),
        (["none"] * 60, FitError, r"(?s)'mail'.*'none'.*60.*compare"),
        (["none"] * 60 + ["a"] * 49, FitError, r"(?s)fewer.*50.*'a' \(49\).*merge"),
        (["none", "a", "b"] * 49, FitError, r"'a' \(49\), 'b' \(49\), 'none' \(49\)"),
        ([0.5, 1.0] * 60, SchemaError, r"(?s)'mail'.*Float64.*dose"),
        ([float("nan"), 0.0, 1.0] * 60, FitError, r"'mail'.*null.*60.*180 rows"),
        ([0.0, 1.0] * 60, ConfigError, r"(?s)row.*'none'.*'mail'.*'0', '1'"),
        ([date(2024, 1, 1), date(2024, 1, 2)] * 60, SchemaError, r"'mail'.*Date: labels"),
        ([["a"], ["b"]] * 60, SchemaError, "labels of arms were expected"),
        (pl.Series([], dtype=pl.String), ConfigError, "no row has 'none'"),
    ],
)
def test_treatments_that_are_none_are_refused(values, error, words):
    with pytest.raises(error, match=words):
        arms_of(pl.DataFrame({"mail": values}), "mail", "none")


def test_a_missing_treatment_names_the_columns():
    with pytest.raises(SchemaError, match=r"(?s)treatment column 'male'.*\['mail'\]"):
        arms_of(pl.DataFrame({"mail": ["a"]}), "male", "a")


def test_fewest_rows_can_be_set():
    assert arms_of(pl.DataFrame({"mail": ["a", "b"]}), "mail", "b", fewest=1).labels == ("b", "a")


@pytest.mark.parametrize(
    ("values", "words"), [(["a", "z", "y", "z"], "'y', 'z' in 3 rows"), (["a", None], "None in 1")]
)
def test_unknown_arms_are_refused(values, words):
    with pytest.raises(FitError, match=rf"treatment 'mail' is {words} rows|{words}"):
        ARMS.codes(pl.DataFrame({"mail": values}))


# --- shares


def test_shares_are_as_planned_or_as_counted():
    codes = np.repeat([0, 1, 2], [50, 30, 20])
    np.testing.assert_allclose(shares_of(ARMS, codes), [0.5, 0.3, 0.2])
    np.testing.assert_allclose(shares_of(ARMS, codes, {"b": 0.5, "none": 0.2, "a": 0.3}), [0.2, 0.3, 0.5])


def test_thirds_may_be_written_with_seven_digits():
    codes = np.arange(900) % 3
    shares = shares_of(ARMS, codes, dict.fromkeys(ARMS.labels, 0.3333333))
    assert shares.sum() == pytest.approx(1, abs=1e-15)
    assert sample_ratio(codes, shares, planned=True).p == pytest.approx(1)


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        ({"none": 0.5, "a": 0.5}, r"(?s)given.*'none', 'a'.*arms.*'none'"),
        ({"none": 0.5, "a": 0.3, "c": 0.2}, "given for 'none', 'a', 'c'"),
        ({"none": 0.5, "a": 0.3, "b": 0.3}, r"0.5, 0.3, 0.3.*lie between 0.*1.*sum.*1"),
        ({"none": 1.2, "a": -0.4, "b": 0.2}, "shares are 1.2, -0.4, 0.2"),
        ({"none": 1.0, "a": 0.0, "b": 0.0}, r"(?s)shares.*1, 0, 0.*share 0.*1.*experiment"),
        ({"none": 50, "a": 25, "b": 25}, "shares are 50, 25, 25"),
        ({"none": float("nan"), "a": 0.5, "b": 0.5}, "shares are nan"),
    ],
)
def test_shares_that_are_none_are_refused(planned, words):
    with pytest.raises(ConfigError, match=words):
        shares_of(ARMS, np.arange(9) % 3, planned)


def test_stratum_shares_are_those_counted_within():
    strata = pl.Series("year", [2020] * 4 + [2021] * 3 + [None] * 3)
    codes = np.array([0, 0, 0, 1, 0, 1, 1, 0, 1, 1])
    found = stratum_shares(strata, codes, Arms("mail", ("none", "a")))
    np.testing.assert_allclose(found[:, 1], [1 / 4] * 4 + [2 / 3] * 6)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_stratum_without_an_arm_is_refused():
    with pytest.raises(FitError, match=r"(?s)1 strata.*'year' lack.*2021"):
        stratum_shares(pl.Series("year", [2020, 2020, 2021]), np.array([0, 1, 1]), Arms("mail", ("none", "a")))


def test_shares_by_stratum_undo_what_differs_between_strata():
    """Simpson's paradox: the busier region was contacted more."""
    rng = np.random.default_rng(0)
    region = rng.integers(0, 2, 20_000)
    arm = (rng.random(20_000) < np.where(region, 0.8, 0.2)).astype(np.int64)
    y = 5.0 * region + rng.normal(size=20_000)
    share = stratum_shares(pl.Series("region", region), arm, Arms("mail", ("none", "a")))[:, 1]
    assert y[arm == 1].mean() - y[arm == 0].mean() > 2.5
    assert abs((y * (arm / share - (1 - arm) / (1 - share))).mean()) < 0.1


# --- sample ratio


@pytest.mark.parametrize(
    ("treated", "mismatch"), [(5300, True), (4700, True), (5050, False), (4950, False), (5000, False)]
)
def test_sample_ratio(treated, mismatch):
    codes = np.repeat([0, 1], [10_000 - treated, treated])
    found = sample_ratio(codes, np.array([0.5, 0.5]), planned=True)
    assert found.mismatch is mismatch
    assert found.rows == (10_000 - treated, treated)
    assert found.p == pytest.approx(stats.chisquare([10_000 - treated, treated]).pvalue)


def test_without_a_plan_there_is_nothing_to_check():
    codes = np.repeat([0, 1], [9000, 1000])
    found = sample_ratio(codes, shares_of(Arms("m", ("x", "y")), codes), planned=False)
    assert (found.rows, found.expected, found.p, found.mismatch) == ((9000, 1000), None, None, False)


def test_whole_clusters_are_counted_once():
    """30 shops of 100 rows against 20: no surprise, but 3,000 rows against 2,000 would be one."""
    clusters = np.repeat(np.arange(50), 100)
    codes = (clusters >= 30).astype(np.int64)
    even = np.array([0.5, 0.5])
    order = np.random.default_rng(0).permutation(5000)
    found = sample_ratio(codes[order], even, planned=True, clusters=clusters[order])
    assert (found.rows, found.mismatch) == ((30, 20), False)
    assert sample_ratio(codes, even, planned=True).mismatch
    codes[0] = 1  # arms within a cluster: rows were drawn
    found = sample_ratio(codes, even, planned=True, clusters=clusters)
    assert (found.rows, found.mismatch) == ((2999, 2001), True)


def test_sample_ratio_is_silent_where_chance_alone_is_at_work():
    rng = np.random.default_rng(0)
    alarms = sum(
        sample_ratio(
            np.repeat([0, 1, 2], rng.multinomial(3000, [0.6, 0.3, 0.1])), np.array([0.6, 0.3, 0.1]), planned=True
        ).mismatch
        for _ in range(2000)
    )
    assert alarms <= 7  # two expected


# --- leaks


def customers(rows=400, *, rate=0.3, seed=0, **more):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "mail": rng.choice(["none", "a", "b"], rows),
            "sold": (rng.random(rows) < rate).astype(np.int64),
            "spend": rng.lognormal(3, 1, rows),
            "id": [f"c{i:06d}" for i in range(rows)],
            "number": rng.permutation(rows),
            "age": rng.integers(18, 80, rows),
            "city": rng.integers(0, rows // 3, rows).astype(str),
            "income": rng.normal(size=rows),
            "same": ["x"] * rows,
            "empty": pl.Series([None] * rows),
            "tags": [["a"], ["b"]] * (rows // 2),
            "rare": rng.random(rows) < 3 / rows,
        }
    )
    return frame.with_columns(**more)


INNOCENT = ["id", "number", "age", "city", "income", "same", "empty", "tags", "rare"]


def check(frame, features, outcome="sold", **options):
    refuse_leaks(frame, features, treatment="mail", outcome=outcome, **options)


@pytest.mark.parametrize("outcome", ["sold", "spend"])
def test_innocent_features_pass(outcome):
    check(customers(), INNOCENT, outcome)
    check(customers(), [], outcome)


SOLD = pl.col("sold")
MAYBE = pl.int_range(pl.len()) % 3 == 0
COPIES = {
    "copy": SOLD,
    "truth": SOLD.cast(pl.Boolean),
    "text": SOLD.cast(pl.String),
    "float": SOLD.cast(pl.Float32),
    "turned": 1 - SOLD,
    "recoded": SOLD.replace_strict([0, 1], ["left", "stayed"]),
    "category": SOLD.replace_strict([0, 1], ["left", "stayed"]).cast(pl.Categorical),
    "finer": SOLD * 10 + pl.int_range(pl.len()) % 7,
    "with nulls": pl.when(MAYBE).then(None).otherwise(SOLD),
    "null where nothing came of it": pl.when(SOLD == 1).then(pl.int_range(pl.len())),
    "a date where something did": pl.when(SOLD == 1).then(pl.lit(date(2024, 1, 1)) + pl.duration(days=pl.col("age"))),
}


@pytest.mark.parametrize("copy", COPIES)
def test_copies_of_the_outcome_are_refused_by_name(copy):
    frame = customers().with_columns(COPIES[copy].alias("leak"))
    expected = (
        r"^'leak' tells the outcome 'sold' without fail: it is known only afterwards, or it is the same by another name"
        r"\nTo do: leave out what was not known before contact: --exclude 'leak'$"
    )
    with pytest.raises(FitError, match=expected):
        check(frame, ["id", "leak", "age"])


def test_all_leaks_are_named_at_once():
    frame = customers(won=SOLD, lost=1 - SOLD)
    with pytest.raises(FitError, match=r"(?s)'won', 'lost' tell.*outcome.*--exclude"):
        check(frame, [*INNOCENT, "won", "lost"])


@pytest.mark.parametrize(
    "leak",
    [
        pl.col("mail").replace_strict(["none", "a", "b"], [0, 1, 2]),
        pl.col("mail") + "!",
        pl.when(pl.col("mail") != "none").then(pl.col("mail") + (pl.int_range(pl.len()) % 5).cast(pl.String)),
    ],
)
def test_copies_of_the_treatment_are_refused(leak):
    with pytest.raises(FitError, match=r"(?s)'leak'.*'mail'.*fail.*--exclude 'leak'"):
        check(customers().with_columns(leak.alias("leak")), ["age", "leak"])


@pytest.mark.parametrize(
    "leak",
    [
        pl.col("spend"),
        -pl.col("spend") * 100,
        pl.col("spend").log(),
        pl.col("spend").cast(pl.String),
        pl.when(MAYBE).then(None).otherwise(pl.col("spend")),
        pl.col("spend").rank("ordinal"),
    ],
)
def test_copies_of_a_continuous_outcome_are_refused(leak):
    with pytest.raises(FitError, match=r"'leak'.*'spend'.*fail"):
        check(customers().with_columns(leak.alias("leak")), ["leak", *INNOCENT], "spend")


@pytest.mark.parametrize("leak", [pl.col("paid"), pl.col("paid") * 1.2, (pl.col("paid") > 0).cast(pl.String) + "x"])
def test_an_outcome_of_many_zeros(leak):
    """What tells zero from more is not the outcome itself; a copy is."""
    frame = customers(paid=pl.col("spend") * SOLD).with_columns(leak.alias("leak"))
    if frame["leak"].n_unique() == 2:
        return check(frame, ["leak", *INNOCENT], "paid")
    with pytest.raises(FitError, match="'leak' tells the outcome 'paid'"):
        check(frame, ["leak", *INNOCENT], "paid")
    return None


def test_good_features_are_no_leaks():
    """A feature that is nearly the outcome is a good one, for all that can be known."""
    noisy = pl.when(pl.int_range(pl.len()) == 0).then(1 - SOLD).otherwise(SOLD)
    check(customers(noisy=noisy), ["noisy", "age"])
    check(customers(rounded=(pl.col("spend") / 10).round()), ["rounded"], "spend")


@pytest.mark.parametrize(
    ("rate", "tables"), [(0.01, 20), *(pytest.param(rate, 100, marks=pytest.mark.slow) for rate in (0.01, 0.1, 0.5))]
)
def test_innocent_tables_of_few_rows_and_many_columns_are_hardly_ever_refused(rate, tables):
    """Among many columns some divide few buyers as if they knew them: 51 of 300 such tables once were refused."""
    rng, refused = np.random.default_rng(0), 0
    for _ in range(tables):
        n = int(rng.integers(100, 400))
        columns = {f"e{i}": np.floor(rng.exponential(n / rng.integers(1, 20), n)) for i in range(8)}
        columns |= {f"u{i}": rng.integers(0, rng.integers(2, n), n) for i in range(8)}
        columns |= {f"r{i}": rng.random(n) < rng.random() * 0.1 for i in range(8)}
        columns |= {f"z{i}": np.where(rng.random(n) < 0.9, 0, rng.normal(size=n)) for i in range(8)}
        columns |= {f"m{i}": np.where(rng.random(n) < 0.95, np.nan, rng.normal(size=n)) for i in range(8)}
        sold = rng.random(n) < rate
        sold[:2] = [True, False]
        frame = pl.DataFrame(columns, nan_to_null=True).with_columns(
            mail=pl.Series(rng.choice(["none", "a"], n)),
            sold=pl.Series(sold),
            spend=pl.Series(np.where(sold, rng.lognormal(size=n), 0)),
            real=pl.Series(rng.normal(size=n)),
        )
        for outcome in ("sold", "spend", "real"):
            try:
                check(frame, list(columns), outcome)
            except FitError:
                refused += 1
    assert refused <= 2  # of 60 or 300, each at a level of .001 for the outcome and for the arm


def test_chance_is_bounded_closely():
    for n, positives in ((1000, 5), (1000, 400), (60, 30)):
        exact = -log(comb(n, positives)) + log(2) * (2 * positives == n)
        assert exact <= _log_chance(np.array([n - positives, positives]), np.array([n - positives, positives]))
        assert _log_chance(np.array([n - positives, positives]), np.array([n - positives, positives])) < exact + 1.5


@patient
@given(
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=5),
    share=st.floats(0.1, 0.9),
)
def test_chance_is_never_put_too_low(sizes, share):
    """Against all ways to choose whole levels."""
    n = sum(sizes)
    marked = min(max(int(share * n), 1), n - 1)
    ways = sum(
        sum(size for i, size in enumerate(sizes) if which >> i & 1) == marked for which in range(2 ** len(sizes))
    )
    bound = _log_chance(np.array(sizes), np.array([marked, n - marked]))
    assert ways == 0 or log(ways / comb(n, marked)) <= bound + 1e-9


# --- leaks: clusters, and what lies after


def shops(shop=40, rows=20):
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(shop), rows)
    mail = np.where(rng.permutation(shop) < shop // 2, "none", "a")
    return pl.DataFrame(
        {
            "shop": number,
            "mail": mail[number],
            "city": (number // 2 * 2 + (mail[number] == "a")).astype(str),
            "size": rng.normal(size=shop)[number],
            "sold": rng.random(shop * rows) < 0.3,
            "leak": mail[number] == "a",
        }
    )


def test_what_describes_a_cluster_is_no_leak_where_whole_clusters_were_drawn():
    frame = shops()
    with pytest.raises(FitError, match="'size' tells the treatment"):
        check(frame, ["size"])
    check(frame, ["size"], group="shop")
    with pytest.raises(FitError, match="'leak' tells the treatment 'mail'"):
        check(frame, ["size", "leak"], group="shop")
    within = frame.with_columns(mail=pl.when(MAYBE).then(pl.lit("none")).otherwise("mail"))
    with pytest.raises(FitError, match="'copy' tells the treatment"):
        check(within.with_columns(copy=pl.col("mail")), ["copy"], group="shop")


def dated(time=datetime(2024, 3, 1, 12), zone=None):
    rows = 100
    frame = customers(rows).with_columns(
        seen=pl.lit(time).cast(pl.Datetime("us", zone)),
        joined=pl.lit(date(2023, 1, 1)) + pl.duration(days=pl.int_range(rows)),
        same_day=pl.lit(datetime(2024, 3, 1, 23)),
        answered=pl.lit(datetime(2024, 3, 1, 9)) + pl.duration(hours=10 * pl.int_range(rows)),
    )
    return frame.with_columns(answered=pl.when(pl.int_range(rows) % 2 == 0).then("answered"))


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_dates_after_contact_are_refused(zone):
    frame = dated(zone=zone)
    check(frame, ["age", "joined", "same_day"], time="seen")
    late = sum(
        1 for hours in range(0, 1000, 20) if datetime(2024, 3, 1, 9) + timedelta(hours=hours) >= datetime(2024, 3, 2)
    )
    words = rf"after the time of contact: 'answered' in {late} rows\nTo do: leave them out: --exclude 'answered'$"
    with pytest.raises(FitError, match=words):
        check(frame, ["joined", "answered"], time="seen")


def test_a_time_without_dates_beside_it():
    check(dated(), ["age"], time="seen")
    check(customers(), ["age"], time="number")
