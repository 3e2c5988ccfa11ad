from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabkit.errors import ConfigError
from tabkit.roles import Roles

NAMES = [field.name for field in dataclasses.fields(Roles)]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.text(min_size=1)))
def test_roles_survive_a_round_trip_unless_a_column_has_two(columns):
    if len(set(columns.values())) < len(columns):
        with pytest.raises(ConfigError, match="two roles"):
            Roles.from_dict(columns)
    else:
        assert Roles.from_dict(columns).given() == columns
        assert Roles.from_dict(Roles.from_dict(columns).given()) == Roles(**columns)


def test_given_keeps_the_order_of_the_fields():
    assert list(Roles(target="y", id="i", weight="w").given()) == ["id", "target", "weight"]
    assert Roles().given() == {}


def test_two_roles_of_one_column_are_named():
    with pytest.raises(ConfigError, match=r"'y'.*roles: target"):
        Roles(target="y", weight="y")


@pytest.mark.parametrize("column", [5, "", ["a"], b"a", True])
def test_a_column_is_named_by_text(column):
    with pytest.raises(ConfigError, match=r"role.*expected"):
        Roles(id=column)


def test_unknown_roles_are_listed_with_what_was_meant():
    with pytest.raises(ConfigError, match=r"unknown roles: 'tarjet', 'zzz'") as caught:
        Roles.from_dict({"tarjet": "y", "zzz": "z", "id": "i"})
    assert "did you mean 'target'?" in caught.value.advice
    assert "exposure" in caught.value.advice


def test_roles_are_frozen_and_can_be_keys():
    roles = Roles(id="i")
    with pytest.raises(dataclasses.FrozenInstanceError):
        roles.id = "j"
    assert {roles: 1}[Roles(id="i")] == 1
