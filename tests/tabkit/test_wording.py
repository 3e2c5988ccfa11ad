from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabkit.wording import decimals_of, figures, number, with_interval

ANY = st.floats(-1e12, 1e12) | st.floats(-1e-3, 1e-3) | st.just(float("nan")) | st.just(float("inf")) | st.none()


@given(value=ANY, low=ANY, high=ANY)
def test_nothing_is_written_that_a_person_cannot_read(value, low, high):
    shown = with_interval(value, low, high, sign="+")
    for text in (shown, *figures(value, low, high, sign="+"), number(value, sign="+")):
        assert "nan" not in text.lower()
        assert "inf" not in text.lower()
        decimals = text.partition(".")[2].partition(" ")[0]
        assert len(decimals.partition("e")[0]) <= 6
    for part in figures(value, low, high, sign="+"):
        assert part in ("0", "n/a") or set(part) & set("123456789") or not part.startswith(("-", "+"))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((-1e-17, -2e-17, 0.0), "-1e-17 (-2e-17 to 0)"),
        ((0.0, 0.0, 0.0), "0"),
        ((-0.098, -0.098, -0.098), "-0.0980"),
        ((0.5, None, None), "+0.500"),
        ((float("nan"), 0.0, 1.0), "n/a"),
        ((-0.0004, -0.5, 0.5), "0.0 (-0.5 to +0.5)"),
        ((-0.08, -0.17, -0.002), "-0.080 (-0.170 to -0.002)"),  # an end that decides does not look like zero
        ((-12345.6, -13e3, -11e3), "-12,346 (-13,000 to -11,000)"),
        ((3e-9, 2e-9, 4e-9), "+3e-09 (+2e-09 to +4e-09)"),
    ],
)
def test_a_number_is_as_exact_as_its_interval(parts, expected):
    assert with_interval(*parts, sign="+") == expected


def test_rounding_is_nothing():
    assert with_interval(-1e-10, -2e-10, 1e-11, sign="+", least=1e-6) == "0"
    assert decimals_of(0.3, 0.1 + 0.2) is None
