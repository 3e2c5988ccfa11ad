"""Read and check the units of an experiment; refuse those from which no effect can be learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tabkit.dependence import ENOUGH
from tabkit.errors import ConfigError, FitError, SchemaError
from tabkit.frames import Source
from tabkit.labels import is_yes_no, matched
from tabkit.roles import Roles
from tabkit.schema import dtype_name, family
from tabkit.table import Table, read
from tabkit.target import TargetColumn, Task, infer
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.design.balance import balance, beyond_chance
from tabkit.uplift.design.design import Arms, arms_of, shares_of, stratum_shares
from tabkit.uplift.design.leaks import refuse_leaks, refuse_sums
from tabkit.uplift.design.together import assigned_together
from tabkit.uplift.ensemble.fit import ExperimentUnits
from tabkit.uplift.ensemble.folds import held_out
from tabkit.uplift.experiment import Experiment
from tabkit.uplift.limits import FEWEST_FOLD_CLUSTERS, FEWEST_UNITS
from tabkit.uplift.regressor import Codes, Floats, Kind

_MOST_COUNT = 100  # whole numbers up to this may be counts
_NAMED = 5
"""Columns that an error names."""
_ROLES = ("target", "amount", "weight", "exposure")


@dataclass(frozen=True, slots=True)
class Understood:
    """The type and labels of a model's outcome, by which further units are read."""

    target: TargetColumn
    kind: Kind | None


def units_of(
    source: Source, roles: Roles, settings: UpliftConfig, *, like: Understood | None = None
) -> ExperimentUnits:
    """Read the rows of an experiment and infer their outcome, or read it `like` that of a model.

    Raises
    ------
    ConfigError
        If a role, the control label or the design is not given, or a role is given that uplift has no use for.
    SourceError, SchemaError, FitError
        If the rows cannot be read, or cannot be learned from; see `tabkit.uplift.design.design`.
    """
    treatment, outcome, control = _given(roles, settings)
    apart = [name for name in (*settings.placebos, settings.policy) if name is not None]
    table = read(source, roles, exclude=[name for name in settings.encoding.exclude if name not in apart])
    arms = arms_of(table.frame, treatment, control)
    target = _outcome(table, outcome, settings) if like is None else _outcome_like(table, like)
    refuse_leaks(
        table.frame,
        features_of(table, settings),
        treatment=treatment,
        outcome=outcome,
        time=roles.time,
        group=roles.group,
    )
    codes = arms.codes(table.frame)
    propensity = _propensity(table, arms, codes, settings)
    y = table.frame.select(target.expr(table.frame.schema[outcome])).to_series().to_numpy()
    if np.isfinite(y).all():  # else it is refused below
        refuse_sums(table.frame, features_of(table, settings), outcome=outcome, values=y.astype(np.float64))
    clusters = _clusters(table, settings)
    if not features_of(table, settings):
        raise FitError(f"{table.name} has no features", advice="leave in at least one column known before contact")
    experiment = Experiment(
        arms=arms.labels,
        arm=codes,
        outcome=y,
        propensity=propensity,
        kind=(like and like.kind) or _kind(y, target, settings),
        clusters=clusters,
    )
    return ExperimentUnits(table, target, arms, experiment)


def features_of(table: Table, settings: UpliftConfig) -> list[str]:
    """Return the columns that are features: no role, not left out, not the policy that is compared with."""
    left_out = {*table.roles.given().values(), *settings.encoding.exclude, settings.policy}
    if settings.design == "observational":
        left_out |= set(settings.placebos)
    return [name for name in table.frame.columns if name not in left_out]


def balance_of(units: ExperimentUnits, settings: UpliftConfig, *, weight: Floats | None = None) -> pl.DataFrame:
    """Return the balance of the features of each arm against control; see `tabkit.uplift.design.balance.balance`."""
    balances, experiment = [], units.experiment
    if weight is None and settings.strata is not None:
        weight = 1 / experiment.propensity[np.arange(experiment.rows), experiment.arm]
    for number, arm in enumerate(units.arms.treated, start=1):
        rows = np.flatnonzero(np.isin(experiment.arm, (0, number)))
        part = balance(
            units.table.frame[rows],
            features_of(units.table, settings),
            (experiment.arm[rows] == number).astype(np.float64),
            weight=None if weight is None else weight[rows],
            clusters=None if experiment.clusters is None else experiment.clusters[rows],
        )
        balances.append(part.select(pl.lit(arm).alias("arm"), pl.all()))
    return pl.concat(balances)


def refuse_imbalance(found: pl.DataFrame, units: ExperimentUnits, settings: UpliftConfig) -> None:
    """Refuse features of a randomised design that differ significantly between arms.

    Where columns show that whole groups were given one arm, the advice is to name these.

    Raises
    ------
    FitError
        Naming them: they were measured after contact, or chance did not decide.
    """
    columns = beyond_chance(found)
    if not columns or settings.allow_imbalance:
        return
    worst = {name: found.filter(pl.col("column") == name)["smd"].abs().to_numpy().max() for name in columns}
    first = list(worst.items())[:_NAMED]
    named = ", ".join(f"{name!r} (by {apart:.2g} standard deviations)" for name, apart in first)
    named += f" and {len(worst) - _NAMED} more" if len(worst) > _NAMED else ""
    group = None
    if units.experiment.clusters is None:
        group = assigned_together(units.table.frame, features_of(units.table, settings), units.experiment)
    shared = "" if group is None else " and ".join(map(repr, group.columns))
    whole = f" (units with the same {shared} have one arm)" if group is not None else ""
    raise FitError(
        f"the design is called randomised, but features differ between arms beyond chance: {named}",
        advice=f"leave out what was measured after contact ({' '.join(f'--exclude {name!r}' for name, _ in first)}); "
        "if shares differed by year or region, name that column: --strata; if whole groups were assigned, such as "
        f"classes or shops{whole}, name theirs: --group; if chance did not decide the arms, say --design "
        "observational; or go on with --allow-imbalance",
    )


def divide(units: ExperimentUnits, settings: UpliftConfig) -> tuple[Codes, Codes]:
    """Divide the units into those to learn from and those to judge by."""
    times = units.table.times()
    parts = held_out(units.experiment, share=settings.holdout, seed=settings.seed, time=times)
    for what, rows in (("units to learn from", parts.train), ("held-out units", parts.test)):
        counts = np.bincount(units.experiment.arm[rows], minlength=len(units.arms.labels))
        few = [f"{label!r} ({n})" for label, n in zip(units.arms.labels, counts, strict=True) if n < FEWEST_UNITS // 4]
        if few:
            raise FitError(
                f"of the {len(rows):,} {what} too few are in arm {', '.join(few)}",
                advice="use more rows, another --set holdout, or a time range in which all arms were used",
            )
    return parts.train, parts.test


def _propensity(table: Table, arms: Arms, codes: Codes, settings: UpliftConfig) -> Floats:
    """Return the propensities of the design, shape (n, k); of an observational one a stand-in for now."""
    if settings.strata is None:
        return np.tile(shares_of(arms, codes, settings.shares), (len(codes), 1))
    if settings.design != "randomised" or settings.shares is not None:
        raise ConfigError(
            "strata are for a randomised design whose shares are counted within them",
            advice="leave out the strata, or say --design randomised without shares",
        )
    if settings.strata not in table.frame.columns:
        raise SchemaError(f"there is no column {settings.strata!r} for the strata", advice="check its name")
    return stratum_shares(table.frame[settings.strata], codes, arms)


def _given(roles: Roles, settings: UpliftConfig) -> tuple[str, str, str]:
    if roles.treatment is None or roles.outcome is None:
        lacking = "treatment" if roles.treatment is None else "outcome"
        raise ConfigError(f"no {lacking} is given", advice=f"name the column: --{lacking}")
    if settings.control is None:
        raise ConfigError("no control is given", advice="say which label of the treatment means no contact: --control")
    if settings.design is None:
        raise ConfigError(
            "the design is not given",
            advice="--design randomised if chance alone decided who was contacted, else --design observational",
        )
    for what in ("strata", "policy"):
        if getattr(settings, what) in (roles.treatment, roles.outcome):
            raise ConfigError(
                f"{what} is {getattr(settings, what)!r}, which is the treatment or the outcome itself",
                advice="name another column, or leave it out",
            )
    for name in _ROLES:
        if getattr(roles, name) is not None:
            raise ConfigError(
                f"uplift has no use for the role {name}", advice="it takes treatment, outcome, id, time and group"
            )
    if settings.design == "observational" and settings.shares is not None:
        raise ConfigError(
            "shares are given, but the design is observational: its propensities are learned",
            advice="leave the shares out, or say --design randomised",
        )
    return roles.treatment, roles.outcome, settings.control


def costs_of(units: ExperimentUnits, settings: UpliftConfig) -> Floats:
    """Return the cost of each treated arm, in the unit of the outcome; 0 where none is given.

    Raises
    ------
    ConfigError
        If a cost is given for no treated arm, or one (a saving too) is larger than any effect can be: then it is in
        another unit.
    """
    arms = units.arms.treated
    costs = {matched(arm, arms) or arm: cost for arm, cost in settings.costs.items()}
    unknown = [arm for arm in costs if arm not in arms]
    if unknown:
        raise ConfigError(
            f"costs are given for {', '.join(map(repr, unknown))}",
            advice=f"the arms that cost something are {', '.join(map(repr, arms))}",
        )
    y, target = units.experiment.outcome, units.target
    low, high = float(y.min()), float(y.max())
    above = {arm: cost for arm, cost in costs.items() if abs(cost) > high - low}
    if above:
        arm, cost = max(above.items(), key=lambda item: abs(item[1]))
        what = f"is yes ({target.positive}) or no" if target.positive else f"goes from {low:g} to {high:g}"
        raise ConfigError(
            f"arm {arm!r} costs {cost:g}, but the outcome {target.name!r} {what}: no effect can be larger than "
            f"{high - low:g}",
            advice="give costs in the unit of the outcome: take the money as the outcome, or divide the cost by what a "
            "yes is worth",
        )
    return np.array([costs.get(arm, 0.0) for arm in arms])


def _outcome_like(table: Table, like: Understood) -> TargetColumn:
    """Return the outcome of the model, once it is sure that these units have it."""
    name, what = like.target.name, f"{table.name} (the outcome)"
    like.target.check(table.frame, what=what)
    if table.frame[name].n_unique() < 2:
        raise FitError(
            f"outcome {name!r} is constant over all rows of {table.name}: there is nothing to learn",
            advice="check the column and the filter that made the table",
        )
    return like.target


def _outcome(table: Table, name: str, settings: UpliftConfig) -> TargetColumn:
    values = table.frame[name]
    missing = values.null_count() + (int(values.is_nan().sum()) if values.dtype.is_float() else 0)
    if missing:
        raise FitError(
            f"outcome {name!r} is null (or NaN) in {missing:,} of {len(values):,} rows",
            advice="if null means that nothing happened, fill it with 0; leaving such units out is only right if being "
            "missing has nothing to do with the arm",
        )
    kind = family(values.dtype)
    if kind == "text" and values.n_unique() > 2:
        raise SchemaError(
            f"outcome {name!r} is {dtype_name(values.dtype)} with {values.n_unique():,} values; a number, a boolean or "
            "a text with two labels was expected",
            advice="parse it to numbers, or make it 0/1",
        )
    tasks: dict[str, Task] = {"binary": "binary", "count": "regression", "number": "regression"}
    task = tasks.get(settings.outcome_type)
    if task is None and kind == "number" and not is_yes_no(values):
        named = settings.positive is not None and values.n_unique() == 2  # then these are labels
        task = "binary" if named else "regression"
    return infer(
        table.frame,
        name,
        task=task,
        positive=settings.positive,
        what=f"{table.name} (the outcome)",
    )


def _kind(y: Floats, target: TargetColumn, settings: UpliftConfig) -> Kind:
    if target.task == "binary":
        return "binary"
    whole = bool((y >= 0).all() and (y == np.floor(y)).all())
    if settings.outcome_type == "count" and not whole:
        raise FitError(
            f"outcome {target.name!r} is said to be a count, but holds other numbers than 0, 1, 2 and so on",
            advice="say outcome_type=number",
        )
    if settings.outcome_type == "number":
        return "number"
    few = len(np.unique(y)) > 2 and y.max() <= _MOST_COUNT  # 0 and 50 are an amount, or none
    return "count" if whole and (settings.outcome_type == "count" or few) else "number"


def _clusters(table: Table, settings: UpliftConfig) -> Codes | None:
    group = table.roles.group
    if group is None:
        return None
    codes = np.unique(table.frame[group].to_numpy(), return_inverse=True)[1].astype(np.int64)
    found = int(codes.max()) + 1
    needed = max(ENOUGH, FEWEST_FOLD_CLUSTERS * settings.members * settings.folds)
    if found < needed:
        raise FitError(
            f"group {group!r} has {found:,} values; at least {needed} are needed: they are held out and divided whole, "
            f"into {settings.members} members with {settings.folds} folds each",
            advice="leave out --group if units are independent; else use more groups, or --set members=2",
        )
    return codes
