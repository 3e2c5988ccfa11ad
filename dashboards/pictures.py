"""Charts as files: a picture, or a page with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dashboards.charts import Chart, png, svg
from dashboards.html import page, tag
from tabkit.errors import ConfigError
from tabkit.staging import staged_file


def save(chart: Chart, path: str | Path) -> None:
    """Write a chart as its file's name ends: ``.png``, ``.svg``, or ``.html``, a page that needs no network.

    Raises
    ------
    ConfigError
        If the name ends in something else, or the file cannot be written; what stood there still stands.

    Examples
    --------
    >>> from dashboards.lifetime_charts import pit_histogram
    >>> save(pit_histogram([5, 6, 5]), "pit.pdf")
    Traceback (most recent call last):
    tabkit.errors.ConfigError: 'pit.pdf' is no picture that can be drawn
    To do: end its name in .png, .svg, .html
    """
    check_picture(path)
    drawn = _MAKERS[Path(path).suffix.lower()](chart)
    with staged_file(path, kind=ConfigError) as hidden:
        hidden.write_bytes(drawn)


def check_picture(path: str | Path) -> None:
    """Raise a `ConfigError` if the name ends in no format of pictures, or the place is a folder."""
    if Path(path).suffix.lower() not in _MAKERS:
        raise ConfigError(
            f"{str(path)!r} is no picture that can be drawn", advice=f"end its name in {', '.join(_MAKERS)}"
        )
    if Path(path).is_dir():
        raise ConfigError(f"{str(path)!r} is a folder", advice="name a file")


def _svg_file(chart: Chart) -> bytes:
    return svg(chart).encode()


def _html_file(chart: Chart) -> bytes:
    return page("Chart", tag("figure", svg(chart))).encode()


_MAKERS: dict[str, Callable[[Chart], bytes]] = {".png": png, ".svg": _svg_file, ".html": _html_file}
