from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.boosting import BoostingConfig, Rows, fit, reason_schema, reasons

N = 400
SOURCES = {"colour=blue": "colour", "colour=red": "colour", "size": "size", "age": "age"}


def _model(name="regression", classes=()):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 2, N)
    features = pl.DataFrame(
        {
            "colour=blue": colour,
            "colour=red": 1 - colour,
            "size": rng.normal(size=N),
            "age": rng.normal(size=N),
        }
    )
    signal = 3 * colour + features["size"].to_numpy() - 0.3 * features["age"].to_numpy()
    y = {"regression": signal, "multiclass": np.digitize(signal, [0, 3]).astype(float)}[name]
    config = BoostingConfig(objective=name, max_trees=30, num_threads=1, num_leaves=8)
    return fit(Rows(features, y), config=config, classes=classes), features


def test_contributions_are_added_by_source_and_the_strongest_come_first():
    model, features = _model()
    found = reasons(model, features, largest=3, source_of=SOURCES, num_threads=1)
    parts = model.contributions(features, num_threads=1)
    by_source = {
        "colour": (parts["colour=blue"] + parts["colour=red"]).to_list(),
        "size": parts["size"].to_list(),
        "age": parts["age"].to_list(),
    }
    for i in range(N):
        expected = sorted(((v[i], k) for k, v in by_source.items()), key=lambda pair: -abs(pair[0]))
        row = found.row(i)
        assert row[0::2] == tuple(k for _, k in expected)
        assert row[1::2] == pytest.approx([v for v, _ in expected])


def test_the_columns_are_those_that_the_schema_promises():
    model, features = _model()
    for largest in (1, 2, 6):
        found = reasons(model, features, largest=largest, source_of=SOURCES, num_threads=1)
        assert found.schema == pl.Schema(reason_schema(largest))
        assert found.height == N


def test_missing_reasons_are_null():
    model, features = _model()
    found = reasons(model, features, largest=5, source_of=SOURCES, num_threads=1)
    assert found["reason_3"].null_count() == 0
    assert found["reason_4"].null_count() == found["reason_5_contribution"].null_count() == N


def test_classes_are_explained_by_the_likeliest():
    model, features = _model("multiclass", classes=("a", "b", "c"))
    found = reasons(model, features, largest=3, source_of=SOURCES, num_threads=1)
    likeliest = model.predict(features, num_threads=1).argmax(axis=1)
    values = model.contribution_array(features, num_threads=1)[np.arange(N), likeliest]
    sums = found.select("reason_1_contribution", "reason_2_contribution", "reason_3_contribution").sum_horizontal()
    np.testing.assert_allclose(sums.to_numpy(), values[:, :-1].sum(axis=1), rtol=1e-9, atol=1e-12)


def test_a_feature_without_a_source_stands_for_itself():
    model, features = _model()
    found = reasons(model, features, largest=4, source_of={}, num_threads=1)
    assert set(found.row(0)[0::2]) == set(features.columns)


def test_no_rows_have_no_reasons():
    model, features = _model()
    found = reasons(model, features.clear(), largest=5, source_of=SOURCES)
    assert found.schema == pl.Schema(reason_schema(5))
    assert found.height == 0
