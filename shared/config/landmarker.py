"""Options of what finds faces and their landmarks."""

from __future__ import annotations

from dataclasses import dataclass

from shared.config.option import option
from shared.options import REQUIRED


@dataclass(frozen=True)
class LandmarkerBuildConfig:
    """Options of ``python -m shared.landmarker.build``."""

    models: str = option(REQUIRED, "folder that holds the published files at any depth, such as unzipped wheels")
    out: str = option("shared/assets", "folder for the .onnx files")
