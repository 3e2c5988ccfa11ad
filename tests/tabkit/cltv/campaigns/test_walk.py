from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from campaign_days import table
from scipy import stats

from tabkit.cltv.campaigns.axes import plan_of
from tabkit.cltv.campaigns.panel import panel_of
from tabkit.cltv.campaigns.walk import LARGEST_FACTOR, in_units, levels_of, log_factor, one_by_one
from tabkit.cltv.models.ops import NUMPY
from tabkit.cltv.models.priors import Prior

MEAN = Prior.of("normal", mu=0.5, sigma=2.0)


@pytest.fixture(scope="module")
def plan():
    """Return the plan of three campaigns, one of a single day, with unequal gaps."""
    rng = np.random.default_rng(3)
    parts = [table("a", [0, 1, 4, 5, 9], rng.normal(3, 1, 5)), table("b", [2, 3, 7], rng.normal(-2, 1, 3)),
             table("c", [6], [1.0])]  # fmt: skip
    return plan_of(panel_of(pl.concat(parts)))


def test_the_axes_hold_all_of_the_walk_around_its_weighted_mean(plan):
    """The covariance that the modes give the levels is that of the walk at the plug-in scales, less the mean's."""
    part = plan.panel.parts()[0]
    day, noise = plan.panel.day[part], plan.day_noise[0] ** 2 + plan.panel.v[part]
    centre = np.eye(5) - (1 / noise) / np.sum(1 / noise)
    walked = centre @ np.minimum.outer(day - day[0], day - day[0]) @ centre.T * plan.walk[0] ** 2
    basis = plan.bases[0]
    np.testing.assert_allclose(basis @ np.diag(plan.size[plan.campaign == 0]) @ basis.T, walked, atol=1e-9)
    np.testing.assert_allclose(basis.T / noise @ basis, np.eye(4), atol=1e-9)


def test_the_sampled_density_is_that_of_the_random_walks(plan):
    """Without PyMC: the density of the standardised parameters is the walks' own times the Jacobian, all else fixed."""
    modes = len(plan.size)
    starts, parts = plan.panel.bounds[:-1], plan.panel.parts()

    def at(z, scales):
        free = {"walk": scales[0], "day_noise": scales[1], "start_scale": scales[2]}
        free |= dict.fromkeys(("walk_spread", "day_spread"), np.float64(0.4))
        free |= {"walk_z": np.array([0.3, -1.0, 0.1]), "day_z": np.array([-0.2, 0.5, 0.9]), "start_mean": z[-1]}
        free |= {"modes": z[:modes], "anchors": z[modes:-1]}
        free |= {f"seen_{name}": value for name, value in plan.data.items()}
        return levels_of(NUMPY, free, plan, mean=MEAN, walked=one_by_one(plan))

    def difference(z, scales):
        found = at(z, scales)
        levels, tau = found["levels"], np.exp(found["log_walk"])
        direct = stats.norm.logpdf(levels[starts], found["start_mean"], scales[2]).sum()
        direct += stats.norm.logpdf(found["start_mean"], 0.5, 2.0)
        for c, part in enumerate(parts):
            sd = tau[c] * np.sqrt(np.diff(plan.panel.day[part]))
            direct += stats.norm.logpdf(np.diff(levels[part]), 0, sd).sum()
        columns = []
        for step in np.eye(len(z)):
            up, down = at(z + step, scales), at(z - step, scales)
            columns.append([*(up["levels"] - down["levels"]) / 2, (up["start_mean"] - down["start_mean"]) / 2])
        jacobian = np.linalg.slogdet(np.array(columns).T)[1]
        return direct + jacobian - sum(part.sum() for part in found["density"])

    rng = np.random.default_rng(5)
    found = [difference(rng.standard_normal(modes + 4), np.exp(rng.standard_normal(3))) for _ in range(20)]
    np.testing.assert_allclose(found, found[0], atol=1e-6)


def test_draws_are_taken_one_by_one_as_together(plan):
    rng = np.random.default_rng(0)
    shapes = {"modes": (9, len(plan.size)), **dict.fromkeys(("anchors", "walk_z", "day_z"), (9, 3))}
    sampled = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    single = ("walk", "walk_spread", "day_noise", "day_spread", "start_scale", "start_mean", "freedom")
    sampled |= {name: np.exp(rng.standard_normal(9)) for name in single}
    together = in_units(plan, sampled, MEAN)
    each = in_units(plan, {name: value[4:5] for name, value in sampled.items()}, MEAN)
    for name, value in together.items():
        np.testing.assert_allclose(value[4], each[name][0], err_msg=name)
    assert together["levels"].shape == (9, 9)


def test_a_campaigns_own_scale_is_log_normal_around_the_common_one_within_bounds():
    spread, z = np.array([0.3, 0.5, 3.0]), np.array([[2.0, -1.0], [2.0, -2.0], [5.0, -1e6]])
    found = np.exp(log_factor(NUMPY, spread, z))
    np.testing.assert_allclose(found[:2], np.exp(spread[:2, None] * z[:2]), rtol=0.01)
    np.testing.assert_allclose(found[2], [LARGEST_FACTOR, 1 / LARGEST_FACTOR], rtol=0.01)
