"""How reliable the interval of a total is: whether it was widened, and how often such intervals held in backtests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import scipy

# With right intervals so few would hold in less than one of twenty backtests.
_RARE = 0.05
_LOST = "how often such intervals held then is not in this bundle; see tabkit cltv backtest"
_UNTESTED = "no backtest is in this bundle; see tabkit cltv backtest, or fit with --widen-origins 4"


@dataclass(frozen=True, slots=True)
class IntervalRecord:
    """The interval of a total, and how such intervals did in the last backtest.

    Parameters
    ----------
    kind
        ``purchases`` or ``value``.
    widened
        The interval is widened, as that backtest taught.
    held, of
        In how many of its origins such an interval, widened or not as this one is, held the total; None without a
        record of it.
    plain_held, plain_of
        Likewise before it was widened.
    level
        Of the intervals that were tested.
    horizon_days, overlap_days
        How far its forecasts reached, and how much of that each shares with the next.
    """

    kind: str
    widened: bool
    held: int | None = None
    of: int | None = None
    plain_held: int | None = None
    plain_of: int | None = None
    level: float | None = None
    horizon_days: float | None = None
    overlap_days: float | None = None

    @property
    def too_narrow(self) -> bool:
        """Whether significantly fewer intervals held than their level promises."""
        if not self.of or self.held is None or self.level is None:
            return False
        return bool(scipy.stats.binom.cdf(self.held, self.of, self.level) < _RARE)

    def short(self) -> str:
        """Return it in few words, for a cell of a table.

        >>> IntervalRecord("value", False).short(), IntervalRecord("value", True, held=1, of=4).short()
        ('not widened; not tested', 'widened; held in 1 of 4')
        """
        wide = "widened" if self.widened else "not widened"
        unknown = "no record of tests" if self.widened and self.plain_of is None else "not tested"
        return f"{wide}; {f'held in {self.held} of {self.of}' if self.of else unknown}"

    def sentence(self, *, horizon_days: float) -> str:
        """Return a sentence to stand beside a figure, for a forecast of so many days.

        >>> print(IntervalRecord("value", False, 1, 4, 1, 4, 0.94, 90, 0).sentence(horizon_days=90))
        Interval of value: not widened; in the backtest (90 days ahead) the 94 % interval of the total held in 1 of 4. \
That is too rarely: take it for too narrow.
        """
        head = f"{heading([self.kind])}{'widened as its backtest taught' if self.widened else 'not widened'}"
        if self.widened and self.plain_of is None:
            return f"{head}; {_LOST}."  # saved before there was a record
        if not self.of or self.level is None:
            return f"{head}; not tested: {_UNTESTED if self.plain_of is None else 'it needs two origins or more'}."
        return " ".join([f"{head}; {self._shown()}.", *self._remarks(horizon_days)])

    def to_dict(self, *, horizon_days: float) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "too_narrow": self.too_narrow, "said": self.sentence(horizon_days=horizon_days)}

    def _shown(self) -> str:
        was = ""
        if self.widened and self.plain_of:
            was = f" (not widened: {self.plain_held} of {self.plain_of})"
        return (
            f"in the backtest ({self.horizon_days:g} days ahead) the {100 * (self.level or 0):.0f} % interval of the "
            f"total held in {self.held} of {self.of}{was}"
        )

    def _remarks(self, horizon_days: float) -> Iterator[str]:
        if self.too_narrow:
            yield "That is too rarely: take it for too narrow."
        if self.overlap_days:
            yield "Its spans overlap, so it says less than their number."
        if self.horizon_days != horizon_days:
            yield f"It says little of {horizon_days:g} days ahead."


def heading(kinds: Sequence[str]) -> str:
    """Return how a sentence on the intervals of some kinds begins.

    >>> heading(["value"]), heading(["purchases", "value"])
    ('Interval of value: ', 'Intervals of purchases and value: ')
    """
    return f"Interval{'s' * (len(kinds) > 1)} of {' and '.join(kinds)}: "


def told_once(said: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return sentences of kinds with the kinds they hold for: what is the same for two is said once.

    >>> told_once({"purchases": "Interval of purchases: not tested.", "value": "Interval of value: not tested."})
    {'Intervals of purchases and value: not tested.': ('purchases', 'value')}
    """
    alike: dict[str, list[str]] = {}
    for kind, words in said.items():
        alike.setdefault(words.removeprefix(heading([kind])), []).append(kind)
    return {f"{heading(kinds)}{words}": tuple(kinds) for words, kinds in alike.items()}


def interval_record(facts: Mapping[str, Any], *, kind: str, widened: bool) -> IntervalRecord:
    """Return what the facts of a model know of an interval; models saved before there was a record know nothing."""
    record = facts.get("backtest")
    counts = None if record is None else record["kinds"].get(kind)
    if record is None or counts is None:
        return IntervalRecord(kind, widened)
    which = "widened_" if widened else ""
    return IntervalRecord(
        kind,
        widened,
        held=counts[f"{which}held"],
        of=counts[f"{which}of"],
        plain_held=counts["held"],
        plain_of=counts["of"],
        level=record["level"],
        horizon_days=record["horizon_days"],
        overlap_days=record["overlap_days"],
    )
