"""CLTVModel scores, is updated, and takes roles as other models do."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from places import GOLDEN
from polars.testing import assert_frame_equal
from purchases import LOG, ROLES, quick_fit

from tabkit import cltv, load
from tabkit.cltv import updating
from tabkit.cltv.config import CampaignConfig, LifetimeConfig
from tabkit.cltv.customers import Customers, customers_of
from tabkit.cltv.model import CLTVModel
from tabkit.cltv.models import MODELS
from tabkit.cltv.roles import with_roles
from tabkit.cltv.summary import summarise
from tabkit.errors import ConfigError, FitError, SchemaError

HALF = dt.date(2023, 5, 31)
NAMED = {"id": "who", "time": "day", "amount": "paid"}


def quick(read: Customers, source: object, settings: LifetimeConfig, *, progress: object = None) -> CLTVModel:
    """A fit to customers without PyMC."""
    made = quick_fit(read.frame, config=settings)
    facts = {**made.facts, **read.told, "unit": settings.unit, "resolution": settings.resolution}
    return replace(made, facts=facts, config=settings.model_dump(mode="json"), refused_rows=read.refused)


def fitted(**options: Any) -> CLTVModel:
    settings = LifetimeConfig(**ROLES, end=HALF, **options)
    return quick(customers_of(LOG, settings, MODELS["bgnbd"]), LOG, settings)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real" not in request.node.name:
        monkeypatch.setattr(updating, "fit_customers", quick)


@pytest.fixture(scope="module")
def half() -> CLTVModel:
    return fitted()


@pytest.mark.parametrize("unit", ["day", "week", "year"])
def test_the_customers_are_those_of_the_whole_log(unit: str) -> None:
    """With money in whole cents, and to the last digits of times."""
    known = fitted(unit=unit)
    later = LOG.filter(pl.col("day") > HALF)
    whole = summarise(LOG, **ROLES, unit=unit).customers
    for source in (later, LOG):  # what the model knows already does not count twice
        new, report = known.update(source)
        assert_frame_equal(new.customers, whole, rel_tol=1e-9)
        assert report.transactions == known_after(HALF)
        assert report.newcomers == whole.height - known.customers.height > 0
    assert new.facts["transactions"] == summarise(LOG, **ROLES).transactions
    assert (report.before, report.end) == (str(HALF), str(LOG["day"].max()))
    assert "refit" in report.why.lower()
    assert new.checksum is None
    assert known.facts["end"] == str(HALF)


def known_after(day: dt.date) -> int:
    return LOG.filter(pl.col("day") > day).select("who", "day").unique().height


def test_an_update_of_nothing_new_is_refused(half: CLTVModel) -> None:
    with pytest.raises(FitError, match=f"no transaction after {HALF}"):
        half.update(LOG.filter(pl.col("day") <= HALF))
    with pytest.raises(ConfigError, match="unknown strategy"):
        half.update(LOG, strategy="extend")
    with pytest.raises(SchemaError, match="lacks columns"):
        half.update(LOG.rename({"who": "name"}))


def test_a_quiet_time_can_be_said(half: CLTVModel) -> None:
    new, report = half.update(LOG.filter(pl.col("day") <= HALF), config={"end": "2024-02-01"})
    assert report.transactions == 0
    assert new.customers["frequency"].equals(half.customers["frequency"])
    assert (new.customers["T"] > half.customers["T"]).all()


def test_refused_rows_are_those_that_are_new(half: CLTVModel) -> None:
    bad = pl.DataFrame({"who": [None, 3], "day": [HALF + dt.timedelta(3)] * 2, "paid": [5.0, -5.0]}, schema=LOG.schema)
    new, report = half.update(pl.concat([LOG, bad]))
    assert report.refused == {"no customer": 1, "a refund": 1}
    assert new.refused_rows is not None
    assert new.refused_rows["row"].to_list() == [LOG.height, LOG.height + 1]


def test_weeks_cannot_be_extended() -> None:
    weekly = fitted(resolution="week")
    with pytest.raises(ConfigError, match="weeks"):
        weekly.update(LOG)


def test_a_summary_is_fitted_anew() -> None:
    summary = summarise(LOG, **ROLES, end=HALF).customers
    settings = LifetimeConfig(customer="who", summary=True)
    model = quick(customers_of(summary, settings, MODELS["bgnbd"]), summary, settings)
    newer = summarise(LOG, **ROLES).customers
    updated = model.update(newer)
    assert_frame_equal(updated.model.customers, newer)
    assert updated.report.transactions is None


@pytest.mark.slow(seconds=6)
def test_a_real_fit_takes_roles_and_is_updated(tmp_path: Path) -> None:
    pytest.importorskip("pymc", reason="the extra cltv is not installed")
    model = cltv.fit(LOG, roles=NAMED, config={"end": HALF, "draws": 100})
    assert model.refused_rows is not None
    assert model.facts["refused"] == {"after the observation end": model.refused_rows.height}
    new, _ = model.update(LOG)
    assert new.forecaster.purchases.size == 100
    assert new.facts["parameters"]["r"]["sd"] < model.facts["parameters"]["r"]["sd"]
    pytest.importorskip("altair", reason="the extra dashboards is not installed")
    model.report(tmp_path / "tracked.html", LOG)
    model.report(tmp_path / "plain.html")
    tracked, plain = ((tmp_path / name).stat().st_size for name in ("tracked.html", "plain.html"))
    assert tracked > 1.1 * plain  # a chart more


def test_a_saved_model_is_updated_and_scores_as_before(half: CLTVModel, tmp_path: Path) -> None:
    half.save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.score(horizon_days=30).collect().equals(half.score(horizon_days=30).collect())
    assert again.update(LOG).model.customers.height > half.customers.height
    assert again.refused_rows is None


def test_a_bundle_from_before_columns_were_saved_asks_for_them() -> None:
    old = load(GOLDEN / "value")
    own = pl.col("who").cast(old.customers.schema[old.customer])
    log = LOG.with_columns(who=own, day=pl.col("day").dt.offset_by("2y"), age=pl.lit(30))
    with pytest.raises(ConfigError, match="amount"):
        old.update(log)
    new, report = old.update(log, roles=NAMED)
    assert report.before == old.facts["end"]
    assert new.facts["transactions"] > old.facts["transactions"]
    assert new.widening == old.widening


def test_a_forecast_is_a_score(half: CLTVModel) -> None:
    scores = half.score(horizon_days=90)
    assert isinstance(scores, pl.LazyFrame)
    everyone, _ = half.forecast(config={"horizon_days": 90})
    assert scores.collect().equals(everyone)
    assert half.score(config={"horizon_days": 90}).collect().equals(everyone)
    with pytest.raises(ConfigError, match="horizon_days"):
        half.score(horizon_days=-1)


def test_others_are_scored_from_their_log(half: CLTVModel) -> None:
    seen = LOG.filter(pl.col("day") <= HALF)
    assert half.score(seen, horizon_days=60).collect().height == half.customers.height
    newer = half.score(LOG, horizon_days=60).collect()
    assert newer["who"].to_list() == summarise(LOG, **ROLES).customers["who"].to_list()
    called = LOG.rename({"who": "name", "day": "when", "paid": "price"})
    roles = {"id": "name", "time": "when", "amount": "price"}
    assert half.score(called, roles=roles, horizon_days=60).collect().rename({"name": "who"}).equals(newer)


@pytest.mark.parametrize(
    ("roles", "config", "words"),
    [
        ({"customer": "who"}, {}, "customer"),
        ({"id": "who", "target": "paid"}, {}, "target"),
        ({"id": "who"}, {"customer": "day"}, "different columns"),
        (["who"], {}, "list"),
        ({"id": "who", "time": "who"}, {}, "two roles"),
    ],
)
def test_roles_that_cannot_be(roles: Any, config: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        cltv.fit(LOG, roles=roles, config=config)


def test_roles_are_settings_by_another_name() -> None:
    settings = LifetimeConfig(**ROLES)
    assert with_roles(LifetimeConfig(), NAMED) == settings == with_roles(settings, NAMED)
    assert with_roles(settings, None) == settings
    assert with_roles(CampaignConfig(), {"id": "user"}).customer == "user"
    with pytest.raises(ConfigError, match="time"):
        with_roles(CampaignConfig(), {"time": "day"})
