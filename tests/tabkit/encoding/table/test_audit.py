import numpy as np
import polars as pl
import pytest

from tabkit.encoding import LeaveOneOut, LogTarget, Numeric, OrderedTarget, TableEncoder, Target, WeightOfEvidence
from tabkit.encoding.table.audit import audited
from tabkit.encoding.table.fitted import FittedTable
from tabkit.errors import ConfigError
from tabkit.target import infer


def shops(rows: int = 6000, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    shop, effect = rng.integers(0, 300, rows), rng.normal(size=300) * 0.5
    score = effect[shop]
    return pl.DataFrame(
        {
            "shop": shop,
            "house": rng.integers(0, 1500, rows),
            "when": rng.permutation(rows),
            "weight": rng.uniform(0.5, 2, rows),
            "yes": (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(int),
            "tier": np.select([score + rng.normal(size=rows) > 0.7, rng.random(rows) < 0.5], ["a", "b"], "c"),
            "spend": score + rng.normal(size=rows),
        }
    )


def audit(specs, target, **options):
    others = [name for name in ("yes", "tier", "spend", "house", "when", "weight") if name not in options.values()]
    exclude = [name for name in others if name != target]
    return TableEncoder(default="drop", columns={"shop": specs}).audit(
        shops(), target=target, exclude=exclude, **options
    )


@pytest.mark.parametrize("options", [{}, {"weight": "weight"}, {"groups": "house"}, {"time": "when"}])
@pytest.mark.parametrize("target", ["yes", "tier", "spend"])
def test_cross_fitted_features_are_no_suspects(target, options):
    specs = [Target(), *([WeightOfEvidence(), LogTarget()] if target != "spend" else [])]
    found = audit(specs, target, **options)
    assert found.suspects == []
    assert found.features["moved"].max() <= 1e-9
    assert (found.rows, found.test_rows) == pytest.approx((4200, 1800), abs=10)


def test_leave_one_out_is_caught_and_ordered_encoding_is_not():
    found = audit([LeaveOneOut(), OrderedTarget()], "yes")
    assert found.suspects == ["shop by others' target"]
    assert found.features["moved"].max() <= 1e-9  # the flip alone would not have found it


@pytest.mark.parametrize("target", ["yes", "spend"])
def test_features_that_hold_their_own_target_are_caught(target):
    frame = shops().select("shop", target)
    known = infer(frame, target)

    def leak(rows: pl.DataFrame) -> tuple[FittedTable, pl.DataFrame]:
        fitted = TableEncoder(columns={"shop": Target(smoothing=0)}).fit(rows, target=known)
        return fitted, fitted.transform(rows)

    found = audited(leak, frame[:4200], frame[4200:], known, flips=[0, 1], seed=0)
    assert found.features["moved"][0] > 1e-3
    assert found.suspects == ["shop by target"]


def test_a_column_that_copies_the_target_moves_nothing_and_leads_on_both_sides():
    frame = shops().with_columns(copy=pl.col("yes").cast(pl.Float64))
    found = TableEncoder(default="drop", columns={"copy": Numeric()}).audit(frame, target="yes")
    assert found.features.select("auc_train", "auc_test").row(0) == (1.0, 1.0)
    assert found.suspects == []


def test_groups_and_encoders_by_single_rows_do_not_go_together():
    with pytest.raises(ConfigError, match="of the same group"):
        audit(LeaveOneOut(), "yes", groups="house")
