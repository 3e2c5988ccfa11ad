"""The network beside scikit-learn's, RealMLP and the trees, and what its hidden layer gives to the trees.

Means over 5 folds, the same for all; sets of fewer than 1,000 rows are divided four times, digits twice. Scikit-learn's
bundled tables (linnerud is left out: 20 rows, three targets), and from the folder that ``TABKIT_REFERENCE_DATA`` names
the bank's calls (without their duration, which leaks) and salaries of employees. The metric is AUC, one class against
the rest where there are several, and R2 for numbers; beside it the log loss, and the median of the seconds per fold.
Everybody has one thread and defaults:

- the network, as ``tabkit train`` fits it: 15 % of the rows stop it, then it is fitted again on all rows for as many
  epochs, with the temperature found. Text becomes codes, and above 10 levels its target mean too;
- scikit-learn's MLP on the same encoding, levels as columns of 0 and 1, a number's target standardised;
- RealMLP of pytabkit on the raw columns. It takes minutes for each fold of the large tables: with ``--keep`` results
  by fold are written to a folder and read from there again; delete a file to measure anew;
- LightGBM as tabkit fits it, stopped by the same rows and grown again on all.

The network passes if its mean is not below scikit-learn's, and not more than 1 % (AUC) or 2 % (R2) below RealMLP's.

The second table is about `tabkit.neural.embed`: LightGBM with hidden units beside its features, less LightGBM without
them, both fitted on the 85 % and stopped by the 15 %. ``same rows``: the network was fitted on the rows that the trees
learn from. ``halves``: the network on one half of them, the trees on the other; ``halves*`` subtracts LightGBM on that
same other half, which tells what the columns bring from what the lost rows cost. Last layers are of 128 units, or 32,
of one member or all four. Differences are paired by fold, with their standard error: standard deviation over the folds
divided by the root of their number (folds share rows, so that it is rather too small).

    python benchmarks/neural.py [--sets iris,wine] [--repeats 1] [--no-peers] [--no-embed] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor

from tabkit import boosting, neural, splits
from tabkit.boosting import BoostingConfig
from tabkit.encoding import Codes, Encoder, TableEncoder, Target
from tabkit.neural import MLPConfig, MLPModel
from tabkit.neural.inputs import fit_inputs
from tabkit.rows import Rows

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Found = dict[str, list[list[float]]]
"""By learner and fold: score, log loss, seconds."""

OURS, SKLEARN, REALMLP, TREES = "tabkit MLP", "sklearn MLP", "RealMLP", "LightGBM"
BUNDLED = ("iris", "wine", "breast_cancer", "digits", "diabetes")
LARGE = {"bank_additional": "y", "employee_salaries": "current_annual_salary"}
LAYERS = {"128": [128, 128], "32": [128, 32]}
LEVELS = 10
SLACK = {"AUC": 0.01, "R2": 0.02}


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its target: an index of the class, or a number."""

    name: str
    X: pl.DataFrame
    y: Floats
    objective: str

    @property
    def is_classes(self) -> bool:
        """Whether rows belong to classes."""
        return self.objective != "regression"

    @property
    def classes(self) -> list[str]:
        """The labels; none for numbers."""
        return [str(label) for label in range(int(self.y.max()) + 1)] if self.is_classes else []

    @property
    def metric(self) -> str:
        """What learners are judged by."""
        return "AUC" if self.is_classes else "R2"

    def folds(self, repeats: int) -> list[tuple[Index, Index]]:
        """Return rows to learn from and rows to score, 5 times per repeat."""
        divide = StratifiedKFold if self.is_classes else KFold
        found = [divide(5, shuffle=True, random_state=seed).split(self.X, self.y) for seed in range(repeats)]
        return [fold for folds in found for fold in folds]


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows to learn from, encoded out of fold, and rows to score; some of the former stop the training."""

    table: Table
    rows: Rows
    new: pl.DataFrame
    fit: Index
    stop: Index

    def part(self, index: Index, beside: pl.DataFrame | None = None) -> Rows:
        """Return some of the rows to learn from, with further columns."""
        features = self.rows.features if beside is None else self.rows.features.hstack(beside)
        return Rows(features[index], self.rows.y[index], categorical=self.rows.categorical)


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # the peers' own: epochs used up, settings that will change
    for name in ("lightning.pytorch", "pytorch_lightning", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if options.peers and importlib.util.find_spec("pytabkit") is None:
        print("pytabkit is not installed, RealMLP is left out: pip install 'tabkit-ml[bench]'")
        options.peers = False
    results = {}
    for name in options.sets.split(","):
        table = load(name)
        repeats = options.repeats or (4 if table.X.height < 1_000 else 2 if table.X.height < 5_000 else 1)
        results[name] = table, _measure(table, repeats, options)
    _print_learners(results)
    if options.embed:
        _print_embeddings(results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join([*BUNDLED, *LARGE]))
    parser.add_argument("--repeats", type=int, default=0, help="divisions into 5 folds; 0 goes by the rows")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave RealMLP out")
    parser.add_argument("--no-embed", dest="embed", action="store_false", help="leave hidden layers for trees out")
    parser.add_argument("--keep", type=Path, help="a folder for results by fold, which are read again")
    return parser.parse_args()


def load(name: str) -> Table:
    if name in BUNDLED:
        bunch = getattr(datasets, f"load_{name}")()
        X = pl.DataFrame({f"x{k:02d}": column for k, column in enumerate(bunch.data.T)})
        y = bunch.target.astype(np.float64)
        return Table(name, X, y, "regression" if name == "diabetes" else "binary" if y.max() == 1 else "multiclass")
    if "TABKIT_REFERENCE_DATA" not in os.environ:
        raise SystemExit(f"{name}: set TABKIT_REFERENCE_DATA to the folder of {name}.parquet, or choose other --sets")
    frame = pl.read_parquet(Path(os.environ["TABKIT_REFERENCE_DATA"]) / f"{name}.parquet")
    target, X = frame[LARGE[name]], frame.drop(LARGE[name])
    if name == "bank_additional":
        return Table(name, X.drop("duration"), (target == "yes").cast(pl.Float64).to_numpy(), "binary")
    days = pl.col("date_first_hired").str.to_date("%m/%d/%Y").dt.epoch("d")  # a number, as the peers want it
    return Table(name, X.with_columns(days), target.to_numpy(), "regression")


def _measure(table: Table, repeats: int, options: argparse.Namespace) -> Found:
    """Return the results of all learners, those of earlier runs included."""
    path = options.keep and options.keep / f"{table.name}.json"
    found: Found = json.loads(path.read_text()) if path and path.is_file() else {}
    for number, (train, test) in enumerate(table.folds(repeats)):
        for learner, run in _learners(table, train, options).items():
            if len(found.get(learner, [])) > number:
                continue
            for name, (prediction, seconds) in run(table, train, test).items():
                found.setdefault(name, []).append([*_scores(table, table.y[test], prediction), seconds])
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(found))
    return {name: results[: 5 * repeats] for name, results in found.items()}


def _learners(table: Table, train: Index, options: argparse.Namespace) -> dict[str, Callable[..., dict[str, Any]]]:
    """Return what measures each learner; that of the hidden layers goes by the first name that it gives."""
    stratify = table.y[train] if table.is_classes else None
    parts = splits.holdout(len(train), share=0.15, seed=1, stratify=stratify)

    def timed(learn: Callable[[Fold], Floats], *, for_network: bool) -> Callable[..., tuple[Floats, float]]:
        def run(table: Table, train: Index, test: Index) -> tuple[Floats, float]:
            fold = encoded(table, train, test, parts, for_network=for_network)
            started = time.perf_counter()
            return learn(fold), time.perf_counter() - started

        return run

    def embeddings(table: Table, train: Index, test: Index) -> dict[str, tuple[Floats, float]]:
        folds = [encoded(table, train, test, parts, for_network=is_network) for is_network in (True, False)]
        return {name: (prediction, 0.0) for name, prediction in _embeddings(*folds).items()}

    runs = {
        OURS: timed(_network, for_network=True),
        SKLEARN: timed(_scikit_learn, for_network=True),
        TREES: timed(_trees, for_network=False),
        **({REALMLP: _realmlp} if options.peers else {}),
    }
    named = {name: lambda *fold, name=name, run=run: {name: run(*fold)} for name, run in runs.items()}
    return {**named, "plain": embeddings} if options.embed else named


def encoded(table: Table, train: Index, test: Index, parts: splits.Holdout, *, for_network: bool) -> Fold:
    columns: dict[str, Encoder | list[Encoder]] = {}
    for name in table.X.columns if for_network else ():
        if table.X[name].dtype == pl.String:
            columns[name] = [Codes(), Target()] if table.X[name].n_unique() > LEVELS else Codes()
    frame = table.X[train].with_columns(pl.Series("target", table.y[train].astype(int if table.is_classes else float)))
    encoder, features = TableEncoder(columns=columns).fit_transform(frame, target="target")
    rows = Rows(features, table.y[train], categorical=encoder.categorical)
    return Fold(table, rows, encoder.transform(table.X[test]), parts.train, parts.test)


def _network(fold: Fold) -> Floats:
    stopped = _fit_network(fold, fold.fit)
    return neural.fit_again(stopped, fold.rows).predict(fold.new, num_threads=1)


def _fit_network(fold: Fold, index: Index, **settings: Any) -> MLPModel:
    config = MLPConfig(objective=fold.table.objective, num_threads=1, **settings)
    return neural.fit(fold.part(index), fold.part(fold.stop), config=config, classes=fold.table.classes)


def _scikit_learn(fold: Fold) -> Floats:
    y, inputs = fold.rows.y, fit_inputs(fold.rows, rare=MLPConfig().rare)

    def matrix(features: pl.DataFrame) -> NDArray[np.float32]:
        numbers, levels = inputs.batch(features)
        dummies = [np.eye(size, dtype=np.float32)[levels[:, k]] for k, size in enumerate(inputs.sizes)]
        return np.hstack([numbers, *dummies])

    X, new = matrix(fold.rows.features), matrix(fold.new)
    if fold.table.is_classes:
        return MLPClassifier(random_state=0).fit(X, y).predict_proba(new)
    return MLPRegressor(random_state=0).fit(X, (y - y.mean()) / y.std()).predict(new) * y.std() + y.mean()


def _realmlp(table: Table, train: Index, test: Index) -> tuple[Floats, float]:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor  # noqa: PLC0415  optional, and slow to import

    X = table.X.with_columns(pl.col(pl.String).fill_null("missing").cast(pl.Categorical)).to_pandas()
    settings = {"random_state": 0, "device": "cpu", "n_threads": 1}
    started = time.perf_counter()
    if table.is_classes:
        model = RealMLP_TD_Classifier(**settings).fit(X.iloc[train], table.y[train].astype(int))
        found = model.predict_proba(X.iloc[test])
    else:
        found = RealMLP_TD_Regressor(**settings).fit(X.iloc[train], table.y[train]).predict(X.iloc[test])
    return found, time.perf_counter() - started


def _trees(fold: Fold) -> Floats:
    config = BoostingConfig(objective=fold.table.objective, num_threads=1)
    stopped = boosting.fit(fold.part(fold.fit), fold.part(fold.stop), config=config, classes=fold.table.classes)
    if not stopped.trees:
        return stopped.predict(fold.new)
    config = config.model_copy(update={"max_trees": stopped.trees, "early_stopping_rounds": 0})
    return boosting.fit(fold.rows, config=config, classes=fold.table.classes).predict(fold.new)


def _embeddings(wide: Fold, fold: Fold) -> dict[str, Floats]:
    """Return what trees predict without and with hidden units; `wide` is the fold as encoded for the network."""
    classes = wide.table.is_classes
    halves = splits.holdout(len(fold.fit), share=0.5, seed=2, stratify=fold.rows.y[fold.fit] if classes else None)
    first, second = fold.fit[halves.train], fold.fit[halves.test]

    def grown(index: Index, network: MLPModel | None = None, members: int = 1) -> Floats:
        config = BoostingConfig(objective=fold.table.objective, num_threads=1)
        layer = new = None
        if network:
            layer, new = (
                neural.embed(network, rows, members=members, num_threads=1) for rows in (wide.rows.features, wide.new)
            )
        rows, stop = fold.part(index, layer), fold.part(fold.stop, layer)
        model = boosting.fit(rows, stop, config=config, classes=fold.table.classes)
        return model.predict(fold.new if new is None else fold.new.hstack(new))

    found = {"plain": grown(fold.fit), "plain half": grown(second)}
    for units, hidden in LAYERS.items():
        for way, learned, grows in (("same rows", fold.fit, fold.fit), ("halves", first, second)):
            network = _fit_network(wide, learned, hidden=hidden)
            for members in (1, 4):
                found[f"{way} {members}x{units}"] = grown(grows, network, members)
    return found


def _scores(table: Table, y: Floats, prediction: Floats) -> list[float]:
    if not table.is_classes:
        return [r2_score(y, prediction), 0.0]
    p = prediction[:, 1] if table.objective == "binary" and prediction.ndim == 2 else prediction
    return [roc_auc_score(y, p, multi_class="ovr"), log_loss(y, p)]


def _print_learners(results: dict[str, tuple[Table, Found]]) -> None:
    learners = (OURS, SKLEARN, REALMLP, TREES)
    print(f"\n{'':<18}{'rows':>7} {'':>4}" + "".join(f"{name:>13}" for name in learners) + "   less sklearn, RealMLP")
    for name, (table, found) in results.items():
        means = {learner: np.mean(values, axis=0) for learner, values in found.items()}
        seconds = {learner: np.median(values, axis=0) for learner, values in found.items()}
        ours = means[OURS][0]
        least = {SKLEARN: means[SKLEARN][0]}
        if REALMLP in means:
            least[REALMLP] = means[REALMLP][0] * (1 - SLACK[table.metric])
        verdicts = [
            f"{ours - means[peer][0]:+.4f} {'pass' if ours >= bound else 'FAIL'}" for peer, bound in least.items()
        ]
        print(f"{name:<18}{table.X.height:>7,} {table.metric:>4}" + _cells(means, 0) + "   " + "  ".join(verdicts))
        if table.is_classes:
            print(f"{'':<18}{'log loss':>12}" + _cells(means, 1))
        print(f"{'':<18}{'median s':>12}" + _cells(seconds, 2))


def _cells(by_learner: dict[str, Floats], k: int) -> str:
    digits = 1 if k == 2 else 4
    learners = (OURS, SKLEARN, REALMLP, TREES)
    return "".join(f"{by_learner[name][k]:>13.{digits}f}" if name in by_learner else f"{'':>13}" for name in learners)


def _print_embeddings(results: dict[str, tuple[Table, Found]]) -> None:
    sizes = [f"{members}x{units}" for units in LAYERS for members in (1, 4)]
    print("\nLightGBM with hidden units less LightGBM without, in thousandths of AUC or R2, and standard errors")
    print(f"{'':<18}{'':<11}" + "".join(f"{size:>22}" for size in sizes))
    for name, (_, found) in results.items():
        for way, base in (("same rows", "plain"), ("halves", "plain"), ("halves", "plain half")):
            label = way if base == "plain" else f"{way}*"
            cells = [_difference(found[f"{way} {size}"], found[base]) for size in sizes]
            print(f"{name:<18}{label:<11}" + "".join(f"{cell:>22}" for cell in cells))


def _difference(ours: list[list[float]], base: list[list[float]]) -> str:
    paired = 1_000 * (np.array(ours)[:, 0] - np.array(base)[:, 0])
    mean, error = paired.mean(), paired.std(ddof=1) / np.sqrt(len(paired))
    word = "worse" if mean < -error else "better" if mean > error else "same"
    return f"{mean:+.2f} ± {error:.2f} {word}"


if __name__ == "__main__":
    main()
