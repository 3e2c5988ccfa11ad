from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tabkit.encoding import LogTarget, TableEncoder, Target
from tabkit.errors import ConfigError
from tabkit.target import TargetColumn

NEW = pl.DataFrame({"t": ["a", "b", "c", None, "new"]})
COUNTS = pl.DataFrame({"t": ["a", "a", "a", "b", "b", "c", None, None], "y": [1.0, 2.0, 6.0, 0.0, 0.0, 7.0, 4.0, 0.0]})
LABELS = pl.DataFrame({"t": ["a", "a", "a", "b", "b", "c", None, None], "y": [1, 1, 0, 0, 0, 1, 1, 0]})


def _encode(frame, *, target="y", folds=None, **options):
    folds = np.arange(frame.height) % 2 if folds is None else folds
    encoder = TableEncoder(default="drop", columns={"t": LogTarget(**options)})
    return encoder.fit_transform(frame, target=target, folds=folds)


def _new(frame, **options):
    return _encode(frame, **options).encoder.transform(NEW).to_series().to_numpy()


def _odds(p):
    return np.log(p / (1 - p))


def test_the_log_of_means():
    p, n = 2.5, np.array([3, 2, 1, 2])
    m = (np.array([9, 0, 7, 4]) + 2 * p) / (n + 2)
    np.testing.assert_allclose(_new(COUNTS, form="log", smoothing=2), np.log([*m, p]))


def test_the_log_odds_of_classes():
    p, n = 0.5, np.array([3, 2, 1, 2])
    m = (np.array([2, 0, 1, 1]) + 2 * p) / (n + 2)
    np.testing.assert_allclose(_new(LABELS, form="log-odds", smoothing=2), _odds(np.array([*m, p])))


def test_the_signed_log_of_any_number():
    frame = COUNTS.with_columns(pl.col("y") - 3)
    p, n = -0.5, np.array([3, 2, 1, 2])
    m = (np.array([0, -6, 4, -2]) + 2 * p) / (n + 2)
    expected = np.array([*m, p])
    expected = np.sign(expected) * np.log(1 + np.abs(expected))
    np.testing.assert_allclose(_new(frame, form="signed", smoothing=2), expected)


@pytest.mark.parametrize(("frame", "form"), [(COUNTS, "log"), (LABELS, "log-odds")])
def test_auto_takes_odds_for_classes_and_logs_for_numbers(frame, form):
    np.testing.assert_array_equal(_new(frame), _new(frame, form=form))


@pytest.mark.parametrize("smoothing", [0.5, 10, "auto"])
def test_without_guards_it_is_a_function_of_the_target_mean_also_out_of_fold(smoothing):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"t": rng.choice([*"abcd"], 400), "y": rng.gamma(2, 10, 400)})
    folds = rng.integers(0, 4, 400)
    columns = {"t": [Target(smoothing=smoothing), LogTarget(smoothing=smoothing)]}
    found = TableEncoder(default="drop", columns=columns).fit_transform(frame, target="y", folds=folds)
    assert found.features.columns == ["t by target", "t by log target"]
    for table in (found.features, found.encoder.transform(NEW)):
        np.testing.assert_allclose(table["t by log target"].to_numpy(), np.log(table["t by target"].to_numpy()))


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_pure_levels_are_what_one_more_row_of_the_prior_would_leave(rows):
    t, y = ["none"] * rows + ["all"] * rows + ["half"] * 20, [0] * rows + [1] * rows + [0, 1] * 10
    frame = pl.DataFrame({"t": t, "y": y})
    found = _encode(frame, smoothing=0).encoder.transform(pl.DataFrame({"t": ["none", "all", "half"]}))
    guarded = 0.5 / (rows + 1)
    np.testing.assert_allclose(found.to_series().to_numpy(), [_odds(guarded), -_odds(guarded), 0], atol=1e-12)


def test_a_level_of_zeros_has_a_finite_log():
    found = _new(COUNTS, form="log", smoothing=0)
    np.testing.assert_allclose(found, np.log([3, 2.5 / 3, 7, 2, 2.5]))


@pytest.mark.parametrize("smoothing", [0, 1e-300, "auto"])
@pytest.mark.parametrize("form", ["log", "log-odds", "signed"])
def test_nothing_is_ever_infinite(form, smoothing):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 300) * (1 if form == "log-odds" else 1e100)
    target = TargetColumn("y", "binary", ("0", "1")) if form == "log-odds" else TargetColumn("y", "regression")
    frame = pl.DataFrame({"t": rng.integers(0, 150, 300).astype(str), "y": y if form != "signed" else -y})
    found = _encode(frame, target=target, form=form, smoothing=smoothing, folds=rng.integers(0, 3, 300))
    for values in (found.features, found.encoder.transform(frame)):
        assert np.isfinite(values.to_series().to_numpy()).all()


@pytest.mark.parametrize("label", ["0", "1"])
def test_a_class_that_nobody_or_everybody_has_has_no_odds(label):
    frame = LABELS.with_columns(y=pl.lit(int(label)))
    target = TargetColumn("y", "binary", ("0", "1"))
    assert np.isnan(_new(frame, target=target, smoothing=0)).all()
    assert _encode(frame, target=target).features.null_count().item() == 8


def test_a_class_that_is_in_one_fold_only_has_no_odds_there_and_the_others_have():
    target = TargetColumn("y", "multiclass", ("0", "1", "2"))
    frame = LABELS.with_columns(y=pl.Series([0, 1, 1, 0, 2, 1, 2, 0]))
    features = _encode(frame, target=target).features
    assert features.columns == [f"t by log target={k}" for k in "012"]
    assert features["t by log target=2"].is_null().to_list() == [True, False] * 4
    assert features.drop("t by log target=2").null_count().row(0) == (0, 0)


def test_a_target_that_is_zero_in_all_other_folds_has_no_log_there():
    frame = COUNTS.with_columns(y=pl.Series([0.0, 1.0] * 4))
    features = _encode(frame, form="log", target=TargetColumn("y", "regression")).features
    assert features.to_series().is_null().to_list() == [False, True] * 4


def test_weights_count_in_the_guard():
    frame = pl.DataFrame({"t": [*"aabb"], "y": [0.0, 0.0, 4.0, 4.0], "w": [1.0, 2.0, 3.0, 6.0]})
    encoder = TableEncoder(default="drop", columns={"t": LogTarget(form="log", smoothing=0)})
    fitted = encoder.fit(frame, target=TargetColumn("y", "regression"), weight="w", folds=np.array([0, 1, 0, 1]))
    assert fitted.transform(NEW)[0, 0] == pytest.approx(np.log(3 / 4))


def test_the_log_of_negative_targets_is_refused_with_advice():
    with pytest.raises(ConfigError, match=r"'t'.*encoded.*'y'.*goes.*-3") as caught:
        _encode(COUNTS.with_columns(pl.col("y") - 3))
    assert "LogTarget(form='signed')" in str(caught.value)


def test_the_log_odds_of_numbers_are_refused_with_advice():
    with pytest.raises(ConfigError, match=r"'t'.*log-odds.*'y'") as caught:
        _encode(COUNTS, form="log-odds")
    assert "form='log', or form='signed'" in str(caught.value)


def test_of_several_targets_the_one_that_cannot_be_is_named():
    frame = COUNTS.with_columns(loss=-pl.col("y"))
    with pytest.raises(ConfigError, match="log of 'loss'"):
        _encode(frame, target=["y", "loss"])
    both = _encode(frame.with_columns(y=LABELS["y"], loss=pl.col("loss").abs()), target=["y", "loss"])
    assert both.features.columns == ["t by log y", "t by log loss"]


def test_negative_targets_of_later_rows_are_refused_too():
    encoder = _encode(COUNTS).encoder
    with pytest.raises(ConfigError, match="goes down to -1"):
        encoder.update(COUNTS.with_columns(y=pl.lit(-1.0)))


@pytest.mark.parametrize("options", [{"form": "ln"}, {"smoothing": -1}, {"smoothing": "eb"}])
def test_other_forms_and_smoothing_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        LogTarget(**options)
