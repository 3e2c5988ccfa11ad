"""What `rules score` and `explore` say of rows that the rules were, or were not, found on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dashboards.explorer.views.features import features
from pipelines.jobs.rules import score_job, suggest_job, worth_job
from pipelines.jobs.settings import ExploreJob as ExploreConfig
from tabkit.progress import Silent
from tabkit.rules import RuleFile, read, write

ROWS = 4_000
SAME = "only those held out then are measured"
AMONG = "of these rows are among those that the rules were found on: that flatters them."
FRESH = "None of these rows is among a sample"
UNKNOWN = "It cannot be told"


def customers(rows: int, *, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    frame = pl.DataFrame(
        {
            "id": np.arange(rows) + 1_000_000 * seed,
            "age": age,
            "spend": random.normal(size=rows),
            "house": random.integers(0, rows // 4, rows),
            "day": pl.Series(random.integers(19_000, 20_000, rows)).cast(pl.Date),
        }
    )
    return frame.with_columns(churned=pl.Series(np.where(random.random(rows) < np.where(age < 40, 0.5, 0.1), "y", "n")))


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return customers(ROWS, seed=0)


@pytest.fixture
def found(tmp_path: Path, table: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Find rules on the customers, with further roles."""
    monkeypatch.chdir(tmp_path)
    table.write_parquet("all.parquet")

    def search(**more: str) -> dict[str, Any]:
        values = {"source": "all.parquet", "roles": {"target": "churned", **more}, "output": "rules.toml"}
        return suggest_job(values, overwrite=True, progress=Silent())

    return search


def scored(frame: pl.DataFrame, roles: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    frame.write_parquet("scored.parquet")
    values = {"source": "scored.parquet", "roles": {"target": "churned", **(roles or {})}, "rules": "rules.toml"}
    return score_job({**values, **more}, progress=Silent())


@pytest.mark.parametrize("roles", [{}, {"id": "id"}, {"time": "day"}, {"group": "house"}, {"id": "id", "time": "day"}])
def test_the_same_rows_are_divided_as_then_without_a_word(
    found: Callable[..., Any], table: pl.DataFrame, roles: dict[str, str]
) -> None:
    done = found(**roles)
    again = scored(table)
    assert SAME in again["notes"][0]
    assert (again["provenance"], again["rows"]) == ("same", done["holdout"])
    assert again["scores"][0]["covered"] == done["rules"][0]["holdout"]["covered"]
    other = scored(table, seed=5) if "day" not in roles.values() else scored(table, {"group": "house"})
    assert AMONG in other["notes"][0]
    assert (other["provenance"], other["overlap"], other["rows"]) == ("overlapping", 1.0, ROWS)


CHANGES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "one dropped": lambda frame: frame[:-1],
    "shuffled": lambda frame: frame.sample(fraction=1, shuffle=True, seed=1),
    "some appended": lambda frame: pl.concat([frame, customers(800, seed=7)]),
    "a third": lambda frame: frame[::3],
}


@pytest.mark.parametrize("roles", [{}, {"id": "id"}])
@pytest.mark.parametrize("change", CHANGES)
def test_old_rows_are_never_called_others(
    found: Callable[..., Any], table: pl.DataFrame, change: str, roles: dict[str, str]
) -> None:
    found(**roles)
    done = scored(CHANGES[change](table))
    assert AMONG in done["notes"][0]
    assert done["overlap"] == pytest.approx(ROWS / 4_800 if change == "some appended" else 1, abs=0.06)
    assert done["rows"] == CHANGES[change](table).height


def test_another_positive_class_does_not_make_rows_others(found: Callable[..., Any], table: pl.DataFrame) -> None:
    held_out = found()["holdout"]
    done = scored(table, positive="n")
    assert done["overlap"] == 1.0
    assert done["provenance"] == "same"  # classes are divided alike, whichever is looked for
    assert done["rows"] == held_out


def test_a_table_of_the_same_targets_is_another(found: Callable[..., Any], table: pl.DataFrame) -> None:
    found()
    other = customers(ROWS, seed=3).with_columns(table["churned"])
    done = scored(other)
    assert FRESH in done["notes"][0]
    assert (done["provenance"], done["overlap"], done["rows"]) == ("fresh", 0.0, ROWS)


def test_on_old_rows_all_that_were_tried_count(found: Callable[..., Any], table: pl.DataFrame) -> None:
    found()
    content = read("rules.toml")
    write("rules.toml", RuleFile(content.rules, {**content.found, "tried": 400}, content.measured))
    levels = {name: scored(rows)["scores"][0]["level"] for name, rows in (("same", table), ("part", table[:-1]))}
    assert levels == {"same": 1 - 0.05 / 400, "part": 1 - 0.05 / 400}
    assert scored(customers(ROWS, seed=3))["scores"][0]["level"] == 1 - 0.05 / len(content.rules)


def test_what_cannot_be_told_is_said(found: Callable[..., Any], table: pl.DataFrame) -> None:
    found()
    done = scored(table.drop("spend"))
    assert UNKNOWN in done["notes"][0]
    assert "column 'spend' is not here" in done["notes"][0]
    assert (done["provenance"], done["overlap"]) == ("unknown", None)
    assert "column 'id' is of another" in scored(table.cast({"id": pl.String}))["notes"][0]
    content = read("rules.toml")
    forged = {**content.found, "columns": ["tags"], "kinds": ["other"]}
    write("rules.toml", RuleFile(content.rules, forged))
    assert "'tags' is of another type" in scored(table.with_columns(tags=pl.concat_list("age")))["notes"][0]
    write("rules.toml", RuleFile(content.rules))
    assert "file does not say" in scored(table)["notes"][0]


def test_rows_that_repeat_tell_nothing(found: Callable[..., Any], table: pl.DataFrame) -> None:
    plain = table.select("churned", "age")
    plain.write_parquet("all.parquet")
    found()
    assert "sketch" not in read("rules.toml").found
    assert scored(plain)["provenance"] == "same"
    assert "alike; with --id" in scored(customers(900, seed=4))["notes"][0]


def test_rows_that_cannot_be_divided_as_then_are_judged_all(found: Callable[..., Any], table: pl.DataFrame) -> None:
    found(time="day")
    fresh = customers(900, seed=4)
    for frame in (fresh.drop("day"), fresh.with_columns(day=pl.lit(None, dtype=pl.Date))):
        assert scored(frame)["rows"] == 900
    assert scored(fresh)["provenance"] == "fresh"


def test_models_are_compared_on_the_rows_that_were_held_out(found: Callable[..., Any], table: pl.DataFrame) -> None:
    held_out = found(group="house")["holdout"]
    quick = {"boosting": {"max_trees": 5, "num_threads": 1}, "folds": 2, "resamples": 20}
    values = {"rules": "rules.toml", "source": "all.parquet", "roles": {"target": "churned"}, **quick}
    done = worth_job(values, progress=Silent())
    assert (done["unseen"], done["rows"], done["roles"]["group"]) == (True, held_out, "house")
    assert "held out while the rules" in done["verdict"]
    assert "sketch" not in done["found"]
    by_time = worth_job({**values, "roles": {"target": "churned", "time": "day"}}, progress=Silent())
    assert (by_time["unseen"], by_time["roles"]["time"]) == (True, "day")  # folds along time, of the same rows
    assert by_time["rows"] + by_time["rows_left_out"] == held_out
    table.drop("house").write_parquet("all.parquet")
    done = worth_job(values, progress=Silent())
    assert (done["unseen"], done["rows"]) == (False, ROWS)


def test_the_file_stays_small(found: Callable[..., Any]) -> None:
    found()
    assert Path("rules.toml").stat().st_size < 12_000
    assert len(str(read("rules.toml").found["sketch"]).splitlines()) == 1


@pytest.mark.parametrize(
    ("more", "note"),
    [({}, None), ({"seed": 5}, AMONG), ({"holdout": 0.5}, AMONG), ({"source": "other.parquet"}, FRESH)],
)
def test_pages_say_what_their_rows_are_to_the_rules(
    found: Callable[..., Any], more: dict[str, Any], note: str | None
) -> None:
    found(time="day")
    customers(ROWS, seed=2).write_parquet("other.parquet")
    roles = {"target": "churned"} if "seed" not in more else {"target": "churned", "group": "house"}
    values = {"source": "all.parquet", "roles": roles, "rules": "rules.toml", "suggest": False, **more}
    view = features(ExploreConfig(**values), progress=Silent())
    said = [text for text in view.notes if "rules were found on" in text]
    assert len(said) == (note is not None)
    assert note is None or note in said[0]
    if note is None:
        assert view.facts["division"] == read("rules.toml").found["division"]


@pytest.mark.parametrize("role", ["time", "group"])
def test_that_all_have_one_time_or_group_is_said(found: Callable[..., Any], table: pl.DataFrame, role: str) -> None:
    table.with_columns(one=pl.lit(7)).write_parquet("one.parquet")
    config = ExploreConfig(source="one.parquet", roles={"target": "churned", role: "one"})
    view = features(config, progress=Silent())
    assert f"one {role} (one 7)" in " ".join(view.notes)
    assert not any("fewer than 40" in text for text in view.notes)
    assert role == "time" or "Nothing was proved" in view.suggested  # one group proves nothing of others
