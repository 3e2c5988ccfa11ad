from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines import propensity
from tabkit.roles import Roles

ROLES = Roles(target="y")


@pytest.fixture(scope="module")
def hints(quick: dict[str, Any]) -> Callable[..., str]:
    def call(table: pl.DataFrame, roles: Roles = ROLES, **boosting: Any) -> str:
        settings = {**quick, "boosting": {**quick["boosting"], **boosting}}
        return " ".join(propensity.train(table, roles=roles, config=settings).lineage["hints"])

    return call


def rows(n: int = 800, seed: int = 0, share: float = 0.4) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pl.DataFrame({"x": x, "group": np.arange(n) % 40, "y": rng.random(n) < share * (1 + 0.5 * np.tanh(x))})


def test_a_plain_table_gives_no_hints(hints: Callable) -> None:
    assert hints(rows()) == ""


def test_few_rows_of_a_class(hints: Callable) -> None:
    assert "held-out rows have y = true: do not trust intervals" in hints(rows(share=0.03))


def test_numbers_that_came_as_text(hints: Callable) -> None:
    text = rows().with_columns(
        x=pl.when(pl.int_range(800) % 10 == 0).then(pl.lit("NA")).otherwise(pl.col("x").cast(pl.String))
    )
    assert "levels are numbers (not 'NA'): if it is meant as a number" in hints(text)
    codes = rows().with_columns(x=(pl.int_range(800) % 50).cast(pl.String).str.zfill(5))
    assert "is text" not in hints(codes)


def test_rows_that_were_copied(hints: Callable) -> None:
    assert "of the held-out rows also stand among the rows of the fit" in hints(pl.concat([rows(300)] * 4))
    coarse = rows().with_columns(pl.col("x").round(0))
    assert "also stand" not in hints(coarse.drop("group"))


def test_a_copy_of_the_target(hints: Callable) -> None:
    found = hints(rows().with_columns(leak=pl.col("y").cast(pl.Int8) * 7))
    assert "Almost perfect on held-out rows" in found
    assert "The trees use 'leak' most" in found


def test_growth_that_did_not_end(hints: Callable) -> None:
    assert "All 3 trees were grown" in hints(rows(), max_trees=3, early_stopping_rounds=2)


def test_groups_on_both_sides_of_a_time(hints: Callable) -> None:
    table = rows().with_row_index("day")
    found = hints(table, Roles(target="y", time="day", group="group"))
    assert "100% of the held-out rows have a group that the fit knows" in found
    assert "that the fit knows" not in hints(table.drop("day"), Roles(target="y", group="group"))
