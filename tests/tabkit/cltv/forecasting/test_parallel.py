"""Work side by side: in order, with its errors, and without leftovers."""

import threading
import time

import pytest

from tabkit.cltv.forecasting.parallel import ordered


def test_results_come_in_order_whatever_takes_longest():
    assert list(ordered(lambda k: (time.sleep(0.002 * (7 - k)), k)[1], range(8))) == list(range(8))


def test_an_error_comes_where_its_result_would_have():
    def work(k: int) -> int:
        if k == 3:
            raise ValueError("three")
        return k

    found = ordered(work, range(10))
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(found)


def test_only_a_few_items_are_taken_ahead_and_nothing_is_left_when_it_is_closed():
    taken: list[int] = []
    before = threading.active_count()
    found = ordered(lambda k: taken.append(k) or k, range(1000))
    next(found)
    time.sleep(0.05)
    assert len(taken) <= 6
    found.close()
    assert threading.active_count() == before
