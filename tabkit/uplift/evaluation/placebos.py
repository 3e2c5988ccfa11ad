"""Models of placebo columns for observational designs, cross-fitted."""

from __future__ import annotations

import numpy as np
import polars as pl

from tabkit.uplift.config import UpliftConfig
from tabkit.uplift.ensemble.fit import Ensemble, ExperimentUnits
from tabkit.uplift.learners.boosted import regressions
from tabkit.uplift.regressor import Codes, Floats


def expected_placebos(
    units: ExperimentUnits, fitted: Ensemble, learned: Codes, tested: Codes, settings: UpliftConfig
) -> dict[str, Floats] | None:
    """Return by placebo column the expected value of each unit under each arm, shape (n, k); None if randomised.

    Parameters
    ----------
    learned, tested
        Row numbers of the units that the members were fitted on, in the order of `fitted.parts`, and of the others.
    """
    if settings.design == "randomised":
        return None
    learn = regressions(outcomes=settings.outcomes, effects=settings.effects, seed=settings.seed)
    arm, expected = units.experiment.arm, {}
    for name in settings.placebos:
        values = units.table.frame[name].alias("values").cast(pl.Float64).fill_nan(None)
        y = values.fill_null(strategy="mean").to_numpy()
        whole = np.zeros((units.experiment.rows, len(units.arms.labels)))
        for k, member in enumerate(fitted.members):
            rows, own = learned[fitted.parts != k], learned[fitted.parts == k]
            features = member.encoder.transform(units.table.frame[rows])
            held, new = (member.encoder.transform(units.table.frame[part]) for part in (own, tested))
            for a in range(len(units.arms.labels)):
                of_arm = arm[rows] == a
                model = learn(features.filter(pl.Series(of_arm)), y[rows][of_arm], kind="number")
                whole[own, a] = model.predict(held)
                whole[tested, a] += model.predict(new) / len(fitted.members)
        expected[name] = whole
    return expected
