from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.encoding import FittedTable, Ordinal, TableEncoder, Target
from tabkit.errors import ConfigError
from tabkit.target import TargetColumn

FRAME = pl.DataFrame({"t": ["b", "b", "c", "a", "a", "b", None, "d"], "y": [4.0, 5.0, 9.0, 1.0, 2.0, 6.0, 0.0, 0.5]})
NEW = pl.DataFrame({"t": ["a", "b", "c", "d", None, "new"]})


def _fit_transform(spec, frame=FRAME, **options):
    options = {"target": "y", "folds": np.arange(frame.height) % 2, **options}
    return TableEncoder(default="drop", columns={"t": spec}).fit_transform(frame, **options)


def _places(spec, frame=FRAME, new=NEW, **options):
    return _fit_transform(spec, frame, **options).encoder.transform(new).to_series().to_list()


def test_by_frequency_the_most_frequent_is_first_and_equal_ones_go_by_name():
    assert _places(Ordinal()) == [1, 0, 2, 3, None, None]


def test_by_the_target_the_least_smoothed_mean_is_first():
    assert _places(Ordinal(order="target")) == [1, 2, 3, 0, None, None]
    by_mean = _places(Target())[:4]
    assert np.argsort(by_mean).tolist() == [3, 0, 1, 2]


def test_a_given_order_is_kept_and_other_levels_are_null():
    assert _places(Ordinal(order=["d", "x", "a"])) == [2, None, None, 0, None, None]


def test_a_level_of_a_given_order_needs_no_row_at_the_fit():
    assert _places(Ordinal(order=["d", "x", "a"]), new=pl.DataFrame({"t": ["x"]})) == [1]


def test_levels_behind_a_given_order_are_appended_by_name_and_later_as_they_are_found():
    spec = Ordinal(order=["d", "x", "a"], append=True)
    assert _places(spec) == [2, 3, 4, 0, None, None]
    updated = _fit_transform(spec).encoder.update(pl.DataFrame({"t": ["new", "0", "b"], "y": [1.0, 2.0, 3.0]}))
    assert updated.transform(NEW).to_series().to_list() == [2, 3, 4, 0, None, 6]
    assert updated.transform(pl.DataFrame({"t": ["0"]})).item() == 5


@pytest.mark.parametrize("values", [[3, 20, 100, None], [3.0, 20.0, 100.0, None]])
def test_numbers_can_be_given_an_order_too(values):
    frame = pl.DataFrame({"t": values * 2, "y": range(8)})
    assert _places(Ordinal(order=[100, 3, 20]), frame, frame[:4]) == [1, 2, 0, None]


@pytest.mark.filterwarnings("ignore")
def test_a_given_order_equals_category_encoders_with_its_mapping():
    peer = pytest.importorskip("category_encoders").OrdinalEncoder
    pd = pytest.importorskip("pandas")
    mapping = [{"col": "t", "mapping": {"c": 0, "a": 1, "b": 2}}]
    theirs = peer(mapping=mapping, handle_unknown="return_nan", handle_missing="return_nan")
    expected = theirs.fit(pd.DataFrame({"t": FRAME["t"].to_list()})).transform(pd.DataFrame({"t": NEW["t"].to_list()}))
    found = pl.Series(_places(Ordinal(order=["c", "a", "b"])), dtype=pl.Float64).to_numpy()
    np.testing.assert_array_equal(found, expected["t"].astype(float).to_numpy())


def test_rows_of_the_fit_get_the_order_of_the_other_folds():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"t": rng.choice([*"abcdef"], 120), "y": rng.normal(size=120)})
    folds = rng.integers(0, 3, 120)
    features = _fit_transform(Ordinal(order="target"), frame, folds=folds).features.to_series()
    for k in range(3):
        inside = folds == k
        expected = _places(Ordinal(order="target"), frame.filter(~inside), frame.filter(inside), folds=None)
        assert features.filter(pl.Series(inside)).to_list() == expected


@pytest.mark.parametrize("row", range(8))
def test_a_rows_own_target_does_not_move_its_own_place(row):
    for value in (-1e6, 1e6):
        y = FRAME["y"].to_list()
        y[row] = value
        changed = FRAME.with_columns(y=pl.Series(y))
        ranks = [_fit_transform(Ordinal(order="target"), f).features.to_series()[row] for f in (FRAME, changed)]
        assert ranks[0] == ranks[1]


def test_of_several_targets_the_first_orders_and_of_classes_the_first():
    frame = FRAME.with_columns(other=-pl.col("y"))
    assert _places(Ordinal(order="target"), frame, target=["other", "y"]) == _places(
        Ordinal(order="target"), frame, target="other"
    )
    classes = FRAME.with_columns(y=pl.Series([0, 1, 2, 0, 1, 2, 0, 1]))
    binary = classes.with_columns(y=pl.col("y") == 0)
    found = _places(Ordinal(order="target"), classes, target=TargetColumn("y", "multiclass", ("0", "1", "2")))
    assert found == _places(Ordinal(order="target"), binary, target=TargetColumn("y", "binary", ("false", "true")))


def test_the_first_block_of_time_has_no_order_yet():
    frame = FRAME.with_columns(when=pl.Series(range(8)))
    encoder = TableEncoder(default="drop", columns={"t": Ordinal(order="target")}, folds=2)
    features = encoder.fit_transform(frame, target="y", time="when").features.to_series()
    assert features.is_null().to_list() == [True] * 4 + [
        False,
        False,
        True,
        True,
    ]


def test_an_update_moves_no_place_whatever_the_new_rows_say():
    more = pl.DataFrame({"t": ["c", "0"] * 9, "y": [-9.0, 3.0] * 9})
    for order in ("frequency", "target"):
        before = _fit_transform(Ordinal(order=order)).encoder
        after = before.update(more)
        assert after.transform(NEW[:4]).equals(before.transform(NEW[:4]))
        assert after.transform(pl.DataFrame({"t": ["0"]})).item() == 4
        again = FittedTable.from_dict(after.to_dict())
        assert again.transform(NEW).equals(after.transform(NEW))


@pytest.mark.parametrize("order", ["frequency", "target", ("b", "a", "x")])
def test_an_update_moves_no_place_of_rare_levels_either(order):
    before = _fit_transform(Ordinal(order=order, rare=2)).encoder
    behind = 2 if isinstance(order, str) else 3
    assert before.transform(NEW).to_series().to_list()[2:] == [behind, behind, None, None]
    after = before.update(pl.DataFrame({"t": ["new"] * 9 + ["c"] * 5 + ["0"], "y": [1.0] * 15}))
    assert after.transform(NEW).to_series().to_list()[:5] == before.transform(NEW).to_series().to_list()[:5]
    assert after.transform(NEW).to_series().to_list()[5] == behind


@pytest.mark.parametrize("order", ["name", "", [], ["a", "a"], 5, None])
def test_other_orders_are_refused(order):
    with pytest.raises(ConfigError, match=r"'frequency', 'target'.*distinct levels"):
        Ordinal(order=order)


def test_null_is_never_a_level():
    with pytest.raises(ConfigError, match="place among"):
        Ordinal(null="level")


def test_rare_levels_and_new_ones_cannot_both_stand_behind():
    with pytest.raises(ConfigError, match=r"share.*place"):
        Ordinal(order=["a"], append=True, rare=2)


@pytest.mark.parametrize(
    ("values", "order"), [([True, False] * 4, (False, True)), ([1, 2] * 4, (1.0, 2.0)), ([1.0, 2.0] * 4, ("1", "2"))]
)
def test_levels_may_be_declared_as_the_values_they_are(values, order):
    frame = pl.DataFrame({"x": values, "y": [0, 1] * 4})
    places = TableEncoder(columns={"x": Ordinal(order=order)}).fit(frame, target="y").transform(frame).to_series()
    assert sorted(set(places.to_list())) == [0.0, 1.0]


def test_declared_levels_that_are_all_misspelt_are_refused():
    frame = pl.DataFrame({"x": ["Low", "High"] * 4, "y": [0, 1] * 4})
    with pytest.raises(ConfigError, match=r"none of.*declared"):
        TableEncoder(columns={"x": Ordinal(order=("low", "high"))}).fit(frame, target="y")
    with pytest.raises(ConfigError, match=r"declared.*level"):
        Ordinal(order=("low", None))


def test_means_that_differ_by_the_order_of_their_sums_alone_are_equal():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.integers(0, 700, 3000), "y": rng.normal(size=3000).round(2)})
    spec = TableEncoder(columns={"x": Ordinal(order="target")})
    plain = spec.fit(frame, target="y").transform(frame).to_series()
    mixed = spec.fit(frame.sample(fraction=1, shuffle=True, seed=1), target="y").transform(frame).to_series()
    assert plain.equals(mixed)
