"""The design comes first: which arms there are, how units came to them, and whether the rows bear it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, logsumexp

from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.schema import dtype_name, family
from tabkit.uplift.regressor import Codes, Floats

FEWEST = 50
"""Units that an arm needs: fewer can be neither learned from nor measured on."""
MISMATCH = 0.001
"""Below this p arms have not the sizes that were planned; Fabijan et al. (2019) advise so strict a level."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms of an experiment.

    Parameters
    ----------
    column
        The treatment column.
    labels
        As text, control first, the others sorted.
    """

    column: str
    labels: tuple[str, ...]

    @property
    def treated(self) -> tuple[str, ...]:
        """The labels beside control."""
        return self.labels[1:]

    def codes(self, frame: pl.DataFrame) -> Codes:
        """Return the number of each row's arm in `labels`, shape (n,).

        Raises
        ------
        FitError
            If a row has an arm that is not known, or none.
        """
        found = _texts(frame[self.column])
        unknown = found.filter(~found.is_in(self.labels) | found.is_null())
        if len(unknown):
            raise FitError(
                f"treatment {self.column!r} is {_some(unknown)} in {len(unknown):,} rows; the arms are "
                f"{', '.join(map(repr, self.labels))}",
                advice="leave these rows out, or train a new model with that arm",
            )
        numbers = found.replace_strict(list(self.labels), list(range(len(self.labels))), return_dtype=pl.Int64)
        return numbers.to_numpy()


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether arms are as large as they were meant to be.

    Parameters
    ----------
    rows
        Units (or clusters) by arm, control first.
    expected
        Planned shares by arm; None if no plan was given, so that there is nothing to check.
    p
        Of Pearson's chi-squared test; None without a plan.
    """

    rows: tuple[int, ...]
    expected: tuple[float, ...] | None
    p: float | None

    @property
    def mismatch(self) -> bool:
        """Whether chance does not explain the difference: then no effect can be trusted."""
        return self.p is not None and self.p < MISMATCH


def arms_of(frame: pl.DataFrame, column: str, control: str, *, fewest: int = FEWEST) -> Arms:
    """Understand the treatment column.

    Parameters
    ----------
    frame
        The rows of the experiment.
    column
        The treatment: text, a boolean or whole numbers; one label per arm.
    control
        The label of those who were not contacted.
    fewest
        An arm with fewer rows is refused.

    Raises
    ------
    SchemaError
        If the column is not there or cannot hold labels.
    FitError
        If it has nulls, one arm only, arms with few rows, or more arms than rows could tell apart.
    ConfigError
        If no row has the control label.

    Examples
    --------
    >>> frame = pl.DataFrame({"mail": ["b", "none", "a"] * 50})
    >>> arms_of(frame, "mail", "none").labels
    ('none', 'a', 'b')
    """
    if column not in frame.columns:
        raise SchemaError(f"there is no treatment column {column!r}", advice=f"columns are {frame.columns[:40]}")
    values = frame[column]
    if family(values.dtype) not in ("text", "boolean", "number") or values.dtype.is_float():
        raise SchemaError(
            f"treatment {column!r} is {dtype_name(values.dtype)}: labels of arms were expected (text, boolean or whole "
            "numbers)",
            advice="cast it; a dose that varies freely is no set of arms",
        )
    if values.null_count():
        raise FitError(
            f"treatment {column!r} is null in {values.null_count():,} of {len(values):,} rows",
            advice="find out which arm these units were in; leaving them out is only right if that is no matter of arm",
        )
    counts = dict(_texts(values).alias("arm").value_counts().sort("arm").iter_rows())
    if control not in counts:
        raise ConfigError(
            f"no row has {control!r} as its {column!r}", advice=f"--control is one of {', '.join(map(repr, counts))}"
        )
    if len(counts) == 1:
        raise FitError(
            f"treatment {column!r} is {control!r} in all {len(values):,} rows: there is no one to compare with",
            advice="an effect needs units with and without contact in the same table",
        )
    few = [f"{label!r} ({rows:,})" for label, rows in counts.items() if rows < fewest]
    if few:
        raise FitError(
            f"arms with fewer than {fewest} rows: {', '.join(few[:10])}",
            advice="merge them with others, or leave them out of the table",
        )
    return Arms(column, (control, *sorted(label for label in counts if label != control)))


def shares_of(arms: Arms, codes: Codes, planned: Mapping[str, float] | None = None) -> Floats:
    """Return the probability of each arm by design, shape (k,): as planned, else as counted.

    Raises
    ------
    ConfigError
        If planned shares are not those of the arms, not between 0 and 1, or do not sum to one.
    """
    if planned is None:
        return np.bincount(codes, minlength=len(arms.labels)) / len(codes)
    if set(planned) != set(arms.labels):
        raise ConfigError(
            f"shares are given for {', '.join(map(repr, planned))}; the arms are {', '.join(map(repr, arms.labels))}",
            advice="give each arm its planned share, control too",
        )
    shares = np.array([planned[label] for label in arms.labels], dtype=np.float64)
    if not ((shares > 0) & (shares < 1)).all() or abs(shares.sum() - 1) > 1e-6:
        raise ConfigError(
            f"the shares are {', '.join(f'{s:g}' for s in shares)}; they must lie between 0 and 1, and sum to 1",
            advice="an arm with share 0 or 1 is no experiment",
        )
    return np.asarray(shares / shares.sum())  # thirds are written with so many digits


def stratum_shares(strata: pl.Series, codes: Codes, arms: Arms) -> Floats:
    """Return each row's propensities as the shares of the arms in its stratum, shape (n, k).

    Parameters
    ----------
    strata
        n values; chance decided the arms within rows of one value. Null is a value of its own.

    Raises
    ------
    FitError
        If a stratum lacks an arm: its units say nothing about that arm.
    """
    frame = pl.DataFrame({"stratum": strata, "arm": codes})
    counts = [(pl.col("arm") == k).mean().over("stratum").alias(str(k)) for k in range(len(arms.labels))]
    shares = frame.select(counts).to_numpy()
    empty = frame["stratum"].filter(pl.Series((shares == 0).any(axis=1))).unique()
    if len(empty):
        raise FitError(
            f"{len(empty)} strata of {strata.name!r} lack an arm, such as {empty[0]!r}",
            advice="merge strata, or leave these units out: no one there can be compared",
        )
    return np.asarray(shares, dtype=np.float64)


def sample_ratio(codes: Codes, shares: Floats, *, planned: bool, clusters: Codes | None = None) -> SampleRatio:
    """Test whether arms are as large as planned; whole clusters are counted where they were drawn as one.

    Examples
    --------
    >>> found = sample_ratio(np.repeat([0, 1], [5_300, 4_700]), np.array([0.5, 0.5]), planned=True)
    >>> found.mismatch, found.p < 1e-8
    (True, True)
    """
    units = codes
    if clusters is not None:
        first = np.unique(clusters, return_index=True, return_inverse=True)
        whole = bool((codes[first[1]][first[2]] == codes).all())
        units = codes[first[1]] if whole else codes
    rows = np.bincount(units, minlength=len(shares))
    counts = tuple(map(int, rows))
    if not planned:
        return SampleRatio(counts, None, None)
    p = float(stats.chisquare(rows, shares * len(units)).pvalue)
    return SampleRatio(counts, tuple(map(float, shares)), p)


def refuse_leaks(
    frame: pl.DataFrame,
    features: list[str],
    *,
    treatment: str,
    outcome: str,
    time: str | None = None,
    group: str | None = None,
) -> None:
    """Refuse features that are the outcome or the treatment by another name, or that were measured afterwards.

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
                advice=f"leave out what was not known before contact: {' '.join(f'--exclude {n!r}' for n in found)}",
            )
    if time is None or family(frame.schema[time]) not in ("date", "datetime"):
        return
    dates = [name for name in features if family(frame.schema[name]) in ("date", "datetime")]
    if not dates:
        return
    late = frame.select((pl.col(n).cast(pl.Date) > pl.col(time).cast(pl.Date)).sum().alias(n) for n in dates).row(0)
    after = {name: rows for name, rows in zip(dates, late, strict=True) if rows}
    if after:
        raise FitError(
            "features lie after the time of contact: " + ", ".join(f"{n!r} in {r:,} rows" for n, r in after.items()),
            advice=f"leave them out: {' '.join(f'--exclude {name!r}' for name in after)}",
        )


def _tells(frame: pl.DataFrame, feature: str, told: str, *, group: str | None, chance: float) -> bool:
    """Whether rows of one value of a feature all share one value of another column, and not by chance."""
    if family(frame.schema[feature]) in ("other", "null"):
        return False
    columns = {"feature": feature, "told": told, **({"group": group} if group is not None else {})}
    rows = frame.select(pl.col(name).alias(role) for role, name in columns.items()).filter(pl.col("told").is_not_null())
    if group is not None and rows["group"].n_unique() == rows.select("group", "told").n_unique():
        rows = rows.unique()
    known = rows.filter(pl.col("feature").is_not_null())
    return any(_beyond_chance(part, chance) or _same_order(part, chance) for part in (rows, known))


def _beyond_chance(rows: pl.DataFrame, chance: float) -> bool:
    levels = rows.group_by("feature").agg(pl.len().alias("size"), pl.col("told").n_unique().alias("outcomes"))
    if levels.height < 2 or levels["outcomes"].max() != 1:
        return False
    counts = rows["told"].value_counts(name="size")["size"]
    return counts.len() > 1 and _log_chance(levels["size"].to_numpy(), counts.to_numpy()) < np.log(chance)


def _same_order(rows: pl.DataFrame, chance: float) -> bool:
    """Whether two columns without a repeated value, or with few, rise together, or one falls as the other rises."""
    pairs = rows.select("feature", "told").unique().sort("feature")
    n = pairs.height
    if pairs["feature"].n_unique() < n or pairs["told"].n_unique() < n or np.log(2) - gammaln(n + 1) > np.log(chance):
        return False
    if family(pairs.schema["feature"]) == "text":
        pairs = pairs.with_columns(pl.col("feature").cast(pl.String).cast(pl.Float64, strict=False)).sort("feature")
    return pairs["feature"].null_count() <= 1 and (
        pairs["told"].is_sorted() or pairs["told"].is_sorted(descending=True)
    )


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
    ways = gammaln(n + 1) - of_count @ gammaln(count + 1)

    def bound(t: float) -> float:
        level = logsumexp(t * size[:, None] * log_share, b=of_count, axis=1)
        return float(of_size @ level - t * (of_count * count) @ log_share - ways)

    best = minimize_scalar(bound, bounds=(0, 2), method="bounded")
    return min(bound(0.0), float(best.fun))


def _texts(values: pl.Series) -> pl.Series:
    return values.cast(pl.String)


def _some(values: pl.Series) -> str:
    return ", ".join(map(repr, values.unique().sort().head(3).to_list()))
