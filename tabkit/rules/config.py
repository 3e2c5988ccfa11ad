"""Settings of the search for rules, as a file or the command line gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tabkit.config import Config, required

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class SuggestConfig(Config):
    """How rules are searched for and tested; see `tabkit.rules.discovery.suggest`.

    Parameters
    ----------
    depth
        The most conditions of a rule.
    beam
        How many rules of each depth are carried on to the next.
    most
        The most rules that are suggested.
    bins
        Into how many intervals of about equally many rows numbers, dates and durations are cut.
    slack
        How far a cut may move to a rounder number, as a share of the rows; 0 for none.
    most_levels
        How many levels of text, the most frequent ones, a condition may name.
    coverage
        The smallest share of the rows of a rule.
    sample
        On how many rows is searched; what is found is measured on all.
    exponent
        Of the coverage in the quality: 0 seeks pure rules, 1 large ones (Klösgen 1996).
    direction
        Whether a high or a low share, mean or effect is sought.
    alpha
        The chance that any rule is suggested where there is none, by the hold-out rows' tests.
    holdout
        The share of the rows that prove, drawn by chance, where no mask of them is given.
    alike
        Of two rules that share more of their rows than this (Jaccard), the lesser one is dropped.
    most_columns
        With how many columns, the most useful ones, conditions are combined; each alone is tried with all.
    seed
        Of the sample and the hold-out.

    Examples
    --------
    >>> SuggestConfig(depth=2).beam
    30
    >>> SuggestConfig(depth=0)
    Traceback (most recent call last):
    tabkit.errors.ConfigError: settings: depth: input should be greater than or equal to 1 (got 0)
    To do: see the README for every setting
    """

    depth: int = Field(default=3, ge=1, le=6)
    beam: int = Field(default=30, ge=1, le=1000)
    most: int = Field(default=8, ge=1, le=20)
    bins: int = Field(default=20, ge=2, le=200)
    slack: float = Field(default=0.0025, ge=0, le=0.1, allow_inf_nan=False)
    most_levels: int = Field(default=30, ge=1, le=1000)
    coverage: Share = 0.01
    sample: int = Field(default=50_000, ge=100)
    exponent: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)
    direction: Literal["high", "low"] = "high"
    alpha: Share = 0.01
    holdout: Share = 0.3
    alike: Share = 0.8
    most_columns: int = Field(default=300, ge=1)
    seed: int = 0


class AimConfig(Config):
    """Which rows rules are sought in, and their goal.

    Parameters
    ----------
    source
        Where rows are read from.
    roles
        Column by role: ``target``; ``id``; ``time`` (then the newest rows are held out) or ``group`` (whole groups
        are); ``treatment`` (then the target is an outcome, and what is looked for is the effect).
    positive
        The class whose share is looked for.
    control
        The label of those who were not contacted.
    arm
        The label that is compared with it, where there are several.
    exclude
        Columns that are no features, such as what is known only after the target.
    known
        Columns that are known before the target, however well they tell it: they are not asked about.
    holdout
        The share of the rows that nobody looks at.
    seed
        Decides which.
    """

    source: str | list[str] = required("as an argument")
    roles: dict[str, str] = Field(default_factory=dict)
    positive: str | None = None
    control: str | None = None
    arm: str | None = None
    exclude: list[str] = Field(default_factory=list)
    known: list[str] = Field(default_factory=list)
    holdout: float = Field(default=0.3, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
