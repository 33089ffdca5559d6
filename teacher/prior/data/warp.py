"""A crop, turned and mirrored, that takes maps of a head and its normals along with the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shared.geometry.camera import Camera
from shared.geometry.crop import Crop, between_centres
from shared.geometry.face_crop import R_crop_camera
from shared.geometry.warp import Warp
from teacher.prior.data.face_view import FaceView, SampleError
from teacher.prior.records import Frame

# Where mixing four source pixels moves the UV further than this from the nearest one's, they are not of one smooth
# piece of surface: a silhouette, the edge of the mouth, a seam of the texture. 4 mm on the open head's face.
_UV_TOLERANCE = 0.006


@dataclass(frozen=True)
class MapWarp(Warp):
    """A warp that also takes maps of a head along."""

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
