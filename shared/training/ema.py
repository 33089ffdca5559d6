"""A running average of a network: smoother than the last step, and better for it."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class Ema(Generic[Network]):
    """The average of weights and floating-point buffers; other buffers are those of the last step.

    ``network`` is the average as a network of its own, in eval mode and without gradients.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._own, self._own_other = _split(self.network)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network after ``step`` steps; early on faster, as the first weights say nothing."""
        averaged, other = _split(network)
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._own, averaged, 1 - decay)  # type: ignore[attr-defined]
        for mine, new in zip(self._own_other, other, strict=True):
            mine.copy_(new)


def _split(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """All floating-point tensors of the state, and the others."""
    state = [tensor.detach() for tensor in (*network.parameters(), *network.buffers())]
    return [t for t in state if t.is_floating_point()], [t for t in state if not t.is_floating_point()]
