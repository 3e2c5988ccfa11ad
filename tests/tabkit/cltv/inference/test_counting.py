import numpy as np
import polars as pl
import pytest

from tabkit.cltv.inference.counting import count
from tabkit.cltv.inference.fit import columns_of
from tabkit.cltv.models import MODELS
from tabkit.cltv.models.ops import NUMPY

COLUMNS = ["frequency", "recency", "T"]
VALUES = {
    "bgnbd": {"r": 0.24, "alpha": 4.4, "a": 0.79, "b": 2.4},
    "mbgnbd": {"r": 0.5, "alpha": 6.0, "a": 0.9, "b": 1.6},
    "paretonbd": {"r": 0.55, "alpha": 10.6, "s": 0.6, "beta": 11.7},
}


def test_each_customer_finds_its_row(cdnow: pl.DataFrame) -> None:
    counted = count(cdnow, COLUMNS)
    assert counted.frame.height == cdnow.select(COLUMNS).unique().height < cdnow.height
    assert counted.weight.sum() == cdnow.height
    assert counted.frame[counted.place].select(COLUMNS).equals(cdnow.select(COLUMNS))


def test_nulls_are_alike() -> None:
    counted = count(pl.DataFrame({"a": [1, None, None], "b": [None, 2.0, 2.0]}), ["a", "b"])
    assert sorted(counted.frame["customers"].to_list()) == [1, 2]
    assert counted.place[1] == counted.place[2]


@pytest.mark.parametrize("model", VALUES)
def test_likelihood_of_counted_rows_is_that_of_all(model: str, cdnow: pl.DataFrame) -> None:
    loglik, counted = MODELS[model].loglik, count(cdnow, COLUMNS)
    raw = {name: cdnow[name].cast(pl.Float64).to_numpy() for name in COLUMNS}
    whole = loglik(NUMPY, VALUES[model], raw).sum()
    few = (counted.weight * loglik(NUMPY, VALUES[model], columns_of(counted))).sum()
    assert few == pytest.approx(whole, rel=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["bgnbd", "paretonbd"])
def test_value_and_gradient_of_the_pymc_model_are_those_of_all_rows(model: str, cdnow: pl.DataFrame) -> None:
    pytest.importorskip("pymc", reason="the extra cltv is not installed")
    from tabkit.cltv.inference.building import build  # noqa: PLC0415  # PyMC may be missing
    from tabkit.cltv.inference.design import Design  # noqa: PLC0415
    from tabkit.cltv.inference.fit import _likelihood, defaults  # noqa: PLC0415
    from tabkit.cltv.inference.laplace import density  # noqa: PLC0415

    chosen, rows = MODELS[model], cdnow.head(400)
    alone = rows.with_row_index("own")
    found = []
    for frame, columns in ((rows, COLUMNS), (alone, [*COLUMNS, "own"])):
        likelihood = _likelihood(chosen.parameters, count(frame, columns), Design(), chosen)
        logp, start = density(build(likelihood, defaults(chosen.parameters, time=30.0)))
        found += [logp(start + shift) for shift in (0.0, 0.3)]
    few, many = found[:2], found[2:]
    for (value, gradient), (whole, slope) in zip(few, many, strict=True):
        assert value == pytest.approx(whole, rel=1e-12)
        np.testing.assert_allclose(gradient, slope, rtol=1e-9)
