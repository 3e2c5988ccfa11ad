"""Customers with a planted rule, pages of them, and what tests read from pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from browser import Browser, Point

from dashboards.explorer.board import Board, prepare
from dashboards.explorer.page import page
from dashboards.explorer.payload import payload
from dashboards.explorer.view import OfferedRule, View
from tabkit.rules import Goal, Levels, Range, Rule, aim

PLANTED = Rule(
    name="planted",
    all_of=(Range(column="age", ge=30, lt=46), Levels(column="job", levels=("retired", "student"))),
)
READY = "document.documentElement.dataset.ready"


def customers(rows: int, *, seed: int = 0) -> pl.DataFrame:
    """Customers of whom half churn inside of the planted rule, and 8 % elsewhere."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    job = random.choice(["admin", "student", "retired", "blue-collar", "technician"], rows)
    inside = (age >= 30) & (age < 46) & np.isin(job, ["student", "retired"])
    score = random.normal(size=rows)
    frame = pl.DataFrame(
        {
            "age": age,
            "job": job,
            "balance": np.exp(random.normal(6, 1.5, rows)),
            "city": random.choice([f"city {i}" for i in range(300)], rows),
            "score": score,
            "since": pl.Series(random.integers(15_000, 20_000, rows)).cast(pl.Date),
            "flag": random.random(rows) < 0.3,
            "tenure": np.where(random.random(rows) < 0.2, np.nan, random.gamma(2, 3, rows)),
            "churned": np.where(random.random(rows) < np.where(inside, 0.5, 0.08), "yes", "no"),
        }
    )
    return frame.with_columns(pl.when(pl.col("score") <= 1.5).then("score"))


def view(frame: pl.DataFrame, *, target: str = "churned", given: tuple[Rule, ...] = (), **fields: Any) -> View:
    """A view of all columns but the target, three rows in ten held out."""
    found = aim(frame, target)
    held = np.random.default_rng(1).random(found.frame.height) < 0.3
    columns = tuple(name for name in frame.columns if name != target)
    options: dict[str, Any] = {"holdout": held, "given": tuple(OfferedRule(rule, "known") for rule in given), **fields}
    return View("Features", "A page", found.frame, (found.goal,), columns, **options)


def written(content: View, path: Path, *, holdout: bool = True) -> Board:
    """Write the page of a view, and return what it was made of."""
    board = prepare(content)
    path.write_text(page(payload(board, served=False, embed_holdout=holdout)), encoding="utf-8")
    return board


def axis(browser: Browser, name: str) -> tuple[Point, Point]:
    """The upper and the lower end of an axis by its column's name."""
    script = """
      const key = window.tabkit.page.axes.find((axis) => axis.name === arguments[0]).key;
      const axis = [...document.querySelectorAll("#plot .dimension")].find((node) => node.__data__ === key);
      const box = axis.querySelector(".pplot-brush .overlay").getBoundingClientRect();
      return [box.x + box.width / 2, box.y, box.height];
    """
    x, y, height = browser.run(script, name)
    return (x, y), (x, y + height)


def brush(browser: Browser, name: str, start: float, end: float) -> None:
    """Drag along an axis between two shares of its length, from above, and wait until the rule was counted."""
    (x, top), (_, bottom) = axis(browser, name)
    browser.drag((x, top + start * (bottom - top)), (x, top + end * (bottom - top)))
    settled(browser)


def settled(browser: Browser) -> None:
    """Wait until the rule that is shown was counted on the hold-out rows too."""
    browser.wait(
        "document.documentElement.dataset.rule === window.tabkit.keyOf(window.tabkit.ruleNow())"
        " && document.documentElement.dataset.proved === 'true'"
    )


def counted(browser: Browser, rule: dict[str, Any]) -> dict[str, Any]:
    """What the page counts for a rule."""
    found: dict[str, Any] = browser.run("return window.tabkit.count(arguments[0], { proved: true })", rule)
    return found


def values(goal: Goal) -> tuple[int, float]:
    """How many rows, and their sum."""
    return len(goal.y), float(goal.y.sum())
