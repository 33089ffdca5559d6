"""Trained students on disk: one safetensors file with weights, network options, head id, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shared.config import StudentNetworkConfig
from shared.flame.code_basis import CodeBasis
from shared.runtime import UserError
from shared.tensor_files import TensorFileError, read_tensors, write_tensors
from student.encoder import build_encoder
from student.model import HeadLayout, StudentNetwork

SCHEMA = "pixel3dmm-distill/student/1"
_ASSETS = Path(__file__).parents[1] / "shared" / "assets"
SHIPPED = {"base": _ASSETS / "student_base.safetensors", "nano": _ASSETS / "student_nano.safetensors"}


@dataclass(frozen=True, eq=False)
class TrainedStudent:
    """A trained network, ready to look."""

    network: StudentNetwork  # in eval mode
    head_id: str  # of the head whose codes it tells
    header: dict[str, Any]  # JSON: schema, network, head_id, input, and what `save_student` was told


def save_student(path: Path, network: StudentNetwork, head_id: str, made: Mapping[str, Any]) -> Path:
    """Write weights as fp16 with all that is needed to use them.

    Args:
        path: .safetensors.
        network: whose state is kept.
        head_id: of the head it was trained on.
        made: JSON values on how it came about: data, seeds, training, validation, licence.
    """
    state = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    halves = {name: _kept(name, tensor) for name, tensor in state.items()}
    broken = [name for name, tensor in halves.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise ValueError(f"{len(broken)} tensors do not fit into 16 bits or are not finite, such as {broken[0]}")
    header = {
        "schema": SCHEMA,
        "network": asdict(network.config),
        "head_id": head_id,
        "input": "RGB in [0, 1], normalised inside; square crop around the landmarks of the face, side margin times "
        "the longer side of their box; landmarks and focal length in pixels of that crop",
        **made,
    }
    return write_tensors(path, {name: tensor.contiguous() for name, tensor in halves.items()}, header)


def load_student(name_or_path: str, device: torch.device | str = "cpu") -> TrainedStudent:
    """A shipped student by name, else that of a file. UserError, which names the file, if it cannot be used."""
    path = SHIPPED.get(name_or_path, Path(name_or_path))
    if path.is_dir():
        path = path / "weights.safetensors"
    if not path.is_file():
        names = ", ".join(SHIPPED)
        raise UserError(f"checkpoint={name_or_path} is not there: give {names}, or a file or run of student/train.py")
    tensors, header = _read(path, "checkpoint")
    known = {field.name for field in fields(StudentNetworkConfig)}
    config = StudentNetworkConfig(**{name: value for name, value in header["network"].items() if name in known})
    basis = CodeBasis(tensors["shape_directions"], tensors["expression_directions"])
    layout = HeadLayout.empty(basis, len(tensors["view.known"]))
    network = StudentNetwork(config, layout, build_encoder(config))
    _fill(network, tensors, path)
    return TrainedStudent(network.to(device).eval(), header["head_id"], header)


def start_from(network: StudentNetwork, name_or_path: str) -> None:
    """Give a new network the weights of a file of the same architecture. UserError if they do not fit."""
    path = SHIPPED.get(name_or_path, Path(name_or_path))
    tensors, _ = _read(path, "initial")
    _fill(network, tensors, path)


def _kept(name: str, tensor: Tensor) -> Tensor:
    # What is geometry and not weight is exact.
    exact = not tensor.is_floating_point() or name.startswith("view.") or name.endswith("_directions")
    return tensor if exact else tensor.half()


def _read(path: Path, option: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        return read_tensors(path, SCHEMA)
    except TensorFileError as error:
        raise UserError(f"{option}={error}") from error


def _fill(network: StudentNetwork, tensors: Mapping[str, Tensor], path: Path) -> None:
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


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
