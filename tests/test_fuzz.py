"""Bundles that a stranger changed, checksums made anew: typed errors or scores, in bounded time and memory.

A change may leave scores as they are, make others of them, or make scoring fail. Which it is, is not asked. What never
is: an error that is none of ours, a process that dies or waits, and scores that are not one finite number for each row.
"""

from collections import Counter

import pytest

pytest.importorskip("resource", reason="memory is not bounded here")
pytest.importorskip("torch", reason="the extra neural is not installed")

from hostile import KINDS, outcomes


@pytest.mark.slow
def test_changed_bundles_are_scored_or_refused() -> None:
    found = list(outcomes(range(200), trees=True))
    bad = [outcome for outcome in found if outcome.outcome not in ("typed", "scored")]
    assert not bad, "\n".join(map(str, bad))
    counts = Counter((KINDS[outcome.name], outcome.outcome) for outcome in found)
    for kind in set(KINDS.values()):  # the changes are not all alike
        assert counts[kind, "typed"] > 5, kind
        assert counts[kind, "scored"] > 2, kind
