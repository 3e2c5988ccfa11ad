"""What is planted is found, and nothing more; what goes in badly is refused, or said."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from tabkit.errors import ConfigError, SchemaError
from tabkit.predicates import Not, Null, Range, from_dict
from tabkit.rules.config import SuggestConfig
from tabkit.rules.discovery import suggest
from tabkit.rules.goal import Goal, Mask
from tabkit.rules.measurement import masks
from tabkit.rules.proof import totals
from tabkit.rules.searching.candidates import Judge, Lookup
from tabkit.rules.similarity import overlap
from tabkit.rules.suggestion import Suggestions

KINDS = ("share", "mean", "effect")


def table(n: int, seed: int = 0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "age": chance.integers(18, 80, n),
            "spend": chance.lognormal(3, 1, n),
            "job": chance.choice(["clerk", "nurse", "cook", "smith", "baker", "judge"], n),
            "score": chance.normal(0, 1, n),
            "noise": chance.normal(0, 1, n),
            "city": [f"city {value}" for value in chance.integers(0, 40, n)],
            "active": chance.random(n) < 0.5,
        }
    )
    hidden = pl.Series(chance.random(n) < 0.1)
    return frame.with_columns(pl.when(hidden).then(None).otherwise(pl.col("score")).alias("score"))


def goal_of(inside: Mask, kind: str, seed: int = 1) -> Goal:
    chance = np.random.default_rng(seed)
    n = inside.size
    if kind == "share":
        return Goal("y", "share", (chance.random(n) < np.where(inside, 0.35, 0.1)).astype(np.float64), positive="yes")
    if kind == "mean":
        return Goal("y", "mean", chance.lognormal(0, 1, n) * np.where(inside, 2, 1))
    treated = chance.random(n) < 0.5
    y = (chance.random(n) < 0.2 + 0.3 * (inside & treated)).astype(np.float64)
    return Goal("y", "effect", y, None, treated, "arm", "mail", "none")


def rows_of(expression: pl.Expr, frame: pl.DataFrame) -> Mask:
    return frame.select(expression.fill_null(value=False)).to_series().to_numpy().astype(np.bool_)


BOXES = {
    "two numbers": (pl.col("age") >= 45) & (pl.col("spend") < 20),
    "number and levels": (pl.col("age") < 40) & pl.col("job").is_in(["cook", "judge"]),
    "null": pl.col("score").is_null(),
    "interval": pl.col("noise").is_between(-0.5, 0.5),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("box", BOXES)
def test_a_planted_box_is_found_and_comes_first(kind: str, box: str) -> None:
    frame = table(12_000)
    truth = rows_of(BOXES[box], frame)
    found = suggest(frame, goal_of(truth, kind))
    best = found.rules[0]
    [inside] = masks([best.rule], frame)
    assert set(best.rule.columns()) == set(BOXES[box].meta.root_names())
    assert overlap(inside, truth).jaccard > (0.75 if kind == "effect" else 0.85)
    assert best.p <= 0.01
    assert best.holdout.low is not None
    assert best.holdout.low > best.holdout.base


def test_bounds_are_near_the_truth_and_read_well() -> None:
    frame = table(50_000)
    found = suggest(frame, goal_of(rows_of((pl.col("age") >= 45) & (pl.col("spend") < 20), frame), "share"))
    age, spend = found.rules[0].rule.all_of
    assert isinstance(age, Range)
    assert isinstance(spend, Range)
    assert (age.high, spend.low) == (None, None)
    assert age.low in range(43, 48)
    assert 17 < spend.high < 23  # type: ignore[operator]
    assert len(str(spend.high)) <= 4


@pytest.mark.parametrize("kind", KINDS)
def test_no_rule_is_padded_with_noise(kind: str) -> None:
    for seed in range(5):
        frame = table(20_000 if kind == "effect" else 8000, seed=seed)
        truth = rows_of(BOXES["number and levels"], frame)
        found = suggest(frame, goal_of(truth, kind, seed=seed), config=SuggestConfig(seed=seed))
        assert found.rules
        for each in found.rules:
            assert set(each.rule.columns()) <= {"age", "job"}


def test_what_a_better_rule_explains_is_not_suggested_again() -> None:
    frame = table(40_000)
    truth = rows_of((pl.col("age") >= 45) & (pl.col("spend") < 20), frame)
    found = suggest(frame, goal_of(truth, "share"))
    assert len(found.rules) == 1  # and neither age nor spend alone, though both pass any test


def test_two_boxes_are_found() -> None:
    frame = table(30_000)
    truth = rows_of(BOXES["number and levels"] | (pl.col("noise") > 1.2), frame)
    found = suggest(frame, goal_of(truth, "share"))
    assert {each.rule.columns() for each in found.rules[:2]} == {("age", "job"), ("noise",)}


def test_low_values_are_sought_where_asked_for() -> None:
    frame = table(12_000)
    truth = rows_of(BOXES["interval"], frame)
    for kind in KINDS:
        found = suggest(frame, goal_of(~truth, kind), config=SuggestConfig(direction="low"))
        best = found.rules[0]
        assert best.rule.columns() == ("noise",)
        assert best.holdout.high is not None
        assert best.holdout.high < best.holdout.base


def test_the_hold_out_that_is_given_proves() -> None:
    """Where the pattern has ended before the hold-out begins, nothing is proved."""
    frame = table(12_000)
    held = np.arange(12_000) >= 8000
    truth = rows_of(BOXES["two numbers"], frame)
    still, ended = (goal_of(inside, "share") for inside in (truth, truth & ~held))
    found = suggest(frame, still, holdout=held)
    assert (found.rules[0].train.rows, found.rules[0].holdout.rows) == (8000, 4000)
    gone = suggest(frame, ended, holdout=held)
    assert gone.rules == ()
    assert gone.tested > 0
    assert "none was proved" in gone.notes[-1]


def test_the_order_and_the_rules_tested_do_not_depend_on_the_hold_out() -> None:
    frame = table(12_000)
    held = np.arange(12_000) >= 8000
    goal = goal_of(rows_of(BOXES["two numbers"] | (pl.col("noise") > 1), frame), "share")
    shuffled = goal.y.copy()
    shuffled[held] = np.random.default_rng(0).permutation(shuffled[held])
    one, other = (suggest(frame, each, holdout=held) for each in (goal, Goal("y", "share", shuffled, "yes")))
    assert one.rules
    assert other.rules == ()
    assert one.tested == other.tested
    quality = [each.train.coverage**0.5 * (each.train.gain or 0) for each in one.rules]
    assert quality == sorted(quality, reverse=True)


def test_intervals_allow_for_what_was_tested() -> None:
    frame = table(12_000)
    found = suggest(frame, goal_of(rows_of(BOXES["two numbers"], frame), "share"))
    assert found.rules[0].holdout.level == pytest.approx(1 - 0.05 / found.tested)
    assert found.rules[0].train.level == 0.95
    assert found.searched > 1000


def test_it_is_plain_data_that_comes_back() -> None:
    frame = table(12_000)
    found = suggest(frame, goal_of(rows_of(BOXES["two numbers"], frame), "share"))
    plain = json.loads(json.dumps(found.to_dict()))
    assert from_dict(plain["rules"][0]["rule"]) == found.rules[0].rule
    assert plain["tested"] == found.tested


def test_names_differ_from_columns_and_from_each_other() -> None:
    frame = table(20_000)
    truth = rows_of((pl.col("noise") > 1) | (pl.col("noise") < -1), frame)
    frame = frame.rename({"noise": "Größe, in 'cm' 📏"}).with_columns(pl.lit(1).alias("größe_in_cm"))
    names = [each.rule.name for each in suggest(frame, goal_of(truth, "share")).rules]
    assert len(names) == 2
    assert len(set(names)) == 2
    assert not set(names) & set(frame.columns)
    assert all(name.isidentifier() for name in names)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_same_every_time(seed: int) -> None:
    frame = table(6000)
    goal = goal_of(rows_of(BOXES["two numbers"], frame), "mean")
    first, second = (suggest(frame, goal, config=SuggestConfig(seed=seed)) for _ in range(2))
    assert first == second


def test_what_was_searched_on_a_sample_is_measured_on_all() -> None:
    frame = table(40_000)
    truth = rows_of(BOXES["two numbers"], frame)
    found = suggest(frame, goal_of(truth, "share"), config=SuggestConfig(sample=5000))
    [inside] = masks([found.rules[0].rule], frame)
    assert overlap(inside, truth).jaccard > 0.8
    assert found.rules[0].train.rows == 28_000
    assert found.rules[0].train.covered + found.rules[0].holdout.covered == inside.sum()


def test_the_coverage_that_is_asked_for_is_kept() -> None:
    frame = table(12_000)
    goal = goal_of(rows_of(pl.col("noise") > 2, frame), "share")  # 2.3 % of the rows
    for each in suggest(frame, goal, config=SuggestConfig(coverage=0.1)).rules:
        assert each.train.coverage >= 0.1


def test_progress_is_shown() -> None:
    seen: dict[str, float] = {}

    class Shown:
        @contextlib.contextmanager
        def task(self, label: str, *, total: float | None = None) -> Iterator[Any]:
            seen[label] = 0

            def advance(amount: float) -> None:
                seen[label] += amount

            yield advance

    frame = table(3000)
    suggest(frame, goal_of(rows_of(BOXES["two numbers"], frame), "share"), progress=Shown())
    assert seen == {"search": 4, "prove": 2}


def test_a_rule_loses_the_conditions_and_the_ends_that_say_nothing() -> None:
    frame = table(20_000)
    goal = goal_of(rows_of(pl.col("age") >= 45, frame), "share")
    judge = Judge(Lookup(frame), totals(goal), True, 30, SuggestConfig())
    padded = (Range(column="age", ge=45, lt=78), Range(column="noise", lt=1), Not(Null(column="score")))
    pared = judge.pared(padded)
    assert pared is not None
    assert pared.conditions == (Range(column="age", ge=45),)
    assert judge.pared((Range(column="noise", lt=1),)) is None


# --- what goes in badly


def said(found: Suggestions) -> str:
    assert found.rules == ()
    return " ".join(found.notes)


def test_too_few_rows_are_said() -> None:
    for n in (0, 1, 2, 50):
        assert "too few rows" in said(suggest(table(max(n, 1))[:n], goal_of(np.zeros(n, dtype=np.bool_), "share")))
    frame, goal = table(500), goal_of(np.zeros(500, dtype=np.bool_), "share")
    for held in (np.ones(500, dtype=np.bool_), np.zeros(500, dtype=np.bool_)):
        assert "too few rows" in said(suggest(frame, goal, holdout=held))
    treated = np.arange(500) < 20
    assert "arm" in said(suggest(frame, Goal("y", "effect", goal.y, None, treated, "arm", "mail", "none")))


def test_constant_goals_and_columns_are_said() -> None:
    frame = table(1000)
    assert "the same in all rows" in said(suggest(frame, Goal("y", "share", np.zeros(1000), positive="yes")))
    goal = goal_of(np.arange(1000) < 300, "share")
    empty = pl.DataFrame({"one": [1] * 1000, "none": [None] * 1000, "nan": [float("nan")] * 1000})
    notes = said(suggest(empty, goal))
    assert "3 columns" in notes
    assert "constant: 'one', 'none', 'nan'" in notes
    assert "no column is left" in notes
    assert "no column is left" in said(suggest(frame, goal, columns=[]))
    lists = frame.select(pl.concat_list("age").alias("ages"), pl.struct("age").alias("fields"))
    assert "2 columns were left" in said(suggest(lists, goal))
    assert "'ages' (List(Int64))" in said(suggest(lists, goal))


def test_one_column_is_enough() -> None:
    frame = table(5000).select("noise")
    found = suggest(frame, goal_of(rows_of(pl.col("noise") > 1, frame), "share"))
    assert [each.rule.name for each in found.rules] == ["noise_rule"]


def test_the_goals_own_columns_are_never_used() -> None:
    frame = table(5000).with_columns(pl.Series("arm", np.arange(5000) % 2))
    goal = goal_of(np.zeros(5000, dtype=np.bool_), "share")
    frame = frame.with_columns(pl.Series("y", goal.y))
    assert suggest(frame, goal).rules == ()
    effect = Goal("y", "effect", goal.y, None, np.arange(5000) % 2 == 1, "arm", "1", "0")
    assert suggest(frame, effect).rules == ()
    for name, of in (("y", goal), ("arm", effect)):
        with pytest.raises(ConfigError, match="goal is made of"):
            suggest(frame, of, columns=["age", name])


def test_what_does_not_fit_is_refused() -> None:
    frame, goal = table(500), goal_of(np.zeros(500, dtype=np.bool_), "share")
    with pytest.raises(SchemaError, match="lacks columns: 'agee'"):
        suggest(frame, goal, columns=["agee"])
    with pytest.raises(ConfigError, match="one column twice"):
        suggest(frame, goal, columns=["age", "age"])
    with pytest.raises(SchemaError, match=r"goal.*500 rows.*400"):
        suggest(frame[:400], goal)
    with pytest.raises(SchemaError, match=r"Boolean.*500 rows"):
        suggest(frame, goal, holdout=np.ones(400, dtype=np.bool_))
    with pytest.raises(SchemaError, match="of shape \\(500,\\) and type int64"):
        suggest(frame, goal, holdout=np.ones(500, dtype=np.int64))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ['it\'s "quoted"', "😀", "a b", "^x$", "*", ""])
def test_any_name_of_a_column_is_fine_or_said(name: str) -> None:
    frame = table(5000).select(pl.col("noise").alias(name), "age")
    found = suggest(frame, goal_of((frame.to_series(0) > 1).to_numpy(), "share"))
    if name in ("^x$", "*", ""):
        assert "pattern" in found.notes[0]
    else:
        assert found.rules[0].rule.columns() == (name,)
        assert found.rules[0].rule.name.isidentifier()


def test_infinite_values_and_nan_do_no_harm() -> None:
    x = table(5000)["noise"].to_numpy().copy()
    x[:500], x[500:1000], x[1000:1500] = np.inf, -np.inf, np.nan
    frame = pl.DataFrame({"x": x})
    for truth, text in ((x > 1, "x >= "), (x < -1, "x < "), (np.isnan(x), "x is null")):
        found = suggest(frame, goal_of(truth, "share"), config=SuggestConfig(seed=3))
        assert found.rules[0].rule.text().startswith(text)
        [inside] = masks([found.rules[0].rule], frame)
        assert overlap(inside, truth).jaccard > 0.8


def test_thousands_of_levels_hide_nothing() -> None:
    chance = np.random.default_rng(0)
    n = 20_000
    level = np.where(chance.random(n) < 0.1, 7, chance.integers(0, 5000, n))
    frame = table(n).with_columns(pl.Series("code", [f"c{value}" for value in level]))
    found = suggest(frame, goal_of(level == 7, "share"))
    assert found.rules[0].rule.text() == 'code is "c7"'


def test_thousands_of_columns_take_seconds() -> None:
    chance = np.random.default_rng(0)
    frame = pl.DataFrame(chance.normal(size=(5000, 2000)), schema=[f"c{i}" for i in range(2000)], orient="row")
    started = time.perf_counter()
    found = suggest(frame, goal_of(((frame["c7"] > 0.3) & (frame["c1900"] < 0)).to_numpy(), "share"))
    assert time.perf_counter() - started < 30
    assert found.rules[0].rule.columns() == ("c7", "c1900")
    assert found.notes == ("of 2,000 columns the 300 most useful were combined",)
