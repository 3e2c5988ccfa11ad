"""On pure noise nothing is suggested in at least 95 of 100 runs: the promise is for any 5, and alpha is 1 in 100.

Of 60 runs two may be false alarms: more are had in 2 % of tests where the rate is alpha, in 95 % where it is a tenth.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.rules.config import SuggestConfig
from tabkit.rules.discovery import suggest
from tabkit.rules.goal import Goal

pytestmark = pytest.mark.slow

KINDS = ("share", "heavy mean", "low heavy mean", "effect", "heavy effect")
ROWS = 3000


def columns(seed: int, rows: int = ROWS) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "normal": chance.normal(size=rows),
            "skewed": chance.lognormal(0, 2, rows),
            "whole": chance.integers(0, 60, rows),
            "few": chance.poisson(1, rows),
            "zeros": np.where(chance.random(rows) < 0.6, 0, chance.gamma(2, 10, rows)),
            "levels": [f"l{value}" for value in chance.geometric(0.2, rows)],
            "many": [f"m{value}" for value in chance.integers(0, 300, rows)],
            "flag": chance.random(rows) < 0.3,
        }
    )
    names = ("skewed", "few", "levels", "flag")
    hidden = {name: pl.Series(chance.random(rows) < 0.1) for name in names}
    return frame.with_columns(pl.when(hidden[name]).then(None).otherwise(pl.col(name)).alias(name) for name in names)


def noise(kind: str, seed: int, rows: int = ROWS) -> Goal:
    chance = np.random.default_rng(100_000 + seed)
    y = chance.lognormal(0, 2, rows) if "heavy" in kind else (chance.random(rows) < 0.1).astype(np.float64)
    if "effect" in kind:
        return Goal("y", "effect", y, None, chance.random(rows) < 0.5, "arm", "mail", "none")
    return Goal("y", "mean", y) if "mean" in kind else Goal("y", "share", y, positive="yes")


def false_alarms(kind: str, runs: int, rows: int = ROWS) -> int:
    direction = "low" if "low" in kind else "high"
    return sum(
        bool(
            suggest(
                columns(seed, rows), noise(kind, seed, rows), config=SuggestConfig(seed=seed, direction=direction)
            ).rules
        )
        for seed in range(runs)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_on_noise_nothing_is_suggested(kind: str) -> None:
    assert false_alarms(kind, 60) <= 2


def test_nor_on_few_rows() -> None:
    assert false_alarms("share", 60, rows=300) <= 2


def test_tests_do_reject_at_a_laxer_level_which_shows_that_they_were_made() -> None:
    """With alpha near one, noise is let through: what the runs above refuse is not refused for want of candidates."""
    let = 0
    for seed in range(30):
        found = suggest(columns(seed), noise("share", seed), config=SuggestConfig(seed=seed, alpha=0.9))
        # The interval that allows for all rules that were tested still refuses most of them, and that is said.
        let += bool(found.rules) or any(note.startswith("proved, but hardly") for note in found.notes)
    assert let >= 5
