"""The provenance of rules: the rows they were found on, and whether other rows are given now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from tabkit.errors import TabkitError
from tabkit.fingerprint import KEPT, NO_KEY, Hashes, RowSample, digest, row_hashes
from tabkit.rules.config import AimConfig
from tabkit.rules.limits import FEWEST_KNOWN_ROWS
from tabkit.rules.sample import RuleSample, aimed
from tabkit.rules.saved import RuleFile
from tabkit.rules.suggestion import Suggestions
from tabkit.schema import family

C = TypeVar("C", bound=AimConfig)

_DISTINCT = 0.95
"""The least share of distinct rows: with more alike, rows of other people would pass for the old ones."""
_FLATTERED = "rows that rules were found on flatter them"


@dataclass(frozen=True, slots=True)
class Provenance:
    """How given rows relate to the rows that rules were found on.

    Parameters
    ----------
    kind
        ``same``: the very rows that they were found on, divided as then; ``overlapping``: some or all of these, or
        divided otherwise; ``fresh``: none of a sample of these; ``unknown``.
    overlap
        The share of the rows that the rules were found on, of those of which it can be told; None if of none.
    note
        In a sentence.
    """

    kind: Literal["same", "overlapping", "fresh", "unknown"]
    overlap: float | None
    note: str

    def tried(self, known: Mapping[str, Any]) -> int:
        """Return from how many rules these may have been chosen by looking at the given rows."""
        return 0 if self.kind == "fresh" else int(known.get("tried", 0))


def facts(found: RuleSample, config: AimConfig) -> dict[str, Any]:
    """Return how rules were found, for their file: enough to repeat the hold-out and to recognise rows.

    ``columns`` tell rows apart, ``kinds`` are their families, ``print`` is of the rows in their order, ``sketch`` a
    sample of them in any, and ``division`` is of those held out.
    """
    goal, roles = found.goal, found.table.roles
    columns = _columns(found)
    rows = row_hashes(found.frame, columns)
    return {
        "source": found.table.short_name,
        "rows": found.frame.height,
        "target": goal.name,
        "positive": goal.positive,
        "treatment": goal.treatment,
        "arm": goal.arm,
        "control": goal.control,
        "time": roles.time,
        "group": roles.group,
        "holdout": config.holdout,
        "seed": config.seed,
        "columns": columns,
        "kinds": _kinds(found, columns),
        "print": digest(rows),
        "division": None if found.holdout is None else digest(found.holdout),
        "sketch": _sketch(rows),
    }


def file_of(result: Suggestions, found: RuleSample, config: AimConfig, *, kept_out: Sequence[str]) -> RuleFile:
    """Return suggested rules as a file: with what was measured, and how they were found.

    Parameters
    ----------
    found
        The rows that were searched.
    kept_out
        Columns that rules were not sought on, since they tell the target too well.
    """
    measured = {
        one.rule.name: {"train": one.train.to_dict(), "holdout": one.holdout.to_dict(), "p": one.p}
        for one in result.rules
    }
    about = {name: list(columns) for name, columns in (("kept_out", kept_out), ("known", config.known)) if columns}
    rules = tuple(one.rule for one in result.rules)
    return RuleFile(rules, {**facts(found, config), "tried": result.tested, **about}, measured)


def provenance(found: RuleSample, known: Mapping[str, Any]) -> Provenance:
    """Compare rows with what `facts` recorded when the rules were found.

    Parameters
    ----------
    found
        The rows.
    known
        Of the rules' file: `RuleFile.found`.
    """
    why = _strange(found, known)
    if why is not None:
        return _unknown(why)
    rows = row_hashes(found.frame, known["columns"])
    if known.get("print") != digest(rows):
        return _sampled(rows, known)
    if found.holdout is not None and known.get("division") == digest(found.holdout):
        said = "These are the rows that the rules were found on: only those held out then are measured."
        return Provenance("same", 1.0, said)
    return _overlapping(1.0)


def aimed_like(config: C, known: Mapping[str, Any]) -> tuple[RuleSample, C]:
    """Read rows, and divide them as when the rules were found, unless the settings say otherwise.

    Returns
    -------
    tuple
        The rows, and the settings with what was taken from the file.
    """
    like = _like(config, known)
    if like != config:
        try:
            return aimed(like), like
        except TabkitError:  # these rows cannot be divided so, such as for want of a column: they are others
            pass
    return aimed(config), config


def _like(config: C, known: Mapping[str, Any]) -> C:
    taken = {name: known[name] for name in ("holdout", "seed") if name in known and name not in config.model_fields_set}
    if config.roles.get("target") == known.get("target"):
        names = ("positive", *(("control", "arm") if "treatment" in config.roles else ()))
        taken |= {name: known[name] for name in names if name in known and getattr(config, name) is None}
    if "time" not in config.roles and "group" not in config.roles:
        taken["roles"] = {**config.roles, **{name: known[name] for name in ("time", "group") if name in known}}
    return config.model_copy(update=taken)


def _columns(found: RuleSample) -> list[str]:
    """Return what tells rows apart: the id alone, or all columns but the weight, which is relative to the others."""
    roles, schema = found.table.roles, found.frame.schema
    if roles.id is not None:
        return [roles.id]
    return [name for name, dtype in schema.items() if name != roles.weight and family(dtype) not in NO_KEY]


def _kinds(found: RuleSample, columns: list[str]) -> list[str]:
    return [family(found.frame.schema[name]) for name in columns]


def _strange(found: RuleSample, known: Mapping[str, Any]) -> str | None:
    """Return why rows cannot be compared with those of a file."""
    columns, kinds = known.get("columns"), known.get("kinds")
    if not isinstance(columns, list) or not isinstance(kinds, list) or not columns:
        return "its file does not say which these were"
    missing = [name for name in columns if name not in found.frame.columns]
    if missing:
        return f"column {missing[0]!r} is not here, by which they were told apart"
    now = _kinds(found, columns)
    other = [name for name, kind, then in zip(columns, now, kinds, strict=False) if kind != then or kind in NO_KEY]
    return f"column {other[0]!r} is of another type now" if other else None


def _sketch(rows: Hashes) -> str | None:
    """Return a sample of rows as text; None if too many are alike, so that others would be taken for them."""
    alike = len(np.unique(rows)) < _DISTINCT * len(rows)
    return None if alike else RowSample.of(rows, size=KEPT).to_text()


def _sampled(rows: Hashes, known: Mapping[str, Any]) -> Provenance:
    sketch = RowSample.from_text(known.get("sketch"))
    if sketch is None:
        return _unknown("too many of them were alike; with --id they are told apart")
    told = sketch.known(rows)
    if not told.any() and len(told) < min(FEWEST_KNOWN_ROWS, len(rows)):
        return _unknown("too few of these are in the range of the file's sample")
    if not told.any():
        said = "None of these rows is among a sample of those that the rules were found on."
        return Provenance("fresh", 0.0, said)
    return _overlapping(float(told.mean()))


def _overlapping(overlap: float) -> Provenance:
    share = f"{max(1, np.floor(100 * overlap)):.0f} %"
    said = f"About {share} of these rows are among those that the rules were found on: that flatters them."
    return Provenance("overlapping", overlap, said)


def _unknown(why: str) -> Provenance:
    said = f"It cannot be told whether these rows are among those that the rules were found on: {why}; {_FLATTERED}."
    return Provenance("unknown", None, said)
