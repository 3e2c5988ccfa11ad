"""Charts as files: a picture, or a page with one."""

from __future__ import annotations

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
    makers = {".png": png, ".svg": _svg_file, ".html": _html_file}
    make = makers.get(Path(path).suffix.lower())
    if make is None:
        raise ConfigError(
            f"{str(path)!r} is no picture that can be drawn", advice=f"end its name in {', '.join(makers)}"
        )
    drawn = make(chart)
    with staged_file(path, kind=ConfigError) as hidden:
        hidden.write_bytes(drawn)


def _svg_file(chart: Chart) -> bytes:
    return svg(chart).encode()


def _html_file(chart: Chart) -> bytes:
    return page("Chart", tag("figure", svg(chart))).encode()
