"""A trained network in the runtime that its file is for."""

from __future__ import annotations

from pathlib import Path

import torch

from shared.runs.errors import UserError
from student.head.predictor import Network, TorchNetwork
from student.network.weights import load_student


def open_network(name: str, device: torch.device) -> Network:
    """A trained network by name, file or folder; an .onnx file runs in ONNX Runtime. UserError if it cannot be used."""
    if name.endswith(".onnx"):
        try:
            from student.deploy.onnx_network import OnnxNetwork  # takes half a second to import
        except ImportError as error:
            raise UserError(f"checkpoint={name} needs ONNX Runtime: pip install onnx onnxruntime") from error
        return OnnxNetwork.open(Path(name), device)
    return TorchNetwork(load_student(name, device))
