from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder as Peer
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from tabkit import encoding
from tabkit.encoding import OneHot
from tabkit.encoding.sklearn import InputError, TableTransformer, TargetEncoder
from tabkit.encoding.table import saved
from tabkit.errors import ConfigError, FitError, TabkitError

N = 400
BOTH = [TableTransformer(), TargetEncoder()]
FURTHER = [  # scikit-learn runs these on its own estimators only
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_inplace_ensure_writeable",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_set_output_transform_polars",
]


def make_table(seed: int = 0) -> pl.DataFrame:
    """Return features of every kind with a level of 40 that says a lot about y."""
    rng = np.random.default_rng(seed)
    city = rng.integers(0, 40, N)
    day = [date(2024, 1, 1) + timedelta(days=d) for d in rng.integers(0, 500, N).tolist()]
    return pl.DataFrame(
        {
            "city": [None if c == 7 else f"c{c}" for c in city.tolist()],
            "plan": rng.choice(["basic", "pro"], N),
            "age": [None if a < 20 else a for a in rng.integers(15, 80, N).tolist()],
            "joined": day,
            "late": (rng.random(N) < np.where(city % 3 == 0, 0.8, 0.2)).astype(int),
        }
    )


@pytest.fixture
def table() -> pl.DataFrame:
    return make_table()


@pytest.fixture(name="X")
def features(table: pl.DataFrame) -> pl.DataFrame:
    return table.drop("late")


@pytest.fixture(name="y")
def outcome(table: pl.DataFrame) -> np.ndarray:
    return table["late"].to_numpy()


# No check is expected to fail: on the data of the checks, which are levels that tell the classes apart without
# error, values out of fold and values of all rows are the same to within their tolerance.
names, cases = (marked := parametrize_with_checks(BOTH)).args


@pytest.mark.parametrize(names, list(cases), **marked.kwargs)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("estimator", BOTH, ids=["table", "target"])
@pytest.mark.parametrize("check", FURTHER)
def test_scikit_learns_further_checks(estimator, check):
    if not hasattr(estimator_checks, check):
        pytest.skip(f"this scikit-learn has no {check}")
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


def test_the_room_does_not_import_it():
    code = "import sys, tabkit.encoding; sys.exit('tabkit.encoding.sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# What the table encoder gives


def test_it_gives_what_the_table_encoder_gives(table, X, y):
    face = TableTransformer(random_state=3).set_output(transform="polars")
    found = encoding.TableEncoder(seed=3).fit_transform(table, target="late")
    floats = found.features.cast(pl.Float64).fill_null(float("nan"))
    features = face.fit_transform(X, y)
    assert_frame_equal(features.rename(dict(zip(features.columns, floats.columns, strict=True))), floats)
    assert features.columns == face.get_feature_names_out().tolist() == list(found.encoder.outputs)
    new = make_table(1).drop("late")
    expected = found.encoder.transform(new).cast(pl.Float64).fill_null(float("nan"))
    assert_frame_equal(face.transform(new), expected)
    assert_frame_equal(clone(face).fit(X, y).transform(new), expected)


def test_rows_of_the_fit_are_encoded_out_of_fold(X, y):
    rng = np.random.default_rng(0)
    noise, shop = rng.integers(0, 2, N), rng.integers(0, 200, (N, 1)).astype(str)
    for encoder in (TableTransformer(), TargetEncoder()):
        leaks = np.corrcoef(encoder.fit(shop, noise).transform(shop)[:, 0], noise)[0, 1]
        honest = np.corrcoef(encoder.fit_transform(shop, noise)[:, 0], noise)[0, 1]
        assert leaks > 0.5 > 0.2 > abs(honest)


def test_without_y_text_is_encoded_by_frequency(X):
    encoder = TableTransformer().fit(X)
    assert "city count" in encoder.get_feature_names_out()
    assert encoder.target_type_ is encoder.classes_ is encoder.target_mean_ is None
    np.testing.assert_array_equal(encoder.fit_transform(X), encoder.transform(X))


@pytest.mark.parametrize("how", ["pandas", "arrow", "categorical", "array", "list"])
def test_every_container_gives_the_same_features(X, y, how):
    X = X.drop("joined")
    given = {
        "pandas": X.to_pandas,
        "arrow": lambda: X.to_pandas(use_pyarrow_extension_array=True),
        "categorical": lambda: X.to_pandas().astype({"city": "category", "plan": "category"}),
        "array": lambda: X.to_pandas().to_numpy(dtype=object),
        "list": lambda: [list(row) for row in X.rows()],
    }[how]()
    for encoder in (TableTransformer(), TargetEncoder()):
        expected = encoder.fit_transform(X, y)
        np.testing.assert_array_equal(encoder.fit_transform(given, y), expected)
        encoder.fit(given, y)
        assert hasattr(encoder, "feature_names_in_") == (how not in ("array", "list"))
        assert encoder.n_features_in_ == 3


def test_an_index_is_no_feature_and_stays(X, y):
    given = X.to_pandas().set_index(pd.Index(np.arange(N) + 7, name="id"))
    features = TableTransformer().set_output(transform="pandas").fit_transform(given, y)
    assert not any("id" in name.split() for name in features.columns)
    assert features.index.equals(given.index)


def test_a_mixed_column_is_refused_with_its_name():
    mixed = np.array([["a", 1], ["b", "c"], ["a", 2]], dtype=object)
    with pytest.raises(TypeError, match=r"'x1'.*int, str"):
        TableTransformer().fit(mixed, [0, 1, 0])


def test_numbers_of_several_types_are_one_column():
    given = np.array([[1, "a"], [2.5, "b"], [np.float32(4), "a"], [True, None], [None, "b"]], dtype=object)
    features = TableTransformer(folds=2).fit_transform(given, [0, 1, 0, 1, 0])
    np.testing.assert_array_equal(features[:, 0], [1.0, 2.5, 4.0, 1.0, np.nan])


def test_columns_have_the_encoders_that_are_given(X, y):
    encoder = TableTransformer(
        default="drop", columns={"plan": [OneHot(), encoding.Frequency()], ("plan", "city"): [encoding.Target()]}
    )
    encoder.fit(X, y)
    expected = ["plan=basic", "plan=pro", "plan count", "plan x city by target"]
    assert encoder.get_feature_names_out().tolist() == expected
    numbered = TableTransformer(columns={("x0", "x1"): encoding.Target()}).fit(X.select("plan", "city").to_numpy(), y)
    assert numbered.get_feature_names_out(["p", "c"]).tolist() == ["p=basic", "p=pro", "c by target", "p x c by target"]


@pytest.mark.parametrize("estimator", BOTH, ids=["table", "target"])
def test_names_that_were_not_there_are_refused(estimator, X, y):
    encoder = clone(estimator).fit(X, y)
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        encoder.get_feature_names_out(["a", "b", "c", "d"])
    with pytest.raises(ValueError, match="same order"):
        encoder.transform(X.select(reversed(X.columns)))


def test_constant_columns_are_left_out_and_nothing_but_them_is_refused(y):
    constant = np.full((N, 1), "a", dtype=object)
    varied = np.arange(N).reshape(-1, 1) % 3
    assert TableTransformer().fit(np.hstack([constant, varied]), y).get_feature_names_out().tolist() == ["x1"]
    for encoder in BOTH:
        with pytest.raises(ValueError, match=r"column.*left.*learn"):
            clone(encoder).fit(constant, y)


# What scikit-learn's target encoder gives

TARGETS = {
    "binary": lambda rng: rng.choice(["no", "yes"], N),
    "multiclass": lambda rng: rng.choice([1, 2, 10], N, p=[0.6, 0.3, 0.1]),
    "continuous": lambda rng: rng.gamma(2.0, 1000.0, N) - 500.0,
}


@pytest.mark.parametrize("smooth", [0.0, 10, "auto"])
@pytest.mark.parametrize("kind", TARGETS)
def test_it_equals_scikit_learns_target_encoder(kind, smooth):
    rng = np.random.default_rng(1)
    X = pd.DataFrame(
        {
            "t": rng.choice([*"abcdefghijkl", None], N),
            "same": "one level",
            "few": pd.Categorical(rng.choice(["u", "v"], N)),
            "number": rng.choice([1.5, 2.0, np.nan], N),
            "rare": rng.integers(0, 150, N),
        }
    )
    y, cv = TARGETS[kind](rng), KFold(4, shuffle=True, random_state=0)
    mine, peer = TargetEncoder(smooth=smooth, cv=list(cv.split(X))), Peer(smooth=smooth)
    new = pd.DataFrame(
        {
            "t": ["a", None, "l", "never"],
            "same": ["one level", None, "never", "one level"],
            "few": pd.Categorical(["u", "v", None, "u"]),
            "number": [1.5, np.nan, 2.0, 7.0],
            "rare": [0, 7, 149, 1_000],
        }
    )
    expected = peer.fit(X, y).transform(new)
    np.testing.assert_allclose(mine.fit(X, y).transform(new), expected, rtol=1e-12)
    assert mine.target_type_ == peer.target_type_ == kind
    np.testing.assert_allclose(mine.target_mean_, peer.target_mean_, rtol=1e-12)
    assert mine.get_feature_names_out().tolist() == peer.get_feature_names_out().tolist()
    if kind == "continuous":
        assert mine.classes_ is None
    else:
        np.testing.assert_array_equal(mine.classes_, peer.classes_)

    inside = np.empty_like(mine.transform(X))  # out of fold, as scikit-learn's before it took splitters
    for train, test in cv.split(X):
        inside[test] = Peer(smooth=smooth, target_type=kind).fit(X.iloc[train], y[train]).transform(X.iloc[test])
    np.testing.assert_allclose(mine.fit_transform(X, y), inside, rtol=1e-12)


def test_whole_numbers_are_classes_unless_they_are_said_to_be_counts(X, y):
    counts = np.arange(N) % 4
    assert TargetEncoder().fit(X, counts).target_type_ == "multiclass"
    encoder = TargetEncoder(target_type="continuous").fit(X, counts)
    assert encoder.classes_ is None
    assert encoder.target_mean_ == 1.5
    names = TableTransformer().fit(X, counts.astype(float)).get_feature_names_out().tolist()
    assert [name for name in names if name.startswith("city")] == [f"city by target={k}" for k in range(4)]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([0] * 6, r"y.*class.*binary"),
        ([0, 1, 2] * 2, r"y.*3 classes.*binary"),
        ([0.0, np.nan] * 3, "y contains NaN"),
        (np.array(["a", None] * 3, dtype=object), "y contains NaN"),
        ([[0, 1]] * 6, "1d array"),
        ([0, 1], "inconsistent numbers of samples"),
    ],
)
def test_a_y_that_cannot_be_learned_is_refused(y, words):
    X = np.array([["a"], ["b"]] * 3)
    with pytest.raises(ValueError, match=words):
        TargetEncoder(target_type="binary").fit(X, y)
    with pytest.raises(ValueError, match="target y is None"):
        TargetEncoder().fit(X)


def test_tabkits_errors_are_value_errors_with_their_text_and_cause(X, y):
    wild = np.array([[np.inf], [1.0], [2.0]] * 2)
    with pytest.raises(InputError, match=r"infinite values in 'x0' \(2 rows\)") as caught:
        TableTransformer().fit(wild, [0, 1] * 3)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TabkitError)
    assert isinstance(caught.value.__cause__, FitError)
    assert "encoding.infinite=null" in caught.value.advice
    np.testing.assert_array_equal(TableTransformer(infinite="null").fit(wild).transform(wild)[:2, 0], [np.nan, 1.0])
    with pytest.raises(InputError, match="smoothing is -1") as caught:
        TargetEncoder(smooth=-1).fit(X, y)
    assert isinstance(caught.value.__cause__, ConfigError)
    encoder = TableTransformer(columns={"plan": OneHot(unseen="error")}).fit(X, y)
    with pytest.raises(InputError, match=r"'plan'.*levels.*saw"):
        encoder.transform(X.with_columns(plan=pl.lit("new")))
    with pytest.raises(InputError, match="lazy"):
        encoder.transform(X.lazy())


def test_what_is_fitted_is_saved_as_data(X, y, tmp_path):
    encoder = TableTransformer().fit(X, y)
    saved.save(encoder.encoder_, tmp_path / "encoder")
    again = saved.load(tmp_path / "encoder")
    np.testing.assert_array_equal(again.transform(X).cast(pl.Float64).to_numpy(), encoder.transform(X))


# Weights, groups and folds


@pytest.mark.parametrize("kind", TARGETS)
def test_a_weight_counts_like_copies_of_the_row(kind):
    rng = np.random.default_rng(2)
    X, y, weight = rng.choice([*"abcde"], (N, 2)), TARGETS[kind](rng), rng.integers(0, 4, N)
    X[:, 1] = "same"
    X = np.hstack([X, rng.choice([*"uvw"], (N, 1))])
    fold = np.arange(N) % 3
    copies, copied = np.repeat(np.arange(N), weight), np.repeat(fold, weight)
    for kept in (TargetEncoder(), TableTransformer(columns={"x0": encoding.Target(), "x2": encoding.Target()})):
        key = "cv" if isinstance(kept, TargetEncoder) else "folds"
        weighted = clone(kept).set_params(
            **{key: [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]}
        )
        repeated = clone(kept).set_params(
            **{key: [(np.flatnonzero(copied != k), np.flatnonzero(copied == k)) for k in range(3)]}
        )
        out = weighted.fit_transform(X, y, sample_weight=weight.tolist())
        np.testing.assert_allclose(out[copies], repeated.fit_transform(X[copies], y[copies]), rtol=1e-9)
        np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("weight", "words"),
    [([0.0] * N, "zero in every row"), ([-1.0] + [2.0] * (N - 1), "negative in 1 rows"), ([1.0], "inconsistent")],
)
def test_weights_that_cannot_be_are_refused(X, y, weight, words):
    with pytest.raises(ValueError, match=words):
        TargetEncoder().fit(X.select("city"), y, sample_weight=weight)


@pytest.mark.parametrize("estimator", BOTH, ids=["table", "target"])
def test_no_row_is_encoded_by_its_own_group(estimator):
    rng = np.random.default_rng(3)
    household = rng.integers(0, 100, N)
    y = rng.random(100).round()[household]  # all of a household are alike
    X = pl.DataFrame({"street": household.astype(str)})
    plain = clone(estimator).fit_transform(X, y)
    assert np.corrcoef(plain[:, 0], y)[0, 1] > 0.9
    for groups in (household, [f"h{h}" for h in household]):
        apart = clone(estimator).fit_transform(X, y, groups=groups)
        assert len(np.unique(apart)) <= 5  # no household is known outside its fold: all have the mean of the others


def test_splitters_decide_the_folds(X, y):
    X, groups = X.select("city"), np.arange(N) % 10
    by_splitter = TargetEncoder(cv=GroupKFold(5)).fit_transform(X, y, groups=groups)
    by_splits = TargetEncoder(cv=GroupKFold(5).split(X, y, groups)).fit_transform(X, y)
    np.testing.assert_array_equal(by_splitter, by_splits)
    by_class = TargetEncoder(cv=StratifiedKFold(3)).fit_transform(X, y)
    assert len(np.unique(by_class[X["city"].to_numpy() == "c0"])) <= 3
    with pytest.raises(ValueError, match="never, or more than once"):
        TargetEncoder(cv=ShuffleSplit(3)).fit_transform(X, y)
    with pytest.raises(ValueError, match=r"whole number.*2"):
        TableTransformer(folds=1).fit_transform(X, y)


def test_the_random_state_decides_the_folds(X, y):
    def encode(state):
        return TargetEncoder(random_state=state).fit_transform(X.select("city"), y)

    np.testing.assert_array_equal(encode(5), encode(np.int64(5)))
    np.testing.assert_array_equal(encode(np.random.RandomState(5)), encode(np.random.RandomState(5)))
    assert not np.array_equal(encode(5), encode(6))
    assert not np.array_equal(encode(None), encode(None))


# Inside scikit-learn


@pytest.mark.parametrize("estimator", BOTH, ids=["table", "target"])
def test_null_and_unknown_categories_are_encoded(estimator, X, y):
    X = X.select("city", "plan")
    encoder = clone(estimator).set_output(transform="polars").fit(X, y)
    found = encoder.transform(pl.DataFrame({"city": ["c1", None, "new"], "plan": ["pro", None, "new"]}))
    assert found.select(pl.all().is_finite().all()).row(0) == (True,) * found.width
    city = found[:, 0] if isinstance(estimator, TargetEncoder) else found["city by target"]
    assert city[2] == pytest.approx(y.mean())
    assert city[1] != city[2]  # null was there at the fit
    only_null = pl.DataFrame({"city": [None, None], "plan": ["pro", "pro"]})
    assert encoder.transform(only_null)[:, 0].n_unique() == 1


def test_pipelines_and_cross_validation(X, y):
    linear = make_pipeline(TargetEncoder(), LogisticRegression())
    assert cross_val_score(linear, X.select("city", "plan"), y, scoring="roc_auc").mean() > 0.7
    trees = make_pipeline(TableTransformer(), HistGradientBoostingClassifier(max_iter=10))
    assert cross_val_score(trees, X.to_pandas(), y, scoring="roc_auc", cv=3, error_score="raise").mean() > 0.6
    given = {"tabletransformer__sample_weight": np.ones(N), "tabletransformer__groups": np.arange(N)}
    assert trees.fit(X, y, **given).score(X, y) > 0.6
    spend = X["age"].fill_null(0).to_numpy() * 1.5
    assert make_pipeline(TableTransformer(), Ridge()).fit(X.drop("age"), spend).predict(X.drop("age")).shape == (N,)


def test_a_grid_searches_over_smoothing(X, y):
    model = make_pipeline(TableTransformer(), LogisticRegression())
    grid = {
        "tabletransformer__smoothing": ["auto", *np.array([1, 100])],
        "tabletransformer__max_onehot": np.array([1, 10]),
    }
    search = GridSearchCV(model, grid, cv=3, scoring="roc_auc", error_score="raise").fit(X.select("city", "plan"), y)
    assert search.best_score_ > 0.7
    assert set(search.cv_results_["param_tabletransformer__smoothing"]) == {"auto", 1, 100}


def test_a_column_transformer_names_its_parts(X, y):
    both = make_column_transformer(
        (TargetEncoder(), ["city"]), (TableTransformer(), ["plan", "age"]), verbose_feature_names_out=False
    )
    features = both.set_output(transform="pandas").fit_transform(X.to_pandas(), y)
    assert features.columns.tolist() == ["city", "plan=basic", "plan=pro", "age"]
    of_array = make_column_transformer((TargetEncoder(), [1]), (TableTransformer(), [0, 2]))
    of_array.fit(X.select("plan", "city", "age").to_numpy(), y)
    expected = ["targetencoder__x1", "tabletransformer__x0=basic", "tabletransformer__x0=pro", "tabletransformer__x2"]
    assert of_array.get_feature_names_out().tolist() == expected


def test_groups_and_weights_are_routed(X, y):
    X, groups, weight = X.select("city"), np.arange(N) % 20, np.arange(N) % 3
    with config_context(enable_metadata_routing=True):
        encoder = TargetEncoder(cv=GroupKFold(4)).set_fit_request(groups=True, sample_weight=False)
        model = make_pipeline(encoder, LogisticRegression())
        search = GridSearchCV(model, {"targetencoder__smooth": [1.0, 50.0]}, cv=GroupKFold(3), error_score="raise")
        assert search.fit(X, y, groups=groups).best_score_ > 0.6
        model = make_pipeline(clone(encoder).set_fit_request(groups=True, sample_weight=True), LogisticRegression())
        model[-1].set_fit_request(sample_weight=False)
        fitted = model.fit(X, y, groups=groups, sample_weight=weight)[0]
    assert fitted.target_mean_ == pytest.approx(np.average(y, weights=weight))


def test_parameters_are_cloned_and_set():
    columns = {"city": [encoding.Target(smoothing=3)], ("city", "plan"): encoding.Frequency()}
    encoder = TableTransformer(columns=columns, max_onehot=3, random_state=None)
    copy = clone(encoder)
    assert copy.get_params() == encoder.get_params()
    assert copy.columns is not encoder.columns
    assert copy.set_params(max_onehot=4).max_onehot == 4
    assert repr(TargetEncoder(smooth=2.0)) == "TargetEncoder(smooth=2.0)"


# The order of an array in memory, and levels that are declared

HALVES = slice(0, 10), slice(10, 20)


@pytest.mark.parametrize("order", [np.ascontiguousarray, np.asfortranarray, lambda x: np.asfortranarray(x)[::-1][::-1]])
@pytest.mark.parametrize("dtype", [np.float64, np.int64, object])
def test_a_square_array_keeps_its_columns_however_it_lies_in_memory(order, dtype):
    rng = np.random.default_rng(5)
    new = order((rng.random((3, 3)) * 100).astype(dtype))
    encoder = TableTransformer(folds=2).fit(rng.random((50, 3)) * 100)
    np.testing.assert_array_equal(encoder.transform(new), new.astype(np.float64))
    own = TableTransformer(folds=2).fit_transform(new)  # the rows of the fit are such an array too
    np.testing.assert_array_equal(own, new.astype(np.float64))
    square = order(rng.integers(0, 3, (40, 40)).astype(dtype))
    y = rng.random(40)
    found, expected = (encoder().fit(square, y).transform(square) for encoder in (TargetEncoder, Peer))
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("smooth", [4.0, "auto"])
@pytest.mark.parametrize(
    ("levels", "undeclared"),
    [([0, 1, 2], 3), (["dog", "cat", "cow"], "snake"), ([0.5, np.nan, 7.0], 9.5), ([0.5, 7.0, 8.0], np.nan)],
)
def test_a_level_outside_the_declared_ones_is_unseen(levels, undeclared, smooth):
    rng = np.random.default_rng(6)
    X = np.array([levels[0]] * 10 + [levels[1]] * 10 + [undeclared] * 3, dtype=object).reshape(-1, 1)
    X = X if isinstance(levels[0], str) else X.astype(float)
    y = rng.uniform(-10, 20, len(X))
    mine = TargetEncoder(categories=[levels], smooth=smooth).fit(X, y)
    new = np.array([*levels, undeclared], dtype=X.dtype).reshape(-1, 1)
    # Not scikit-learn's values: it counts the rows of undeclared levels for the first declared one.
    shares = [4.0 / 14, 4.0 / 14] if smooth == 4.0 else [y[k].var() / (10 * y.var() + y[k].var()) for k in HALVES]
    means = [share * y.mean() + (1 - share) * y[k].mean() for share, k in zip(shares, HALVES, strict=True)]
    np.testing.assert_allclose(mine.transform(new).ravel(), [*means, y.mean(), y.mean()], rtol=1e-12)
    out = TargetEncoder(categories=[levels], smooth=smooth, cv=2).fit_transform(X, y)
    assert len(np.unique(out[-3:].round(9))) <= 2  # the means of the other folds


def test_categories_are_given_for_each_column():
    X, y = np.array([["a", "b"], ["b", "a"]] * 5), np.arange(10) % 2
    with pytest.raises(ValueError, match="given for 1 columns, X has 2"):
        TargetEncoder(categories=[["a", "b"]]).fit(X, y)
    with pytest.raises(ValueError, match="'all': 'auto', or one list"):
        TargetEncoder(categories="all").fit(X, y)
    assert clone(TargetEncoder(categories=[["a"], ["b"]])).categories == [["a"], ["b"]]
