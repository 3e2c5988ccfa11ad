"""Stacking weights of several learners, from held-out units."""

from __future__ import annotations

import numpy as np
import scipy

from tabkit.uplift.regressor import Floats

_SPREAD = 0.2
"""Standard deviation of the weights around equal ones, before any unit is seen."""


def weights(effects: Floats, scores: Floats) -> Floats:
    r"""Return the weight of each learner by treated arm, shape (learners, k - 1).

    .. math:: \min_{c \ge 0} \frac{1}{\sigma^2} \sum_i (\psi_i - \sum_j c_j \tau_{ij})^2
              + \frac{1}{s^2} \sum_j (c_j - 1 / J)^2

    with predictions and scores centred: the stacking of Nie and Wager (2021, section 4.3) on doubly robust scores,
    drawn towards equal weights by a normal prior of standard deviation s = 0.2; then they are made to sum to one, so
    that the mean effect stays, and stretching is left to the calibration. Where units say little, weights are equal.

    Parameters
    ----------
    effects
        Shape (n, k - 1, learners): predictions for units that were not fitted on.
    scores
        Shape (n, k - 1): their doubly robust effect scores.

    Examples
    --------
    >>> truth = np.linspace(-1, 1, 2000)
    >>> noise = np.random.default_rng(0).normal(size=2000)
    >>> found = weights(np.stack([truth, noise], axis=-1)[:, None, :], truth[:, None] * 3)
    >>> bool(found[0, 0] > 0.9), bool(found[1, 0] < 0.1)
    (True, True)
    """
    return np.column_stack([_of_arm(effects[:, arm], scores[:, arm]) for arm in range(scores.shape[1])])


def _of_arm(effects: Floats, scores: Floats) -> Floats:
    X, y = effects - effects.mean(axis=0), scores - scores.mean()
    learners = X.shape[1]
    noise = float(y.std())
    if noise == 0 or learners == 1:
        return np.full(learners, 1 / learners)
    # The prior as further rows; only the two cross products of the data matter.
    gram = X.T @ X / noise**2 + np.eye(learners) / _SPREAD**2
    towards = X.T @ y / noise**2 + np.full(learners, 1 / learners) / _SPREAD**2
    root = np.linalg.cholesky(gram).T
    found = scipy.optimize.nnls(root, np.linalg.solve(root.T, towards))[0]
    return np.asarray(found / found.sum() if found.any() else np.full(learners, 1 / learners))
