"""The network: a few small ones side by side, whose scores are averaged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "sigmoid": torch.sigmoid,
}

_SMALL = 0.1  # of the embeddings of many levels: large random ones would be learned by heart


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a network.

    Parameters
    ----------
    numbers
        Columns of scaled numbers.
    missing
        Columns that say what is missing; they come behind.
    sizes
        By categorical feature: its levels, the unknown counted.
    outputs
        1, or the number of classes.
    bins
        Of the piecewise embedding of numbers; 0 for none.
    members, hidden, activation, embedding_size
        See `MLPConfig`.
    """

    numbers: int
    missing: int
    sizes: tuple[int, ...]
    outputs: int
    members: int
    hidden: tuple[int, ...]
    activation: str
    embedding_size: int
    bins: int


class MLP(nn.Module):
    """Fully connected layers over scaled numbers and embedded levels, `members` times side by side.

    Members share their input and nothing else; all tensors have them as the first axis, so that one multiplication
    serves all. Each number has a learned scale of its own in front (Holzmüller et al. 2024, "Better by default"). The
    head begins at zero: an untrained network adds nothing to the base score. Initial values are drawn from torch's own
    stream of random numbers if no other is given.
    """

    def __init__(self, shape: Shape, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.masked = 0.0
        self.dropout = 0.0
        self.generator = generator
        self.scale = nn.Parameter(torch.ones(shape.members, 1, shape.numbers + shape.missing))
        self.embeddings = nn.ModuleList(LevelEmbedding(size, shape, generator) for size in shape.sizes)
        self.bins = Piecewise(shape.numbers, shape.bins) if shape.bins else None
        wide = shape.numbers * (1 + shape.bins) + shape.missing + sum(_width(size, shape) for size in shape.sizes)
        widths = [wide, *shape.hidden]
        self.layers = nn.ModuleList(
            Parallel(shape.members, a, b, generator=generator) for a, b in zip(widths[:-1], shape.hidden, strict=True)
        )
        self.head = Parallel(shape.members, widths[-1], shape.outputs, zero=True, generator=generator)

    def embed(self, numbers: Tensor, levels: Tensor) -> Tensor:
        """Return the last hidden layer, shape (members, n, hidden[-1])."""
        x = self._inputs(numbers, levels)
        for layer in self.layers:
            x = _ACTIVATIONS[self.shape.activation](layer(x))
            x = dropped(x, self.dropout, self.generator) if self.training and self.dropout > 0 else x
        return x

    def members(self, numbers: Tensor, levels: Tensor) -> Tensor:
        """Return each member's scores, shape (members, n, outputs)."""
        found: Tensor = self.head(self.embed(numbers, levels))
        return found

    def forward(self, numbers: Tensor, levels: Tensor) -> Tensor:
        """Return the mean score of the members, shape (n, outputs)."""
        return self.members(numbers, levels).mean(dim=0)

    def _inputs(self, numbers: Tensor, levels: Tensor) -> Tensor:
        parts = [numbers * self.scale]
        if self.bins is not None:
            parts.append(self.bins(numbers[:, : self.shape.numbers]).expand(self.shape.members, -1, -1))
        if self.training and self.masked > 0:
            levels = levels * (torch.rand(levels.shape, generator=self.generator) >= self.masked).to(levels.device)
        parts += [embedding(levels[:, k]) for k, embedding in enumerate(self.embeddings)]
        return torch.cat(parts, dim=2)


def dropped(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Set a share of the values to zero and scale the others up (Srivastava et al. 2014).

    On the CPU, where torch's own takes a third of the training, four values are decided by one random word of 64 bits;
    the share is rounded to 1/65,536.
    """
    if x.device.type != "cpu":
        return functional.dropout(x, share)
    limit, count = round(share * 65_536), x.numel()
    if limit == 0:
        return x
    words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    keep = words.view(torch.int16)[:count].view(x.shape) >= limit - 32_768
    return x * keep.to(x.dtype).mul_(65_536 / (65_536 - limit))


class Parallel(nn.Module):
    """A linear layer of each member: (members, n, inputs) to (members, n, outputs); initial values as torch's own."""

    def __init__(
        self,
        members: int,
        inputs: int,
        outputs: int,
        *,
        zero: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        bound = 0.0 if zero else 1 / math.sqrt(max(inputs, 1))
        weight, bias = torch.empty(members, inputs, outputs), torch.empty(members, 1, outputs)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound, generator=generator))
        self.bias = nn.Parameter(bias.uniform_(-bound, bound, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply and add."""
        return torch.baddbmm(self.bias, x, self.weight)


class LevelEmbedding(nn.Module):
    """An embedding of a feature's levels for each member (Guo and Berkhahn 2016, "Entity embeddings").

    Index 0 is the unknown and begins at zero. As many levels as there are dimensions begin as one-hot vectors.
    """

    def __init__(self, size: int, shape: Shape, generator: torch.Generator | None = None) -> None:
        super().__init__()
        width = _width(size, shape)
        if size - 1 <= width:
            start = torch.eye(max(size, 2))[:size, 1:].repeat(1, shape.members)
        else:
            start = _SMALL * torch.randn(size, shape.members * width, generator=generator)
        start[0] = 0.0
        self.weight = nn.Parameter(start)
        self.split = (shape.members, width)

    def forward(self, index: Tensor) -> Tensor:
        """Return shape (members, n, width)."""
        found: Tensor = functional.embedding(index, self.weight)
        return found.view(len(index), *self.split).transpose(0, 1)


class Piecewise(nn.Module):
    """How far a number has come through each bin: below 0, inside its share, above 1.

    Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features", equation 1, but bounded at both ends.
    """

    edges: Tensor

    def __init__(self, numbers: int, bins: int) -> None:
        super().__init__()
        self.register_buffer("edges", torch.zeros(numbers, bins + 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return shape (n, numbers * bins)."""
        low, width = self.edges[:, :-1], self.edges.diff(dim=1)
        inside = (x[:, :, None] - low) / torch.where(width > 0, width, 1.0)
        return torch.where(width > 0, inside.clamp(0, 1), 0.0).flatten(1)


def _width(size: int, shape: Shape) -> int:
    """Return how many dimensions the embedding of so many levels has."""
    return min(max(size - 1, 1), shape.embedding_size)
