"""What a run of scoring says about the folder that it wrote: ``_run.json``, written last.

Layout of format 1::

    format, run, written    1, the run's own name, when it ended (UTC)
    complete                false only while files change places one by one; see `tabkit.scoring.folder`
    ...                     what the caller says of the run: model, settings
    files                   by name: source, rows, bytes, sha256

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


def describe(folder: Path, sources: Mapping[str, str], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what there is to say of a folder's Parquet files once they are written.

    Parameters
    ----------
    folder
        Where they are now.
    sources
        By file, where its rows come from.
    facts
        What the caller says of the run: plain data.
    """
    now = datetime.now(UTC)
    return {
        "format": FORMAT,
        "run": f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        "written": now.isoformat(timespec="seconds"),
        "complete": True,
        **facts,
        "files": {name: {"source": source, **_file_facts(folder / name)} for name, source in sources.items()},
    }


def to_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Return it as it is written."""
    return (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode("utf-8", errors="replace")


def checksums(folder: Path) -> dict[str, str] | None:
    """Return the sha256 of each file that an earlier run wrote into a folder; None if none says so."""
    place = folder / MANIFEST
    try:
        if not place.is_file() or os.path.getsize(place) > _MOST_BYTES:
            return None
        manifest = json.loads(place.read_bytes())
        if manifest["format"] != FORMAT:
            return None
        return {str(name): str(facts["sha256"]) for name, facts in manifest["files"].items()}
    except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return None


def sha256(path: Path) -> str:
    """Return the checksum of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_facts(path: Path) -> dict[str, Any]:
    rows = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    return {"rows": rows, "bytes": path.stat().st_size, "sha256": sha256(path)}
