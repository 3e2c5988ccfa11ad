"""Posterior draws of a model's parameters, and the parameters of each customer under them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit

from tabkit.cltv.design import UNKNOWN, Design
from tabkit.cltv.models.model import Model, Parameter

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Draws.

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
        found = {p.name: self._parameter(p, customers) for p in self.parameters}
        if model is None:
            return found
        found = model.derived(found)
        z = self.design.standardised(customers)
        for effect, signs in (model.covariates or {}).items():
            coefficients = self.draws.get(f"{effect}_coef")
            if coefficients is None:
                continue
            shift = z @ coefficients.T
            for name, sign in signs.items():
                found[name] = found[name] * np.exp(sign * shift)
        return found

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
    def from_frame(cls, frame: pl.DataFrame, *, parameters: tuple[Parameter, ...], design: Design) -> Posterior:
        """Rebuild what `to_frame` gave."""
        lists: dict[str, list[str]] = {}
        for column in frame.columns:
            lists.setdefault(column.split("[")[0], []).append(column)
        draws = {
            name: frame[name].to_numpy() if columns == [name] else frame.select(columns).to_numpy()
            for name, columns in lists.items()
        }
        return cls(draws, parameters, design)


def _new(parameter: str, group: str, size: int) -> Floats:
    """Draw a group never seen from its name, so that all its customers share it, in whatever blocks they come."""
    return np.random.default_rng(zlib.crc32(f"{parameter} of {group}".encode())).standard_normal(size)


def shifted(parameter: Parameter, base: Floats, shift: Floats) -> Floats:
    """Return a parameter moved on its own scale: the log of a positive one, the log-odds of a share."""
    return np.asarray(expit(logit(base) + shift) if parameter.share else base * np.exp(shift))
