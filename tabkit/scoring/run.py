"""The run that a file of scores belongs to, kept in the Parquet file's metadata.

Nothing else stands in the folder: Polars reads no folder in which one file has another ending. A journal of what was
scored already would lie beside it, under a hidden name.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

KEY = "tabkit_run"


def begin(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all files of a new run say: its name, when it began (UTC), and what the caller says of it.

    Parameters
    ----------
    facts
        Plain data: model and settings.
    """
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    return {"run": name, "begun": now.isoformat(timespec="seconds"), "facts": json.loads(json.dumps(facts))}


def metadata(run: Mapping[str, Any], source: str) -> dict[str, str]:
    """Return the metadata of a file of a run, with the source of its rows."""
    text = json.dumps({**run, "source": source}, ensure_ascii=False)
    return {KEY: text.encode("utf-8", errors="replace").decode()}


def of(path: Path) -> dict[str, Any] | None:
    """Return what a file says of its run; None if it is no file of one.

    A file whose columns are not those that were written (another tool joined some to it) is none; see `tabkit.marks`.
    """
    try:
        told = pl.read_parquet_metadata(path)
        columns = list(pl.read_parquet_schema(path))
        run, mark = json.loads(told[KEY]), json.loads(told["tabkit"])
    except (KeyError, ValueError, RecursionError, OSError, pl.exceptions.PolarsError):
        return None
    known = isinstance(run, dict) and isinstance(mark, dict) and isinstance(run.get("run"), str)
    return run if known and mark.get("columns") == columns else None
