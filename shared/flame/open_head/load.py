"""Run-time reader of the built open heads. Needs nothing of the builder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from shared.flame.schema import ArkitMap, ExpressionPriorModel, FlameAssets, LandmarkEmbedding

ASSET = "open_head.safetensors"
# Heads that come with the package, by the name that `load_flame` takes: the open head, calibrated on people, and the
# sculpted one that it is built on.
OPEN_HEADS = {"open_head_2": "open_head_2.safetensors", "open_head": ASSET}
DEFAULT = "open_head_2"
OVERLAY = "open-head-overlay"  # format of a file that has only what differs from another head
JAW_POSEDIRS = slice(9, 18)  # of FLAME's 36; these heads' others are zero
REGION, LANDMARKS = "region.", "landmarks."
Tensors = dict[str, np.ndarray]


def load_open_head(source: Path | str | None = None) -> FlameAssets:
    """The open head, another of OPEN_HEADS by its name, or that of a file. Float32 on the CPU.

    FileNotFoundError if there is no such file, ValueError if it isn't an open head or is made for another base.
    """
    if source is not None and source not in OPEN_HEADS:
        return _read(Path(source))
    with resources.as_file(resources.files("shared") / "assets" / OPEN_HEADS[str(source or DEFAULT)]) as packaged:
        return _read(packaged)


def _read(path: Path) -> FlameAssets:
    if not path.is_file():
        command = f"python -m shared.flame.open_head head=open_head out={path}"
        raise FileNotFoundError(f"no open head at {path}; build one: {command}")
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if metadata.get("format") == OVERLAY:
        return _on_base(path, tensors, metadata)
    if metadata.get("format") != "open-head":
        raise ValueError(f"{path} is no open head: its format is {metadata.get('format')!r}")
    return _assets(tensors, metadata)


def _on_base(path: Path, overlay: Tensors, metadata: Mapping[str, str]) -> FlameAssets:
    """The head of a file that has only what differs from the packaged ``open_head``, on which it was built."""
    with resources.as_file(resources.files("shared") / "assets" / ASSET) as packaged:
        base = _read(packaged)
        if base.head_id != metadata["base_head_id"]:
            raise ValueError(f"{path} was built on head {metadata['base_head_id']}, the package has {base.head_id}")
        with safe_open(packaged, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    # Sums without rounding, see `calibrate.TRANSFORM_STEP`: the same bits on any machine.
    directions = tensors["shapedirs"].astype(np.float64) @ overlay.pop("shape_transform").astype(np.float64)
    return _assets(tensors | overlay | {"shapedirs": directions}, metadata)


def _assets(tensors: Tensors, metadata: Mapping[str, str]) -> FlameAssets:
    template = _float(tensors["v_template"])
    posedirs = torch.zeros(len(template), 3, 36)
    posedirs[:, :, JAW_POSEDIRS] = _float(tensors["posedirs_jaw"])
    regressor = torch.zeros(5, len(template))
    joint, vertex = torch.from_numpy(tensors["joint_regressor_index"].astype(np.int64))
    regressor[joint, vertex] = _float(tensors["joint_regressor_value"])
    return FlameAssets(
        name=metadata.get("name", "open-head"),
        base_head_id=metadata.get("base_head_id"),
        v_template=template,
        shapedirs=_float(tensors["shapedirs"]),
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
