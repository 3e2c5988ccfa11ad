"""What libraries say while they compile is kept from users, and from nobody afterwards."""

import logging
import warnings

import pytest

from tabkit.cltv.inference.backend import quiet


def test_a_rewrite_that_is_left_out_shows_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("pytensor.graph.rewriting.basic")
    with quiet():
        log.error("Traceback")
        warnings.warn("of linear algebra", stacklevel=1)
    assert not caplog.records
    log.error("afterwards")
    assert [record.message for record in caplog.records] == ["afterwards"]
