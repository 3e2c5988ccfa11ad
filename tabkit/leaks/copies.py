"""Held-out rows that also occur among the training rows, and whether chance explains as many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tabkit import forked
from tabkit.leaks.limits import FEWEST_COPIES
from tabkit.schema import family

Hashes: TypeAlias = NDArray[np.uint64]
Codes: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

LEAST = 0.02
"""Share of the rows to judge on beyond what chance explains: fewer copies hardly move a metric."""

_ALIKE = 3.0
"""So many copies for each row that is alike in all columns but one, beyond chance, are no chance any more."""
_RAREST, _EVEN = 0.25, 3.0
"""What was copied is copied whatever it is: of the rarest quarter of rows at least a third as often as of all."""
_ERRORS = 3  # standard errors: one warning in a thousand tables by chance
_MOSTLY = 0.5  # if half of the copies agree in the target too, it is not drawn anew
_KEY = 0.99  # a column without which rows are as distinct as before says nothing of them
_SAMPLE = 5_000  # rows that show whether a column is a key
_TENTHS = 10  # amounts agree if they fall into the same tenth
_IDENTIFIES, _OFTEN = 0.9, 0.5  # nearly every value once: an id; less than half once: a product or a place
_FRESH = np.uint64(0x9E3779B97F4A7C15)
_TARGET = "target"


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """The copies among held-out rows.

    Parameters
    ----------
    copied
        Shape (rows to judge on,): whether the row stands among those to learn from.
    expected
        The share of copies that columns without anything to do with each other would give.
    left_out
        Columns by which copies may differ: each row has a value of its own there.
    same_target
        Whether copies are alike in the target too. Otherwise they are alike in all features only, and most of them
        have another target than the row that they are copies of.
    """

    copied: Mask
    expected: float
    left_out: tuple[str, ...] = ()
    same_target: bool = True

    @property
    def share(self) -> float:
        """The share of the rows to judge on that are copies."""
        return float(self.copied.mean())

    def text(self, *, judged: str = "held-out rows", learned: str = "rows of the fit") -> str:
        """Return what was found in a sentence, without an end.

        >>> Copies(np.array([True, False]), 0.0).text()
        '50% of the held-out rows also stand among the rows of the fit, target and all (chance: 0%)'
        """
        what = "also stand among" if self.same_target else "have the very features of others among"
        how = "target and all" if self.same_target else "mostly with another target"
        but = f", {' and '.join(map(repr, self.left_out[:3]))} apart" if self.left_out else ""
        return f"{self.share:.0%} of the {judged} {what} the {learned}, {how}{but} (chance: {self.expected:.0%})"


def find_copies(
    learned: pl.DataFrame,
    judged: pl.DataFrame,
    *,
    columns: Sequence[str],
    target: str,
    classes: bool,
    contradicting: bool = True,
    seed: int = 0,
) -> Copies | None:
    """Return the rows that are copies, if there are more of them than rows of such values have by nature.

    Rows of few values are alike by nature. How many would be is seen on the same rows with each column shuffled by
    itself, within the classes of the target; columns that others determine are left out of that. Columns that go
    together make further rows alike: these are rarely alike in all of them, and more often in all but one, where
    copies are alike in all. If no copies are found, they are looked for without columns in which nearly each row has
    a value of its own, and without the target.

    Parameters
    ----------
    learned, judged
        Rows to learn from, and to judge on, with the same columns.
    columns
        The features: no id, time or weight. Lists, structs and the like are passed over.
    target
        The column that is predicted.
    classes
        Whether it holds classes rather than numbers.
    contradicting
        Look for rows alike in all but the target, too.
    seed
        Of the shuffling.

    Examples
    --------
    >>> chance = np.random.default_rng(0)
    >>> frame = pl.DataFrame({name: chance.integers(0, 50, 900) for name in "abcd"})
    >>> frame = frame.with_columns(y=pl.Series(chance.integers(0, 2, 900)))
    >>> options = {"columns": list("abcd"), "target": "y", "classes": True}
    >>> find_copies(frame[:600], frame[600:], **options) is None
    True
    >>> find_copies(frame[:600], pl.concat([frame[600:], frame[:100]]), **options).text()
    '25% of the held-out rows also stand among the rows of the fit, target and all (chance: 1%)'
    """
    forked.check()
    if not learned.height or not judged.height:
        return None
    known = [name for name in columns if name != target and family(learned.schema[name]) not in ("other", "null")]
    if not known:
        return None
    both = pl.concat([frame[[*known, target]] for frame in (learned, judged)], how="vertical_relaxed")
    own = tuple(name for name in known if _identifies(both[name]))
    for left_out in [(), own] if 0 < len(own) < len(known) else [()]:
        kept = [name for name in known if name not in left_out]
        for same_target in (True, False)[: 1 + contradicting]:
            names = [*kept, target] if same_target else kept
            if _alike(_total(both, names), learned.height) is None:  # before many columns are held in memory
                continue
            parts = {_TARGET if name == target else name: _hashed(both, name) for name in names}
            strata = _strata(both[target], classes=classes) if same_target else None
            found = _found(parts, strata, learned.height, seed=seed)
            if found is None:
                continue
            if not same_target and _agree(parts, _hashed(both, target), learned.height) >= _MOSTLY:
                continue  # the target was looked at: they are alike by nature in that
            return Copies(*found, left_out, same_target)
    return None


def _found(parts: Mapping[str, Hashes], strata: Codes | None, learned: int, *, seed: int) -> tuple[Mask, float] | None:
    """Return which of the rows from number `learned` on are copies of those before, and how many chance would give."""
    total = _sum(parts)
    copied = _alike(total, learned)
    if copied is None:
        return None
    once = np.unique(total, return_index=True)[1]
    key = _key({name: values for name, values in parts.items() if name != _TARGET})
    shuffled = _shuffled(key, strata, learned, np.random.default_rng(seed))
    few = _TARGET not in parts and len(once) < _OFTEN * len(total)  # of each value many rows: a product's, say
    for name in () if few else key:
        if len(np.unique(key[name][once])) >= _IDENTIFIES * len(once):
            shuffled[name] += _FRESH  # a value of its own in each row, but for copies: chance repeats none
    if _TARGET in parts:
        key[_TARGET] = parts[_TARGET]
        shuffled[_TARGET] = parts[_TARGET][:learned]
    real = {name: values[:learned] for name, values in key.items()}
    rest = {name: values[learned:] for name, values in key.items()}
    by_chance = np.isin(_sum(rest), _sum(shuffled))
    rare = _rare(key, once, learned)
    if min(_beyond(copied, by_chance), _beyond(copied[rare], by_chance[rare])) < max(LEAST, copied.mean() / _EVEN):
        return None
    others = {name: values[~copied] for name, values in rest.items()}
    near, near_by_chance = (_near(others, among) for among in (real, shuffled))
    if copied.sum() < _ALIKE * max(near - near_by_chance, 0):
        return None
    return copied, float(by_chance.mean())


def _alike(total: Hashes, learned: int) -> Mask | None:
    """Return which of the rows from number `learned` on stand among those before; None if they are few."""
    found = np.isin(total[learned:], total[:learned])
    return None if found.sum() < max(FEWEST_COPIES, LEAST * len(found)) else found


def _beyond(copied: Mask, by_chance: Mask) -> float:
    """Return by how much the share of copies surely exceeds that of chance."""
    share = float(by_chance.mean())
    return float(copied.mean()) - share - _ERRORS * float(np.sqrt(share * (1 - share) / len(copied)))


def _rare(key: Mapping[str, Hashes], once: Codes, learned: int) -> Mask:
    """Return which of the rows from number `learned` on are of the rarest quarter, by how often each value is there.

    Values are counted in rows that differ, numbered `once`: a copy would make its own values frequent.
    """
    often = np.zeros(len(next(iter(key.values()))) - learned)
    for values in key.values():
        codes = np.unique(values, return_inverse=True)[1]
        often += np.log(np.bincount(codes[once], minlength=int(codes.max()) + 1))[codes[learned:]]
    found: Mask = often <= np.quantile(often, _RAREST)
    return found


def _near(rows: Mapping[str, Hashes], among: Mapping[str, Hashes]) -> int:
    """Return how many rows are alike with others in all columns but one."""
    total, others = _sum(rows), _sum(among)
    found = np.zeros(len(total), dtype=np.bool_)
    for name in rows:
        found |= np.isin(total - rows[name], others - among[name])
    return int(found.sum())


def _key(parts: Mapping[str, Hashes]) -> dict[str, Hashes]:
    """Return columns that tell rows apart as well as all: what others determine would not make chance rarer."""
    kept, sums = dict(parts), _sum(parts)
    some = slice(None, None, max(1, len(sums) // _SAMPLE))
    sums = sums[some]
    most = len(np.unique(sums))
    for name in sorted(parts, key=lambda each: len(np.unique(parts[each][some]))):
        rest = sums - parts[name][some]
        if len(kept) > 1 and len(np.unique(rest)) >= _KEY * most:
            sums = rest
            kept.pop(name)
    return kept


def _shuffled(
    key: Mapping[str, Hashes], strata: Codes | None, learned: int, chance: np.random.Generator
) -> dict[str, Hashes]:
    """Return the rows to learn from with each column in an order of its own, within the classes."""
    lots = [np.arange(learned)]
    if strata is not None:
        lots = [np.flatnonzero(strata[:learned] == code) for code in np.unique(strata[:learned])]
    found = {name: values[:learned].copy() for name, values in key.items()}
    for values in found.values():
        for lot in lots:
            values[lot] = values[chance.permutation(lot)]
    return found


def _strata(target: pl.Series, *, classes: bool) -> Codes:
    """Return the class of each row, or the tenth of the rows that its number is in."""
    rank = target.alias("target").rank("dense" if classes else "max").fill_null(0).cast(pl.Float64).to_numpy()
    return (rank if classes else np.ceil(_TENTHS * rank / max(1, len(target)))).astype(np.int64)


def _agree(parts: Mapping[str, Hashes], target: Hashes, learned: int) -> float:
    """Return the share of rows alike in the features that are alike in the target too."""
    total = _sum(parts)
    alike = np.isin(total[learned:], total[:learned])
    whole = total + target
    return float(np.isin(whole[learned:], whole[:learned])[alike].mean()) if alike.any() else 0.0


def _sum(parts: Mapping[str, Hashes]) -> Hashes:
    """Return one number a row, from which a column can be taken off again."""
    first, *others = parts.values()
    found = first.copy()
    for values in others:
        found += values
    return found


def _total(frame: pl.DataFrame, names: Sequence[str]) -> Hashes:
    """Return the same of columns, of which one at a time is held."""
    found = np.zeros(frame.height, dtype=np.uint64)
    for name in names:
        found += _hashed(frame, name)
    return found


def _hashed(frame: pl.DataFrame, name: str) -> Hashes:
    """Return a number for each value of a column; another for the same value of another column."""
    column = frame[name].alias("value")  # to Polars, some names are patterns of names
    plain = column.cast(pl.String) if family(column.dtype) == "text" else column
    return plain.hash(seed=frame.get_column_index(name) + 1).to_numpy()


def _identifies(column: pl.Series) -> bool:
    """Whether nearly each row has a value of its own in a column of whole numbers, text or times."""
    kind = family(column.dtype)
    named = kind in ("text", "date", "datetime") or column.dtype.is_integer()
    return named and column.n_unique() >= _IDENTIFIES * len(column)
