"""How effects are written: on the terminal, on pages and in sentences alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabkit.wording import NONE, Parts, decimals_of, spelled


@dataclass(frozen=True, slots=True)
class EffectUnit:
    """How effects are written, wherever they are.

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
        """Return an effect and its interval, with signs and without the unit; see `spelled`.

        >>> EffectUnit("binary").effect(0.0764, 0.0699, 0.083), EffectUnit("number").effect(12.0)
        (('+7.6', '+7.0 to +8.3'), ('+12.0', 'n/a'))
        """
        return spelled(*self.scaled(value, low, high), sign="+", decimals=decimals)

    def named(self, value: float | None, low: float | None = None, high: float | None = None) -> str:
        """Return an effect with its unit.

        >>> EffectUnit("binary").named(0.0764)
        '+7.64 points'
        """
        return " ".join(filter(None, (self.effect(value, low, high)[0], self.words if value is not None else "")))

    def level(self, value: float | None, low: float | None = None, high: float | None = None) -> tuple[str, str]:
        """Return a mean outcome and its interval: a share of a binary one, else a number.

        >>> EffectUnit("binary").level(0.18579, 0.1776, 0.194)
        ('18.6%', '17.8–19.4%')
        """
        mark = "%" if self.binary else ""
        shown, ends = spelled(*self.scaled(value, low, high))
        return shown + mark * (shown != NONE), ends + mark * (ends != NONE)

    def scaled(self, value: float | None, low: float | None = None, high: float | None = None) -> Parts:
        """Return an effect and its ends as they are written."""
        first, second, third = (None if part is None else self.scale * part for part in (value, low, high))
        return first, second, third


def segment_decimals(segments: Sequence[Mapping[str, Any]], unit: EffectUnit) -> int | None:
    """Return with how many decimals the effects of segments are written: as many as the largest segment supports."""
    largest = max(segments, key=lambda segment: segment["rows"])
    _, low, high = unit.scaled(None, largest["low"], largest["high"])
    return decimals_of(low, high)
