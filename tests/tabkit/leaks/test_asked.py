"""Columns that tell the target too well, at the doors of models and encoders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import propensity, report
from pipelines.jobs.encode import encode_files
from pipelines.jobs.settings import EncodeJob
from tabkit.predictors import encode
from tabkit.propensity import comparison
from tabkit.roles import Roles

Make = Callable[..., pl.DataFrame]
Run = Callable[..., Any]
ROLES = Roles(id="customer", target="churned")


@pytest.fixture(scope="module")
def leaky(customers: pl.DataFrame) -> pl.DataFrame:
    """Customers with a reason that is known only of those who left, and of them all."""
    return customers.drop("seen_at").with_columns(reason=pl.when("churned").then(pl.lit("price")))


def test_a_network_is_asked_about_its_columns_too(leaky: pl.DataFrame, quick: dict[str, Any]) -> None:
    pytest.importorskip("torch")
    settings = {**quick, "model": "mlp", "final": "evaluated", "neural": {"max_epochs": 1, "num_threads": 1}}
    model = propensity.train(leaky, roles=ROLES, config=settings)
    assert any("'reason' is not null" in hint for hint in model.lineage["hints"])


def test_an_encoder_is_asked_about_its_columns(leaky: pl.DataFrame, tmp_path: Path, run: Run) -> None:
    assert [leak.columns for leak in encode(leaky, roles=ROLES).leaks] == [("reason",)]
    leaky.write_parquet(tmp_path / "rows.parquet")
    options = ("--target", "churned", "--id", "customer", "-o", tmp_path / "encoded.parquet")
    shown = run("encode", tmp_path / "rows.parquet", *options)
    assert "Note: 'reason' alone ranks churned" in shown.out
    values = {"source": str(tmp_path / "rows.parquet"), "roles": ROLES.given(), "output": str(tmp_path / "e.parquet")}
    settings = EncodeJob.model_validate({**values, "encoding": {"known": ["reason"]}})
    assert encode_files(settings, overwrite=False)["warnings"] == []


def test_without_a_target_an_encoder_has_nothing_to_ask(leaky: pl.DataFrame) -> None:
    assert encode(leaky.drop("churned"), roles=Roles(id="customer")).leaks == ()


def test_models_that_are_compared_are_asked_about_their_columns(
    leaky: pl.DataFrame, quick: dict[str, Any], tmp_path: Path
) -> None:
    for name, columns in (("with", leaky), ("without", leaky.drop("reason"))):
        propensity.train(columns[:1500], roles=ROLES, config=quick).save(tmp_path / name)
    told = comparison.comparison(tmp_path / "without", tmp_path / "with", leaky[1500:])["warnings"]
    assert [("'reason' alone" in text, "train a model without it" in text) for text in told] == [(True, True)]
    assert not comparison.comparison(tmp_path / "without", tmp_path / "without", leaky[1500:])["warnings"]


def test_the_page_of_a_model_asks_at_its_head(leaky: pl.DataFrame, quick: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("altair")
    model = propensity.train(leaky[:1500], roles=ROLES, config=quick)
    report.write(model, leaky[1500:], tmp_path / "page.html", title="Churn")
    page = (tmp_path / "page.html").read_text()
    assert "&#x27;reason&#x27; alone ranks churned" in page[: page.index("</header>")]


def test_the_page_of_a_model_tells_copies_with_the_metrics_of_the_others(
    customers: pl.DataFrame, quick: dict[str, Any]
) -> None:
    table = customers.drop("customer", "seen_at")
    train, new = table[:1500], table[1500:]
    model = propensity.train(train, roles=Roles(target="churned"), config=quick)
    page, _ = report.build_report(model, pl.concat([new, train[:300]]), title="Churn", training=train)
    [told] = page.warnings
    assert "38% of the rows measured" in told
    assert "500 rows" in told
    assert "no copies: log_loss" in told
    assert report.build_report(model, new, title="Churn", training=train)[0].warnings == ()


def test_an_update_is_asked_about_the_columns_of_its_rows(
    leaky: pl.DataFrame, quick: dict[str, Any], tmp_path: Path, run: Run
) -> None:
    blank = leaky[:1200].with_columns(reason=pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("price")))
    propensity.train(blank, roles=ROLES, config=quick).save(tmp_path / "model")
    leaky[1200:].write_parquet(tmp_path / "new.parquet")
    page = tmp_path / "update.html"
    settings = ("--set", "strategy=keep", "--set", f"report={page}", "-o", tmp_path / "updated")
    shown = run("update", tmp_path / "model", tmp_path / "new.parquet", *settings)
    assert "Alarm: 'reason' alone ranks churned" in shown.out
    assert page.read_text().count("&#x27;reason&#x27; alone ranks churned") == 1


def test_an_update_tells_copies_among_its_rows_with_the_loss_on_the_others(
    customers: pl.DataFrame, quick: dict[str, Any]
) -> None:
    table = customers.drop("customer", "seen_at")
    model = propensity.train(table[:1000], roles=Roles(target="churned"), config=quick)
    options: dict[str, Any] = {"config": {"strategy": "refit"}}
    assert propensity.update(model, table[1000:], **options)[1].alarms == ()
    [told] = propensity.update(model, pl.concat([table[1000:], table[1000:1600]]), **options)[1].alarms
    assert "rows also stand" in told
    assert "others: log_loss keep" in told
    assert "refit" in told.partition("others: ")[2]
