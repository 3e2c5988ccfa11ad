from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tabkit.encoding import TableEncoder, Target
from tabkit.encoding.table.folds import divide
from tabkit.errors import ConfigError, FitError
from tabkit.splits import kfold
from tabkit.target import TargetColumn

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBER = TargetColumn("y", "regression")
T = TableEncoder(folds=3, default="drop", columns={"t": Target(smoothing=0)})


def _divide(n, *, y=None, is_class=False, given=None, folds=3, **other):
    y = [np.zeros(n) if y is None else np.array(y, dtype=np.float64)]
    columns = pl.DataFrame({role: values for role, values in other.items() if values is not None})
    return divide(n, folds=folds, seed=0, y=y, is_class=is_class, other=columns, given=given)


def test_folds_are_by_chance_and_even_within_each_class():
    y = [0] * 27 + [1] * 3
    found = _divide(30, y=y, is_class=True)
    np.testing.assert_array_equal(found.fold, kfold(30, folds=3, seed=0, stratify=y))
    assert sorted(found.fold[-3:]) == [0, 1, 2]
    assert (found.count, found.past, found.time) == (3, False, None)
    np.testing.assert_array_equal(_divide(30, y=y).fold, kfold(30, folds=3, seed=0))


GROUPS = {
    "text": pl.Series([f"household {i % 7}" for i in range(40)]),
    "categories": pl.Series([f"household {i % 7}" for i in range(40)]).cast(pl.Categorical),
    "enum": pl.Series(["b", "a", "c"] * 14)[:40].cast(pl.Enum(["c", "b", "a"])),
    "numbers": pl.Series([i % 5 for i in range(40)]),
    "fractions": pl.Series([i % 5 / 4 for i in range(40)]),
    "dates": pl.Series([dt.date(2024, 1, 1 + i % 9) for i in range(40)]),
    "distinct": pl.Series([f"{i}" for i in range(40)]),
}


@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
def test_a_group_of_any_type_is_never_split(groups):
    found = _divide(40, groups=groups)
    folds = pl.DataFrame({"g": groups, "fold": found.fold}).group_by("g").agg(pl.col("fold").n_unique())
    assert folds["fold"].to_list() == [1] * groups.n_unique()
    assert set(found.fold) == {0, 1, 2}


@pytest.mark.parametrize(
    "time",
    [
        [3, 1, 2],
        [3.5, 1.0, 2.0],
        [dt.date(2024, 1, d) for d in (3, 1, 2)],
        [dt.datetime(2024, 1, 1, h) for h in (3, 1, 2)],
        [dt.time(h) for h in (3, 1, 2)],
        [dt.timedelta(h) for h in (3, 1, 2)],
    ],
)
def test_times_of_any_type_make_blocks_in_order(time):
    found = _divide(30, time=pl.Series(time * 10))
    assert found.past
    np.testing.assert_array_equal(found.fold, [2, 0, 1] * 10)
    np.testing.assert_array_equal(found.time, found.fold)


def test_without_a_target_there_is_nothing_to_divide():
    found = divide(4, folds=3, seed=0, y=[], is_class=False, other=pl.DataFrame(), given=None)
    assert (found.fold.tolist(), found.count, found.past) == ([0] * 4, 1, False)


def test_given_folds_are_renumbered_without_gaps_and_need_no_past():
    found = _divide(6, given=np.array([900, 4, 70, 4, 70, 900]))
    np.testing.assert_array_equal(found.fold, [2, 0, 1, 0, 1, 2])
    assert (found.count, found.past) == (3, False)


@pytest.mark.parametrize("role", ["time", "groups"])
def test_given_folds_beside_a_time_or_groups_are_refused(role):
    with pytest.raises(ConfigError, match=rf"folds.*given.*{role}"):
        _divide(6, given=np.arange(6) % 2, **{role: pl.Series(range(6))})


@pytest.mark.parametrize(
    "given",
    [
        np.zeros(5, dtype=int),
        np.arange(6) - 1,
        np.arange(6) / 2,
        np.zeros(6, dtype=int),
        np.array(["a"] * 6),
        [0.5] * 6,
    ],
    ids=["too few", "negative", "fractions", "one fold", "text", "a list of fractions"],
)
def test_given_folds_that_do_not_suit_are_refused(given):
    with pytest.raises(ConfigError, match="folds"):
        _divide(6, given=given)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"groups": pl.Series(["a", None, "b", "c"])}, r"group.*null.*1.*4 rows"),
        ({"groups": pl.Series([1.0, float("nan"), None, 2.0])}, r"group.*null.*2.*4 rows"),
        ({"time": pl.Series([1, None, None, 2])}, r"time.*null.*2.*4 rows"),
        ({"time": pl.Series([1.0, float("nan"), 3.0, 2.0])}, r"time.*null.*1.*4 rows"),
        ({"time": pl.Series(["2024", "2025", "2026", "2027"])}, "the time is String"),
        ({"time": pl.Series([5, 5, 5, 5])}, "at least two times"),
    ],
)
def test_groups_and_times_that_are_missing_or_unfit_are_refused(other, said):
    with pytest.raises(FitError, match=said):
        _divide(4, folds=2, **other)


def test_fewer_groups_than_folds_are_refused():
    with pytest.raises(ConfigError, match="2 groups"):
        _divide(4, groups=pl.Series(["a", "a", "b", "b"]))


# What they do in a table


@patient
@given(seed=st.integers(0, 999), groups=st.integers(3, 9))
def test_no_row_is_encoded_by_its_own_household(seed, groups):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {"t": ["a"] * 60 + [None], "home": [f"h{g}" for g in [*range(groups), *rng.integers(0, groups, 61 - groups)]]}
    )
    y = rng.normal(size=61)
    fit = [
        T.fit_transform(frame.with_columns(y=pl.Series(v)), target=NUMBER, groups="home").features
        for v in (y, y + 100 * (frame["home"] == "h0").to_numpy())
    ]
    own = frame["home"] == "h0"
    assert_frame_equal(fit[0].filter(own), fit[1].filter(own))
    assert not fit[0].filter(~own).equals(fit[1].filter(~own))


@patient
@given(seed=st.integers(0, 999), cut=st.integers(1, 20))
def test_no_row_is_encoded_by_its_present_or_future(seed, cut):
    rng = np.random.default_rng(seed)
    time = rng.integers(0, 21, 80)
    frame = pl.DataFrame({"t": rng.integers(0, 3, 80).astype(str), "at": time})
    y = rng.normal(size=80)
    fit = [
        T.fit_transform(frame.with_columns(y=pl.Series(v)), target=NUMBER, time="at").features
        for v in (y, np.where(time >= cut, y + 100, y))
    ]
    before = pl.Series(time <= cut)
    assert_frame_equal(fit[0].filter(before), fit[1].filter(before))


def test_the_first_block_has_no_past_and_later_ones_have_all_of_it():
    frame = pl.DataFrame({"t": ["a", "b"] * 6, "at": range(12), "y": np.arange(12.0)})
    features = T.fit_transform(frame, target=NUMBER, time="at").features
    expected = [None] * 4 + [1, 2] * 2 + [3, 4] * 2
    assert features["t by target"].to_list() == expected


def test_groups_and_time_are_features_only_on_request():
    frame = pl.DataFrame({"t": ["a", "b"] * 10, "g": ["x", "y", "z", "w"] * 5, "at": range(20), "y": [0, 1] * 10})
    plain = TableEncoder(folds=2)
    assert plain.fit(frame, target="y", groups="g").outputs == ("t=a", "t=b", "at")
    assert plain.fit(frame, target="y", time="at").outputs[:2] == ("t=a", "t=b")
    asked = TableEncoder(folds=2, columns={"g": Target()}).fit(frame, target="y", groups="g")
    assert "g by target" in asked.outputs
