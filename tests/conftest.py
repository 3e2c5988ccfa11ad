"""What many tests share: a table of customers whose truth is known, a model of it, and the command."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines import propensity
from pipelines.cli.app import main
from tabkit.propensity.model import PropensityModel
from tabkit.roles import Roles

FEATURES = ["plan", "city", "age", "spend", "calls", "active", "joined"]
QUICK: dict[str, Any] = {
    "resamples": 20,
    "boosting": {"num_threads": 1, "max_trees": 40, "learning_rate": 0.2, "min_data_in_leaf": 10},
}


def make_customers(rows: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Return customers; `truth` is the probability that one churns, everything else could be observed."""
    rng = np.random.default_rng(seed)
    plan = rng.choice(["basic", "family", "pro", "student"], rows, p=[0.5, 0.25, 0.15, 0.1])
    city = np.minimum(rng.geometric(0.06, rows) - 1, 59)
    age, spend, calls = rng.integers(18, 80, rows), rng.gamma(2, 30, rows).round(2), rng.poisson(1.5, rows)
    active, months = rng.random(rows) < 0.7, rng.integers(1, 25, rows)
    score = -1 + 1.4 * (plan == "student") - 0.8 * (plan == "pro") + 0.05 * (city - 15) + 0.6 * calls - active
    truth = 1 / (1 + np.exp(-score))
    hours = np.sort(rng.integers(0, 24 * 365, rows))
    table = pl.DataFrame(
        {
            "customer": [f"{i + 10_000 * seed:06d}" for i in range(rows)],
            "seen_at": [datetime(2024, 1, 1) + timedelta(hours=int(h)) for h in hours],
            "plan": plan,
            "city": [f"city {i:02d}" for i in city],
            "age": age,
            "spend": spend,
            "calls": calls,
            "active": active,
            "joined": [date(2020, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 1400, rows)],
            "household": [f"h{i}" for i in rng.integers(0, max(rows // 3, 1), rows)],
            "trust": rng.uniform(0.5, 2, rows),
            "months": months,
            "churned": rng.random(rows) < truth,
            "segment": np.where(
                spend + 10 * calls + rng.normal(0, 15, rows) > 90, "gold", np.where(active, "lively", "quiet")
            ),
            "value": 20 + 0.5 * spend - 3 * calls + rng.normal(0, 5, rows),
            "claims": rng.poisson(0.05 * months * np.exp(0.4 * calls - 0.5)),
            "bill": rng.gamma(4, months * np.exp(0.4 * calls) / 4) + 0.01,
            "truth": truth,
        }
    )
    hidden = [("plan", 0.05), ("city", 0.05), ("age", 0.1), ("spend", 0.1)]
    return table.with_columns(
        pl.when(pl.Series(rng.random(rows) < share)).then(None).otherwise(pl.col(name)).alias(name)
        for name, share in hidden
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest tests where several workers share them, or one would end long after the other."""
    if hasattr(config, "workerinput"):
        items.sort(key=_seconds, reverse=True)


def _seconds(item: pytest.Item) -> float:
    """Return what `slow(seconds=...)` says of a test: about as long as it takes, where that is long."""
    mark = item.get_closest_marker("slow")
    return float(mark.kwargs.get("seconds", 0)) if mark else 0.0


@pytest.fixture(scope="session")
def make() -> Callable[..., pl.DataFrame]:
    """The maker itself, for tests that want other rows or another seed."""
    return make_customers


@pytest.fixture(scope="session")
def customers() -> pl.DataFrame:
    """2,000 rows to train on: id, time, features and `churned`."""
    return make_customers().select("customer", "seen_at", *FEATURES, "churned")


@pytest.fixture(scope="session")
def newcomers() -> pl.DataFrame:
    """500 further rows without a target."""
    return make_customers(500, seed=1).select("customer", "seen_at", *FEATURES)


@pytest.fixture(scope="session")
def roles() -> Roles:
    return Roles(id="customer", time="seen_at", target="churned")


@pytest.fixture(scope="session")
def quick() -> dict[str, Any]:
    """Settings that train in a fraction of a second."""
    return QUICK


@pytest.fixture(scope="session")
def model(customers: pl.DataFrame, roles: Roles) -> PropensityModel:
    return propensity.train(customers, roles=roles, config=QUICK)


@pytest.fixture(scope="session")
def saved(model: PropensityModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as a bundle; tests that change it take a copy."""
    path = tmp_path_factory.mktemp("shared") / "model"
    model.save(path)
    return path


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Standard error as one line, however it was broken."""
        return " ".join(self.err.split())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command in this process: quick, and open to monkeypatching."""

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["tabkit", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        return Done(int(end.value.code or 0), shown.out, shown.err)

    return call


@pytest.fixture(scope="session")
def command() -> list[str]:
    """How a process of its own is started: the installed command, or its entry point where none is installed."""
    installed = Path(sys.executable).parent / "tabkit"
    return [str(installed)] if installed.exists() else [sys.executable, "-c", "from pipelines.cli import main; main()"]


@pytest.fixture(scope="session")
def after() -> Callable[[str], list[str]]:
    """What to put before a command so that its process runs a line of Python first, for limits and signals."""

    def start(line: str) -> list[str]:
        return [sys.executable, "-c", f"{line}\nimport os, sys\nos.execv(sys.argv[1], sys.argv[1:])"]

    return start


@pytest.fixture(scope="session")
def spawn(command: list[str], after: Callable[[str], list[str]]) -> Callable[..., Done]:
    """The command in a process of its own."""

    def call(*arguments: object, first: str = "", **options: Any) -> Done:
        line = [*(after(first) if first else []), *command, *map(str, arguments)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False, **options)
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that users without rights can read too, which pytest's own ones are not."""
    folder = Path(tempfile.mkdtemp(prefix="tabkit-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Gives up root's right to write everywhere for a while."""

    @contextlib.contextmanager
    def drop() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop
