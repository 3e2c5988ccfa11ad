"""LightGBM's text parsed: leaf values and weights that can be read, replaced and appended.

LightGBM offers no call that replaces all leaves, or that puts the trees of two models behind one another while each
keeps its own start. Its text format is documented by its own reader, and every version since 2.3 writes it alike:
a header, one block per tree, and a tail. `tree_sizes` in the header holds the bytes of each block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tabkit.errors import BundleError

Floats = NDArray[np.float64]
_SIZES = re.compile(r"^tree_sizes=.*$", flags=re.MULTILINE)
_NUMBER = re.compile(r"\ATree=\d+")
_AMOUNTS = re.compile(r"^(leaf_value|internal_value|leaf_const|leaf_coeff|split_gain)=(.*)$", flags=re.MULTILINE)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, eq=False)
class TreesText:
    """LightGBM's text of a model, parsed.

    Parameters
    ----------
    head, tail
        What stands before the first tree and behind the last.
    blocks
        The text of each tree; with several outputs, those of one boosting round follow one another.

    Examples
    --------
    >>> import lightgbm as lgb
    >>> x = np.arange(100.0)[:, None]
    >>> data = lgb.Dataset(x, x[:, 0] > 50)
    >>> text = lgb.train({"objective": "binary", "verbosity": -1}, data, 3).model_to_string()
    >>> trees = TreesText.read(text)
    >>> len(trees.blocks), trees.write() == text
    (3, True)
    """

    head: str
    blocks: tuple[str, ...]
    tail: str

    @classmethod
    def read(cls, text: str) -> TreesText:
        """Divide a model's text; a `BundleError` if it is none."""
        front, end, tail = text.partition("\nend of trees")
        if not end or not text.startswith("tree\n"):
            raise BundleError("this is not the text of a LightGBM model", advice="copy the bundle again, or train")
        head, *blocks = re.split(r"(?m)^(?=Tree=\d+$)", front + "\n")
        return cls(head, tuple(blocks), end[1:] + tail)

    def write(self) -> str:
        """Return the text, with the trees numbered from 0 and their sizes counted anew."""
        blocks = [_NUMBER.sub(f"Tree={i}", block, count=1) for i, block in enumerate(self.blocks)]
        sizes = " ".join(str(len(block.encode())) for block in blocks)
        head = _SIZES.sub(f"tree_sizes={sizes}", self.head, count=1)
        return head + "".join(blocks) + self.tail

    def bare(self) -> str:
        """Return the text without what stands behind the trees: LightGBM scores and explains the same without it."""
        return f"{self.head}{''.join(self.blocks)}end of trees\n"

    def first(self, count: int) -> TreesText:
        """Return the first trees alone."""
        return replace(self, blocks=self.blocks[:count])

    def values(self) -> list[Floats]:
        """Return the leaves' values of each tree, as they are added to the score."""
        return self.numbers("leaf_value")

    def weights(self) -> list[Floats]:
        """Return the sum of the second derivatives in each leaf at the time it was made."""
        return self.numbers("leaf_weight")

    def numbers(self, name: str) -> list[Floats]:
        """Return the numbers of a line of each tree."""
        return [_line(block, name) for block in self.blocks]

    def shrinkages(self) -> list[float]:
        """Return by what each tree was shrunk: its learning rate."""
        return [float(_line(block, "shrinkage")[0]) for block in self.blocks]

    def ridges(self, lambda_l2: float, *, cat_l2: float, max_cat_to_onehot: int) -> list[Floats]:
        """Return the penalty under which each leaf got its value.

        A leaf below a division of many categories was made under ``lambda_l2 + cat_l2``, which LightGBM's own refit
        forgets; up to `max_cat_to_onehot` of them are divided one against the others, under `lambda_l2` alone.
        """
        bins, penalties = self._bins(), []
        for block in self.blocks:
            feature, kind, *sides = (
                _line(block, name).astype(np.int64)
                for name in ("split_feature", "decision_type", "left_child", "right_child")
            )
            several = (kind & 1 == 1) & (bins[feature] > max_cat_to_onehot)
            ridge = np.full(_line(block, "leaf_value").size, lambda_l2)
            for side in sides:
                ridge[~side[side < 0]] += cat_l2 * several[side < 0]
            penalties.append(ridge)
        return penalties

    def _bins(self) -> NDArray[np.int64]:
        """Return by feature how many categories it had when the trees were grown."""
        infos = re.search(r"^feature_infos=(.*)$", self.head, flags=re.MULTILINE)
        return np.array([info.count(":") + 1 for info in (infos[1].split() if infos else [])], dtype=np.int64)

    def grew(self, other: TreesText, max_cat_to_onehot: int) -> bool:
        """Return whether some feature's categories are divided one by one in these trees, and as sets in the others."""
        mine, theirs = self._bins(), other._bins()
        split = np.zeros(len(theirs), dtype=bool)
        for block in other.blocks:
            kinds = _line(block, "decision_type").astype(np.int64) & 1 == 1
            split[_line(block, "split_feature").astype(np.int64)[kinds]] = True
        several = [bins > max_cat_to_onehot for bins in (mine, theirs)]
        return bool(self.blocks and (split & (several[0] != several[1])).any())

    def deepest(self, above: int) -> int:
        """Return how many divisions a row passes at most in a tree of more leaves than `above`; 0 if none has."""
        deepest = 0
        for block in self.blocks:
            if _line(block, "num_leaves")[0] <= above:
                continue
            depth = np.zeros(int(_line(block, "num_leaves")[0]), dtype=np.int64)
            for node, sides in enumerate(zip(_line(block, "left_child"), _line(block, "right_child"), strict=True)):
                for child in sides:
                    if child >= 0:  # a node stands behind the node above it
                        depth[int(child)] = depth[node] + 1
            deepest = max(deepest, int(depth.max()) + 1)
        return deepest

    def rounds(self, outputs: int) -> int:
        """Return how many boosting rounds there are, those at the end left out in which no tree could be divided."""
        empty = [values.size < 2 and not values.any() for values in self.values()]
        count = len(empty) // outputs
        while count and all(empty[(count - 1) * outputs : count * outputs]):
            count -= 1
        return count

    def with_leaves(self, values: Sequence[Floats], weights: Sequence[Floats] | None = None) -> TreesText:
        """Return the same trees with other values (and weights) in their leaves."""
        blocks = [_replace(block, "leaf_value", value) for block, value in zip(self.blocks, values, strict=True)]
        if weights is not None:
            blocks = [_replace(block, "leaf_weight", weight) for block, weight in zip(blocks, weights, strict=True)]
        return replace(self, blocks=tuple(blocks))

    def stretched(self, by: float, *, gain: float) -> TreesText:
        """Return the same trees with all that they add multiplied, and the gains of their divisions too."""

        def changed(line: re.Match[str]) -> str:
            factor = gain if line[1] == "split_gain" else by
            return f"{line[1]}={_WORD.sub(lambda number: repr(float(number[0]) * factor), line[2])}"

        return replace(self, blocks=tuple(_AMOUNTS.sub(changed, block) for block in self.blocks))

    def importance(self, features: int) -> tuple[Floats, Floats]:
        """Return, shape (features,) each, the gains of all divisions by a feature, and how many there are."""
        held = [block for block in self.blocks if "\nsplit_feature=\n" not in block]
        place = [_line(block, "split_feature").astype(np.int64) for block in held]
        index = np.concatenate([*place, np.zeros(0, dtype=np.int64)])
        gain = np.concatenate([*(_line(block, "split_gain") for block in held), np.zeros(0)])
        own = gain > 0
        counts = np.bincount(index[own], minlength=features)
        sums = np.bincount(index[own], weights=gain[own], minlength=features)
        return sums.astype(np.float64), counts.astype(np.float64)

    def plus(self, other: TreesText) -> TreesText:
        """Return these trees with those of another model behind them."""
        return replace(self, blocks=self.blocks + other.blocks)


def _line(block: str, name: str) -> Floats:
    found = re.search(rf"^{name}=(.*)$", block, flags=re.MULTILINE)
    if found is None:
        raise BundleError(f"a tree has no {name}", advice="train again")
    try:
        return np.array(found[1].split(), dtype=np.float64)
    except ValueError:
        raise BundleError(f"a tree's {name} holds no numbers", advice="copy the bundle again, or train") from None


def _replace(block: str, name: str, values: Floats) -> str:
    line = f"{name}={' '.join(map(repr, values.tolist()))}"
    return re.sub(rf"^{name}=.*$", line, block, count=1, flags=re.MULTILINE)
