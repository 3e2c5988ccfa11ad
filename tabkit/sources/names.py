"""Names of sources: paths, globs, folders and URLs become the files behind them."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

from tabkit.errors import SourceError
from tabkit.sources.failures import looking, some
from tabkit.untrusted import pathnames

Source: TypeAlias = Any
"""A path, glob, folder or URL (or a list of them), a Polars frame, lazy or not, or an Arrow stream."""

FORMATS = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".csv": "CSV",
    ".csv.gz": "CSV",
    ".csv.zst": "CSV",
    ".arrow": "IPC",
    ".feather": "IPC",
    ".ipc": "IPC",
    ".ndjson": "NDJSON",
    ".ndjson.gz": "NDJSON",
    ".ndjson.zst": "NDJSON",
    ".jsonl": "NDJSON",
}
_COMPRESSED = {".gz", ".zst"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source.

    Parameters
    ----------
    name
        Its path or URL.
    keys
        Names and values of the Hive folders (``region=north``) between what the user named and the file; their
        columns belong to the table.
    outer
        Those of the folders before: they are used only for columns that are known and that the file lacks.
    """

    name: str
    keys: tuple[tuple[str, str], ...] = ()
    outer: tuple[tuple[str, str], ...] = ()


def parts(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[SourceFile]:
    """Resolve paths, globs and folders to files, sorted within each; URLs pass unchanged.

    A folder stands for the tables that lie directly in it, or in the Hive folders (``region=north``) in it. What is
    called ``_...`` or ``....`` is about tables and no table, as for Spark: folders and globs pass over it.

    Raises
    ------
    SourceError
        If a path, glob or folder holds nothing to read, or a file comes twice.
    """
    items = [source] if isinstance(source, str | os.PathLike) else list(source)
    resolved = [part for item in items for part in _resolve(os.fsdecode(item))]
    if not resolved:
        raise SourceError("no source is given", advice="name a file, a glob, a folder or a URL")
    same = Counter(part.name if "://" in part.name else os.path.realpath(part.name) for part in resolved)
    twice = [name for name, count in same.items() if count > 1]
    if twice:
        raise SourceError(
            f"{some(twice)} would be read twice, and its rows would count twice",
            advice="name each file once, and no link beside the file that it leads to",
        )
    return resolved


def describe(source: Source) -> str:
    """Name a source for messages: its path, or its type."""
    if is_path(source):
        return repr(without_secrets(os.fsdecode(source)))
    if is_path_list(source):
        more = f" and {len(source) - 1} more" if len(source) > 1 else ""
        return repr(without_secrets(os.fsdecode(source[0]))) + more
    name = type(source).__name__
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"


def is_path(source: Source) -> bool:
    """Say whether a source is a single path, glob, folder or URL."""
    return isinstance(source, str | os.PathLike)


def is_path_list(source: Source) -> bool:
    """Say whether a source is a list of paths, with one at least."""
    return isinstance(source, list | tuple) and all(map(is_path, source)) and bool(source)


def ending(name: str) -> str:
    """Return what tells the format of a file, in small letters.

    >>> ending("a.b.CSV.gz"), ending("a.b.csv")
    ('.csv.gz', '.csv')
    """
    suffixes = Path(name.partition("?")[0] if "://" in name else name).suffixes[-2:]
    return "".join(suffixes if suffixes and suffixes[-1].lower() in _COMPRESSED else suffixes[-1:]).lower()


def endings() -> str:
    """Return the known endings as a message shows them."""
    return " ".join(FORMATS)


def without_secrets(name: str) -> str:
    """Return a URL without its user, password and query, which may carry keys; paths stay.

    >>> without_secrets("https://me:word@host/a.parquet?sig=key")
    'https://host/a.parquet'
    """
    if "://" not in name:
        return name
    scheme, _, rest = name.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _resolve(name: str) -> list[SourceFile]:
    if "://" in name:
        return [SourceFile(name)]
    if not name.strip():
        raise SourceError("the name of the source is empty", advice="name a file, a glob, a folder or a URL")
    if os.path.lexists(name):
        root = name if os.path.isdir(name) else os.path.dirname(name)
        return [_part(inner, root) for inner in _existing(name)]
    every = sorted(glob.glob(name, recursive=True))
    matches = [match for match in every if not _is_passed_over(match, name)]
    if not matches:
        with looking(repr(name)), suppress(FileNotFoundError, NotADirectoryError, ValueError):
            os.lstat(name)  # a name that is too long, or a folder that may not be looked into, has its own error
        what = "no file matches" if glob.has_magic(name) else "there is no file or folder"
        what = "nothing but names that begin with _, which are passed over, matches" if every else what
        more = "; a bracket that belongs to the name is written [[]" if "[" in name else ""
        raise SourceError(f"{what} {name!r}", advice=f"check the spelling and the current folder{more}")
    # `**` matches folders beside the files in them; read as folders they would count twice.
    matched = [match for match in matches if not os.path.isdir(match)] or matches
    return [_part(inner, _before_magic(name)) for match in matched for inner in _existing(match)]


def _is_passed_over(match: str, pattern: str) -> bool:
    """Say whether a glob means a file that begins with ``_``, or lies in such a folder: only if it says so.

    >>> [_is_passed_over(match, "new/**") for match in ("new/_run.json", "new/_old/a.csv", "new/_x=1/a.csv")]
    [True, True, False]
    >>> _is_passed_over("new/_a.csv", "new/_*.csv")
    False
    """
    plain = len(Path(_before_magic(pattern)).parts)
    asked = any(_is_private(piece) for piece in Path(pattern).parts[plain:])
    return not asked and any(_is_private(piece) for piece in Path(match).parts[plain:])


def _is_private(name: str) -> bool:
    return name.startswith("_") and "=" not in name  # a Hive folder may be called so


def _before_magic(pattern: str) -> str:
    """Return the folders of a glob before the first with a wildcard.

    >>> _before_magic("a/b=1/*/c.csv")
    'a/b=1'
    """
    folder = os.path.dirname(pattern)
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder


def _part(name: str, root: str) -> SourceFile:
    pathnames.check_utf8(name, kind=SourceError)
    depth = len([piece for piece in Path(root).parts if root])
    folders = Path(name).parts[:-1]
    return SourceFile(name, _keys(folders[depth:]), _keys(folders[:depth]))


def _keys(folders: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = (folder.partition("=") for folder in folders)
    return tuple((unquote(name), unquote(value)) for name, mark, value in pairs if name and mark)


def _existing(name: str) -> list[str]:
    if os.path.isfile(name):
        return [name]
    if not os.path.isdir(name):
        what = f"a link to {os.readlink(name)!r}, which is not there" if os.path.islink(name) else "no regular file"
        raise SourceError(f"{name!r} is {what}", advice="name the file itself")
    inside = _inside(name)
    if not inside:
        raise SourceError(
            f"folder {name!r} holds no table",
            advice=f"known endings: {endings()}; for folders inside it name a glob such as {name}/**/*.parquet",
        )
    return inside


def _inside(folder: str) -> list[str]:
    """Return the tables in a folder and in the Hive folders in it."""
    with looking(repr(folder)):
        seen = sorted(path for path in Path(folder).iterdir() if path.name[0] != "." and not _is_private(path.name))
    tables = [inner for path in seen if ending(path.name) in FORMATS for inner in _existing(str(path))]
    hive = [path for path in seen if ending(path.name) not in FORMATS and path.is_dir() and _keys([path.name])]
    return [*tables, *(inner for path in hive for inner in _inside(str(path)))]
