"""The target of a propensity model, inferred from settings and rows."""

from __future__ import annotations

import re

from tabkit.boosting import OBJECTIVES, BoostingConfig
from tabkit.errors import ConfigError, FitError
from tabkit.labels import is_whole, is_yes_no, labels_of
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.limits import FEWEST_ROWS
from tabkit.propensity.model import score_columns
from tabkit.roles import Roles
from tabkit.schema import family
from tabkit.table import Table
from tabkit.target import TargetColumn, Task, infer

_TASK_OF: dict[str, Task] = {"binary": "binary", "multiclass": "multiclass"}
_MOST_CODES = 30  # classes with numbers for names seldom are more; counts seldom end below
_NAMED = 5


def target_name(roles: Roles, config: BoostingConfig) -> str:
    """Return the target's column; refuse settings that no rows could satisfy."""
    if roles.target is None:
        raise ConfigError("no target is given", advice="name the column to predict: --target (Roles(target=...))")
    objective = config.objective
    if roles.exposure is not None and (objective == "auto" or OBJECTIVES[objective].link != "log"):
        raise ConfigError(
            f"exposure {roles.exposure!r} is given, but the objective is {objective}",
            advice="exposure needs a log link: choose --objective poisson, gamma or tweedie, or drop the exposure",
        )
    return roles.target


def target_of(table: Table, name: str, settings: TrainConfig) -> TargetColumn:
    """Return the target with its task and classes; refuse a table too small, or an id that scores clash with."""
    task = _task(settings.boosting)
    target = infer(table.frame.lazy(), name, task=task, positive=settings.positive, what=table.name)
    own = table.roles.id or ""
    if own in score_columns(target) or re.fullmatch(r"reason_\d+(_contribution)?", own):
        raise ConfigError(f"id {own!r} is called like a column of the scores", advice="rename the id")
    if table.frame.height < FEWEST_ROWS:
        raise FitError(
            f"{table.name} has {table.frame.height} rows to use; at least {FEWEST_ROWS} are needed: to fit on, to end "
            "the growth of trees, and to measure on",
            advice="use more rows",
        )
    return target


def understood(table: Table, target: TargetColumn, settings: TrainConfig) -> str:
    """Say how a numeric target was interpreted, if there was a choice; else the text is empty.

    Few whole numbers may be classes, and two numbers other than 0 and 1 an amount: who reads the verdict has to see
    which of both was learned.
    """
    values = table.frame[target.name]
    if settings.boosting.objective != "auto" or family(values.dtype) != "number":
        return ""
    if target.task == "binary":
        if settings.positive is not None or is_yes_no(values):
            return ""
        return (
            f"{target.name} was taken for two classes, and scores are the probability of {target.positive}: if "
            f"{' and '.join(target.classes)} are amounts, say --objective regression."
        )
    distinct = values.unique().sort()
    if not is_whole(distinct) or len(distinct) > _MOST_CODES:
        return ""
    first = ", ".join(labels_of(distinct.head(_NAMED)).to_list())
    return (
        f"{target.name} was taken for a number, though it has {len(distinct)} values alone ({first}"
        f"{', ...' if len(distinct) > _NAMED else ''}): if these are classes, say --objective multiclass."
    )


def resolve_objective(settings: TrainConfig, target: TargetColumn) -> TrainConfig:
    """Return the settings with ``auto`` replaced by the objective for this target."""
    name = target.task if settings.boosting.objective == "auto" else settings.boosting.objective
    boosted = settings.boosting.model_copy(update={"objective": name})
    return settings.model_copy(update={"boosting": boosted})


def _task(config: BoostingConfig) -> Task | None:
    return None if config.objective == "auto" else _TASK_OF.get(config.objective, "regression")
