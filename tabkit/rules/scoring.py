"""Rules on further rows: how each does there, and whether it was confirmed, in a word or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tabkit.predicates import Rule
from tabkit.rules.doubts import Doubts
from tabkit.rules.goal import Mask
from tabkit.rules.ledger import Ledger
from tabkit.rules.measurement import Measured, masks
from tabkit.rules.provenance import Provenance
from tabkit.rules.sample import RuleSample
from tabkit.rules.saved import RuleFile
from tabkit.rules.similarity import most_alike

FADED = 0.7
"""Below this share of the difference that was found, a replicated rule is said to have a smaller effect."""


def verdict(said: Measured, found: Measured | Mapping[str, Any] | None) -> str:
    """Say whether a rule is confirmed: the interval of inside less rest excludes zero, on the expected side.

    Parameters
    ----------
    said
        On rows that prove.
    found
        On the rows that it was found on, or such numbers from a file; None where they are not known: then a high
        value was wanted.

    Returns
    -------
    str
        ``too few rows``, ``arms differ`` (the share of treated rows is another inside than outside),
        ``not replicated``, ``reversed``, ``replicated, smaller effect`` or ``replicated``.

    Examples
    --------
    >>> shown = Measured(100, 20, 0.5, 0.3, 0.7, 0.18, None, 0.95, 0.1, 0.4, 0.2, 0.6)
    >>> verdict(shown, None), verdict(shown, {"difference": 0.7}), verdict(shown, {"value": 0.1, "base": 0.2})
    ('replicated', 'replicated, smaller effect', 'reversed')
    >>> verdict(Measured(100, 20, 0.5, 0.3, 0.7, 0.18, None, 0.95, 0.4, 0.1, -0.1, 0.3), None)
    'not replicated'
    >>> verdict(Measured(20, 20, 0.5, 0.3, 0.7, 0.5, None, 0.95), None)
    'too few rows'
    """
    if said.difference is None or said.difference_low is None or said.difference_high is None:
        return "too few rows"
    if said.balanced is False:
        return "arms differ"
    if said.difference_low <= 0 <= said.difference_high:
        return "not replicated"
    was = _difference(found)
    if (said.difference < 0) != (was is not None and was < 0):
        return "reversed"
    return "replicated" if was is None or abs(said.difference) >= FADED * abs(was) else "replicated, smaller effect"


def _difference(found: Measured | Mapping[str, Any] | None) -> float | None:
    """Return by how much more was found inside than outside; of older files, than everywhere."""
    if isinstance(found, Measured):
        return found.difference
    known = {name: _number(value) for name, value in ({} if found is None else found).items()}
    if known.get("difference") is not None:
        return known["difference"]
    value, base = known.get("value"), known.get("base")
    return None if value is None or base is None else value - base


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def judging_rows(sample: RuleSample, whence: Provenance) -> Mask:
    """Return which rows rules are measured on, shape (n,): of those that they were found on the held-out ones alone."""
    if whence.kind == "same" and sample.holdout is not None:
        return sample.holdout
    return np.ones(sample.frame.height, dtype=np.bool_)


def scored(
    content: RuleFile, sample: RuleSample, whence: Provenance, doubts: Doubts, *, level: float
) -> list[dict[str, Any]]:
    """Measure each rule of a file on the rows that judge, as plain data.

    Parameters
    ----------
    content
        The rules, in their order.
    sample
        The rows; they have the columns that the rules are on.
    whence
        How these rows relate to those that the rules were found on.
    doubts
        About the columns of the rows.
    level
        Of intervals, which hold for all rules at once.

    Returns
    -------
    list of dict
        By rule ``name, text``, what `Measured` holds, ``before``: as it was measured when it was found, ``verdict``,
        ``alike``: the other rule that shares most of its rows, and ``asked``: questions about its columns.
    """
    rows = judging_rows(sample, whence)
    goal, inside = sample.goal.take(rows), [mask[rows] for mask in masks(content.rules, sample.frame)]
    ledger = Ledger(before=max(len(content.rules), whence.tried(content.found)))
    scores = []
    for index, rule in enumerate(content.rules):
        said = ledger.measure(inside[index], goal, level=level)
        before = content.measured.get(rule.name, {}).get("train")
        known = before if isinstance(before, Mapping) else None
        scores.append(
            {
                "name": rule.name,
                "text": rule.text(),
                **said.to_dict(),
                "before": None if known is None else dict(known),
                "verdict": verdict(said, known),
                "alike": _alike(index, inside, content.rules),
                "asked": doubts.of_rule(rule),
            }
        )
    return scores


def _alike(index: int, inside: Sequence[Mask], rules: Sequence[Rule]) -> dict[str, Any] | None:
    """Return which other rule shares most of the rows of one, and how many; None if none shares any."""
    others = [other for other in range(len(rules)) if other != index]
    nearest = most_alike(inside[index], [inside[other] for other in others])
    if nearest is None or not nearest[1].jaccard:
        return None
    place, shared = nearest
    return {"name": rules[others[place]].name, "jaccard": shared.jaccard, "inside": shared.inside}
