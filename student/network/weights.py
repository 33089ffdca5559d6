"""Trained students on disk: one safetensors file with weights, network options, head id, and how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shared.assets import asset_path
from shared.flame.code_basis import CodeBasis
from shared.networks.weight_files import fill, in_halves
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.runs.errors import UserError
from student.config import StudentNetworkConfig
from student.network.encoder import build_encoder
from student.network.model import HeadLayout, StudentNetwork

SCHEMA = "pixel3dmm-distill/student/2"
_OLDER = "pixel3dmm-distill/student/1"  # the same under other names of layers; read, not written
_RENAMED = {"told": "output", "straight": "linear_skip", "units_straight": "units_linear_skip"}
_PICTURE = "picture."
_RESPONSE = ("units.rows", "units.base", "units.slope")
SHIPPED = {name: asset_path(f"student_{name}.safetensors") for name in ("base", "nano")}


@dataclass(frozen=True, eq=False)
class TrainedStudent:
    """A trained network, ready to look."""

    network: StudentNetwork  # in eval mode
    head_id: str  # of the head whose coefficients it predicts
    header: dict[str, Any]  # JSON: schema, network, head_id, input, and what `save_student` was given


def save_student(path: Path, network: StudentNetwork, head_id: str, made: Mapping[str, Any]) -> Path:
    """Write weights as fp16 with all that is needed to use them.

    Args:
        path: .safetensors.
        network: whose state is kept.
        head_id: of the head it was trained on.
        made: JSON values on how it came about: data, seeds, training, validation, licence.
    """
    header = {
        "schema": SCHEMA,
        "network": asdict(network.config),
        "head_id": head_id,
        "input": "RGB in [0, 1], normalised inside; square crop around the landmarks of the face, side margin times "
        "the longer side of their box; landmarks and focal length in pixels of that crop",
        **made,
    }
    return write_tensors(path, in_halves(network, _is_geometry), header)


def load_student(name_or_path: str, device: torch.device | str = "cpu") -> TrainedStudent:
    """A shipped student by name, else that of a file. UserError, which names the file, if it cannot be used."""
    path = _weight_file(name_or_path)
    if not path.is_file():
        names = ", ".join(SHIPPED)
        raise UserError(f"checkpoint={name_or_path} is not there: give {names}, or a file or run of student/train.py")
    tensors, header = _read(path, "checkpoint")
    config = network_config(header["network"])
    basis = CodeBasis(tensors["shape_directions"], tensors["expression_directions"])
    layout = HeadLayout.empty(basis, len(tensors["view.known"]), len(tensors.get("units.rows", ())))
    network = StudentNetwork(config, layout, build_encoder(config))
    fill(network, tensors, path)
    return TrainedStudent(network.to(device).eval(), header["head_id"], header)


def network_config(stored: Mapping[str, Any]) -> StudentNetworkConfig:
    """The options in a file's header; networks from before there were blendshapes take none."""
    known = {field.name for field in fields(StudentNetworkConfig)}
    options: dict[str, Any] = {"blendshapes": False} | {k: v for k, v in stored.items() if k in known}
    return StudentNetworkConfig(**options)


def start_from(network: StudentNetwork, name_or_path: str) -> None:
    """Give a new network the weights of a file of the same architecture. UserError if they do not fit.

    A file of landmarks alone will do for a network that sees the picture too: what it sees then has no effect at first.
    """
    path = _weight_file(name_or_path)
    tensors, _ = _read(path, "initial")
    if network.picture is not None and not any(name.startswith(_PICTURE) for name in tensors):
        network.picture.be_silent()
        new = {name: value for name, value in network.state_dict().items() if name.startswith(_PICTURE)}
        tensors = tensors | new
    fill(network, tensors, path)


def _weight_file(name_or_path: str) -> Path:
    """Of a shipped student, a file, or the folder of a run."""
    path = SHIPPED.get(name_or_path, Path(name_or_path))
    return path / "weights.safetensors" if path.is_dir() else path


def _is_geometry(name: str) -> bool:
    """What is no weight, and is kept exactly."""
    return name.startswith("view.") or name.endswith("_directions") or name in _RESPONSE


def _read(path: Path, option: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        tensors, header = read_tensors(path, SCHEMA, _OLDER)
    except TensorFileError as error:
        raise UserError(f"{option}={error}") from error
    if header["schema"] == _OLDER:
        tensors = {_todays_name(name): tensor for name, tensor in tensors.items()}
    return tensors, header


def _todays_name(name: str) -> str:
    layer, _, rest = name.partition(".")
    return f"{_RENAMED.get(layer, layer)}.{rest}" if rest else name
