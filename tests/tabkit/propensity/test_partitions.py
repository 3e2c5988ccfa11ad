"""Hive folders and CSV files, from training to scores: the layout of a table does not change its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import propensity
from tabkit.errors import SchemaError, SourceError
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles
from tabkit.scoring.files import score_files


def layout(root: Path, table: pl.DataFrame, key: str) -> Path:
    """Write a table as Hive folders of Parquet files; the order of rows becomes that of the folders."""
    for (value,), part in table.partition_by(key, as_dict=True, include_key=False).items():
        folder = root / f"{key}={'__HIVE_DEFAULT_PARTITION__' if value is None else value}"
        folder.mkdir(parents=True)
        part.write_parquet(folder / "part-0.parquet")
    return root


def test_scores_of_hive_folders_are_those_of_the_flat_file(
    model: PropensityModel, newcomers: pl.DataFrame, tmp_path: Path
) -> None:
    hive = layout(tmp_path / "hive", newcomers, "plan")
    newcomers.write_parquet(tmp_path / "flat.parquet")
    for source in (hive, f"{hive}/**/*.parquet", sorted(hive.glob("*/*.parquet"))):
        score_files(model, source, tmp_path / "hive.parquet", keep=["plan"])
        score_files(model, tmp_path / "flat.parquet", tmp_path / "scores.parquet", keep=["plan"])
        came, expected = (
            pl.read_parquet(tmp_path / name).sort("customer") for name in ("hive.parquet", "scores.parquet")
        )
        assert came.equals(expected.select(came.columns))
    assert model.score(hive).collect().sort("customer").equals(model.score(newcomers).collect().sort("customer"))


def test_a_folder_can_be_a_role(customers: pl.DataFrame, quick: dict[str, Any], tmp_path: Path) -> None:
    hive = layout(tmp_path / "hive", customers.with_columns(city=pl.col("city").fill_null("?")), "city")
    roles = Roles(id="customer", group="city", target="churned")
    model = propensity.train(f"{hive}/**/*.parquet", roles=roles, config=quick)
    assert "city" not in model.encoder.schema.names()
    assert "plan" in model.encoder.schema.names()


def test_a_date_of_a_csv_fit_is_one_in_scoring_or_refused(
    customers: pl.DataFrame, newcomers: pl.DataFrame, roles: Roles, quick: dict[str, Any], tmp_path: Path
) -> None:
    customers.write_csv(tmp_path / "fit.csv")
    model = propensity.train(tmp_path / "fit.csv", roles=roles, config=quick)
    newcomers.write_csv(tmp_path / "new.csv")
    expected = model.score(newcomers).collect()
    assert model.score(tmp_path / "new.csv").collect().equals(expected)
    newcomers.write_ndjson(tmp_path / "new.ndjson")
    assert model.score(tmp_path / "new.ndjson").collect().equals(expected)
    newcomers.with_columns(pl.col("joined").dt.strftime("%m/%d/%Y")).write_csv(tmp_path / "us.csv")
    with pytest.raises(SourceError, match=r"'joined' .*is not ISO 8601"):
        score_files(model, tmp_path / "us.csv", tmp_path / "scores.parquet")
    assert not (tmp_path / "scores.parquet").exists()


def test_a_time_of_another_form_is_refused_in_training(
    customers: pl.DataFrame, roles: Roles, quick: dict[str, Any], tmp_path: Path
) -> None:
    customers.with_columns(pl.col("seen_at").dt.strftime("%d/%m/%y")).write_csv(tmp_path / "fit.csv")
    with pytest.raises(SchemaError, match="time 'seen_at' is String"):
        propensity.train(tmp_path / "fit.csv", roles=roles, config=quick)
