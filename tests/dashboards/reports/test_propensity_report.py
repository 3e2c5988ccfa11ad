import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines import propensity, report
from tabkit import marks, metrics
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

pytest.importorskip("altair", reason="the extra dashboards is not installed")
pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")

Make = Callable[..., pl.DataFrame]
FEATURES = ["plan", "city", "age", "spend", "calls", "active", "joined"]


@pytest.fixture(scope="module")
def labelled(make: Make) -> pl.DataFrame:
    return make(1500, seed=2).select("customer", "seen_at", *FEATURES, "churned")


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def check_offline(page: str) -> None:
    assert "<script" not in page.lower()
    loaded = re.findall(r"""(?:src|href|url\()\s*=?\s*["']?\s*(https?:)?//""", page)
    assert not loaded
    assert len(page) < 2_000_000


def test_binary_with_time_and_training_rows(
    model: PropensityModel, labelled: pl.DataFrame, customers: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "report.html"
    measured = report.write(model, labelled, path, title="Who <leaves>", training=customers)
    page = path.read_text()
    check_offline(page)
    assert "Who &lt;leaves&gt;" in page
    assert measured.rows == 1500
    assert measured.frame()["model"].unique(maintain_order=True).to_list() == ["model", "linear", "base rate"]
    assert " ".join(measured.verdict().split()[:4]) in page
    for part in ("ROC", "Calibration", "importance", "over time"):
        assert any(part.lower() in heading.lower() for heading in headings(page)), part


def test_without_training_rows_the_base_rate_is_the_models_own(model: PropensityModel, labelled: pl.DataFrame) -> None:
    page, measured = report.build_report(model, labelled, title="x")
    assert measured.frame()["model"].unique(maintain_order=True).to_list() == ["model", "base rate"]
    assert page.roc is not None
    assert page.roc["model"].unique().to_list() == ["model"]
    assert dict(page.facts)["Rows measured here"] == "1,500, 2024-01-01 to 2024-12-30"
    assert page.over_time is not None
    assert page.over_time["period"].unique().sort().to_list() == [f"2024-{m:02d}" for m in range(1, 13)]
    assert page.over_time["metric"].unique().to_list() == ["auc"]


def test_the_measurement_is_that_of_the_scores(model: PropensityModel, labelled: pl.DataFrame) -> None:
    _, measured = report.build_report(model, labelled, title="x")
    scores = model.score(labelled).collect()["score"].to_numpy()
    auc = next(s.value for s in measured.scores if (s.model, s.metric) == ("model", "auc"))
    assert auc == pytest.approx(metrics.auc(labelled["churned"].cast(pl.Float64).to_numpy(), scores), abs=1e-12)


@pytest.mark.parametrize("target", ["churned", "segment", "value", "claims"])
def test_every_task_without_time(make: Make, tmp_path: Path, quick: dict[str, Any], target: str) -> None:
    table = make(900).select("plan", "calls", "spend", "active", "months", target)
    count = target == "claims"
    settings = {**quick, "boosting": {**quick["boosting"], "objective": "poisson" if count else "auto"}}
    roles = Roles(target=target, exposure="months" if count else None, weight=None if count else "months")
    model = propensity.train(table, roles=roles, config=settings)
    new = make(400, seed=3).select(table.columns)
    measured = report.write(model, new, tmp_path / "report.html", title="x", training=table)
    page = (tmp_path / "report.html").read_text()
    check_offline(page)
    assert ("ROC curves" in headings(page)) == (target == "churned")
    assert not [heading for heading in headings(page) if "time" in heading]
    assert {score.model for score in measured.scores} == {"model", "linear", "base rate"}


def test_months_without_both_classes_are_left_out(model: PropensityModel, labelled: pl.DataFrame) -> None:
    month = pl.col("seen_at").dt.month()
    lopsided = labelled.with_columns(churned=pl.col("churned") & (month != 3))
    page, _ = report.build_report(model, lopsided, title="x")
    assert page.over_time is not None
    assert "2024-03" not in page.over_time["period"].to_list()
    single, _ = report.build_report(model, labelled.filter(month == 5), title="x")
    assert single.over_time is None


def test_rows_without_a_target_are_left_out_and_counted(model: PropensityModel, labelled: pl.DataFrame) -> None:
    holes = labelled.with_columns(churned=pl.when(pl.int_range(1500) < 100).then(None).otherwise("churned"))
    page, measured = report.build_report(model, holes, title="x")
    assert measured.rows == 1400
    assert "100 rows" in " ".join(page.notes)
    assert "null target" in " ".join(page.notes)


def test_numbers_for_time_are_not_cut(make: Make, quick: dict[str, Any]) -> None:
    table = make(600).select("plan", "calls", "churned").with_columns(at=pl.int_range(600) + 1_700_000_000_000)
    model = propensity.train(table, roles=Roles(target="churned", time="at"), config=quick)
    page, _ = report.build_report(model, table, title="x")
    assert dict(page.facts)["Rows measured here"] == "600, 1700000000000 to 1700000000599"
    assert page.over_time is None


def test_a_missing_extra_is_named_and_the_old_page_stands(
    model: PropensityModel, labelled: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    for name in [name for name in sys.modules if name.split(".")[0] in ("altair", "vl_convert")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "altair", None)
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ImportError, match=r"pip install 'tabkit-ml\[dashboards\]'"):
        report.write(model, labelled, path, title="x")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (pl.lit("maybe").alias("churned"), FitError, r"classes.*fit: 'maybe'"),
        (pl.lit(None).alias("churned"), FitError, "null in every row"),
        (pl.lit(False).alias("churned"), FitError, "class"),
        (pl.lit("x").alias("spend"), SchemaError, r"'spend'.*Float64.*String"),
    ],
)
def test_unusable_rows_are_refused_and_the_old_page_stands(
    model: PropensityModel, labelled: pl.DataFrame, tmp_path: Path, change: pl.Expr, error: type, message: str
) -> None:
    path = tmp_path / "report.html"
    old = f"<!DOCTYPE html>{marks.html('report')}old"
    path.write_text(old)
    with pytest.raises(error, match=message):
        report.write(model, labelled.with_columns(change), path, title="x")
    assert path.read_text() == old
    with pytest.raises(SchemaError, match="lacks columns: 'churned'"):
        report.write(model, labelled.drop("churned"), path, title="x")


def test_a_place_that_cannot_be_written_is_found_before_the_work(
    model: PropensityModel, labelled: pl.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigError, match="cannot write"):
        report.write(model, labelled, tmp_path / "file" / "report.html", title="x")
