"""Target encoding on a logarithmic scale: log of the mean, log-odds, or signed log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from tabkit.encoding.aim import Aim, labels
from tabkit.encoding.encoders.lookup import Cells, LevelEncoder
from tabkit.encoding.input import Input
from tabkit.encoding.smoothing import Smoothing, check_smoothing, smoothed
from tabkit.encoding.statistics import Floats, Sums
from tabkit.errors import ConfigError

Form = Literal["auto", "log", "log-odds", "signed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTarget(LevelEncoder):
    """Encode a level by the logarithm of its smoothed mean, cross-fitted like `Target`.

    With ``m`` the smoothed mean of a level (see `Target`), ``n`` the weight of its rows and ``p`` the mean of
    all rows, the guard against zero is what one more row of value ``p`` would leave of it:

    - ``log``: ``log(max(m, p / (n + 1)))``, for targets of 0 or more with a mean above 0;
    - ``log-odds``: ``log(q / (1 - q))`` with ``q = min(max(m, p / (n + 1)), (n + p) / (n + 1))``, for classes;
    - ``signed``: ``sign(m) log(1 + |m|)``, for any number; it needs no guard;
    - ``auto``: ``log-odds`` for classes and ``log`` for numbers.

    A class that no row has, or that all rows have, gives null: it has no odds.

    Parameters
    ----------
    form
        Which of these.
    smoothing
        Of the mean, see `Target`.
    rare, unseen, null
        See `LevelEncoder`. The prior is the same function of ``p``.
    """

    form: Form = "auto"
    smoothing: Smoothing = "auto"
    kind: ClassVar[str] = "log_target"

    def __post_init__(self) -> None:
        LevelEncoder.__post_init__(self)
        check_smoothing(self.smoothing)
        if self.form not in get_args(Form):
            raise ConfigError(f"form is {self.form!r}", advice=f"it may be {', '.join(get_args(Form))}")

    @property
    def uses_target(self) -> bool:
        """True."""
        return True

    def check(self, column: Input, aims: tuple[Aim, ...]) -> None:
        """Refuse a logarithm of what may be negative, and odds of what is no class."""
        for aim in aims:
            form, is_number = self._form(aim), aim.target.task == "regression"
            if form == "log-odds" and is_number:
                raise ConfigError(
                    f"{column.name!r} shall be encoded by log-odds, but target {aim.name!r} is a number",
                    advice="use form='log', or form='signed' if it can be negative",
                )
            if form == "log" and aim.low < 0:
                raise ConfigError(
                    f"{column.name!r} shall be encoded by the log of {aim.name!r}, which goes down to {aim.low:g}",
                    advice="use LogTarget(form='signed'), or Target()",
                )

    def names(self, column: Input, aims: tuple[Aim, ...]) -> tuple[str, ...]:
        """Return ``column by log target``, or one name per class, target and arm."""
        return tuple(f"{column.name} by log {label}" for label in labels(aims))

    def values(self, cells: Cells, aims: tuple[Aim, ...]) -> Floats:
        """Return the logarithms."""
        means = [smoothed(sums, self.smoothing) for sums in cells.targets]
        forms = [self._form(aim) for aim in aims]
        return np.hstack([_LOGS[f](m, _rows(s)) for f, m, s in zip(forms, means, cells.targets, strict=True)])

    def _form(self, aim: Aim) -> Form:
        if self.form != "auto":
            return self.form
        return "log" if aim.target.task == "regression" else "log-odds"


def _rows(sums: Sums) -> Floats:
    """Return the weight of each cell, and of the prior that of all rows, shape (cells + 1, 1)."""
    weight = sums.weight[:, 0]
    return np.append(weight, weight.sum())[:, None]


def _log(mean: Floats, weight: Floats) -> Floats:
    guarded = np.maximum(mean, mean[-1] / (weight + 1))
    logs: Floats = np.log(guarded, out=np.full_like(guarded, np.nan), where=guarded > 0)
    return logs


def _log_odds(mean: Floats, weight: Floats) -> Floats:
    prior = mean[-1]
    q = np.clip(mean, prior / (weight + 1), (weight + prior) / (weight + 1))
    inside = (q > 0) & (q < 1)
    odds: Floats = np.log(q, out=np.full_like(q, np.nan), where=inside) - np.log1p(
        -q, out=np.zeros_like(q), where=inside
    )
    return odds


def _signed(mean: Floats, weight: Floats) -> Floats:  # noqa: ARG001  # one signature for all
    signed: Floats = np.sign(mean) * np.log1p(np.abs(mean))
    return signed


_LOGS = {"log": _log, "log-odds": _log_odds, "signed": _signed}
