"""Whether rules are worth a feature: planted ones are, noise is not, and the two arms differ in the rules alone."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.jobs.rules import worth_job
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.predicates import Levels, Range, Rule, either, expr
from tabkit.predictors.features import fit_encoder
from tabkit.progress import Silent
from tabkit.propensity.ablation import folds as worth_folds
from tabkit.propensity.ablation.differences import _ends
from tabkit.propensity.ablation.folds import folds_of
from tabkit.propensity.ablation.study import worth
from tabkit.propensity.config import WorthConfig
from tabkit.roles import Roles
from tabkit.rules.saved import RuleFile, write
from tabkit.table import Table
from tabkit.target import infer

Q: dict[str, Any] = {"resamples": 50, "boosting": {"num_threads": 1, "max_trees": 60}}
ROLES = Roles(target="y")


def _box(i: int) -> Rule:
    low = Range(column=f"x{i}", ge=0.4, lt=0.5)
    return Rule(name=f"box {i}", all_of=(low, Range(column=f"x{(i + 1) % 6}", ge=0.3, lt=0.5)))


# Each box holds 2 % of the rows: trees find large ones themselves, but hardly these.
BOXES = either(*(_box(i) for i in range(6)), name="boxes")
NOISE = Rule(name="noise", all_of=(Levels(column="city", levels=("a", "e", "i")), Range(column="z", lt=0.5)))
EMPTY = [Rule(name="all"), Rule(name="none", all_of=(Range(column="x0", gt=7),))]


def table(n: int = 2500, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.random((n, 6))
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(6)} | {"city": rng.choice(list("abcdefghijklmno"), n)})
    frame = frame.with_columns(z=rng.random(n))
    inside = frame.select(expr(BOXES, frame.schema)).to_series().to_numpy()
    score = -1 + x[:, 0] + 3 * inside
    return frame.with_columns(
        y=rng.random(n) < 1 / (1 + np.exp(-score)),
        amount=pl.Series(score + rng.normal(size=n)),
        kind=pl.Series(np.where(inside, "in", np.where(x[:, 1] > 0.5, "up", "down"))),
        house=pl.Series(rng.integers(0, n // 5, n)),
        day=pl.Series([datetime.date(2024, 1, 1) + datetime.timedelta(days=int(i) // 25) for i in range(n)]),
    )


OTHERS = {"exclude": ["amount", "kind", "house", "day"]}


def binary(**more: Any) -> dict[str, Any]:
    return {**Q, "encoding": OTHERS, **more}


def test_a_planted_rule_is_worth_a_feature() -> None:
    found = worth(table(), rules=[BOXES], roles=ROLES, config=binary())
    assert found.decision == "worth a feature"
    assert found.verdict.startswith("Worth a feature: the rules change log_loss by -0.0")
    by_metric = {each.metric: each for each in found.metrics}
    loss, auc = by_metric["log_loss"], by_metric["auc"]
    assert loss.high is not None
    assert loss.high < 0 < auc.difference
    assert loss.difference == pytest.approx(loss.with_rules - loss.without_rules)
    assert len(loss.by_fold) == 5
    assert by_metric["ece"].low is None
    assert (found.rules[0].rank, found.rules[0].fits) == (1, 5)
    assert found.rules[0].share > 0.2
    assert (found.rows, found.rows_left_out, found.fits, found.unit) == (2500, 0, 10, "row")


def test_noise_is_not_worth_a_feature() -> None:
    found = worth(table(), rules=[NOISE], roles=ROLES, config=binary())
    assert found.decision == "no difference shown"
    assert found.rules[0].share < 0.05


def test_rules_that_never_vary_make_no_difference_at_all() -> None:
    found = worth(table(), rules=EMPTY, roles=ROLES, config=binary(folds=3))
    assert found.decision == "no difference shown"
    for each in found.metrics:
        assert each.difference == 0
        assert set(each.by_fold) == {0.0}
        assert each.low in (0, None)
    assert [(use.fits, use.rank, use.share) for use in found.rules] == [(0, None, 0.0)] * 2


def test_the_arm_without_is_what_a_fit_without_rules_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """With target encoders inside: the arms share one encoding, which is that of an encoder without rules."""
    frame = table(600)
    settings = WorthConfig(**Q).training()
    settings = settings.model_copy(update={"boosting": settings.boosting.model_copy(update={"objective": "binary"})})
    rows, target = Table(frame.drop(OTHERS["exclude"]), ROLES, "rows", {}), infer(frame, "y")
    _, bare = fit_encoder(rows, target, settings)
    encoder, both = fit_encoder(rows, target, settings.model_copy(update={"rules": (BOXES,)}))
    assert "city by target" in encoder.outputs
    assert both.features.drop("boxes").equals(bare.features)
    first, again = (worth(frame, rules=[rule], roles=ROLES, config=binary(folds=2)) for rule in (BOXES, NOISE))
    assert first.metrics[0].without_rules == again.metrics[0].without_rules


def test_only_marked_rows_are_judged_on() -> None:
    frame = table(1500)
    held = np.random.default_rng(1).random(1500) < 0.4
    found = worth(frame, rules=[BOXES], roles=ROLES, config=binary(), holdout=held)
    assert (found.rows, found.unseen) == (held.sum(), True)
    assert "held out while the rules" in found.verdict
    assert "flatter" not in found.verdict
    marked = frame.with_columns(fresh=pl.Series(held).cast(pl.Int8))
    same = worth(marked, rules=[BOXES], roles=ROLES, config=binary(holdout="fresh"))
    assert same == found
    assert "flatter themselves" in worth(frame, rules=[BOXES], roles=ROLES, config=binary(folds=2)).verdict


def _folds(frame: pl.DataFrame, roles: Roles, held: Any = None, **settings: Any) -> list[worth_folds.Fold]:
    return folds_of(Table(frame, roles, "rows", {}), held, infer(frame, "y"), WorthConfig(**settings))


def test_each_fold_learns_from_all_other_rows() -> None:
    frame, held = table(500), np.arange(500) % 3 == 0
    folds = _folds(frame, ROLES, held, folds=4, repeats=2)
    assert [(fold.repeat, fold.number) for fold in folds] == [(r, k) for r in range(2) for k in range(4)]
    for fold in folds:
        assert held[fold.test].all()
        assert sorted([*fold.fit, *fold.test]) == list(range(500))
        share = frame["y"].to_numpy()[fold.test].mean()
        assert abs(share - frame["y"].to_numpy()[held].mean()) < 0.03  # by class
    for repeat in range(2):
        judged = np.concatenate([fold.test for fold in folds if fold.repeat == repeat])
        assert sorted(judged) == np.flatnonzero(held).tolist()


def test_groups_stay_whole_and_are_not_learned_from() -> None:
    frame, held = table(500), np.arange(500) % 3 == 0
    house = frame["house"].to_numpy()
    for fold in _folds(frame, Roles(target="y", group="house"), held):
        assert not set(house[fold.fit]) & set(house[fold.test])
        assert len(fold.fit) < 500 - len(fold.test)


@pytest.mark.parametrize("group", [None, "house"])
def test_what_is_the_same_in_all_rows_divides_nothing(group: str | None) -> None:
    frame = table(500).with_columns(one=pl.lit(7), all=pl.lit("a"))
    plain = _folds(frame, Roles(target="y", group=group))
    for roles in (Roles(target="y", group=group, time="one"), Roles(target="y", group=group or "all", time="one")):
        for fold, expected in zip(_folds(frame, roles), plain, strict=True):
            assert np.array_equal(fold.test, expected.test)
            assert np.array_equal(fold.fit, expected.fit)


def test_rows_to_judge_of_one_day_learn_from_no_later_ones() -> None:
    frame = table(1000)
    day = frame["day"].to_numpy()
    folds = _folds(frame, Roles(target="y", time="day"), day == day[600])
    assert len(folds) > 1
    for fold in folds:
        assert day[fold.fit].max() == day[600]
        assert not set(fold.fit) & set(fold.test)


@pytest.mark.parametrize("marked", [False, True])
def test_along_time_only_earlier_rows_are_learned_from(marked: bool) -> None:
    frame = table(1000).sample(fraction=1, shuffle=True, seed=3)
    day = frame["day"].to_numpy()
    held = np.random.default_rng(0).random(1000) < 0.5 if marked else None
    folds = _folds(frame, Roles(target="y", time="day"), held, folds=4)
    assert len(folds) == (3 if marked else 4)  # the oldest marked block has no past
    for fold in folds:
        assert day[fold.fit].max() < day[fold.test].min()
        assert held is None or held[fold.test].all()
    assert len(set(np.concatenate([fold.test for fold in folds]))) == sum(len(fold.test) for fold in folds)


def test_judging_along_time_draws_days_and_says_what_was_left_out() -> None:
    roles = Roles(target="y", time="day")
    encoding = {"exclude": ["amount", "kind", "house"]}
    found = worth(table(), rules=[BOXES], roles=roles, config={**Q, "encoding": encoding, "folds": 3})
    assert (found.unit, found.folds) == ("day", 3)
    assert found.rows + found.rows_left_out == 2500
    assert found.rows_left_out > 0
    with pytest.raises(ConfigError, match="leave repeats out"):
        worth(table(), rules=[BOXES], roles=roles, config={**Q, "encoding": encoding, "repeats": 2})


@pytest.mark.parametrize(("target", "first"), [("amount", "rmse"), ("kind", "log_loss")])
def test_other_targets_work_too(target: str, first: str) -> None:
    exclude = [name for name in ("y", "amount", "kind", "house", "day") if name != target]
    config = {**Q, "encoding": {"exclude": exclude}, "folds": 2}
    found = worth(table(1200), rules=[BOXES], roles=Roles(target=target), config=config)
    assert found.metrics[0].metric == first
    assert found.decision == "worth a feature"


def test_repeats_divide_anew_and_are_averaged() -> None:
    once, twice = (worth(table(1000), rules=[NOISE], roles=ROLES, config=binary(repeats=n, folds=3)) for n in (1, 2))
    assert (twice.repeats, twice.folds, twice.fits) == (2, 3, 12)
    assert twice.metrics[0].by_fold[:3] == once.metrics[0].by_fold
    assert twice.metrics[0].by_fold[3:] != once.metrics[0].by_fold


@pytest.mark.slow
def test_rules_mined_from_noise_pass_no_rows_that_they_were_not_mined_from() -> None:
    passed = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        frame = pl.DataFrame(rng.random((2000, 4)), schema=["a", "b", "c", "d"], orient="row")
        frame = frame.with_columns(y=pl.Series(rng.random(2000) < 0.2 + 0.4 * frame["a"].to_numpy()))
        held = np.arange(2000) % 2 == 0
        seen = frame.filter(~held)
        lows = [(float(b), float(c)) for b, c in rng.uniform(0, 0.8, (500, 2))]
        tried = [Rule(name="mined", all_of=(_part("b", b), _part("c", c))) for b, c in lows]
        rates = seen.select(
            ((pl.col("y") - pl.col("y").mean()).filter(expr(rule, seen.schema)).sum()).abs().alias(f"{i}")
            for i, rule in enumerate(tried)
        ).row(0)
        best = tried[int(np.argmax(rates))]
        passed.append(worth(frame, rules=[best], roles=ROLES, config=Q, holdout=held).decision == "worth a feature")
    assert sum(passed) <= 2


def _part(column: str, low: float) -> Range:
    return Range(column=column, ge=low, lt=low + 0.2)


def test_intervals_know_of_fits_that_differ_by_chance() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(-0.01, 0.004, (400, 1))
    alike, apart = np.array([-0.01, -0.012, -0.008, -0.01]), np.array([-0.05, 0.03, -0.04, 0.02])
    low, high = _ends(draws, alike, -0.01, 0.95)
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]))
    low, high = _ends(draws, apart, -0.01, 0.95)
    assert (high - low) / 2 == pytest.approx(1.96 * apart.std(ddof=1) / 2, rel=0.1)
    twice = _ends(np.repeat(draws, 2, axis=1), np.tile(apart, 2), -0.01, 0.95)
    assert (high - low) / (twice[1] - twice[0]) == pytest.approx(np.sqrt(2), rel=0.05)
    assert _ends(np.zeros((9, 1)), np.zeros(4), 0.0, 0.95) == (0.0, 0.0)


def test_progress_is_told_of_every_fit() -> None:
    class Watch(Silent):
        total, done = 0.0, 0.0

        def task(self, label: str, *, total: float | None = None) -> AbstractContextManager[Callable[[float], None]]:
            self.total = total or 0

            def advance(amount: float) -> None:
                self.done += amount

            return nullcontext(advance)

    watch = Watch()
    worth(table(600), rules=[BOXES], roles=ROLES, config=binary(folds=2, repeats=2), progress=watch)
    assert (watch.total, watch.done) == (8, 8)


def test_what_cannot_be_compared_is_refused() -> None:
    def refused(error: type[Exception], said: str, **given: Any) -> None:
        options = {"rules": [BOXES], "roles": ROLES, "config": binary(), **given}
        with pytest.raises(error, match=said):
            worth(table(600), **options)

    refused(ConfigError, "no rules are given", rules=[])
    refused(SchemaError, "needs column 'x9'", rules=[Rule(name="a", all_of=(Range(column="x9", gt=0),))])
    refused(ConfigError, "'day', which is excluded", rules=[Rule(name="a", all_of=(Range(column="day", gt=0),))])
    refused(ConfigError, "no target is given", roles=Roles())
    refused(ConfigError, "false for each of 600", holdout=np.ones(600))
    refused(ConfigError, "holdout is true in no", holdout=np.zeros(600, dtype=bool))
    refused(ConfigError, "'x0' is Float64; true or", config=binary(holdout="x0"))
    refused(ConfigError, "no column", config=binary(holdout="fresh"))
    refused(ConfigError, "twice", config=binary(holdout="x0"), holdout=np.ones(600, dtype=bool))
    refused(FitError, "nothing|no features beside", config={**Q, "encoding": {**OTHERS, "default": "drop"}})


def test_the_job_reads_files_and_gives_plain_data(tmp_path: Path) -> None:
    table().drop(OTHERS["exclude"]).write_parquet(tmp_path / "rows.parquet")
    write(tmp_path / "rules.toml", RuleFile((BOXES,), {"source": "other.parquet"}))
    places = {"source": str(tmp_path / "rows.parquet"), "rules": str(tmp_path / "rules.toml")}
    found = worth_job({**Q, **places, "roles": {"target": "y"}, "folds": 3}, progress=Silent())
    assert found["decision"] == "worth a feature"
    assert found["found"] == {"source": "other.parquet"}
    assert found["rules"][0]["rule"] == "boxes"
    assert found["metrics"][0]["metric"] == "log_loss"
    with pytest.raises(ConfigError, match="no rules"):
        worth_job({"source": "x", "roles": {"target": "y"}}, progress=Silent())
    with pytest.raises(ConfigError, match="no source"):
        worth_job({"rules": places["rules"], "roles": {"target": "y"}}, progress=Silent())
