"""Warnings about a table and its metrics: leaks, copies, rare classes, metrics too good to be true."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tabkit.encoding import FittedTable
from tabkit.leaks.asked import asked, leaks_of
from tabkit.leaks.copies import Copies
from tabkit.predictors.protocol import Predictor
from tabkit.predictors.registry import learner_of
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.evaluation import MODEL, Evaluation, Score
from tabkit.propensity.limits import FEWEST_CLASS_ROWS
from tabkit.schema import family
from tabkit.table import Table, labels
from tabkit.target import TargetColumn
from tabkit.wording import with_interval

_PERFECT = 0.99  # no behaviour is predicted so well; a leak is
_MOST_QUOTED = 3  # metrics that fit into a sentence
_NUMBERS = 0.5  # if half of the levels are numbers, the column probably is


def of_rows(fit: Table, test: Table, target: TargetColumn, encoder: FittedTable) -> list[str]:
    """Return warnings about rows: a constant target, rare classes, numbers kept as text, groups in both parts."""
    found = [*_constant(test, target), *_rare(test, target)]
    found += _numbers_as_text(fit, [encoder.column for encoder in encoder.encoders])
    return found + _shared_groups(fit, test)


def _constant(test: Table, target: TargetColumn) -> list[str]:
    values = test.frame[target.name].unique()
    if target.task != "regression" or len(values) > 1:
        return []
    return [
        f"All {test.frame.height:,} held-out rows have {target.name} = {values[0]}: the metrics cannot tell which "
        "model ranks rows better."
    ]


def of_leaks(table: Table, target: TargetColumn, encoder: FittedTable, *, known: Sequence[str]) -> list[str]:
    """Return warnings about source columns that leak the target."""
    columns = [column.name for column in encoder.schema.columns]
    return asked(leaks_of(table, target, columns, known=known), "settings")


def of_copies(copies: Copies, others: Evaluation | None, *, judged: str = "held-out rows") -> str:
    """Return a warning about copies among the held-out rows, with the metrics of the others."""
    said = f"{copies.text(judged=judged)}. "
    said += "If rows were copied, remove the copies; if they are of one customer or the like, name it with --group. "
    if others is None:
        return f"{said}Too few other rows are left to measure on: the metrics say nothing of new rows."
    own = [score for score in others.scores if score.model == MODEL]
    values = "; ".join(f"{score.metric} {_with_ends(score)}" for score in own[:_MOST_QUOTED])
    return f"{said}On the {others.rows:,} rows that are no copies: {values}."


def _with_ends(score: Score) -> str:
    return with_interval(score.value, score.low, score.high)


def of_model(predictor: Predictor, evaluation: Evaluation, settings: TrainConfig) -> list[str]:
    """Return warnings about the fit: metrics too good to be true, or training that was cut short."""
    learner, found = learner_of(predictor), []
    best = {s.metric: s.value for s in evaluation.scores if s.model == MODEL and s.metric in ("auc", "r2")}
    if any(value >= _PERFECT for value in best.values()):
        importance = learner.importance(predictor)
        used = "" if importance is None else f" The model leans most on {importance['feature'][0]!r}."
        found.append(
            f"Almost perfect on held-out rows: is something among the features known only after the target?{used}"
        )
    return found + learner.warnings(predictor, settings)


def of_refit(predictor: Predictor) -> list[str]:
    """Return a warning if the fit on all rows was cut short, though the measured fit was not."""
    why = learner_of(predictor).broke_off(predictor)
    return [f"The fit on all rows broke off: {why}."] if why else []


def of_rules(encoder: FittedTable) -> list[str]:
    """Return a warning about rule features that may have been found on these rows."""
    used = [name for part in encoder.parts if part.encoder.kind == "rule" for name in part.encoder.outputs]
    if not used:
        return []
    return [
        f"Rules are among the features ({', '.join(map(repr, used[:6]))}): where they were found by looking at these "
        "rows, held-out ones too, the metrics flatter them."
    ]


def _rare(test: Table, target: TargetColumn) -> list[str]:
    y = labels(test, target)
    counts = {label: int((y == k).sum()) for k, label in enumerate(target.classes)}
    return [
        f"Only {count} of {len(y):,} held-out rows have {target.name} = {label}: do not trust intervals on so few."
        for label, count in counts.items()
        if count < FEWEST_CLASS_ROWS
    ]


def _numbers_as_text(table: Table, columns: Sequence[str]) -> list[str]:
    warnings = []
    for name in columns:
        if name not in table.frame.columns:  # a cross, or a rule
            continue
        if family(table.frame.schema[name]) != "text":
            continue
        levels = table.frame[name].cast(pl.String).drop_nulls().unique()
        others = levels.filter(levels.str.strip_chars().cast(pl.Float64, strict=False).is_null())
        if len(others) and 1 - len(others) / len(levels) >= _NUMBERS:
            examples = ", ".join(map(repr, others.sort().head(3).to_list()))
            warnings.append(
                f"{name!r} is text, though {len(levels) - len(others):,} of its {len(levels):,} levels are numbers "
                f"(not {examples}): if it is meant as a number, leave these empty."
            )
    return warnings


def _shared_groups(fit: Table, test: Table) -> list[str]:
    group = fit.roles.group
    if group is None:
        return []
    shared = float(np.isin(test.frame[group].to_numpy(), fit.frame[group].unique().to_numpy()).mean())
    if not shared:
        return []
    return [
        f"Rows are divided by time: {shared:.0%} of the held-out rows have a {group} that the fit knows, "
        "so that the metrics speak for known ones."
    ]
