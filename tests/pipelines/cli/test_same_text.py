"""A number reads alike on the terminal and on the page, with its interval and to the last digit."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import polars as pl
import pytest
from places import GOLDEN
from rich.console import Console, RenderableType

from dashboards.reports import campaigns_page, uplift_page
from dashboards.reports.campaigns_page import CampaignPage
from dashboards.reports.propensity_page import ModelReport, render
from pipelines.cli.views.cltv import campaigns_view
from pipelines.cli.views.propensity import scores_table
from pipelines.cli.views.uplift import report_view
from tabkit.uplift.training import load

NUMBER = re.compile(r"[+-]?\d[\d,.]*")


def printed(view: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=300, force_terminal=False)
    console.print(view, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row(html: str, name: str) -> list[str]:
    lines = [re.findall(r"<t[hd].*?</t[hd]>", line) for line in re.findall(r"<tr>.*?</tr>", html)]
    cells = [[unescape(re.sub(r"<.*?>", "", cell)).replace("\u00a0", " ") for cell in line] for line in lines]
    return next(line for line in cells if line and line[0].rstrip(" ↑↓") == name)


@pytest.fixture(scope="module")
def uplift() -> Any:
    pytest.importorskip("vl_convert", reason="the extra dashboards is not installed")
    return load(GOLDEN / "effects")


def test_effects_read_alike(uplift: Any) -> None:
    said = uplift.summary()
    text = printed(report_view({**said, "report": dict(uplift.evaluation), "page": None}))
    html = uplift_page.report_page(uplift.evaluation, title="t")
    (arm,) = said["arms"]
    for measure in ("Average effect, doubly robust", "Qini"):
        _, value, ends, _ = row(html, measure)
        shown = value.removesuffix(" points")
        assert (f"{shown} ({ends})" if ends else f" {shown} ") in text, measure
    assert row(html, "Average effect, doubly robust")[2]
    for policy in said["policies"]:
        name = "this model" if policy["policy"] == "model" else policy["policy"]
        _, value, _, treated, gain = row(html, name)
        line = next(line for line in text.splitlines() if line.startswith(f"{policy['policy']} "))
        assert {treated, *NUMBER.findall(value), *NUMBER.findall(gain)} <= {*line.split(), *NUMBER.findall(line)}
    for segment in next(each for each in uplift.evaluation["arms"] if each["arm"] == arm)["segments"]:
        if segment["rows"] >= 30:
            _, share, *numbers = row(html, segment["segment"])
            line = next(line for line in text.splitlines() if line.startswith(segment["segment"]))
            assert share in line
            assert [each for cell in numbers for each in NUMBER.findall(cell)] == NUMBER.findall(line.split(share)[1])


@pytest.mark.parametrize(
    "scores",
    [
        [(0.684571, 0.680123, 0.689512), (0.5, 0.5, 0.5), (0.66, 0.65, 0.67)],
        [(0.00043, 0.00021, 0.00065), (0.0021, 0.002, 0.0022)],
        [(-1.52, -2.04, -1.0), (-0.2, -0.4, 0.1)],
        [(1234567.8, 1233567.0, 1235568.0), (0.0, 0.0, 0.0)],
        [(0.71234, None, None), (0.7, None, None)],
    ],
)
def test_metrics_read_alike(scores: list[tuple[float | None, ...]]) -> None:
    names = ["model", "constant", "linear"]
    rows = [
        {"model": name, "metric": "auc", "value": value, "low": low, "high": high}
        for name, (value, low, high) in zip(names, scores, strict=False)
    ]
    text = printed(scores_table({"scores": rows, "rows": 100, "span": None, "level": 0.95}))
    metrics = pl.DataFrame(rows, schema_overrides={"low": pl.Float64, "high": pl.Float64})
    html = render(ModelReport(title="t", verdict="v", metrics=metrics))
    line = next(line for line in text.splitlines() if line.startswith("auc"))
    assert [cell.strip() for cell in re.split(r"  +", line.strip())][1:] == row(html, "auc")[1:]


SPRING = {"campaign": "spring", "users": 18120, "p_above": 1.0, "payback_days": 96.0, "p_never": 0.0}
FALL = {"campaign": "fall", "users": 300, "p_above": 0.214, "payback_days": None, "p_never": 0.6}
AMOUNTS = ("value_mean", "value_low", "value_high", "cost", "bid", "break_even", "safe")
REST = {"horizon_days": 365, "margin": 1.0, "refused": {}, "confidence": 0.8, "doubts": [], "verdict": "v"}


@pytest.mark.parametrize("scale", [0.01, 1.0, 40.0, 3000.0])
def test_campaigns_read_alike(scale: float) -> None:
    amounts = [(5.34, 4.6, 6.2, 4.1, 4.7, 5.2, 4.6), (3.4, 1.2, 6.9, 4.4, 3.3, 3.4, 2.9)]
    rows: list[dict[str, Any]] = [
        {**facts, **{name: scale * value for name, value in zip(AMOUNTS, values, strict=True)}}
        for facts, values in zip((SPRING, FALL), amounts, strict=True)
    ]
    text = printed(
        campaigns_view({**REST, "campaigns": rows, "days": ["2024-01-01"], "output": None, "page": None, "notes": []})
    )
    html = campaigns_page.render(CampaignPage(title="t", verdict="v", decisions=pl.DataFrame(rows)))
    for facts in rows:
        line = next(line for line in text.splitlines() if line.startswith(facts["campaign"]))
        _, users, worth, cost, above, _, _, bid = row(html, facts["campaign"])
        assert re.split(r"  +", line.strip())[1:5] == [users, worth, cost, above]
        assert line.split()[-1] == bid
