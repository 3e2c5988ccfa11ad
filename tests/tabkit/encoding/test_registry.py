from __future__ import annotations

import inspect
import json

import pytest

import tabkit.encoding as room
from tabkit.encoding import registry
from tabkit.encoding.auto import AutoText
from tabkit.errors import SchemaError

SPECS = [
    AutoText(max_onehot=3, smoothing=2.0),
    room.Codes(unseen="error"),
    room.DateParts(parts=("year", "hour"), cyclic=True, keep=True),
    room.Drop("because"),
    room.DurationParts(parts=("days",), cyclic=True),
    room.Frequency(form="share", rare=0.1, unseen="other", null="prior"),
    room.LeaveOneOut(smoothing="auto", null="null"),
    room.LogTarget(form="signed", smoothing=1.0),
    room.MinHash(),
    room.NGramHash(),
    room.Numeric(infinite="null", keep=True),
    room.OneHot(rare=5, levels=("a", "", "b"), extra=("other", "null")),
    room.OrderedTarget(smoothing=3.0),
    room.Ordinal(order=("low", "high"), append=True),
    room.QuantileBins(bins=3, edges=(0.1, 2.0)),
    room.RobustScale(low=0.1, high=0.9, center=0.25, scale=3.0),
    room.RuleFeature({"name": "old", "all_of": [{"column": "since", "lt": "2020-01-31", "null": True}]}, keep=True),
    room.StandardScale(center=0.1, scale=2.0),
    room.Target(smoothing=10.0, rare=2),
    room.TextLength(parts=("digits",), keep=True),
    room.WeightOfEvidence(regularization=0.5),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_a_specification_survives_json(spec):
    again = registry.from_dict(json.loads(json.dumps(registry.to_dict(spec), allow_nan=False)))
    assert again == spec
    assert hash(again) == hash(spec)
    assert type(spec)() == registry.from_dict(registry.to_dict(type(spec)()))


def test_every_encoder_of_the_room_is_registered_under_a_name_of_its_own():
    public = {
        v
        for v in vars(room).values()
        if inspect.isclass(v) and hasattr(v, "finish") and isinstance(getattr(v, "kind", None), str)
    }
    assert public == set(registry.ENCODERS.values()) == {type(spec) for spec in SPECS}
    assert {kind: spec.kind for kind, spec in registry.ENCODERS.items()} == {kind: kind for kind in registry.ENCODERS}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "entity_embedding"}, "unknown encoder 'entity_embedding'"),
        ({"kind": "target", "colour": "red"}, r"'target'.*state.*colour"),
        ({"kind": "target", "smoothing": "strong"}, r"'target'.*state.*smoothing"),
        ({"kind": "dates", "parts": ["century"]}, r"'dates'.*state.*century"),
    ],
)
def test_what_this_version_does_not_know_is_refused(values, said):
    with pytest.raises(SchemaError, match=said) as caught:
        registry.from_dict(values)
    assert "upgrade" in str(caught.value)
