"""An exported student as a torch.export program (.pt2)."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim

from student.deploy.module import ExportedStudent
from student.deploy.signature import OUTPUTS


def to_program(module: ExportedStudent, inputs: tuple[Tensor, ...]) -> torch.export.ExportedProgram:
    """The graph for any number of crops; ``inputs`` (B, ...) with B of at least 2, to follow it with."""
    batch = Dim("batch", min=1)
    with torch.no_grad():
        return torch.export.export(module, inputs, dynamic_shapes=(tuple({0: batch} for _ in inputs),))


def run_program(path: Path, module: ExportedStudent, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs by name of a file that this process has just written: the format may hold pickles."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", "The given buffer is not writable")
        values = torch.export.load(path).module()(*(given[name] for name in module.inputs))
    return {port.name: value for port, value in zip(OUTPUTS, values, strict=True)}
