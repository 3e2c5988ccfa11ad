"""The design matrix of customers: standardised covariates, and indices of groups."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.errors import FitError, SchemaError
from tabkit.untrusted.manifest import NamedTable, damaged

Floats = NDArray[np.float64]
UNKNOWN = -1  # no index of a group, so it cannot be mistaken for one


@dataclass(frozen=True, slots=True)
class Design:
    """Covariates and groups of customers.

    Parameters
    ----------
    covariates
        Numeric columns.
    mean, spread
        Of each at the fit: they are standardised, so that one prior suits all.
    group
        A column of groups, or None.
    groups
        The groups of the fit, as text.
    """

    covariates: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    group: str | None = None
    groups: tuple[str, ...] = ()

    @classmethod
    def of(cls, customers: pl.DataFrame, *, covariates: Sequence[str] = (), group: str | None = None) -> Design:
        """Take means, spreads and groups from the customers of a fit.

        Raises
        ------
        SchemaError
            If columns are missing, or a covariate is no number.
        FitError
            If a covariate is null, not finite or constant, or a group is null.
        """
        wanted = [*covariates, *([group] if group else [])]
        missing = [name for name in wanted if name not in customers.columns]
        if missing:
            raise SchemaError(
                f"missing columns: {', '.join(map(repr, missing))}", advice="carry them through with keep"
            )
        wrong = [
            name
            for name in covariates
            if not (customers.schema[name].is_numeric() or customers.schema[name] == pl.Boolean)
        ]
        if wrong:
            raise SchemaError(
                f"covariates that are no numbers: {', '.join(map(repr, wrong))}",
                advice="encode them first, or use one as the group",
            )
        z = (
            customers.select(pl.col(covariates).cast(pl.Float64)).to_numpy()
            if covariates
            else np.empty((customers.height, 0))
        )
        for name, column in zip(covariates, z.T, strict=True):
            bad = int((~np.isfinite(column)).sum())
            if bad:
                raise FitError(
                    f"covariate {name!r} is null or not finite for {bad:,} customers", advice="fill it, or leave it out"
                )
            if not np.ptp(column):
                raise FitError(f"covariate {name!r} is the same for all customers", advice="leave it out")
        groups: tuple[str, ...] = ()
        if group is not None:
            texts = customers[group].cast(pl.String)
            if texts.null_count():
                raise FitError(f"group {group!r} is null for {texts.null_count():,} customers", advice="fill it")
            groups = tuple(texts.unique().sort().to_list())
        return cls(tuple(covariates), tuple(z.mean(axis=0).tolist()), tuple(z.std(axis=0).tolist()), group, groups)

    @property
    def columns(self) -> list[str]:
        """The columns that tell customers apart."""
        return [*self.covariates, *([self.group] if self.group else [])]

    def standardised(self, customers: pl.DataFrame) -> Floats:
        """Return the covariates less their mean, over their spread, shape (n, covariates)."""
        if not self.covariates:
            return np.empty((customers.height, 0))
        z = customers.select(pl.col(self.covariates).cast(pl.Float64)).to_numpy()
        return np.asarray((z - np.array(self.mean)) / np.array(self.spread))

    def places(self, customers: pl.DataFrame) -> NDArray[np.int64] | None:
        """Return each customer's place among the groups, -1 for a group never seen; None without groups."""
        if self.group is None:
            return None
        known = pl.DataFrame({"group": list(self.groups), "place": np.arange(len(self.groups))})
        texts = customers.select(pl.col(self.group).cast(pl.String).alias("group"))
        found = texts.join(known, on="group", how="left", maintain_order="left")["place"]
        return found.fill_null(UNKNOWN).cast(pl.Int64).to_numpy()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Design:
        """Rebuild what `to_dict` gave; anything else is a `BundleError`."""
        given = NamedTable(values, "a design").only([field.name for field in fields(cls)])
        covariates, group, groups = given.texts("covariates"), given.maybe(given.text, "group"), given.texts("groups")
        size = len(covariates)
        if len({*covariates, group}) <= size or len(set(groups)) < len(groups) or bool(groups) != (group is not None):
            raise damaged("a design has a covariate or a group twice, or groups without their column")
        mean, spread = given.numbers("mean", size=size), given.numbers("spread", size=size, low=sys.float_info.min)
        return cls(covariates, mean, spread, group, groups)
