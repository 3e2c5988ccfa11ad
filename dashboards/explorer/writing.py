"""Write pages as files, or serve them on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dashboards.explorer.answers import Answers, Worth
from dashboards.explorer.board import Board, prepare
from dashboards.explorer.page import page, policy
from dashboards.explorer.payload import payload
from dashboards.explorer.view import View
from dashboards.server.server import Site
from dashboards.server.server import serve as serve_site
from tabkit import marks
from tabkit.destination import check
from tabkit.errors import ConfigError
from tabkit.staging import staged_file

KIND = marks.page("explore")
MOST_CELLS = 30_000_000
"""Codes that a page without a server carries: more columns than fit are left out, the least useful first."""


def write(view: View, path: str | Path, *, embed_holdout: bool = False, overwrite: bool = False) -> dict[str, object]:
    """Write a page that needs no server; return its size and what it shows.

    Raises
    ------
    ConfigError
        If the file cannot be written, something else stands there (see `tabkit.destination`), or there are more rows
        than a page can carry.
    """
    check(path, KIND, overwrite=overwrite)
    most = MOST_CELLS // max(1, view.frame.height)
    if most < 2:
        raise ConfigError(
            f"{view.frame.height:,} rows are too many for a page that carries them",
            advice="use --serve: it reads them here",
        )
    board = prepare(view, most_axes=min(40, most))
    html = page(payload(board, served=False, embed_holdout=embed_holdout)).encode("utf-8")
    with staged_file(path, kind=ConfigError) as hidden:
        hidden.write_bytes(html)
    return {"page": str(path), "bytes": len(html), **shown(board)}


def serve(
    view: View, *, saves: Path | None, worth: Worth | None, port: int, ready: Callable[[str, dict[str, object]], None]
) -> None:
    """Serve a page to this machine until Ctrl-C.

    Parameters
    ----------
    view
        What is shown.
    saves
        The file that rules are saved to.
    worth
        Compares models with and without a rule.
    port
        0 takes any that is free.
    ready
        Called with the address and with what is shown, once the server listens.
    """
    board = prepare(view)
    serve_site(site(board, saves=saves, worth=worth), port=port, ready=lambda url: ready(url, shown(board)))


def site(board: Board, *, saves: Path | None = None, worth: Worth | None = None) -> Site:
    """Return a page with its answers; see `serve`."""
    answers = Answers(board, saves=saves, worth=worth)
    content = payload(board, served=True, saves=saves.name if saves else None, worth=worth is not None)
    html = page(content)
    return Site(page=lambda _: html, policy=policy(served=True), answers=answers.calls(), closing=answers.jobs.stop)


def shown(board: Board) -> dict[str, object]:
    """Return what a page shows, as plain data."""
    return {
        "rows": board.view.frame.height,
        "holdout": 0 if board.view.holdout is None else int(board.view.holdout.sum()),
        "drawn": len(board.drawn),
        "axes": len(board.axes),
        "skipped": {skipped.name: skipped.why for skipped in board.skipped},
        "suggested": len(board.view.given),
    }
