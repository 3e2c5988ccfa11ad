"""Use the installed wheel as a new user would; any surprise ends the script with an error."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

from pipelines import propensity
from tabkit import Roles

EXTRAS = ("torch", "pymc", "causalml", "hiplot", "altair", "pandas", "pytest")


def main() -> None:
    for name in ("tabkit", "pipelines", "dashboards"):
        folder = Path(importlib.util.find_spec(name).origin).parent
        assert "site-packages" in folder.parts, folder
        assert (folder / "py.typed").is_file(), name
    present = [name for name in EXTRAS if importlib.util.find_spec(name)]
    assert not present, f"a core install should not bring {present}"
    customers(4_000, seed=1).write_parquet("customers.parquet")
    Path("new").mkdir()
    for part in range(2):
        customers(500, seed=2 + part).drop("churned").write_parquet(f"new/{part}.parquet")

    roles = ["--target", "churned", "--id", "customer", "--time", "day"]
    trained = tabkit("train", "customers.parquet", *roles, "-o", "models/churn")
    auc = next(s for s in trained["metrics"]["scores"] if s["model"] == "model" and s["metric"] == "auc")
    assert auc["value"] > 0.7, auc
    scored = tabkit("score", "models/churn", "new/0.parquet", "new/1.parquet", "-o", "scores/", "--contributions", "2")
    assert scored["rows"] == 1_000, scored
    scores = pl.read_parquet("scores/*.parquet")
    assert scores.columns[:2] == ["customer", "score"], scores.columns
    assert scores["score"].is_between(0, 1).all()
    inspected = tabkit("inspect", "models/churn")
    assert inspected["importance"][0]["gain"] > 0
    refused = tabkit("train", "customers.parquet", "--target", "gone", "-o", "models/other", code=2)
    assert "gone" in refused["error"]["problem"], refused
    python_face()
    print(f"smoke test passed: AUC {auc['value']:.3f} on {trained['metrics']['rows']} held-out rows")


def customers(rows: int, *, seed: int) -> pl.DataFrame:
    """Make customers whose churn depends on plan, age and city in a known way."""
    rng = np.random.default_rng(seed)
    age, plan, city = rng.integers(18, 90, rows), rng.integers(0, 3, rows), rng.integers(0, 40, rows)
    score = 0.04 * (age - 54) + np.array([-1.0, 0.0, 1.5])[plan] + 0.5 * np.sin(city)
    days = pl.date_range(pl.date(2025, 1, 1), pl.date(2025, 12, 31), eager=True)
    return pl.DataFrame(
        {
            "customer": np.arange(rows) + seed * 1_000_000,
            "day": days.gather(np.sort(rng.integers(0, len(days), rows))),
            "age": age,
            "plan": [("basic", "plus", "pro")[i] for i in plan],
            "city": [f"city {i}" for i in city],
            "churned": rng.random(rows) < 1 / (1 + np.exp(-score)),
        }
    )


def tabkit(*arguments: str, code: int = 0) -> dict:
    command = [Path(sys.executable).parent / "tabkit", *arguments, "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def python_face() -> None:
    model = propensity.train("customers.parquet", roles=Roles(id="customer", target="churned"))
    model.save("models/again")
    propensity.load("models/again").score("new/*.parquet").sink_parquet("all.parquet")
    assert pl.read_parquet("all.parquet").height == 1_000


main()
