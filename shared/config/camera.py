"""Options of pictures: which camera, which faces, which crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.config.option import option


@dataclass(frozen=True)
class CameraConfig:
    """What is known of the camera."""

    focal_35mm: float | None = option(None, "focal length of all pictures as 35 mm equivalent; wins over EXIF")
    focal_px: float | None = option(None, "focal length of all pictures in their own pixels; wins over focal_35mm")
    fov_deg: float = option(40.0, "view across the longer side where no focal length is known; 40 = a 50 mm lens")

    def __post_init__(self) -> None:
        for name in ("focal_35mm", "focal_px"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be positive, got {value}")
        if not 1 <= self.fov_deg <= 170:
            raise ValueError(f"fov_deg must lie between 1 and 170 degrees, got {self.fov_deg}")


@dataclass(frozen=True)
class ObserveConfig(CameraConfig):
    """From a picture to the evidence of a fit: which camera, which faces, which crop."""

    faces: Literal["largest", "all"] = option("largest", "which faces of a picture to fit")
    stills: Literal["one_pass", "two_pass", "mirror"] = option("mirror", "how landmarks are found")
    crop_size: int = option(512, "side of the square crop in pixels")
    crop_margin: float = option(1.7, "side of the crop / longer side of the landmarks; 1.7 keeps hair and chin")
    frame_step: int = option(1, "use every n-th frame of a clip")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_size < 64 or self.crop_margin < 1 or self.frame_step < 1:
            raise ValueError("needed: crop_size >= 64, crop_margin >= 1, frame_step >= 1")
