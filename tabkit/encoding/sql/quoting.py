"""Names, texts and numbers as SQL writes them."""

from __future__ import annotations

import math


def name(identifier: str) -> str:
    """Quote a column's name.

    >>> name('a "b" c')
    '"a ""b"" c"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def column(identifier: str) -> str:
    """Return a column of the table that is encoded, which queries call ``t``.

    >>> column("age")
    't."age"'
    """
    return f"t.{name(identifier)}"


def text(value: str) -> str:
    """Quote a text.

    >>> print(text("it's"))
    'it''s'
    """
    return "'" + value.replace("'", "''") + "'"


def number(value: float | None) -> str:
    """Write a number so that it is read back as the same double; None is NULL.

    >>> number(0.1), number(None), number(7)
    ('0.1::DOUBLE', 'NULL', '7.0::DOUBLE')
    """
    if value is None or math.isnan(value):
        return "NULL"
    if math.isinf(value):
        return f"'{'-' if value < 0 else ''}inf'::DOUBLE"
    return f"{float(value)!r}::DOUBLE"
