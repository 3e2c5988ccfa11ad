"""The one engine of the bootstrap: how often each unit is drawn, a statistic on each resample, and its interval.

Rows are never copied: how often a unit is drawn multiplies the weights of its rows. Two ways of drawing are known.
`multinomial` draws as many units as there are, from one stream; metrics of predictions have it. `poisson` draws each
unit apart from all others, from a stream of its own for each resample, so that threads change nothing; rankings of
thousands of resamples have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from math import factorial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import ConfigError, FitError
from tabkit.metrics.estimate import Estimate
from tabkit.metrics.inputs import Floats
from tabkit.threads import workers as all_workers

Counts = NDArray[np.uint8]
C = TypeVar("C", bound=NDArray[Any])
Draw = Callable[[], C]
"""Draws one resample: how often each unit is in it, shape (units,)."""

ENTRIES = 65_536
"""As many entries as 16 random bits tell apart."""
MOST = 8
"""Counts above it are one in a million draws: no entry of the table would be theirs."""


def multinomial(units: int, *, resamples: int, seed: int) -> Iterator[Draw[NDArray[np.int64]]]:
    """Yield draws of as many units as there are, with replacement; they are to be drawn in their order."""
    generator = np.random.default_rng(_seed(seed))

    def draw() -> NDArray[np.int64]:
        # Counting uniform draws is multinomial too, and ten times as fast as Generator.multinomial.
        return np.bincount(generator.integers(units, size=units), minlength=units).astype(np.int64, copy=False)

    return (draw for _ in range(_resamples(resamples)))


def poisson(units: int, *, resamples: int, seed: int) -> Iterator[Draw[Counts]]:
    """Yield draws in which each unit is a Poisson(1) number of times, apart from all others; in any order.

    Hanley and MacGibbon 2006; Chamandy and others 2012. The multinomial bootstrap is alike in large samples and needs
    one more pass.
    """
    sequences = np.random.SeedSequence(_seed(seed)).spawn(_resamples(resamples))
    return (partial(poisson_counts, units, sequence) for sequence in sequences)


def poisson_counts(units: int, seed: np.random.SeedSequence) -> Counts:
    """Return how often each unit is drawn, shape (units,)."""
    bits = np.frombuffer(np.random.Generator(np.random.SFC64(seed)).bytes(2 * units), dtype="<u2")
    return poisson_table().take(bits)


@cache
def poisson_table() -> NDArray[np.uint8]:
    """Return Poisson(1) counts, shape (65536,), each entry as likely as any other.

    Counts of two and more are as frequent as 16 bits can tell; zeros and ones make the mean exactly one.
    The variance is 1.0003; counts above eight, one in a million draws, do not occur.

    Examples
    --------
    >>> table = poisson_table()
    >>> float(table.mean()), round(float(table.var()), 4)
    (1.0, 1.0003)
    """
    counts = np.arange(MOST + 1)
    entries = np.rint([ENTRIES / (np.e * factorial(count)) for count in counts.tolist()]).astype(np.int64)
    entries[1] = ENTRIES - np.dot(counts[2:], entries[2:])
    entries[0] = ENTRIES - entries[1:].sum()
    return np.repeat(counts.astype(np.uint8), entries)


def on_resamples(evaluate: Callable[[C], Floats], draws: Iterator[Draw[C]], *, threads: int | None = 1) -> Floats:
    """Return a statistic of k numbers on each resample, shape (resamples, k).

    Parameters
    ----------
    evaluate
        From counts, shape (units,), to the statistic, shape (k,); NaN where it is undefined. With more than one thread
        it is called from several.
    draws
        Of `multinomial`, one after another, or of `poisson`.
    threads
        How many to use; None uses one for each processor.

    Raises
    ------
    ConfigError
        When a setting is out of range.

    Examples
    --------
    >>> on_resamples(lambda counts: counts[:1] / 2, poisson(2, resamples=3, seed=0)).shape
    (3, 1)
    """
    workers = all_workers() if threads is None else check_count(threads, name="threads", least=1)
    if workers == 1:
        return np.array([evaluate(draw()) for draw in draws])
    with ThreadPoolExecutor(workers) as pool:
        return np.array(list(pool.map(lambda draw: evaluate(draw()), draws)))


def defined(draws: Floats, *, what: str = "the metric") -> Floats:
    """Return the resamples on which all numbers are defined; the first axis counts them.

    Raises
    ------
    FitError
        When there are fewer than two.
    """
    kept: Floats = draws[~np.isnan(draws.reshape(len(draws), -1)).any(axis=1)]
    if len(kept) < 2:
        raise FitError(
            f"{what} is undefined on {len(draws) - len(kept)} of {len(draws)} resamples",
            advice="use more rows, or report it without an interval; normalised metrics need responses in both arms",
        )
    return kept


def percentiles(draws: Floats, *, level: float) -> Floats:
    """Return both ends of the central part of the draws, over the first axis."""
    found: Floats = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return found


def estimate_of(value: float, draws: Floats, *, level: float, what: str = "the metric") -> tuple[Estimate, int]:
    """Return a value with its percentile interval (Efron and Tibshirani 1993, chapter 13), and how many draws are NaN.

    Parameters
    ----------
    draws
        Shape (resamples,).
    """
    kept = defined(draws, what=what)
    low, high = percentiles(kept, level=level)
    found = Estimate(value, float(low), float(high), level, float(kept.std(ddof=1)))
    return found, draws.size - kept.size


def check_level(level: float) -> float:
    """Return the nominal coverage when it lies strictly between 0 and 1, else raise a ConfigError."""
    if not 0 < level < 1:
        raise ConfigError(f"level must lie strictly between 0 and 1, got {level!r}", advice="write 0.95 for 95 %")
    return float(level)


def check_count(value: int, *, name: str, least: int) -> int:
    """Return a whole number of at least `least`, else raise a ConfigError."""
    if not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(f"{name} must be a whole number of at least {least}, got {value!r}", advice=f"try {least}")
    return int(value)


def _seed(seed: int) -> int:
    return check_count(seed, name="seed", least=0)


def _resamples(resamples: int) -> int:
    return check_count(resamples, name="resamples", least=2)
