"""The calibration as a file: where the identity coefficients of real people lie, in a head's own coefficients."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from shared.flame.errors import FlameFileError
from shared.flame.open_head.makehuman import Array
from shared.runs.files import write_bytes

ASSET = "identity_calibration.safetensors"
FORMAT = "identity-calibration"
TENSORS = ("mean", "covariance", "eye_shift_m")
HINT = "write one with python -m shared.flame.open_head.calibration"
CREDIT = {
    "source": "ICT-FaceKit, University of Southern California, Institute for Creative Technologies: its identity model "
    "of light-stage scans, sampled; no vertex of it is in here",
    "licence": "the numbers: CC0-1.0; ICT-FaceKit: MIT, Copyright (c) 2020 USC Institute for Creative Technologies",
}


@dataclass(frozen=True)
class Calibration:
    """A normal distribution of the coefficients of one head, in its standard deviations."""

    basis_id: str  # `basis_id` of the head whose ``shapedirs`` the coefficients belong to
    mean: Array  # (S,) float64, symmetric heads only
    covariance: Array  # (S, S) float64
    # (3, 3) metres, subject's left: how far the eyeball's centre, the inner and the outer corner of the eye are moved
    # on the mean head. Coefficients can't do it: in the sculpts, corners keep to the eyeball.
    eye_shift_m: Array
    made: dict[str, Any] = field(default_factory=dict)  # JSON: how, from how many people, with which figures

    def write(self, path: Path) -> Path:
        """Float32 tensors, the rest as metadata."""
        tensors = {name: getattr(self, name).astype(np.float32) for name in TENSORS}
        made = {"made": json.dumps(self.made, sort_keys=True)}
        return write_bytes(path, save(tensors, {"format": FORMAT, "basis_id": self.basis_id, **CREDIT, **made}))

    @staticmethod
    def read(path: Path | None = None) -> Calibration:
        """The file at ``path``, or the one that comes with the package. FlameFileError if it is none."""
        if path is None:
            with resources.as_file(resources.files("shared.flame.open_head") / "data" / ASSET) as packaged:
                return Calibration.read(packaged)
        if not path.is_file():
            raise FlameFileError(path, "does not exist", HINT)
        try:
            with safe_open(path, framework="np") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise FlameFileError(path, f"is no calibration: its format is {metadata.get('format')!r}", HINT)
                tensors = {name: file.get_tensor(name).astype(np.float64) for name in TENSORS}
        except SafetensorError as error:
            raise FlameFileError(path, f"is no calibration: {error}", HINT) from error
        return Calibration(metadata["basis_id"], **tensors, made=json.loads(metadata["made"]))
