"""What settings say of themselves: meanings of a class come before those that it extends, and sections come last."""

from pipelines.jobs.settings import RuleScoreJob
from tabkit.config import described, meanings


def test_meanings_of_a_class_come_before_those_it_extends() -> None:
    assert "held" not in meanings(RuleScoreJob)["level"]
    assert meanings(RuleScoreJob)["seed"]
    keys = [one.name for one in described(RuleScoreJob)]
    assert keys.index("rules") < keys.index("positive") < keys.index("roles.target")
    assert not {"output", "search"} & set(keys)


def test_roles_are_columns() -> None:
    roles = {one.key[-1] for one in described(RuleScoreJob) if one.is_role}
    assert {"target", "time", "group"} <= roles
    assert not {"rules", "level", "seed"} & roles
