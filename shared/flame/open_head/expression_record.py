"""The measured numbers: how units are mended, and the second moment of what faces do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.unit_controls import Controls
from shared.runs.files import write_bytes

FORMAT = "open-head expression calibration"
ASSET = "expression_calibration.safetensors"
N_POSE = 5  # jaw (3) and eyelids (2), which follow the units in the moment


@dataclass(frozen=True, eq=False)
class ExpressionCalibration:
    """U own units, A of which are mended: ``mended[a] = sum mix[u, a] own[u] + controls``."""

    unit_names: tuple[str, ...]  # U
    mended_names: tuple[str, ...]  # A, all of them in ``unit_names``
    mix: Array  # (U, A)
    controls: Controls
    vectors_m: Array  # (K, A, 3)
    # (U + 5, U + 5) of activations of the mended units, jaw (axis-angle, radians) and eyelids, about the neutral face
    second_moment: Array


def read_calibration(path: Path | None = None) -> ExpressionCalibration:
    """The numbers that come with the package, or those at ``path``. ValueError if it is another kind of file."""
    if path is not None:
        return _read(path)
    with resources.as_file(resources.files("shared.flame.open_head") / "data" / ASSET) as packaged:
        return _read(packaged)


def _read(path: Path) -> ExpressionCalibration:
    with safe_open(path, framework="np") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{path} is no {FORMAT}: its format is {metadata.get('format')!r}")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return ExpressionCalibration(
        unit_names=tuple(json.loads(metadata["unit_names"])),
        mended_names=tuple(json.loads(metadata["mended_names"])),
        mix=tensors["mix"].astype(np.float64),
        controls=Controls(
            tensors["control_vertex"].astype(np.int64),
            tensors["control_radius_m"].astype(np.float64),
            tensors["control_side"].astype(np.int64),
        ),
        vectors_m=tensors["control_vectors_m"].astype(np.float64),
        second_moment=tensors["second_moment"].astype(np.float64),
    )


def write_calibration(path: Path, calibration: ExpressionCalibration, source: str) -> None:
    """Write the file; ``source`` says what it was measured on."""
    tensors = {
        "mix": calibration.mix.astype(np.float32),
        "control_vertex": calibration.controls.vertex.astype(np.int32),
        "control_radius_m": calibration.controls.radius_m.astype(np.float32),
        "control_side": calibration.controls.side.astype(np.uint8),
        "control_vectors_m": calibration.vectors_m.astype(np.float32),
        "second_moment": calibration.second_moment.astype(np.float32),
    }
    metadata = {
        "format": FORMAT,
        "unit_names": json.dumps(calibration.unit_names),
        "mended_names": json.dumps(calibration.mended_names),
        "source": source,
    }
    write_bytes(path, save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, metadata))
