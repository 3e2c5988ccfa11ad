"""Charts as files: a picture, or a page with one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from dashboards.charts.rendering import Chart, png, svg
from dashboards.kit.html import page, tag
from tabkit import marks
from tabkit.destination import check
from tabkit.errors import ConfigError
from tabkit.staging import staged_file

_BY = "chart"
_KIND = marks.picture(_BY)


def save(chart: Chart, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a chart as its file's name ends: ``.png``, ``.svg``, or ``.html``, a page that needs no network.

    Raises
    ------
    ConfigError
        If the name ends in something else, the file cannot be written, or something else than an earlier picture
        stands there and `overwrite` is not asked for; what stood there still stands.

    Examples
    --------
    >>> from dashboards.charts.cltv import pit_histogram
    >>> save(pit_histogram([5, 6, 5]), "pit.pdf")
    Traceback (most recent call last):
    tabkit.errors.ConfigError: 'pit.pdf' is no picture that can be drawn
    To do: end its name in .png, .svg, .html
    """
    check_picture(path, overwrite=overwrite)
    drawn = _MAKERS[Path(path).suffix.lower()](chart)
    with staged_file(path, kind=ConfigError) as hidden:
        hidden.write_bytes(drawn)


def check_picture(
    path: str | Path,
    *,
    overwrite: bool = False,
    inputs: Iterable[str | Path] = (),
    outside: Iterable[str | Path] = (),
) -> None:
    """Raise a `ConfigError` if the name ends in no format of pictures, or `tabkit.destination.check` refuses it."""
    if Path(path).suffix.lower() not in _MAKERS:
        raise ConfigError(
            f"{str(path)!r} is no picture that can be drawn", advice=f"end its name in {', '.join(_MAKERS)}"
        )
    check(path, _KIND, overwrite=overwrite, inputs=inputs, outside=outside)


def _svg_file(chart: Chart) -> bytes:
    return marks.svg(svg(chart), _BY).encode()


def _html_file(chart: Chart) -> bytes:
    return page("Chart", tag("figure", svg(chart)), made_by=_BY).encode()


def _png_file(chart: Chart) -> bytes:
    return marks.png(png(chart), _BY)


_MAKERS: dict[str, Callable[[Chart], bytes]] = {".png": _png_file, ".svg": _svg_file, ".html": _html_file}
