from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.encoding import LeaveOneOut, OrderedTarget, TableEncoder
from tabkit.encoding.encoders.ordered import RowOrder
from tabkit.errors import ConfigError
from tabkit.target import TargetColumn

quick = settings(deadline=None, max_examples=50, derandomize=True)
N = 80
TARGETS = {
    "binary": TargetColumn("y", "binary", ("0", "1")),
    "multiclass": TargetColumn("y", "multiclass", ("0", "1", "2")),
    "regression": TargetColumn("y", "regression"),
}


def _table(task="regression", times=20, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.gamma(2, 50, N) if task == "regression" else rng.integers(0, 2 if task == "binary" else 3, N)
    return pl.DataFrame(
        {
            "t": rng.choice([*"abc", None], N).tolist(),
            "y": y,
            "w": rng.choice([0.0, 0.5, 1.0, 2.0], N),
            "when": rng.permutation(N) if times == N else rng.integers(0, times, N),
            "arm": rng.choice([*"AB"], N),
        }
    )


def _encode(frame, *, smoothing=1.0, seed=0, target="y", **options):
    encoder = TableEncoder(default="drop", columns={"t": OrderedTarget(smoothing=smoothing)}, seed=seed)
    return encoder.fit_transform(frame, target=target, **options)


def _brute(levels, y, w, when, a):
    """Each row by a loop over those before it."""
    found = []
    for i in range(len(y)):
        earlier = [j for j in range(len(y)) if when[j] < when[i]]
        mass = sum(w[j] for j in earlier)
        if mass == 0:
            found.append(np.nan)
            continue
        prior = sum(w[j] * y[j] for j in earlier) / mass
        same = [j for j in earlier if levels[j] == levels[i]]
        found.append((sum(w[j] * y[j] for j in same) + a * prior) / (sum(w[j] for j in same) + a))
    return np.array(found)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("times", [2, 20, N])
@pytest.mark.parametrize("task", TARGETS)
def test_each_row_is_encoded_by_the_rows_before_it(task, times, weighted):
    frame = _table(task, times)
    options = {"weight": "w"} if weighted else {}
    features = _encode(frame, smoothing=2.5, target=TARGETS[task], time="when", **options).features
    w = frame["w"].to_numpy() if weighted else np.ones(N)
    columns = [(frame["y"] == k).cast(pl.Float64) for k in range(3)] if task == "multiclass" else [frame["y"]]
    assert features.width == len(columns)
    for found, y in zip(features, columns, strict=True):
        expected = _brute(frame["t"].to_list(), y.to_list(), w, frame["when"].to_list(), 2.5)
        np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-9)


def test_with_arms_only_earlier_rows_of_the_arm_count():
    frame = _table()
    features = _encode(frame, arms="arm", time="when").features
    for arm in "AB":
        w = (frame["arm"] == arm).to_numpy().astype(float)
        expected = _brute(frame["t"].to_list(), frame["y"].to_list(), w, frame["when"].to_list(), 1.0)
        np.testing.assert_allclose(features[f"t by earlier y | {arm}"].to_numpy(), expected)


def test_rows_of_one_time_do_not_see_each_other():
    frame = pl.DataFrame({"t": ["a"] * 4, "u": ["a", "b"] * 2, "y": [1.0, 3.0, 5.0, 7.0], "when": [0, 0, 1, 1]})
    encoder = TableEncoder(default="drop", columns={("t", "u"): OrderedTarget()})
    found = encoder.fit_transform(frame, target="y", time="when").features.to_series()
    assert found.to_list() == [None, None, pytest.approx((1 + 2) / 2), pytest.approx((3 + 2) / 2)]


def test_without_a_time_the_order_is_drawn_by_the_seed():
    frame = _table()
    first, again, other = (_encode(frame, seed=seed).features.to_series() for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)
    assert first.null_count() == 1
    rank = np.random.default_rng(0).permutation(N)
    expected = _brute(frame["t"].to_list(), frame["y"].to_list(), np.ones(N), rank, 1.0)
    np.testing.assert_allclose(first.to_numpy(), expected, rtol=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_on_new_rows_it_equals_category_encoders_catboost():
    peer = pytest.importorskip("category_encoders").CatBoostEncoder
    pd = pytest.importorskip("pandas")
    frame = _table()
    new = ["a", "b", "c", None, "never"]
    theirs = peer(cols=["t"], a=2.5).fit(pd.DataFrame({"t": frame["t"].to_list()}), frame["y"].to_pandas())
    expected = theirs.transform(pd.DataFrame({"t": new}))["t"].to_numpy()
    found = _encode(frame, smoothing=2.5).encoder.transform(pl.DataFrame({"t": new})).to_series().to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_on_the_rows_of_the_fit_theirs_holds_the_rows_own_target_in_the_prior_and_ours_does_not():
    peer = pytest.importorskip("category_encoders").CatBoostEncoder
    pd = pytest.importorskip("pandas")
    frame = _table(times=N).sort("when")
    last = pl.int_range(pl.len()) == N - 1
    changed = frame.with_columns(y=pl.when(last).then(1e6).otherwise("y"))
    theirs, ours = [], []
    for table in (frame, changed):
        X = pd.DataFrame({"t": table["t"].to_list()})
        theirs.append(peer(cols=["t"]).fit_transform(X, table["y"].to_pandas())["t"].to_numpy())
        ours.append(_encode(table, time="when").features.to_series().to_numpy())
    assert theirs[0][-1] != pytest.approx(theirs[1][-1])
    np.testing.assert_array_equal(ours[0], ours[1])
    # with the running mean in the place of that of all rows they are the same
    y, codes = frame["y"].to_numpy(), frame["t"].to_list()
    n = np.array([sum(code == codes[i] for code in codes[:i]) for i in range(N)])
    running = np.array([np.nan, *(np.cumsum(y)[:-1] / np.arange(1, N))])
    np.testing.assert_allclose(ours[0], theirs[0] + (running - y.mean()) / (n + 1), rtol=1e-9)


@quick
@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(-9, 9)), min_size=1, max_size=30))
def test_sums_before_a_row_are_over_lower_ranks_of_its_group(rows):
    group, rank, value = (np.array(column) for column in zip(*rows, strict=True))
    found = RowOrder.of(rank, group).before(value.astype(float))
    expected = [sum(v for h, s, v in rows if h == g and s < r) for g, r, _ in rows]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("value", [0, 0.0, "auto", -1, None, np.inf])
def test_smoothing_is_a_number_above_zero(value):
    with pytest.raises(ConfigError, match=r"smoothing is .* was expected"):
        OrderedTarget(smoothing=value)


def test_a_large_row_does_not_drown_those_behind_it():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"t": ["big"] * 4 + [*"abcd"] * 50, "y": [1e16] * 4 + rng.normal(size=200).tolist()})
    frame = frame.with_columns(when=pl.Series(rng.permutation(204)))
    found = _encode(frame.filter(pl.col("t") != "big"), time="when", smoothing=1e-300).features.to_series()
    mixed = _encode(frame, time="when", smoothing=1e-300).features.to_series().filter(frame["t"] != "big")
    known = mixed.abs() < 100  # the first of a level gets the mean of all, the large ones among them
    assert known.sum() == 196
    np.testing.assert_allclose(mixed.filter(known).to_numpy(), found.filter(known).to_numpy(), rtol=1e-9)


def test_leave_one_out_and_ordered_have_names_of_their_own():
    encoder = TableEncoder(default="drop", columns={"t": [OrderedTarget(), LeaveOneOut()]}).fit(_table(), target="y")
    assert encoder.outputs == ("t by earlier target", "t by others' target")
