"""Posterior draws of a model's parameters, and the parameters of each customer under them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy
from numpy.typing import NDArray

from tabkit.cltv.inference.design import UNKNOWN, Design
from tabkit.cltv.models.model import Model, Parameter
from tabkit.untrusted.manifest import damaged, numbers_of, shown

Floats = NDArray[np.float64]
MOST_DRAWS = 1_000_000
"""Of a posterior: a thousand times what intervals need, and a tenth of a gigabyte."""
_WHAT = "a posterior"
_LEAST, _LARGEST = 1e-100, 1e100  # of a parameter: products of several are numbers still
_FAR = 100.0  # standardised, and in logs: no draw of a fit lies there


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Draws from the posterior of a model's parameters.

    Parameters
    ----------
    draws
        By name, shape (draws,) or (draws, k): free parameters; with groups ``NAME_sigma`` and ``NAME_z``; with
        covariates ``EFFECT_coef``.
    parameters
        The free parameters that were sampled.
    design
        Covariates and groups.
    """

    draws: Mapping[str, Floats]
    parameters: tuple[Parameter, ...]
    design: Design

    @property
    def size(self) -> int:
        """How many draws there are."""
        return len(next(iter(self.draws.values())))

    def thinned(self, size: int) -> Posterior:
        """Return `size` draws, evenly picked; with more than there are, they repeat."""
        place = np.arange(size) * self.size // size if size <= self.size else np.arange(size) % self.size
        return Posterior({name: value[place] for name, value in self.draws.items()}, self.parameters, self.design)

    def values(self, model: Model | None, customers: pl.DataFrame) -> dict[str, Any]:
        """Return the parameters of customers under each draw, each of shape (1 or n, draws).

        A customer of a group never seen gets in each draw a new group: one for each name, the same at each call.
        """
        parameters = {p.name: self._parameter(p, customers) for p in self.parameters}
        if model is None:
            return parameters
        parameters = model.derived(parameters)
        z = self.design.standardised(customers)
        for effect, signs in (model.covariates or {}).items():
            coefficients = self.draws.get(f"{effect}_coef")
            if coefficients is None:
                continue
            shift = z @ coefficients.T
            for name, sign in signs.items():
                parameters[name] = parameters[name] * np.exp(sign * shift)
        return parameters

    def _parameter(self, parameter: Parameter, customers: pl.DataFrame) -> Floats:
        base = self.draws[parameter.name]
        place = self.design.places(customers)
        if place is None or f"{parameter.name}_z" not in self.draws:
            return base[None, :]
        sigma, z = self.draws[f"{parameter.name}_sigma"], self.draws[f"{parameter.name}_z"]
        names = customers[self.design.group or ""].cast(pl.String).fill_null("")
        unknown = sorted(set(names.filter(pl.Series(place == UNKNOWN)).to_list()))
        if unknown:
            z = np.column_stack([z, *(_new(parameter.name, name, len(base)) for name in unknown)])
            order = {name: len(self.design.groups) + k for k, name in enumerate(unknown)}
            place = np.where(place == UNKNOWN, [order.get(name, 0) for name in names], place)
        moved = shifted(parameter, base[:, None], sigma[:, None] * z)
        return np.asarray(moved.T[place])

    def summary(self) -> dict[str, dict[str, float]]:
        """Return mean and standard deviation of each parameter."""
        return {
            name: {"mean": float(value.mean()), "sd": float(value.std(ddof=1))}
            for name, value in self.draws.items()
            if value.ndim == 1
        }

    def to_frame(self) -> pl.DataFrame:
        """Return one row per draw; of several values ``NAME[0]`` and so on."""
        columns = {}
        for name, value in self.draws.items():
            if value.ndim == 1:
                columns[name] = value
            else:
                columns |= {f"{name}[{k}]": value[:, k] for k in range(value.shape[1])}
        return pl.DataFrame(columns)

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        *,
        parameters: tuple[Parameter, ...],
        design: Design,
        effects: Iterable[str] | None = None,
    ) -> Posterior:
        """Rebuild what `to_frame` gave; anything else is a `BundleError`.

        Parameters
        ----------
        effects
            What covariates act on: `Model.covariates`; by default what there are coefficients of.
        """
        if not 1 <= frame.height <= MOST_DRAWS:
            raise damaged(f"{_WHAT} has {frame.height:,} draws; from 1 to {MOST_DRAWS:,} were expected")
        draws = {p.name: _column(frame, p.name, high=1.0 if p.share else _LARGEST, low=_LEAST) for p in parameters}
        if design.group is not None:
            for p in parameters:
                draws[f"{p.name}_sigma"] = _column(frame, f"{p.name}_sigma", low=0.0, high=_FAR)
                draws[f"{p.name}_z"] = _columns(frame, f"{p.name}_z", len(design.groups))
        if effects is None:
            effects = dict.fromkeys(name.partition("_coef[")[0] for name in frame.columns if "_coef[" in name)
        if design.covariates:
            draws |= {f"{e}_coef": _columns(frame, f"{e}_coef", len(design.covariates)) for e in effects}
        more = set(frame.columns) - {name for key, value in draws.items() for name in _names(key, value)}
        if more:
            raise damaged(f"{_WHAT} has columns of no parameter: {', '.join(map(shown, sorted(more)[:5]))}")
        return cls({key: draws[key] for key in _ordered(frame, draws)}, parameters, design)


def _names(key: str, values: Floats) -> list[str]:
    return [key] if values.ndim == 1 else [f"{key}[{k}]" for k in range(values.shape[1])]


def _ordered(frame: pl.DataFrame, draws: Mapping[str, Floats]) -> list[str]:
    """Return the names of draws in the order of their columns, in which they were saved."""
    return sorted(draws, key=lambda key: frame.columns.index(_names(key, draws[key])[0]))


def _column(frame: pl.DataFrame, name: str, *, low: float, high: float) -> Floats:
    return numbers_of(frame, name, what=_WHAT, low=low, high=high)


def _columns(frame: pl.DataFrame, name: str, size: int) -> Floats:
    return np.column_stack([_column(frame, f"{name}[{k}]", low=-_FAR, high=_FAR) for k in range(size)])


def _new(parameter: str, group: str, size: int) -> Floats:
    """Draw a group never seen from its name, so that all its customers share it, in whatever blocks they come."""
    return np.random.default_rng(zlib.crc32(f"{parameter} of {group}".encode())).standard_normal(size)


def shifted(parameter: Parameter, base: Floats, shift: Floats) -> Floats:
    """Return a parameter moved on its own scale: the log of a positive one, the log-odds of a share."""
    return np.asarray(
        scipy.special.expit(scipy.special.logit(base) + shift) if parameter.share else base * np.exp(shift)
    )
