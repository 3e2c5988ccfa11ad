from __future__ import annotations

import copy

import pytest

from tabkit import errors
from tabkit.errors import TabkitError

CHILDREN = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, TabkitError)]


def test_there_is_one_child_for_each_stage():
    stages = {child.__name__: child.stage for child in CHILDREN}
    assert stages == {
        "TabkitError": "tabkit",
        "SourceError": "reading",
        "SchemaError": "schema",
        "ConfigError": "configuration",
        "ForkError": "process",
        "FitError": "fitting",
        "BundleError": "bundle",
        "ScoringError": "scoring",
    }


@pytest.mark.parametrize("kind", CHILDREN)
def test_an_error_says_the_problem_then_the_advice(kind):
    error = kind("no rows", advice="check the export")
    assert (error.problem, error.advice) == ("no rows", "check the export")
    assert str(error) == "no rows\nTo do: check the export"
    assert str(kind("no rows")) == "no rows"
    with pytest.raises(TabkitError):
        raise error


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_an_error_survives_the_way_between_processes(again):
    error = again(errors.FitError("no rows", advice="check the export"))
    assert (type(error), error.problem, error.advice) == (errors.FitError, "no rows", "check the export")
    assert str(error) == "no rows\nTo do: check the export"
