from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tabkit.encoding.levels import KnownLevels, factorise

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = pl.col("t")
NAMES = st.lists(st.sampled_from(["", "a", "b", "ä", "c d", "z", "\x1f", "0"]), unique=True)


def _levels(names):
    return KnownLevels(pl.Series(names, dtype=pl.String))


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["x", "b", "a", "c", ""])])
def test_codes_number_the_levels_then_null_then_unseen(dtype):
    levels = _levels(["", "a", "b"])
    frame = pl.DataFrame({"t": pl.Series(["b", None, "x", "a", "", "c"], dtype=dtype)})
    code = frame.select(levels.code(TEXT.cast(pl.String))).to_series()
    assert code.to_list() == [2, 3, 4, 1, 0, 4]
    assert code.dtype == pl.UInt32


def test_codes_of_no_levels_and_of_no_rows():
    assert pl.DataFrame({"t": ["a", None]}).select(_levels([]).code(TEXT)).to_series().to_list() == [1, 0]
    empty = pl.DataFrame({"t": pl.Series([], dtype=pl.String)})
    assert empty.select(_levels(["a"]).code(TEXT)).shape == (0, 1)


def test_codes_are_the_same_for_a_stream():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"t": rng.integers(0, 500, 50_000).astype(str)})
    levels = KnownLevels(frame["t"].unique().sort().head(400))
    eager = frame.select(levels.code(TEXT))
    assert_frame_equal(frame.lazy().select(levels.code(TEXT)).collect(engine="streaming"), eager)


@patient
@given(mine=NAMES, theirs=NAMES)
def test_places_are_codes_of_another_ones_levels(mine, theirs):
    places = _levels(mine).places(_levels(theirs)).tolist()
    assert places == [mine.index(name) if name in mine else len(mine) + 1 for name in theirs] + [len(mine)]


@patient
@given(mine=NAMES, theirs=NAMES)
def test_a_union_moves_no_code_if_it_appends_and_is_sorted_else(mine, theirs):
    new = [name for name in theirs if name not in mine]
    mine = sorted(mine)
    assert _levels(mine).union(_levels(theirs), append=True).names.to_list() == mine + new
    both = _levels(mine).union(_levels(sorted(theirs)), append=False).names.to_list()
    assert both == pl.Series([*mine, *new], dtype=pl.String).sort().to_list()


@patient
@given(text=st.lists(st.none() | st.sampled_from(["", "b", "a", "ä", "B"]), max_size=20))
def test_factorised_text_is_sorted_whatever_its_type(text):
    plain = pl.Series(text, dtype=pl.String)
    for series in (plain, plain.cast(pl.Categorical)):
        levels, code = factorise(series)
        assert levels.names.to_list() == plain.drop_nulls().unique().sort().to_list()
        assert [levels.names[int(c)] if c < len(levels) else None for c in code] == text
