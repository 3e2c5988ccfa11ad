"""Parts of the uplift trust report: effects, outcomes and intervals in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dashboards.kit.blocks import NO_VALUE
from dashboards.kit.html import Markup, escape, join, tag
from tabkit.wording import Sign, number


@dataclass(frozen=True, slots=True)
class Unit:
    """How effects are written.

    Parameters
    ----------
    kind
        Of the outcome. A binary one's effects are percentage points, others are in the outcome's own unit.
    """

    kind: str

    @property
    def binary(self) -> bool:
        """Whether effects are differences of probabilities."""
        return self.kind == "binary"

    @property
    def scale(self) -> float:
        """What an effect is multiplied by to be written."""
        return 100.0 if self.binary else 1.0

    @property
    def words(self) -> str:
        """The unit of effects after a number, empty where it has no name."""
        return "points" if self.binary else ""

    @property
    def heading(self) -> str:
        """The unit of effects at the head of a table."""
        return "percentage points" if self.binary else "the outcome\N{RIGHT SINGLE QUOTATION MARK}s unit"

    def effect(
        self, value: float | None, low: float | None = None, high: float | None = None, *, decimals: int | None = None
    ) -> tuple[str, str]:
        """Return an effect and its interval, with signs and without the unit; see `ends` for the decimals.

        >>> Unit("binary").effect(0.0764, 0.0699, 0.083), Unit("number").effect(12.0)
        (('+7.64', '+6.99 to +8.30'), ('+12.0', 'n/a'))
        """
        return ends(value, low, high, scale=self.scale, sign="+", decimals=decimals)

    def named(self, value: float | None, low: float | None = None, high: float | None = None) -> str:
        """Return an effect with its unit.

        >>> Unit("binary").named(0.0764)
        '+7.64 points'
        """
        return " ".join(filter(None, (self.effect(value, low, high)[0], self.words if value is not None else "")))

    def level(self, value: float | None, low: float | None = None, high: float | None = None) -> tuple[str, str]:
        r"""Return a mean outcome and its interval: a share of a binary one, else a number.

        >>> Unit("binary").level(0.18579, 0.1776, 0.194)
        ('18.58\xa0%', '17.76 to 19.40\xa0%')
        """
        shown, both = ends(value, low, high, scale=self.scale)
        mark = "\u00a0%" if self.binary else ""
        return shown + mark * (shown != NO_VALUE), both + mark * (both != NO_VALUE)


def ends(
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    scale: float = 1.0,
    sign: Sign = "",
    decimals: int | None = None,
) -> tuple[str, str]:
    """Return a value and its interval as text, as exact as the interval is wide or with so many decimals.

    >>> ends(1.29, 0.87, 1.71), ends(0.0, 0.0, 0.0), ends(None, 0.0, 1.0), ends(-0.001, -0.5, 0.5, sign="+")
    (('1.29', '0.87 to 1.71'), ('0', 'n/a'), ('n/a', 'n/a'), ('0.00', '-0.50 to +0.50'))
    """
    if value is None or not math.isfinite(value):
        return NO_VALUE, NO_VALUE
    known = low is not None and high is not None and math.isfinite(high - low)
    if decimals is None:
        found = interval_decimals(low, high, scale=scale)
        decimals = _decimals(scale * value) if found is None else found
    if low is None or high is None or not known or low == high:
        return _signed(scale * value, decimals, sign), NO_VALUE
    shown, lowest, highest = (_signed(scale * part, decimals, sign) for part in (value, low, high))
    return shown, f"{lowest} to {highest}"


def interval_decimals(low: float | None, high: float | None, *, scale: float = 1.0) -> int | None:
    """Return how many decimals the half width of an interval supports, with two digits of it; None without width.

    >>> interval_decimals(1.0, 1.4), interval_decimals(100.0, 900.0), interval_decimals(2.0, 2.0)
    (2, 0, None)
    """
    if low is None or high is None or not math.isfinite(high - low):
        return None
    width = scale * (high - low)
    if width <= 1e-12 * scale * max(abs(low), abs(high)):
        return None
    return min(max(1 - math.floor(math.log10(width / 2)), 0), 9)


def _decimals(value: float) -> int:
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 9) if value else 0


def _signed(value: float, decimals: int, sign: Sign) -> str:
    return number(value, sign=sign, decimals=decimals)


def with_ends(shown: str, both: str) -> Markup:
    """Return a value with its interval in softer letters behind it.

    >>> with_ends("1.3", "0.9 to 1.7"), with_ends("1.3", "n/a")
    ('1.3 <span class="interval">(0.9 to 1.7)</span>', '1.3')
    """
    if both == NO_VALUE:
        return escape(shown)
    return join([escape(f"{shown} "), tag("span", escape(f"({both})"), class_="interval")])


def wide_name(text: object) -> Markup:
    """Return the name of a row, which breaks into lines only where it is long."""
    return tag("span", escape(text), style="display: block; min-width: 9em; max-width: 17em")
