"""Train an uplift model on the rows of an experiment: effects, a verdict, and scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabkit.config import settings_of
from tabkit.fingerprint import RowSample, row_texts
from tabkit.frames import Source
from tabkit.progress import Progress, Silent
from tabkit.roles import Roles, RolesLike
from tabkit.schema import dtype_name
from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.ensemble.calibrating import calibrations, joined
from tabkit.uplift.ensemble.calibration import Calibration
from tabkit.uplift.ensemble.fit import Ensemble, ExperimentUnits, fit_ensemble, predict_mean
from tabkit.uplift.evaluation.evaluation import TrustReport, judge
from tabkit.uplift.evaluation.placebos import expected_placebos
from tabkit.uplift.model import UpliftModel, check_names
from tabkit.uplift.units import balance_of, costs_of, divide, refuse_imbalance, units_of
from tabkit.uplift.updating import UpliftUpdate, update

__all__ = ["UpliftConfig", "UpliftModel", "UpliftUpdate", "load", "train", "update"]


def train(
    source: Source,
    *,
    roles: RolesLike,
    config: UpliftConfig | Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> UpliftModel:
    """Fit an uplift model to the units of an experiment, and judge it on held-out units.

    Part of the units is held out (the newest with a time role, whole groups with a group role). On the others an
    ensemble of members is fitted, each without one part of them; what members say of the part they never saw
    calibrates them. Held-out units give the verdict. With ``final="all"``, the default, members are then fitted again
    on all units: the report is that of the measured twin.

    Parameters
    ----------
    source
        A row per unit: anything that `tabkit.frames.scan` takes. It is read into memory.
    roles
        Treatment and outcome; id, time and group where there are any. A group is what errors cluster by.
    config
        Settings; a mapping is validated. ``control`` and ``design`` must be given.
    progress
        Is told how far the work is.

    Raises
    ------
    TabkitError
        Of the stage at which the data or the settings cannot be used; see `tabkit.errors`.
    """
    settings = settings_of(UpliftConfig, config)
    roles = Roles.of(roles)
    shown = progress or Silent()
    units = units_of(source, roles, settings)
    check_names(units.arms, roles)
    costs = costs_of(units, settings)
    balance = balance_of(units, settings)
    if settings.design == "randomised":
        refuse_imbalance(balance, units, settings)
    with shown.task("uplift", total=3) as advance:
        train_rows, test_rows = divide(units, settings)
        learned, tested = units.take(train_rows), units.take(test_rows)
        fitted = fit_ensemble(learned, settings, progress=shown)
        advance(1)
        believed = calibrations(learned, fitted, settings)
        mean, _ = predict_mean(fitted.members, tested.table.frame)
        judged = judge(
            units,
            joined(units, (train_rows, fitted.predicted), (test_rows, mean)),
            believed,
            test_rows,
            balance=balance,
            costs=costs,
            settings=settings,
            expected=expected_placebos(units, fitted, train_rows, test_rows, settings),
        )
        advance(1)
        if settings.final == "all":
            fitted = fit_ensemble(units, settings, progress=shown)
            believed = calibrations(units, fitted, settings)
        advance(1)
    return _model(units, fitted, believed, judged, settings, (len(train_rows), len(test_rows)))


def load(path: str | Path) -> UpliftModel:
    """Read a saved model, in the process that uses it: a fork of one that has loaded raises at once.

    Raises
    ------
    BundleError
        If it is damaged, of another kind or from a newer version.
    ForkError
        If this process was forked from one that had computed; see `tabkit.forked`.
    """
    return UpliftModel.load(path)


def _model(
    units: ExperimentUnits,
    fitted: Ensemble,
    believed: tuple[Calibration, ...],
    judged: TrustReport,
    settings: UpliftConfig,
    parts: tuple[int, int],
) -> UpliftModel:
    table = units.table
    return UpliftModel(
        roles=table.roles,
        target=units.target,
        arms=units.arms,
        members=fitted.members,
        calibrations=believed,
        decision=judged.decision(),
        evaluation=judged.to_dict(),
        config=settings.model_dump(mode="json", include=set(UpliftConfig.model_fields)),
        lineage={
            "parent": None,
            "strategy": "train",
            "source": table.short_name,
            "rows": units.experiment.rows,
            "rows_fit": parts[0],
            "rows_holdout": parts[1],
            "span": list(span) if (span := table.span()) else None,
            "kind": units.experiment.kind,
        },
        refused_rows=table.refused,
        seen=RowSample.of(row_texts(table.frame)),
        dtypes={column: dtype_name(table.frame.schema[column]) for column in table.roles.given().values()},
    )
