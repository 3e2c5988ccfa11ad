"""See which flights are late, find rules, prove them on later flights, and ask whether a model needs them.

Rules are searched for on flights of January to August 2013, of which the newest three in ten are held out; then they
are measured on September to December. Needs the extras `dashboards` and `examples`. Run it with:
python examples/explore.py OUTPUT_FOLDER [PICTURE.png]. The picture needs Chromium or Chrome.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
from flights import flights

from tabkit.rules import read

# A date would only name the days of storms.
ROLES = ("--target", "late", "--id", "flight_id", "--time", "time_hour", "--exclude", "date")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(folder: Path, picture: Path | None = None) -> None:
    """Write flights, rules and a page to explore into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    known = flights().drop_nulls("late")
    early = pl.col("date").dt.month() <= 8
    known.filter(early).write_parquet(folder / "flights-jan-aug.parquet")
    known.filter(~early).write_parquet(folder / "flights-sep-dec.parquet")
    seen, later, rules = folder / "flights-jan-aug.parquet", folder / "flights-sep-dec.parquet", folder / "late.toml"

    tabkit("rules", "suggest", str(seen), *ROLES, "-o", str(rules), "--overwrite")
    tabkit("rules", "score", str(rules), str(later), *ROLES)
    tabkit("rules", "worth", str(rules), str(seen), *ROLES)
    page = folder / "explore.html"
    tabkit("explore", str(seen), *ROLES, "--holdout", "-o", str(page), "--overwrite")
    print(f"\nOpen {page} in a browser, or brush on a server that saves your rules:")
    print(f"  tabkit explore {seen} {' '.join(ROLES)} --serve --rules {rules}")
    if picture is not None:
        with tempfile.TemporaryDirectory() as place:
            shown = Path(place) / "page.html"
            name = first_rule(rules)
            options = ("--no-suggest", "--rules", str(rules), "--show", name, "--title", "Late flights, New York 2013")
            tabkit("explore", str(seen), *ROLES, *options, "--holdout", "-o", str(shown))
            photograph(shown, picture, profile=Path(place) / "profile")


def first_rule(rules: Path) -> str:
    """Return the name of the best rule of a file."""
    return read(rules).rules[0].name


def tabkit(*arguments: str) -> None:
    """Run the command as a user would, and stop where it fails."""
    print(f"\n$ tabkit {' '.join(arguments)}\n", flush=True)
    subprocess.run([str(Path(sys.executable).with_name("tabkit")), *arguments], check=True)


def photograph(page: Path, picture: Path, *, profile: Path) -> None:
    """Save what a browser shows of a page."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("No picture: there is no Chromium or Chrome here.")
        return
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}")
    size = ("--window-size=1500,1180", "--virtual-time-budget=8000")
    subprocess.run(
        [browser, *flags, *size, f"--screenshot={picture.resolve()}", page.resolve().as_uri()],
        check=True,
        capture_output=True,
        timeout=120,
    )
    print(f"Wrote {picture}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/explore"), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
