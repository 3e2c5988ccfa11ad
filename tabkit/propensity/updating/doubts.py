"""Leaks in an update: columns that reveal the target, and judging rows that are copies of training rows."""

from __future__ import annotations

from dataclasses import replace

from tabkit.errors import FitError
from tabkit.leaks.asked import asked, leaks_of
from tabkit.leaks.copied_rows import copies_of
from tabkit.propensity.config import TrainConfig
from tabkit.propensity.evaluation import measures_of
from tabkit.propensity.model import PropensityModel
from tabkit.propensity.updating.trials import UpdateTrials
from tabkit.table import Table
from tabkit.updates import KEEP


def flattered(
    model: PropensityModel, new: Table, found: UpdateTrials, strategy: str, training: TrainConfig
) -> list[str]:
    """Return warnings about leaks and copies, which make candidates look better than they are.

    Parameters
    ----------
    model
        The model as it was.
    new
        The new rows.
    found
        What the judging rows said.
    strategy
        The one that is used: its loss on rows that are no copies is told beside that of keeping the model.
    training
        The settings of the model's training.
    """
    columns, target = model.encoder.schema.names(), model.target
    said = asked(leaks_of(new, target, columns, known=training.encoding.known), "model")
    classes = target.task != "regression"
    copies = copies_of(found.learned, found.rows, target=target.name, classes=classes, columns=columns)
    if copies is None:
        return said
    told = f"{copies.text(judged='judging rows', learned='older new rows')}: who learned from these looks too good."
    rows, measure = ~copies.copied, measures_of(training)[0]
    others = replace(found.rows, frame=found.rows.frame.filter(rows))
    try:
        losses = {
            name: float(measure.function(found.y[rows], found.predictions[name][rows], weight=others.numbers("weight")))
            for name in dict.fromkeys([KEEP, strategy])
        }
    except FitError:
        return [*said, told]
    values = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
    return [*said, f"{told} On the {int(rows.sum()):,} others: {measure.name} {values}."]
