"""Draw the picture of the README from what `make demo` wrote.

python examples/picture.py out/flights examples/flights.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import altair as alt

from dashboards.charts import model as model_charts
from dashboards.charts import rendering
from pipelines import propensity, report


def main(folder: Path, picture: Path) -> None:
    """Put calibration, AUC by month and importance side by side."""
    page, _ = report.build_report(
        propensity.load(folder / "late"),
        folder / "flights-sep-dec.parquet",
        title="flights",
        training=folder / "flights-jan-aug.parquet",
    )
    drawn = [
        model_charts.roc(page.roc),
        model_charts.over_time(page.over_time),
        model_charts.importance(page.importance, top=10),
    ]
    titles = ["ROC, September to December", "AUC by month: the model ages", "What the trees used"]
    titled = [chart.properties(title=title) for chart, title in zip(drawn, titles, strict=True)]
    picture.write_bytes(rendering.png(alt.hconcat(*titled, spacing=40), scale=1.5))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
