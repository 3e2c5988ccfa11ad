"""Integer codes of levels, for LightGBM's own handling of categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.lookup import Cells, LevelEncoder, Null
from tabkit.encoding.input import Input
from tabkit.encoding.statistics import Floats
from tabkit.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes(LevelEncoder):
    """Encode a level by a number from 0 that means nothing but its name: a native category of LightGBM.

    Codes follow the levels' names at the fit; an update gives new levels new codes behind and moves none. LightGBM
    takes null for missing. `FittedTable.categorical` names these features for ``categorical_feature=``; as plain
    numbers they would be an order that is not there.

    Parameters
    ----------
    unseen, null
        See `LevelEncoder`. The prior is null; null has no code of its own. `rare` is not taken: LightGBM looks after
        rare categories itself (``min_data_per_group``, ``cat_smooth``).
    """

    null: Null = "null"
    kind: ClassVar[str] = "codes"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        if self.rare or self.null in ("level", "other") or self.unseen == "other":
            raise ConfigError(
                "codes take no rare=, and neither 'level' nor 'other' for null and unseen: such a code would move "
                "when an update brings new levels",
                advice="leave them null, which LightGBM takes for missing",
            )

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:  # noqa: ARG002
        """Return ``column code``."""
        return (f"{column.name} code",)

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:  # noqa: ARG002
        """Return the codes; null and the prior have none."""
        return np.append(np.arange(len(cells.names), dtype=np.float64), [np.nan] * 3)[:, None]
