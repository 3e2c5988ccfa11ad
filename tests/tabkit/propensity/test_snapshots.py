"""Monthly snapshots: one date, many rows. What is chosen, what is said, and how the parts of a fit are cut."""

import datetime as dt
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from scipy.special import expit
from scipy.stats import binom

from dashboards.reports import update as update_page
from pipelines import propensity
from pipelines.cli.views.propensity import update_view
from pipelines.jobs.propensity import update_job
from tabkit.config import build
from tabkit.predicates import Range, Rule
from tabkit.progress import Silent
from tabkit.propensity.ablation.study import worth
from tabkit.propensity.comparison import compare
from tabkit.propensity.config import UpdateConfig
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.new_rows import read_rows
from tabkit.propensity.updating.blocks import planned
from tabkit.propensity.updating.level import moved_levels
from tabkit.roles import Roles
from tabkit.table import Table

ROLES = Roles(id="id", time="day", target="y")
FEW = {"extend_trees": 20, "blocks": 1, "num_threads": 1}
QUICK: dict[str, Any] = {
    "resamples": 20,
    "boosting": {"num_threads": 1, "max_trees": 60, "learning_rate": 0.1, "min_data_in_leaf": 60, "num_leaves": 6},
}
MOVED = 1.4  # in the logit: from 41 % to 67 %


def snapshot(month: int, shift: float = 0.0, rows: int = 700) -> pl.DataFrame:
    """All customers on one day; `shift` moves the base rate, and what x says stays."""
    rng = np.random.default_rng([month, 11])
    x = rng.normal(size=(rows, 2))
    y = rng.random(rows) < expit(x[:, 0] - 0.42 + shift)
    day = dt.date(2023 + month // 12, 1 + month % 12, 28)
    return pl.DataFrame({"id": [f"{month}-{k}" for k in range(rows)], "day": day, "a": x[:, 0], "b": x[:, 1], "y": y})


def months(*shifts: float, start: int = 3) -> pl.DataFrame:
    return pl.concat([snapshot(start + k, shift) for k, shift in enumerate(shifts)])


@pytest.fixture(scope="module")
def model() -> PropensityModel:
    fitted = pl.concat([snapshot(month, rows=3000) for month in range(3)])
    return propensity.train(fitted, roles=ROLES, config=QUICK)


# One snapshot


def test_a_base_rate_that_moved_is_followed_and_alarms(model: PropensityModel, tmp_path: Path) -> None:
    new, report = propensity.update(model, months(MOVED), config=FEW)
    assert (report.strategy, report.kept, report.unit) == ("recalibrate", False, "row")
    assert "day are taken" in report.note.lower()
    assert "next month" in report.note
    [alarm], [moved] = report.alarms, report.moved
    assert "y is true in 6" in alarm
    assert "new rows, and was in" in alarm
    assert "recalibrate" in alarm
    assert moved.before + 0.15 < moved.now
    assert 0 < moved.low < moved.now - moved.before < moved.high
    [loss, *_] = compare(model, new, months(MOVED, start=4)).gains
    assert loss.high < 0
    page = tmp_path / "update.html"
    update_page.write(new, page)
    html = page.read_text()
    assert html.index('role="alert"') < html.index("<table")
    assert "The base rate moved" in html
    assert "next month" in html


def test_where_nothing_moved_the_model_is_kept_and_says_so(model: PropensityModel, tmp_path: Path) -> None:
    new, report = propensity.update(model, months(0.0), config=FEW)
    assert (report.strategy, report.kept, report.alarms, report.moved) == ("keep", True, (), ())
    page = tmp_path / "update.html"
    update_page.write(new, page)
    assert "model is kept as" in page.read_text()
    assert report.to_dict()["kept"] is True


def test_a_kept_model_is_told_of_the_cheapest_remedy(model: PropensityModel) -> None:
    _, report = propensity.update(model, months(MOVED), config={**FEW, "strategy": "keep"})
    assert report.kept
    assert "remedy is recalibrate (--strategy recalibrate)" in report.alarms[0]


def test_an_update_that_lags_behind_a_move_is_not_said_to_follow_it(model: PropensityModel) -> None:
    forced = {**FEW, "strategy": "refit", "decay": 0.9}
    _, report = propensity.update(model, months(MOVED), config=forced)
    assert "(refit) lags" in report.alarms[0]
    assert "expects 4" in report.alarms[0]
    assert "remedy is recalibrate (--strategy recalibrate)" in report.alarms[0].lower()
    for strategy in ("recalibrate", "retrain"):
        _, report = propensity.update(model, months(MOVED), config={**FEW, "strategy": strategy})
        assert f"({strategy}) follows it." in report.alarms[0]


def test_a_quantile_is_told_the_cheapest_remedy_that_it_has_and_why_it_has_no_other() -> None:
    def amounts(month: int, shift: float) -> pl.DataFrame:
        frame = snapshot(month)
        return frame.with_columns(y=pl.col("a") + shift + np.random.default_rng(month).normal(size=frame.height))

    settings = {**QUICK, "boosting": {**QUICK["boosting"], "objective": "quantile"}}
    fitted = propensity.train(pl.concat([amounts(0, 0.0), amounts(1, 0.0)]), roles=ROLES, config=settings)
    _, kept = propensity.update(fitted, amounts(2, 2.0), config={**FEW, "strategy": "keep"})
    assert "remedy is extend (--strategy extend)" in kept.alarms[0]
    _, report = propensity.update(fitted, amounts(2, 2.0), config=FEW)
    refused = {tried.name: tried.refused for tried in report.candidates if tried.refused}
    assert refused.keys() == {"recalibrate", "refit", "refit_extend"}
    assert all("quantile" in why for why in refused.values())


def test_a_forced_strategy_is_sure_only_by_an_interval_with_a_width(model: PropensityModel) -> None:
    for shift in (MOVED, 0.0):
        _, report = propensity.update(model, months(shift), config={**FEW, "strategy": "recalibrate"})
        tried = report.candidates[-1]
        assert tried.loss_difference_low is not None
        assert tried.loss_difference_high is not None
        assert tried.loss_difference_low < tried.loss_difference_high
        assert ("a sure gain" in report.why) == (tried.loss_difference_high < 0)
        assert tried.loss_difference_high < 0 or shift == 0.0


@pytest.mark.slow
def test_where_nothing_changed_updates_are_rare(model: PropensityModel) -> None:
    chosen = [
        propensity.update(model, snapshot(3 + seed), config={**FEW, "strategy": "auto"})[1].kept for seed in range(24)
    ]
    assert chosen.count(False) <= binom.ppf(0.999, 24, 0.05)


# Several snapshots


def test_each_new_snapshot_is_judged_by_those_before(model: PropensityModel) -> None:
    _, report = propensity.update(model, months(MOVED, MOVED, MOVED), config=FEW)
    assert report.strategy != "keep"
    assert [month.when for month in report.months] == ["2023-06-28"]
    plan = planned(model, _table(model, months(MOVED, MOVED, MOVED)), None, _settings(blocks=2), seed=0)
    assert [(step.when, step.learn.frame.height) for step in plan.steps] == [("2023-05-28", 700), ("2023-06-28", 1400)]


def test_months_that_come_and_go_object(model: PropensityModel) -> None:
    # Up and down by turns: what one month brings the next does not keep.
    rows = months(0.6, -0.6, 0.6, -0.6, 0.6)
    last = dt.date(2023, 8, 28)
    reference, new = rows.filter(pl.col("day") < last), rows.filter(pl.col("day") == last)
    alone, report = propensity.update(model, new, config=FEW)
    assert report.strategy != "keep"
    _, told = propensity.update(model, new, reference=reference, config=FEW)
    assert told.kept
    assert "the next does not keep" in told.why
    assert [month.when[:7] for month in told.months] == ["2023-05", "2023-06", "2023-07", "2023-08"]
    assert all(month.loss_differences["recalibrate"] > 0 for month in told.months)
    assert any("Replayed on 4 snapshots" in warning for warning in told.warnings)
    assert alone.predictor != model.predictor


def test_quiet_months_do_not_stand_against_a_jump(model: PropensityModel) -> None:
    rows = months(0, 0, 0, MOVED)
    last = dt.date(2023, 7, 28)
    _, report = propensity.update(
        model, rows.filter(pl.col("day") == last), reference=rows.filter(pl.col("day") < last), config=FEW
    )
    assert report.strategy == "recalibrate"
    assert len(report.months) == 3


@pytest.mark.slow
def test_enough_months_decide_by_themselves(model: PropensityModel) -> None:
    for shifts, kept in (([0.5] * 12, False), ([0.6, -0.6] * 6, True)):
        rows = months(*shifts)
        last = rows["day"].max()
        new, reference = rows.filter(pl.col("day") == last), rows.filter(pl.col("day") < last)
        config = {**FEW, "strategy": "auto"}
        _, report = propensity.update(model, new, reference=reference, config=config)
        assert (report.unit, len(report.months)) == ("day", 11)
        assert report.kept is kept
        assert any("Judged on 11 snapshots" in warning for warning in report.warnings)


def test_snapshots_that_the_model_was_fitted_on_cannot_judge_it(model: PropensityModel) -> None:
    old, new = _table(model, months(0, 0, 0, start=0)), _table(model, months(MOVED))
    plan = planned(model, new, old, _settings(), seed=0)
    assert plan.replayed == ()
    assert "the model knows them" in plan.remark
    some = _table(model, pl.concat([months(0, 0, 0, start=0), months(0, 0)]))
    later = planned(model, _table(model, months(MOVED, start=5)), some, _settings(), seed=0)
    assert [step.when for step in later.replayed] == ["2023-05-28", "2023-06-28"]
    assert [step.learn.frame["day"].n_unique() for step in later.replayed] == [1, 1]


# Levels that move


@pytest.mark.parametrize(("rows", "told"), [(300, False), (6000, True)])
def test_a_move_counts_by_how_sure_it_is(model: PropensityModel, rows: int, *, told: bool) -> None:
    table = _table(model, snapshot(3, 0.35, rows))
    assert bool(moved_levels(model, table)) is told


def test_a_move_of_the_mean_is_an_alarm_too_and_chance_is_none() -> None:
    def frame(month: int, shift: float) -> pl.DataFrame:
        rng = np.random.default_rng([month, 5])
        rows = snapshot(month, 0.0)
        return rows.with_columns(y=pl.Series(1e3 + 5 * rows["a"].to_numpy() + rng.normal(0, 5, rows.height) + shift))

    fitted = propensity.train(pl.concat([frame(m, 0) for m in range(3)]), roles=ROLES, config=QUICK)
    alarms = sum(bool(moved_levels(fitted, _table(fitted, frame(3 + seed, 0)))) for seed in range(200))
    assert alarms <= binom.ppf(0.999, 200, 0.001)
    _, report = propensity.update(fitted, frame(3, 3.0), config={**FEW, "strategy": "keep"})
    assert "The mean of y moved" in report.alarms[0]


# Parts of a fit


@pytest.mark.parametrize(
    ("count", "parts", "said"),
    [
        (1, (476, 84, 140), "have one time (day 2023-01-28)"),
        (3, (1190, 210, 700), "held out, and not 20%"),
        (5, (2380, 420, 700), "15% of the rows before"),
    ],
)
def test_parts_are_as_large_as_was_said_or_it_is_told(count: int, parts: tuple[int, ...], said: str) -> None:
    lineage = propensity.train(months(*[0] * count, start=0), roles=ROLES, config=QUICK).lineage
    assert tuple(lineage[f"rows_{part}"] for part in ("fit", "early_stopping", "holdout")) == parts
    assert any(said in hint for hint in lineage["hints"])


def test_many_times_are_divided_without_a_word() -> None:
    daily = months(0, 0, 0, start=0).with_columns(
        day=pl.lit(dt.date(2023, 1, 1)) + pl.duration(days=pl.int_range(pl.len()) // 20)
    )
    hints = propensity.train(daily, roles=ROLES, config=QUICK).lineage["hints"]
    assert not any("held out" in hint or "end the fit" in hint for hint in hints)


def test_a_single_snapshot_is_judged_across_folds_by_worth() -> None:
    rule = Rule(name="high", all_of=(Range(column="a", ge=0.5),))
    found = worth(months(0), rules=[rule], roles=ROLES, config={"folds": 2, "resamples": 20, **QUICK})
    assert (found.unit, found.rows) == ("row", 700)
    assert "taken as independent" in found.note


# The command


def test_the_job_prints_alarm_and_kept_as_plain_data(model: PropensityModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    months(MOVED).write_parquet(tmp_path / "new.parquet")
    values = {"bundle": str(tmp_path / "m"), "source": str(tmp_path / "new.parquet"), **FEW, "strategy": "keep"}
    result = update_job(values, overwrite=False, progress=Silent())
    assert result["kept"] is True
    assert "The base rate moved" in result["alarms"][0]
    assert result["moved"][0]["level"] == "true"
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(update_view(result))
    text = console.export_text()
    assert text.index("Alarm: The base rate moved") < text.index("Judged on")
    assert "model is kept as" in text
    assert "taken as independent" in text


def _table(model: PropensityModel, frame: pl.DataFrame) -> Table:
    return read_rows(model, frame)


def _settings(**values: Any) -> UpdateConfig:
    return build(UpdateConfig, {**FEW, **values})
