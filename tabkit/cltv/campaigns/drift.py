"""Drift: whether a campaign's newer users buy as the model learned from all users."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from tabkit.cltv.forecasting.acquired import repeats
from tabkit.cltv.limits import FEWEST_DRIFT_USERS
from tabkit.cltv.model import CLTVModel

_NEWER = 1 / 3  # the newest third: recent, and with enough users to compare
_SURE = 3.0  # standard errors: several campaigns are looked at, so two would alarm by chance
_DRAWS = 200  # the mean of draws is compared, which few draws give well enough


def changes(model: CLTVModel, users: pl.DataFrame) -> pl.DataFrame:
    """Compare the newest third of each campaign's users with the older ones and with the model.

    What young users will do is forecast mostly from what all did. If the newer ones buy less often, or pay less at
    first, their value does not show it, and no interval does.

    Parameters
    ----------
    users
        ``campaign``, ``group``, ``age_days``, ``frequency``, ``first_value``.

    Returns
    -------
    pl.DataFrame
        ``campaign``, ``changed``, and ``told``: a sentence, null where nothing changed. Surely means by three standard
        errors; of fewer than 30 newer users nothing is said.
    """
    rows: list[dict[str, Any]] = []
    for (name,), own in users.filter(pl.col("campaign").is_not_null()).group_by("campaign", maintain_order=True):
        told = _told(model, str(name), own.sort("age_days"))
        rows.append({"campaign": name, "changed": told is not None, "told": told})
    return pl.DataFrame(rows, schema={"campaign": pl.String, "changed": pl.Boolean, "told": pl.String})


def _told(model: CLTVModel, name: str, users: pl.DataFrame) -> str | None:
    border = users["age_days"][int(users.height * _NEWER)]
    newer, older = users.filter(pl.col("age_days") <= border), users.filter(pl.col("age_days") > border)
    if newer.height < FEWEST_DRIFT_USERS or older.height < FEWEST_DRIFT_USERS:
        return None
    sentences = []
    seen, expected = float(newer["frequency"].sum()), _expected(model, newer)
    spread = np.sqrt(newer.height * max(float(newer["frequency"].var()), expected / newer.height))  # type: ignore[arg-type]
    if abs(seen - expected) > _SURE * spread:
        sentences.append(f"bought again {seen:,.0f} times, where {expected:,.0f} were expected")
    parts = [part["first_value"].drop_nulls().to_numpy() for part in (newer, older)]
    (new, old), errors = (part.mean() for part in parts), [part.var(ddof=1) / len(part) for part in parts]
    if abs(new - old) > _SURE * np.sqrt(sum(errors)):
        sentences.append(f"paid {new:,.4g} at first, those before {old:,.4g}")
    if not sentences:
        return None
    return (
        f"The newest third of the users of {name!r}, those of the last {border:,} days, {' and '.join(sentences)}: the "
        "campaign changed, and its value is still mostly that of before. Fit again with users since the change alone."
    )


def _expected(model: CLTVModel, users: pl.DataFrame) -> float:
    """Return how many repeat purchases the model expects of newcomers by their ages."""
    total = 0.0
    for (group,), own in users.group_by("group"):
        ages, counts = np.unique(own["age_days"].to_numpy(), return_counts=True)
        each = repeats(model.forecaster, ages, draws=_DRAWS, group=None if group is None else str(group))
        total += float(each.mean(axis=0) @ counts)
    return total
