import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from tabkit import ConfigError, threads
from tabkit.frames import scan

NAMES = ("TABKIT_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run(code: str, *before: str, **settings: str) -> list[str]:
    """Return what a fresh interpreter says, with none of the variables but those given."""
    env = {name: value for name, value in os.environ.items() if name not in NAMES} | settings
    line = [*before, sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def group(root: Path, folder: str, **files: str) -> None:
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name.replace("cpu_", "cpu.", 1)).write_text(text + "\n")


@pytest.mark.parametrize(
    ("process", "folder", "files", "expected"),
    [
        ("0::/app", "app", {"cpu_max": "150000 100000"}, 1.5),
        ("0::/app", "app", {"cpu_max": "max 100000"}, None),
        ("0::/app/job", "app", {"cpu_max": "50000 100000"}, 0.5),
        ("0::/", "", {"cpu_max": "400000 100000"}, 4.0),
        ("0::/hidden/by/the/container", "", {"cpu_max": "200000 100000"}, 2.0),
        ("4:cpu,cpuacct:/app", "cpu,cpuacct/app", {"cpu_cfs_quota_us": "300000", "cpu_cfs_period_us": "100000"}, 3.0),
        ("4:cpu:/app", "cpu", {"cpu_cfs_quota_us": "-1", "cpu_cfs_period_us": "100000"}, None),
        ("4:cpu:/app", "cpu/app", {"cpu_cfs_quota_us": "100000", "cpu_cfs_period_us": "0"}, None),
        ("3:cpuset:/app", "cpu/app", {"cpu_cfs_quota_us": "100000", "cpu_cfs_period_us": "100000"}, None),
        ("0::/app", "app", {"cpu_max": "nonsense"}, None),
        ("0::/../other", "", {"cpu_max": "100000 100000"}, 1.0),
        ("no such line", "app", {"cpu_max": "100000 100000"}, None),
    ],
)
def test_the_share_that_control_groups_leave(tmp_path: Path, process, folder, files, expected):
    group(tmp_path / "groups", folder, **files)
    (tmp_path / "process").write_text(process + "\n")
    assert threads.quota(tmp_path / "groups", tmp_path / "process") == expected


def test_the_narrowest_group_counts(tmp_path: Path):
    group(tmp_path, "a", cpu_max="800000 100000")
    group(tmp_path, "a/b", cpu_max="200000 100000")
    group(tmp_path, "a/b/c", cpu_max="max 100000")
    (tmp_path / "process").write_text("1:name=systemd:/\n0::/a/b/c\n")
    assert threads.quota(tmp_path, tmp_path / "process") == 2.0
    assert threads.quota(tmp_path, tmp_path / "none") is None


@pytest.mark.parametrize(("share", "expected"), [(None, 8), (0.2, 1), (1.5, 2), (2.0, 2), (64.0, 8)])
def test_a_share_is_rounded_up_and_never_more_than_there_are(monkeypatch, share, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "quota", lambda: share)
    assert threads.available() == expected


_TOLD = """
import tabkit, os
from tabkit import threads
import polars as pl
print(threads.available(), threads.count(), threads.count(3), pl.thread_pool_size(), os.environ.get("OMP_NUM_THREADS"))
"""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="taskset is Linux's")
def test_one_processor_of_many_is_one_thread():
    one = str(min(os.sched_getaffinity(0)))
    assert run(_TOLD, "taskset", "-c", one) == ["1", "1", "3", "1", "None"]


def test_one_setting_is_for_all_and_a_library_s_own_wins():
    assert run(_TOLD, TABKIT_THREADS="5")[1:] == ["5", "3", "5", "5"]
    own = {"POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "4,2"}
    assert run(_TOLD, TABKIT_THREADS="5", **own)[1:] == ["4", "3", "2", "4,2"]


@pytest.mark.parametrize("name", ["POLARS_MAX_THREADS", "TABKIT_THREADS"])
@pytest.mark.parametrize("value", ["0", "many", "-1", "1.5", "1000000", "9" * 5_000])
def test_numbers_that_cannot_be_meant_are_told_before_work(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"{name}.*1 to 1,024") as caught:
        scan({"a": [1]})
    assert caught.value.advice


def test_the_command_tells_it_too(spawn, tmp_path: Path):
    for name in ("POLARS_MAX_THREADS", "TABKIT_THREADS"):
        done = spawn("history", tmp_path, "--json", env={**os.environ, name: "0"})
        assert (done.code, done.json["error"]["stage"]) == (2, "configuration")
        assert name in done.said
        assert "panicked" not in done.err
