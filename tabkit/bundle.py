"""A fitted pipeline as a folder: a manifest and parts in open formats, written whole or not at all.

Layout of format 1::

    manifest.json      what it is, and the sha256 of every part
    manifest.sha256    the sha256 of manifest.json, which is the bundle's checksum
    ...                the parts: JSON, Parquet, LightGBM text, safetensors

Nothing in a bundle is ever executed: no pickle, no expressions, no code.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import polars as pl

from tabkit import destination, forked, threads
from tabkit.destination import BUNDLE_FILES, no_bundle
from tabkit.errors import BundleError
from tabkit.staging import Version, one_version, recover, staged_folder
from tabkit.untrusted import pathnames
from tabkit.untrusted.files import MOST_BYTES, MOST_JSON_BYTES, check_size, file_bytes, json_data, parquet_frame
from tabkit.untrusted.unfolding import unfolded

T = TypeVar("T")

FORMAT = 1  # rises when a bundle can no longer be read by older versions
MANIFEST, CHECKSUM = BUNDLE_FILES
_DESTINATION = destination.Kind("bundle", BundleError, folder=True)
_LIBRARIES = ("tabkit-ml", "polars", "lightgbm", "numpy", "scikit-learn")
_REBUILD = "restore the folder from a copy, or train again; do not edit a bundle by hand"
_SMALLER = "fit fewer customers, levels or trees at once"
_RESERVED = ("format", "kind", "created", "versions", "parts")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle read back and verified.

    Parameters
    ----------
    manifest
        The whole manifest.
    parts
        The parts' bytes by name.
    checksum
        sha256 of the manifest, in hexadecimal: it names the bundle in the lineage of its heirs.
    """

    manifest: Mapping[str, Any]
    parts: Mapping[str, bytes]
    checksum: str

    def json(self, name: str) -> Any:
        """Return a JSON part as plain data."""
        return self._parsed(name, json_data)

    def text(self, name: str) -> str:
        """Return a text part."""
        return self._parsed(name, lambda data: data.decode("utf-8"))

    def frame(self, name: str, *, most_rows: int | None = None) -> pl.DataFrame:
        """Return a Parquet part as a frame of plain columns; one that unfolds to more is refused."""
        return self._parsed(name, lambda data: parquet_frame(data, most_rows=most_rows))

    def _parsed(self, name: str, parse: Callable[[bytes], T]) -> T:
        if name not in self.parts:
            listed = ", ".join(list(self.parts)[:20])
            raise BundleError(f"the bundle has no part {str(name)[:80]!r}; it has {listed}", advice=_REBUILD)
        try:
            return parse(self.parts[name])
        except ValueError as error:
            raise BundleError(f"part {name!r} is not of the format it should be: {error}", advice=_REBUILD) from error


def frame_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as Parquet bytes, for a part; a `BundleError` if it is larger than one that is read back."""
    forked.check()
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    data = buffer.getvalue()
    try:
        check_size(unfolded(data))
    except ValueError as error:
        raise BundleError(f"this table cannot be saved: {error}", advice=_SMALLER) from error
    return data


def json_bytes(data: Any) -> bytes:
    """Return plain data as UTF-8 JSON bytes; NaN, infinities and what JSON has no word for are a `BundleError`.

    >>> json_bytes({"metrics": [{"auc": float("nan")}]})
    Traceback (most recent call last):
    tabkit.errors.BundleError: this cannot be saved as JSON: nan at metrics.0.auc
    To do: save None where a number is unknown, and plain numbers, text, lists and dictionaries else
    """
    try:
        return (json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(
            f"this cannot be saved as JSON: {_culprit(data) or error}",
            advice="save None where a number is unknown, and plain numbers, text, lists and dictionaries else",
        ) from error


def check_place(path: str | Path, *, overwrite: bool, inputs: Iterable[str | Path] = ()) -> None:
    """Raise a `BundleError` if `write` would refuse `path`: to be asked before hours of fitting.

    Parameters
    ----------
    path
        The folder to make.
    overwrite
        Whether an existing bundle may be replaced; nothing but a bundle ever is.
    inputs
        What is read, which is never replaced: see `tabkit.destination.check`.
    """
    folder = Path(path)
    recover(folder)
    destination.check(folder, _DESTINATION, overwrite=overwrite, inputs=inputs)
    _refuse_strangers(folder)


def write(
    path: str | Path,
    *,
    kind: str,
    content: Mapping[str, Any],
    parts: Mapping[str, bytes],
    overwrite: bool = False,
) -> str:
    """Write a bundle and return its checksum.

    Parameters
    ----------
    path
        The folder to make. It appears when it is complete; a failed write leaves nothing behind.
    kind
        What the bundle is, such as ``propensity``.
    content
        What the manifest says beside the format: roles, schema, config, metrics, lineage. Plain data.
    parts
        The files by name; names are relative, with ``/``.
    overwrite
        Replace an existing bundle; otherwise it is refused and left as it is. Replaced is what a bundle
        consists of: a folder with other files in it is refused.

    Raises
    ------
    BundleError
        If the folder exists or cannot be written, or content or names cannot be those of a bundle.
    """
    twice = [key for key in _RESERVED if key in content]
    if twice:
        raise BundleError(f"the manifest writes {', '.join(twice)} itself", advice="give the content other keys")
    files = {_safe(name): data for name, data in parts.items()}
    if (size := sum(map(len, files.values()))) > MOST_BYTES:
        raise BundleError(f"the parts have {size:,} bytes; up to {MOST_BYTES:,} are read back", advice=_SMALLER)
    manifest = {
        "format": FORMAT,
        "kind": kind,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        **content,
        "parts": {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()},
    }
    raw = json_bytes(manifest)
    checksum = hashlib.sha256(raw).hexdigest()
    check_place(path, overwrite=overwrite)
    with staged_folder(path, kind=BundleError, overwrite=overwrite, check=_refuse_strangers) as folder:
        for name, data in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        (folder / MANIFEST).write_bytes(raw)
        (folder / CHECKSUM).write_bytes(_checksum_line(checksum))
    return checksum


def read(path: str | Path, *, kinds: str | Iterable[str] = ()) -> Bundle:
    """Read a bundle and verify every checksum.

    What comes back is one version, whole, even if another process replaces the bundle meanwhile.

    Parameters
    ----------
    path
        The bundle's folder.
    kinds
        The kind or kinds that the caller can use; empty for any.

    Raises
    ------
    BundleError
        If the folder is no bundle, is of a newer format or another kind, or if a part is missing, damaged, no plain
        file or too large.
    """
    forked.check()
    threads.check()
    if not isinstance(path, str | os.PathLike):
        raise BundleError(
            f"{type(path).__name__} is no path; the folder of a bundle was expected", advice="give its name as text"
        )
    pathnames.check(path, kind=BundleError)
    expected = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    return one_version(path, lambda version: _read(version, kinds=expected), kind=BundleError)


def _read(version: Version, *, kinds: Sequence[str]) -> Bundle:
    folder, raw = version.path, _read_file(version, MANIFEST, most=MOST_JSON_BYTES)
    manifest = _parse(folder, raw)
    _check_format(folder, manifest)
    checksum = hashlib.sha256(raw).hexdigest()
    if _read_file(version, CHECKSUM, most=1000) != _checksum_line(checksum):
        raise BundleError(f"{MANIFEST} in {str(folder)!r} is damaged: its checksum differs", advice=_REBUILD)
    check_kind(manifest, kinds, what=repr(str(folder)))
    parts: dict[str, bytes] = {}
    left = MOST_BYTES
    for name, sha in manifest["parts"].items():
        parts[name] = _read_part(version, name, sha, left)
        left -= len(parts[name])
    return Bundle(manifest, parts, checksum)


def check_kind(manifest: Mapping[str, Any], kinds: Sequence[str], *, what: str) -> None:
    """Raise a `BundleError` if a bundle is of none of the kinds that are expected; without any, all are good."""
    if kinds and manifest.get("kind") not in kinds:
        raise BundleError(
            f"{what} is a bundle of kind {manifest.get('kind')!r}; {' or '.join(kinds)} was expected",
            advice="use the command or the pipeline of that kind, or tabkit.load, which opens all",
        )


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that shape a fit."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _refuse_strangers(path: Path) -> None:
    """Refuse to replace anything that is not a bundle and nothing else, whatever the caller asked for."""
    if os.path.lexists(path) and not path.is_symlink():  # of a link, the link alone is replaced
        one_version(path, _refuse_stranger, kind=BundleError)


def _refuse_stranger(version: Version) -> None:
    path = version.path
    try:
        if not path.is_dir() or (any(path.iterdir()) and not all((path / n).is_file() for n in (MANIFEST, CHECKSUM))):
            raise BundleError(
                f"{str(path)!r} exists and is no bundle; it was left as it is", advice="choose another name"
            )
        strangers = _strangers(version)
    except OSError as error:
        raise BundleError(
            f"{str(path)!r} cannot be looked into: {error.strerror}", advice="choose another name"
        ) from error
    if strangers:
        raise BundleError(
            f"{str(path)!r} holds more than the bundle, which a replacement would delete: {', '.join(strangers[:5])}",
            advice="move these files elsewhere, or choose another name",
        )


def _strangers(version: Version) -> list[str]:
    """Return the files in a bundle's folder that its manifest does not name; hidden ones do not count."""
    folder = version.path
    try:
        manifest = _parse(folder, _read_file(version, MANIFEST, most=MOST_JSON_BYTES))
        _check_format(folder, manifest)
    except BundleError:  # damaged, gone or of another time: what belongs to it is not known
        return []
    named = {*manifest["parts"], MANIFEST, CHECKSUM}
    found = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir())
    return sorted(name for name in found if name not in named and not name.rpartition("/")[2].startswith("."))


def _culprit(data: Any, where: str = "") -> str | None:
    """Name the first value that JSON cannot hold, and where it stands."""
    if len(where) > 500:
        return f"something that holds itself at {where[:60]}..."
    if isinstance(data, dict | list | tuple):
        inner = data.items() if isinstance(data, dict) else enumerate(data)
        found = (_culprit(value, f"{where}.{key}" if where else str(key)) for key, value in inner)
        return next(filter(None, found), None)
    try:
        json.dumps(data, allow_nan=False)
    except (TypeError, ValueError):
        return f"{data!r} at {where or 'the top'}"[:200]
    return None


def _checksum_line(checksum: str) -> bytes:
    return f"{checksum}  {MANIFEST}\n".encode("ascii")


def _safe(name: str) -> str:
    """Return the name of a part; refuse one that leads elsewhere, or by several ways to one file."""
    path = PurePosixPath(name)
    odd = path.is_absolute() or not path.parts or ".." in path.parts or str(path) != name
    if odd or any(mark in name for mark in ("\\", ":", "\0")) or name in {MANIFEST, CHECKSUM}:
        raise BundleError(
            f"{name!r} cannot be the name of a part: a relative name inside the bundle was expected", advice=_REBUILD
        )
    return name


def _read_file(version: Version, name: str, *, most: int) -> bytes:
    folder = version.path
    try:
        return file_bytes(folder, name, most=most, handle=version.handle)
    except (OSError, ValueError) as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        if not folder.is_dir():
            raise no_bundle(folder) from error
        if name == MANIFEST:
            raise BundleError(
                f"{str(folder)!r} is no bundle: its {MANIFEST} cannot be read ({why})",
                advice="name the folder that a training wrote",
            ) from error
        raise BundleError(f"part {name!r} of {str(folder)!r} cannot be read ({why})", advice=_REBUILD) from error


def _parse(folder: Path, raw: bytes) -> dict[str, Any]:
    try:
        manifest = json_data(raw)
    except ValueError as error:
        raise BundleError(f"{MANIFEST} in {str(folder)!r} is damaged: {error}", advice=_REBUILD) from error
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise BundleError(f"{MANIFEST} in {str(folder)!r} is not a tabkit manifest", advice=_REBUILD)
    return manifest


def _check_format(folder: Path, manifest: Mapping[str, Any]) -> None:
    found = manifest.get("format")
    if type(found) is not int or found != FORMAT:
        newer = type(found) is int and found > FORMAT
        raise BundleError(
            f"{str(folder)!r} has bundle format {found!r:.80}; this tabkit reads format {FORMAT}",
            advice="upgrade tabkit-ml to the version that wrote it" if newer else _REBUILD,
        )
    if not isinstance(manifest.get("parts"), dict):
        raise BundleError(f"{MANIFEST} in {str(folder)!r} names no parts", advice=_REBUILD)
    for name, expected in (("kind", str), ("created", str), ("versions", dict)):
        if name in manifest and not isinstance(manifest[name], expected):
            came = f"{manifest[name]!r}"[:80]
            raise BundleError(f"{MANIFEST} in {str(folder)!r} is damaged: {name} is {came}", advice=_REBUILD)


def _read_part(version: Version, name: str, sha256: str, most: int) -> bytes:
    data = _read_file(version, _safe(name), most=most)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BundleError(f"part {name!r} of {str(version.path)!r} is damaged: its checksum differs", advice=_REBUILD)
    return data
