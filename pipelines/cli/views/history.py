"""What `history` shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType

from pipelines.cli.views.kit import plain_table, titled, visible_line
from tabkit.wording import days


def history_view(result: Mapping[str, Any]) -> RenderableType:
    """Return the line of ancestors, newest first."""
    table = plain_table()
    for name in ("checksum", "strategy", "rows", "time", "source"):
        wide = name in ("source", "strategy")
        table.add_column(name, justify="right" if name == "rows" else "left", no_wrap=not wide, overflow="fold")
    for row in result["chain"]:
        span = days(row["span"]) if row["span"] else ""
        checksum = (row["checksum"] or "not saved")[:9]
        strategy = f"{row['strategy']} ({row['how']})" if row.get("how") else row["strategy"]
        table.add_row(*map(visible_line, (checksum, strategy, f"{row['rows']:,}", span, row["source"] or "")))
    return titled(f"{result['bundle']} and its ancestors, newest first", table)
