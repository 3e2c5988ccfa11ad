"""A model that scores the rows of a table: which columns it knows, of which types, and which it carries through."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from tabkit.fitted_model import FittedModel
from tabkit.roles import Roles
from tabkit.schema import Schema, parse_dtype


class TableModel(FittedModel):
    """A fitted model with roles, whose `score` gives one row per row of a table."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def roles(self) -> Roles:
            """Which column plays which part."""

        @property
        def dtypes(self) -> Mapping[str, str]:
            """The types of the role columns at the fit, by column."""

    @abstractmethod
    def schema(self) -> Schema:
        """Return the columns that features are made of, as they were at the fit."""

    def kept(self, keep: Sequence[str] = ()) -> list[str]:
        """Return the columns that `score` carries through: the id, then `keep`, each once."""
        asked = [keep] if isinstance(keep, str) else keep
        return list(dict.fromkeys([*([self.roles.id] if self.roles.id else []), *asked]))

    def known_dtypes(self) -> dict[str, pl.DataType]:
        """Return the types at the fit, for readers of formats that carry none."""
        return {**{name: parse_dtype(dtype) for name, dtype in self.dtypes.items()}, **self.schema().dtypes()}
