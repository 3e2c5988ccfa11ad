"""CDNOW and the donations: data files of the package `lifetimes`, whose code is not imported."""

import importlib.util
from pathlib import Path

import polars as pl
import pytest

from tabkit.cltv.inference.fit import FittedLikelihood, InferenceSettings, fit

FOUND = importlib.util.find_spec("lifetimes")


def read(name: str) -> pl.DataFrame:
    if FOUND is None or not FOUND.submodule_search_locations:
        pytest.skip("the package lifetimes, whose data files are read, is not installed")
    return pl.read_csv(Path(FOUND.submodule_search_locations[0]) / "datasets" / name)


@pytest.fixture(scope="session")
def cdnow() -> pl.DataFrame:
    """2,357 customers of CDNOW in the first 39 weeks of 1997: frequency, recency, T (weeks), monetary_value."""
    names = {"ID": "customer", "x": "frequency", "t_x": "recency", "zbar": "monetary_value"}
    return read("cdnow_customers_summary_with_transactions.csv").rename(names)


@pytest.fixture(scope="session")
def donations() -> pl.DataFrame:
    """11,104 donors, six yearly opportunities each."""
    patterns = read("donations.csv").rename({"periods": "T"})
    return patterns.select(pl.exclude("weights").repeat_by("weights")).explode(pl.all())


@pytest.fixture(scope="session")
def fitted(cdnow: pl.DataFrame) -> FittedLikelihood:
    """BG/NBD on CDNOW by Laplace's approximation."""
    pytest.importorskip("pymc", reason="the extra cltv is not installed")
    return fit(cdnow, model="bgnbd", settings=InferenceSettings(draws=4000))
