"""Folds of units: clusters stay whole, and each fold has its share of every arm."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tabkit import splits
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.regressor import Codes


def folds_of(experiment: Experiment, *, folds: int, seed: int) -> Codes:
    """Return the fold of each unit, shape (n,), from 0.

    Units are dealt by arm; of clusters that have one arm each, the clusters are; clusters of mixed arms go whole, the
    largest first.
    """
    clusters = experiment.clusters
    if clusters is None:
        found = splits.kfold(experiment.rows, folds=folds, seed=seed, stratify=experiment.arm)
        return found.astype(np.int64)
    codes, arm = _arms_of_clusters(experiment)
    if arm is None:
        return splits.kfold(experiment.rows, folds=folds, seed=seed, groups=clusters).astype(np.int64)
    return splits.kfold(len(arm), folds=folds, seed=seed, stratify=arm).astype(np.int64)[codes]


def held_out(experiment: Experiment, *, share: float, seed: int, time: ArrayLike | None = None) -> splits.Holdout:
    """Return units to learn from and units to judge by: the newest, or else divided like `folds_of`."""
    known = {"time": time, "groups": experiment.clusters, "classes": experiment.arm}
    codes, arm = _arms_of_clusters(experiment)
    if arm is None or splits.way_of(**known) != "group":
        return splits.divide(experiment.rows, share=share, seed=seed, **known)
    chosen = np.zeros(len(arm), dtype=np.bool_)
    chosen[splits.holdout(len(arm), share=share, seed=seed, stratify=arm).test] = True
    return splits.Holdout(train=np.flatnonzero(~chosen[codes]), test=np.flatnonzero(chosen[codes]))


def _arms_of_clusters(experiment: Experiment) -> tuple[Codes, Codes | None]:
    """Return each unit's cluster as a number from 0, and each cluster's arm, None if some cluster has several."""
    labels = np.arange(experiment.rows) if experiment.clusters is None else experiment.clusters
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    arm = experiment.arm[first]
    return codes, arm if (arm[codes] == experiment.arm).all() else None
