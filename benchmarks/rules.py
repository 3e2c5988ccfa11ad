"""Rules suggested on tables with a planted box: how long it takes, and whether the box was found.

Twelve columns of numbers, whole numbers and levels, some of them with nulls; in a box of a number and three levels,
6 % of the rows, 30 % are positive instead of 10 %. The box is found if the first rule shares most of its rows with it.
Beside it pysubgroup's beam search on the same rows, for as many rows as it can be waited for: it proves nothing, and
its time is of one depth less.

    python benchmarks/rules.py [--rows 10000 200000 1000000] [--repeats 3] [--peer-rows 10000]
The peer is in the extra `dev`.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from tabkit.rules import Goal, masks, overlap
from tabkit.rules.bins import axes
from tabkit.rules.config import SuggestConfig
from tabkit.rules.discovery import suggest
from tabkit.rules.goal import Mask
from tabkit.rules.searching.search import search

COLUMNS, BINS = 12, 20
BOX = pl.col("whole1").is_between(30, 44) & pl.col("levels2").is_in(["l1", "l4", "l7"])


def main() -> None:
    options = _options()
    print(f"{COLUMNS} columns, depth 3; seconds, medians of {options.repeats}\n")
    print(f"{'rows':>10} {'goal':<7}{'seconds':>8}{'tested':>8}{'shared':>8}   first rule")
    for rows in options.rows:
        for kind in ("share", "mean", "effect"):
            _shown(rows, kind, options.repeats)
    if importlib.util.find_spec("pysubgroup") is None:
        print("\npysubgroup is not installed: pip install pysubgroup==0.8.0")
    else:
        _peers(options.peer_rows)


def made(rows: int, kind: Any, *, seed: int = 0) -> tuple[pl.DataFrame, Goal, Mask]:
    """Return columns, a goal, and the rows of the box."""
    chance = np.random.default_rng(seed)
    makers: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("number", lambda: chance.normal(50, 20, rows)),
        ("whole", lambda: chance.integers(0, 60, rows)),
        ("levels", lambda: np.array([f"l{level}" for level in range(12)])[chance.integers(0, 12, rows)]),
        ("skewed", lambda: chance.lognormal(0, 1, rows)),
    )
    named = {f"{makers[i % 4][0]}{i}": makers[i % 4][1]() for i in range(COLUMNS)}
    hidden = pl.Series(chance.random(rows) < 0.1)
    frame = pl.DataFrame(named).with_columns(
        pl.when(hidden).then(None).otherwise(pl.col(name)).alias(name) for name in list(named)[::3]
    )
    box = frame.select(BOX.fill_null(value=False)).to_series().to_numpy().astype(np.bool_)
    if kind == "mean":
        return frame, Goal("y", "mean", chance.normal(0, 1, rows) + 0.5 * box), box
    treated = chance.random(rows) < 0.5
    if kind == "effect":
        y = (chance.random(rows) < 0.2 + 0.2 * (box & treated)).astype(np.float64)
        return frame, Goal("y", "effect", y, None, treated, "arm", "mail", "none"), box
    return frame, Goal("y", "share", (chance.random(rows) < 0.1 + 0.2 * box).astype(np.float64), positive="yes"), box


def _shown(rows: int, kind: str, repeats: int) -> None:
    frame, goal, box = made(rows, kind)
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        found = suggest(frame, goal)
        seconds.append(time.perf_counter() - started)
    took, first = statistics.median(seconds), "nothing"
    shared = 0.0
    if found.rules:
        [inside] = masks([found.rules[0].rule], frame)
        shared, first = overlap(inside, box).jaccard, found.rules[0].rule.text()
    print(f"{rows:>10,} {kind:<7}{took:>8.2f}{found.tested:>8}{shared:>8.2f}   {first}", flush=True)


def _peers(rows: int) -> None:
    frame, goal, _ = made(rows, "share")
    frame = frame.fill_null(strategy="zero")  # pysubgroup takes nulls for a value of their own
    frame = frame.with_columns(pl.col(pl.String).fill_null("none"))
    print(f"\npysubgroup on {rows:,} rows without nulls, {BINS} bins, beam of 30: quality with exponent .5, seconds")
    for depth in (1, 2):
        started = time.perf_counter()
        coded = axes(frame, frame.columns, rows=None, bins=BINS, most_levels=30).found
        signal = goal.signal()
        node = search(coded, signal, least=30, config=SuggestConfig(depth=depth)).nodes[0]
        took = time.perf_counter() - started
        quality, theirs = _peer(frame, goal, depth)
        ours = node.quality * float(signal.std())
        print(f"depth {depth}   tabkit {ours:.4f} {took:7.2f} s   pysubgroup {quality:.4f} {theirs:7.2f} s")


def _peer(frame: pl.DataFrame, goal: Goal, depth: int) -> tuple[float, float]:
    import pandas as pd  # noqa: PLC0415  # for the peer alone
    import pysubgroup as ps  # noqa: PLC0415

    warnings.simplefilter("ignore")  # the peer's own
    columns = {
        name: frame[name].to_numpy() if frame[name].dtype.is_numeric() else frame[name].to_numpy().astype(object)
        for name in frame.columns
    }
    table = pd.DataFrame({**columns, "goal": goal.y > 0})
    started = time.perf_counter()
    selectors = ps.create_selectors(table, nbins=BINS, intervals_only=False, ignore=["goal"])
    task = ps.SubgroupDiscoveryTask(
        table, ps.BinaryTarget("goal", True), selectors, result_set_size=10, depth=depth, qf=ps.StandardQF(0.5)
    )
    found = ps.BeamSearch(beam_width=30).execute(task).to_descriptions()
    return float(found[0][0]), time.perf_counter() - started


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 200_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-rows", type=int, default=10_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
