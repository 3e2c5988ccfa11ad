"""How often a level occurs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from tabkit.encoding.aim import Aim
from tabkit.encoding.encoders.lookup import Cells, LevelEncoder
from tabkit.encoding.input import Input
from tabkit.encoding.statistics import Floats
from tabkit.errors import ConfigError

Form = Literal["count", "share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency(LevelEncoder):
    """Encode a level by how many rows of the fit had it (weights are not counted).

    Parameters
    ----------
    form
        ``count`` gives the number of rows, ``share`` divides it by that of all rows.
    rare, unseen, null
        See `LevelEncoder`. The prior is 0.
    """

    form: Form = "count"
    kind: ClassVar[str] = "frequency"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        if self.form not in get_args(Form):
            raise ConfigError(f"form is {self.form!r}", advice=f"it may be {', '.join(get_args(Form))}")

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:  # noqa: ARG002
        """Return ``column count`` or ``column share``."""
        return (f"{column.name} {self.form}",)

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:  # noqa: ARG002
        """Return the counts, or shares; 0 for the prior."""
        values = cells.rows / cells.rows.sum() if self.form == "share" else cells.rows
        return np.append(values, 0.0)[:, None]
