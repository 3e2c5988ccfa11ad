"""Score files into files, and report what was seen."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from tabkit import frames, marks
from tabkit.destination import check, refuse_inputs
from tabkit.errors import SchemaError, ScoringError
from tabkit.progress import Progress, Silent
from tabkit.schema import dtype_name, family
from tabkit.scoring.folder import write_folder
from tabkit.scoring.sink import check_output, write
from tabkit.scoring.sources import Opener, OpenRun, ScoresBySource
from tabkit.scoring.streaming import Tally
from tabkit.sources.names import without_secrets
from tabkit.untrusted import pathnames

_MADE_BY = "score"


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
        Columns of the source that were not there at the fit; they are ignored.
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


class Scoring(Protocol):
    """A model that scores tables: `PropensityModel`, `UpliftModel`."""

    @property
    def checksum(self) -> str | None:
        """Return the checksum of the bundle that it came from, if any."""
        ...

    def score(
        self, source: frames.Source, *, contributions: int = 0, keep: Sequence[str] = (), tally: Tally | None = None
    ) -> pl.LazyFrame:
        """Return scores as a `LazyFrame`."""
        ...

    def outputs(self) -> dict[str, pl.DataType]:
        """Return the names and types of the scores."""
        ...

    def kept(self, keep: Sequence[str] = ()) -> list[str]:
        """Return the columns that are carried through."""
        ...

    def known_columns(self) -> set[str]:
        """Return every column that was there at the fit."""
        ...

    def known_dtypes(self) -> dict[str, pl.DataType]:
        """Return the types at the fit."""
        ...


@dataclass(frozen=True, slots=True)
class Output:
    """A file to write and the sources that go into it."""

    path: Path
    sources: tuple[str, ...]


def score_files(
    model: Scoring,
    sources: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    contributions: int = 0,
    keep: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ScoreReport:
    """Score files in bounded memory; outputs take their names when all of them are complete.

    A folder is one answer of one model: all files of a run come at once, and each says which run it is of; see
    `tabkit.scoring.write_folder`.

    Parameters
    ----------
    model
        A fitted model.
    sources
        A path, glob, folder or URL, or several.
    output
        A file (.parquet, .csv, .ndjson, .arrow) for all rows together; or a folder, which is a name that
        ends in ``/`` or has no ending, for one Parquet file per source under the source's name.
    contributions, keep
        See `PropensityModel.score` and `UpliftModel.score`.
    overwrite
        Replace files that are not known as earlier scores.

    Raises
    ------
    SourceError, SchemaError, ScoringError
        If a source cannot be read, does not fit the model, or an output cannot be written or may not go there (see
        `tabkit.destination`). Whatever stood under the outputs' names before still stands then.
    """
    started = time.perf_counter()
    parts = frames.parts(sources)
    plan = plan_outputs([part.name for part in parts], output)
    dtypes = {**frames.key_types(parts), **model.known_dtypes()}
    wanted = {*model.known_columns(), *dtypes, *model.kept(keep), *(name for part in parts for name, _ in part.outer)}
    tally = Tally()

    def score(table: pl.LazyFrame, kept: Sequence[str]) -> pl.LazyFrame:
        return model.score(table, contributions=contributions, keep=kept, tally=tally)

    opener = Opener(score, model.kept(keep), dtypes, wanted)
    runs = opener.runs(parts)
    kind = marks.table(_MADE_BY, runs[0].scores.collect_schema().names())
    for item in plan:
        check(item.path, kind, overwrite=overwrite)
    with (progress or Silent()).task("scoring", total=_rows(runs)) as advance:
        tally.advance = advance
        if is_folder(output):
            named = {item.path.name: without_secrets(item.sources[0]) for item in plan}
            facts = {"model": model.checksum, "contributions": contributions, "kept": model.kept(keep)}
            scores = ScoresBySource(runs, list(named), opener)
            write_folder(
                scores, output, sources=named, facts=facts, made_by=_MADE_BY, overwrite=overwrite, stop=tally.stop
            )
        else:
            write(
                [_joined({run.names[0]: run.scores for run in runs})],
                [item.path for item in plan],
                sources=[frames.describe(list(item.sources)) for item in plan],
                made_by=_MADE_BY,
                stop=tally.stop,
            )
    known = {*model.known_columns(), *model.kept(keep)}
    extra = dict.fromkeys(column for run in runs for column in run.columns)
    return ScoreReport(
        rows=tally.rows,
        outputs=tuple(str(item.path) for item in plan),
        unseen=dict(sorted(tally.unseen.items())),
        extra_columns=tuple(column for column in extra if column not in known),
        seconds=round(time.perf_counter() - started, 3),
    )


def is_folder(output: str | Path) -> bool:
    """Say whether a name means a folder: it ends in ``/``, has no ending, or is one already."""
    return str(output).endswith("/") or Path(output).is_dir() or not Path(output).suffix


def plan_outputs(names: Sequence[str], output: str | Path) -> list[Output]:
    """Decide what is written where.

    Raises
    ------
    ScoringError
        If the ending is unknown, two sources would go to one file of a folder, or a source would be replaced.

    Examples
    --------
    >>> for item in plan_outputs(["new/a.parquet", "new/b.csv.gz"], "scores/"):
    ...     print(item.path, *item.sources)
    scores/a.parquet new/a.parquet
    scores/b.parquet new/b.csv.gz
    >>> plan_outputs(["new/a.parquet", "new/b.parquet"], "scores.csv")[0].sources
    ('new/a.parquet', 'new/b.parquet')
    """
    pathnames.check(output, kind=ScoringError)
    pathnames.check_utf8(output, kind=ScoringError)
    path = Path(output)
    if str(output) == "-":
        raise ScoringError("scores are not written to standard output", advice="name a file or a folder with -o")
    if "://" in str(output):
        raise ScoringError(f"{str(output)!r} is a URL", advice="write to a local path, and copy the result from there")
    if is_folder(output):
        refuse_inputs(path, names, error=ScoringError, folder=True)
        plan = [Output(path / f"{_stem(name)}.parquet", (name,)) for name in names]
        passed_over = next((item for item in plan if item.path.name.startswith(("_", "."))), None)
        if passed_over is not None:
            raise ScoringError(
                f"the scores of {passed_over.sources[0]!r} would be called {passed_over.path.name!r}: names that begin "
                "with _ or . are passed over where folders are read",
                advice="rename the source, or name one file for all: -o scores.parquet",
            )
    else:
        check_output(path)
        plan = [Output(path, tuple(names))]
    targets = [item.path for item in plan]
    twice = sorted(str(target) for target, count in Counter(targets).items() if count > 1)
    if twice:
        raise ScoringError(
            f"several sources would be written to {', '.join(map(repr, twice))}",
            advice="rename them, or name one file for all: -o scores.parquet",
        )
    # Each output against each source would be 100 million questions for ten thousand of them.
    same = {_identity(name) for name in names} - {None}
    for target in targets:
        if _identity(target) in same:
            refuse_inputs(target, names, error=ScoringError)
    return plan


def _identity(name: str | Path) -> tuple[int, int] | None:
    """Return what tells a file from others, whatever it is called; none for what is not there."""
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _stem(name: str) -> str:
    """Return a source's name without folder and known ending.

    >>> _stem("https://example.com/new.v2.csv.gz?token=1")
    'new.v2'
    """
    base = Path(name.partition("?")[0] if "://" in name else name).name
    ending = max((e for e in frames.FORMATS if base.lower().endswith(e)), key=len, default="")
    return base.removesuffix(base[len(base) - len(ending) :]) if ending else base


def _joined(parts: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Put the scores of several sources below one another; kept columns may differ in width, not in kind."""
    schemas = {name: part.collect_schema() for name, part in parts.items()}
    (first, expected), *others = schemas.items()
    for name, schema in others:
        for column, dtype in schema.items():
            if dtype != expected[column] and not family(dtype) == family(expected[column]) != "other":
                raise SchemaError(
                    f"{column!r} is {dtype_name(expected[column])} in {first!r}, but {dtype_name(dtype)} in {name!r}: "
                    "both cannot stand in one output",
                    advice="bring the column to one type, or write to a folder: -o scores/",
                )
    return pl.concat(parts.values(), how="vertical_relaxed" if len(set(map(str, schemas.values()))) > 1 else "vertical")


def _rows(runs: Sequence[OpenRun]) -> float | None:
    """Count rows where that is free: Parquet says it in its footer."""
    if not all(name.lower().endswith((".parquet", ".pq")) and "://" not in name for run in runs for name in run.names):
        return None
    counts = [frames.collect(run.table.select(pl.len()), what=frames.describe(run.names)).item() for run in runs]
    return float(sum(counts))
