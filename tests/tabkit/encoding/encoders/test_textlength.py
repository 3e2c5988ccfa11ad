from __future__ import annotations

import polars as pl
import pytest

from tabkit.encoding import FittedTable, TableEncoder, TextLength
from tabkit.errors import ConfigError

PARTS = ["t characters", "t words", "t digits", "t capitals"]
TEXT = ["Zoë has 2 Cats", "", None, " a\tb\nc  d ", "Äß 12٣"]
COUNTS = [(14, 4, 1, 2), (0, 0, 0, 0), (None,) * 4, (10, 4, 0, 0), (6, 2, 2, 0)]


def _fit(values, dtype=pl.String, **options):
    frame = pl.DataFrame({"t": pl.Series(values, dtype=dtype), "z": range(len(values))})
    return TableEncoder(folds=2, columns={"t": TextLength(**options)}).fit_transform(frame)


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum([t for t in TEXT if t is not None])])
def test_characters_words_digits_and_capitals_are_counted_and_null_stays_null(dtype):
    encoder, features = _fit(TEXT, dtype)
    assert features.select(PARTS).rows() == COUNTS
    again = FittedTable.from_dict(encoder.to_dict())
    assert again.transform(pl.DataFrame({"t": TEXT, "z": [0] * 5})).select(PARTS).rows() == COUNTS
    assert features.dtypes[:4] == [pl.Int32] * 4


def test_parts_that_do_not_vary_are_left_out_unless_they_are_kept():
    assert _fit(["a", "bb", "ccc"]).features.columns == ["t characters", "z"]
    assert _fit(["a", "bb", "ccc"], keep=True).features.columns == [*PARTS, "z"]
    assert _fit(["a", "b", None]).features["t characters"].to_list() == [1, 1, None]
    assert _fit(TEXT, parts=("words",)).features.columns == ["t words", "z"]


@pytest.mark.parametrize(("values", "why"), [(["a", "b"], "all of one length"), ([None, None], "all null")])
def test_text_that_tells_nothing_is_left_out(values, why):
    assert _fit(values).encoder.plan()["why"][0] == why


@pytest.mark.parametrize("parts", [(), ("sentences",)])
def test_unknown_parts_are_refused(parts):
    with pytest.raises(ConfigError, match="parts of a text"):
        TextLength(parts=parts)


def test_a_cross_has_no_length():
    frame = pl.DataFrame({"a": ["x", "yy"] * 2, "b": ["u", "v"] * 2})
    with pytest.raises(ConfigError, match="b' is a cross"):
        TableEncoder(folds=2, columns={("a", "b"): TextLength()}).fit(frame)
