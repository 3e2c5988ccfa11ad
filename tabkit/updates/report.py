"""What an update says of itself, alike for every kind of model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tabkit.updates.strategies import KEEP
from tabkit.updates.trials import Trial


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What an update tried and did.

    Parameters
    ----------
    strategy
        The one that was used.
    why
        In one sentence.
    candidates
        All that were tried, the cheapest first.
    metric, level
        The loss, and the level of its intervals.
    rows, judged_rows
        New rows, and how many of them candidates were judged on.
    """

    strategy: str
    why: str
    candidates: Sequence[Trial]
    metric: str
    level: float
    rows: int
    judged_rows: int

    @property
    def kept(self) -> bool:
        """Whether the model is as it was."""
        return self.strategy == KEEP

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "kept": self.kept}
