"""The one map that takes a picture, its maps, points and normals into a crop: place, scale, roll and mirror."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.config import PriorAugmentConfig
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop, between_centres, sample_affine
from shared.geometry.face_crop import R_crop_camera
from teacher.prior.data.face_view import FaceView, SampleError
from teacher.prior.records import Frame

# Where mixing four source pixels moves the UV further than this from the nearest one's, they are not of one smooth
# piece of surface: a silhouette, the edge of the mouth, a seam of the texture. 4 mm on the open head's face.
_UV_TOLERANCE = 0.006


@dataclass(frozen=True)
class Warp:
    """A crop, turned about its middle, then mirrored left to right."""

    crop: Crop
    roll_rad: float = 0.0  # clockwise as seen
    mirrored: bool = False

    @staticmethod
    def draw(crop: Crop, augment: PriorAugmentConfig, rng: np.random.Generator) -> Warp:
        """Vary an exact crop. Always takes the same number of draws."""
        size = crop.size[0]
        scale, *shift = rng.standard_normal(3)
        roll = math.radians(augment.roll_deg) * float(rng.standard_normal())
        mirrored = bool(rng.random() < augment.mirror)
        side = size / crop.affine[0, 0]
        middle = crop.invert(crop.affine.new_full((1, 2), size / 2))[0]
        middle = middle + side * augment.shift * middle.new_tensor(shift)
        varied = Crop.square(middle, side * math.exp(augment.log_scale * float(scale)), size)
        return Warp(varied, roll, mirrored)

    @property
    def size(self) -> int:
        """Side of the crop in pixels."""
        return self.crop.size[0]

    @cached_property
    def turn(self) -> np.ndarray:
        """(3, 3) what roll and mirror do to directions seen by the camera."""
        cos, sin = math.cos(self.roll_rad), math.sin(self.roll_rad)
        flip = -1.0 if self.mirrored else 1.0
        return np.array([[flip * cos, -flip * sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])

    @cached_property
    def affine(self) -> np.ndarray:
        """(2, 3) float64, pixels of the picture -> pixels of the crop."""
        turn = self.turn[:2, :2]
        middle = np.full(2, self.size / 2)
        affine = turn @ self.crop.affine.double().numpy()
        affine[:, 2] += middle - turn @ middle
        return affine

    @cached_property
    def inverse(self) -> np.ndarray:
        """(2, 3) float64, pixels of the crop -> pixels of the picture."""
        return cv2.invertAffineTransform(self.affine)

    def points(self, points_px: Tensor) -> Tensor:
        """Pixels of the picture (N, 2) -> pixels of the crop. A mirror doesn't change which row is which point."""
        affine = torch.from_numpy(self.affine)
        return (points_px.double() @ affine[:, :2].T + affine[:, 2]).float()

    def image(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) -> (S, S, 3) of the same dtype, black outside."""
        return sample_affine(image, self.inverse, self.crop.size)

    def surface(self, view: FaceView) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Normals (S, S, 3) and UV (S, S, 2) as the view holds them; where they are seen, and where hidden (S, S).

        Both only where all the source pixels that are mixed are of one smooth piece of surface.
        """
        uv = self._sample(view.uv, cv2.INTER_LINEAR)
        off = cv2.absdiff(uv, self._sample(view.uv, cv2.INTER_NEAREST))
        known = (view.valid | view.hidden).astype(np.uint8) * np.uint8(255)
        known = self._sample(known, cv2.INTER_LINEAR)
        safe = (known == 255) & (off[..., 0] < _UV_TOLERANCE) & (off[..., 1] < _UV_TOLERANCE)
        hidden = self._sample(view.hidden.astype(np.uint8), cv2.INTER_NEAREST) > 0
        return self._sample(view.normal, cv2.INTER_LINEAR), uv, safe & ~hidden, safe & hidden

    def part(self, part: np.ndarray) -> np.ndarray:
        """(H, W) -> (S, S) by the nearest pixel; BACKGROUND outside the picture."""
        return self._sample(part, cv2.INTER_NEAREST)

    def normals_to(self, frame: Frame, view: FaceView) -> np.ndarray:
        """(3, 3) from the view's normals to those of the crop in a frame.

        A roll of the picture turns the camera, not the head: the head's own normals only know the mirror.

        SampleError where camera and head must be related and the view doesn't say how.
        """
        stored, camera = view.normal_frame, view.camera
        if (stored == "head") == (frame == "head"):
            to_base = np.eye(3)
        elif view.R_cam_head is None:
            raise SampleError(f"normals of the frame {stored!r} cannot become {frame!r} without the head's pose")
        else:
            R_cam_head = view.R_cam_head.double().numpy()
            to_base = R_cam_head.T if frame == "head" else R_cam_head
        if frame == "head":
            return np.diag([-1.0 if self.mirrored else 1.0, 1.0, 1.0]) @ to_base
        if frame == "crop":
            to_base = _R_crop_camera(camera, self.crop) @ to_base
        return self.turn @ to_base

    def _sample(self, values: np.ndarray, interpolation: int) -> np.ndarray:
        affine = between_centres(self.inverse)
        flags = interpolation | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(values, affine, (self.size, self.size), flags=flags, borderMode=cv2.BORDER_CONSTANT)


def _R_crop_camera(camera: Camera, crop: Crop) -> np.ndarray:
    return R_crop_camera(camera, crop).double().numpy()
