"""Training losses: for each objective the loss of raw scores."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of one objective.

    Parameters
    ----------
    objective
        Its name.
    smoothing
        Share of a class's probability that is spread over all classes (Szegedy et al. 2016, section 7).
    prior
        How it is spread: the classes' shares of the rows, so that the mean of what is aimed at stays their rate (a
        uniform spread would lift rare classes: Pereyra et al. 2017, section 3.2). Empty for a uniform spread.
    quantile
        The level of the quantile objective.
    power
        The variance power of a log link: 1 Poisson, 2 gamma, between them Tweedie.
    """

    objective: str
    smoothing: float = 0.0
    quantile: float = 0.5
    power: float = 1.5
    prior: tuple[float, ...] = ()

    def __call__(self, scores: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each row.

        Parameters
        ----------
        scores
            Shape (..., n, outputs): before the link.
        y
            Shape (n,): 0/1, a class's index, or the value in units of the scores.

        Returns
        -------
        Tensor
            Shape (..., n); up to a constant the negative log-likelihood.
        """
        if self.objective == "multiclass":
            found = -functional.log_softmax(scores, dim=-1)
            own = found.gather(-1, y.long()[:, None].expand(*scores.shape[:-1], 1)).squeeze(-1)
            spread = (found * found.new_tensor(self.prior)).sum(dim=-1) if self.prior else found.mean(dim=-1)
            return (1 - self.smoothing) * own + self.smoothing * spread
        raw = scores.squeeze(-1)
        target = y.expand_as(raw)
        if self.objective == "binary":
            middle = self.prior[1] if self.prior else 0.5
            smooth = target * (1 - self.smoothing) + self.smoothing * middle
            return functional.binary_cross_entropy_with_logits(raw, smooth, reduction="none")
        if self.objective == "regression":
            return 0.5 * (raw - target) ** 2
        if self.objective == "quantile":
            above = target - raw
            return torch.maximum(self.quantile * above, (self.quantile - 1) * above)
        return self._deviance(raw, target)

    def _deviance(self, raw: Tensor, y: Tensor) -> Tensor:
        """Half the deviance of a Tweedie model with log link, terms of `y` alone left out (Jørgensen 1997, ch. 4)."""
        if self.power == 1:
            return raw.exp() - y * raw
        if self.power == 2:
            return raw + y * (-raw).exp()
        p = self.power
        return (raw * (2 - p)).exp() / (2 - p) - y * (raw * (1 - p)).exp() / (1 - p)
