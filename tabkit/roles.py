"""The roles of columns: id, time, group, target and so on, as one object."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from tabkit.errors import ConfigError

_OTHER_NAMES = {
    "id": ("customer", "customer_id", "user", "unit", "key", "index", "row"),
    "time": ("date", "day", "when", "timestamp", "datetime", "month"),
    "target": ("label", "y", "class", "response"),
    "treatment": ("arm", "treated", "campaign", "t", "w"),
    "outcome": ("result", "effect"),
    "amount": ("price", "value", "revenue", "spend", "money", "monetary_value"),
    "weight": ("sample_weight", "weights"),
    "exposure": ("offset", "duration"),
    "group": ("cluster", "household", "segment"),
}
"""How others call the parts that columns play: for advice, not as a second spelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The columns that are not plain features, by the part they play.

    A column with a role is never used as a feature.

    Parameters
    ----------
    id
        Names each row; unique and never null. Carried through to the scores.
    time
        When the row was known (date, datetime or number). Splits run along it, newest rows last.
    target
        What is predicted.
    treatment, outcome, amount
        The arm a unit was given, what came of it, and the money of a transaction.
    weight
        Non-negative weight of the row in fitting and in every metric. Their unit does not matter: they are
        divided by their mean.
    exposure
        Positive time or volume at risk, for counts and amounts with a log link.
    group
        What rows belong together by (a household, a customer): they share a fold of the encoding and are drawn
        together for intervals. Without a time role they also share a part; with one, time alone divides.

    Raises
    ------
    ConfigError
        If one column is given two roles, or a column is not named by text.

    Examples
    --------
    >>> roles = Roles(id="customer", target="churned")
    >>> roles.given()
    {'id': 'customer', 'target': 'churned'}
    """

    id: str | None = None
    time: str | None = None
    target: str | None = None
    treatment: str | None = None
    outcome: str | None = None
    amount: str | None = None
    weight: str | None = None
    exposure: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        role_of: dict[str, str] = {}
        for role, column in self.given().items():
            if not isinstance(column, str) or not column:
                raise ConfigError(
                    f"role {role} is given {column!r}; the name of a column was expected",
                    advice=f"write {role}='name', or leave the role out",
                )
            if column in role_of:
                raise ConfigError(
                    f"column {column!r} is given two roles: {role_of[column]} and {role}",
                    advice="give each role its own column, or drop one of the two roles",
                )
            role_of[column] = role

    def given(self) -> dict[str, str]:
        """Return the roles that are set, as ``{role: column}`` in the order of the fields."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {role: column for role, column in pairs if column is not None}

    @classmethod
    def of(cls, given: RolesLike) -> Roles:
        """Return roles that are given as such, or as ``{role: column}``; anything else is a `ConfigError`.

        >>> Roles.of({"target": "churned", "id": "customer"}) == Roles(target="churned", id="customer")
        True
        """
        if isinstance(given, Roles):
            return given
        if isinstance(given, Mapping):
            return cls.from_dict(given)
        raise ConfigError(
            f"roles are given as {type(given).__name__}; Roles or a mapping of roles to columns was expected",
            advice="write roles={'target': 'churned', 'id': 'customer'}",
        )

    @classmethod
    def from_dict(cls, columns: Mapping[str, str]) -> Roles:
        """Build roles from ``{role: column}``; an unknown role is a `ConfigError`."""
        known = [field.name for field in fields(cls)]
        unknown = [role for role in columns if role not in known]
        if unknown:
            close = list(dict.fromkeys(near for role in unknown if (near := _nearest(str(role), known))))
            hint = f"did you mean {' and '.join(map(repr, close))}? " if close else ""
            raise ConfigError(
                f"unknown roles: {', '.join(map(repr, unknown))}", advice=f"{hint}the roles are {', '.join(known)}"
            )
        return cls(**columns)


RolesLike = Roles | Mapping[str, str]
"""Roles, or ``{role: column}``: what `Roles.of` takes."""


def _nearest(role: str, known: Sequence[str]) -> str | None:
    """Return the role that was meant, None if that cannot be guessed.

    >>> _nearest("tarjet", ["id", "target"]), _nearest("customer", ["id", "target"]), _nearest("zzz", ["id"])
    ('target', 'id', None)
    """
    plain = role.strip().lower()
    others = {other: name for name, names in _OTHER_NAMES.items() for other in names if name in known}
    if plain in others:
        return others[plain]
    close = difflib.get_close_matches(plain, [*known, *others], n=1, cutoff=0.6)
    return None if not close else others.get(close[0], close[0])
