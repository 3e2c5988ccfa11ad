"""Scoring files to files: what goes where, what was seen on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.model import PropensityModel
from tabkit import frames
from tabkit.errors import ScoringError
from tabkit.progress import Progress, Silent
from tabkit.scoring import Tally, check_output, write


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What a scoring run did.

    Parameters
    ----------
    rows
        Rows scored.
    outputs
        The files written.
    unseen
        By column, rows whose level was not there at the fit: scored with the fit's average.
    extra_columns
        Columns of the source that the model does not use.
    seconds
        Wall time.
    """

    rows: int
    outputs: tuple[str, ...]
    unseen: dict[str, int]
    extra_columns: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def score_files(
    model: PropensityModel,
    sources: Sequence[str | Path],
    output: str | Path,
    *,
    contributions: int = 0,
    keep: Sequence[str] = (),
    progress: Progress | None = None,
) -> ScoreReport:
    """Score files in bounded memory; outputs take their names when all of them are complete.

    Parameters
    ----------
    model
        A fitted model.
    sources
        Paths, globs, folders or URLs.
    output
        A file (.parquet, .csv, .ndjson, .arrow) for all rows together; or a folder, which is a name that
        ends in ``/`` or has no ending, for one Parquet file per source under the source's name.
    contributions, keep
        See `PropensityModel.score`.

    Raises
    ------
    SourceError, SchemaError, ScoringError
        If a source cannot be read, does not fit the model, or an output cannot be written. Whatever stood
        under the outputs' names before still stands then.
    """
    started = time.perf_counter()
    names = frames.files([str(source) for source in sources])
    jobs = plan_outputs(names, output)
    extra = {column: None for name in names for column in _extra(model, name, keep)}
    shown = progress or Silent()
    with shown.task("scoring", total=_rows(names)) as advance:
        tally = Tally(advance=advance)
        streams = [
            pl.concat(
                [model.score(name, contributions=contributions, keep=keep, tally=tally) for name in group],
                how="vertical",
            )
            for _, group in jobs
        ]
        write(streams, [path for path, _ in jobs], what=frames.describe(names))
    return ScoreReport(
        rows=tally.rows,
        outputs=tuple(str(path) for path, _ in jobs),
        unseen=dict(sorted(tally.unseen.items())),
        extra_columns=tuple(extra),
        seconds=round(time.perf_counter() - started, 3),
    )


def plan_outputs(names: Sequence[str], output: str | Path) -> list[tuple[Path, list[str]]]:
    """Return each file to write with the sources that go into it.

    >>> plan_outputs(["new/a.parquet", "new/b.csv"], "scores/")
    [(PosixPath('scores/a.parquet'), ['new/a.parquet']), (PosixPath('scores/b.parquet'), ['new/b.csv'])]
    """
    path = Path(output)
    if str(output).endswith("/") or path.is_dir() or not path.suffix:
        jobs = [(path / f"{Path(name.partition('?')[0]).stem}.parquet", [name]) for name in names]
    else:
        check_output(path)
        jobs = [(path, list(names))]
    targets = [target for target, _ in jobs]
    twice = sorted({str(target) for target in targets if targets.count(target) > 1})
    if twice:
        raise ScoringError(
            f"several sources would be written to {', '.join(twice)}",
            advice="rename them, or name one file for all: -o scores.parquet",
        )
    own = {Path(name).resolve() for name in names if "://" not in name}
    if any(target.resolve() in own for target in targets):
        raise ScoringError("an output would replace its own source", advice="choose another folder or name")
    return jobs


def _extra(model: PropensityModel, name: str, keep: Sequence[str]) -> tuple[str, ...]:
    roles = model.roles.given()
    expected = [roles[role] for role in ("id", "exposure") if role in roles]
    found = frames.scan(name, dtypes=model.known_dtypes()).collect_schema()
    ignored = set(roles.values())
    columns = model.encoder.schema.check(found, expected=[*expected, *keep])
    return tuple(column for column in columns if column not in ignored)


def _rows(names: Sequence[str]) -> float | None:
    """Count rows where that is free: Parquet says it in its footer."""
    if not all(Path(name).suffix.lower() in (".parquet", ".pq") and "://" not in name for name in names):
        return None
    counts = [frames.collect(frames.scan(name).select(pl.len()), what=name).item() for name in names]
    return float(sum(counts))
