from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabkit.wording import decimals_of, figures, number, percentages, with_interval

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


@given(parts=st.lists(st.integers(0, 10**7) | st.floats(0, 1), min_size=1, max_size=40), decimals=st.integers(0, 2))
def test_percentages_sum_to_a_hundred_and_are_none_off_by_a_digit(parts, decimals):
    shown = [Decimal(text) for text in percentages(parts, decimals=decimals)]
    assert sum(shown) == (100 if sum(parts) else 0)
    for part, text in zip(parts, shown, strict=True):
        assert float(text) == pytest.approx(100 * part / (sum(parts) or 1), abs=1.001 * 10**-decimals)


def test_halves_of_a_digit_go_to_the_first():
    assert percentages([5295, 4705], decimals=1) == ("53.0", "47.0")
    assert percentages([1, 1, 1, 1, 1, 1, 1], decimals=1) == ("14.3",) * 6 + ("14.2",)
