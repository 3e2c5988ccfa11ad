from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.encoding import LeaveOneOut, TableEncoder
from tabkit.target import TargetColumn

N = 80
TARGETS = {
    "binary": TargetColumn("y", "binary", ("0", "1")),
    "multiclass": TargetColumn("y", "multiclass", ("0", "1", "2")),
    "regression": TargetColumn("y", "regression"),
}


def _table(task="regression", seed=0):
    rng = np.random.default_rng(seed)
    y = rng.gamma(2, 50, N) if task == "regression" else rng.integers(0, 2 if task == "binary" else 3, N)
    levels = ["alone", *rng.choice([*"abc", None], N - 3).tolist(), "pair", "pair"]
    return pl.DataFrame({"t": levels, "y": y, "w": rng.choice([0.0, 0.5, 1.0, 2.0], N), "arm": rng.choice([*"AB"], N)})


def _encode(frame, *, smoothing=0.0, target="y", **options):
    encoder = TableEncoder(default="drop", columns={"t": LeaveOneOut(smoothing=smoothing)})
    return encoder.fit_transform(frame, target=target, **options)


def _mean(y, w, same, smoothing):
    """The smoothed mean of the rows of a level among all rows, straight from the formulas."""
    p = np.average(y, weights=w)
    n = w[same].sum()
    if n == 0:
        return p
    m = np.average(y[same], weights=w[same])
    if smoothing != "auto":
        return (n * m + smoothing * p) / (n + smoothing)
    v, within = np.average((y - p) ** 2, weights=w), np.average((y[same] - m) ** 2, weights=w[same])
    share = v * n / (v * n + within) if v * n + within > 0 else 0.0
    return share * m + (1 - share) * p


def _brute(levels, y, w, smoothing):
    """Each row encoded by a table from which it was removed."""
    levels, found = np.array(levels, dtype=object), []
    for i in range(len(y)):
        kept = np.arange(len(y)) != i
        found.append(_mean(y[kept], w[kept], (levels == levels[i])[kept], smoothing))
    return np.array(found)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 10, "auto"])
@pytest.mark.parametrize("task", TARGETS)
def test_each_row_is_encoded_as_if_it_were_not_there(task, smoothing, weighted):
    frame = _table(task)
    options = {"weight": "w"} if weighted else {}
    features = _encode(frame, smoothing=smoothing, target=TARGETS[task], **options).features
    w = frame["w"].to_numpy() if weighted else np.ones(N)
    columns = [(frame["y"] == k).cast(pl.Float64) for k in range(3)] if task == "multiclass" else [frame["y"]]
    assert features.width == len(columns)
    for found, y in zip(features, columns, strict=True):
        expected = _brute(frame["t"].to_list(), y.to_numpy().astype(float), w, smoothing)
        np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-9)


def test_with_arms_each_row_counts_for_its_own_arm_and_is_left_out_there():
    frame = _table()
    features = _encode(frame, smoothing=3, arms="arm").features
    assert features.columns == ["t by others' y | A", "t by others' y | B"]
    for arm in "AB":
        w = (frame["arm"] == arm).to_numpy().astype(float)
        expected = _brute(frame["t"].to_list(), frame["y"].to_numpy(), w, 3)
        np.testing.assert_allclose(features[f"t by others' y | {arm}"].to_numpy(), expected)


def test_far_from_zero_no_digits_are_lost():
    frame = _table().with_columns(pl.col("y") + 1e9)
    features = _encode(frame, smoothing="auto").features.to_series().to_numpy()
    expected = _brute(frame["t"].to_list(), frame["y"].to_numpy() - 1e9, np.ones(N), "auto")
    np.testing.assert_allclose(features - 1e9, expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_it_equals_category_encoders_but_for_levels_of_one_row():
    peer = pytest.importorskip("category_encoders").LeaveOneOutEncoder
    pd = pytest.importorskip("pandas")
    frame = _table()
    ours = _encode(frame)
    theirs = peer(cols=["t"]).fit(pd.DataFrame({"t": frame["t"].to_list()}), frame["y"].to_pandas())
    X = pd.DataFrame({"t": frame["t"].to_list()})
    expected = theirs.transform(X, frame["y"].to_pandas())["t"].to_numpy()
    found, y = ours.features.to_series().to_numpy(), frame["y"].to_numpy()
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-12)
    # the mean of all rows, which they give, holds the row's own target
    assert expected[0] == pytest.approx(y.mean())
    assert found[0] == pytest.approx(y[1:].mean())

    new = ["a", "b", "pair", None, "never", "alone"]
    found = ours.encoder.transform(pl.DataFrame({"t": new})).to_series().to_numpy()
    expected = theirs.transform(pd.DataFrame({"t": new}))["t"].to_numpy()
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=1e-12)
    # without smoothing a level of one row is believed by us, not by them
    assert (found[-1], expected[-1]) == (y[0], pytest.approx(y.mean()))


def test_a_row_that_has_all_the_weight_has_no_others():
    frame = pl.DataFrame({"t": [*"aabb"], "y": [1.0, 2.0, 3.0, 5.0], "w": [0.0, 0.0, 0.0, 2.0]})
    features = _encode(frame, weight="w", folds=np.array([0, 1, 0, 1])).features.to_series()
    assert features.to_list() == [5.0, 5.0, 5.0, None]


def test_an_arm_whose_rows_have_no_weight_has_no_values():
    frame = _table().with_columns(w=(pl.col("arm") == "A").cast(pl.Float64))
    encoder, features = _encode(frame, arms="arm", weight="w")
    assert features["t by others' y | B"].is_null().all()
    assert features["t by others' y | A"].is_not_null().all()
    assert encoder.transform(frame)["t by others' y | B"].is_null().all()


def test_the_folds_have_no_part_in_it():
    first, second = (_encode(_table(), folds=np.arange(N) % k).features.to_series() for k in (2, 7))
    np.testing.assert_allclose(first.to_numpy(), second.to_numpy(), rtol=1e-12)
