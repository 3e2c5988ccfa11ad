"""Pages in a real browser: what a person does, and that the numbers are Python's."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from browser import LARGE, SMALL
from pages import PLANTED, READY, axis, brush, counted, customers, settled, view, written

from dashboards.explorer.answers import Answers
from dashboards.explorer.answers import counted as python_counted
from dashboards.explorer.view import OfferedRule, View
from tabkit.predicates import Levels, Not, Null, Range, Rule, either, from_dict, to_dict, without
from tabkit.rules import Goal, Ledger, masks, measure
from tabkit.rules.relevance import usefulness
from tabkit.rules.scoring import verdict

RULES = (
    PLANTED,
    Rule(name="open", all_of=(Range(column="balance", ge=1000),)),
    Rule(name="closed", all_of=(Range(column="balance", gt=100, le=1000.5), Not(Null(column="score")))),
    Rule(name="nulls", all_of=(Range(column="tenure", lt=3, null=True),)),
    Rule(name="missing", all_of=(Null(column="score"),)),
    Rule(name="dates", all_of=(Range(column="since", ge=dt.date(2015, 1, 1), lt=dt.date(2020, 6, 15)),)),
    Rule(name="flag", all_of=(Levels(column="flag", levels=(True,)),)),
    Rule(name="unlisted", all_of=(Not(Levels(column="city", levels=("city 1", "city 2"), null=True)),)),
    Rule(name="ages", all_of=(Levels(column="age", levels=(20, 30, 40)),)),
)
ALL = (*RULES, either(RULES[1], RULES[6], name="either"), without(RULES[0], RULES[4], name="without"))


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    board = written(view(customers(12_000), given=ALL), folder / "page.html")
    return folder / "page.html", board


@pytest.fixture
def opened(browser, board):
    browser.open(board[0])
    browser.wait(READY)
    return browser


def test_counts_of_all_kinds_of_rules_are_pythons(opened, board):
    content = board[1].view
    train, goal = content.train(), content.goals[0]
    for rule in ALL:
        plain = json.loads(json.dumps(to_dict(rule), default=lambda value: value.isoformat()))
        [inside] = masks([rule], content.frame)
        found = counted(opened, plain)
        for part, rows in (("train", train), ("holdout", ~train)):
            expected = python_counted(inside[rows], goal.take(rows))
            for side in ("inside", "rest"):
                assert found[part][0][side][0] == pytest.approx(list(expected[side][0])), (rule.name, part, side)
        # The words and the copied texts say the same.
        assert opened.run("return window.tabkit.textOf(arguments[0])", plain) == rule.text()
        [back] = tomllib.loads(opened.run("return window.tabkit.tomlOf(arguments[0])", plain))["rules"]
        assert from_dict(back).key() == from_dict(to_dict(rule)).key()
        code = opened.run("return window.tabkit.polarsOf(arguments[0])", plain)
        selected = content.frame.select(eval(code, {"pl": pl})).to_series()  # in a test alone, on the page's own words
        assert (selected.to_numpy() == inside).all(), (rule.name, code)


def test_a_brush_by_mouse_becomes_a_rule_with_pythons_figures(opened, board):
    content = board[1].view
    brush(opened, "age", 0.55, 0.8)
    text = opened.run("return document.querySelector('#rule').textContent")
    rule = from_dict(opened.run("return window.tabkit.ruleNow()"))
    assert text == rule.text()
    assert text.startswith("3")
    assert "<= age <" in text
    [inside] = masks([rule], content.frame)
    train = content.train()
    shown = opened.run("return document.querySelector('#measures').innerText")
    for rows, measured in ((train, measure), (~train, Ledger().measure)):
        said = measured(inside[rows], content.goals[0].take(rows))
        assert f"{said.covered:,} of {said.rows:,}" in shown
        assert f"{said.coverage:.1%}".replace("%", " %") in shown
        for value in (said.value, said.low, said.high):
            assert f"{value:.1%}".replace("%", " %") in shown
    assert "1 distinct rule tried" in opened.run("return document.querySelector('#ledger-words').textContent")


def test_each_rule_tried_widens_the_hold_out_interval(opened, board):
    content = board[1].view
    for turn in range(3):
        brush(opened, "age", 0.3 + 0.05 * turn, 0.5)
        opened.click("#clear")
    brush(opened, "age", 0.55, 0.8)
    rule, tried = from_dict(opened.run("return window.tabkit.ruleNow()")), opened.run("return window.tabkit.tried()")
    assert tried >= 4
    held = ~content.train()
    said = Ledger(before=tried).measure(masks([rule], content.frame)[0][held], content.goals[0].take(held))
    shown = opened.run("return document.querySelector('#measures').innerText")
    assert f"{said.low:.1%} – {said.high:.1%}".replace("%", " %") in shown


def test_a_click_on_a_suggestion_moves_the_real_brushes(opened):
    opened.click("#suggested button")
    settled(opened)
    extents = opened.run(
        "return [...document.querySelectorAll('#plot .pplot-brush .selection')]"
        ".filter((box) => box.style.display !== 'none' && box.getAttribute('height') > 0)"
        ".map((box) => box.parentElement.__data__)"
    )
    names = opened.run("return arguments[0].map((k) => window.tabkit.page.axes.find((a) => a.key === k).name)", extents)
    assert set(names) == {"age", "job"}
    assert opened.run("return document.querySelector('#rule').textContent") == PLANTED.text()
    assert opened.run("return document.querySelector('#verdict').textContent").startswith("Replicated")
    # The brush lies where the values do: 30 of 18 to 79 from below, 46 not inside.
    top, bottom = axis(opened, "age")
    box = opened.run(
        "const key = window.tabkit.page.axes.find((a) => a.name === 'age').key;"
        "const brush = [...document.querySelectorAll('#plot .pplot-brush')].find((n) => n.__data__ === key);"
        "const b = brush.querySelector('.selection').getBoundingClientRect(); return [b.y, b.y + b.height]"
    )
    height = bottom[1] - top[1]
    assert (bottom[1] - box[1]) / height == pytest.approx((30 - 18) / (79 - 18), abs=0.01)
    assert (bottom[1] - box[0]) / height == pytest.approx((46 - 18) / (79 - 18), abs=0.01)


def test_a_rule_on_a_column_that_tells_too_much_is_asked_about(browser, tmp_path):
    leaks = {"job": "'job' alone ranks churned. Is it known before churned?"}
    content = view(customers(4_000), given=RULES[:2], leaks=leaks, warnings=("Look at <b>job</b>.",))
    written(content, tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    browser.wait(READY)
    assert browser.run("return document.querySelector('header .warnings').textContent") == "Look at <b>job</b>."
    doubts = "const node = document.getElementById('doubts'); return node.hidden ? '' : node.textContent"
    for rule, expected in ((PLANTED, leaks["job"]), (RULES[1], "")):
        browser.run("window.tabkit.take(arguments[0])", json.loads(json.dumps(to_dict(rule))))
        settled(browser)
        assert browser.run(doubts) == expected
    labels = browser.run("return [...document.querySelectorAll('#plot .label-name')].map((node) => node.textContent)")
    assert "\u26a0 job" in labels
    assert "age" in labels


def test_copies_reach_the_clipboard(opened, board):
    opened.allow_clipboard()
    opened.click("#suggested button")
    settled(opened)
    opened.click("#copy-toml")
    opened.wait("document.querySelector('#said').textContent.includes('TOML')")
    [back] = tomllib.loads(opened.clipboard())["rules"]
    assert from_dict(back) == PLANTED
    opened.click("#copy-polars")
    opened.wait("document.querySelector('#said').textContent.includes('Polars')")
    frame = board[1].view.frame
    selected = frame.select(eval(opened.clipboard(), {"pl": pl})).to_series()
    assert (selected.to_numpy() == masks([PLANTED], frame)[0]).all()


def test_the_keyboard_alone_makes_a_rule(opened):
    opened.run("document.querySelector('#add').focus()")
    opened.press("j", "\ue007")  # the first column that begins with j, enter
    opened.wait("window.tabkit.ruleNow().all_of")
    settled(opened)
    assert opened.run("return document.activeElement.type") == "checkbox"  # the focus is where one goes on
    before = opened.run("return document.querySelector('#rule').textContent")
    opened.press("\ue004", " ")  # tab, space
    opened.wait(f"document.querySelector('#rule').textContent !== {json.dumps(before)}")
    settled(opened)
    assert len(from_dict(opened.run("return window.tabkit.ruleNow()")).all_of[0].levels) == 2
    # Every control can be reached: nothing that can be clicked is out of the order of tabs.
    hidden = opened.run(
        "return [...document.querySelectorAll('aside button, aside select, aside input, summary')]"
        ".filter((node) => node.tabIndex < 0).length"
    )
    assert hidden == 0


def test_boxes_are_put_together_with_or_and_but_not(opened, board):
    brush(opened, "age", 0.6, 0.8)
    opened.click("#or")
    brush(opened, "flag", 0.0, 0.4)
    rule = from_dict(opened.run("return window.tabkit.ruleNow()"))
    assert len(rule.any_of) == 2
    opened.click("#clear")
    brush(opened, "age", 0.6, 0.8)
    opened.click("#but-not")
    assert from_dict(opened.run("return window.tabkit.ruleNow()")).columns() == ("age",)
    brush(opened, "flag", 0.0, 0.4)
    rule = from_dict(opened.run("return window.tabkit.ruleNow()"))
    # The first box, but not the second.
    assert rule.all_of[0].column == "age"
    assert [inner.columns() for inner in rule.none_of] == [("flag",)]
    [inside] = masks([rule], board[1].view.frame)
    found = counted(opened, opened.run("return window.tabkit.ruleNow()"))
    assert found["train"][0]["inside"][0][0] == inside[board[1].view.train()].sum()


def test_a_brush_on_the_null_slot_asks_for_null_and_one_to_the_end_is_open(opened):
    brush(opened, "tenure", 0.975, 1.0)
    assert opened.run("return document.querySelector('#rule').textContent") == "tenure is null"
    opened.click("#clear")
    brush(opened, "age", 0.0, 0.3)
    assert ">=" in opened.run("return document.querySelector('#rule').textContent")
    assert "<" not in opened.run("return document.querySelector('#rule').textContent").replace("<=", "")


def test_the_axis_that_comes_next_is_the_one_that_python_names(opened, board):
    board_, content = board[1], board[1].view
    opened.run("window.tabkit.take({name: 'age', all_of: [{column: 'age', ge: 30, lt: 46}]})")
    settled(opened)
    first = opened.run("return document.querySelector('#next button .name').textContent")
    assert first == "job"
    rule = Rule(name="age", all_of=(Range(column="age", ge=30, lt=46),))
    there = Answers(board_).measure({"rule": to_dict(rule), "proved": True})
    here = counted(opened, to_dict(rule))
    names = {axis.key: axis.name for axis in board_.axes}
    assert [names[key] for key, _ in here["next"]] == [names[key] for key, _ in there["next"]]
    assert [value for _, value in here["next"]] == pytest.approx([value for _, value in there["next"]], rel=1e-9)
    job = next(axis for axis in board_.axes if axis.name == "job")
    rows = masks([rule], content.frame)[0] & content.train()
    codes = board_.groups[job.key][board_.codes[job.key][rows]]
    assert here["next"][0][1] == pytest.approx(usefulness(codes, content.goals[0].y[rows], groups=256))


def test_nothing_is_asked_for_and_nothing_is_complained_of(opened):
    brush(opened, "balance", 0.2, 0.5)
    opened.click("#suggested button")
    settled(opened)
    assert opened.problems() == []
    assert opened.requests_outside() == []


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_pages_can_be_read_at_both_widths(start_browser, board, size):
    with start_browser(size=size) as browser:
        browser.open(board[0])
        browser.wait(READY)
        browser.click("#suggested button")
        settled(browser)
        assert browser.screenshot(f"explore_{size[0]}").stat().st_size > 20_000
        # Nothing is wider than the page, and no two names of axes cover each other.
        assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
        boxes = browser.run(
            "return [...document.querySelectorAll('#plot .dimension')].map((n) => n.getBoundingClientRect().x)"
        )
        assert np.diff(sorted(boxes)).min() > 24
        left = browser.run(
            "return Math.min(...[...document.querySelectorAll('#plot .dimension text')]"
            ".map((n) => n.getBoundingClientRect().left))"
            " - document.querySelector('#plot').getBoundingClientRect().left"
        )
        assert left >= 0
        right = browser.run(
            "return Math.max(...[...document.querySelectorAll('#plot .label-name')]"
            ".map((n) => n.getBoundingClientRect().right))"
            " - document.querySelector('#plot').getBoundingClientRect().right"
        )
        assert right <= 0


def test_drawn_lines_are_those_of_the_rule(opened, board):
    opened.click("#suggested button")
    settled(opened)
    rule, content = PLANTED, board[1].view
    rows = content.frame[board[1].drawn]
    expected = int(masks([rule], rows)[0].sum())
    found = opened.run(
        "const root = document.querySelector('#plot .pplot-root');"
        "let fibre = root[Object.keys(root).find((key) => /^__react(Fiber|Internal)/.test(key))];"
        "while (fibre && !(fibre.memoizedProps && fibre.memoizedProps.rows_selected)) fibre = fibre.return;"
        "return fibre.memoizedProps.rows_selected.length"
    )
    assert found == expected


def test_numbers_are_coloured_from_low_to_high(browser, tmp_path):
    frame = customers(3_000).select(
        "age", "job", "balance", "flag", spend=pl.col("age") * 2.5 + pl.col("balance") / 1e6
    )
    written(view(frame, target="spend"), tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    browser.wait(READY)
    # Old customers spend most: lines through the top of the first axis are red, those through its foot are blue.
    assert browser.run("return window.tabkit.page.axes[0].name") == "age"

    def warmth(start, end):
        brush(browser, "age", start, end)
        browser.wait("window.stable = (window.stable ?? 0) + 1, window.stable > 60")
        found = browser.run(
            "const canvas = document.querySelector('#plot canvas');"
            "const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
            "let n = 0, bright = 0; for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 40) {"
            " n += 1; bright += data[i] - data[i + 2]; } return [n, bright / n]"
        )
        browser.click("#clear")
        assert found[0] > 500
        return found[1]

    assert warmth(0.0, 0.15) > 60
    assert warmth(0.85, 1.0) < -40


def test_intervals_of_the_page_are_pythons(browser, tmp_path):
    """Shares, means and effects, rows alone and together by unit: moments, intervals and verdicts."""
    random, rows = np.random.default_rng(5), 3_000
    unit, treated = random.integers(0, 200, rows), random.random(rows) < 0.4
    frame = pl.DataFrame({"x": random.normal(size=rows), "k": random.choice(["a", "b", "c"], rows)})
    share, spend = (random.random(rows) < 0.05).astype(float), random.lognormal(0, 1, rows)
    arms = {"treated": treated, "treatment": "arm", "arm": "mail", "control": "none"}
    goals = (
        Goal("y", "share", share, positive="yes"),
        Goal("spend", "mean", spend),
        Goal("y", "effect", share, **arms),
        Goal("spend", "effect", spend, **arms),
    )
    held = random.random(rows) < 0.4
    rule = Rule(name="some", all_of=(Range(column="x", ge=-0.5, lt=0.6), Levels(column="k", levels=("a", "b"))))
    for clustered in (False, True):
        all_goals = tuple(replace(goal, unit=unit if clustered else None) for goal in goals)
        content = View("Features", "Goals", frame, all_goals, ("x", "k"), held, given=(OfferedRule(rule),), tried=19)
        written(content, tmp_path / "page.html")
        browser.open(tmp_path / "page.html")
        browser.wait(READY)
        browser.run("document.querySelector('#suggested button').click()")
        settled(browser)
        shown = browser.run("return document.querySelector('#measures').innerText")
        [inside] = masks([rule], frame)
        for goal in all_goals:
            for part, found in (
                (~held, measure(inside[~held], goal.take(~held))),
                (held, Ledger(before=20).measure(inside[held], goal.take(held))),
            ):
                assert part.sum() == found.rows
                for value in (found.value, found.low, found.high):
                    assert said(goal, value) in shown, (clustered, goal.kind, goal.name, value)
        word = verdict(
            Ledger(before=20).measure(inside[held], all_goals[0].take(held)),
            measure(inside[~held], all_goals[0].take(~held)),
        )
        words = {
            "not replicated": "Not replicated",
            "replicated": "Replicated on",
            "reversed": "Reversed",
            "too few rows": "Too few",
        }
        assert browser.run("return document.querySelector('#verdict').textContent").startswith(words[word])
    assert browser.problems() == []


def said(goal: Goal, value: float) -> str:
    """A number as the page writes it."""
    if goal.kind == "share":
        return f"{100 * value:.1f} %"
    if goal.kind == "effect" and goal.binary:
        return f"{100 * value:.2f} pp"
    text = f"{value:#.4g}"
    return text.rstrip("0").rstrip(".") if "." in text else text
