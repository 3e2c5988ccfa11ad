"""Pages of hostile and of odd data: nothing runs, nothing is asked for, and what cannot be shown is said."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from browser import Browser
from pages import READY, brush, counted, settled, view, written

from dashboards.explorer.payload import to_json
from dashboards.explorer.view import View
from tabkit.predicates import Levels, Range, Rule, expr, from_dict
from tabkit.rules import Goal

NASTY = (
    "</script><script>window.canary = 1</script>",
    "<img src=x onerror='window.canary = 2'>",
    '"><svg onload=window.canary=3>',
    "<!--<script>",
    "javascript:window.canary=4",
    'it\'s "quoted" \\ and \u2028 so on \u2029',
    "\N{PILE OF POO}\N{ZERO WIDTH JOINER} e\N{COMBINING ACUTE ACCENT}",
    "{{7*7}}${7*7}`",
    "__proto__",
    "constructor",
    "uid",
    "",
)


def _nasty(rows: int = 600) -> pl.DataFrame:
    random = np.random.default_rng(0)
    values = random.choice(NASTY, rows)
    frame = {name or "(empty)": random.choice(NASTY, rows) for name in NASTY}
    frame |= {"<b>number</b>": random.normal(size=rows), "level": values}
    target = np.where(random.random(rows) < np.where(values == NASTY[0], 0.9, 0.2), NASTY[0], NASTY[5])
    return pl.DataFrame({**frame, NASTY[1] + " target": target})


def _opened(browser: Browser, path) -> None:
    browser.open(path)
    browser.wait(READY)
    browser.run("document.querySelectorAll('details').forEach((node) => { node.open = true; })")


def test_values_and_names_that_look_like_markup_are_text(browser, tmp_path):
    frame = _nasty()
    rules = tuple(
        Rule(name=name[:50] or "empty", all_of=(Levels(column=column, levels=(name,)),))
        for name, column in zip(NASTY, frame.columns, strict=False)
    )
    content = view(frame, target=frame.columns[-1], given=rules, notes=list(NASTY), suggested=NASTY[0])
    board = written(content, tmp_path / "page.html")
    _opened(browser, tmp_path / "page.html")
    for button in range(len(rules)):
        browser.run("document.querySelectorAll('#suggested button')[arguments[0]].click()", button)
        settled(browser)
        assert browser.run("return document.querySelector('#rule').textContent") == rules[button].text()
        browser.allow_clipboard()
        browser.click("#copy-toml")
    names = browser.run("return [...document.querySelectorAll('#plot .label-name')].map((node) => node.textContent)")
    assert f"{NASTY[0][:11]}…{NASTY[0][-10:]}" in names
    for x in range(0, 1200, 150):  # hover over everything: tooltips are made of text too
        browser.mouse("mouseMoved", (x, 300))
    assert browser.run("return window.canary") is None
    assert browser.run("return document.querySelectorAll('img[src=x], svg[onload], #suggested script').length") == 0
    assert browser.problems() == []
    assert browser.requests_outside() == []
    assert {axis.name for axis in board.axes} >= {NASTY[0], "<b>number</b>", "__proto__"}


def test_data_cannot_end_its_element():
    said = to_json({"a": list(NASTY)})
    assert not any(sign in said for sign in "<>&\u2028\u2029")


def test_columns_of_all_types(browser, tmp_path):
    random, rows = np.random.default_rng(0), 800
    hours = random.integers(0, 1000, rows)
    y = random.random(rows) < np.where(hours > 700, 0.6, 0.2)
    start = dt.datetime(2026, 1, 1)
    frame = pl.DataFrame(
        {
            "date": [dt.date(2026, 1, 1) + dt.timedelta(days=int(h)) for h in hours],
            "when": pl.Series([start + dt.timedelta(hours=int(h)) for h in hours]).dt.replace_time_zone("Asia/Tokyo"),
            "long": pl.Series([dt.timedelta(minutes=int(h)) for h in hours]),
            "money": [Decimal(int(h)) / 100 for h in hours],
            "small": pl.Series(random.normal(size=rows), dtype=pl.Float32),
            "big": pl.Series(hours + 2**60, dtype=pl.Int64),
            "infinite": np.where(hours < 50, -np.inf, np.where(hours > 900, np.inf, hours)),
            "category": pl.Series(random.choice(["a", "b", "c"], rows), dtype=pl.Categorical),
            "truth": random.choice([True, False], rows),
            "levels": [f"level {i % 5000}" for i in range(rows)],
            "list": [[1, 2]] * rows,
            "struct": [{"a": 1}] * rows,
            "binary": [b"x"] * rows,
            "clock": [dt.time(1, 2)] * rows,
            "constant": [1.5] * rows,
            "empty": pl.Series([None] * rows, dtype=pl.Float64),
            "null": [None] * rows,
            "nan": [float("nan")] * rows,
            "target": y,
        }
    ).with_columns(pl.when(pl.int_range(pl.len()) % 7 > 0).then(pl.col("date", "money", "category", "truth")))
    content = view(frame, target="target")
    board = written(content, tmp_path / "page.html")
    _opened(browser, tmp_path / "page.html")
    skipped = {item.name for item in board.skipped}
    assert skipped == {"big", "list", "struct", "binary", "clock", "constant", "empty", "null", "nan"}
    words = browser.run("return document.body.innerText")
    for name in skipped:
        assert name in words
    # A brush on each axis makes a rule whose count is that of Polars.
    for axis in board.axes:
        brush(browser, axis.name, 0.2, 0.55)
        plain = browser.run("return window.tabkit.ruleNow()")
        rule = from_dict(plain, frame.schema)
        expected = int(content.frame.filter(pl.Series(content.train())).select(expr(rule, frame.schema).sum()).item())
        assert counted(browser, plain)["train"][0]["inside"][0][0] == expected, rule.text()
        code = browser.run("return window.tabkit.polarsOf(arguments[0])", plain)
        selected = content.frame.filter(pl.Series(content.train())).select(eval(code, {"pl": pl})).to_series()
        assert int(selected.sum()) == expected, code
        browser.click("#clear")
    assert browser.problems() == []


@pytest.mark.parametrize(
    ("frame", "axes"),
    [
        (pl.DataFrame({"a": [1, 2, 3, 4], "y": [0.5, 1.5, 2.5, 3.5]}), 1),
        (pl.DataFrame({"a": [5, 5, None, None], "y": [0.5, 1.5, 2.5, 3.5]}), 1),
        (pl.DataFrame({"a": [None, None, "x", "x"], "y": [0.5, 1.5, 2.5, 3.5]}), 1),
        (pl.DataFrame({"a": [1, 1, 1, 1], "y": [0.5, 1.5, 2.5, 3.5]}), 0),
        (pl.DataFrame({"y": [0.5, 1.5, 2.5, 3.5]}), 0),
    ],
    ids=["one column", "one value and null", "one level and null", "constant", "no column"],
)
def test_little_to_show(browser, tmp_path, frame, axes):
    board = written(view(frame, target="y", holdout=None), tmp_path / "page.html")
    _opened(browser, tmp_path / "page.html")
    assert len(board.axes) == axes
    assert browser.run("return document.querySelectorAll('#plot .dimension').length") == axes
    if not axes:
        assert "Nothing to draw" in browser.run("return document.querySelector('#plot').textContent")
    assert browser.problems() == []


def test_one_row(browser, tmp_path):
    frame = pl.DataFrame({"a": [1.0], "b": ["x"]})
    content = View("Runs", "One run", frame, (Goal("loss", "mean", np.array([0.5])),), ("a", "b"))
    written(content, tmp_path / "page.html")
    _opened(browser, tmp_path / "page.html")
    assert "Nothing to draw" in browser.run("return document.querySelector('#plot').textContent")
    assert "0.5" in browser.run("return document.querySelector('#measures').textContent")
    assert browser.problems() == []


def test_two_thousand_columns_and_five_thousand_levels(browser, tmp_path):
    random, rows = np.random.default_rng(0), 6000
    y = random.random(rows) < 0.3
    frame = pl.DataFrame(
        {
            **{f"x{i}": random.normal(size=rows).astype(np.float32) + (2 * y if i == 1234 else 0) for i in range(2000)},
            "levels": [f"level {i}" for i in random.integers(0, 5000, rows)],
            "y": y,
        }
    )
    rule = Rule(name="given", all_of=(Levels(column="levels", levels=("level 17",)), Range(column="x7", ge=0)))
    board = written(view(frame, target="y", given=(rule,)), tmp_path / "page.html")
    assert len(board.axes) == 40
    named = [axis.name for axis in board.axes]
    assert named[:3] == ["levels", "x7", "x1234"]  # what the given rule needs, then by usefulness
    assert board.axes[0].other > 3000
    _opened(browser, tmp_path / "page.html")
    words = browser.run("return document.body.innerText")
    assert "1,961 " in words or "more (less useful" in words
    assert "others together" in words
    drawn = browser.run("return document.querySelectorAll('#plot .dimension').length")
    assert 4 <= drawn <= 16
    # An axis that is not drawn yet comes when it is asked for.
    browser.run("[...document.querySelectorAll('#axes input')].find((box) => !box.checked).click()")
    browser.wait(f"document.querySelectorAll('#plot .dimension').length === {drawn + 1}")
    assert browser.problems() == []


def test_a_page_without_hold_out_rows_says_so(browser, tmp_path):
    written(view(_nasty(), target=NASTY[1] + " target"), tmp_path / "page.html", holdout=False)
    _opened(browser, tmp_path / "page.html")
    assert 'id="holdout"' not in (tmp_path / "page.html").read_text(encoding="utf-8")
    browser.run("window.tabkit.take({name: 'n', all_of: [{column: '<b>number</b>', null: true, not: true}]})")
    settled(browser)
    assert "not in this file" in browser.run("return document.querySelector('#verdict').textContent")


def test_values_at_the_ends_of_what_there_is(browser, tmp_path):
    random, rows = np.random.default_rng(0), 600
    y = random.random(rows) < 0.4
    spread = random.choice([-1e308, 1e308, 1.0, 2.0, 1e-300], rows)
    frame = pl.DataFrame(
        {
            "huge": spread,
            "mixed": np.where(random.random(rows) < 0.5, 1e-200, 1e200) * random.random(rows),
            "largest": np.where(random.random(rows) < 0.5, np.finfo(float).max, -np.finfo(float).max),
            "times": pl.Series([dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)] * (rows // 2)),
            "far": pl.Series(random.integers(0, 2**62, rows), dtype=pl.Int64).cast(pl.Datetime("ms")),
            "*": random.normal(size=rows),
            "^x.*$": random.normal(size=rows) + y,
            "x": random.normal(size=rows),
            "y": y,
        }
    )
    content = view(frame, target="y")
    board = written(content, tmp_path / "page.html")
    assert {"*", "^x.*$", "x"} <= {axis.name for axis in board.axes}
    _opened(browser, tmp_path / "page.html")
    for name in ("*", "^x.*$"):
        plain = {"name": "r", "all_of": [{"column": name, "ge": 0}, {"column": "x", "null": True, "not": True}]}
        axis = next(axis for axis in board.axes if axis.name == name)
        plain["all_of"][0]["ge"] = axis.bound(axis.cuts[len(axis.cuts) // 2].value)
        code = browser.run("return window.tabkit.polarsOf(arguments[0])", plain)
        selected = content.frame.select(eval(code, {"pl": pl}).alias("r")).to_series()
        expected = content.frame.select(expr(from_dict(plain), frame.schema)).to_series()
        assert selected.to_list() == expected.to_list()
    assert browser.problems() == []
