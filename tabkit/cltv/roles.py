"""Columns of customers and transactions, named by the parts they play as elsewhere: id, time and amount."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from tabkit.config import Config
from tabkit.errors import ConfigError
from tabkit.roles import Roles, RolesLike

C = TypeVar("C", bound=Config)
_FIELDS = {"id": "customer", "time": "date", "amount": "amount"}


def with_roles(settings: C, roles: RolesLike | None) -> C:
    """Return settings whose columns are those that roles name; settings that name them too must agree.

    Parameters
    ----------
    settings
        With the fields ``customer``, ``date`` and ``amount``, or some of them.
    roles
        ``id``: the customer; ``time``: the day of the purchase; ``amount``: what was paid. None changes nothing.

    Raises
    ------
    ConfigError
        If a role has no use here, or settings name another column.

    Examples
    --------
    >>> from tabkit.cltv.config import LifetimeConfig
    >>> with_roles(LifetimeConfig(), {"id": "who", "time": "day"}).customer
    'who'
    """
    if roles is None:
        return settings
    named = columns_named(roles, fields=type(settings).model_fields)
    other = {field: own for field, column in named.items() if (own := getattr(settings, field)) not in (None, column)}
    if other:
        both = ", ".join(f"{field} is {own!r} and {named[field]!r}" for field, own in other.items())
        raise ConfigError(f"roles and settings name different columns: {both}", advice="name each column once")
    return settings.model_copy(update=named)


def columns_named(roles: RolesLike | None, *, fields: Collection[str] = tuple(_FIELDS.values())) -> dict[str, str]:
    """Return the columns that roles name, by the setting that says the same; a role without one is a `ConfigError`.

    >>> columns_named({"id": "who", "amount": "paid"})
    {'customer': 'who', 'amount': 'paid'}
    """
    known = {role: field for role, field in _FIELDS.items() if field in fields}
    given = {} if roles is None else Roles.of(roles).given()
    if unknown := [role for role in given if role not in known]:
        takes = ", ".join(f"{role} (in settings {field})" for role, field in known.items())
        raise ConfigError(f"no use is made here of the roles {', '.join(map(repr, unknown))}", advice=f"give {takes}")
    return {known[role]: column for role, column in given.items()}
