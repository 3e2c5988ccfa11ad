"""Forests grown by CausalML; `Forest` keeps their trees without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit.errors import ConfigError, FitError
from tabkit.extras import require
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.learners.backend import quiet
from tabkit.uplift.learners.forest import Forest, ForestKind, ForestNodes, matrix
from tabkit.uplift.regressor import Floats

KINDS: tuple[str, ...] = get_args(ForestKind)
_CRITERIA: Mapping[str, tuple[str, ...]] = {
    "uplift": ("KL", "ED", "Chi", "CTS", "DDP", "IT", "CIT", "IDDP"),
    "causal": ("causal_mse", "standard_mse", "t_test"),
}
_PAIRS_ONLY = ("DDP", "IT", "CIT", "IDDP")


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """How trees are grown; None leaves CausalML's default.

    Parameters
    ----------
    trees
        How many.
    criterion
        What a split is judged by: ``KL``, ``ED``, ``Chi``, ``CTS``, and for one treated arm ``DDP``, ``IT``, ``CIT``
        and ``IDDP`` of uplift forests; ``causal_mse``, ``standard_mse`` or ``t_test`` of causal forests.
    max_depth
        The most splits above a leaf (5 of uplift forests; no limit of causal forests).
    leaf_rows
        The least rows of a leaf (100).
    leaf_arm_rows
        The least rows of each arm in a leaf (10 of uplift forests, 50 of causal forests).
    feature_share
        The share of features that are looked at for a split (10 features of uplift forests, all of causal forests).
    honest
        Whether one half of the rows decides on the splits and the other on the values of leaves (no, yes).
    seed
        Draws rows and features.
    threads
        Results do not hang on it.
    """

    trees: int = 200
    criterion: str | None = None
    max_depth: int | None = None
    leaf_rows: int | None = None
    leaf_arm_rows: int | None = None
    feature_share: float | None = None
    honest: bool | None = None
    seed: int = 0
    threads: int = 1


def fit_forest(
    kind: ForestKind,
    features: pl.DataFrame,
    experiment: Experiment,
    *,
    settings: ForestSettings | None = None,
) -> Forest:
    """Grow a forest with CausalML on n encoded rows.

    An ``uplift`` forest splits where the distributions of a binary outcome by arm come to differ (Rzepakowski and
    Jaroszewicz 2012, section 4), a ``causal`` one where means by arm do, of any outcome (Athey and Imbens 2016,
    section 3). Both compare the arms as they stand: where propensities differ between rows, rows are weighted by the
    inverse probability of the arm they were in.

    Missing values are kept: each split sends them to the side that suits it, and where none were missing at the fit
    to the side with more rows. Numbers are rounded to 32 bits. Clusters are not known to CausalML: it draws units one
    by one, so honest halves share clusters. In an uplift forest the outcome of an arm that a tree or leaf never met
    counts as 0, as CausalML has it: take a causal forest where an arm is rare.

    Parameters
    ----------
    kind
        ``uplift`` or ``causal``.
    features
        n rows of numbers; null and NaN mean missing.
    experiment
        Arms, outcomes and propensities of the same rows.
    settings
        How trees are grown.

    Raises
    ------
    ConfigError
        If the kind is unknown, or a setting does not suit it.
    FitError
        If an uplift forest meets an outcome that is not binary, a feature is infinite or beyond 32 bits, or there are
        no units of some arm.
    SchemaError
        If a feature is not numeric.
    ImportError
        If CausalML is not installed.
    """
    if kind not in KINDS:
        raise ConfigError(f"unknown forest {kind!r}", advice=f"the forests are {', '.join(KINDS)}")
    settings = settings or ForestSettings()
    weight = _weights(experiment)
    _check_settings(kind, settings, experiment, weighted=weight is not None)
    rows = _checked(kind, features, experiment)
    model = _CLASSES[kind](settings)
    with quiet():  # of the order of arguments, which are named here
        model.fit(X=rows, treatment=experiment.arm, y=experiment.outcome, sample_weight=weight)
    return Forest(kind, experiment.treated, tuple(features.columns), _extracted(model, len(experiment.arms)))


def _uplift(settings: ForestSettings) -> Any:
    return require("causalml.inference.tree", extra="uplift").UpliftRandomForestClassifier(
        control_name=0,
        random_state=settings.seed,
        n_jobs=settings.threads,
        **_given(
            n_estimators=settings.trees,
            evaluationFunction=settings.criterion,
            max_depth=settings.max_depth,
            min_samples_leaf=settings.leaf_rows,
            min_samples_treatment=settings.leaf_arm_rows,
            max_features=settings.feature_share,
            honesty=settings.honest,
        ),
    )


def _causal(settings: ForestSettings) -> Any:
    return require("causalml.inference.tree", extra="uplift").CausalRandomForestRegressor(
        control_name=0,
        random_state=settings.seed,
        n_jobs=settings.threads,
        **_given(
            n_estimators=settings.trees,
            criterion=settings.criterion,
            max_depth=settings.max_depth,
            min_samples_leaf=settings.leaf_rows,
            min_group_samples=settings.leaf_arm_rows,
            max_features=settings.feature_share,
            honesty=settings.honest,
        ),
    )


_CLASSES: Mapping[str, Callable[[ForestSettings], Any]] = {"uplift": _uplift, "causal": _causal}


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _weights(experiment: Experiment) -> Floats | None:
    """Return one over the probability of the arm that each row was in, of mean one; None if it hangs on the arm only.

    Weights by arm alone would change nothing: values of leaves are means by arm.
    """
    own = experiment.propensity[np.arange(experiment.rows), experiment.arm]
    if not experiment.rows or (np.ptp(experiment.propensity, axis=0) < 1e-9).all():
        return None
    return np.asarray(1 / own / np.mean(1 / own))


def _check_settings(kind: ForestKind, settings: ForestSettings, experiment: Experiment, *, weighted: bool) -> None:
    known, criterion = _CRITERIA[kind], settings.criterion
    if criterion is not None and criterion not in known:
        problem = f"unknown criterion {criterion!r} of a forest of kind {kind!r}"
        raise ConfigError(problem, advice=f"the criteria are {', '.join(known)}")
    if criterion in _PAIRS_ONLY and len(experiment.treated) > 1:
        raise ConfigError(f"criterion {criterion!r} takes one treated arm; {len(experiment.treated)} came")
    numbers = ("trees", "max_depth", "leaf_rows", "threads")
    low = [name for name in numbers if (value := getattr(settings, name)) is not None and value < 1]
    if low:
        raise ConfigError(f"{', '.join(low)}: at least 1 was expected")
    if settings.feature_share is not None and not 0 < settings.feature_share <= 1:
        raise ConfigError(f"feature_share is {settings.feature_share}; above 0 and at most 1 was expected")
    if kind == "uplift" and weighted and (settings.honest or criterion == "IDDP"):
        raise ConfigError(
            "CausalML's honest uplift forest leaves weights out of its leaves, so propensities would not count",
            advice="take a causal forest, or honest=False",
        )


def _checked(kind: ForestKind, features: pl.DataFrame, experiment: Experiment) -> NDArray[np.float32]:
    """Return the features as CausalML takes them, after refusing what it cannot use."""
    if not features.columns:
        raise FitError("there are no features to learn from", advice="encode at least one column")
    if features.height != experiment.rows:
        raise FitError(f"{features.height:,} rows of features; {experiment.rows:,} were expected")
    if kind == "uplift" and not np.isin(experiment.outcome, (0, 1)).all():
        raise FitError(
            "an uplift forest takes outcomes of 0 and 1; CausalML would take any number above 0 for 1",
            advice="take a causal forest",
        )
    counts = np.bincount(experiment.arm, minlength=len(experiment.arms))
    empty = [repr(arm) for arm, n in zip(experiment.arms, counts, strict=True) if n == 0]
    if empty:
        raise FitError(f"no units of {', '.join(empty)}", advice="leave such arms out")
    rows = matrix(features, tuple(features.columns))
    infinite = [repr(features.columns[i]) for i in np.flatnonzero(np.isinf(rows).any(axis=0))]
    if infinite:
        problem = f"infinite, or beyond numbers of 32 bits: {', '.join(infinite[:20])}"
        raise FitError(problem, advice="make them null, or take their logarithm")
    return rows


def _extracted(model: Any, arms: int) -> ForestNodes:
    """Return the trees of a fitted forest; an arm that a tree or leaf never met counts as 0 there, as in CausalML."""
    if not model.estimators_:
        raise FitError("no tree could be grown: each drew units of one arm only", advice="give more rows of each arm")
    trees, values = [tree.tree_ for tree in model.estimators_], []
    for estimator, tree in zip(model.estimators_, trees, strict=True):
        value = np.zeros((tree.node_count, arms))
        own = [0, *getattr(estimator, "unique_treatments", range(1, arms))]  # a causal tree knows every arm
        value[:, own] = np.nan_to_num(tree.value[:, :, 0], nan=0.0)
        values.append(value)
    return ForestNodes.of(
        feature=[tree.feature for tree in trees],
        threshold=[tree.threshold for tree in trees],
        left=[tree.children_left for tree in trees],
        right=[tree.children_right for tree in trees],
        missing_left=[tree.missing_go_to_left for tree in trees],
        value=values,
    )
