"""A folder of scores: the files of a run appear together, or not at all.

The files are written into a hidden folder beside, which takes the place of the old folder in one step. A folder that
cannot be replaced (a mounted one, the current one, or where one may not write beside it) gets its files one by one.
Each file says which run it is of, see `tabkit.scoring.run`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import polars as pl

from tabkit.errors import ScoringError
from tabkit.scoring import run, sink
from tabkit.staging import abandoned, may_write, staged_folder, staged_inside

_SHOWN = 5  # names that fit into a message


def write_folder(
    frames: Mapping[str, pl.LazyFrame],
    folder: str | Path,
    *,
    sources: Mapping[str, str],
    facts: Mapping[str, Any],
    made_by: str,
    overwrite: bool = False,
    stop: Callable[[], None] | None = None,
) -> None:
    """Run the streams one after the other into Parquet files; the folder is replaced when all of them are complete.

    Parameters
    ----------
    frames
        What goes into each file, by its name; each is asked for once, in order, when its turn comes.
    folder
        Where. Hidden files in it are carried over, as are scores of earlier runs of this model; see `check_folder` for
        others. Of a link, what it leads to is replaced.
    sources
        By file, where its rows come from: the name of the source.
    facts
        What each file says of the run beside its name and source: plain data, such as the model and settings.
    made_by
        As in `tabkit.scoring.write`.
    overwrite
        See `check_folder`.
    stop
        Called when the run is broken off, to end the streams soon; see `Tally.stop`.

    Raises
    ------
    ScoringError
        If something cannot be written, or stands in the folder that may not be replaced. What stood there still stands.
    SourceError
        If a source cannot be read to its end; likewise.
    """
    named, real = Path(folder), Path(os.path.realpath(folder))
    check_folder(real, names=list(frames), facts=facts, overwrite=overwrite, named=named)
    new = run.begin(facts)
    kept = {} if overwrite else _kept(real, list(frames), new)

    meanwhile = ScoringError(
        f"another run wrote into {str(named)!r} meanwhile", advice="run this again: what the other wrote stays"
    )

    def check(place: Path) -> None:
        check_folder(place, names=list(frames), facts=facts, overwrite=overwrite, named=named)
        if not overwrite and _kept(place, list(frames), new) != kept:
            raise meanwhile

    def move_out(part: Path) -> None:
        _move_out(part, real, kept=kept, unasked=None if overwrite else meanwhile)

    with _staged(real, check, move_out) as part:
        if real.is_dir():
            _resemble(part, real)
        # One after the other: the frames may be made when they are asked for.
        jobs = (
            sink.Job(frame, part / name, named / name, repr(sources[name]), run.metadata(new, sources[name]))
            for name, frame in frames.items()
        )
        sink.run(jobs, made_by=made_by, stop=stop)
        if part.parent != real:
            _carry_hidden(real, part)
            for name in kept:
                _copy(real / name, part / name)


def check_folder(
    folder: Path,
    *,
    names: Sequence[str],
    facts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    named: str | Path | None = None,
) -> None:
    """Raise before the work if a run of these files may not take the place of a folder.

    Parameters
    ----------
    folder
        It need not be there. Replaced are files of these names and hidden ones, which are carried over; anything else
        is foreign and never destroyed.
    names
        The files that the run writes.
    facts
        As in `write_folder`. Files of earlier runs of the same model and settings stay beside, so that a folder can
        grow from month to month.
    overwrite
        Whether files of earlier runs go that this one does not write.
    named
        How the user calls the folder.

    Raises
    ------
    ScoringError
        It names the files.
    """
    called = str(named or folder)
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise ScoringError(f"{called!r} is a file, and a folder was expected", advice="choose another name")
    if not may_write(folder):
        raise ScoringError(f"cannot write {called!r}: Permission denied", advice="choose a place you may write to")
    stay = {} if overwrite or facts is None else _kept(folder, names, run.begin(facts))
    earlier, foreign = _others(folder, [*names, *stay])
    if foreign:
        raise ScoringError(
            f"{called!r} holds more than scores, which a replacement would delete: {_list(foreign)}",
            advice="a folder of scores is replaced as a whole: choose another one, or move these files elsewhere",
        )
    if earlier and not overwrite:
        raise ScoringError(
            f"{called!r} holds scores of an earlier run, by another model or with other settings, that this run does "
            f"not write: {_list(earlier)}",
            advice="a folder holds scores of one model: choose another one, or have all of it replaced with "
            "--overwrite (overwrite=True)",
        )


def _others(folder: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what is in a folder beside the files of these names: those of an earlier run, and foreign ones."""
    litter, own = abandoned(folder), set(names)
    earlier: list[str] = []
    foreign: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        plain = entry.is_file(follow_symlinks=False) or entry.is_symlink()
        if entry.name in litter or (plain and (entry.name in own or entry.name.startswith("."))):
            continue
        ours = entry.is_file(follow_symlinks=False) and run.of(Path(entry.path)) is not None
        (earlier if ours else foreign).append(entry.name)
    return earlier, foreign


def _kept(folder: Path, names: Sequence[str], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the files that stay say: those of earlier runs by the same model with the same settings."""
    if not folder.is_dir():
        return {}
    own = set(names)
    others = (path for path in folder.iterdir() if path.name not in own and path.is_file() and not path.is_symlink())
    told = {path.name: run.of(path) for path in others}
    return {name: said for name, said in told.items() if said is not None and said.get("facts") == new["facts"]}


def _staged(
    real: Path, check: Callable[[Path], None], move_out: Callable[[Path], None]
) -> AbstractContextManager[Path]:
    if not real.is_dir() or _can_be_replaced(real):
        return staged_folder(real, kind=ScoringError, overwrite=True, check=check)
    return staged_inside(real, kind=ScoringError, commit=move_out)


def _can_be_replaced(folder: Path) -> bool:
    """Say whether another folder can get this one's name."""
    if os.path.ismount(folder) or os.path.samefile(folder, os.curdir):
        return False
    with suppress(OSError):  # a folder of the same disk can be mounted too
        mounted = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        if str(folder).replace(" ", r"\040") in {line.split()[4] for line in mounted}:
            return False
    return may_write(folder.parent)


def _resemble(part: Path, real: Path) -> None:
    """Give the new folder the rights of the old one, as far as we may."""
    with suppress(OSError):
        shutil.chown(part, group=real.stat().st_gid)
    with suppress(OSError):
        shutil.copymode(real, part)
    with suppress(OSError, AttributeError):  # access lists of Linux
        for name in os.listxattr(real):
            os.setxattr(part, name, os.getxattr(real, name))


def _carry_hidden(real: Path, part: Path) -> None:
    if real.is_dir():
        litter = abandoned(real)
        for entry in os.scandir(real):
            if entry.name.startswith(".") and entry.name not in litter:
                _copy(Path(entry.path), part / entry.name)


def _copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError, AttributeError):
        shutil.copy2(source, target, follow_symlinks=False)


def _move_out(part: Path, real: Path, *, kept: Collection[str], unasked: ScoringError | None) -> None:
    """Move the files of a run out of the folder where they were written, into the one that stays.

    Other scores in it go then, except `kept` ones; `unasked` is raised instead where nobody asked for that.
    """
    names = [path.name for path in part.iterdir()]
    earlier, _ = _others(real, [*names, *kept])
    if earlier and unasked is not None:
        raise unasked
    for name in names:
        os.replace(part / name, real / name)
    for name in earlier:
        (real / name).unlink()


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
