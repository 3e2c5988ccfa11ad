from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from tabkit.errors import ConfigError, SchemaError
from tabkit.neural import embed, embed_names, fit


@pytest.fixture(scope="module")
def fitted(rows, config):
    return fit(rows(), config=config(hidden=[12, 5], members=3, max_epochs=3))


def test_the_last_hidden_layer_comes_as_columns(fitted, rows):
    frame = rows(seed=1).features
    found = embed(fitted, frame)
    assert found.columns == embed_names(fitted) == [f"hidden_{k}" for k in range(5)]
    assert set(found.dtypes) == {pl.Float32}
    assert found.shape == (400, 5)
    assert sum(found.null_count().row(0)) == 0
    numbers, levels = map(torch.from_numpy, fitted.inputs.batch(frame))
    np.testing.assert_array_equal(found.to_numpy(), fitted.network.embed(numbers, levels)[0].numpy())


def test_further_members_come_behind_the_first(fitted, rows):
    frame = rows(seed=1).features
    one, two = embed(fitted, frame), embed(fitted, frame, members=2)
    assert two.columns == embed_names(fitted, members=2) == [f"hidden_{k}" for k in range(10)]
    assert two.select(one.columns).equals(one)
    numbers, levels = map(torch.from_numpy, fitted.inputs.batch(frame))
    np.testing.assert_array_equal(two.to_numpy()[:, 5:], fitted.network.embed(numbers, levels)[1].numpy())


@pytest.mark.parametrize("members", [0, -1, 4])
def test_members_that_are_not_there_are_refused(members, fitted, rows):
    with pytest.raises(ConfigError, match=rf"members.*{members}.*model.*3"):
        embed(fitted, rows().features, members=members)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("name", ["regression", "multiclass"])
def test_the_head_on_the_layer_is_the_score(name, members, rows, config, labels):
    model = fit(rows(name), config=config(name, hidden=[6], members=members), classes=labels(name))
    frame = rows(name, seed=1).features
    layer = embed(model, frame, members=members).to_numpy().reshape(400, members, 6)
    head = model.network.head
    score = (np.einsum("nmh,mho->nmo", layer, head.weight.numpy()) + head.bias[:, 0].numpy()).mean(axis=1)
    raw = np.array(model.base_score) + model.slope * score
    np.testing.assert_allclose(model.raw(frame).reshape(raw.shape), raw, atol=1e-5)


def test_columns_are_taken_by_name_and_none_may_be_missing(fitted, rows):
    frame = rows(seed=1).features
    assert embed(fitted, frame.select("code", "z", "x")).equals(embed(fitted, frame))
    with pytest.raises(SchemaError, match="'z'"):
        embed(fitted, frame.drop("z"))


def test_nulls_and_new_levels_have_a_layer_too(fitted):
    frame = pl.DataFrame({"x": [None, 1.0, 1.0], "z": [None, None, 2.0], "code": [None, 99, 1]})
    assert np.isfinite(embed(fitted, frame).to_numpy()).all()
    assert embed(fitted, frame.clear()).shape == (0, 5)
