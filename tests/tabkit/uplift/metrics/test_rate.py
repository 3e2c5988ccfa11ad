from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from scipy.integrate import quad

from tabkit.errors import ConfigError, FitError
from tabkit.uplift.metrics.rate import autoc, rate_qini, toc_curve
from tabkit.uplift.metrics.ties import blocks, falling


def gain_by_hand(effect, score, weight):
    """Return the corners of the gain curve, counted anew for each threshold."""
    shares, gains = [0.0], [0.0]
    for threshold in np.unique(score)[::-1]:
        top = score >= threshold
        shares.append(weight[top].sum() / weight.sum())
        gains.append((weight * effect)[top].sum() / weight.sum())
    return np.array(shares), np.array(gains)


def integral(function, corners):
    return sum(quad(function, a, b, epsabs=1e-13)[0] for a, b in pairwise(corners) if b > a)


@pytest.fixture(params=["distinct", "tied", "weighted", "counts"])
def sample(request):
    rng = np.random.default_rng(3)
    effect, score, weight = rng.normal(2, 3, size=60), rng.normal(size=60), np.ones(60)
    if request.param != "distinct":
        score = np.round(score)
    if request.param == "weighted":
        weight = rng.gamma(1, size=60)
    if request.param == "counts":
        weight = rng.poisson(0.7, size=60).astype(float)
        weight[score == score.max()] = 0
    return effect, score, weight


def test_both_metrics_are_the_integrals_of_the_definition(sample):
    effect, score, weight = sample
    shares, gains = gain_by_hand(effect, score, weight)
    average = gains[-1]

    def toc(q):
        return np.interp(q, shares, gains) / q - average

    assert rate_qini(effect, score, weight=weight) == pytest.approx(integral(lambda q: q * toc(q), shares), abs=1e-10)
    assert autoc(effect, score, weight=weight) == pytest.approx(integral(toc, shares), abs=1e-10)


def test_the_curve_is_that_of_the_definition(sample):
    effect, score, weight = sample
    shares, gains = gain_by_hand(effect, score, weight)
    kept = np.append(np.diff(shares[1:]) > 0, True) & (shares[1:] > 0)
    curve = toc_curve(effect, score, weight=weight)
    np.testing.assert_allclose(curve.share, shares[1:][kept])
    np.testing.assert_allclose(curve.gain, gains[1:][kept], atol=1e-12)
    np.testing.assert_allclose(curve.toc, gains[1:][kept] / shares[1:][kept] - gains[-1], atol=1e-12)


@pytest.mark.parametrize("metric", [rate_qini, autoc])
def test_a_tie_has_the_mean_of_its_orders(metric):
    # Integrals are linear in the gains, and the straight line is their mean, up to the steps of single rows.
    rng = np.random.default_rng(4)
    effect, score = rng.normal(size=400), np.repeat([4.0, 3, 2, 1], 100)
    found = [metric(effect, score + rng.random(400) / 2) for _ in range(2000)]
    assert metric(effect, score) == pytest.approx(np.mean(found), abs=4 * np.std(found) / 2000**0.5)


@pytest.mark.parametrize("metric", [rate_qini, autoc])
def test_what_changes_nothing_and_what_changes_the_unit(metric):
    rng = np.random.default_rng(5)
    effect, score = rng.normal(size=500), rng.integers(0, 30, 500)
    found = metric(effect, score)
    order = rng.permutation(500)
    assert metric(effect[order], score[order]) == pytest.approx(found, rel=1e-12)
    assert metric(effect, np.exp(score / 10)) == pytest.approx(found, rel=1e-12)
    assert metric(effect + 1e6, score) == pytest.approx(found, rel=1e-7)
    assert metric(-3 * effect, score) == pytest.approx(-3 * found, rel=1e-12)
    assert metric(effect, score, weight=np.full(500, 0.3)) == pytest.approx(found, rel=1e-12)
    repeated = metric(np.repeat(effect, 2), np.repeat(score, 2))
    assert repeated == pytest.approx(found, rel=1e-12)
    assert metric(pl.Series(effect), pl.Series(score)) == found


@pytest.mark.parametrize("metric", [rate_qini, autoc])
def test_whole_weights_are_repeated_rows(metric):
    rng = np.random.default_rng(6)
    effect, score, count = rng.normal(size=300), rng.integers(0, 20, 300), rng.integers(0, 4, 300)
    repeated = metric(np.repeat(effect, count), np.repeat(score, count))
    assert metric(effect, score, weight=count) == pytest.approx(repeated, rel=1e-10)


@pytest.mark.parametrize("metric", [rate_qini, autoc])
def test_equal_scores_are_exactly_zero(metric):
    effect = np.random.default_rng(7).lognormal(5, 2, size=100_001)
    assert metric(effect, np.full(100_001, 0.1)) == 0
    assert metric([5.0], [1.0]) == 0


@pytest.mark.parametrize("levels", [None, 3, 5000])
def test_blocks_of_rows_change_nothing(levels):
    rng = np.random.default_rng(8)
    score = rng.random(100_000) if levels is None else rng.integers(0, levels, 100_000).astype(float)
    effect = rng.normal(size=100_000) + score / score.max()
    shares, gains = gain_by_hand_fast(effect, score)
    area = np.trapezoid(gains, shares) - gains[-1] / 2
    assert rate_qini(effect, score) == pytest.approx(area, rel=1e-9)
    runs = falling(score)
    rows = [block.rows for block in blocks(runs, size=1000)]
    assert [rows[0].start, rows[-1].stop] == [0, 100_000]
    assert all(a.stop == b.start for a, b in pairwise(rows))
    ranked = score[runs.order]
    assert all(ranked[a.stop - 1] > ranked[a.stop] for a in rows[:-1])


def gain_by_hand_fast(effect, score):
    codes = np.unique(-score, return_inverse=True)[1]
    sizes, sums = np.bincount(codes), np.bincount(codes, weights=effect)
    return np.append(0, np.cumsum(sizes)) / score.size, np.append(0, np.cumsum(sums)) / score.size


def test_the_truth_of_a_linear_effect():
    # With an effect 2 x of x uniform, TOC(q) = 1 - q: the areas are 1 / 2 and 1 / 6.
    rng = np.random.default_rng(9)
    x = rng.random(400_000)
    effect = 2 * x + rng.normal(size=400_000)
    assert autoc(effect, x) == pytest.approx(1 / 2, abs=0.01)
    assert rate_qini(effect, x) == pytest.approx(1 / 6, abs=0.004)
    curve = toc_curve(effect, x)
    np.testing.assert_allclose(curve.toc[50:], 1 - curve.share[50:], atol=0.03)
    np.testing.assert_allclose(curve.gain, 2 * curve.share - curve.share**2, atol=0.01)


def test_causalml_gives_twice_the_qini():
    theirs = pytest.importorskip("causalml.metrics.rate")
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(11)
    x = rng.random(2000)
    effect = 2 * x + rng.normal(size=2000)
    frame = pandas.DataFrame({"tau": effect, "score": x})
    found = theirs.rate_score(frame, weighting="qini", normalize=False)["score"]
    assert 2 * rate_qini(effect, x) == pytest.approx(found, rel=1e-4)


def test_a_long_curve_is_thinned_evenly():
    rng = np.random.default_rng(10)
    effect, score = rng.normal(size=50_000), rng.normal(size=50_000)
    curve = toc_curve(effect, score)
    assert curve.share.size == 1000
    assert curve.share[-1] == 1
    assert np.diff(curve.share).max() < 0.0011
    assert curve.toc[-1] == pytest.approx(0, abs=1e-12)
    assert curve.gain[-1] == pytest.approx(effect.mean(), rel=1e-12)
    half_tied = toc_curve(effect, np.where(score > 0, score, -1), points=10)
    assert half_tied.share.size <= 10
    assert half_tied.share[-1] == 1


def test_unusable_columns_are_named():
    with pytest.raises(FitError, match="effect must be finite"):
        rate_qini([1, np.nan], [1, 2])
    with pytest.raises(FitError, match="score must be finite"):
        autoc([1, 2], [np.inf, 2])
    with pytest.raises(FitError, match=r"score.*many rows"):
        toc_curve([1, 2], [1, 2, 3])
    with pytest.raises(FitError, match="weight"):
        rate_qini([1, 2], [1, 2], weight=[-1, 2])
    with pytest.raises(ConfigError, match="points"):
        toc_curve([1, 2], [1, 2], points=1)
