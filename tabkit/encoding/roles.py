"""Which columns say how rows count: weight, arms, groups and time of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from tabkit.untrusted.manifest import NamedTable


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRoles:
    """Columns that are no features but say how rows count in a fit.

    Parameters
    ----------
    weight
        Row weights of 0 or more.
    arms
        The arm of an experiment: each target is encoded for each arm, by the rows of that arm.
    groups
        Rows of a group go to one fold.
    time
        When the row happened: rows are encoded by earlier ones only.
    """

    weight: str | None = None
    arms: str | None = None
    groups: str | None = None
    time: str | None = None

    def columns(self) -> list[str]:
        """Return the names that are given."""
        return list(dict.fromkeys(name for name in asdict(self).values() if name))

    def others(self) -> dict[str, str]:
        """Return arms, groups and time by role, as far as they are given."""
        return {role: name for role, name in asdict(self).items() if name and role != "weight"}

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RowRoles:
        """Rebuild what `to_dict` gave; anything else is a `BundleError`."""
        names = [field.name for field in fields(cls)]
        given = NamedTable(values, "the encoder's roles").only(names)
        return cls(**{name: given.maybe(given.text, name) for name in names})
