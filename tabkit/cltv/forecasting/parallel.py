"""Run blocks of work in threads, and yield their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tabkit import threads

T = TypeVar("T")
R = TypeVar("R")

_MOST = 4  # beyond four threads memory is the limit, not the processor


def ordered(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the results of a function in the order of the items, a few at work in threads.

    No more than five results wait at a time, so that memory stays bounded. NumPy draws and sorts without holding the
    interpreter, which is what makes threads worth it.

    Examples
    --------
    >>> list(ordered(lambda x: x * x, range(5)))
    [0, 1, 4, 9, 16]
    """
    workers = min(_MOST, threads.workers())
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
