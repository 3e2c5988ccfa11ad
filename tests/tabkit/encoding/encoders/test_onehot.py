from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.encoding import FittedTable, OneHot, TableEncoder
from tabkit.errors import ConfigError, FitError


def _fit(values, **options):
    frame = pl.DataFrame({"x": values, "y": [i % 2 for i in range(len(values))], "z": list(range(len(values)))})
    return TableEncoder(folds=2, **options).fit_transform(frame, target="y")


def test_levels_become_columns_and_null_has_its_own():
    encoder, features = _fit(["b", "a", None, "b"])
    assert features.columns == ["x=a", "x=b", "x is null", "z"]
    assert features.select("x=a", "x=b", "x is null").rows() == [(0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 1, 0)]
    assert set(features.dtypes[:3]) == {pl.UInt8}
    assert encoder.source_of == {"x=a": "x", "x=b": "x", "x is null": "x", "z": "z"}


def test_new_rows_unseen_is_zero_everywhere_and_null_is_not_unseen():
    encoder, _ = _fit(["b", "a", None, "b"])
    new = pl.DataFrame({"z": [1, 2, 3], "x": ["new", None, "a"]})
    assert encoder.transform(new).drop("z").rows() == [(0, 0, 0), (0, 0, 1), (1, 0, 0)]
    assert new.select(**encoder.unseen())["x"].to_list() == [True, False, False]


def test_null_without_a_null_at_the_fit_is_zero_everywhere():
    encoder, features = _fit(["b", "a", "a", "b"])
    assert features.columns == ["x=a", "x=b", "z"]
    assert encoder.transform(pl.DataFrame({"z": [1], "x": pl.Series([None], dtype=pl.String)})).row(0) == (0, 0, 1)


def test_an_empty_text_is_a_level_and_no_null():
    _, features = _fit(["", "a", None, ""])
    assert features.columns == ["x=", "x=a", "x is null", "z"]
    assert features["x="].to_list() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    "values",
    [
        pl.Series(["b", "a", None, "b"], dtype=pl.Categorical),
        pl.Series(["b", "a", None, "b"], dtype=pl.Enum(["never", "b", "a"])),
    ],
    ids=["Categorical", "Enum"],
)
def test_categories_are_encoded_by_their_text(values):
    encoder, features = _fit(values)
    assert features.rows() == _fit(values.cast(pl.String)).features.rows()
    assert FittedTable.from_dict(encoder.to_dict()).transform(pl.DataFrame({"x": ["a"], "z": [0]})).row(0) == (
        1,
        0,
        0,
        0,
    )


@pytest.mark.parametrize(("values", "why"), [(["a"] * 4, "constant ('a')"), ([None] * 4, "all null")])
def test_text_that_tells_nothing_is_left_out(values, why):
    encoder, _ = _fit(pl.Series(values, dtype=pl.String), columns={"x": OneHot()})
    assert encoder.plan()["why"][0] == why
    assert encoder.outputs == ("z",)


def test_one_level_and_null_is_worth_a_column():
    assert _fit(["a", None, "a", None]).features.columns == ["x=a", "x is null", "z"]


def test_it_can_be_asked_for_whatever_the_number_of_levels():
    values = [f"level {i % 30}" for i in range(60)]
    assert len(_fit(values, columns={"x": OneHot()}).features.columns) == 31


# Choices

RARE = pl.DataFrame({"x": [*"aaaabbbb", "c", "d", None, None]})
NEW = pl.DataFrame({"x": ["a", "c", None, "new"]})


def _rare(**options):
    return TableEncoder(default="drop", columns={"x": OneHot(**options)}).fit(RARE)


def test_rare_levels_share_a_column_and_unseen_ones_go_there_too():
    encoder = _rare(rare=2)
    assert encoder.outputs == ("x=a", "x=b", "x is other", "x is null")
    assert encoder.transform(NEW).rows() == [(1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0, 1, 0)]
    assert encoder.plan()["why"][0] == "4 levels, 2 of them rare"


@pytest.mark.parametrize("rare", [0, 2])
@pytest.mark.parametrize(
    ("unseen", "expected"), [("prior", "zero"), ("null", "null"), ("other", "other")], ids=lambda v: v
)
def test_what_unseen_levels_get(rare, unseen, expected):
    encoder = _rare(rare=rare, unseen=unseen)
    row = encoder.transform(NEW).row(3, named=True)
    width = len(encoder.outputs)
    if expected == "other" and rare:
        assert row.pop("x is other") == 1
        width -= 1
    assert list(row.values()) == [None if expected == "null" else 0] * width


@pytest.mark.parametrize(
    ("null", "columns", "expected"),
    [
        ("level", ["x=a", "x=b", "x is other", "x is null"], (0, 0, 0, 1)),
        ("prior", ["x=a", "x=b", "x is other"], (0, 0, 0)),
        ("null", ["x=a", "x=b", "x is other"], (None, None, None)),
        ("other", ["x=a", "x=b", "x is other"], (0, 0, 1)),
    ],
)
def test_what_null_gets(null, columns, expected):
    encoder = _rare(rare=2, null=null)
    assert list(encoder.outputs) == columns
    for found in (encoder.transform(NEW), encoder.transform(NEW.lazy()).collect(engine="streaming")):
        assert found.row(2) == expected
        assert found.row(0)[:2] == (1, 0)
        assert set(found.dtypes) == {pl.UInt8}


def test_null_may_be_the_only_other():
    frame = pl.DataFrame({"x": ["a", "b", None] * 3})
    encoder = TableEncoder(default="drop", columns={"x": OneHot(null="other")}).fit(frame)
    assert encoder.outputs == ("x=a", "x=b", "x is other")
    assert encoder.transform(NEW).rows() == [(1, 0, 0), (0, 0, 1), (0, 0, 1), (0, 0, 1)]


def test_levels_that_are_known_beforehand_have_their_columns_in_the_order_given():
    encoder = _rare(levels=["never", "b"])
    assert encoder.outputs == ("x=never", "x=b", "x is other", "x is null")
    new = pl.DataFrame({"x": ["b", "a", None, "new"]})
    assert encoder.transform(new).rows() == [(0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0, 1, 0)]


def test_a_level_that_is_known_beforehand_needs_no_row_at_the_fit():
    encoder = _rare(levels=["never", "b"])
    assert encoder.transform(pl.DataFrame({"x": ["never"]})).row(0) == (1, 0, 0, 0)


def test_an_update_keeps_the_columns_and_new_levels_are_other():
    encoder = _rare(rare=2).update(pl.DataFrame({"x": ["new"] * 50 + ["c"] * 50}))
    assert encoder.outputs == ("x=a", "x=b", "x is other", "x is null")
    assert encoder.transform(NEW).rows() == [(1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0, 1, 0)]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([3, 20, 3, None], ["x=20", "x=3", "x is null"]),
        ([1.0, 0.5, 1.0, float("nan")], ["x=0.5", "x=1", "x is null"]),
        ([True, False, None, True], ["x=false", "x=true", "x is null"]),
    ],
    ids=["whole numbers", "floats", "booleans"],
)
def test_numbers_and_booleans_have_levels_if_asked(values, names):
    frame = pl.DataFrame({"x": pl.Series(values)})
    features = TableEncoder(default="drop", columns={"x": OneHot()}).fit_transform(frame).features
    assert features.columns == names
    assert features.sum_horizontal().to_list() == [1] * 4


def test_a_cross_names_its_levels_as_people_read_them():
    frame = pl.DataFrame({"a": ["u", "u", "v", None], "b": [1, 2, 1, None]})
    encoder = TableEncoder(default="drop", columns={("a", "b"): OneHot()}).fit(frame)
    assert encoder.outputs == ("a x b=u x 1", "a x b=u x 2", "a x b=v x 1", "a x b is null")
    assert encoder.transform(frame).sum_horizontal().to_list() == [1] * 4


@pytest.mark.filterwarnings("ignore")
def test_it_equals_category_encoders():
    peer = pytest.importorskip("category_encoders").OneHotEncoder
    pd = pytest.importorskip("pandas")
    values = np.random.default_rng(0).choice(["a", "b", "c", None], 60).tolist()
    new = ["b", None, "never", "a"]
    theirs = peer(cols=["x"], use_cat_names=True, handle_unknown="value").fit(pd.DataFrame({"x": values}))
    encoder, features = TableEncoder(default="drop", columns={"x": OneHot()}).fit_transform(pl.DataFrame({"x": values}))
    for rows, found in ((values, features), (new, encoder.transform(pl.DataFrame({"x": new})))):
        expected = theirs.transform(pd.DataFrame({"x": rows}))
        for level in "abc":
            assert found[f"x={level}"].to_list() == expected[f"x_{level}"].to_list()
        assert found["x is null"].to_list() == expected["x_nan"].to_list()


def test_too_many_columns_are_refused_with_advice():
    frame = pl.DataFrame({"x": [f"level {i}" for i in range(1001)] * 2})
    with pytest.raises(FitError, match="would make 1,001 columns") as caught:
        TableEncoder(default="drop", columns={"x": OneHot()}).fit(frame)
    assert "OneHot(rare=100)" in str(caught.value)
    assert TableEncoder(default="drop", columns={"x": OneHot(rare=3)}).fit(frame).outputs == ("x is other",)


@pytest.mark.parametrize("levels", [["a", "a"], [1, "1"], "ab"])
def test_levels_are_a_list_without_repeats(levels):
    with pytest.raises(ConfigError, match="levels"):
        OneHot(levels=levels)
