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
    assert "not trust intervals" in hints(rows(share=0.03))


def test_a_number_that_is_constant_where_it_is_judged(hints: Callable) -> None:
    times = rows().with_columns(day=pl.int_range(800), y=pl.col("x") + 1)
    roles = Roles(target="y", time="day")
    still = times.with_columns(y=pl.when(pl.col("day") < 600).then("y").otherwise(0.0))
    assert "rows have y = 0.0" in hints(still, roles)
    assert "the metrics cannot tell" not in hints(times, roles)


def test_numbers_that_came_as_text(hints: Callable) -> None:
    text = rows().with_columns(
        x=pl.when(pl.int_range(800) % 10 == 0).then(pl.lit("NA")).otherwise(pl.col("x").cast(pl.String))
    )
    assert "numbers (not 'NA'): if" in hints(text)
    codes = rows().with_columns(x=(pl.int_range(800) % 50).cast(pl.String).str.zfill(5))
    assert "is text" not in hints(codes)


def test_rows_that_were_copied(hints: Callable) -> None:
    assert "rows also stand" in hints(pl.concat([rows(300)] * 4))
    coarse = rows().with_columns(pl.col("x").round(0))
    assert "also stand" not in hints(coarse.drop("group"))


def test_copies_are_told_with_the_metrics_of_the_other_rows(quick: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({name: rng.integers(0, 100, 900) for name in "abc"}).with_columns(
        y=pl.Series(rng.random(900) < 0.4)
    )
    settings = {**quick, "boosting": {**quick["boosting"], "max_trees": 150, "min_data_in_leaf": 1}}
    model = propensity.train(pl.concat([table, table[:420]]), roles=ROLES, config=settings)
    [hint] = [hint for hint in model.lineage["hints"] if "also stand" in hint]
    copies = model.lineage["copies"]
    values = {
        name: {s["metric"]: s["value"] for s in scores if s["model"] == "model"}
        for name, scores in (
            ("all", model.evaluation.to_dict()["scores"]),
            ("others", copies["metrics_of_others"]["scores"]),
        )
    }
    assert 0.3 < copies["share"] < 0.6
    assert values["all"]["auc"] > values["others"]["auc"] + 0.1
    assert f"{copies['metrics_of_others']['rows']:,} rows" in hint
    assert "no copies: log_loss" in hint


def test_customers_who_go_on_along_time_are_no_copies(hints: Callable) -> None:
    rng = np.random.default_rng(0)
    who, month = np.repeat(np.arange(200), 6), np.tile(np.arange(6), 200)
    traits = {name: rng.integers(0, 50, 200)[who] for name in "abc"}
    table = pl.DataFrame({"who": who, "month": month, **traits, "y": rng.random(1200) < 0.2})
    lasting = table.with_columns(y=pl.Series((rng.random(200) < 0.3)[who])).drop("who")
    assert "also stand" not in hints(table, Roles(target="y", time="month", group="who"))
    assert "also stand" not in hints(table, Roles(target="y", time="month"))
    assert "name it with --group" in hints(lasting, Roles(target="y", time="month"))


def test_a_copy_of_the_target(hints: Callable) -> None:
    table = rows().with_columns(leak=pl.col("y").cast(pl.Int8) * 7)
    found = hints(table)
    assert "Almost perfect on held-out rows" in found
    assert "leans most on 'leak'" in found
    assert "'leak' alone ranks y" in found
    assert """leave it out (--set 'encoding.exclude=["leak"]')""" in found


def test_a_column_that_is_said_to_be_known(quick: dict[str, Any]) -> None:
    table = rows().with_columns(closed=pl.when("y").then(pl.lit("bought")))
    for known, asked in (([], 1), (["closed"], 0)):
        model = propensity.train(table, roles=ROLES, config={**quick, "encoding": {"known": known}})
        assert sum("Is it known before y?" in hint for hint in model.lineage["hints"]) == asked


def test_a_date_that_lies_after_the_time(hints: Callable) -> None:
    day = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 1, 1) + pl.duration(days=799), eager=True)
    table = rows().with_columns(day=day, last_call=day.dt.offset_by("-3d"), closed=day.dt.offset_by("5d"))
    later = table.with_columns(closed=pl.when(pl.int_range(pl.len()) % 3 == 0).then("closed"))
    found = hints(later, Roles(target="y", time="day"))
    assert "'closed' lies after 'day'" in found
    assert "267 of 800 rows" in found
    assert "last_call" not in found
    assert "lies after" not in hints(table, Roles(target="y", time="day"))


def test_growth_that_did_not_end(hints: Callable) -> None:
    assert "All 3 trees were grown" in hints(rows(), max_trees=3, early_stopping_rounds=2)


def test_groups_on_both_sides_of_a_time(hints: Callable) -> None:
    table = rows().with_row_index("day")
    found = hints(table, Roles(target="y", time="day", group="group"))
    assert "100% of the held-out rows" in found
    assert "that the fit knows" not in hints(table.drop("day"), Roles(target="y", group="group"))
