"""Run-time reader of the built open head. Needs nothing of the builder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from shared.assets import asset_path
from shared.flame.schema import ArkitMap, ExpressionPriorModel, FlameAssets, LandmarkEmbedding

ASSET = "open_head.safetensors"
FORMAT = "open-head"
JAW_POSEDIRS = slice(9, 18)  # of FLAME's 36; the others are zero
REGION, LANDMARKS = "region.", "landmarks."
Tensors = dict[str, np.ndarray]


def load_open_head(source: Path | None = None) -> FlameAssets:
    """The open head that comes with the package, or that of a file. Float32 on the CPU.

    FileNotFoundError if there is no such file, ValueError if it isn't an open head.
    """
    if source is not None:
        return _read(source)
    return _read(asset_path(ASSET))


def _read(path: Path) -> FlameAssets:
    if not path.is_file():
        command = f"python -m shared.flame.open_head out={path}"
        raise FileNotFoundError(f"no open head at {path}; build one: {command}")
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path} is no open head: its format is {metadata.get('format')!r}")
    return head_of(tensors, metadata)


def head_of(tensors: Tensors, metadata: Mapping[str, str]) -> FlameAssets:
    """The head of what the file holds."""
    # Sums without rounding, see `calibrate.TRANSFORM_STEP`: the same bits on any machine.
    directions = tensors["shapedirs"].astype(np.float64) @ tensors["shape_transform"].astype(np.float64)
    template = _float(tensors["v_template"])
    posedirs = torch.zeros(len(template), 3, 36)
    posedirs[:, :, JAW_POSEDIRS] = _float(tensors["posedirs_jaw"])
    regressor = torch.zeros(5, len(template))
    joint, vertex = torch.from_numpy(tensors["joint_regressor_index"].astype(np.int64))
    regressor[joint, vertex] = _float(tensors["joint_regressor_value"])
    return FlameAssets(
        name=FORMAT,
        v_template=template,
        shapedirs=_float(directions),
        expressiondirs=_float(tensors["expressiondirs"]),
        eyelid_dirs=_float(tensors["eyelid_dirs"]),
        posedirs=posedirs,
        joint_regressor=regressor,
        lbs_weights=_float(tensors["lbs_weights"]),
        faces=_index(tensors["faces"]),
        uv=_float(tensors["uv"]),
        uv_faces=_index(tensors["uv_faces"]),
        regions={
            name.removeprefix(REGION): torch.from_numpy(tensor.astype(bool))
            for name, tensor in tensors.items()
            if name.startswith(REGION)
        },
        landmarks=_landmarks(tensors),
        mirror=_index(tensors["mirror"]),
        arkit=ArkitMap(
            names=tuple(json.loads(metadata["arkit_names"])),
            expression=_float(tensors["arkit_to_expression"]),
            jaw=_float(tensors["arkit_to_jaw"]),
            eyes=_float(tensors["arkit_to_eyes"]),
        ),
        expression_prior=(
            ExpressionPriorModel(_float(tensors["expression_prior"])) if "expression_prior" in tensors else None
        ),
    )


def _landmarks(tensors: Tensors) -> dict[str, LandmarkEmbedding]:
    names = {name.split(".")[1] for name in tensors if name.startswith(LANDMARKS)}
    return {
        name: LandmarkEmbedding(
            _index(tensors[f"{LANDMARKS}{name}.face_index"]), _float(tensors[f"{LANDMARKS}{name}.barycentric"])
        )
        for name in sorted(names)
    }


def _float(tensor: np.ndarray) -> Tensor:
    return torch.from_numpy(tensor.astype(np.float32))


def _index(tensor: np.ndarray) -> Tensor:
    return torch.from_numpy(tensor.astype(np.int64))
