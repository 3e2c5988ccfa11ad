import subprocess
import sys
import threading
import time

import pytest

from tabkit.boosting.thread_lock import ThreadLock

# Without the lock this ends in a segmentation fault within seconds.
STRESS = """
import threading, time
import numpy as np
import polars as pl
from tabkit.boosting import BoostingConfig, Rows, fit

rng = np.random.default_rng(0)
table = pl.DataFrame({f"x{i}": rng.normal(size=4000) for i in range(10)})
y = (table["x0"].to_numpy() > 0).astype(float)
config = BoostingConfig(objective="binary", max_trees=20, num_threads=2)
model = fit(Rows(table, y), config=config)
end = time.monotonic() + 12

def repeat(call):
    while time.monotonic() < end:
        call()

calls = [
    lambda: model.predict(table[:500], num_threads=1),
    lambda: model.predict(table[:500], num_threads=2),
    lambda: model.contributions(table[:64]),
    lambda: fit(Rows(table[:500], y[:500]), config=config),
]
threads = [threading.Thread(target=repeat, args=(call,)) for call in calls for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.slow
def test_threads_of_every_kind_survive_together():
    done = subprocess.run([sys.executable, "-c", STRESS], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def inside(kinds: list[int | None]) -> list[tuple[int | None, ...]]:
    """Send one thread of each kind through a lock again and again; return who was ever in it together."""
    lock, guard, present, seen = ThreadLock(), threading.Lock(), [], []

    def visit(kind: int | None) -> None:
        for _ in range(30):
            with lock.holding(kind):
                with guard:
                    present.append(kind)
                    seen.append(tuple(present))
                time.sleep(0.0005)
                with guard:
                    present.remove(kind)

    threads = [threading.Thread(target=visit, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
    return seen


def test_only_callers_of_one_kind_are_inside_together():
    seen = inside([1, 1, 2, 2, None, None])
    assert len(seen) == 180
    assert all(len(set(group)) == 1 for group in seen)
    assert all(group == (None,) for group in seen if None in group)


def test_callers_of_one_kind_do_not_wait_for_each_other():
    assert max(map(len, inside([1, 1, 1]))) > 1


def test_a_failure_inside_opens_the_lock_again():
    lock = ThreadLock()
    with pytest.raises(ValueError, match="inside"), lock.holding(1):
        raise ValueError("inside")
    with lock.holding(None):
        pass
    assert inside([None]) == [(None,)] * 30
