"""A network's state on its way to and from a weight file: in 16 bits, and only into a network that it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from shared.runs.errors import UserError

PRIOR_SCHEMA = "pixel3dmm-distill/prior/1"  # of a prior's weights; students start from their encoder


def in_halves(network: nn.Module, exact: Callable[[str], bool] = lambda name: False) -> dict[str, Tensor]:
    """The state on the CPU, contiguous, of 16 bits but for tensors whose name is ``exact``.

    ValueError if a tensor does not fit into 16 bits or is not finite.
    """
    state = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    kept = {
        name: tensor.half() if tensor.is_floating_point() and not exact(name) else tensor
        for name, tensor in state.items()
    }
    broken = [name for name, tensor in kept.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise ValueError(f"{len(broken)} tensors do not fit into 16 bits or are not finite, such as {broken[0]}")
    return {name: tensor.contiguous() for name, tensor in kept.items()}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Give a network the state of a file, in the network's own types. UserError, which names it, if it is another's."""
    expected = network.state_dict()
    wrong = [
        f"{name} is missing" if name not in tensors else f"{name} is {_shape(tensors[name])}, not {_shape(value)}"
        for name, value in expected.items()
        if name not in tensors or tensors[name].shape != value.shape
    ]
    wrong += [f"{name} belongs to no layer" for name in tensors if name not in expected]
    if wrong:
        raise UserError(f"{path} does not fit the network: {'; '.join(wrong[:3])}")
    network.load_state_dict({name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()})


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
