"""Calibrated effects: predictions shrunk so that their mean matches the observed effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from tabkit.errors import ConfigError, FitError
from tabkit.extras import Later
from tabkit.untrusted.manifest import NamedTable, damaged
from tabkit.uplift.metrics.best_linear_predictor import best_linear_predictor
from tabkit.uplift.metrics.clustered_errors import mean_se
from tabkit.uplift.regressor import Codes, Floats

if TYPE_CHECKING:
    from sklearn import isotonic
else:
    isotonic = Later("sklearn.isotonic")

Method = Literal["linear", "isotonic", "none"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising, piecewise linear function from predicted to calibrated effects.

    Parameters
    ----------
    method
        ``linear``: ``average + slope * (predicted - centre)``; ``isotonic``: steps; ``none``: as predicted.
    average, centre, slope
        Of the line. A slope of 0 says that predictions held nothing: every unit gets the average.
    average_se, slope_se
        Standard errors: how unsure the calibration itself is.
    x, y
        Points of the isotonic function.
    """

    method: Method
    average: float = 0.0
    centre: float = 0.0
    slope: float = 1.0
    average_se: float = 0.0
    slope_se: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def __call__(self, effect: Floats) -> Floats:
        """Return calibrated effects, shape as given."""
        if self.method == "none":
            return effect
        if self.method == "isotonic":
            return np.asarray(np.interp(effect, self.x, self.y))
        return np.asarray(self.average + self.slope * (effect - self.centre))

    def error(self, effect: Floats, spread: Floats) -> Floats:
        """Return the standard error of calibrated effects, shape (n,).

        Parameters
        ----------
        effect
            Shape (n,): predictions.
        spread
            Shape (n,): their standard errors, before calibration.
        """
        own = self.slope_se * (effect - self.centre)
        return np.asarray(np.sqrt(self.average_se**2 + own**2 + (self.slope * spread) ** 2))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a manifest."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Rebuild what `to_dict` gave; anything else is a `BundleError`."""
        points = NamedTable(values, "a calibration").only([field.name for field in fields(cls)])
        method, x = points.choice("method", get_args(Method)), points.numbers("x")
        if (method == "isotonic") != bool(x) or any(after <= before for before, after in pairwise(x)):
            raise damaged(f"the points of a calibration {method} are {len(x):,}, or do not rise")
        return cls(
            method,
            **{name: points.number(name) for name in ("average", "centre", "slope")},
            **{name: points.number(name, low=0) for name in ("average_se", "slope_se")},
            x=x,
            y=points.numbers("y", size=len(x)),
        )


def calibrate(
    effect: Floats, scores: Floats, *, method: Method = "linear", clusters: Codes | None = None
) -> Calibration:
    """Fit a calibration on doubly robust scores of units that the models did not see.

    The line is the best linear predictor of the effect (Chernozhukov, Demirer, Duflo and Fernandez-Val 2018,
    equation 3.1), its slope b multiplied by ``max(0, 1 - (se / b)**2)``, the positive-part factor of James and Stein:
    a slope that noise explains becomes 0, a sure one stays, and predictions are never turned round.
    The isotonic function is that of van der Laan et al. 2023 (algorithm 1).

    Parameters
    ----------
    effect
        Shape (n,): predictions.
    scores
        Shape (n,): doubly robust effect scores of the same units.
    clusters
        Shape (n,): what units belong to; None where they are independent.

    Examples
    --------
    >>> found = calibrate(np.arange(100.0), 1 + np.arange(100.0) / 2)
    >>> round(found.slope, 6), found(np.array([6.0])).round(6).tolist()
    (0.5, [4.0])
    """
    if effect.shape != scores.shape or effect.ndim != 1 or not effect.size:
        raise FitError(f"effects and scores have shapes {effect.shape} and {scores.shape}; two of (n,) were expected")
    if method == "none":
        return Calibration("none")
    if method == "linear":
        return _line(effect, scores, clusters)
    if method != "isotonic":
        raise ConfigError(f"unknown calibration {method!r}", advice="choose linear, isotonic or none")
    found = isotonic.IsotonicRegression(out_of_bounds="clip").fit(effect, scores)
    return replace(
        _line(effect, scores, clusters),  # steps have no error of their own: that of the line is told
        method="isotonic",
        x=tuple(map(float, found.X_thresholds_)),
        y=tuple(map(float, found.y_thresholds_)),
    )


def _line(effect: Floats, scores: Floats, clusters: Codes | None) -> Calibration:
    centre = float(effect.mean())
    if np.ptp(effect) == 0 or effect.size < 3:
        return Calibration("linear", float(scores.mean()), centre, 0.0, average_se=mean_se(scores, clusters))
    line = best_linear_predictor(scores, effect, clusters=clusters)
    if not np.isfinite(line.slope_se):  # one unit alone decides the slope
        return Calibration("linear", float(scores.mean()), centre, 0.0, average_se=mean_se(scores, clusters))
    sure = max(0.0, 1 - (line.slope_se / line.slope) ** 2) if line.slope > 0 else 0.0
    return Calibration(
        "linear",
        average=line.average,
        centre=centre,
        slope=max(float(sure * line.slope), 0.0),
        average_se=line.average_se,
        slope_se=float(line.slope_se),  # not shrunk: where the slope is 0, units may still differ
    )
