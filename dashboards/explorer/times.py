"""Times on an axis: as numbers, as moments, and as ticks."""

from __future__ import annotations

import datetime as dt

import polars as pl

_EPOCH = dt.datetime(1970, 1, 1)
_SECOND = 1e6  # microseconds, as Polars counts
_STEPS = (
    *((f"{n}s", n) for n in (1, 5, 15, 30)),
    *((f"{n}m", n * 60) for n in (1, 5, 15, 30)),
    *((f"{n}h", n * 3_600) for n in (1, 3, 6, 12)),
    *((f"{n}d", n * 86_400) for n in (1, 2)),
    *((f"{n}w", n * 604_800) for n in (1, 2)),
    *((f"{n}mo", n * 2_629_746) for n in (1, 3, 6)),
    *((f"{n}y", n * 31_556_952) for n in (1, 2, 5, 10, 20, 50, 100, 500, 1000)),
)


def moment(micros: float) -> dt.datetime:
    """Return the moment of microseconds since 1970, as a clock without a zone shows it.

    >>> moment(86_400e6)
    datetime.datetime(1970, 1, 2, 0, 0)
    """
    least, most = (dt.datetime.min - _EPOCH, dt.datetime.max - _EPOCH)
    one = dt.timedelta(microseconds=1)
    return _EPOCH + dt.timedelta(microseconds=min(max(round(micros), least // one), most // one))


def micros(when: dt.datetime) -> float:
    """Return microseconds since 1970.

    >>> micros(dt.datetime(1970, 1, 2))
    86400000000.0
    """
    return float((when - _EPOCH) // dt.timedelta(microseconds=1))


def ticks(low: float, high: float, *, most: int) -> list[tuple[float, str]]:
    """Return round moments from `low` to `high` with their names; at most about `most`.

    >>> ticks(0.0, 200 * 86_400e6, most=4)
    [(0.0, '1970-01'), (7776000000000.0, '1970-04'), (15638400000000.0, '1970-07')]
    """
    span = (high - low) / _SECOND
    name, size = next((step for step in _STEPS if span / step[1] <= most), _STEPS[-1])
    first = pl.Series([moment(low)]).dt.truncate(name)[0]
    found = pl.datetime_range(first, moment(high), name, eager=True).to_list()
    kept = [when for when in found if low <= micros(when) <= high]
    return [(micros(when), _name(when, size)) for when in kept]


def _name(when: dt.datetime, size: int) -> str:
    if size >= 31_556_952:
        return f"{when:%Y}"
    if size >= 2_629_746:
        return f"{when:%Y-%m}"
    if size >= 86_400:
        return f"{when:%Y-%m-%d}"
    return f"{when:%m-%d %H:%M}" if size >= 60 else f"{when:%H:%M:%S}"


def span(seconds: float) -> str:
    """Return a duration as an axis shows it.

    >>> span(90.0), span(7200.0), span(259200.0), span(0.25), span(-3600.0)
    ('1.5 min', '2 h', '3 d', '0.25 s', '-1 h')
    """
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= unit:
            return f"{seconds / unit:.4g} {name}"
    return f"{seconds:.4g} s"
