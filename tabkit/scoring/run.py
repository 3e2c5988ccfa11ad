"""What a run of scoring says about the folder that it wrote: ``_run.json``, written last.

Layout of format 1::

    format, run, written    1, the run's own name, when it ended (UTC)
    complete                false only while files change places one by one; see `tabkit.scoring.folder`
    ...                     what the caller says of the run: model, settings
    files                   by name: run, source, rows, bytes, sha256; earlier runs of the same model and settings stay

The name begins with ``_``, as those of all files to come that are about a run and hold no scores (a journal of what
was scored already would be one): readers of folders, `tabkit.frames.scan`, Polars and Spark among them, pass over such.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

MANIFEST = "_run.json"
FORMAT = 1
_MOST_BYTES = 64 * 2**20  # a line of 300 bytes for each of 200,000 files


def describe(
    folder: Path, sources: Mapping[str, str], facts: Mapping[str, Any], kept: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what there is to say of a folder's Parquet files once they are written.

    Parameters
    ----------
    folder
        Where they are now.
    sources
        By file, where its rows come from.
    facts
        What the caller says of the run: plain data.
    kept
        By file, what an earlier run said of it, which stays.
    """
    now = datetime.now(UTC)
    name_of_run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    files = {
        name: {"run": name_of_run, "source": source, **_file_facts(folder / name)} for name, source in sources.items()
    }
    return {
        "format": FORMAT,
        "run": name_of_run,
        "written": now.isoformat(timespec="seconds"),
        "complete": True,
        **facts,
        "files": {**kept, **files},
    }


def to_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Return it as it is written."""
    return (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode("utf-8", errors="replace")


def checksums(folder: Path) -> dict[str, str] | None:
    """Return the sha256 of each file that earlier runs wrote into a folder; None if none says so."""
    manifest = _read(folder)
    return None if manifest is None else {name: facts["sha256"] for name, facts in manifest["files"].items()}


def alike(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of the files of earlier runs, if they were of this model and these settings; else nothing."""
    manifest = _read(folder)
    if manifest is None or any(manifest.get(key) != value for key, value in json.loads(to_bytes(facts)).items()):
        return {}
    return dict(manifest["files"])


def _read(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder if there is one of this form."""
    place = folder / MANIFEST
    try:
        if not place.is_file() or os.path.getsize(place) > _MOST_BYTES:
            return None
        manifest = json.loads(place.read_bytes())
        known = manifest["format"] == FORMAT and all(isinstance(f["sha256"], str) for f in manifest["files"].values())
    except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None
    return manifest if known else None


def sha256(path: Path) -> str:
    """Return the checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_facts(path: Path) -> dict[str, Any]:
    rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    return {"rows": rows, "bytes": path.stat().st_size, "sha256": sha256(path)}
