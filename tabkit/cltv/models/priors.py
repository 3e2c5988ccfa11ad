"""Prior distributions as data: set in a file, and the same for PyMC and NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.errors import ConfigError

Kind = Literal["half_cauchy", "half_normal", "gamma", "log_normal", "weibull", "uniform", "beta", "pareto", "normal"]

# The parameters of each, in PyMC's names, and its class there.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "half_cauchy": ("beta",),
    "half_normal": ("sigma",),
    "gamma": ("alpha", "beta"),
    "log_normal": ("mu", "sigma"),
    "weibull": ("alpha", "beta"),
    "uniform": ("lower", "upper"),
    "beta": ("alpha", "beta"),
    "pareto": ("alpha", "m"),
    "normal": ("mu", "sigma"),
}
PYMC: dict[str, str] = {
    "half_cauchy": "HalfCauchy",
    "half_normal": "HalfNormal",
    "gamma": "Gamma",
    "log_normal": "LogNormal",
    "weibull": "Weibull",
    "uniform": "Uniform",
    "beta": "Beta",
    "pareto": "Pareto",
    "normal": "Normal",
}
_ANY_SIGN = ("mu", "lower", "upper")


@dataclass(frozen=True, slots=True)
class Prior:
    """A prior distribution.

    Parameters
    ----------
    kind
        Which: see `PARAMETERS`.
    values
        Its parameters by PyMC's names.

    Raises
    ------
    ConfigError
        If the kind is unknown, or a parameter is missing, unknown or out of its range.

    Examples
    --------
    >>> Prior.of("half_cauchy", beta=2.5)
    Prior(kind='half_cauchy', values=(('beta', 2.5),))
    >>> Prior.of("half_cauchy", sigma=2.5)
    Traceback (most recent call last):
    tabkit.errors.ConfigError: prior half_cauchy has sigma; beta was expected
    """

    kind: Kind
    values: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, kind: str, **values: float) -> Prior:
        """Make a prior from its kind and parameters, checked."""
        if kind not in PARAMETERS:
            known = ", ".join(get_args(Kind))
            raise ConfigError(f"there is no prior {kind!r}", advice=f"use one of {known}")
        expected = PARAMETERS[kind]
        if set(values) != set(expected):
            raise ConfigError(f"prior {kind} has {', '.join(values) or 'nothing'}; {', '.join(expected)} was expected")
        for name, value in values.items():
            if not isinstance(value, int | float) or not np.isfinite(value) or (name not in _ANY_SIGN and value <= 0):
                expected_value = "a number" if name in _ANY_SIGN else "a positive number"
                raise ConfigError(f"{name} of prior {kind} is {value!r}; {expected_value} was expected")
        if kind == "uniform" and values["lower"] >= values["upper"]:
            raise ConfigError(
                f"prior uniform runs from {values['lower']} to {values['upper']}: from low to high was expected"
            )
        return cls(kind, tuple((name, float(values[name])) for name in expected))  # type: ignore[arg-type]  # checked above

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Prior:
        """Make a prior from a table of a settings file, such as ``{kind = "gamma", alpha = 2, beta = 1}``."""
        rest = {name: value for name, value in values.items() if name != "kind"}
        return cls.of(str(values.get("kind")), **rest)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        return {"kind": self.kind, **dict(self.values)}

    def check_support(self, name: str, *, share: bool) -> None:
        """Refuse a prior that reaches beyond where its parameter can be: above 0, or between 0 and 1 for a share.

        >>> Prior.of("normal", mu=2.0, sigma=1.0).check_support("alpha", share=False)
        Traceback (most recent call last):
        tabkit.errors.ConfigError: alpha is above 0, but prior normal reaches from -inf to inf
        To do: use half_cauchy, gamma, log_normal or another of positives
        """
        low, high = (float(end) for end in self.frozen().support())
        if low < 0 or (share and high > 1):
            place = "lies between 0 and 1" if share else "is above 0"
            raise ConfigError(
                f"{name} {place}, but prior {self.kind} reaches from {low:g} to {high:g}",
                advice="use beta or uniform" if share else "use half_cauchy, gamma, log_normal or another of positives",
            )

    def scaled(self, factor: float) -> Prior:
        """Return the prior of the parameter times `factor`: the same belief in another unit.

        >>> Prior.of("half_cauchy", beta=2.0).scaled(7.0).to_dict()
        {'kind': 'half_cauchy', 'beta': 14.0}
        """
        moved = {
            name: value * factor
            if name in ("sigma", "m", "lower", "upper") or (name == "beta" and self.kind in ("half_cauchy", "weibull"))
            else value
            for name, value in self.values
        }
        if self.kind == "gamma":
            moved["beta"] /= factor
        if self.kind == "log_normal":
            moved = {"mu": dict(self.values)["mu"] + float(np.log(factor)), "sigma": dict(self.values)["sigma"]}
        if self.kind == "normal":
            moved["mu"] *= factor
        return Prior.of(self.kind, **moved)

    def frozen(self) -> Any:
        """Return SciPy's distribution of the same name and parameters."""
        value = dict(self.values)
        makers = {
            "half_cauchy": lambda: scipy.stats.halfcauchy(scale=value["beta"]),
            "half_normal": lambda: scipy.stats.halfnorm(scale=value["sigma"]),
            "gamma": lambda: scipy.stats.gamma(value["alpha"], scale=1 / value["beta"]),
            "log_normal": lambda: scipy.stats.lognorm(value["sigma"], scale=np.exp(value["mu"])),
            "weibull": lambda: scipy.stats.weibull_min(value["alpha"], scale=value["beta"]),
            "uniform": lambda: scipy.stats.uniform(value["lower"], value["upper"] - value["lower"]),
            "beta": lambda: scipy.stats.beta(value["alpha"], value["beta"]),
            "pareto": lambda: scipy.stats.pareto(value["alpha"], scale=value["m"]),
            "normal": lambda: scipy.stats.norm(value["mu"], value["sigma"]),
        }
        return makers[self.kind]()

    def density(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the density at `x`, for pictures of prior against posterior."""
        return np.asarray(self.frozen().pdf(x))
