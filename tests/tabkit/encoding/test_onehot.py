from __future__ import annotations

import polars as pl
import pytest

from tabkit.encoding import FittedTable, OneHot, TableEncoder


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
