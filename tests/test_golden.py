"""Bundles of every released format are kept here for ever, and score as they did on the day they were made."""

from pathlib import Path

import polars as pl
import pytest

from pipelines import propensity
from pipelines.inspection import inspect
from pipelines.scores import score_files
from tabkit.bundle import FORMAT

GOLDEN = Path(__file__).parent / "golden"
BUNDLES = sorted(path.parent for path in GOLDEN.glob("format*/*/manifest.json"))


def test_the_present_format_is_among_them() -> None:
    assert f"format{FORMAT}" in {path.parent.name for path in BUNDLES}


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_scores_are_those_of_the_day_it_was_made(bundle: Path, tmp_path: Path) -> None:
    expected = pl.read_parquet(bundle.with_suffix(".parquet"))
    model = propensity.load(bundle)
    score_files(model, [bundle.parent / "rows.parquet"], tmp_path / "scores.parquet", contributions=2)
    found = pl.read_parquet(tmp_path / "scores.parquet")
    assert found.schema == expected.schema
    for column, dtype in expected.schema.items():
        if dtype.is_float():
            assert found[column].to_list() == pytest.approx(expected[column].to_list(), rel=0, abs=1e-12), column
        else:
            assert found[column].equals(expected[column]), column


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_it_can_still_be_looked_into_and_saved_again(bundle: Path, tmp_path: Path) -> None:
    facts = inspect(bundle)
    assert facts["target"]["name"] == bundle.name
    assert facts["metrics"]["verdict"]
    model = propensity.load(bundle)
    model.save(tmp_path / "again")
    rows = bundle.parent / "rows.parquet"
    assert propensity.load(tmp_path / "again").score(rows).collect().equals(model.score(rows).collect())
