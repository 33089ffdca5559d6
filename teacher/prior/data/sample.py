"""From a face with its truth to one row of a training batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.geometry.face_crop import face_crop
from shared.images.augment import Photometric
from shared.images.cover import cover
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.storage.detection import Detection
from teacher.config import PriorAugmentConfig, PriorDataConfig
from teacher.prior.data.face_view import FaceView
from teacher.prior.data.portrait_view import PortraitViews
from teacher.prior.data.warp import MapWarp
from teacher.prior.geometry.crops import crop_input, fitted_input
from teacher.prior.geometry.fitted_head import HeadDrawer
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.records import PriorInput, PriorSample, PriorTarget


@dataclass(frozen=True, eq=False)
class SampleMaker:
    """Makes samples for one head, crop size and choice of vertices."""

    config: PriorDataConfig
    augment: PriorAugmentConfig | None  # None: the exact crop of a prediction
    size: int
    views: PortraitViews
    hints: LandmarkMapper | HeadDrawer
    mirror: Mirror
    partner: Tensor  # (N,) int64 row of each vertex's mirrored one
    photometric: Photometric

    @staticmethod
    def of(
        assets: FlameAssets,
        config: PriorDataConfig,
        augment: PriorAugmentConfig | None,
        size: int,
        vertices: Tensor | None,
        fitted: bool = False,
    ) -> SampleMaker:
        """For vertices (N,) of a head, closed under its mirror; None: none. ``fitted``: fits to landmarks are shown.

        ValueError if they aren't, or if the head lacks texture coordinates, landmarks or mirror.
        """
        views, mirror = PortraitViews.of(assets, vertices), Mirror.of(assets)
        partner = mirror.points(views.vertices)
        photometric = Photometric(augment.photometric if augment else 0.0)
        hints = HeadDrawer.of(assets, mirror) if fitted else LandmarkMapper.of(assets)
        return SampleMaker(config, augment, size, views, hints, mirror, partner, photometric)

    def sample(
        self, portrait: Portrait, detection: Detection | None, rng: np.random.Generator, index: int
    ) -> PriorSample:
        """One portrait, and where MediaPipe finds its 478 landmarks on it, None if nowhere.

        All chance comes from ``rng``. SampleError if the portrait cannot be trained on.
        """
        return self.cut(self.views.view(portrait, detection), rng, index)

    def cut(self, view: FaceView, rng: np.random.Generator, index: int) -> PriorSample:
        """The same for any view with N points."""
        found = view.detected_px
        warp = MapWarp(face_crop(view.outline_px if found is None else found, self.size))
        if self.augment is not None:
            warp = MapWarp.draw(warp.crop, self.augment, rng)
        shown = found if rng.random() < self.config.landmark_share else None
        image, covered = warp.image(view.image), None
        if self.augment is not None and rng.random() < self.augment.cover:
            image, covered = cover(image, rng)
        target = self._target(view, warp, covered)
        if self.augment is not None:
            image = self.photometric.apply(image, rng)
        return PriorSample(self._input(image, view, shown, warp), target, torch.tensor(index))

    def _input(self, image: np.ndarray, view: FaceView, landmarks_px: Tensor | None, warp: MapWarp) -> PriorInput:
        points = None if landmarks_px is None else warp.points(landmarks_px)
        if points is not None and warp.mirrored:
            points = points[self.mirror.landmarks]
        if isinstance(self.hints, LandmarkMapper):
            return crop_input(image, points, self.hints)
        if points is None or view.fitted is None:
            return fitted_input(image, None, None, torch.zeros(len(self.partner), 2))
        pixel_px = warp.points(view.fitted.pixel_px)
        turn = warp.normals_to("crop", replace(view, normal_frame="camera"))
        maps = self.hints.maps(pixel_px, view.fitted, turn, self.size, warp.mirrored)
        own = pixel_px[self.views.vertices]
        return fitted_input(image, points, maps, own[self.partner] if warp.mirrored else own)

    def _target(self, view: FaceView, warp: MapWarp, covered: np.ndarray | None) -> PriorTarget:
        normal, uv, seen, hidden = warp.surface(view)
        part = warp.part(view.part)
        points, visible, output = warp.points(view.points_px), view.points_visible, view.points_known
        pixel = points.floor().long()
        inside = ((pixel >= 0) & (pixel < self.size)).all(1)
        visible = visible & inside
        if covered is not None:
            seen, hidden = seen & ~covered, hidden | (seen & covered)
            part[covered] = Part.OCCLUDER
            x, y = pixel.clamp(0, self.size - 1).unbind(1)
            visible = visible & ~torch.from_numpy(covered)[y, x]
        if warp.mirrored:
            points, visible, output = points[self.partner], visible[self.partner], output[self.partner]
        shown, known = torch.from_numpy(seen), torch.from_numpy(seen | hidden)
        uv_map = torch.from_numpy(np.stack(cv2.split(uv))) * known
        if warp.mirrored:
            uv_map[:, known] = self.mirror.uv(uv_map[:, None, known])[:, 0]
        return PriorTarget(
            normal=torch.from_numpy(_unit_normals(normal, warp.normals_to(self.config.normals, view), seen | hidden)),
            normal_mask=shown,
            uv=uv_map,
            uv_mask=shown.clone(),
            hidden=torch.from_numpy(hidden),
            part=torch.from_numpy(part),
            points_px=points,
            points_visible=visible,
            points_known=output,
            px_per_m=torch.tensor(view.px_per_m * float(warp.crop.affine[0, 0])),
        )


def _unit_normals(normals: np.ndarray, rotation: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(H, W, 3) of any length -> (3, H, W) turned and of unit length, 0 outside the mask (H, W)."""
    x, y, z = cv2.split(cv2.transform(normals, rotation))
    length = np.sqrt(x * x + y * y + z * z)  # cv2.magnitude's last bit depends on where the memory lies
    factor = mask / np.maximum(length, np.float32(1e-6))
    return np.stack([x * factor, y * factor, z * factor])
