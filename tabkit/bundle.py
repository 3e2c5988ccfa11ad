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
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from tabkit.errors import BundleError
from tabkit.staging import staged_folder

FORMAT = 1
MANIFEST = "manifest.json"
CHECKSUM = "manifest.sha256"
_LIBRARIES = ("tabkit-ml", "polars", "lightgbm", "numpy", "scikit-learn")
_REBUILD = "restore the folder from a copy, or train again; do not edit a bundle by hand"


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
        return json.loads(self.parts[name])

    def text(self, name: str) -> str:
        """Return a text part."""
        return self.parts[name].decode("utf-8")

    def frame(self, name: str) -> pl.DataFrame:
        """Return a Parquet part as a frame."""
        return pl.read_parquet(io.BytesIO(self.parts[name]))


def frame_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as Parquet bytes, for a part."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def json_bytes(data: Any) -> bytes:
    """Return plain data as UTF-8 JSON bytes; NaN and infinities are refused."""
    return (json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


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
        What the manifest says beside the format: roles, schema, config, metrics, lineage.
    parts
        The files by name; names are relative, with ``/``.
    overwrite
        Replace an existing bundle; otherwise it is refused and left as it is.

    Raises
    ------
    BundleError
        If the folder exists or cannot be written.
    """
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
    _refuse_strangers(Path(path))
    with staged_folder(path, kind=BundleError, overwrite=overwrite) as folder:
        for name, data in parts.items():
            file = folder / _safe(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        (folder / MANIFEST).write_bytes(raw)
        (folder / CHECKSUM).write_text(f"{checksum}  {MANIFEST}\n", encoding="ascii")
    return checksum


def read(path: str | Path, *, kinds: Iterable[str] = ()) -> Bundle:
    """Read a bundle and verify every checksum.

    Parameters
    ----------
    path
        The bundle's folder.
    kinds
        The kinds that the caller can use; empty for any.

    Raises
    ------
    BundleError
        If the folder is no bundle, is of a newer format or another kind, or if a part is missing or damaged.
    """
    folder = Path(path)
    raw = _read_file(folder, MANIFEST)
    manifest = _parse(folder, raw)
    _check_format(folder, manifest)
    checksum = hashlib.sha256(raw).hexdigest()
    if _read_file(folder, CHECKSUM).split()[:1] != [checksum.encode()]:
        raise BundleError(f"{MANIFEST} in {str(folder)!r} is damaged: its checksum differs", advice=_REBUILD)
    expected = tuple(kinds)
    if expected and manifest.get("kind") not in expected:
        raise BundleError(
            f"{str(folder)!r} is a bundle of kind {manifest.get('kind')!r}; {' or '.join(expected)} was expected",
            advice="use the command or the pipeline of that kind",
        )
    parts = {name: _read_part(folder, name, sha) for name, sha in manifest["parts"].items()}
    return Bundle(manifest, parts, checksum)


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
    """Refuse to replace anything that is not a bundle, whatever the caller asked for."""
    if path.is_file() or (path.is_dir() and any(path.iterdir()) and not (path / MANIFEST).is_file()):
        raise BundleError(f"{str(path)!r} exists and is no bundle; it was left as it is", advice="choose another name")


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or ":" in name:
        raise BundleError(f"part name {name!r} would leave the bundle's folder", advice=_REBUILD)
    return path


def _read_file(folder: Path, name: str) -> bytes:
    try:
        return (folder / _safe(name)).read_bytes()
    except OSError as error:
        if not folder.is_dir():
            raise BundleError(f"there is no bundle at {str(folder)!r}", advice="check the path") from error
        if name == MANIFEST:
            raise BundleError(f"{str(folder)!r} is no bundle: it has no readable {MANIFEST}") from error
        raise BundleError(f"part {name!r} of {str(folder)!r} is missing or unreadable", advice=_REBUILD) from error


def _parse(folder: Path, raw: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(raw)
    except ValueError as error:
        raise BundleError(f"{MANIFEST} in {str(folder)!r} is damaged: {error}", advice=_REBUILD) from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("parts"), dict):
        raise BundleError(f"{MANIFEST} in {str(folder)!r} is not a tabkit manifest", advice=_REBUILD)
    return manifest


def _check_format(folder: Path, manifest: Mapping[str, Any]) -> None:
    found = manifest.get("format")
    if found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        raise BundleError(
            f"{str(folder)!r} has bundle format {found!r}; this tabkit reads format {FORMAT}",
            advice="upgrade tabkit-ml to the version that wrote it" if newer else _REBUILD,
        )


def _read_part(folder: Path, name: str, sha256: str) -> bytes:
    data = _read_file(folder, name)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BundleError(f"part {name!r} of {str(folder)!r} is damaged: its checksum differs", advice=_REBUILD)
    return data
