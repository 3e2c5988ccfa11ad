"""Average effects with standard errors: difference in means, regression adjustment, doubly robust scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy

from tabkit.errors import FitError
from tabkit.metrics.estimate import Estimate
from tabkit.metrics.resamples import check_level
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.metrics.clustered_errors import mean_se
from tabkit.uplift.regressor import Codes, Floats
from tabkit.uplift.scores import arm_scores, effect_scores

Method = Literal["difference", "adjusted", "aipw", "on treated"]


@dataclass(frozen=True, slots=True)
class AverageEffect(Estimate):
    """The average effect of an arm against control, in the unit of the outcome.

    Parameters
    ----------
    arm
        The arm.
    method
        ``difference``, ``adjusted``, ``aipw`` or ``on treated``.
    p
        Of the two-sided test of no effect.
    """

    arm: str
    method: Method
    p: float


def difference(experiment: Experiment, *, weighted: bool = False, level: float = 0.95) -> tuple[AverageEffect, ...]:
    """Return the difference in means of each arm and control, with unequal variances.

    Only right where chance alone decided the arms with the same probability for all. With clusters the errors are
    those of sums over clusters (Liang and Zeger 1986), else Neyman's (1923), the sum of the variances of two means,
    with the degrees of freedom of Welch (1947).

    Parameters
    ----------
    weighted
        Weigh units by one over the propensity of their arm, as strata with shares of their own ask for; the errors
        are then those of weighted least squares. Where propensities are the same for all, nothing changes.

    Raises
    ------
    FitError
        If an arm has fewer than two units (or clusters).

    Examples
    --------
    >>> arms, arm = ("no", "mail"), np.array([0, 0, 0, 1, 1, 1])
    >>> rows = Experiment(arms, arm, np.array([0.0, 1, 0, 1, 2, 1]), np.full((6, 2), 0.5))
    >>> found = difference(rows)[0]
    >>> round(found.value, 6), round(found.se, 6)
    (1.0, 0.471405)
    """
    effects = []
    for arm in range(1, len(experiment.arms)):
        _check_units(experiment, arm)
        pair = experiment.take(np.flatnonzero(np.isin(experiment.arm, (0, arm))))
        treated = pair.arm == arm
        y = pair.outcome
        value = float(y[treated].mean() - y[~treated].mean())
        if weighted and np.ptp(pair.propensity, axis=0).any():
            root = 1 / np.sqrt(pair.propensity[np.arange(pair.rows), pair.arm])
            X = np.column_stack([root, root * treated])
            value, se = _sandwich(X, root * y, pair.clusters)
            free = _free(pair)
        elif pair.clusters is None:
            se, free = _welch(y[treated], y[~treated])
        else:
            X = np.column_stack([np.ones(pair.rows), treated])
            se, free = _sandwich(X, y, pair.clusters)[1], _free(pair)
        effects.append(_average(experiment, arm, "difference", value, se, level=level, free=free))
    return tuple(effects)


def adjusted(
    experiment: Experiment, covariates: Floats, *, interacted: bool = True, level: float = 0.95
) -> tuple[AverageEffect, ...]:
    """Return effects by least squares on the treatment and covariates.

    Parameters
    ----------
    covariates
        Shape (n, p), finite. Columns that say nothing beyond others are left out.
    interacted
        Let slopes differ by arm around the mean of all units: no less precise than the plain difference in an
        experiment, however wrong the line (Lin 2013). Otherwise one slope for both (Freedman 2008 warns of it).

    Raises
    ------
    FitError
        If covariates are not finite or of another length, an arm has too few units, or covariates are too many.
    """
    if covariates.shape[0] != experiment.rows or not np.isfinite(covariates).all():
        raise FitError(
            f"covariates have shape {covariates.shape} or are not finite; {experiment.rows} finite rows were expected",
            advice="encode them, and fill what is missing",
        )
    centred = covariates - covariates.mean(axis=0)
    effects = []
    for arm in range(1, len(experiment.arms)):
        _check_units(experiment, arm)
        rows = np.flatnonzero(np.isin(experiment.arm, (0, arm)))
        pair, x = experiment.take(rows), centred[rows]
        given = (pair.arm == arm).astype(np.float64)[:, None]
        X = _independent(np.hstack([np.ones_like(given), given, x, *([given * x] if interacted else [])]))
        if 2 * X.shape[1] > pair.rows:
            raise FitError(
                f"{pair.rows} units of {experiment.arms[arm]!r} and control are too few for {X.shape[1]} coefficients",
                advice="use fewer covariates: half as many coefficients as units at the most",
            )
        value, se = _sandwich(X, pair.outcome, pair.clusters)
        effects.append(_average(experiment, arm, "adjusted", value, se, level=level, free=_free(pair)))
    return tuple(effects)


def aipw(experiment: Experiment, outcomes: Floats | None, *, level: float = 0.95) -> tuple[AverageEffect, ...]:
    """Return effects as means of doubly robust scores, over all units; see `scores.arm_scores`.

    Where outcome models are cross-fitted, and propensities known or estimated well, the standard deviation of the
    scores is the right one (Chernozhukov et al. 2018, theorem 5.1), cluster by cluster where there are any.

    Parameters
    ----------
    outcomes
        Shape (n, k): expected outcome of each unit under each arm, by models that did not see it; None for weights
        alone.
    """
    effects = effect_scores(arm_scores(experiment, outcomes))
    found = []
    for arm in range(1, len(experiment.arms)):
        _check_units(experiment, arm)
        psi = effects[:, arm - 1]
        se = mean_se(psi, clusters=experiment.clusters)
        found.append(_average(experiment, arm, "aipw", float(psi.mean()), se, level=level, free=_free(experiment)))
    return tuple(found)


def on_treated(experiment: Experiment, effect: Floats, *, arm: int = 1) -> float:
    """Return the mean of predicted effects over the units of an arm: the effect on the treated.

    Parameters
    ----------
    effect
        Shape (n, k - 1), as learners predict it.
    """
    return float(effect[experiment.arm == arm, arm - 1].mean())


def _average(
    experiment: Experiment, arm: int, method: Method, value: float, se: float, *, level: float, free: float
) -> AverageEffect:
    """Put an estimate with its interval together, by Student's t with `free` degrees of freedom."""
    check_level(level)
    t = scipy.stats.t(df=free)
    wide = float(t.ppf(0.5 + level / 2)) * se
    p = 1.0 if se == 0 and value == 0 else 0.0 if se == 0 else float(2 * t.sf(abs(value) / se))
    return AverageEffect(value, value - wide, value + wide, level, se, arm=experiment.arms[arm], method=method, p=p)


def _free(among: Experiment) -> float:
    """Return degrees of freedom: units (or clusters) less one."""
    units = among.rows if among.clusters is None else np.unique(among.clusters).size
    return float(max(units - 1, 1))


def _welch(given: Floats, without: Floats) -> tuple[float, float]:
    """Return the standard error of a difference of means and its degrees of freedom (Welch 1947)."""
    sides = [(float(y.var(ddof=1)) / y.size, y.size) for y in (given, without)]
    square = sum(v for v, _ in sides)
    if square == 0:
        return 0.0, float(given.size + without.size - 1)
    return float(np.sqrt(square)), square**2 / sum(v**2 / (n - 1) for v, n in sides)


def _check_units(experiment: Experiment, arm: int) -> None:
    for side in (0, arm):
        own = experiment.arm == side
        units = int(own.sum()) if experiment.clusters is None else np.unique(experiment.clusters[own]).size
        if units < 2:
            what = "units" if experiment.clusters is None else "clusters"
            raise FitError(
                f"arm {experiment.arms[side]!r} has {units} {what}: an error needs at least two",
                advice="merge arms, or use more rows",
            )


def _independent(X: Floats) -> Floats:
    """Leave out columns that are combinations of earlier ones, by a pivot-free look at the triangle of QR."""
    scale = np.linalg.norm(X, axis=0)
    scale[scale == 0] = 1.0
    diagonal = np.abs(np.diag(np.linalg.qr(X / scale, mode="r")))
    return np.asarray(X[:, np.flatnonzero(diagonal > 1e-9)])


def _sandwich(X: Floats, y: Floats, clusters: Codes | None) -> tuple[float, float]:
    """Return the coefficient of the second column and its standard error: HC2, or by cluster (CR1)."""
    q, r = np.linalg.qr(X)
    inverse = np.linalg.inv(r)
    beta = inverse @ (q.T @ y)
    residual = y - X @ beta
    influence = q @ inverse[1]  # of each row's residual on the second coefficient
    if clusters is None:
        leverage = np.clip((q**2).sum(axis=1), 0, 1 - 1e-12)
        return float(beta[1]), float(np.sqrt(np.sum((influence * residual) ** 2 / (1 - leverage))))
    codes = np.unique(clusters, return_inverse=True)[1]
    sums = np.bincount(codes, weights=influence * residual)
    n, p, g = len(y), X.shape[1], sums.size
    return float(beta[1]), float(np.sqrt(np.sum(sums**2) * g / (g - 1) * (n - 1) / (n - p)))
