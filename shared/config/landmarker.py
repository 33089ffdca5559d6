"""Options of what finds faces and their landmarks."""

from __future__ import annotations

from dataclasses import dataclass

from shared.config.loading import REQUIRED
from shared.config.option import option


@dataclass(frozen=True)
class LandmarkerBuildConfig:
    """Options of ``python -m shared.landmarker.conversion``."""

    models: str = option(REQUIRED, "folder that holds the published files at any depth, such as unzipped wheels")
    out: str = option("shared/assets", "folder for the .onnx files")
