"""Set a small network beside the trees on real flights: compare, fine-tune, and hand its hidden layer on.

The flights are those of `examples/flights.py` (extra `examples`), 60,000 of them drawn by chance; the network needs the
extra `neural`, its picture `dashboards`. It takes some three minutes. Run it with: python examples/network.py FOLDER
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import polars as pl
from flights import flights

from dashboards.reports.learning_curve import draw_curve
from pipelines import propensity
from tabkit import Roles
from tabkit.propensity.comparison import compare
from tabkit.propensity.model import PropensityModel

ROLES = Roles(id="flight_id", time="time_hour", target="late")
ROWS = 60_000


def main(folder: Path) -> None:
    """Print what was found, and draw the learning curve."""
    folder.mkdir(parents=True, exist_ok=True)
    table = flights().drop_nulls("late").sample(ROWS, seed=0).sort("time_hour")
    day, month = pl.col("date").dt, pl.col("date").dt.month()
    months = {
        name: part.drop("date", "month")
        for (name,), part in table.with_columns(day.weekday().alias("weekday"), month.alias("month"))
        .sort("time_hour")
        .group_by("month", maintain_order=True)
    }
    spring, summer, september, autumn = (_of(months, *span) for span in ((1, 5), (6, 8), (9, 9), (10, 12)))

    print("Late flights, January to August to learn from, the newest fifth of them held out:")
    network = propensity.train(pl.concat([spring, summer]), roles=ROLES, config={"model": "mlp", "compare": True})
    for score in network.evaluation.scores:
        if score.metric in ("log_loss", "auc"):
            print(f"  {score.metric:10}{('MLP' if score.model == 'model' else score.model):12}{score.value:.4f}")
    _say(network.evaluation.verdict())
    draw_curve(network, folder / "curve.png")

    print("\nFine-tuned with September, judged on October to December against the network as it was:")
    for freeze in ("hidden", "none"):
        tuned, _ = propensity.update(network, september, config={"freeze": freeze})
        _say(f"freeze={freeze!r}: " + compare(network, tuned, autumn).verdict())

    print("\nThe hidden layer as features: the network learns from January to May, the trees from June to August,")
    print("with and without its hidden layer, and October to December judge:")
    older = propensity.train(spring, roles=ROLES, config={"model": "mlp"})
    plain = propensity.train(summer, roles=ROLES)
    wide = propensity.train(_with_hidden(older, summer), roles=ROLES)
    found = compare(plain, wide, _with_hidden(older, autumn))
    _say(found.verdict())
    print(f"\nLook at:\n  {folder}/curve.png\n      the network's loss by epoch, and which weights were kept")


def _of(months: dict[int, pl.DataFrame], first: int, last: int) -> pl.DataFrame:
    """Return the flights of some months. The month itself is no feature: those to come are others."""
    return pl.concat([months[month] for month in range(first, last + 1)])


def _with_hidden(model: PropensityModel, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the last hidden layer of a network beside their columns."""
    hidden = model.embed(rows).collect()
    return rows.hstack(hidden.drop("flight_id"))


def _say(text: str) -> None:
    print(textwrap.fill(text, width=100, initial_indent="  ", subsequent_indent="  "))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/network"))
