"""Pages to explore at 10,000, 200,000 and 1,000,000 customers: size, time to open, and time until a brush is answered.

Customers have eight columns and a planted rule. A page is written with all rows, those held out too, opened in a real
Chromium, and brushed by mouse. Times are medians: from the start of loading until the plot stands, and from the mouse's
event until the numbers of all rows stand beside it (the slowest of a drag). What `tabkit explore` takes to suggest
rules and to write the page is shown too. Needs the extras `dashboards` and `dev`, chromium and chromium-driver.

    python benchmarks/explore.py [--rows 10000 200000 1000000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from browser import Browser, missing, started
from pages import PLANTED, READY, axis, customers, settled

from pipelines.jobs.explore import explore_job
from tabkit.predicates import from_dict
from tabkit.progress import Silent
from tabkit.rules import Rule, masks, overlap


def main() -> None:
    options = _options()
    reason = missing()
    if reason:
        sys.exit(reason)
    print(f"medians of {options.repeats}; seconds, MB; a brush in milliseconds\n")
    head = f"{'rows':>10}{'suggest and write':>20}{'size':>8}{'opens':>8}{'brush':>8}"
    print(f"{head}   first rule (shared with the planted one)")
    for rows in options.rows:
        _shown(rows, options.repeats)


def _shown(rows: int, repeats: int) -> None:
    frame = customers(rows)
    with tempfile.TemporaryDirectory() as folder:
        source, page = Path(folder) / "customers.parquet", Path(folder) / "page.html"
        frame.write_parquet(source)
        settings = {"source": str(source), "roles": {"target": "churned"}, "output": str(page), "embed_holdout": True}
        began = time.perf_counter()
        made = explore_job(settings, overwrite=True, progress=Silent())
        wrote = time.perf_counter() - began
        with started() as browser:
            opened = statistics.median(browser.time_to(page, READY) for _ in range(repeats))
            answers = statistics.median(_brushed(browser) for _ in range(repeats))
            first = browser.run("return window.tabkit.page.given.length ? window.tabkit.page.given[0].rule : null")
    shared, words = 0.0, "none"
    if first:
        found: Rule = from_dict(first, frame.schema)
        inside = masks([found, PLANTED], frame)
        shared, words = overlap(*inside).jaccard, found.text()
    size = made["bytes"] / 1e6
    print(f"{rows:>10,}{wrote:>20.1f}{size:>8.1f}{opened:>8.2f}{answers:>8.0f}   {words} ({shared:.0%})")


def _brushed(browser: Browser) -> float:
    """Brush an axis; return the milliseconds of the slowest answer, from the event to the numbers on the page."""
    browser.click("#clear")
    browser.run("document.documentElement.dataset.slowest = '0'")
    (x, top), (_, bottom) = axis(browser, "age")
    browser.drag((x, top + 0.55 * (bottom - top)), (x, top + 0.8 * (bottom - top)), steps=20, pause_seconds=0.02)
    settled(browser)
    return float(browser.run("return +document.documentElement.dataset.slowest"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 200_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
