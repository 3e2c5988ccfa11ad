from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sklearn.model_selection import PredefinedSplit
from sklearn.preprocessing import TargetEncoder as Peer

from tabkit.encoding import FittedTable, Frequency, Numeric, OneHot, TableEncoder, Target
from tabkit.errors import ConfigError, FitError, SourceError
from tabkit.frames import scan
from tabkit.metrics import auc
from tabkit.target import infer

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
N = 400
TASKS = {
    "binary": lambda rng: rng.integers(0, 2, N),
    "multiclass": lambda rng: rng.choice(["no", "may be", "yes"], N, p=[0.6, 0.3, 0.1]),
    "continuous": lambda rng: rng.gamma(2.0, 1000.0, N) - 500.0,
}


def _encode(frame, **options):
    smoothing = options.pop("smoothing", "auto")
    columns = {name: Target(smoothing=smoothing) for name in options.pop("names", ["t"])}
    target = options.pop("target", "y")
    return TableEncoder(default="drop", columns=columns).fit_transform(frame, target=target, **options)


@pytest.mark.parametrize("smoothing", [0, 10, "auto"])
@pytest.mark.parametrize("task", TASKS)
def test_it_equals_scikit_learn_out_of_fold_and_on_new_rows(task, smoothing):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "t": rng.choice([*"abcdefghijkl", None], N),
            "rare": rng.integers(0, 150, N).astype(str),
            "y": TASKS[task](rng),
        }
    )
    folds = rng.integers(0, 4, N)
    found = _encode(frame, names=["t", "rare"], smoothing=smoothing, folds=folds)

    peer = Peer(smooth=smoothing, cv=PredefinedSplit(folds), target_type=task)
    X = frame.select("t", "rare").to_numpy()
    y = frame["y"].to_numpy()
    np.testing.assert_allclose(found.features.to_numpy(), peer.fit_transform(X, y), rtol=1e-12)

    new = pl.DataFrame({"t": ["a", None, "l", "never"], "rare": ["0", "never", "7", "149"]})
    expected = Peer(smooth=smoothing, target_type=task).fit(X, y).transform(new.to_numpy())
    np.testing.assert_allclose(found.encoder.transform(new).to_numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0, 10, "auto"])
@pytest.mark.parametrize(("low", "high"), [(0, 50), (1, 2), (-3.5, 7.25)])
def test_two_numbers_are_the_same_feature_as_classes_and_as_amounts_but_for_the_unit(low, high, smoothing):
    rng = np.random.default_rng(0)
    t = rng.integers(0, 40, N)
    frame = pl.DataFrame({"t": t.astype(str), "y": np.where(rng.random(N) < 0.2 + 0.01 * t, high, low)})
    folds = rng.integers(0, 4, N)
    share, amount = (
        _encode(frame, target=target, smoothing=smoothing, folds=folds)
        for target in (infer(frame, "y"), infer(frame, "y", task="regression"))
    )
    assert share.features.to_series().is_between(0, 1).all()
    new = pl.DataFrame({"t": ["0", "7", "never", None]})
    for classes, numbers in (
        (share.features, amount.features), (share.encoder.transform(new), amount.encoder.transform(new))
    ):  # fmt: skip
        np.testing.assert_allclose(low + (high - low) * classes.to_numpy(), numbers.to_numpy(), rtol=1e-9)


def test_the_m_estimate_by_hand():
    frame = pl.DataFrame({"t": ["a", "a", "a", "b", None], "y": [1.0, 2.0, 6.0, 11.0, 5.0]})
    encoder = _encode(frame, smoothing=2, folds=np.array([0, 1, 0, 1, 0])).encoder
    new = pl.DataFrame({"t": ["a", "b", None, "new"]})
    # all rows: mean 5; a: (9 + 2 * 5) / 5, b: (11 + 10) / 3, null: (5 + 10) / 3
    assert encoder.transform(new).to_series().to_list() == pytest.approx([3.8, 7.0, 5.0, 5.0])


def test_null_is_a_level_of_its_own_and_unseen_is_the_prior():
    frame = pl.DataFrame({"t": ["a", None] * 10 + ["b"] * 20, "y": [0.0, 9.0] * 10 + [3.0, 4.0] * 10})
    encoder = _encode(frame, smoothing=0, folds=np.arange(40) % 2).encoder
    new = pl.DataFrame({"t": ["a", None, "new"]})
    assert encoder.transform(new).to_series().to_list() == pytest.approx([0.0, 9.0, 4.0])
    assert new.select(**encoder.unseen())["t"].to_list() == [False, False, True]


def test_null_without_a_null_at_the_fit_is_the_prior():
    frame = pl.DataFrame({"t": ["a", "b"] * 10, "y": [1.0, 4.0] * 9 + [2.0, 3.0]})
    encoder = _encode(frame, smoothing=0, folds=np.arange(20) // 5).encoder
    assert encoder.transform(pl.DataFrame({"t": pl.Series([None], dtype=pl.String)})).item() == pytest.approx(2.5)


def test_a_level_that_lives_in_one_fold_gets_the_prior_of_the_others():
    frame = pl.DataFrame({"t": ["a", "a", "b", "b", "b", "b"], "y": [9.0, 8.0, 1.0, 2.0, 3.0, 4.0]})
    features = _encode(frame, smoothing=0, folds=np.array([0, 0, 1, 1, 0, 1])).features
    assert features.to_series().to_list()[:2] == pytest.approx([7 / 3, 7 / 3])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("smoothing", [10, "auto"])
def test_a_weight_of_k_equals_the_row_k_times(task, smoothing):
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"t": rng.choice([*"abcdefgh", None], N), "y": TASKS[task](rng), "k": rng.integers(0, 4, N)})
    folds = rng.integers(0, 3, N)
    weighted = _encode(frame, smoothing=smoothing, folds=folds, weight="k")
    times = np.repeat(np.arange(N), frame["k"].to_numpy())
    target = infer(frame.lazy(), "y")
    repeated = TableEncoder(default="drop", columns={"t": Target(smoothing=smoothing)}).fit_transform(
        frame[times].drop("k"), target=target, folds=folds[times]
    )
    assert_frame_equal(weighted.features[times], repeated.features, rel_tol=1e-12, abs_tol=1e-12)
    new = pl.DataFrame({"t": ["a", None, "new"]})
    assert_frame_equal(weighted.encoder.transform(new), repeated.encoder.transform(new), rel_tol=1e-12, abs_tol=1e-12)


@patient
@given(data=st.data(), task=st.sampled_from(["binary", "multiclass", "regression"]))
def test_no_rows_own_target_enters_its_own_features(data, task):
    n = data.draw(st.integers(8, 30))
    columns = {
        "few": data.draw(st.lists(st.sampled_from(["a", "b", None]), min_size=n, max_size=n)),
        "many": data.draw(st.lists(st.sampled_from([*"abcdefgh", None]), min_size=n, max_size=n)),
        "key": [f"id {i}" for i in range(n)],
        "number": np.arange(n),
    }
    y = data.draw(st.lists(st.integers(0, 2 if task != "binary" else 1), min_size=n, max_size=n))
    folds = np.array(data.draw(st.permutations([i % 3 for i in range(n)])))
    row = data.draw(st.integers(0, n - 1))
    flipped = [*y]
    flipped[row] = (y[row] + 1) % (2 if task == "binary" else 3)
    classes = {"binary": ("0", "1"), "multiclass": ("0", "1", "2"), "regression": ()}[task]
    target = type(infer(pl.LazyFrame({"y": [0, 1, 0, 1]}), "y"))("y", task, classes)
    specification = TableEncoder(columns={"key": Target(), "few": Target(smoothing=1), "many": Target()})
    first, second = (
        specification.fit_transform(pl.DataFrame({**columns, "y": values}), target=target, folds=folds).features
        for values in (y, flipped)
    )
    assert first.row(row) == second.row(row)


@pytest.mark.parametrize("task", ["binary", "continuous"])
def test_a_text_that_is_unique_in_every_row_is_never_predictive(task):
    rng = np.random.default_rng(2)
    n = 20_000
    label = rng.integers(0, 2, n)
    y = label if task == "binary" else label * 10.0 + rng.normal(size=n)
    frame = pl.DataFrame({"t": [f"row {i}" for i in range(n)], "y": y})
    features = _encode(frame).features
    assert abs(auc(label, features.to_series().to_numpy()) - 0.5) < 0.02
    leaking = _encode(frame, smoothing=0).encoder.transform(frame)
    assert auc(label, leaking.to_series().to_numpy()) > 0.99


def test_multiclass_gives_a_named_column_per_class_that_sum_to_one():
    rng = np.random.default_rng(3)
    frame = pl.DataFrame({"t": rng.choice([*"abcdef"], N), "y": TASKS["multiclass"](rng)})
    encoder, features = _encode(frame, smoothing=5)
    assert features.columns == ["t by target=may be", "t by target=no", "t by target=yes"]
    np.testing.assert_allclose(features.sum_horizontal().to_numpy(), 1.0, rtol=1e-12)
    assert encoder.plan()["outputs"].to_list() == [3]


def test_it_travels_as_data_and_gives_the_same_bits():
    rng = np.random.default_rng(4)
    frame = pl.DataFrame({"t": rng.choice([*"abcdef", None], N), "y": TASKS["multiclass"](rng)})
    encoder = _encode(frame).encoder
    again = FittedTable.from_dict(encoder.to_dict())
    assert_frame_equal(again.transform(frame), encoder.transform(frame), check_exact=True)


def test_a_constant_target_within_a_level_gives_finite_values():
    frame = pl.DataFrame({"t": ["a"] * 10 + ["b"] * 10, "y": [1] * 10 + [0] * 10})
    features = _encode(frame, folds=np.arange(20) % 2).features
    assert features.to_series().to_list() == [1.0] * 10 + [0.0] * 10


def test_a_fold_that_has_all_the_weight_is_refused():
    frame = pl.DataFrame({"t": [*"abab"], "y": [0, 1, 0, 1], "w": [1.0, 1.0, 0.0, 0.0]})
    with pytest.raises(FitError, match="fold holds"):
        _encode(frame, folds=np.array([0, 0, 1, 1]), weight="w")


@pytest.mark.parametrize(("values", "why"), [(["a"] * 4, "constant ('a')"), ([None] * 4, "all null")])
def test_text_that_tells_nothing_is_left_out(values, why):
    frame = pl.DataFrame({"t": pl.Series(values, dtype=pl.String), "u": [*"abab"], "y": [0, 1, 0, 1]})
    encoder = TableEncoder(default="drop", folds=2, columns={"t": Target(), "u": OneHot()}).fit(frame, target="y")
    assert encoder.plan()["why"][0] == why


# Keys, crosses, targets and arms


def _mixed(seed=6):
    rng = np.random.default_rng(seed)
    number = rng.integers(0, 6, N)
    return pl.DataFrame(
        {
            "t": rng.choice([*"abcd", None], N).tolist(),
            "number": pl.Series(number).replace(5, None),
            "flag": rng.choice([True, False, None], N).tolist(),
            "day": [dt.date(2024, 1, 1) + dt.timedelta(int(k)) for k in number],
            "price": [Decimal(int(k)) / 4 for k in number],
            "y": rng.gamma(2.0, 10.0, N),
            "late": rng.integers(0, 2, N),
            "tier": rng.choice([*"pqr"], N),
            "arm": rng.choice(["mail", "none"], N),
        }
    )


@pytest.mark.parametrize("name", ["number", "flag", "day", "price"])
def test_keys_of_any_type_are_encoded_as_their_text(name):
    frame, folds = _mixed(), np.arange(N) % 3
    plain = _encode(frame, names=[name], folds=folds)
    text = frame.with_columns(pl.col(name).cast(pl.String))
    as_text = _encode(text, names=[name], folds=folds)
    assert_frame_equal(plain.features, as_text.features, rel_tol=1e-12)
    assert_frame_equal(plain.encoder.transform(frame), as_text.encoder.transform(text), rel_tol=1e-12)


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum([*"dcbax"])], ids=str)
def test_categories_are_encoded_as_their_text(dtype):
    frame, folds = _mixed(), np.arange(N) % 3
    plain = _encode(frame, folds=folds)
    category = _encode(frame.with_columns(pl.col("t").cast(dtype)), folds=folds)
    assert_frame_equal(category.features, plain.features, check_exact=True)
    assert_frame_equal(category.encoder.transform(frame), plain.encoder.transform(frame), check_exact=True)


def test_nan_beside_null_is_one_level():
    frame = pl.DataFrame({"t": [1.0, float("nan"), None, 2.0] * 10, "y": [0.0, 3.0, 5.0, 9.0] * 10})
    encoder, features = _encode(frame, smoothing=0, folds=np.arange(40) // 4 % 2)
    assert features.to_series().to_list() == [0.0, 4.0, 4.0, 9.0] * 10
    assert encoder.plan()["levels"].to_list() == [2]


def test_a_cross_is_encoded_as_the_columns_written_together():
    frame, folds = _mixed(), np.arange(N) % 3
    absent = pl.all_horizontal(pl.col("t", "number").is_null())
    joined = pl.concat_str([pl.col("t", "number").cast(pl.String).fill_null("?")], separator="|")
    by_hand = frame.with_columns(both=pl.when(~absent).then(joined))
    encoder = TableEncoder(default="drop", columns={("t", "number"): Target()})
    found = encoder.fit_transform(frame, target="y", folds=folds)
    expected = _encode(by_hand, names=["both"], folds=folds)
    assert found.features.columns == ["t x number by target"]
    assert found.encoder.source_of == {"t x number by target": "t x number"}
    np.testing.assert_allclose(found.features.to_numpy(), expected.features.to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(
        found.encoder.transform(frame).to_numpy(), expected.encoder.transform(by_hand).to_numpy(), rtol=1e-12
    )


def test_several_targets_at_once_are_as_one_after_the_other():
    frame, folds = _mixed(), np.arange(N) % 3
    columns = {"t": Target(smoothing=3), ("t", "flag"): Target()}
    found = TableEncoder(default="drop", columns=columns).fit_transform(
        frame, target=["y", "tier", "late"], folds=folds
    )
    assert [c for c in found.features.columns if c.startswith("t by")] == [
        "t by y", "t by tier=p", "t by tier=q", "t by tier=r", "t by late"
    ]  # fmt: skip
    for target in ("y", "tier", "late"):
        one = TableEncoder(default="drop", columns=columns).fit_transform(frame, target=target, folds=folds)
        for several, single in (
            (found.features, one.features),
            (found.encoder.transform(frame), one.encoder.transform(frame)),
        ):
            renamed = single.rename(lambda name, target=target: name.replace("by target", f"by {target}"))
            assert_frame_equal(several.select(renamed.columns), renamed, check_exact=True)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("smoothing", [10, "auto"])
def test_with_arms_each_equals_a_fit_on_the_rows_of_the_arm(task, smoothing):
    frame = _mixed().with_columns(y=pl.Series(TASKS[task](np.random.default_rng(7))))
    target, folds = infer(frame.lazy(), "y"), np.arange(N) % 3
    found = _encode(frame, smoothing=smoothing, folds=folds, arms="arm", target=target)
    for arm in ("mail", "none"):
        inside = frame["arm"] == arm
        one = _encode(frame.filter(inside), smoothing=smoothing, folds=folds[inside.to_numpy()], target=target)
        names = [name.replace("target", f"y | {arm}") for name in one.features.columns]
        np.testing.assert_allclose(
            found.features.filter(inside).select(names).to_numpy(), one.features.to_numpy(), rtol=1e-12
        )
        np.testing.assert_allclose(
            found.encoder.transform(frame).select(names).to_numpy(), one.encoder.transform(frame).to_numpy(), rtol=1e-12
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("m", [1, 10])
def test_on_new_rows_it_equals_the_m_estimate_of_category_encoders(m):
    peer = pytest.importorskip("category_encoders").MEstimateEncoder
    pd = pytest.importorskip("pandas")
    frame, new = _mixed(), ["a", "b", None, "never"]
    theirs = peer(cols=["t"], m=m).fit(pd.DataFrame({"t": frame["t"].to_list()}), frame["y"].to_pandas())
    expected = theirs.transform(pd.DataFrame({"t": new}))["t"].to_numpy()
    found = _encode(frame, smoothing=m).encoder.transform(pl.DataFrame({"t": new})).to_series().to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# Bad input


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([1, 1, 1, 1], "constant"),
        ([0, 1, None, 1], r"'y'.*null.*1.*4 rows"),
        ([0.0, 1.0, 2.0, float("nan")], r"NaN.*infinite.*1.*4 rows"),
        ([0.0, 1.0, 2.0, float("inf")], r"NaN.*infinite.*1.*4 rows"),
        ([], "no rows"),
    ],
    ids=["constant", "null", "NaN", "infinite", "empty"],
)
def test_a_target_that_cannot_be_learned_is_refused(y, said):
    frame = pl.DataFrame({"t": [*"abab"][: len(y)], "y": y}, schema={"t": pl.String, "y": pl.Float64})
    with pytest.raises(FitError, match=said):
        _encode(frame)


def test_given_folds_of_which_one_is_empty_are_the_others():
    frame = _mixed()
    some = _encode(frame, folds=np.array([0, 2])[np.arange(N) % 2])
    assert_frame_equal(some.features, _encode(frame, folds=np.arange(N) % 2).features, check_exact=True)
    assert some.encoder.folds == 2


def test_an_arm_that_is_in_one_fold_only_is_refused():
    frame = _mixed()
    folds = (frame["arm"] == "mail").to_numpy().astype(int)
    with pytest.raises(FitError, match="if there are arms"):
        _encode(frame, folds=folds, arms="arm", target="y")


def test_a_column_that_is_called_like_a_feature_is_refused():
    frame = _mixed().select("t", "y", pl.lit(1).alias("t by target") + pl.int_range(N))
    columns = {"t": [Target(), Frequency()], "t by target": Numeric()}
    with pytest.raises(FitError, match=r"'t.*\(from.*'t'.*numeric.*'t"):
        TableEncoder(default="drop", columns=columns).fit(frame, target="y")
    with pytest.raises(FitError, match=r"target.*'t'.*'t'"):
        TableEncoder(default="drop", columns={"t": [Target(), Target(smoothing=1)]}).fit(frame, target="y")


def test_a_column_may_be_called_like_the_target_of_another_name():
    frame = _mixed().rename({"t": "target"})
    assert _encode(frame, names=["target"]).features.columns == ["target by target"]


def test_a_source_that_vanishes_while_it_is_used_is_an_error_of_ours(tmp_path):
    path = tmp_path / "rows.parquet"
    _mixed().write_parquet(path)
    lazy = scan(path)
    encoder = _encode(_mixed()).encoder
    path.unlink()
    with pytest.raises(SourceError, match="not found or vanished"):
        _encode(lazy)
    with pytest.raises(SourceError, match="not found or vanished"):
        encoder.update(lazy)


@pytest.mark.parametrize("value", [-1, "eb", None, True])
def test_other_smoothing_is_refused(value):
    with pytest.raises(ConfigError, match="smoothing is"):
        Target(smoothing=value)


@pytest.mark.slow
def test_a_million_levels_of_one_row_are_worth_no_more_than_the_mean():
    n = 1_000_000
    frame = pl.DataFrame({"t": pl.int_range(n, eager=True), "y": np.arange(n) % 2})
    encoder, features = _encode(frame)
    np.testing.assert_allclose(features.to_series().to_numpy(), 0.5, atol=1e-5)
    assert encoder.transform(frame[:3]).to_series().to_list() == [0, 1, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("levels", "rows"), [(100_000, 500_000), (1_000_000, 1_500_000)])
def test_columns_with_very_many_levels(levels, rows):
    rng = np.random.default_rng(5)
    code = rng.integers(0, levels, rows)
    y = (rng.random(rows) < 0.2 + 0.6 * (code % 2)).astype(int)
    frame = pl.DataFrame({"t": pl.Series(code).cast(pl.String), "y": y})
    encoder, features = TableEncoder().fit_transform(frame, target="y")
    assert encoder.plan()["encoder"].to_list() == ["target"]
    assert auc(y, features.to_series().to_numpy()) > 0.55
    again = FittedTable.from_dict(encoder.to_dict())
    streamed = again.transform(frame.lazy()).collect(engine="streaming")
    assert_frame_equal(streamed, encoder.transform(frame), check_exact=True)


@pytest.mark.parametrize("more", [{}, {"groups": "g"}, {"weight": "w"}])
@pytest.mark.parametrize("rows", [3, 4])
def test_fit_alone_works_on_fewer_rows_or_groups_than_folds(rows, more):
    frame = pl.DataFrame({"t": [*"aabb"][:rows], "y": [0.5, 1.0, 2.0, 4.0][:rows]})
    frame = frame.with_columns(g=pl.Series([1, 1, 2, 2][:rows]), w=pl.lit(2.0))
    fitted = TableEncoder(default="drop", columns={"t": Target(smoothing=0)}).fit(frame, target="y", **more)
    assert fitted.transform(frame)["t by target"].to_list() == [0.75, 0.75, *([2.0] if rows == 3 else [3.0, 3.0])]
    twice = fitted.merge(fitted)  # and merges with more rows as any other does
    assert twice.transform(frame)["t by target"].to_list() == fitted.transform(frame)["t by target"].to_list()
    with pytest.raises(ConfigError, match="folds"):
        TableEncoder(columns={"t": Target()}).fit_transform(frame, target="y", **more)


def test_a_level_that_was_not_declared_is_unseen_and_is_refused_where_unseen_ones_are():
    frame = pl.DataFrame({"t": ["a", "b", "c", None] * 5, "y": np.arange(20.0)})
    declared = Target(levels=["a", "b", "z"], smoothing=0)
    found = TableEncoder(columns={"t": declared}, folds=2).fit_transform(frame, target="y")
    values = found.encoder.transform(pl.DataFrame({"t": ["a", "b", "c", None, "z", "new"]}))["t by target"].to_list()
    assert values == [8.0, 9.0, 9.5, 11.0, 9.5, 9.5]
    assert found.features.filter(frame["t"] == "c")["t by target"].n_unique() <= 2  # the mean of the other folds
    again = FittedTable.from_dict(found.encoder.to_dict())
    assert again.transform(frame).equals(found.encoder.transform(frame))
    with pytest.raises(FitError, match=r"not declared: \['c'\]"):
        TableEncoder(columns={"t": Target(levels=["a", "b"], unseen="error")}).fit(frame, target="y")
    with pytest.raises(ConfigError, match="a level twice"):
        Target(levels=["a", "a"])
