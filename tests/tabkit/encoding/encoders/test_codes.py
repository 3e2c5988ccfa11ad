from __future__ import annotations

import polars as pl
import pytest

from tabkit.encoding import Codes, FittedTable, Frequency, TableEncoder
from tabkit.errors import ConfigError

FRAME = pl.DataFrame({"t": ["b", "a", None, "c", "b"], "n": [5, 5, 30, None, 7]})
NEW = pl.DataFrame({"t": ["c", "0", None, "a", "z"], "n": [30, 5, 7, None, 9]})


def _fit(frame=FRAME):
    return TableEncoder(default="drop", columns={"t": Codes(), "n": Codes()}, folds=2).fit(frame)


def test_levels_are_numbered_by_name_and_null_and_unseen_have_no_code():
    features = _fit().transform(NEW)
    assert features.columns == ["t code", "n code"]
    assert features["t code"].to_list() == [2, None, None, 0, None]
    # by name: "30" stands before "5"
    assert features["n code"].to_list() == [0, 1, 2, None, None]


def test_they_are_named_as_categories_for_lightgbm():
    encoder = TableEncoder(columns={"t": [Codes(), Frequency()]}).fit(FRAME)
    assert encoder.categorical == ("t code",)
    assert FittedTable.from_dict(encoder.to_dict()).categorical == ("t code",)


def test_an_update_moves_no_code_and_new_levels_come_behind():
    updated = _fit().update(pl.DataFrame({"t": ["0", "z", "a"], "n": [1, 1, 1]}))
    assert updated.transform(NEW)["t code"].to_list() == [2, 3, None, 0, 4]
    assert updated.update(pl.DataFrame({"t": ["1"], "n": [1]})).transform(NEW)["t code"].to_list() == [2, 3, None, 0, 4]


def test_merged_parts_are_numbered_as_one_fit_numbers_them():
    merged = _fit(FRAME).merge(_fit(NEW))
    assert merged.transform(NEW).equals(_fit(pl.concat([FRAME, NEW])).transform(NEW))


@pytest.mark.parametrize("options", [{"rare": 2}, {"null": "level"}, {"null": "other"}, {"unseen": "other"}])
def test_what_would_move_codes_is_refused(options):
    with pytest.raises(ConfigError, match="update brings") as caught:
        Codes(**options)
    assert "LightGBM takes for missing" in str(caught.value)
