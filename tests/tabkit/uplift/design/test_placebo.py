from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tabkit.errors import FitError, SchemaError
from tabkit.uplift.design.placebo import outcomes, treatment
from tabkit.uplift.experiment import Experiment


def drawn(rows=400, *, arms=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    p = np.column_stack([1 + 0 * x, *(np.exp(0.5 * x) for _ in range(1, arms))])
    p /= p.sum(axis=1, keepdims=True)
    arm = (rng.random(rows)[:, None] > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
    y = np.where(rng.random(rows) < 0.1, rng.lognormal(3, 1, rows), 0) + 5 * arm * x
    return Experiment(("none", "mail", "call")[:arms], arm, y, p), x


def test_a_placebo_treatment_by_hand():
    """Twice the difference of the halves' residuals, each half being half of control."""
    experiment, _ = drawn()
    found = treatment(experiment, np.zeros(400), seed=1)[0]
    y = experiment.outcome[experiment.arm == 0]
    rows = y.size // 2 * 2
    assert (found.name, found.arm) == ("placebo treatment", "none")
    assert found.se == pytest.approx(2 * y.std() / rows**0.5, rel=0.2)
    again, other = treatment(experiment, np.zeros(400), seed=1)[0], treatment(experiment, np.zeros(400), seed=2)[0]
    assert again == found
    assert other.value != found.value


def test_a_placebo_treatment_passes_when_nothing_is_wrong():
    passed = [treatment(drawn(300, seed=seed)[0], np.full(300, 3.0), seed=seed)[0].passed for seed in range(1000)]
    assert np.mean(passed) >= 0.995  # .999 expected


def test_the_share_of_small_p_values_is_as_it_says():
    p = [treatment(drawn(1000, seed=seed)[0], np.full(1000, 3.0), seed=seed)[0].p for seed in range(600)]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.075


@pytest.mark.parametrize("clustered", [False, True])
def test_clusters_are_drawn_whole(clustered):
    """Shops that differ: as rows they would fail half of the time, as shops hardly ever."""
    passed = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        shop = np.repeat(np.arange(40), 25)
        arm = rng.integers(0, 2, 40)[shop]
        y = rng.normal(size=40)[shop] + 0.1 * rng.normal(size=1000)
        experiment = Experiment(("a", "b"), arm, y, np.full((1000, 2), 0.5), clusters=shop if clustered else None)
        found = treatment(experiment, np.zeros(1000), seed=seed)[0]
        passed.append(found.passed)
        if clustered:
            assert found.se > 0.1
    assert np.mean(passed) >= 0.98


@pytest.mark.parametrize("rows", [0, 1])
def test_without_two_control_units_there_is_no_placebo_treatment(rows):
    arm = np.r_[np.zeros(rows, dtype=int), np.ones(10, dtype=int)]
    experiment = Experiment(("a", "b"), arm, np.arange(rows + 10.0), np.full((rows + 10, 2), 0.5))
    assert treatment(experiment, np.zeros(rows + 10), seed=0) == ()


# --- columns that contact cannot have changed


def test_the_effect_on_a_column_by_hand():
    experiment, _ = drawn(100)
    age = np.random.default_rng(0).integers(18, 80, 100)
    found = outcomes(pl.DataFrame({"age": age}), ["age"], experiment)[0]
    p = experiment.propensity[:, 1]
    psi = (age - age.mean()) * np.where(experiment.arm == 1, 1 / p, -1 / (1 - p))
    assert (found.name, found.arm) == ("age", "mail")
    assert [found.value, found.se] == pytest.approx([psi.mean(), psi.std(ddof=1) / 10])


def test_columns_from_before_contact_pass_where_propensities_are_right():
    passed = []
    for seed in range(400):
        experiment, x = drawn(arms=3, seed=seed)
        rng = np.random.default_rng(10_000 + seed)
        frame = pl.DataFrame({"x": x, "spend": np.exp(x + rng.normal(size=400)), "known": rng.random(400) < 0.1})
        passed.append(all(each.passed for each in outcomes(frame, frame.columns, experiment)))
    assert np.mean(passed) >= 0.99


def test_columns_that_contact_changed_fail_and_so_do_wrong_propensities():
    experiment, x = drawn(2000, arms=3)
    frame = pl.DataFrame({"x": x, "opened": (experiment.arm == 2) & (x > -1)})
    found = {(each.name, each.arm): each.passed for each in outcomes(frame, frame.columns, experiment)}
    assert found == {("x", "mail"): True, ("x", "call"): True, ("opened", "mail"): True, ("opened", "call"): False}
    even = replace(experiment, propensity=np.full((2000, 3), 1 / 3))
    assert not any(each.passed for each in outcomes(frame, ["x"], even))


def test_the_level_is_shared_among_columns_and_arms():
    """A p of .0005 alone is one too small; among ten columns it is not."""
    rng = np.random.default_rng(0)
    experiment = replace(drawn(1000)[0], propensity=np.full((1000, 2), 0.5))
    noise = rng.normal(size=1000)
    arm = experiment.arm - 0.5
    noise -= noise.mean() + arm * (noise @ arm) / (arm @ arm)
    for apart in np.linspace(0.18, 0.3, 60):
        frame = pl.DataFrame(
            {"x": noise + apart * experiment.arm, **{f"z{i}": rng.normal(size=1000) for i in range(9)}}
        )
        alone = outcomes(frame, ["x"], experiment)[0]
        if 0.0002 < alone.p < 0.0009:
            break
    else:
        pytest.fail("no such difference was found")
    assert not alone.passed
    among = outcomes(frame, frame.columns, experiment)[0]
    assert among.p == alone.p
    assert among.passed


def test_nulls_count_as_the_mean_and_constants_pass():
    experiment, _ = drawn(100)
    x = np.random.default_rng(0).normal(size=100)
    gone = pl.Series([None if i % 3 == 0 else v for i, v in enumerate(x)])
    mean = gone.mean()
    frame = pl.DataFrame(
        {"gone": gone, "nan": gone.fill_null(np.nan), "filled": gone.fill_null(mean), "same": [7] * 100}
    )
    null, nan, filled, same = outcomes(frame, frame.columns, experiment)
    assert [null.value, null.se] == [nan.value, nan.se] == pytest.approx([filled.value, filled.se])
    assert (same.value, same.se, same.p, same.passed) == (0, 0, 1, True)


def test_no_columns_are_no_placebos():
    assert outcomes(pl.DataFrame({"a": [1] * 400}), [], drawn()[0]) == ()


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        (
            ["a"] * 400,
            SchemaError,
            r"(?s)'x'.*String",
        ),
        ([None] * 400, SchemaError, "placebo 'x' is Null"),
        (pl.Series([None] * 400, dtype=pl.Int64), FitError, r"placebo 'x'.*null"),
        ([np.nan] * 400, FitError, r"placebo 'x'.*null"),
        ([np.inf] + [1.0] * 399, FitError, "placebo 'x' holds infinite values"),
        ([np.inf, -np.inf] + [1.0] * 398, FitError, "placebo 'x' holds infinite values"),
    ],
)
def test_columns_that_are_no_numbers_are_refused(values, error, words):
    with pytest.raises(error, match=words):
        outcomes(pl.DataFrame({"x": values}), ["x"], drawn()[0])


def test_missing_columns_are_refused():
    with pytest.raises(SchemaError, match=r"(?s)placebo column 'y'"):
        outcomes(pl.DataFrame({"x": [1] * 400}), ["y"], drawn()[0])
