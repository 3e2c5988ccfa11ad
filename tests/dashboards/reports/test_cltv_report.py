"""The pages of customer value: from models and backtests made by hand, without PyMC."""

import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dashboards.reports import cltv as cltv_report
from dashboards.reports import cltv_backtest, cltv_campaigns, cltv_parameters
from tabkit import marks
from tabkit.cltv import holdout
from tabkit.cltv.backtesting.backtest import Backtest, Origin, ResultScores
from tabkit.cltv.backtesting.baselines import BOOSTED, RATE, ZERO, Point
from tabkit.cltv.backtesting.origins import BacktestPlan
from tabkit.cltv.forecasting import widening
from tabkit.cltv.forecasting.forecast import Forecaster, Horizon
from tabkit.cltv.inference.design import Design
from tabkit.cltv.inference.posterior import Posterior
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.models import MODELS, gamma_gamma
from tabkit.cltv.summary import summarise
from tabkit.errors import ConfigError, SchemaError, ScoringError

pytest.importorskip("altair", reason="the extra dashboards is not installed")
pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")

START = datetime.date(2024, 1, 1)
END = START + datetime.timedelta(150)
COLUMNS = {"customer": "who", "date": "day", "amount": "paid"}
HOSTILE = "</script><img onerror=alert(1)>"


def log() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        (f"c{k:03d}", START + datetime.timedelta(int(day)), float(rng.gamma(4, 5)))
        for k in range(120)
        for day in (k % 40, *(k % 40 + np.cumsum(rng.geometric(0.03, k % 5))))
    ]
    return pl.DataFrame(rows, schema={"who": pl.String, "day": pl.Date, "paid": pl.Float64}, orient="row")


def forecaster(*, money: bool = True) -> Forecaster:
    rng, chosen = np.random.default_rng(1), MODELS["bgnbd"]
    true = {"r": 0.9, "alpha": 8.0, "phi": 0.2, "kappa": 3.0}
    draws = {name: value * rng.lognormal(0, 0.05, 50) for name, value in true.items()}
    worth = {name: value * rng.lognormal(0, 0.05, 50) for name, value in {"p": 4.0, "q": 6.0, "v": 20.0}.items()}
    spending = Posterior(worth, gamma_gamma.PARAMETERS, Design()) if money else None
    return Forecaster(chosen, Posterior(draws, chosen.parameters, Design()), spending, 7.0)


def lifetime(*, customers: pl.DataFrame | None = None, money: bool = True, **more: Any) -> CLTVModel:
    found = summarise(log(), customer="who", date="day", amount="paid", end=END)
    priors = {p.name: p.prior.to_dict() for p in (*MODELS["bgnbd"].parameters, *gamma_gamma.PARAMETERS)}
    drawn = {"inference": "laplace", "diagnostics": {"k_hat": 0.1, "ess": 900.0}, "warnings": []}
    facts = {
        "end": str(END), "start": str(found.start), "transactions": found.transactions, "refused": {"no customer": 3},
        "model": "bgnbd", "unit": "week", "rows": 120, "unique_rows": 90, "priors": priors, **drawn,
        "spend": drawn if money else None, "warnings": ["Mind the <gap>."], **more,
    }  # fmt: skip
    return CLTVModel(forecaster(money=money), found.customers if customers is None else customers, "who", facts)


def backtest() -> Backtest:
    origins: list[Origin] = []
    plan = BacktestPlan((END - datetime.timedelta(60), END - datetime.timedelta(30)), 30, 30)
    for day in plan.days:
        until = day + datetime.timedelta(30)
        held = holdout.split(log(), **COLUMNS, calibration_end=day, end=until)
        model = lifetime(customers=held.summary.customers)
        learned = {}
        if origins:
            learned = {kind: widening.learn([origins[0].judged[kind].scores]) for kind in ("purchases", "value")}
        horizon = Horizon(days=30, draws=40)
        found = widening.score(model.forecaster, held.summary.customers, held.outcome, horizon=horizon, learned=learned)
        points = {ZERO: Point(0.5, 1.0, None), RATE: Point(0.7, 1.0, 0.1), BOOSTED: None}
        judged = {kind: ResultScores(one.plain, points, learned.get(kind), one.widened) for kind, one in found.items()}
        origins.append(Origin(day, held, model, judged))
    return Backtest(plan, tuple(origins), {}, "bgnbd", ("Mind the <gap>.",))


def test_the_page_of_a_fit_has_all_its_pictures(tmp_path: Path) -> None:
    page = tmp_path / "pages" / "fit.html"
    cltv_report.write_fit_page(lifetime(), page, source=log(), config=COLUMNS, title=HOSTILE)
    text = page.read_text()
    assert text.count("<svg") == 4
    assert "<script" not in text
    assert "<img" not in text
    assert "Mind the &lt;gap&gt;." in text
    assert "3 no customer" in text
    assert "the draws can be trusted" in text


def test_what_is_tracked_is_the_log() -> None:
    found = cltv_report.fit_page(lifetime(), source=log(), config=COLUMNS).tracked
    assert found is not None
    assert found.border == END
    assert found.step_days == 7
    whole = summarise(log(), customer="who", date="day")
    assert found.cumulative["observed"][-1] == whole.transactions - 120
    assert found.cumulative["day"][-1] == log()["day"].max()
    wrong = log().with_columns(pl.col("day").dt.offset_by("-3d"))
    with pytest.raises(ScoringError, match="repeat purchases; the summary has"):
        cltv_report.fit_page(lifetime(), source=wrong, config=COLUMNS)


def test_without_a_log_nothing_is_tracked() -> None:
    assert cltv_report.fit_page(lifetime()).tracked is None
    assert cltv_report.fit_page(lifetime(), source=log(), config={**COLUMNS, "summary": True}).tracked is None
    assert cltv_report.fit_page(lifetime(end=None), source=log(), config=COLUMNS).tracked is None
    with pytest.raises(ConfigError, match=r"customer.*given"):
        cltv_report.fit_page(lifetime(), source=log())


def test_parameters_are_quantiles_of_the_draws_with_their_priors() -> None:
    model = lifetime()
    found = cltv_parameters.parameters(model)
    assert found["parameter"].to_list() == ["r", "alpha", "phi", "kappa", "a", "b", "p", "q", "v"]
    draws = model.forecaster.purchases.draws
    row = found.row(4, named=True)
    assert row["high"] == pytest.approx(np.quantile(draws["phi"] * draws["kappa"], 0.97))
    assert row["prior"] is None
    assert found["prior"].null_count() == 2
    assert found["meaning"].null_count() == 0


def test_groups_and_covariates_stand_in_the_table() -> None:
    model, rng = lifetime(money=False), np.random.default_rng(0)
    own = model.forecaster.purchases
    draws = {
        **own.draws,
        "alpha_sigma": rng.random(50),
        "alpha_z": rng.random((50, 2)),
        "rate_coef": rng.random((50, 1)),
    }
    design = Design(covariates=("age",), mean=(0.0,), spread=(1.0,), group="land", groups=("x", "y"))
    purchases = Posterior(draws, own.parameters, design)
    extra = {"group_scale": {"kind": "half_cauchy", "beta": 0.5}, "covariate": {"kind": "normal", "mu": 0, "sigma": 1}}
    customers = model.customers.with_columns(age=pl.lit(1.0), land=pl.lit("x"))
    facts = {**model.facts, "priors": {**model.facts["priors"], **extra}}
    richer = CLTVModel(dataclasses.replace(model.forecaster, purchases=purchases), customers, "who", facts)
    found = cltv_report.fit_page(richer)
    names = found.parameters["parameter"].to_list()
    assert {"alpha_sigma", "rate: age"} <= set(names)
    assert "alpha_z" not in names
    assert any("land that may come" in note for note in found.notes)


def test_one_customer_has_a_page(tmp_path: Path) -> None:
    alone = lifetime(customers=lifetime().customers.head(1), money=False)
    cltv_report.write_fit_page(alone, tmp_path / "one.html")
    assert "Expected purchases" in (tmp_path / "one.html").read_text()


def test_doubtful_draws_are_said_to_be_so() -> None:
    doubtful = {"inference": "nuts", "diagnostics": {"divergences": 3.0, "r_hat": None, "ess": None}}
    found = cltv_report.fit_page(lifetime(**doubtful))
    assert "mind the notes" in found.verdict
    assert any("3 divergences" in value for _, value in found.facts)


def test_what_the_data_hardly_tell_stands_in_the_verdict_and_untested_intervals_among_the_facts() -> None:
    found = cltv_report.fit_page(lifetime(unidentified=[{"name": "kappa"}, {"name": "a"}]))
    assert "tell kappa" in found.verdict
    assert ("Interval of total value", "not widened; not tested") in found.facts
    assert "hardly tell" not in cltv_report.fit_page(lifetime()).verdict


@pytest.mark.parametrize(
    ("divergences", "r_hat", "word"), [(1.0, 1.015, "can be trusted"), (1.0, 1.03, "mind"), (9.0, 1.0, "mind")]
)
def test_the_verdict_on_draws_hangs_on_the_limits_of_the_sampler(divergences: float, r_hat: float, word: str) -> None:
    found = {"divergences": divergences, "divergent": divergences / 4000, "r_hat": r_hat, "ess": 900.0}
    assert word in cltv_report.fit_page(lifetime(inference="nuts", diagnostics=found)).verdict


def test_contracts_have_a_page_without_a_heat_map(tmp_path: Path) -> None:
    chosen = MODELS["sbg"]
    draws = {"phi": np.full(20, 0.3), "kappa": np.full(20, 2.0)}
    own = Forecaster(chosen, Posterior(draws, chosen.parameters, Design()), None, 365.25)
    customers = pl.DataFrame({"customer": [1, 2], "T": [3, 2], "churned": [0, 1]})
    facts = {
        "model": "sbg", "unit": "year", "rows": 2, "unique_rows": 2, "end": None, "transactions": None, "refused": {},
        "priors": {p.name: p.prior.to_dict() for p in chosen.parameters}, "spend": None, "warnings": [],
        "inference": "laplace", "diagnostics": {"k_hat": None, "ess": 20.0},
    }  # fmt: skip
    cltv_report.write_fit_page(CLTVModel(own, customers, "customer", facts), tmp_path / "sbg.html")
    text = (tmp_path / "sbg.html").read_text()
    assert text.count("<svg") == 1
    assert "knows no frequency" in text


def test_the_page_of_a_backtest(tmp_path: Path) -> None:
    found = backtest()
    cltv_backtest.write_backtest_page(found, tmp_path / "b.html", source=log(), config=COLUMNS)
    text = (tmp_path / "b.html").read_text()
    assert text.count("<svg") == 4
    assert "Mind the &lt;gap&gt;." in text
    page = cltv_backtest.backtest_page(found)
    assert page.tracked is None
    assert page.errors.shape == (4, 8)
    assert page.errors["lightgbm"].null_count() == 4
    assert page.held.height == 4 * 3
    assert page.totals["wide_low"].is_null().to_list() == [True, False, True, False]
    scores = found.origins[-1].judged["purchases"].scores
    assert page.pits[0].counts == tuple(scores.pit_counts())
    assert sum(page.pits[0].widened) == scores.customers


def test_the_last_origin_is_tracked() -> None:
    found = backtest()
    tracked = cltv_backtest.backtest_page(found, source=log(), config=COLUMNS).tracked
    assert tracked is not None
    last = found.origins[-1]
    rows = tracked.cumulative.filter(phase="forecast")
    assert (tracked.border, rows["day"][-1]) == (last.day, last.day + datetime.timedelta(30))
    assert rows["observed"][-1] - rows["observed"][0] == last.held.outcome["purchases"].sum()


def decisions() -> pl.DataFrame:
    row = {"campaign": HOSTILE, "users": 12, "value_mean": 5.0, "value_low": 4.0, "value_high": 6.0, "cost": 3.0}
    return pl.DataFrame([{**row, "p_above": 0.99, "payback_days": 30, "p_never": 0.01, "bid": 4.5}])


def test_the_page_of_campaigns(tmp_path: Path) -> None:
    page = tmp_path / "c.html"
    cltv_campaigns.write_campaign_page(decisions(), page, title="Spring", verdict="Go on.", notes=["Mind the <gap>."])
    text = page.read_text()
    assert "<img" not in text
    assert "Mind the &lt;gap&gt;." in text
    with pytest.raises(SchemaError, match="fan chart lacks day, q3"):
        cltv_campaigns.write_campaign_page(
            decisions(), page, title="Spring", verdict="Go on.", fans=pl.DataFrame({"campaign": ["a"]})
        )
    assert page.read_text() == text


WRITERS: dict[str, Callable[[Path], None]] = {
    "fit": lambda path: cltv_report.write_fit_page(lifetime(), path),
    "campaigns": lambda path: cltv_campaigns.write_campaign_page(decisions(), path, title="a", verdict="b"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_page_never_takes_the_place_of_something_else(name: str, tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    for place in ("rows.parquet", "."):
        with pytest.raises(ConfigError, match=r"exists already|is a folder"):
            WRITERS[name](tmp_path / place)
    assert (tmp_path / "rows.parquet").read_bytes() == b"PAR1"
    for other in ("update", "cltv backtest"):
        (tmp_path / "old.html").write_text(f"<!DOCTYPE html>\n{marks.html(other)}<p>January")
        with pytest.raises(ConfigError, match="exists already"):
            WRITERS[name](tmp_path / "old.html")
    (tmp_path / "old.html").write_text(f"<!DOCTYPE html>\n{marks.html(f'cltv {name}')}<p>January")
    WRITERS[name](tmp_path / "old.html")
    assert "January" not in (tmp_path / "old.html").read_text()
