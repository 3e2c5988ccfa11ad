"""The Poisson bootstrap, with resamples as counts and several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy
from numpy.typing import NDArray

from tabkit.metrics.inputs import Floats
from tabkit.threads import workers as all_workers
from tabkit.uplift.metrics.checks import check_count

Counts = NDArray[np.uint8]

# As many entries as 16 random bits tell apart.
ENTRIES = 65_536
MOST = 8  # larger counts have a chance of one in a million


def count_table() -> Counts:
    """Return Poisson(1) counts, shape (65536,), each entry as likely as any other.

    Counts of two and more are as frequent as 16 bits can tell; zeros and ones make the mean exactly one.
    The variance is 1.0003; counts above eight, one in a million draws, do not occur.

    Examples
    --------
    >>> table = count_table()
    >>> float(table.mean()), round(float(table.var()), 4)
    (1.0, 1.0003)
    """
    counts = np.arange(MOST + 1)
    entries = np.rint(ENTRIES / (np.e * scipy.special.factorial(counts))).astype(np.int64)
    entries[1] = ENTRIES - np.dot(counts[2:], entries[2:])
    entries[0] = ENTRIES - entries[1:].sum()
    return np.repeat(counts.astype(np.uint8), entries)


def draw(units: int, seed: np.random.SeedSequence, table: Counts) -> Counts:
    """Return how often each unit is drawn, shape (units,)."""
    bits = np.frombuffer(np.random.Generator(np.random.SFC64(seed)).bytes(2 * units), dtype="<u2")
    return table.take(bits)


def resample(
    evaluate: Callable[[Counts], Floats], *, units: int, resamples: int, seed: int, threads: int | None = None
) -> Floats:
    """Return a statistic of k numbers on each resample.

    Each unit is drawn a Poisson(1) number of times, apart from all others (Hanley and MacGibbon 2006;
    Chamandy and others 2012). The multinomial bootstrap is alike in large samples and needs one more pass.

    Parameters
    ----------
    evaluate
        From counts, shape (units,), to the statistic, shape (k,). It is called from several threads.
    units
        How many rows or clusters there are.
    resamples
        How many, at least two.
    seed
        Non-negative. Each resample has its own seed made from it, so threads change nothing.
    threads
        How many to use; None uses one for each processor.

    Returns
    -------
    Floats
        Shape (resamples, k).

    Raises
    ------
    ConfigError
        When a setting is out of range.

    Examples
    --------
    >>> resample(lambda counts: counts[:1] / 2, units=2, resamples=3, seed=0).shape
    (3, 1)
    """
    check_count(resamples, name="resamples", least=2)
    sequences = np.random.SeedSequence(check_count(seed, name="seed", least=0)).spawn(resamples)
    workers = all_workers() if threads is None else check_count(threads, name="threads", least=1)
    table = count_table()

    def once(sequence: np.random.SeedSequence) -> Floats:
        return evaluate(draw(units, sequence, table))

    with ThreadPoolExecutor(min(workers, resamples)) as pool:
        return np.array(list(pool.map(once, sequences)))
