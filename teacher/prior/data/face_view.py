"""A picture of one face with all that is known of it, before a crop is cut: what every source of samples hands over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from teacher.prior.geometry.fitted_head import FittedHead

# By value of `Part`: whether the head's own maps are those of what is seen. The neck may also be the body's skin below
# the head; the maps are empty there.
SHOWS_HEAD = np.zeros(256, bool)
SHOWS_HEAD[[Part.SKIN, Part.BROWS, Part.NECK]] = True


class SampleError(Exception):
    """A picture that cannot be trained on; the message says why, and names the file where there is one."""


@dataclass(frozen=True, eq=False)
class FaceView:
    """Maps as OpenCV takes them, in pixels of the picture. A map's value counts where ``valid``."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    normal: np.ndarray  # (H, W, 3) float32 unit, in ``normal_frame``
    normal_frame: Literal["camera", "head"]
    uv: np.ndarray  # (H, W, 2) float32
    valid: np.ndarray  # (H, W) bool: skin, lips and brows of the head are seen here, and the maps are theirs
    hidden: np.ndarray  # (H, W) bool: skin of the head behind an occluder; the maps are its own
    part: np.ndarray  # (H, W) uint8, `UNKNOWN_PART` where it is not known
    camera: Camera  # of the picture
    R_cam_head: Tensor | None  # (3, 3) the head's axes, without its neck's rotation; None if not known
    points_px: Tensor  # (N, 2) of the vertices that are trained
    points_visible: Tensor  # (N,) bool
    points_known: Tensor  # (N,) bool
    px_per_m: float  # at the depth of the face; 0 if not known
    outline_px: Tensor  # (P, 2) what the crop is placed around where no landmarks were found
    detected_px: Tensor | None  # (478, 2) where MediaPipe finds its landmarks; None if it found none
    fitted: FittedHead | None = None  # to these landmarks; None if none was

    def check(self) -> FaceView:
        """Itself. SampleError if sizes differ or a number is not finite."""
        size = self.camera.size
        for name in ("image", "normal", "uv", "valid", "hidden", "part"):
            found = getattr(self, name).shape[:2]
            if found != size:
                raise SampleError(f"its {name} is {found[1]}x{found[0]} pixels, its camera's {size[1]}x{size[0]}")
        numbers = [self.points_px, self.outline_px, self.camera.focal_px, self.camera.center_px]
        numbers += [one for one in (self.R_cam_head, self.detected_px) if one is not None]
        if not all(bool(torch.isfinite(one).all()) for one in numbers) or not np.isfinite(self.px_per_m):
            raise SampleError("its points, camera or pose hold NaN or infinity")
        return self
