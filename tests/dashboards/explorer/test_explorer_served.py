"""Served pages: the server counts, saves rules and compares models; the page does the same as without one."""

from __future__ import annotations

import pytest
from pages import PLANTED, READY, brush, customers, view

from dashboards.explorer.answers import Answers
from dashboards.explorer.board import prepare
from dashboards.explorer.writing import site
from dashboards.server.server import running
from tabkit.errors import ConfigError
from tabkit.predicates import Range, Rule, from_dict, to_dict
from tabkit.rules import Ledger, masks, measure, read


@pytest.fixture(scope="module")
def board():
    return prepare(view(customers(5_000), given=(PLANTED,), tried=3, facts={"source": "customers", "rows": 5_000}))


def _compare(rule, progress):
    with progress.task("models", total=3) as advance:
        for _ in range(3):
            advance(1)
    return {"words": f"compared {rule.name}"}


def test_a_served_page_shows_what_python_measures_and_saves_it(browser, board, tmp_path):
    saves = tmp_path / "rules.toml"
    with running(site(board, saves=saves, worth=_compare)) as url:
        browser.open(url)
        browser.wait(READY)
        brush(browser, "age", 0.55, 0.8)
        rule = from_dict(browser.run("return window.tabkit.ruleNow()"))
        train, goal = board.view.train(), board.view.goals[0]
        [inside] = masks([rule], board.view.frame)
        shown = browser.run("return document.querySelector('#measures').innerText")
        # Three rules were tried before this one.
        for rows, measured in ((train, measure), (~train, Ledger(before=4).measure)):
            said = measured(inside[rows], goal.take(rows))
            assert f"{said.covered:,} of {said.rows:,}" in shown
            assert f"{said.low:.1%} – {said.high:.1%}".replace("%", " %") in shown
        browser.run("document.querySelector('#name').value = 'mine'")
        browser.run("document.querySelector('#name').dispatchEvent(new Event('input'))")
        browser.click("#save")
        browser.wait("document.querySelector('#said').textContent.includes('Saved')")
        browser.click("#worth")
        browser.wait("document.querySelector('#worth-words').textContent === 'compared mine'")
        assert browser.problems() == []
        assert browser.requests_outside(url) == []
    saved = read(saves)
    assert saved.rules[0].key() == rule.key()
    assert saved.rules[0].name == "mine"
    assert saved.found == {"source": "customers", "rows": 5_000, "tried": 4}
    held = Ledger(before=4).measure(inside[~train], goal.take(~train))
    assert saved.measured["mine"]["holdout"]["low"] == pytest.approx(held.low)


def test_the_page_carries_no_row_but_those_drawn(board):
    html = site(board).page("token")
    assert 'id="train"' not in html
    assert 'id="holdout"' not in html
    assert "#save" not in html
    assert 'id="save"' not in html


def test_a_server_remembers_what_was_tried_when_the_page_is_loaded_again(browser, board):
    with running(site(board)) as url:
        for tried in (4, 5):  # three before this page was opened
            browser.open(url)
            browser.wait(READY)
            brush(browser, "age", 0.55, 0.7 + 0.05 * tried)
            assert browser.run("return window.tabkit.tried()") == tried


def test_a_server_that_stops_is_noticed(browser, board):
    with running(site(board)) as url:
        browser.open(url)
        browser.wait(READY)
    browser.click("#suggested button")
    browser.wait("document.querySelector('#said').className === 'error'")
    # Numbers of the rule before do not stand beside the new one.
    assert browser.run("return document.querySelector('#measures').textContent") == ""
    assert "Not counted" in browser.run("return document.querySelector('#verdict').textContent")


def test_saving_never_loses_rules(board, tmp_path):
    saves = tmp_path / "rules.toml"
    answers = Answers(board, saves=saves)
    for name, low in (("one", 30), ("two", 40)):
        answers.save({"rule": to_dict(Rule(name=name, all_of=(Range(column="age", ge=low),))), "tried": 2})
    assert [rule.name for rule in read(saves).rules] == ["one", "two"]
    with pytest.raises(ConfigError, match="another rule is called 'one'"):
        answers.save({"rule": to_dict(Rule(name="one", all_of=(Range(column="age", ge=50),))), "tried": 2})
    saves.write_text("format = 1\n[[rules]]\nname = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="rule 3"):
        answers.save({"rule": to_dict(PLANTED), "tried": 1})
    assert saves.read_text(encoding="utf-8") == "format = 1\n[[rules]]\nname = 3\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, r"rule.*None"),
        ({"rule": {"all_of": [{"column": "churned", "levels": ["yes"]}]}}, r"'churned'.*page"),
        ({"rule": {"all_of": [{"column": "nothing", "null": True}]}}, r"'nothing'.*page"),
        ({"rule": {"all_of": [{"column": "age", "ge": "30"}]}}, "'30'"),
        ({"rule": {"all_of": [{"column": "since", "ge": "yesterday"}]}}, "no date"),
        ({"rule": {"name": "x", "code": "import os"}}, "unknown keys"),
        ({"rule": {}, "tried": 1}, "every row"),
        ({"rule": {"all_of": [{"column": "age", "ge": 3}]}, "tried": -1}, "count"),
        ({"rule": {"all_of": [{"column": "age", "ge": 3}]}, "tried": True}, "count"),
    ],
)
def test_rules_that_come_in_are_checked(board, tmp_path, body, words):
    with pytest.raises(ConfigError, match=words):
        Answers(board, saves=tmp_path / "rules.toml").save(body)
    assert not (tmp_path / "rules.toml").exists()
