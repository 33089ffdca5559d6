"""AdamW with a rate for the backbone and a rate for the rest, and a guard against steps that would ruin the network.

The guard looks at the gradient on the device, so that no step waits for the GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shared.config import TrainingConfig


class GuardedAdamW:
    """AdamW that leaves out steps whose gradient is not finite, and counts them.

    Such a step changes nothing: neither weights, nor the optimiser's averages, nor the network's buffers, which batch
    norm may have filled with what is not finite.

    Args:
        network: on its device and in its memory format; see `parameter_groups`.
        config: rates, decay and the longest gradient.
    """

    def __init__(self, network: nn.Module, config: TrainingConfig) -> None:
        self.groups = parameter_groups(network, config)
        self._base = [group["lr"] for group in self.groups]
        self.adamw = torch.optim.AdamW(self.groups, betas=(0.9, 0.99), fused=True)
        self._parameters = [parameter for group in self.groups for parameter in group["params"]]
        self._buffers = list(network.buffers())
        self._saved = [buffer.clone() for buffer in self._buffers]
        self._longest = config.gradient_norm
        device = self._parameters[0].device
        self.skipped = torch.zeros((), device=device)  # in this process
        self.skipped_in_row = torch.zeros((), device=device)

    def begin(self) -> None:
        """Before the forward pass of a step."""
        self.adamw.zero_grad(set_to_none=True)
        if self._buffers:
            torch._foreach_copy_(self._saved, self._buffers)  # type: ignore[attr-defined]

    @torch.no_grad()
    def step(self, factor: float) -> Tensor:
        """Apply the gradients, with the learning rates times ``factor``; returns the gradient's length before."""
        length = nn.utils.clip_grad_norm_(self._parameters, self._longest)
        broken = ~torch.isfinite(length)
        for group, rate in zip(self.adamw.param_groups, self._base, strict=True):
            group["lr"] = rate * factor
        self.adamw.found_inf = broken.float()  # type: ignore[attr-defined]  # what a GradScaler sets
        self.adamw.step()
        for buffer, saved in zip(self._buffers, self._saved, strict=True):
            torch.where(broken, saved, buffer, out=buffer)
        self.skipped += broken
        self.skipped_in_row.add_(1).mul_(broken)
        return length


def parameter_groups(network: nn.Module, config: TrainingConfig) -> list[dict]:
    """AdamW's groups: {backbone, rest} x {decayed, not}. Biases, norms and other vectors are not decayed.

    The backbone is the network's attribute of that name: a module, or None.
    """
    backbone_module = network.backbone
    in_backbone = {id(one) for one in backbone_module.parameters()} if isinstance(backbone_module, nn.Module) else set()
    groups: list[dict] = []
    for backbone in (True, False):
        for decayed in (True, False):
            parameters = [
                parameter
                for parameter in network.parameters()
                if parameter.requires_grad
                and (id(parameter) in in_backbone) == backbone
                and (parameter.ndim > 1) == decayed
            ]
            rate = config.learning_rate * (config.backbone_factor if backbone else 1.0)
            if parameters:
                groups.append({"params": parameters, "lr": rate, "weight_decay": config.weight_decay * decayed})
    return groups
