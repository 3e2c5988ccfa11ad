from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.encoding import TableEncoder, WeightOfEvidence
from tabkit.errors import ConfigError
from tabkit.target import TargetColumn

N = 300


def _encode(frame, *, target="y", folds=None, r=1.0, **options):
    folds = np.arange(frame.height) % 3 if folds is None else folds
    encoder = TableEncoder(default="drop", columns={"t": WeightOfEvidence(regularization=r)})
    return encoder.fit_transform(frame, target=target, folds=folds, **options)


def _table():
    rng = np.random.default_rng(0)
    return pl.DataFrame({"t": rng.choice([*"abcd", None], N).tolist(), "y": rng.integers(0, 2, N)})


def _evidence(a, b, A, B, r=1.0):
    return np.log((a + r) / (A + 2 * r)) - np.log((b + r) / (B + 2 * r))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("r", [1.0, 0.1])
def test_it_equals_category_encoders_on_new_rows_single_rows_and_unseen_levels_included(r):
    peer = pytest.importorskip("category_encoders").WOEEncoder
    pd = pytest.importorskip("pandas")
    frame = pl.concat([_table(), pl.DataFrame({"t": ["one", "two", "two"], "y": [1, 1, 1]})])
    new = ["a", "b", "c", "d", None, "one", "two", "never"]
    theirs = peer(cols=["t"], regularization=r).fit(pd.DataFrame({"t": frame["t"].to_list()}), frame["y"].to_numpy())
    expected = theirs.transform(pd.DataFrame({"t": new}))["t"].to_numpy()
    found = _encode(frame, r=r).encoder.transform(pl.DataFrame({"t": new})).to_series().to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[5] == found[7] == 0


def test_it_is_the_formula_by_hand():
    frame = pl.DataFrame({"t": [*"aaaabbbb"], "y": [1, 1, 1, 0, 0, 0, 0, 1]})
    found = _encode(frame).encoder.transform(pl.DataFrame({"t": ["a", "b", "new"]})).to_series().to_list()
    assert found == pytest.approx([_evidence(3, 1, 4, 4), _evidence(1, 3, 4, 4), 0.0])


def test_rows_of_the_fit_get_the_evidence_of_the_other_folds():
    frame, folds = _table(), np.arange(N) % 3
    features = _encode(frame, folds=folds).features.to_series().to_numpy()
    t, y = frame["t"].to_list(), frame["y"].to_numpy()
    for i in range(0, N, 7):
        others = folds != folds[i]
        same = others & np.array([level == t[i] for level in t])
        a, A = y[same].sum(), y[others].sum()
        assert features[i] == pytest.approx(_evidence(a, same.sum() - a, A, others.sum() - A))


def test_classes_are_each_weighed_against_the_rest():
    frame = _table().with_columns(y=pl.Series(np.random.default_rng(1).choice([*"pqr"], N)))
    found = _encode(frame)
    assert found.features.columns == [f"t by evidence of target={k}" for k in "pqr"]
    for k in "pqr":
        one = _encode(
            frame.with_columns(y=(pl.col("y") == k).cast(pl.Int8)), target=TargetColumn("y", "binary", ("0", "1"))
        ).features
        np.testing.assert_allclose(
            found.features[f"t by evidence of target={k}"].to_numpy(), one.to_series().to_numpy()
        )


def test_weights_count_as_rows_do():
    frame = _table().with_columns(w=pl.Series(np.random.default_rng(1).integers(0, 4, N)))
    times = np.repeat(np.arange(N), frame["w"].to_numpy())
    weighted = _encode(frame, weight="w")
    repeated = _encode(frame[times].drop("w"), folds=(np.arange(N) % 3)[times])
    np.testing.assert_allclose(weighted.features[times].to_numpy(), repeated.features.to_numpy(), rtol=1e-12)


def test_pure_levels_are_finite():
    frame = pl.DataFrame({"t": [*"aaaabbbb"], "y": [1, 1, 1, 1, 0, 0, 0, 0]})
    found = _encode(frame, r=1e-6, folds=np.arange(8) % 2)
    assert np.isfinite(found.features.to_numpy()).all()
    assert found.encoder.transform(frame)[0, 0] == pytest.approx(_evidence(4, 0, 4, 4, r=1e-6))


def test_without_any_earlier_row_there_is_no_evidence_not_even_none():
    frame = _table().with_columns(when=pl.Series(np.arange(N)))
    encoder = TableEncoder(default="drop", columns={"t": WeightOfEvidence()}, folds=3)
    features = encoder.fit_transform(frame, target="y", time="when").features.to_series()
    assert features.is_null().to_list() == [True] * 100 + [False] * 200


def test_numbers_have_no_evidence():
    frame = _table().with_columns(y=pl.Series(np.arange(float(N))))
    with pytest.raises(ConfigError, match=r"needs classes.*'y'") as caught:
        _encode(frame)
    assert "Target() or LogTarget()" in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, np.inf, np.nan, "1", None, True])
def test_regularization_is_a_number_above_zero(value):
    with pytest.raises(ConfigError, match="regularization is"):
        WeightOfEvidence(regularization=value)
