"""The design of an experiment: its arms, how units were assigned, and whether the rows agree with that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
import scipy

from tabkit import forked
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.labels import as_labels, is_whole, labels_of, matched
from tabkit.schema import dtype_name, family
from tabkit.untrusted.manifest import NamedTable, damaged, shown
from tabkit.uplift.limits import FEWEST_UNITS
from tabkit.uplift.regressor import Codes, Floats

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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Arms:
        """Rebuild what `dataclasses.asdict` gave; anything else is a `BundleError`."""
        given = NamedTable(values, "the arms").only([field.name for field in fields(cls)])
        labels = given.texts("labels")
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise damaged(f"the arms are {shown(', '.join(labels))}; two or more, each once, were expected")
        return cls(given.text("column"), labels)

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
        found = as_labels(frame[self.column], self.labels)
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
    """A test of sample ratio mismatch: whether the arms have their planned sizes.

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
        """Whether the difference is significant: then no effect can be trusted."""
        return self.p is not None and self.p < MISMATCH


def arms_of(frame: pl.DataFrame, column: str, control: str, *, fewest: int = FEWEST_UNITS) -> Arms:
    """Infer the arms from the treatment column.

    Parameters
    ----------
    frame
        The rows of the experiment.
    column
        The treatment: text, a boolean or whole numbers, also if they are typed as floats; one label per arm.
    control
        The label of those who were not contacted; "0" and "0.0" are one.
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
    forked.check()
    if column not in frame.columns:
        raise SchemaError(f"there is no treatment column {column!r}", advice=f"columns are {frame.columns[:40]}")
    values = frame[column]
    kind = family(values.dtype)
    if kind not in ("text", "boolean", "number") or (kind == "number" and not is_whole(values)):
        raise SchemaError(
            f"treatment {column!r} is {dtype_name(values.dtype)}: labels of arms were expected (text, boolean or whole "
            "numbers)",
            advice="cast it; a dose that varies freely is no set of arms",
        )
    missing = values.null_count() + (int(values.is_nan().sum()) if values.dtype.is_float() else 0)
    if missing:
        raise FitError(
            f"treatment {column!r} is null in {missing:,} of {len(values):,} rows",
            advice="find out which arm these units were in; leaving them out is only right if that is no matter of arm",
        )
    counts = dict(labels_of(values).alias("arm").value_counts().sort("arm").iter_rows())
    meant = matched(control, counts)
    if meant is None:
        raise ConfigError(
            f"no row has {control!r} as its {column!r}", advice=f"--control is one of {', '.join(map(repr, counts))}"
        )
    if len(counts) == 1:
        raise FitError(
            f"treatment {column!r} is {meant!r} in all {len(values):,} rows: there is no one to compare with",
            advice="an effect needs units with and without contact in the same table",
        )
    few = [f"{label!r} ({rows:,})" for label, rows in counts.items() if rows < fewest]
    if few:
        raise FitError(
            f"arms with fewer than {fewest} rows: {', '.join(few[:10])}",
            advice="merge them with others, or leave them out of the table",
        )
    return Arms(column, (meant, *sorted(label for label in counts if label != meant)))


def shares_of(arms: Arms, codes: Codes, planned: Mapping[str, float] | None = None) -> Floats:
    """Return the probability of each arm by design, shape (k,): as planned, else as counted.

    Raises
    ------
    ConfigError
        If planned shares are not those of the arms, not between 0 and 1, or do not sum to one.
    """
    if planned is None:
        return np.bincount(codes, minlength=len(arms.labels)) / len(codes)
    planned = {matched(label, arms.labels) or label: share for label, share in planned.items()}
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
    """Test whether arms have their planned sizes; clusters are counted where they were assigned as a whole.

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
    p = float(scipy.stats.chisquare(rows, shares * len(units)).pvalue)
    return SampleRatio(counts, tuple(map(float, shares)), p)


def _some(values: pl.Series) -> str:
    return ", ".join(map(repr, values.unique().sort().head(3).to_list()))
