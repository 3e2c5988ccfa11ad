"""What bundles of earlier versions tell of their update, in today's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ENDS = ("loss_difference", "loss_difference_low", "loss_difference_high")
_OLD_ENDS = ("gain", "low", "high")


def translated(update: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a lineage tells of an update in today's words; what is told in them stays as it is.

    Of models of effects a ``gain`` was how much smaller a loss was than that of keeping the model; elsewhere it was the
    difference that ``loss_difference`` is, below zero if better.

    Examples
    --------
    >>> old = {"tried": [{"strategy": "refit", "gain": 0.1, "low": 0.05, "high": 0.15}], "judged_on": 40}
    >>> found = translated(old)
    >>> found["judged_rows"], found["metric"]
    (40, 'squared error of effects')
    >>> found["candidates"]
    [{'name': 'refit', 'loss_difference': -0.1, 'loss_difference_low': -0.15, 'loss_difference_high': -0.05}]
    """
    found, effects = dict(update), "tried" in update
    for old, new in (("tried", "candidates"), ("judged_on", "judged_rows")):
        if old in found:
            found[new] = found.pop(old)
    if effects:
        found.setdefault("metric", "squared error of effects")
    for name, one in (("candidates", _candidate), ("months", _month)):
        if isinstance(items := found.get(name), list | tuple):
            found[name] = [one(item, turned=effects) if isinstance(item, Mapping) else item for item in items]
    return found


def _candidate(item: Mapping[str, Any], *, turned: bool) -> dict[str, Any]:
    if "gain" not in item:
        return dict(item)
    rest = {("name" if name == "strategy" else name): each for name, each in item.items() if name not in _OLD_ENDS}
    value, low, high = (item.get(name) for name in _OLD_ENDS)
    if turned:
        value, low, high = (-end if isinstance(end, int | float) else end for end in (value, high, low))
    if value is None and rest.get("name") == "keep":
        value = 0.0
    if low == high:  # an interval without width is no evidence
        low = high = None
    return {**rest, **dict(zip(_ENDS, (value, low, high), strict=True))}


def _month(item: Mapping[str, Any], **_: bool) -> dict[str, Any]:
    return {("loss_differences" if name == "gains" else name): each for name, each in item.items()}
