"""A table to features, out of fold, as a model must be trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tabkit import frames
from tabkit.config import settings_of
from tabkit.encoding import FittedTable
from tabkit.encoding.specification import table_encoder
from tabkit.errors import ConfigError
from tabkit.leaks import Leak
from tabkit.leaks.asked import asked, leaks_of
from tabkit.predictors.config import EncodeConfig
from tabkit.roles import Roles, RolesLike
from tabkit.rules.features import check_rules, rules_of
from tabkit.table import Table, read
from tabkit.target import infer


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTable:
    """A table with its features.

    Parameters
    ----------
    encoder
        The fitted encoder.
    frame
        The columns that have a role, then the features: out of fold.
    table
        What was read.
    leaks
        Columns that tell the target too well to be known before it.
    """

    encoder: FittedTable
    frame: pl.DataFrame
    table: Table
    leaks: tuple[Leak, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return ``rows, features, out_of_fold, rows_dropped, warnings, plan`` as plain data."""
        return {
            "rows": self.frame.height,
            "features": len(self.encoder.outputs),
            "out_of_fold": any(getattr(part.spec, "uses_target", False) for part in self.encoder.parts),
            "rows_dropped": dict(self.table.dropped),
            "warnings": asked(self.leaks, "settings"),
            "plan": self.encoder.plan().to_dicts(),
        }


def encode(
    source: frames.Source, *, roles: RolesLike, config: EncodeConfig | Mapping[str, Any] | None = None
) -> EncodedTable:
    """Fit an encoder on a table and encode its own rows **out of fold**, as a model must be trained on them.

    Columns with a role are carried along and make no features. With a time role rows are encoded by earlier ones
    only, else with a group role by other groups; a treatment role encodes the target for each of its arms.

    Raises
    ------
    TabkitError
        Of the stage that failed.
    """
    roles, settings = Roles.of(roles), settings_of(EncodeConfig, config)
    if roles.exposure is not None:
        raise ConfigError(
            f"exposure {roles.exposure!r} is given: only `train` encodes rates",
            advice="divide the target by it and pass it as the weight, or leave it out",
        )
    table = read(source, roles, exclude=settings.encoding.exclude, drop_null_target=settings.drop_null_target)
    role_columns, rules = roles.given(), rules_of(settings.rules)
    check_rules(rules, table, exclude=settings.encoding.exclude)
    target = None if roles.target is None else infer(table.frame, roles.target, what=table.name)
    encoder, features = table_encoder(settings.encoding, seed=settings.seed, rules=rules).fit_transform(
        table.frame,
        target=target,
        exclude=[column for column in role_columns.values() if column != roles.target],
        weight=roles.weight,
        arms=roles.treatment,
        groups=roles.group,
        time=roles.time,
    )
    columns, known = encoder.schema.names(), settings.encoding.known
    leaks = () if target is None else leaks_of(table, target, columns, known=known)
    return EncodedTable(encoder, _beside(table.frame.select(role_columns.values()), features), table, leaks)


def _beside(roles: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    clash = [name for name in features.columns if name in roles.columns]
    if clash:
        raise ConfigError(
            f"features are called like columns with a role: {', '.join(map(repr, clash))}", advice="rename the columns"
        )
    return pl.concat([roles, features], how="horizontal")
