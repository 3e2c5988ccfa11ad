"""Target encoding of text: tabkit beside scikit-learn, category_encoders, feature-engine and polars-ds.

Five columns of 10 to 95,000 levels, skewed, and a binary target; all smooth with 10 pseudo-rows. What is compared:

- fitting and encoding the rows of the fit. tabkit and scikit-learn **cross-fit in 5 folds**, so that no row's target
  enters its own features; category_encoders, feature-engine and polars-ds do not, and do that much less;
- encoding as many new rows, of which 1 in 100 has a level never seen;
- one row at a time through an encoder of 100,000 levels;
- Parquet to Parquet through tabkit, out of memory, beside a copy of the same file.

Peers get what suits them: text as Python objects for scikit-learn and category_encoders, pandas' ``str`` for
feature-engine (each the faster of the two), Polars frames for polars-ds. All run as they do by default, with no limit
on cores. Every run has a process of its own, and the libraries take turns in both orders; quoted are medians. Making,
reading and converting the data does not count: memory is the peak above what the process held once it was ready
(outside Linux, above its peak until then). Before anything is timed, new rows are encoded by both and compared, to
1e-9; polars-ds weighs levels by a sigmoid, so it is compared with smoothing switched off in both.

    python benchmarks/encoding.py [--rows 2000000] [--sink-rows 12000000] [--repeats 3]
"""

# ruff: noqa: PLC0415  each process imports its own library alone, and the parent none: a child's peak starts at its
# parent's, and what another library holds is not to be counted.

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

LEVELS = {"channel": 10, "country": 100, "town": 1_000, "article": 20_000, "merchant": 95_000}
SMOOTHING = 10.0
FOLDS = 5
ONE_ROW_LEVELS = 100_000
_BLOCK = 500_000
_CALLS, _WARM_UP = 500, 20
_WORDS = ("Ashford", "Brook", "Carlton", "Drayton", "Elm", "Farnham", "Grove", "Harwood", "Ivy", "Kelso")
_TOLERANCE = 1e-9


class _Tabkit:
    module: ClassVar[str] = "tabkit"
    folds: ClassVar[int] = FOLDS

    def __init__(self, columns: list[str], smoothing: float = SMOOTHING) -> None:
        from tabkit.encoding import TableEncoder, Target

        chosen = {name: Target(smoothing=smoothing) for name in columns}
        self.columns, self.encoder = columns, TableEncoder(columns=chosen, default="drop", folds=self.folds)

    def read(self, path: Path) -> tuple[Any, Any]:
        import polars as pl

        return pl.read_parquet(path, columns=[*self.columns, "y"]), None

    def fit_transform(self, X: Any, y: Any) -> Any:  # noqa: ARG002
        return self.encoder.fit_transform(X, target="y").features

    def fit_folds(self, X: Any, y: Any, folds: Any) -> Any:  # noqa: ARG002
        return self.encoder.fit_transform(X, target="y", folds=folds).features

    def fit(self, X: Any, y: Any) -> None:  # noqa: ARG002
        self.fitted = self.encoder.fit(X, target="y")

    def transform(self, X: Any) -> Any:
        return self.fitted.transform(X)


class _Pandas:
    text: ClassVar[str] = "object"
    folds: ClassVar[int] = 0
    encoder: Any

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns

    def read(self, path: Path) -> tuple[Any, Any]:
        import pyarrow.parquet as pq

        # Through a dictionary, equal texts are one Python object: that is the faster case for a look-up.
        frame = pq.read_table(path, columns=[*self.columns, "y"], read_dictionary=self.columns).to_pandas()
        y = frame.pop("y")
        return frame.astype(self.text), y

    def fit_transform(self, X: Any, y: Any) -> Any:
        return self.encoder.fit_transform(X, y)

    def fit(self, X: Any, y: Any) -> None:
        self.encoder.fit(X, y)

    def transform(self, X: Any) -> Any:
        return self.encoder.transform(X)


class _ScikitLearn(_Pandas):
    module = "sklearn"
    folds = FOLDS

    def __init__(self, columns: list[str]) -> None:
        from sklearn.preprocessing import TargetEncoder

        super().__init__(columns)
        self.encoder = TargetEncoder(cv=self.folds, smooth=SMOOTHING)

    def fit_folds(self, X: Any, y: Any, folds: Any) -> Any:
        from sklearn.model_selection import PredefinedSplit

        return self.encoder.set_params(cv=PredefinedSplit(folds)).fit_transform(X, y)


class _CategoryEncoders(_Pandas):
    module = "category_encoders"

    def __init__(self, columns: list[str]) -> None:
        from category_encoders import MEstimateEncoder

        super().__init__(columns)
        self.encoder = MEstimateEncoder(m=SMOOTHING)


class _FeatureEngine(_Pandas):
    module = "feature_engine"
    text = "str"

    def __init__(self, columns: list[str]) -> None:
        from feature_engine.encoding import MeanEncoder

        super().__init__(columns)
        self.encoder = MeanEncoder(smoothing=SMOOTHING, unseen="encode")


class _PolarsDs:
    module: ClassVar[str] = "polars_ds"
    folds: ClassVar[int] = 0

    def __init__(self, columns: list[str], *, least: int = 20) -> None:
        self.columns, self.least = columns, least

    def read(self, path: Path) -> tuple[Any, Any]:
        import polars as pl

        return pl.read_parquet(path, columns=[*self.columns, "y"]), None

    def fit_transform(self, X: Any, y: Any) -> Any:
        self.fit(X, y)
        return self.transform(X)

    def fit(self, X: Any, y: Any) -> None:  # noqa: ARG002
        from polars_ds.pipeline import Blueprint

        steps = Blueprint(X, target="y").target_encode(
            self.columns, min_samples_leaf=self.least, smoothing=SMOOTHING, default="mean"
        )
        self.pipeline = steps.select(*self.columns).materialize()

    def transform(self, X: Any) -> Any:
        return self.pipeline.transform(X)


PEERS: dict[str, type[Any]] = {
    "tabkit": _Tabkit,
    "scikit-learn": _ScikitLearn,
    "category_encoders": _CategoryEncoders,
    "feature-engine": _FeatureEngine,
    "polars-ds": _PolarsDs,
}


def main() -> None:
    options = _options()
    if options.task:
        found = TASKS[options.task](Path(options.folder), options.peer)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sizes.json").write_text(json.dumps({"rows": options.rows, "sink": options.sink_rows}))
        levels = _run("make", folder)["levels"]
        print(f"{options.rows:,} rows, {os.cpu_count()} cores, levels found: {', '.join(f'{n:,}' for n in levels)}")
        peers = [peer for peer in PEERS if _is_there(peer)]
        _print_equality(folder, peers)
        for task, title in TITLES.items():
            _print_table(title, _rounds(task, folder, peers, 1 if task == "one_row" else options.repeats))
        _print_sink(folder, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rows", 2_000_000), ("sink-rows", 12_000_000), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ("task", "folder", "peer"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def _is_there(peer: str) -> bool:
    there = importlib.util.find_spec(PEERS[peer].module) is not None
    if not there:
        print(f"{peer} is not installed: pip install 'tabkit-ml[bench]'")
    return there


def _run(task: str, folder: Path, peer: str = "tabkit") -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", __file__, "--task", task, "--folder", str(folder), "--peer", peer]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode and peer == "tabkit":
        raise SystemExit(done.stderr)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def _rounds(task: str, folder: Path, names: list[str], repeats: int) -> dict[str, dict[str, Any]]:
    """Return the medians by name."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(repeats):
        for name in names if turn % 2 == 0 else names[::-1]:
            runs[name].append(_run(task, folder, name))
    return {name: _medians(found) for name, found in runs.items()}


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    failed = [run for run in runs if "failed" in run]
    return failed[0] if failed else {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def _print_equality(folder: Path, peers: list[str]) -> None:
    print("\nlargest difference to tabkit, on new rows and (where both cross-fit) out of fold in the same folds")
    for peer in peers[1:]:
        found = _run("verify", folder, peer)
        if "failed" in found:
            print(f"  {peer:<18} failed: {found['failed']}")
            continue
        listed = ", ".join(f"{what} {value:.1e}" for what, value in found.items())
        print(f"  {peer:<18} {listed}: {'equal' if max(found.values()) < _TOLERANCE else 'NOT EQUAL'}")


def _print_table(title: str, found: dict[str, dict[str, Any]]) -> None:
    ours, calls = found["tabkit"], "one row" in title
    scale, unit = (1e6, "us") if calls else (1, "s")
    memory = "" if calls else f" {'extra MiB':>10} {'ratio':>7} {'peak MiB':>9}"
    print(f"\n{title}\n  {'':<18} {unit:>9} {'ratio':>7}{memory}")
    for name, run in found.items():
        if "failed" in run:
            print(f"  {name:<18} failed: {run['failed']}")
            continue
        line = (
            f"  {name:<18} {run['seconds'] * scale:>9,.{0 if calls else 2}f} {run['seconds'] / ours['seconds']:>7.2f}"
        )
        if not calls:
            line += f" {run['extra']:>10,.0f} {run['extra'] / max(ours['extra'], 1):>7.2f} {run['peak']:>9,.0f}"
        print(line + ("   (not cross-fitted)" if "fit and" in title and not PEERS[name].folds else ""))


def _print_sink(folder: Path, options: argparse.Namespace) -> None:
    found = {name: [] for name in ("sink", "copy")}
    for turn in range(options.repeats):
        for task in ("sink", "copy") if turn % 2 else ("copy", "sink"):
            found[task].append(_run(task, folder))
    encode, copy = (_medians(found[task]) for task in ("sink", "copy"))
    print(
        f"\nParquet to Parquet, {options.sink_rows:,} rows, streaming engine, zstd, both with the fitted state loaded"
    )
    for name, run in (("scan, transform, sink", encode), ("scan, sink (a copy)", copy)):
        size = f"{run['columns']:.0f} columns, {run['mib']:,.0f} MiB on disk"
        print(f"  {name:<22} {run['seconds']:>7.2f} s, peak {run['peak']:>6,.0f} MiB, writes {size}")
    ratio = encode["seconds"] / copy["seconds"]
    above = encode["peak"] - copy["peak"]
    print(
        f"  encoding / copying: {ratio:.2f} in seconds, {encode['peak'] / copy['peak']:.2f} in peak ({above:+,.0f} MiB)"
    )


def _make(folder: Path, peer: str) -> dict[str, Any]:  # noqa: ARG001
    """Write the tables and the fitted state for the sink."""
    import numpy as np
    import polars as pl

    from tabkit.encoding import TableEncoder, Target
    from tabkit.encoding.table.saved import save

    sizes = json.loads((folder / "sizes.json").read_text())
    _write(folder / "train.parquet", sizes["rows"], seed=1)
    _write(folder / "new.parquet", sizes["rows"], seed=1_000, unseen=0.01)
    _write(folder / "sink.parquet", sizes["sink"], seed=2_000, unseen=0.01)
    codes = np.random.default_rng(3).permutation(np.repeat(np.arange(ONE_ROW_LEVELS), 2))
    names = _names("one", ONE_ROW_LEVELS)
    y = np.random.default_rng(4).integers(0, 2, len(codes))
    pl.DataFrame({"one": names.gather(codes), "y": y}).write_parquet(folder / "one_row.parquet")
    train = pl.read_parquet(folder / "train.parquet")
    columns = {name: Target(smoothing=SMOOTHING) for name in LEVELS}
    fitted = TableEncoder(columns=columns, default="auto").fit(train, target="y")
    save(fitted, folder / "fitted")
    return {"levels": [train[name].n_unique() for name in LEVELS]}


def _write(path: Path, rows: int, *, seed: int, unseen: float = 0) -> None:
    """Write rows block by block, so that memory does not grow with them."""
    import polars as pl

    parts = path.with_suffix(".parts")
    parts.mkdir()
    for i, start in enumerate(range(0, rows, _BLOCK)):
        frame = _block(min(_BLOCK, rows - start), seed=seed + i, unseen=unseen)
        frame.write_parquet(parts / f"{i:05d}.parquet")
    pl.scan_parquet(parts / "*.parquet").sink_parquet(path, compression="zstd", row_group_size=100_000)
    for part in parts.iterdir():
        part.unlink()
    parts.rmdir()


def _block(rows: int, *, seed: int, unseen: float) -> Any:
    """Return rows whose commonest level is 11 times as frequent as the rarest."""
    import numpy as np
    import polars as pl

    rng, truth = np.random.default_rng(seed), np.random.default_rng(0)  # the same truth in every block
    score, columns = np.full(rows, -1.5), {}
    for name, levels in LEVELS.items():
        share = 1 / (np.arange(levels) + levels / 10)
        codes = truth.permutation(levels)[rng.choice(levels, rows, p=share / share.sum())]
        score += truth.normal(scale=0.5, size=levels)[codes]
        codes = np.where(rng.random(rows) < unseen, levels + rng.integers(0, levels // 10, rows), codes)
        columns[name] = _names(name, levels + levels // 10).gather(codes)
    columns["amount"] = rng.gamma(2.0, 50.0, rows).round(2)
    columns["y"] = (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(np.int64)
    return pl.DataFrame(columns)


def _names(stem: str, levels: int) -> Any:
    import polars as pl

    # Multiplying by a number without a factor in common keeps them apart, in no order.
    return pl.Series(
        [f"{_WORDS[c % 10]} {_WORDS[c // 10 % 10]} {stem} {c * 7_919 % 1_000_003:06d}" for c in range(levels)]
    )


def _verify(folder: Path, peer: str) -> dict[str, Any]:
    """Return the largest differences between what tabkit and the peer make of the same rows."""
    import numpy as np

    columns, is_sigmoid = list(LEVELS), peer == "polars-ds"
    # So far beyond any number of rows the sigmoid is 1, which leaves the plain mean.
    ours, theirs = (
        _Tabkit(columns, 0.0 if is_sigmoid else SMOOTHING),
        PEERS[peer](columns, **{"least": -(10**9)} if is_sigmoid else {}),
    )
    made: list[dict[str, Any]] = []
    for library in (ours, theirs):
        X, y = library.read(folder / "train.parquet")
        library.fit(X, y)
        new = {"on new rows": np.asarray(library.transform(library.read(folder / "new.parquet")[0]))}
        if theirs.folds:
            new["out of fold"] = np.asarray(library.fit_folds(X, y, np.arange(len(X)) % FOLDS))
        made.append({what: values[:, : len(columns)].astype(float) for what, values in new.items()})
    differences = {what: np.abs(values - made[1][what]).max() for what, values in made[0].items()}
    return {what: float(np.nan_to_num(value, nan=np.inf)) for what, value in differences.items()}


def _fit_transform(folder: Path, peer: str) -> dict[str, Any]:
    library = PEERS[peer](list(LEVELS))
    X, y = library.read(folder / "train.parquet")
    return _measured(lambda: library.fit_transform(X, y))


def _transform(folder: Path, peer: str) -> dict[str, Any]:
    """Measure after a fit in the same process: what its allocator still holds is not counted again."""
    library = PEERS[peer](list(LEVELS))
    library.fit(*library.read(folder / "train.parquet"))
    X = library.read(folder / "new.parquet")[0]
    return _measured(lambda: library.transform(X))


def _one_row(folder: Path, peer: str) -> dict[str, Any]:
    library = PEERS[peer](["one"])
    X, y = library.read(folder / "one_row.parquet")
    library.fit(X, y)
    rows = [X[i : i + 1] for i in range(_CALLS + _WARM_UP)]
    seconds = []

    def calls() -> None:
        for row in rows:
            started = time.perf_counter()
            library.transform(row)
            seconds.append(time.perf_counter() - started)

    return {**_measured(calls), "seconds": statistics.median(seconds[_WARM_UP:])}


def _sink(folder: Path, peer: str, *, encode: bool = True) -> dict[str, Any]:  # noqa: ARG001
    from tabkit.encoding.table.saved import load
    from tabkit.frames import scan

    fitted, made = load(folder / "fitted"), folder / "made.parquet"
    frame = scan(folder / "sink.parquet").drop("y")

    def run() -> None:
        chosen = fitted.transform(frame) if encode else frame
        chosen.sink_parquet(made, compression="zstd", row_group_size=100_000, engine="streaming")

    found = _measured(run)
    return {**found, "columns": len(scan(made).collect_schema()), "mib": made.stat().st_size / 2**20}


def _copy(folder: Path, peer: str) -> dict[str, Any]:
    return _sink(folder, peer, encode=False)


def _measured(run: Callable[[], object]) -> dict[str, Any]:
    """Return the seconds, the peak, and what of it lies above what the process holds now."""
    _forget_peak()
    before = _peak_mib()
    started = time.perf_counter()
    kept = run()
    seconds = time.perf_counter() - started
    peak = _peak_mib()
    del kept
    return {"seconds": seconds, "peak": peak, "extra": peak - before}


def _forget_peak() -> None:
    """Give back what reading the data left behind, as far as the allocators let us, and begin a new peak."""
    gc.collect()
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


TASKS: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "make": _make,
    "verify": _verify,
    "fit_transform": _fit_transform,
    "transform": _transform,
    "one_row": _one_row,
    "sink": _sink,
    "copy": _copy,
}
TITLES = {
    "fit_transform": "fit and encode the rows of the fit",
    "transform": "encode new rows",
    "one_row": f"one row through {ONE_ROW_LEVELS:,} levels, median of {_CALLS} calls",
}


if __name__ == "__main__":
    main()
