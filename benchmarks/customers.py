"""A table of any size with known truth, for the benchmarks: 30 feature columns, an id and a target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

NUMBERS = 22
LEVELS = (3, 4, 5, 8, 50, 300, 2_000, 10_000)
"""Levels of the text columns."""
_BLOCK = 500_000


def write(path: Path, rows: int, *, seed: int) -> None:
    """Write `rows` customers as Parquet, block by block, so that memory does not grow with the rows."""
    folder = path.with_suffix(".parts")
    folder.mkdir()
    starts = range(0, rows, _BLOCK)
    for i, start in enumerate(starts):
        block(start, min(_BLOCK, rows - start), seed=seed + i).write_parquet(folder / f"{i:05d}.parquet")
    pl.scan_parquet(folder / "*.parquet").sink_parquet(path, row_group_size=100_000)
    for part in folder.iterdir():
        part.unlink()
    folder.rmdir()


def block(start: int, rows: int, *, seed: int) -> pl.DataFrame:
    """Return customers numbered from `start`."""
    rng = np.random.default_rng(seed)
    effects = np.random.default_rng(0)  # the same truth in every block
    score = np.zeros(rows)
    columns: dict[str, object] = {"customer": np.arange(start, start + rows)}
    for i in range(NUMBERS):
        x = rng.normal(size=rows)
        score += effects.normal(scale=0.3) * np.where(x > 0, x, 0.2 * x)
        columns[f"number_{i:02d}"] = np.where(rng.random(rows) < 0.02, np.nan, x)
    for levels in LEVELS:
        codes = rng.integers(0, levels, rows)
        score += effects.normal(scale=0.5, size=levels)[codes]
        names = pl.Series([f"level {c}" for c in range(levels)])
        columns[f"text_{levels}"] = names.gather(codes)
    columns["churned"] = rng.random(rows) < 1 / (1 + np.exp(-score))
    return pl.DataFrame(columns)
