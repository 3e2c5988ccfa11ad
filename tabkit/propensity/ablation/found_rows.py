"""The rows that an ablation of a file of rules judges on: of those they were found on, the ones held out then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tabkit.config import build
from tabkit.errors import TabkitError
from tabkit.frames import Source
from tabkit.propensity.config import WorthConfig
from tabkit.roles import Roles
from tabkit.rules import RuleFile
from tabkit.rules.config import AimConfig
from tabkit.rules.goal import Mask
from tabkit.rules.provenance import provenance
from tabkit.rules.sample import RuleSample, aimed


@dataclass(frozen=True, slots=True, eq=False)
class JudgedRows:
    """What `tabkit.propensity.ablation.study.worth` compares on.

    Parameters
    ----------
    source
        The rows.
    roles
        Of their columns; where they were divided as then, by time or group as then.
    config
        The settings, which exclude no column that is not there.
    holdout
        Shape (rows of the source,): those held out when the rules were found; None if these are others.
    """

    source: Source
    roles: Roles
    config: WorthConfig
    holdout: Mask | None


def judged_rows(content: RuleFile, source: Any, *, roles: Mapping[str, str], config: WorthConfig) -> JudgedRows:
    """Return the rows to compare on; of those that the rules were found on, only the ones held out then judge.

    Parameters
    ----------
    content
        The rules, and how they were found.
    source
        Files, globs, folders or URLs of rows with a target.
    roles
        Column by role.
    config
        Of the comparison. If it names a column of rows to judge on, that decides.
    """
    sample = _divided_then(content.found, source, roles, config) if content.found and config.holdout is None else None
    if sample is None:
        return JudgedRows(source, Roles.from_dict(roles), config, None)
    own = Roles.from_dict({**sample.table.roles.given(), **roles})
    exclude = [name for name in config.encoding.exclude if name in sample.frame.columns]
    encoding = config.encoding.model_copy(update={"exclude": exclude})
    return JudgedRows(sample.frame, own, config.model_copy(update={"encoding": encoding}), sample.holdout)


def _divided_then(
    known: Mapping[str, Any], source: Any, roles: Mapping[str, str], config: WorthConfig
) -> RuleSample | None:
    """Return the rows divided as when the rules were found, whatever the folds are by; None if these are others."""
    settings = {name: known[name] for name in ("positive", "control", "arm", "holdout", "seed") if name in known}
    columns = {role: column for role, column in roles.items() if role not in ("time", "group")}
    columns |= {name: known[name] for name in ("time", "group") if name in known}
    aim = build(AimConfig, {"source": source, "roles": columns, "exclude": config.encoding.exclude, **settings})
    try:
        sample = aimed(aim)
    except TabkitError:  # rows that cannot be divided so are others
        return None
    return sample if provenance(sample, known).kind == "same" else None
