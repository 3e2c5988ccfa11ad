"""What levels are encoded by: a target, or a target within one arm of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabkit.target import TargetColumn
from tabkit.untrusted.manifest import NamedTable


@dataclass(frozen=True, slots=True)
class Aim:
    """One target, and the arm whose rows count for it.

    Parameters
    ----------
    target
        The target column, understood.
    low
        The least value that it had at the fit.
    arm
        The arm's label: only its rows count. None if all do.

    Examples
    --------
    >>> Aim(TargetColumn("visit", "binary", ("0", "1")), low=0.0, arm="Mens").name
    'visit | Mens'
    """

    target: TargetColumn
    low: float = 0.0
    arm: str | None = None

    @property
    def name(self) -> str:
        """The target's name, with the arm's behind it."""
        return self.target.name if self.arm is None else f"{self.target.name} | {self.arm}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of a multiclass target: each has a column of its own; else none."""
        return self.target.classes if self.target.task == "multiclass" else ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"target": self.target.to_dict(), "low": self.low, "arm": self.arm}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Aim:
        """Rebuild what `to_dict` gave; anything else is a `BundleError`."""
        given = NamedTable(values, "an aim of the encoder")
        target = TargetColumn.from_dict(given.mapping("target"))
        return cls(target, given.number("low"), given.maybe(given.text, "arm"))


def labels(aims: tuple[Aim, ...]) -> list[str]:
    """Return what features call each column of each aim: ``target``, or its name where there are several.

    >>> labels((Aim(TargetColumn("late", "binary", ("0", "1"))),))
    ['target']
    >>> labels((Aim(TargetColumn("tier", "multiclass", ("a", "b"))), Aim(TargetColumn("spend", "regression"))))
    ['tier=a', 'tier=b', 'spend']
    """
    names = ["target"] if len(aims) == 1 else [aim.name for aim in aims]
    return [
        f"{name}={label}" if label else name
        for aim, name in zip(aims, names, strict=True)
        for label in (aim.classes or ("",))
    ]
