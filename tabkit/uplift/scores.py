"""Doubly robust scores: their mean over units is the mean outcome under an arm."""

from __future__ import annotations

import numpy as np

from tabkit.errors import FitError
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.regressor import Floats


def arm_scores(experiment: Experiment, outcomes: Floats | None = None) -> Floats:
    r"""Return the score of every unit under every arm, shape (n, k).

    .. math:: \Gamma_{ia} = \mu_a(x_i) + \frac{1\{A_i = a\}}{e_a(x_i)} (y_i - \mu_a(x_i))

    (Robins, Rotnitzky and Zhao 1994, equation 4; Athey and Wager 2021, equation 8). Its mean over units estimates the
    mean outcome if all were in arm `a`; it is right if either the propensities or the outcome models are, and the
    models must not have seen the units. Without models it is the inverse-propensity score.

    Parameters
    ----------
    outcomes
        Shape (n, k): expected outcome of each unit under each arm.

    Examples
    --------
    >>> experiment = Experiment(("no", "yes"), np.array([0, 1]), np.array([1.0, 3.0]), np.full((2, 2), 0.5))
    >>> arm_scores(experiment).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    if outcomes is not None and outcomes.shape != experiment.propensity.shape:
        raise FitError(
            f"expected outcomes have shape {outcomes.shape}; {experiment.propensity.shape} was expected",
            advice="give one for each unit and arm, control first",
        )
    scores = np.zeros_like(experiment.propensity) if outcomes is None else outcomes.astype(np.float64, copy=True)
    rows = np.arange(experiment.rows)
    residual = experiment.outcome - scores[rows, experiment.arm]
    scores[rows, experiment.arm] += residual / experiment.propensity[rows, experiment.arm]
    return scores


def effect_scores(scores: Floats) -> Floats:
    """Return each treated arm's score less that of control, shape (n, k - 1): the mean is the average effect."""
    return np.asarray(scores[:, 1:] - scores[:, [0]])
