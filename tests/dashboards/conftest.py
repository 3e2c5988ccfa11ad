"""What tests of pages share: a site to ask, and a browser where there is one."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from asking import Client, make
from browser import Browser, missing, started

from dashboards.server.server import running


@pytest.fixture(scope="session")
def start_browser() -> Callable[..., AbstractContextManager[Browser]]:
    """Starts browsers: `with start_browser(size=LARGE) as browser`, for a module or a test that wants several."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    return started


@pytest.fixture
def browser(start_browser: Callable[..., AbstractContextManager[Browser]]) -> Iterator[Browser]:
    """A browser without a past, for one test."""
    with start_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of a small site that runs."""
    with running(make()) as url:
        yield Client(url)
