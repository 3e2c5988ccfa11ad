"""Long work beside a page."""

import threading
import time

import pytest

from dashboards.server.background import Background, CancelledError
from tabkit.errors import ConfigError, FitError


@pytest.fixture
def jobs():
    background = Background()
    yield background
    background.stop()


class Slow:
    """A job that a test leads by the hand: each step waits until it is let go."""

    def __init__(self, steps=3):
        self.steps, self.gate, self.reached = steps, threading.Semaphore(0), threading.Semaphore(0)
        self.ended_by = None

    def __call__(self, progress):
        try:
            with progress.task("walking", total=self.steps) as advance:
                for _ in range(self.steps):
                    self.reached.release()
                    assert self.gate.acquire(timeout=10)
                    advance(1)
        except BaseException as error:
            self.ended_by = error
            raise
        return {"steps": self.steps}


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_ctrl_c_inside_of_a_job_is_no_fault(capsys):
    def work(progress):
        raise KeyboardInterrupt

    jobs = Background()
    job = jobs.start(work)
    jobs.wait(job)
    assert jobs.state(job)["error"]["stage"] == "cancelled"
    assert capsys.readouterr().err == ""
    jobs.stop()


def test_a_job_tells_how_far_it_is_and_what_it_gave(jobs):
    slow = Slow()
    job = jobs.start(slow)
    assert slow.reached.acquire(timeout=10)
    assert jobs.state(job) == {"what": "walking", "done": 0, "total": 3, "running": True}
    slow.gate.release()
    assert slow.reached.acquire(timeout=10)
    assert jobs.state(job) == {"what": "walking", "done": 1, "total": 3, "running": True}
    slow.gate.release(2)
    jobs.wait(job, seconds=10)
    assert jobs.state(job) == {"what": "walking", "done": 3, "total": 3, "running": False, "result": {"steps": 3}}


def test_the_innermost_open_task_is_shown(jobs):
    seen = []

    def work(progress):
        with progress.task("outer", total=2) as outer:
            with progress.task("inner") as inner:
                inner(0.5)
                seen.append(jobs.state(job))
            outer(1)
            seen.append(jobs.state(job))
        return {}

    hold = threading.Event()
    job = jobs.start(lambda progress: hold.wait(10) and work(progress))
    hold.set()
    jobs.wait(job, seconds=10)
    assert [(state["what"], state["done"], state["total"]) for state in seen] == [("inner", 0.5, None), ("outer", 1, 2)]


def test_a_second_job_waits_for_the_first_to_end(jobs):
    slow = Slow(1)
    first = jobs.start(slow)
    assert slow.reached.acquire(timeout=10)
    with pytest.raises(ConfigError, match=r"one is running \(walking\)"):
        jobs.start(slow)
    slow.gate.release()
    until(lambda: not jobs.state(first)["running"])
    second = jobs.start(lambda _progress: {})  # as soon as the page has heard of the end
    jobs.wait(second, seconds=10)
    assert jobs.state(second)["result"] == {}
    with pytest.raises(ConfigError, match=r"last.*kept"):
        jobs.state(first)


def test_a_cancelled_job_ends_at_its_next_step(jobs):
    slow = Slow()
    job = jobs.start(slow)
    assert slow.reached.acquire(timeout=10)
    jobs.cancel(job)
    assert jobs.state(job)["running"]
    slow.gate.release()
    jobs.wait(job, seconds=10)
    assert isinstance(slow.ended_by, CancelledError)
    assert jobs.state(job)["error"]["stage"] == "cancelled"
    assert "result" not in jobs.state(job)


def test_work_that_catches_errors_does_not_catch_its_end(jobs):
    entered = threading.Event()

    def stubborn(progress):
        while True:
            try:
                with progress.task("trying") as advance:
                    entered.set()
                    advance(1)
            except Exception:
                continue

    job = jobs.start(stubborn)
    assert entered.wait(10)
    jobs.cancel(job)
    jobs.wait(job, seconds=10)
    assert not jobs.state(job)["running"]


def test_errors_are_told(jobs, capsys):
    def work(_progress):
        raise FitError("one class only", advice="take more rows")

    job = jobs.start(work)
    jobs.wait(job, seconds=10)
    assert jobs.state(job)["error"] == {"stage": "fitting", "problem": "one class only", "advice": "take more rows"}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit])
def test_faults_are_told_and_shown_in_the_terminal(jobs, capsys, kind):
    def work(_progress):
        raise kind("oh")

    job = jobs.start(work)
    jobs.wait(job, seconds=10)
    state = jobs.state(job)
    assert not state["running"]
    assert state["error"]["stage"] == "fault"
    assert state["error"]["problem"] == f"{kind.__name__}: oh"
    assert "Traceback" in capsys.readouterr().err


def test_after_the_stop_nothing_runs_and_nothing_starts(jobs):
    slow = Slow()
    job = jobs.start(slow)
    assert slow.reached.acquire(timeout=10)
    threading.Timer(0.05, slow.gate.release).start()
    jobs.stop()
    assert not jobs.state(job)["running"]
    with pytest.raises(ConfigError, match="stopping"):
        jobs.start(slow)


def test_the_stop_does_not_wait_for_ever():
    jobs, slow = Background(patience_seconds=0.05), Slow(1)
    job = jobs.start(slow)
    assert slow.reached.acquire(timeout=10)
    jobs.stop()
    assert jobs.state(job)["running"]
    slow.gate.release()
    jobs.wait(job, seconds=10)
