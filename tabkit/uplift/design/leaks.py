"""Features that are the outcome or the treatment under another name, or were measured after contact."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy

from tabkit.errors import FitError
from tabkit.schema import family
from tabkit.uplift.design.design import MISMATCH
from tabkit.uplift.design.sums import made_of
from tabkit.uplift.regressor import Codes, Floats

_GROUPS = 10
"""Values per arm from which a column may name groups of units rather than arms."""
_GLANCE = 2000
"""Rows that show of most features that they tell nothing without fail."""


def refuse_leaks(
    frame: pl.DataFrame,
    features: list[str],
    *,
    treatment: str,
    outcome: str,
    time: str | None = None,
    group: str | None = None,
) -> None:
    """Refuse features that are the outcome or the treatment under another name, or were measured afterwards.

    A feature counts as the outcome (or the arm) if it tells it without fail: rows of one value (or of none) all have
    one outcome, and drawing outcomes by chance would have done that with a probability below .001 over the number of
    features; see `_log_chance`. Of values that hardly repeat nothing is known, unless their order is that of the
    outcome. With a time role of dates, a feature of dates may not lie after it.

    Parameters
    ----------
    frame
        The rows of the experiment.
    features
        Columns to look at; lists and the like are passed over.
    treatment, outcome, time
        The columns of these roles.
    group
        The column of clusters: where a whole cluster has one arm (or outcome), it counts once.

    Raises
    ------
    FitError
        Naming every such column.
    """
    for what, column in (("outcome", outcome), ("treatment", treatment)):
        found = [name for name in features if _tells(frame, name, column, group=group, chance=MISMATCH / len(features))]
        if found:
            raise FitError(
                f"{', '.join(map(repr, found))} {'tells' if len(found) == 1 else 'tell'} the {what} {column!r} without "
                "fail: it is known only afterwards, or it is the same by another name",
                advice=f"leave out what was not known before contact: {' '.join(f'--exclude {n!r}' for n in found)}"
                + _or_groups(frame, found, column if what == "treatment" and group is None else None),
            )
    if time is None or family(frame.schema[time]) not in ("date", "datetime"):
        return
    dates = [name for name in features if family(frame.schema[name]) in ("date", "datetime")]
    if not dates:
        return
    contact = frame[time].cast(pl.Date)
    late = {name: int((frame[name].cast(pl.Date) > contact).sum()) for name in dates}
    after = {name: rows for name, rows in late.items() if rows}
    if after:
        raise FitError(
            "features lie after the time of contact: " + ", ".join(f"{n!r} in {r:,} rows" for n, r in after.items()),
            advice=f"leave them out: {' '.join(f'--exclude {name!r}' for name in after)}",
        )


def _or_groups(frame: pl.DataFrame, found: list[str], treatment: str | None) -> str:
    """Return further advice where a column has far more values than there are arms: it may name clusters."""
    if treatment is None:
        return ""
    many = [name for name in found if frame[name].n_unique() >= _GROUPS * frame[treatment].n_unique()]
    return f"; if whole groups were assigned, and {many[0]!r} names them, say --group {many[0]!r}" if many else ""


def refuse_sums(frame: pl.DataFrame, features: list[str], *, outcome: str, values: Floats) -> None:
    """Refuse features whose sum, difference or product is the outcome.

    Parameters
    ----------
    frame, features
        As in `refuse_leaks`.
    outcome
        Its column.
    values
        Shape (n,): the outcome as numbers.

    Raises
    ------
    FitError
        Naming them.
    """
    found = made_of(frame, features, values)
    if found:
        raise FitError(
            f"{', '.join(map(repr, found))} together are the outcome {outcome!r}, without error: as parts of it they "
            "are known only afterwards",
            advice=f"leave out what was not known before contact: {' '.join(f'--exclude {n!r}' for n in found)}",
        )


def _tells(frame: pl.DataFrame, feature: str, told: str, *, group: str | None, chance: float) -> bool:
    """Whether rows of one value of a feature all share one value of another column, and not by chance."""
    if family(frame.schema[feature]) in ("other", "null"):
        return False
    columns = {"feature": feature, "told": told, **({"group": group} if group is not None else {})}
    rows = pl.DataFrame({role: frame[name] for role, name in columns.items()}).filter(pl.col("told").is_not_null())
    if group is not None:
        whole = rows["group"].n_unique() == rows.select("group", "told").n_unique()
        rows = (rows.unique() if whole else rows).drop("group")
    known = rows.filter(pl.col("feature").is_not_null())
    first = known.head(_GLANCE)
    if first.n_unique() > first["feature"].n_unique():
        return False  # a level with two outcomes, whatever follows
    parts = (known,) if known.height == rows.height else (rows, known)
    return any(_beyond_chance(part, chance) or _same_order(part, chance) for part in parts)


def _beyond_chance(rows: pl.DataFrame, chance: float) -> bool:
    """Whether no level has two outcomes, which levels of one row each cannot have."""
    if rows["feature"].n_unique() == rows.height:
        return False
    levels = rows.group_by("feature").agg(pl.len().alias("size"), pl.col("told").n_unique().alias("outcomes"))
    if levels.height < 2 or levels["outcomes"].max() != 1:
        return False
    counts = rows["told"].value_counts(name="size")["size"]
    return counts.len() > 1 and _log_chance(levels["size"].to_numpy(), counts.to_numpy()) < np.log(chance)


def _same_order(rows: pl.DataFrame, chance: float) -> bool:
    """Whether the values of two columns go in pairs and rise together, or one falls as the other rises."""
    if family(rows.schema["feature"]) == "text":
        rows = rows.with_columns(pl.col("feature").cast(pl.String).cast(pl.Float64, strict=False))
    if rows["feature"].null_count() > rows.height / 2 or not _ordered(_pairs(rows.head(_GLANCE))):
        return False
    pairs = _pairs(rows)
    n = pairs.height
    if np.log(2) - scipy.special.gammaln(n + 1) > np.log(chance) or not _ordered(pairs):
        return False
    return pairs["feature"].n_unique() == n == pairs["told"].n_unique()


def _pairs(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("feature", "told").unique().sort("feature", "told")


def _ordered(pairs: pl.DataFrame) -> bool:
    return pairs["told"].is_sorted() or pairs["told"].is_sorted(descending=True)


def _log_chance(sizes: Codes, counts: Codes) -> float:
    r"""Return a bound on the log probability that outcomes drawn by chance divide no level.

    Of the ways to lay out outcomes with counts :math:`c_o` over n rows, those that give each level of size
    :math:`n_l` one outcome have the generating function on the left; any t bounds their number,

    .. math:: \prod_l \sum_o z_o^{n_l}, \quad z_o = (c_o / n)^t: \qquad
              \log P \le \sum_l \log \sum_o z_o^{n_l} - \sum_o c_o \log z_o - \log \frac{n!}{\prod_o c_o!},

    and the least of these bounds is taken. It is 0 or above for levels of one row each.
    """
    size, of_size = np.unique(sizes, return_counts=True)
    count, of_count = np.unique(counts, return_counts=True)
    n = int(counts.sum())
    log_share = np.log(count / n)
    ways = scipy.special.gammaln(n + 1) - of_count @ scipy.special.gammaln(count + 1)

    def bound(t: float) -> float:
        level = scipy.special.logsumexp(t * size[:, None] * log_share, b=of_count, axis=1)
        return float(of_size @ level - t * (of_count * count) @ log_share - ways)

    best = scipy.optimize.minimize_scalar(bound, bounds=(0, 2), method="bounded")
    return min(bound(0.0), float(best.fun))
