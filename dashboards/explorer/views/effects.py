"""The view of predicted effects, beside observed ones where there was an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from dashboards.explorer.settings import ExploreConfig
from dashboards.explorer.view import Shade, View
from dashboards.explorer.views.features import view_of
from dashboards.explorer.views.predictions import features_of, known, left_out, mean_of, predicted_view, unroled
from dashboards.explorer.views.tables import joined
from tabkit.errors import ConfigError, SchemaError
from tabkit.labels import matched
from tabkit.progress import Progress
from tabkit.roles import Roles
from tabkit.rules.sample import of_table
from tabkit.table import Table

KIND = "Uplift"
TARGET = "uplift"
BEST = "best_arm"
_ENDS = ("", "_low", "_high")
_INSTEAD = (
    "With an experiment (--treatment, --control and --outcome) they are searched for by the effect that was seen."
)
_SEEN = (
    "Measured by the observed difference in {outcome} between {arm} and {control}, which is an effect only where "
    "chance decided who was in which arm; the predicted effect stands beside it and colours the lines."
)
_LEARNED = (
    "Rules are searched for on the features alone. If the model learned from these very rows, its predictions know "
    "what came of them: then a difference along the axes of predictions proves nothing."
)


@dataclass(frozen=True, slots=True)
class EffectColumns:
    """The columns that `tabkit score` wrote with a bundle of uplift.

    Parameters
    ----------
    arms
        Labels of the treated arms.
    """

    arms: tuple[str, ...]

    def all(self) -> tuple[str, ...]:
        """Return all columns.

        >>> EffectColumns(("mail",)).all()
        ('effect_mail', 'effect_mail_low', 'effect_mail_high', 'best_arm')
        """
        return (*(f"effect_{arm}{end}" for arm in self.arms for end in _ENDS), BEST)

    def without(self, arm: str) -> list[str]:
        """Return the ends of the intervals of other arms: too much to show."""
        return [f"effect_{other}{end}" for other in self.arms if other != arm for end in _ENDS[1:]]


def found_in(columns: Sequence[str]) -> EffectColumns | None:
    """Return the columns of effects; None where there are none.

    >>> found_in(["id", "effect_mail", "effect_mail_low", "effect_mail_high", "best_arm"])
    EffectColumns(arms=('mail',))
    """
    arms = [name.removeprefix("effect_") for name in columns if name.startswith("effect_")]
    arms = [arm for arm in arms if all(f"effect_{arm}{end}" in columns for end in _ENDS)]
    return EffectColumns(tuple(arms)) if arms and BEST in columns else None


def uplift_view(config: ExploreConfig, *, progress: Progress) -> View:
    """Return the view of predicted effects, and of the effect that was seen, where an experiment is beside.

    A target other than ``uplift`` is the outcome.

    Raises
    ------
    SchemaError
        If the source holds no predicted effects.
    ConfigError
        If the arm is unknown, or only some of what makes an experiment is given.
    """
    target = config.roles.get("target")
    given = {role: name for role, name in config.roles.items() if role != "target"}
    roles = Roles.from_dict({**({"outcome": target} if target and target != TARGET else {}), **given})
    seen = _is_seen(config, roles)
    rows = joined(config, roles if seen else unroled(roles), written=True)
    columns = found_in(rows.table.frame.columns)
    if columns is None:
        raise SchemaError(
            f"{rows.table.name} holds no predicted effects: columns effect_ARM, effect_ARM_low, effect_ARM_high and "
            f"{BEST} were expected",
            advice="tabkit score writes them with a bundle of tabkit uplift train; the columns are "
            f"{', '.join(map(repr, rows.table.frame.columns[:40]))}",
        )
    table = known(rows.table, columns.all()[:-1])
    arm, notes = _arm(table, columns, config.arm)
    if seen:
        return _observed(table, columns, config, arm, notes=[*rows.notes, *notes], progress=progress)
    goal = mean_of(table.frame, f"effect_{arm}")
    return predicted_view(
        _narrowed(table, columns, arm),
        [goal],
        config,
        kind=KIND,
        made=columns.all(),
        notes=[*rows.notes, *notes],
        instead=_INSTEAD,
        progress=progress,
        first=_order(arm),
        shade=Shade(goal.name, goal.y),
    )


def _observed(
    table: Table, made: EffectColumns, config: ExploreConfig, arm: str, *, notes: Sequence[str], progress: Progress
) -> View:
    """Return the view of an experiment: the effect that was seen decides, since only that can be proved."""
    roles = replace(table.roles, target=table.roles.outcome, outcome=None)
    sample = of_table(
        replace(_narrowed(table, made, arm), roles=roles), config.model_copy(update={"arm": arm, "positive": None})
    )
    predicted = mean_of(sample.frame, f"effect_{arm}")
    said = _SEEN.format(outcome=roles.target, arm=arm, control=config.control)
    view = view_of(
        replace(sample, notes=(*notes, *left_out(table), *sample.notes, said, _LEARNED)),
        config,
        kind=KIND,
        progress=progress,
        searched=features_of(sample.table, made.all()),
        goals=(sample.goal, predicted),
        first=_order(arm),
        shade=Shade(predicted.name, predicted.y),
    )
    return replace(view, suggested=f"By the {sample.goal.words()}: {view.suggested}") if view.given else view


def _is_seen(config: ExploreConfig, roles: Roles) -> bool:
    given = {"--treatment": roles.treatment, "--control": config.control, "--outcome": roles.outcome}
    missing = [name for name, value in given.items() if value is None]
    if 0 < len(missing) < len(given):
        raise ConfigError(
            f"to see the observed difference between two arms, {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing",
            advice="give --treatment, --control and --outcome together, or none of them",
        )
    return not missing


def _arm(table: Table, made: EffectColumns, arm: str | None) -> tuple[str, Sequence[str]]:
    """Return the arm that is shown: the one that is named, or else the one with the largest mean effect."""
    if arm is not None:
        arm = matched(arm, made.arms) or arm
        if arm not in made.arms:
            raise ConfigError(
                f"there are no predicted effects of an arm {arm!r}",
                advice=f"the arms are {', '.join(map(repr, made.arms))}",
            )
        return arm, ()
    means = table.frame.select(pl.col([f"effect_{one}" for one in made.arms]).mean()).row(0)
    best = max(zip(made.arms, means, strict=True), key=lambda pair: pair[1])[0]
    if len(made.arms) == 1:
        return best, ()
    others = ", ".join(one for one in made.arms if one != best)
    return best, (f"{best} is shown, the arm with the largest mean predicted effect; --arm chooses {others}.",)


def _narrowed(table: Table, made: EffectColumns, arm: str) -> Table:
    return replace(table, frame=table.frame.drop(made.without(arm)))


def _order(arm: str) -> tuple[str, ...]:
    return (*(f"effect_{arm}{end}" for end in _ENDS), BEST)
