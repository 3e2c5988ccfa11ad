"""A kill at any step on the disk leaves the old or the new, whole, and the next run removes what else it left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="forks, and looks at /proc")
KILLING = Path(__file__).with_name("killing.py")


@pytest.mark.parametrize(
    ("job", "before"),
    [("bundle", "absent"), ("overwrite", "old"), ("overwrite --in-two-steps", "old"), ("file", "old")],
)
def test_no_kill_loses_or_mixes_anything(job: str, before: str) -> None:
    ran = subprocess.run(
        [sys.executable, KILLING, *job.split()], capture_output=True, text=True, check=True, cwd=KILLING.parents[3],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    results = json.loads(ran.stdout)
    met = [result["met"] for result in results]
    assert len(met) >= 8
    assert met == sorted(met, key=[before, "new"].index)  # once the new one is there, it stays
    assert set(met) == {before, "new"}
    assert any(result["left"] > 1 for result in results) or before == "absent"
    assert {(result["then"], *result["last"]) for result in results} == {("new", "target")}
