"""A kill at any step on the disk leaves the old or the new, whole, and the next run removes what else it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="forks, and looks at /proc")
KILLING = ROOT / "tests" / "helpers" / "killing.py"


def kill(*job: str) -> list[dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, KILLING, *job], capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    results: list[dict[str, Any]] = json.loads(ran.stdout)
    assert {(result["then"], *result["last"]) for result in results} == {("new", "target")}
    return results


@pytest.mark.parametrize(
    ("job", "before", "steps"),
    [
        (["bundle"], "absent", 15),
        (["overwrite"], "old", 20),
        (["overwrite", "--in-two-steps"], "old", 25),
        (["file"], "old", 4),
        (["scores"], "absent", 7),
        (["scores again"], "old", 10),
    ],
)
def test_no_kill_loses_or_mixes_anything(job: list[str], before: str, steps: int) -> None:
    results = kill(*job)
    met = [result["met"] for result in results]
    assert len(met) >= steps
    assert met == sorted(met, key=[before, "new"].index)  # once the new one is there, it stays
    assert set(met) == {before, "new"}
    assert max(result["left"] for result in results) > (before == "old")


def test_a_folder_that_must_stay_says_meanwhile_which_files_are_new() -> None:
    met = [result["met"] for result in kill("scores again", "--one-by-one")]
    order = ["old", "1 of 2 are of new", "new"]
    assert met == sorted(met, key=order.index)
    assert set(met) == set(order)
