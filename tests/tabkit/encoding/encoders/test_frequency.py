from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tabkit.encoding import Frequency, TableEncoder
from tabkit.errors import ConfigError

FRAME = pl.DataFrame({"t": ["a", "b", "a", None, "a", "c"], "w": [9.0, 1.0, 1.0, 1.0, 0.0, 1.0]})


def _encode(frame, *encoders, **options):
    return TableEncoder(default="drop", columns={"t": list(encoders)}).fit_transform(frame, **options)


def test_rows_are_counted_null_too():
    encoder, features = _encode(FRAME, Frequency(), Frequency(form="share"))
    assert features["t count"].to_list() == [3, 1, 3, 1, 3, 1]
    assert features["t share"].to_list() == pytest.approx([0.5, 1 / 6, 0.5, 1 / 6, 0.5, 1 / 6])
    assert encoder.transform(pl.DataFrame({"t": ["a", "new"]})).rows() == [(3, 0.5), (0, 0)]


def test_weights_are_not_counted():
    assert_frame_equal(_encode(FRAME, Frequency(), weight="w").features, _encode(FRAME, Frequency()).features)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("form", "normalize"), [("count", False), ("share", True)])
def test_it_equals_category_encoders_on_all_rows_and_new_ones(form, normalize):
    peer = pytest.importorskip("category_encoders").CountEncoder
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    values = rng.choice(["a", "b", "c", "d", None], 200, p=[0.4, 0.3, 0.1, 0.1, 0.1]).tolist()
    encoder, features = _encode(pl.DataFrame({"t": values}), Frequency(form=form))
    theirs = peer(cols=["t"], normalize=normalize, handle_unknown=0).fit(pd.DataFrame({"t": values}))
    for rows, found in (
        (values, features),
        (["a", None, "never"], encoder.transform(pl.DataFrame({"t": ["a", None, "never"]}))),
    ):
        expected = theirs.transform(pd.DataFrame({"t": rows}))["t"].astype(float).to_numpy()
        np.testing.assert_allclose(found.to_series().to_numpy(), expected)


@pytest.mark.filterwarnings("ignore")
def test_rare_levels_count_together_as_in_category_encoders():
    peer = pytest.importorskip("category_encoders").CountEncoder
    pd = pytest.importorskip("pandas")
    values = [*"aaaabbbbccd"]
    theirs = peer(cols=["t"], min_group_size=3).fit_transform(pd.DataFrame({"t": values}))["t"]
    assert _encode(pl.DataFrame({"t": values}), Frequency(rare=3)).features.to_series().to_list() == theirs.to_list()


def test_shares_of_all_levels_sum_to_one_with_null_and_rare():
    encoder, features = _encode(FRAME, Frequency(form="share", rare=2))
    assert features.to_series().to_list() == pytest.approx([1 / 2, 1 / 3, 1 / 2, 1 / 6, 1 / 2, 1 / 3])
    assert encoder.transform(FRAME).equals(features)


def test_decayed_rows_count_less_but_their_shares_stay():
    encoder = _encode(FRAME, Frequency(), Frequency(form="share")).encoder
    older = encoder.update(FRAME, decay=0.5).transform(FRAME)
    assert older["t count"].to_list() == pytest.approx([4.5, 1.5, 4.5, 1.5, 4.5, 1.5])
    assert older["t share"].to_list() == pytest.approx(encoder.transform(FRAME)["t share"].to_list())


def test_other_forms_are_refused():
    with pytest.raises(ConfigError, match="it may be count, share"):
        Frequency(form="log")
