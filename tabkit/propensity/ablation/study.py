"""The ablation study: fit models with and without rules on the same rows, folds and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabkit import boosting, division
from tabkit.boosting import BoostedModel, BoostingConfig, Rows
from tabkit.config import settings_of
from tabkit.encoding import FittedTable
from tabkit.errors import ConfigError, FitError
from tabkit.frames import Source
from tabkit.leaks.asked import asked, leaks_of
from tabkit.leaks.copied_rows import copies_of
from tabkit.predicates import Rule
from tabkit.predictors.features import fit_encoder, with_features
from tabkit.progress import Advance, Progress, Silent
from tabkit.propensity.ablation.differences import Difference, Pair
from tabkit.propensity.ablation.folds import Fold, folds_of, judging_rows, read_marked
from tabkit.propensity.ablation.result import Use, Worth, concluded
from tabkit.propensity.config import TrainConfig, WorthConfig
from tabkit.propensity.parts import check_part, divide, way_of
from tabkit.propensity.target import resolve_objective, target_name, target_of
from tabkit.roles import Roles, RolesLike
from tabkit.rules.features import check_rules
from tabkit.table import Table
from tabkit.target import TargetColumn

__all__ = ["Difference", "Use", "Worth", "worth"]


def worth(
    source: Source,
    *,
    rules: Sequence[Rule],
    roles: RolesLike,
    config: WorthConfig | Mapping[str, Any] | None = None,
    holdout: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> Worth:
    """Compare models with and without rules as features, cross-validated and paired.

    Both models of a fold are fitted on the same rows with the same encoder, and stop growing by the same held-out
    rows: the features of the rules are all the difference. Encoders are fitted inside each fold, as in training.

    Parameters
    ----------
    source
        A table with the target: anything that `tabkit.frames.scan` takes. It is read into memory.
    rules
        All are added together.
    roles
        The target at least. With a time role rows are judged by models of earlier ones, else with a group role by
        models of other groups.
    config
        Settings; a mapping is validated.
    holdout
        Shape (rows of the source,): true for the rows that the author of the rules never saw. Then only these are
        judged on, in folds, and all others are only learned from. Without it all rows are, which flatters rules
        that were found by looking at them.
    progress
        Is told of every fit.

    Notes
    -----
    Intervals draw rows (or whole groups or days) again, and are stretched where the folds differ by more than that
    explains: another fit would have grown other trees. See `tabkit.propensity.ablation.differences.differences`.

    Raises
    ------
    TabkitError
        Of the stage at which the data, the rules or the settings cannot be used; see `tabkit.errors`.
    """
    roles, settings = Roles.of(roles), settings_of(WorthConfig, config)
    if not rules:
        raise ConfigError("no rules are given", advice="there is nothing to compare")
    training = settings.training()
    name = target_name(roles, training.boosting)
    table, held = read_marked(source, roles, settings, holdout)
    check_rules(rules, table, exclude=settings.encoding.exclude)
    target = target_of(table, name, training)
    training = resolve_objective(training.model_copy(update={"rules": tuple(rules)}), target)
    folds = folds_of(table, held, target, settings)
    with (progress or Silent()).task("models with and without", total=2 * len(folds)) as advance:
        pairs = [_pair(table, fold, target, training, rules, advance) for fold in folds]
    marked = table.frame.height if held is None else int(held.sum())
    found = concluded(table, pairs, target, training, rules, marked=marked, unseen=held is not None)
    judged = judging_rows(table, held)
    same = division.passed_over(judged, way_of(judged, target), rows="judging rows")
    return replace(found, warnings=(*same, *_leaks(table, target, settings), *_copies(table, folds, target)))


def _leaks(table: Table, target: TargetColumn, settings: WorthConfig) -> list[str]:
    """Return what is asked about columns that tell the target too well: beside them no rule can be worth anything."""
    return asked(leaks_of(table, target, table.frame.columns, known=settings.encoding.known), "options")


def _copies(table: Table, folds: Sequence[Fold], target: TargetColumn) -> list[str]:
    """Say how many judging rows are copies of rows that their models learned from."""
    copied, judged = 0, 0
    said = ""
    for fold in (each for each in folds if each.repeat == 0):
        parts = [replace(table, frame=table.frame[rows]) for rows in (fold.fit, fold.test)]
        found = copies_of(*parts, target=target.name, classes=target.task != "regression")
        copied, judged = copied + (int(found.copied.sum()) if found else 0), judged + len(fold.test)
        said = found.text(judged="judging rows", learned="rows learned from").partition(" ")[2] if found else said
    if not copied:
        return []
    return [f"{copied / judged:.0%} {said}: if rows were copied, both models look better than they are."]


def _pair(
    table: Table, fold: Fold, target: TargetColumn, training: TrainConfig, rules: Sequence[Rule], advance: Advance
) -> Pair:
    """Fit both models of a fold: one encoding, from which the second model is not shown the rules."""
    rest, test = (replace(table, frame=table.frame[rows]) for rows in (fold.fit, fold.test))
    share, seed = training.split.early_stopping, training.seed + 1 + fold.repeat
    fit, stop = divide(rest, target, share=share, seed=seed, whole=False)
    for key, part in (("fit", fit), ("stop", stop)):
        check_part(part, target, key)
    encoder, rows = fit_encoder(fit, target, training)
    stopping, judged = (_encoded(part, encoder, target) for part in (stop, test))
    made = [rule.name for rule in rules if rule.name in encoder.outputs]
    if len(made) == len(encoder.outputs):
        raise FitError("there are no features beside the rules", advice="leave columns in to compare with")
    boosters: list[BoostedModel] = []
    predictions: list[NDArray[np.float64]] = []
    for hidden in ([], made):
        if made or not boosters:  # without a rule that varies, the two are one
            found = _fitted(rows, stopping, target, training.boosting, hidden)
            threads = training.boosting.num_threads
            boosters.append(found)
            predictions.append(found.predict(judged.features, offset=judged.offset, num_threads=threads))
        advance(1)
    return Pair(fold, (predictions[0], predictions[-1]), (boosters[0], boosters[-1]))


def _encoded(part: Table, encoder: FittedTable, target: TargetColumn) -> Rows:
    return with_features(part, encoder.transform(part.frame), target, categorical=encoder.categorical)


def _fitted(
    rows: Rows, stopping: Rows, target: TargetColumn, config: BoostingConfig, hidden: Sequence[str]
) -> BoostedModel:
    """Grow trees on all features but the hidden ones."""
    monotone = {name: sign for name, sign in config.monotone.items() if name not in hidden}
    shown = config.model_copy(update={"monotone": monotone})
    return boosting.fit(_without(rows, hidden), _without(stopping, hidden), config=shown, classes=target.classes)


def _without(rows: Rows, names: Sequence[str]) -> Rows:
    return replace(rows, features=rows.features.drop(names))
