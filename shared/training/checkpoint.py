"""All that a training run needs to go on as if it had never stopped, in one safetensors file.

Random numbers are not in it: those of a step follow from the seed and the step.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.runs.errors import UserError

SCHEMA = "pixel3dmm-distill/training-checkpoint/1"


@dataclass(frozen=True)
class Progress:
    """How far a run is. All processes and all earlier starts count."""

    step: int = 0
    minutes: float = 0.0
    samples: int = 0  # seen
    skipped: int = 0  # steps, whose gradient was not finite
    bad: int = 0  # samples that could not be used
    sample_count: int = 0  # samples an epoch


def save_checkpoint(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress
) -> Path:
    """Write atomically. StorageError where that fails; the file before then stays."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"optimiser.{key}.{name}"] = value
    # A copy each: safetensors takes neither strided tensors nor two that share memory.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    return write_tensors(path, copies, {"schema": SCHEMA, "progress": asdict(progress)})


def load_checkpoint(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> Progress | None:
    """Fill network, average and optimiser from the file; None if there is none. UserError if it cannot be used."""
    if not path.exists():
        return None
    try:
        tensors, header = read_tensors(path, SCHEMA)
    except TensorFileError as error:
        raise UserError(f"{error}; delete it to start anew") from error
    try:
        network.load_state_dict(_under(tensors, "network."))
        average.load_state_dict(_under(tensors, "average."))
        _load_optimiser(network, optimiser, _under(tensors, "optimiser."))
    except (RuntimeError, KeyError) as error:
        raise UserError(f"{path} belongs to another network: {str(error).splitlines()[-1].strip()}") from error
    return Progress(**header["progress"])


def _load_optimiser(network: nn.Module, optimiser: torch.optim.Optimizer, values: dict[str, Tensor]) -> None:
    parameters = dict(network.named_parameters())
    for entry, value in values.items():
        key, _, name = entry.partition(".")
        parameter = parameters[name]
        # Laid out like the parameter, as the optimiser would have done.
        like: Any = parameter if value.shape == parameter.shape else torch.zeros((), device=parameter.device)
        optimiser.state[parameter][key] = torch.zeros_like(like, requires_grad=False).copy_(value)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
