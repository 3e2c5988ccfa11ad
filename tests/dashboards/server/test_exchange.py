"""What a page and its server say to each other."""

import json

import numpy as np
import pytest

from dashboards.server.exchange import described, dumped, parsed
from tabkit.errors import ConfigError, SchemaError


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b'{"a": NaN}', "NaN is not finite"),
        (b'{"a": -Infinity}', "-Infinity is not finite"),
        (b'{"a": 1e999}', "1e999 is not finite"),
        (b'{"a": ' + b"1" * 5000 + b"}", "cannot be read"),
        (b"[1]", "not list"),
        (b"null", "not NoneType"),
        (b'"text"', "not str"),
        (b"[" * 100_000, "nests too deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nests too deep"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\\ud800"}', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        ('\ufeff{"a": 1}'.encode(), "cannot be read"),
    ],
)
def test_what_is_no_plain_object_is_refused(body, said):
    with pytest.raises(ConfigError, match=said) as error:
        parsed(body)
    assert error.value.advice


def test_plain_objects_are_read():
    assert parsed('{"a": [1, 2.5, null, "日本 🙂", true], "b": {"c": "\\ud83d\\ude42"}}'.encode()) == {
        "a": [1, 2.5, None, "日本 🙂", True],
        "b": {"c": "🙂"},
    }


def test_numbers_that_are_not_finite_become_null():
    value = {"a": [1.0, float("nan"), {"b": (np.float64("inf"), -np.inf)}], "c": "NaN"}
    assert json.loads(dumped(value)) == {"a": [1.0, None, {"b": [None, None]}], "c": "NaN"}


def test_finite_answers_stay_as_they_are():
    value = {"a": [1, 2.5, None, True, "x"], "b": {}}
    assert json.loads(dumped(value)) == value


def test_what_is_no_json_is_a_fault_and_not_a_text():
    with pytest.raises(TypeError):
        dumped({"a": {1, 2}})


def test_errors_in_three_words(capsys):
    assert described(SchemaError("no column 'a'")) == {"stage": "schema", "problem": "no column 'a'", "advice": None}
    assert capsys.readouterr().err == ""
    try:
        raise KeyError("b")
    except KeyError as error:
        said = described(error)
    assert said["stage"] == "fault"
    assert said["problem"] == "KeyError: 'b'"
    assert "Traceback" in capsys.readouterr().err
