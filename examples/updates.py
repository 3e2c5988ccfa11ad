"""Walk a model through a year of flights: each month is predicted, then used to bring the model up to date.

The model is trained on January 2013 and predicts February; then February's flights update it and it predicts March,
and so on to December: once by each strategy, and once as `tabkit update` would choose. The flights are those of
`examples/flights.py` (extra `examples`). It takes some minutes. Run it with: python examples/updates.py OUTPUT_FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl
from flights import flights

from dashboards.charts import model as model_charts
from dashboards.charts import rendering
from pipelines import propensity
from tabkit import Roles, metrics
from tabkit.propensity.comparison import compare
from tabkit.propensity.evaluation import Gain
from tabkit.updates import Trial

ROLES = Roles(id="flight_id", time="time_hour", target="late")
TRAINING = {"resamples": 200, "boosting": {"num_threads": 2}}
NAMES = {
    "auto": "as chosen",
    "keep": "keep",
    "recalibrate": "recalibrate",
    "refit": "refit",
    "extend": "extend",
    "retrain": "retrain on all so far",
}
AUC, LOSS = "ROC AUC", "log loss"


@dataclass(frozen=True)
class Month:
    """A month as a model met it.

    Parameters
    ----------
    name
        Such as 2013-02.
    y, predicted
        What came true, and what was said before.
    since_update
        The log loss less that of the model before its last update, with its interval; None before the first update.
    since_january
        The same against January's model.
    update
        What the month then did to the model, and what was said of it.
    """

    name: str
    y: np.ndarray
    predicted: np.ndarray
    since_update: Gain
    since_january: Gain
    update: Trial


def main(folder: Path) -> None:
    """Print the figures and draw them."""
    folder.mkdir(parents=True, exist_ok=True)
    months = by_month(flights().drop_nulls("late"))
    walks = {}
    for strategy, name in NAMES.items():
        print(f"walking: {name}", flush=True)
        walks[name] = list(walk(months, strategy))
    print("\nFebruary to December, all flights together:")
    for name, walked in walks.items():
        y, p = np.concatenate([m.y for m in walked]), np.concatenate([m.predicted for m in walked])
        mean = np.mean([metrics.auc(m.y, m.predicted) for m in walked])
        print(f"  {name:24} log loss {metrics.log_loss(y, p):.4f}   mean monthly AUC {mean:.4f}")
    print("\nWhat was chosen after each month, and how the next one judged it (log loss, 95% intervals):")
    print(f"  {'after':10}{'chosen':14}{'next, against the parent':30}{'next, against January'}")
    for month, following in zip(walks["as chosen"], walks["as chosen"][1:], strict=False):
        parent, january = map(shown, (following.since_update, following.since_january))
        print(f"  {month.name:10}{month.update.name:14}{parent:30}{january}")
    picture = folder / "updates.png"
    picture.write_bytes(rendering.png(drawn(by_metric(walks)), scale=1.5))
    print(f"\nLook at:\n  {picture}\n      AUC and log loss by month, and less those of January's model")


def by_month(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the flights of each month, oldest first; of the date the weekday alone: months to come have other days."""
    date = pl.col("date").dt
    ready = table.with_columns(date.strftime("%Y-%m").alias("month"), date.weekday().alias("weekday")).drop("date")
    return {str(name): part.drop("month") for (name,), part in sorted(ready.group_by("month"))}


def walk(months: Mapping[str, pl.DataFrame], strategy: str) -> Iterator[Month]:
    """Train on the first month; predict each later one, and then update the model with it."""
    (_, seen), *later = months.items()
    model = before = january = propensity.train(seen, roles=ROLES, config=TRAINING)
    for name, rows in later:
        y, predicted = rows["late"].cast(pl.Float64).to_numpy(), model.score(rows).collect()["score"].to_numpy()
        since_update, since_january = (compare(other, model, rows).gains[0] for other in (before, january))
        before = model
        reference = seen if strategy in ("retrain", "auto") else None
        model, report = propensity.update(model, rows, reference=reference, config={"strategy": strategy})
        used = next(candidate for candidate in report.candidates if candidate.name == report.strategy)
        yield Month(name, y, predicted, since_update, since_january, used)
        seen = pl.concat([seen, rows])


def shown(gain: Gain) -> str:
    """Write a difference with its interval."""
    return f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})" if gain.low != gain.high else "no difference"


def by_metric(walks: Mapping[str, list[Month]]) -> pl.DataFrame:
    """Return one row per walk, month and metric, the differences from keeping January's model among them."""
    found = pl.DataFrame(
        [
            (name, month.name, metric, function(month.y, month.predicted))
            for name, walked in walks.items()
            for month in walked
            for metric, function in ((AUC, metrics.auc), (LOSS, metrics.log_loss))
        ],
        schema=["model", "period", "metric", "value"],
        orient="row",
    )
    kept = pl.col("value").filter(pl.col("model") == NAMES["keep"]).first().over("period", "metric")
    less = found.with_columns(pl.col("value") - kept, pl.col("metric") + " less that of keep")
    none = pl.lit(None, pl.Float64)
    return pl.concat([found, less]).with_columns(none.alias("low"), none.alias("high"))


def drawn(frame: pl.DataFrame) -> alt.VConcatChart:
    """Draw the metrics over the months, and below them what each strategy gained."""
    parts = [
        model_charts.over_time(frame.filter(pl.col("metric") == metric), models=list(NAMES.values()))
        for metric in (AUC, LOSS, f"{AUC} less that of keep", f"{LOSS} less that of keep")
    ]
    rows = [alt.hconcat(*parts[:2], spacing=40), alt.hconcat(*parts[2:], spacing=40)]
    return alt.vconcat(*rows, spacing=30).resolve_scale(color="shared", strokeDash="shared")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/updates"))
