"""Options of the student's export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.config.option import option, require_positive


@dataclass(frozen=True)
class ExportConfig:
    """`student/export.py`."""

    checkpoint: str = option("base", "the student: base, nano, a weight file, or the folder of a training run")
    out: str = option("???", "folder for student.onnx, student.pt2 and, quantised, student_int8.onnx")
    format: Literal["onnx", "torch", "both"] = option("onnx", "onnx: ONNX; torch: torch.export; both")
    quantise: Literal["none", "dynamic", "static"] = option("none", "write student_int8.onnx too, of 8-bit layers")
    calibration: str | None = option(None, "pictures of faces to check and calibrate with; none: drawn portraits")
    checked: int = option(8, "faces on which the file must predict what the network predicts")
    calibrated: int = option(64, "faces from which the ranges of static 8-bit values are taken")
    flame: str | None = option(
        None, "path of the FLAME model file whose coefficients it predicts; without it the open head"
    )

    def __post_init__(self) -> None:
        require_positive(self, "checked", "calibrated")
        if self.format == "torch" and self.quantise != "none":
            raise ValueError(f"quantise={self.quantise} is of ONNX files: give format=onnx or format=both")
