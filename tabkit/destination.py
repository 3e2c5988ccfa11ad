"""Where output may go: one rule for every file and folder that a command writes.

What stands there is replaced unasked only if it is provably an earlier output of the same command (`tabkit.marks` says
what proves it); anything else is refused, and replaced on demand alone (``overwrite``). In doubt it is refused.

Never replaced, whatever is asked for: an input, under whatever name or link; anything inside of a bundle; a folder
where a file is due, and a file where a folder is; a pipe, a device, a socket. Of a link, the link alone is replaced.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabkit.errors import BundleError, TabkitError
from tabkit.untrusted import pathnames

BUNDLE_FILES = ("manifest.json", "manifest.sha256")
"""By which a folder is known as a bundle."""
_SHOWN = 40
"""Characters of a file that a message shows: enough to know it again."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a command writes.

    Parameters
    ----------
    what
        Its name in messages, such as ``page of tabkit update``.
    error
        Raised where it cannot go.
    ours
        Whether a file that can be read is an earlier output of the same command. None where none is replaced unasked:
        models and rules are works that people keep and edit.
    folder
        Whether it is a folder.
    """

    what: str
    error: type[TabkitError]
    ours: Callable[[Path], bool] | None = None
    folder: bool = False


def check(
    path: str | Path,
    kind: Kind,
    *,
    overwrite: bool = False,
    inputs: Iterable[str | Path] = (),
    outside: Iterable[str | Path] = (),
) -> None:
    """Raise before any work if output of a kind may not go to a place; nothing is changed.

    Parameters
    ----------
    path
        The file or folder to write.
    overwrite
        Whether what is there may be replaced although it is not ours.
    inputs
        What the command reads: files and bundles; URLs and what is not there are passed over.
    outside
        Bundles that the command will write, which `path` must not be inside of.

    Raises
    ------
    TabkitError
        Of the kind: it says what stands there, what was expected, and what to do.

    Examples
    --------
    >>> import tempfile
    >>> from tabkit.errors import ConfigError
    >>> notes = Path(tempfile.mkdtemp()) / "notes.html"
    >>> check(notes, Kind("page", ConfigError))
    >>> _ = notes.write_text("<p>mine")
    >>> check(notes, Kind("page", ConfigError))
    Traceback (most recent call last):
    tabkit.errors.ConfigError: '...notes.html' exists already and was left as it is: a file that begins '<p>mine'...
    >>> check(notes, Kind("page", ConfigError), overwrite=True)
    """
    pathnames.check(path, kind=kind.error)
    place = Path(path)
    _check_shape(place, kind)
    _check_inputs(place, kind, inputs)
    _check_outside(place, kind, outside)
    _check_parent(place, kind)
    if os.path.lexists(place) and not overwrite and not _is_ours(place, kind):
        expected = "nothing" if kind.ours is None else f"an earlier {kind.what}, or nothing,"
        raise kind.error(
            f"{str(path)!r} exists already and was left as it is: {_stands(place)}, where {expected} was expected",
            advice="choose another name, or ask for the replacement with --overwrite (overwrite=True)",
        )


def refuse_inputs(
    path: str | Path, inputs: Iterable[str | Path], *, error: type[TabkitError], folder: bool = False
) -> None:
    """Raise `error` if `path` is one of the inputs, under whatever name or link; of a folder, if one lies inside it."""
    _check_inputs(Path(path), Kind("output", error, folder=folder), inputs)


def bundle_above(path: str | Path) -> Path | None:
    """Return the bundle that a path lies inside of, if any."""
    parents = (parent for name in _names(Path(path))[:2] for parent in name.parents)
    return next((p for p in parents if all(os.path.isfile(p / name) for name in BUNDLE_FILES)), None)


def no_bundle(folder: Path) -> BundleError:
    """Return what is said of a place where a bundle was expected, and no folder is."""
    what = "is a file; a bundle is a folder" if folder.exists() else "does not exist"
    return BundleError(f"there is no bundle at {str(folder)!r}: it {what}", advice="check the path")


def _check_shape(place: Path, kind: Kind) -> None:
    try:
        mode = place.stat().st_mode
    except OSError:  # not there, a link to nothing, or behind a folder that may not be looked into: see the parent
        return
    except ValueError as error:
        raise kind.error(f"{str(place)!r} is no name of a file: {error}", advice="choose another name") from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise kind.error(f"{str(place)!r} is a pipe, a device or a socket", advice=f"name a file for the {kind.what}")
    if stat.S_ISDIR(mode) != kind.folder:
        found, due = ("file", "folder") if kind.folder else ("folder", "file")
        raise kind.error(
            f"{str(place)!r} is a {found}, where a {due} was expected: it was left as it is",
            advice=f"choose another name for the {kind.what}",
        )


def _check_inputs(place: Path, kind: Kind, inputs: Iterable[str | Path]) -> None:
    names = _names(place)
    for given in inputs:
        source = Path(given)
        if "://" in str(given) or not os.path.exists(source):
            continue
        inside = kind.folder and not set(names).isdisjoint(_real(source).parents)
        if _real(source) in names or inside or (os.path.exists(place) and os.path.samefile(source, place)):
            what = "a bundle is never changed" if source.is_dir() else "what is read is never replaced"
            raise kind.error(
                f"the output {str(place)!r} would replace its own source {str(given)!r}: {what}",
                advice="choose another name",
            )


def _check_outside(place: Path, kind: Kind, outside: Iterable[str | Path]) -> None:
    known = {_real(Path(folder)): folder for folder in outside}
    above = next((known[name] for own in _names(place) for name in (own, *own.parents) if name in known), None)
    bundle = bundle_above(place) if above is None else above
    if bundle is not None:
        raise kind.error(
            f"{str(place)!r} would be inside of a bundle, {str(bundle)!r}, which is never changed",
            advice=f"choose another place for the {kind.what}",
        )


def _check_parent(place: Path, kind: Kind) -> None:
    above = next((parent for parent in Path(os.path.abspath(place)).parents if os.path.lexists(parent)), place)
    as_now = os.access in os.supports_effective_ids
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK, effective_ids=as_now):
        raise kind.error(
            f"cannot write {str(place)!r}: {str(above)!r} is no folder that you may write to",
            advice="choose another place",
        )


def _is_ours(place: Path, kind: Kind) -> bool:
    try:
        return kind.ours is not None and place.is_file() and kind.ours(place)
    except OSError:
        return False


def _stands(place: Path) -> str:
    """Say what stands there, so that its owner knows it again."""
    try:
        if place.is_dir():
            return "a folder"
        with place.open("rb") as file:
            head = file.read(4 * _SHOWN)
        size = place.stat().st_size
    except OSError:
        return "a link that leads nowhere" if place.is_symlink() else "something that cannot be read"
    first = head.decode("utf-8", errors="replace").splitlines()
    if first and first[0].isprintable() and "\ufffd" not in first[0]:
        return f"a file that begins {first[0][:_SHOWN]!r}"
    return f"a file of {size:,} bytes" if size else "an empty file"


def _names(place: Path) -> Sequence[Path]:
    """Return a place as it is called, as it is called without links in its folder, and what it leads to."""
    plain = Path(os.path.abspath(place))
    return plain, _real(plain.parent) / plain.name, _real(plain)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
