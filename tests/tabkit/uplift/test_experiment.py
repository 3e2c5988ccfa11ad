from __future__ import annotations

import numpy as np
import pytest

from tabkit.errors import FitError
from tabkit.uplift.experiment import Experiment

ARM = np.array([0, 1, 2, 0])


def made(**changes):
    given = {
        "arms": ("none", "mail", "call"),
        "arm": ARM,
        "outcome": np.array([1.0, 2, 3, 4]),
        "propensity": np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]]),
        "clusters": np.array([7, 7, 8, 9]),
    }
    return Experiment(**{**given, **changes})


def test_arms_and_rows():
    found = made()
    assert (found.rows, found.treated, found.kind) == (4, ("mail", "call"), "number")
    np.testing.assert_allclose(found.pairwise(1), [0.3 / 0.8, 0.2 / 0.4, 0.1 / 0.2, 0.4 / 0.8])
    np.testing.assert_allclose(found.pairwise(2), [0.2 / 0.7, 0.6 / 0.8, 0.8 / 0.9, 0.2 / 0.6])


@pytest.mark.parametrize("rows", [np.array([2, 0]), np.array([True, False, True, False])])
def test_taking_rows_keeps_everything_together(rows):
    found, part = made(kind="count"), made(kind="count").take(rows)
    for name in ("arm", "outcome", "propensity", "clusters"):
        np.testing.assert_array_equal(getattr(part, name), getattr(found, name)[rows])
    assert (part.arms, part.kind, part.rows) == (found.arms, "count", 2)
    assert made(clusters=None).take(rows).clusters is None


def test_no_rows_are_an_experiment_too():
    empty = made().take(np.array([], dtype=np.int64))
    assert (empty.rows, empty.pairwise(1).shape) == (0, (0,))


def spoilt(row, column, value):
    propensity = made().propensity.copy()
    propensity[row, column] = value
    return propensity


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outcome": np.ones(3)}, r"shapes \(3,\).*\(4, 3\); \(4,\).*\(4, 3\).*expected"),
        ({"outcome": np.ones((4, 1))}, r"have shapes \(4, 1\)"),
        ({"propensity": np.full((4, 2), 0.5)}, r"and \(4, 2\); \(4,\) and \(4, 3\)"),
        ({"arms": ("none", "mail")}, r"\(4, 2\) were expected"),
        ({"outcome": np.array([1, np.nan, np.inf, 0])}, r"(?s)infinite.*2.*repair.*remove"),
        ({"arm": np.array([0, 1, 3, 0])}, r"(?s)numbered.*0.*3; 0.*2.*make numbers"),
        ({"arm": np.array([0, 1, -1, 0])}, "numbered from -1 to 1"),
        ({"clusters": np.arange(3)}, r"clusters have shape \(3,\); \(4,\) was expected"),
        ({"propensity": spoilt(0, 0, 0.6)}, r"(?s)sum.*arm, control"),
        ({"propensity": spoilt(1, 2, np.nan)}, r"NaN.*sum"),
        (
            {"propensity": np.array([[0.0, 0.5, 0.5], [1.1, 0.1, -0.2], [0.2, 0.2, 0.6], [0.2, 0.2, 0.6]])},
            r"(?s)propensity.*2.*0.*arm.*trim",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(FitError, match=words):
        made(**changes)
