"""The training loop: mini-batches from whole arrays; the best weights are kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from tabkit.errors import FitError
from tabkit.neural.history import Epoch
from tabkit.neural.losses import Loss
from tabkit.neural.mlp import MLP
from tabkit.neural.schedule import dropout_at, rate_at

Weights = dict[str, Tensor]
_SCALE_RATE = 6.0  # learned scales of features are few and must move further (Holzmüller and others 2024)


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """The rows of a fit as tensors, all on one device.

    Parameters
    ----------
    numbers, levels
        See `tabkit.neural.inputs.Batch`.
    start
        Shape (n, outputs): the scores before the network adds its own.
    slope
        What the network's scores are multiplied by before that.
    y
        Shape (n,): the target, in the units of the scores.
    weight
        Shape (n,), of mean 1; None for equal weights.
    """

    numbers: Tensor
    levels: Tensor
    start: Tensor
    y: Tensor
    weight: Tensor | None
    slope: float = 1.0

    def take(self, index: Tensor) -> Data:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[index]
        return Data(self.numbers[index], self.levels[index], self.start[index], self.y[index], weight, self.slope)


@dataclass(frozen=True, slots=True)
class Course:
    """The settings of a training loop; see `MLPConfig`."""

    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: float
    epochs: int
    patience: int
    averaging: float
    clip_norm: float
    dropout: float
    masked: float
    stop_after: int | None = None
    """End after so many epochs of the schedule, and keep the weights of that moment; 0 trains nothing."""


@dataclass(slots=True, eq=False)
class Trained:
    """The result of a training.

    Parameters
    ----------
    weights
        The best ones: of the epoch with the lowest held-out loss, without held-out rows of the last one.
    epoch
        Of these weights; 0 if no epoch was better than the start.
    history
        By epoch.
    stopped
        Why it ended before its time by a fault; None if it did not.
    """

    weights: Weights
    epoch: int = 0
    history: list[Epoch] = field(default_factory=list)
    stopped: str | None = None


def train(
    network: MLP,
    data: Data,
    loss: Loss,
    course: Course,
    *,
    judge: Callable[[MLP], float] | None,
    frozen: Sequence[str] = (),
    tick: Callable[[], None],
) -> Trained:
    """Train a network in place, and return its best weights.

    AdamW (Loshchilov and Hutter 2019) with the second moment's decay at .95, a rate that rises and falls along half a
    cosine, gradients shortened to a length for all members together, and a moving average of the weights (Polyak and
    Juditsky 1992), which is what is judged.

    Parameters
    ----------
    judge
        Gives the held-out loss of a network; None without held-out rows.
    frozen
        Parameters that stay as they are, by the beginning of their names.
    tick
        Called after each epoch.

    Raises
    ------
    FitError
        If the loss is no number before the first epoch has ended.
    """
    rows = len(data.y)
    size = min(course.batch_size, rows)
    steps = math.ceil(rows / size)
    optimizer, tops = _optimizer(network, course, frozen)
    average = _Average(network, steps * course.averaging)
    best = Trained(average.weights())
    lowest = judge(network.eval()) if judge else math.inf
    step, total = 0, steps * course.epochs
    for epoch in range(1, (course.epochs if course.stop_after is None else course.stop_after) + 1):
        network.train()
        summed, place = torch.zeros(()), torch.randperm(rows, generator=network.generator)
        for k in range(steps):
            rate = rate_at(step, steps=total, warmup=course.warmup)
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                group["lr"] = top * rate
            network.dropout = course.dropout * dropout_at(step, steps=total)
            found = _step(
                network, data.take(place[k * size : (k + 1) * size].to(data.y.device)), loss, optimizer, course
            )
            summed += found
            average.add(network)
            step += 1
        held_out = judge(average.shadow) if judge else None
        mean = float(summed) / steps
        if not math.isfinite(mean) or not average.finite() or not math.isfinite(held_out or 0.0):
            return _broken(best, epoch, course)
        best.history.append(Epoch(mean, held_out, course.learning_rate * rate))
        tick()
        if held_out is None or held_out < lowest or epoch == course.stop_after:
            best.weights, best.epoch = average.weights(), epoch
            lowest = lowest if held_out is None else held_out
        patient = course.stop_after is not None or not course.patience or judge is None
        if not patient and epoch - best.epoch >= course.patience:
            break
    return best


def _step(network: MLP, batch: Data, loss: Loss, optimizer: torch.optim.Optimizer, course: Course) -> Tensor:
    rows = loss(network.members(batch.numbers, batch.levels) * batch.slope + batch.start, batch.y)
    if batch.weight is not None:
        rows = rows * batch.weight
    members = rows.mean(dim=1)
    optimizer.zero_grad(set_to_none=True)
    members.sum().backward()  # type: ignore[no-untyped-call]  # members are apart: the gradient of each is that of its own loss
    if course.clip_norm:
        clip_grad_norm_(network.parameters(), course.clip_norm * math.sqrt(len(members)))
    optimizer.step()
    return members.detach().mean().cpu()


def _optimizer(network: MLP, course: Course, frozen: Sequence[str]) -> tuple[torch.optim.Optimizer, list[float]]:
    """Return the optimizer and the top rate of each of its groups; biases and scales do not decay."""
    groups, tops = [], []
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not name.startswith(tuple(frozen)))
        if not parameter.requires_grad:
            continue
        tops.append(course.learning_rate * (_SCALE_RATE if name == "scale" else 1.0))
        decays = name.endswith("weight")
        groups.append({"params": [parameter], "weight_decay": course.weight_decay if decays else 0.0})
    return torch.optim.AdamW(groups, lr=course.learning_rate, betas=(0.9, 0.95), fused=True), tops


class _Average:
    """The moving average of a network's parameters, over about so many steps; `shadow` is the network that has it."""

    def __init__(self, network: MLP, steps: float) -> None:
        self._takes = 1 / max(steps, 1.0)
        self.shadow = (
            MLP(network.shape, generator=torch.Generator()).to(network.scale.device).requires_grad_(False).eval()
        )
        self.shadow.load_state_dict(network.state_dict())
        self._mine: list[Tensor] = list(self.shadow.parameters())

    def add(self, network: MLP) -> None:
        """Take the network's parameters in."""
        theirs = [parameter.detach() for parameter in network.parameters()]
        torch._foreach_lerp_(self._mine, theirs, self._takes)

    def finite(self) -> bool:
        """Return whether all averages are finite numbers."""
        return all(bool(parameter.isfinite().all()) for parameter in self._mine)

    def weights(self) -> Weights:
        """Return a copy of the averages."""
        return {name: value.detach().cpu().clone() for name, value in self.shadow.state_dict().items()}


def _broken(best: Trained, epoch: int, course: Course) -> Trained:
    why = f"the loss was no finite number in epoch {epoch} (learning rate {course.learning_rate:g})"
    if not best.history:
        raise FitError(
            f"{why}, the first one: there are no weights to go back to",
            advice="lower neural.learning_rate, or look for extreme targets, weights or exposures",
        )
    kept = f"the weights of epoch {best.epoch} were restored" if best.epoch else "no epoch before did better than none"
    best.stopped = f"{why}; {kept}"
    return best
