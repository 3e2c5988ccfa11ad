import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.encoding import Codes, FittedTable, OneHot, TableEncoder, Target
from tabkit.errors import SchemaError

FRAME = pl.DataFrame({"c": ["a", "b", None, "a"] * 5, "x": range(20), "y": [0, 1, 1, 0] * 5})


def _fit(**options):
    return TableEncoder(folds=2, **options).fit(FRAME, target="y")


def test_a_saved_state_names_its_features_and_holds_the_statistics_of_every_level():
    state = _fit().to_dict()
    assert [part["outputs"] for part in state["parts"]] == [["c=a", "c=b", "c is null"], ["x"]]
    totals = state["sources"][0]["frames"]["levels"].group_by("level").agg(pl.col("rows", "sum_0_0").sum())
    assert sorted(totals.rows(), key=str) == [("a", 10.0, 0.0), ("b", 5.0, 5.0), (None, 5.0, 5.0)]


def test_features_that_would_be_called_otherwise_now_are_refused():
    state = _fit().to_dict()
    assert FittedTable.from_dict(state).outputs == ("c=a", "c=b", "c is null", "x")
    state["parts"][1]["outputs"] = ["x (a number)"]
    with pytest.raises(SchemaError, match=r"'x'.*called \['x \(a.*state"):
        FittedTable.from_dict(state)


def test_the_same_kinds_are_made_again_on_other_rows():
    fitted = _fit()
    other = FRAME.with_columns(c=pl.Series([f"level {i}" for i in range(20)]))
    again = TableEncoder(folds=2, columns=fitted.specs).fit(other, target="y")
    assert again.plan()["encoder"].to_list() == fitted.plan()["encoder"].to_list() == ["onehot", "numeric"]
    assert TableEncoder(folds=2).fit(other, target="y").plan()["encoder"].to_list() == ["drop", "numeric"]


def test_features_know_their_source_and_crosses_stand_last():
    fitted = _fit(columns={("c", "x"): Target(), "c": [OneHot(), Target()]})
    assert fitted.outputs == ("c=a", "c=b", "c is null", "c by target", "x", "c x x by target")
    assert list(fitted.source_of.values()) == ["c", "c", "c", "c", "x", "c x x"]


def test_encoders_of_one_column_share_its_statistics():
    one, both = _fit(columns={"c": Target()}), _fit(columns={"c": [OneHot(), Target()]})
    assert both.sources["c"].nbytes == one.sources["c"].nbytes > 0
    assert both.plan()["bytes"].to_list() == [both.sources["c"].nbytes] * 2 + [0]


def test_unseen_levels_are_those_that_the_fit_did_not_have():
    new = pl.DataFrame({"c": ["a", "new", None], "x": [1, 2, 3]})
    assert new.select(_fit().unseen()["c"].alias("unseen"))["unseen"].to_list() == [False, True, False]


@pytest.mark.parametrize("lazily", [False, True])
def test_rates_count_nulls_and_unseen_levels_by_source(lazily):
    new = pl.DataFrame({"c": ["a", "new", None, None], "x": [1.0, 2.0, float("nan"), 4.0]})
    fitted = _fit()
    features, rates = fitted.transform_with_rates(new.lazy() if lazily else new)
    assert_frame_equal(features.lazy().collect(), fitted.transform(new))
    expected = [("c", 4, 0.5, 0.25), ("x", 4, 0.25, None)]
    assert rates.lazy().collect().rows() == expected
    assert rates.lazy().collect().columns == ["column", "rows", "null", "unseen"]


def test_rates_of_no_rows_are_unknown():
    features, rates = _fit().transform_with_rates(FRAME.clear())
    assert features.height == 0
    assert rates.rows() == [("c", 0, None, None), ("x", 0, None, None)]


def test_a_slim_table_encodes_the_same_without_the_values_of_what_was_left_out():
    frame = FRAME.with_columns(key=pl.Series([f"id {i}" for i in range(20)]))
    fitted = TableEncoder(folds=2).fit(frame, target="y")
    slim = fitted.slim()
    assert_frame_equal(slim.transform(frame), fitted.transform(frame))
    assert (fitted.sources["key"].nbytes > 0, slim.sources["key"].nbytes) == (True, 0)
    assert "id 7" not in str(slim.to_dict())
    assert slim.merge(slim).plan()["encoder"].to_list() == ["onehot", "numeric", "drop"]
    assert slim.update(frame).outputs == fitted.outputs


def test_codes_are_named_as_categories():
    assert _fit().categorical == ()
    from_codes = TableEncoder(folds=2, columns={"c": Codes()}).fit(FRAME)
    assert from_codes.categorical == ("c code",)
