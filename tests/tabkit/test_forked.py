"""Real forks, each in a process of its own with a limit of time: without `forked` the children would wait for ever."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tabkit.forked import _is_worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of threads are told by what Linux lists")

_CHILD = """
import faulthandler, os, signal, sys
import numpy as np, polars as pl
from pipelines import lifetime_value, propensity, uplift
from tabkit.predictors import encode
from tabkit import TabkitError, boosting, bundle, frames
from tabkit.roles import Roles
from tabkit.rows import Rows

saved, table = sys.argv[1:]
faulthandler.register(signal.SIGALRM, chain=True)

def child(what, work):
    pid = os.fork()
    if not pid:
        signal.alarm(20)  # a child that waits for ever is ended, and shows where it waits
        try:
            said = repr(work())
        except TabkitError as error:
            said = f"{type(error).__name__}: {error}"
        print(f"{what}| {' '.join(said.split())}", flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""

_REFUSED = (
    _CHILD
    + """
model = propensity.load(saved)
frame = pl.read_parquet(table)
features = model.encoder.transform(frame)
x = Rows(features=features, y=np.ones(frame.height))
child("load", lambda: propensity.load(saved))
child("load uplift", lambda: uplift.load(saved))
child("score", lambda: model.score(frame).collect())
child("score a file", lambda: model.score(table).collect())
child("contributions", lambda: model.score(frame, contributions=2).collect())
child("transform", lambda: model.encoder.transform(frame))
child("predict", lambda: model.predictor.predict(features, num_threads=1))
child("boost", lambda: boosting.fit(x, config=boosting.BoostingConfig(objective="regression", max_trees=2)))
child("train", lambda: propensity.train(frame, roles=Roles(target="churned")))
child("encode", lambda: encode(frame, roles=Roles(target="churned")))
child("update", lambda: propensity.update(model, frame))
child("scan", lambda: frames.scan(table).collect())
child("fit lifetimes", lambda: lifetime_value.fit(table, config={"customer": "customer", "date": "seen_at"}))
child("grandchild", lambda: child("inner", lambda: propensity.load(saved)))
"""
)

_FINE = (
    _CHILD
    + """
import multiprocessing, subprocess
from tests_forked_worker import scored

child("after imports", lambda: propensity.load(saved).score(table).collect().height)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print("fork pool|", pool.starmap(scored, [(saved, table)] * 2), flush=True)
print("own|", propensity.load(saved).score(table).collect().height, flush=True)
for way in ("spawn", "forkserver"):
    with multiprocessing.get_context(way).Pool(1) as pool:
        print(f"{way}|", pool.apply(scored, (saved, table)), flush=True)
with multiprocessing.get_context("fork").Pool(1) as pool:
    try:
        pool.apply(scored, (saved, table))
    except TabkitError as error:
        print("late pool|", type(error).__name__, error.advice, flush=True)
subprocess.run([sys.executable, "-c", "import sys; print('subprocess|', 1)"], check=True, preexec_fn=os.getpid)
print("after|", propensity.load(saved).score(table).collect().height)
"""
)

_WORKER = """
from pipelines import propensity

def scored(saved, table):
    return propensity.load(saved).score(table).collect().height
"""


def run(code: str, folder: Path, *arguments: object) -> dict[str, str]:
    (folder / "tests_forked_worker.py").write_text(_WORKER)
    script = folder / "script.py"
    guarded = code.replace("\n", "\n    ")
    script.write_text(f"if __name__ == '__main__':\n    {guarded}")
    line = [sys.executable, "-W", "ignore", str(script), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "most recent call" not in done.stderr, done.stderr
    return dict(line.split("| ", 1) for line in done.stdout.splitlines())


@pytest.fixture
def table(customers: pl.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "customers.parquet"
    customers.head(300).write_parquet(path)
    return path


def test_each_entry_says_at_once_that_the_threads_are_gone(saved: Path, table: Path, tmp_path: Path):
    found = run(_REFUSED, tmp_path, saved, table)
    assert len(found) == 15, found.keys()
    assert {
        what: said for what, said in found.items() if not said.startswith("ForkError") and what != "grandchild"
    } == {}
    assert found["grandchild"] == "None"
    assert "do not survive a fork" in found["score"]
    assert "spawn" in found["score"]
    assert "--preload" in found["score"]


def test_a_fork_before_any_work_and_a_new_start_of_python_compute(saved: Path, table: Path, tmp_path: Path):
    found = run(_FINE, tmp_path, saved, table)
    assert found["after imports"] == found["own"] == found["after"] == "300"
    assert found["fork pool"] == "[300, 300]"
    assert found["spawn"] == found["forkserver"] == "300"
    assert found["late pool"].startswith("ForkError")
    assert "post_fork" in found["late pool"]
    assert found["subprocess"] == "1"


@pytest.mark.parametrize(
    ("name", "pool", "expected"),
    [
        ("polars-0", "polars-", True),
        ("polars-17", "polars-", True),
        ("polars-ooc-clea", "polars-", False),
        ("python", "polars-", False),
        ("mine-3", "mine-", True),
        ("a-very-long-nam", "a-very-long-name-", True),
    ],
)
def test_a_worker_of_polars_is_told_by_its_name(name: str, pool: str, expected: bool):
    assert _is_worker(name, pool) is expected


def test_trees_alone_are_told_too(tmp_path: Path):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).random((3000, 5)))
    code = (
        _CHILD
        + """
x = np.load(table)["x"]
from tabkit.boosting.thread_lock import LIGHTGBM
with LIGHTGBM.holding(None):
    pass
def again():
    with LIGHTGBM.holding(1):
        return "waited"
child("lightgbm", again)
"""
    )
    assert run(code, tmp_path, "none", tmp_path / "x.npz")["lightgbm"].startswith("ForkError")
