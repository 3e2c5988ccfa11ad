import datetime
import re
from html import unescape

import polars as pl
import pytest
from chart_frames import DAY, HOSTILE, bins, cells, fans, track

from dashboards.reports import backtest_page as backtests
from dashboards.reports import campaigns_page, cltv_page
from dashboards.reports.backtest_page import BacktestPage, Pit
from dashboards.reports.campaigns_page import CampaignPage
from dashboards.reports.cltv_page import FitPage, Heat
from dashboards.reports.cltv_parts import Tracked
from tabkit.errors import SchemaError

BORDER = DAY + datetime.timedelta(21)
TRACKED = Tracked(track(), track(), BORDER, 7)
PARAMETERS = pl.DataFrame(
    {
        "parameter": ["alpha", HOSTILE, "a"],
        "meaning": ["scale", HOSTILE, None],
        "mean": [4.4693, 0.25, 1234.5],
        "low": [3.78, 0.21, None],
        "high": [5.23, 0.29, None],
        "prior": ["half-Cauchy, beta 1", HOSTILE, None],
    }
)
ERRORS = pl.DataFrame(
    {
        "kind": ["purchases"] * 2,
        "origin": ["2024-01-01", HOSTILE],
        "customers": [1234, 1300],
        "mean": [0.7, 0.6],
        "median": [0.5, 0.61],
        "zero": [0.52, 0.62],
        "rate": [0.9, 0.9],
        "lightgbm": [None, 0.6],
    }
)
HELD = pl.DataFrame(
    {
        "kind": ["purchases"] * 2,
        "origin": ["2024-01-01", HOSTILE],
        "level": [0.94] * 2,
        "share": [0.951, 0.9],
        "expected": [0.96, 0.96],
    }
)
TOTALS = pl.DataFrame(
    {
        "kind": ["purchases"] * 2,
        "origin": ["2024-01-01", HOSTILE],
        "actual": [1605.0, 1360.0],
        "low": [1536.0, 1022.0],
        "high": [2396.0, 1311.0],
        "wide_low": [None, 899.0],
        "wide_high": [None, 1492.0],
    }
)
DECISIONS = pl.DataFrame(
    {
        "campaign": ["spring", HOSTILE],
        "users": [18_120, 3],
        "value_mean": [5.34, 10.2],
        "value_low": [4.6, 9.3],
        "value_high": [6.2, 11.4],
        "cost": [4.1, None],
        "p_above": [1.0, None],
        "payback_days": [96.0, None],
        "p_never": [0.0, None],
        "bid": [4.7, None],
    }
)


def fit_page(**more) -> str:
    heat = Heat(cells=cells(), age=38.9, unit="weeks", horizon="365 days", mean_spend=35.0, outside=10)
    told = {"title": HOSTILE, "verdict": "Fine.", "parameters": PARAMETERS, "notes": (HOSTILE,)}
    densities = pl.concat([bins(), bins(HOSTILE)])
    return cltv_page.render(FitPage(**{**told, "heat": heat, "densities": densities, "tracked": TRACKED, **more}))


def backtest_page(**more) -> str:
    pits = (Pit("purchases", (5.0, 6.0), (6.0, 5.0)), Pit(HOSTILE, (0.0, 0.0)))
    told = {"title": HOSTILE, "verdict": "Fine.", "errors": ERRORS, "held": HELD, "totals": TOTALS, "last": HOSTILE}
    return backtests.render(BacktestPage(**{**told, "pits": pits, "tracked": TRACKED, "notes": (HOSTILE,), **more}))


def campaign_page(**more) -> str:
    told = {"title": HOSTILE, "verdict": "Fine.", "decisions": DECISIONS, "fans": fans(["spring", HOSTILE])}
    return campaigns_page.render(CampaignPage(**{**told, "value": HOSTILE, **more}))


def row(html: str, name: str) -> list[str]:
    lines = re.findall(r"<tr>.*?</tr>", html)
    [line] = [line for line in lines if name in unescape(line.split("</th>")[0]) and 'scope="row"' in line]
    return [unescape(re.sub(r"<.*?>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", line)]


@pytest.mark.parametrize("make", [fit_page, backtest_page, campaign_page])
def test_all_text_is_escaped_and_nothing_is_loaded_or_run(make) -> None:
    html = make()
    assert "<script" not in html
    assert "</script" not in html
    assert "<img" not in html
    assert html.count("&lt;/script&gt;&lt;img") >= 3
    assert not re.findall(r"(?:\ssrc=|href=|url\(|@import)", html)
    assert "default-src 'none'" in html


def test_parameters_have_their_intervals_and_priors() -> None:
    html = fit_page()
    assert row(html, "alpha") == ["alpha", "4.5", "3.8–5.2", "half-Cauchy, beta 1", "scale"]
    lines = re.findall(r'<tr><th scope="row">a</th>.*?</tr>', html)
    assert "1,234" in lines[0] or "1,235" in lines[0]
    assert "n/a" in lines[0]
    assert "follows from others" in lines[0]


def test_the_fit_page_leaves_out_what_there_is_not() -> None:
    html = fit_page(heat=None, densities=None, tracked=None, parameters=PARAMETERS.clear())
    assert "<svg" not in html
    assert "<h2>Parameters" not in html
    assert fit_page().count("<svg") == 4


def test_without_amounts_the_heat_map_is_of_purchases() -> None:
    heat = Heat(cells=cells(None), age=38.9, unit="weeks", horizon="90 days")
    html = fit_page(heat=heat)
    assert "Expected purchases in 90 days" in html
    assert "spent per purchase" not in html


def test_a_backtest_shows_the_best_and_what_missed() -> None:
    html = backtest_page()
    [first, second] = re.findall(r"<tr><th scope=\"row\">[^<]*</th><td>1,[23].*?</tr>", html)
    assert re.findall(r"<strong>(.*?)</strong>", first) == ["0.500"]
    assert re.findall(r"<strong>(.*?)</strong>", second) == ["0.600", "0.600"]
    assert "1,536–2,396" in html
    assert "1,022–1,311<strong> missed</strong>" in html
    assert "899–1,492</td>" in html
    assert "95.1%" in html
    assert html.count("<svg") == 3  # a PIT, for the other has no customer, and two of tracking


def test_a_backtest_without_pictures() -> None:
    assert "<svg" not in backtest_page(pits=(), tracked=None)


def test_campaigns_are_told_in_words_and_numbers() -> None:
    html = campaign_page()
    assert row(html, "spring") == [
        "spring", "18,120", "5.34 (4.60–6.20)", "4.10", "> 99%", "96 days", "< 1%", "4.70"
    ]  # fmt: skip
    assert row(html, HOSTILE)[3:] == ["n/a", "n/a", "n/a", "n/a", "none"]
    late = DECISIONS.head(1).with_columns(payback_days=pl.lit(None, pl.Float64))
    assert row(campaign_page(decisions=late, fans=None), "spring")[5] == "not within horizon"


def test_large_amounts_have_no_decimals() -> None:
    dear = DECISIONS.head(1).with_columns(pl.col("value_mean", "value_low", "value_high", "cost", "bid") * 1e5)
    assert row(campaign_page(decisions=dear), "spring")[2:4] == ["534,000 (460,000–620,000)", "410,000"]


def test_campaigns_that_are_not_drawn_are_named() -> None:
    names = [f"c{k:02d}" for k in range(14)]
    html = campaign_page(fans=fans(names))
    assert "12 campaigns" in html
    assert "drawn are c12, c13" in html
    assert "All are on one scale." in html


def test_one_campaign_and_none() -> None:
    assert campaign_page(decisions=DECISIONS.head(1), fans=fans(["spring"])).count("<svg") == 1
    empty = campaign_page(decisions=DECISIONS.clear(), fans=fans(["spring"]).clear())
    assert "<svg" not in empty
    assert "<table" not in empty


def test_missing_columns_are_listed() -> None:
    with pytest.raises(SchemaError, match="parameters lacks prior"):
        fit_page(parameters=PARAMETERS.drop("prior"))
    with pytest.raises(SchemaError, match="decisions lacks cost, bid"):
        campaign_page(decisions=DECISIONS.drop("cost", "bid"))
    with pytest.raises(SchemaError, match="totals lacks wide_low"):
        backtest_page(totals=TOTALS.drop("wide_low"))
    with pytest.raises(SchemaError, match="tracking lacks days"):
        Tracked(track().drop("days"), track(), BORDER, 7)
    with pytest.raises(SchemaError, match="heat map lacks alive"):
        Heat(cells=cells().drop("alive"), age=1.0, unit="weeks", horizon="1 day")
