"""From a face with its parameters to one row of a training batch: crop, turn, mirror, cover, recolour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.mediapipe_mesh import mediapipe_mirror
from shared.flame.mirror_codes import mirror_of_codes
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.face_crop import face_crop
from shared.geometry.warp import Warp
from shared.images.augment import Photometric
from shared.images.cover import cover
from shared.landmarker.blendshapes import blendshape_mirror
from student.config import StudentAugmentConfig, StudentDataConfig, StudentNetworkConfig
from student.data.faces import KnownFace
from student.head.pose import FacePose, SightPose
from student.network.records import StudentInput, StudentSample, StudentTarget

_MIRROR = torch.tensor([-1.0, 1.0, 1.0])  # of places and directions in the head's axes
_ROTATION_IN_MIRROR = torch.tensor([1.0, -1.0, -1.0])  # of axis-angle
_N_PARTS_MIRROR = (1, 0, 3, 2, 4, 5, 6, 8, 7, 9, 10)  # `FACE_PARTS` in the mirror


@dataclass(frozen=True, eq=False)
class SampleMaker:
    """Makes samples for one network."""

    network: StudentNetworkConfig
    data: StudentDataConfig
    augment: StudentAugmentConfig | None  # None: the exact crop of live use
    codes_in_mirror: Tensor | None  # (S + E + 3, same); None where the mirror image of a head is no head of the model
    landmarks_in_mirror: Tensor  # (478,) int64
    blendshapes_in_mirror: Tensor  # (52,) int64
    photometric: Photometric

    @staticmethod
    def of(
        network: StudentNetworkConfig, data: StudentDataConfig, augment: StudentAugmentConfig | None, model: FlameModel
    ) -> SampleMaker:
        """For a head model; without mirrored samples if its codes have no mirror image."""
        partners = model.assets.mirror
        codes = None if partners is None or augment is None else mirror_of_codes(model, partners)
        photometric = Photometric(augment.photometric if augment else 0.0)
        units = torch.tensor(blendshape_mirror())
        return SampleMaker(network, data, augment, codes, mediapipe_mirror(), units, photometric)

    def sample(self, face: KnownFace, rng: np.random.Generator, index: int) -> StudentSample:
        """All chance comes from ``rng``."""
        options, found = self.augment, face.found_px
        warp = Warp(face_crop(face.outline_px if found is None else found, self.network.size, self.network.margin))
        told_focal = 1.0
        if options is not None:
            warp = Warp.draw(warp.crop, options, rng)
            if self.codes_in_mirror is None and warp.mirrored:
                warp = Warp(warp.crop, warp.roll_rad)
            told_focal = float(np.exp(self.data.focal_jitter * rng.standard_normal()))
        shown = found if self.network.landmarks and self._shows_landmarks(rng) else None
        focal_px = face.camera.focal_px[0] * warp.crop.affine[0, 0]
        blind = shown is None and self.network.backbone == "none"
        inputs = StudentInput(
            image=self._picture(face.image, warp, rng),
            landmarks_px=torch.zeros(478, 2) if shown is None else self._landmarks(shown, warp, rng),
            has_landmarks=torch.tensor(shown is not None),
            focal_px=focal_px * told_focal,
            blendshapes=self._blendshapes(face.blendshapes, warp, rng, hidden=shown is None),
        )
        target = self._target(face, warp, focal_px, 0.0 if blind else face.weight)
        return StudentSample(inputs, target, torch.tensor(index))

    def _shows_landmarks(self, rng: np.random.Generator) -> bool:
        if self.network.backbone == "none" or self.augment is None:
            return True
        return bool(rng.random() < self.data.landmark_share)

    def _picture(self, image: np.ndarray, warp: Warp, rng: np.random.Generator) -> Tensor:
        """(3, S, S) uint8, a quarter of what floats take from process to process; one pixel where none is seen."""
        if self.network.backbone == "none":
            return torch.zeros(3, 1, 1, dtype=torch.uint8)
        cut = warp.image(image)
        if self.augment is not None:
            if rng.random() < self.augment.cover:
                cut, _ = cover(cut, rng)
            cut = self.photometric.apply(cut, rng)
        return torch.from_numpy(np.ascontiguousarray(cut.transpose(2, 0, 1)))

    def _landmarks(self, found_px: Tensor, warp: Warp, rng: np.random.Generator) -> Tensor:
        """(478, 2) in pixels of the crop, with what a detector's marks differ by from picture to picture."""
        points = warp.points(found_px)
        points = points[self.landmarks_in_mirror] if warp.mirrored else points
        if self.augment is None or not self.augment.landmark_noise:
            return points
        right, left = points[list(OUTER_EYE_CORNERS)]
        noise = torch.from_numpy(rng.standard_normal(points.shape).astype(np.float32))
        return points + self.augment.landmark_noise * (left - right).norm() * noise

    def _blendshapes(self, found: Tensor, warp: Warp, rng: np.random.Generator, hidden: bool) -> Tensor:
        """(52,) NaN where they are not shown."""
        if self.augment is not None:
            hidden = hidden or rng.random() >= self.data.blendshape_share
            found = found[self.blendshapes_in_mirror] if warp.mirrored else found
        return torch.full_like(found, torch.nan) if hidden else found

    def _target(self, face: KnownFace, warp: Warp, focal_px: Tensor, weight: float) -> StudentTarget:
        turn = torch.from_numpy(warp.turn).float()
        params, confidence, rotation = face.params, face.confidence, turn @ face.pose.R_cam_face
        if warp.mirrored:
            assert self.codes_in_mirror is not None
            params, confidence = mirrored(params, self.codes_in_mirror), confidence[list(_N_PARTS_MIRROR)]
            rotation = rotation * _MIRROR
        center = warp.points(face.camera.center_px[None])[0]
        pose = SightPose.of(FacePose(rotation, turn @ face.pose.anchor_m), focal_px, center)
        return StudentTarget(
            shape=params.shape,
            expression=params.expression,
            eyelids=params.eyelids,
            neck=params.neck,
            jaw=params.jaw,
            eyes=params.eyes,
            R_sight_face=pose.R_sight_face,
            anchor_px=pose.anchor_px,
            log_scale=pose.log_scale,
            focal_px=focal_px,
            confidence=confidence,
            weight=torch.tensor(weight),
            person=torch.tensor(face.person if not warp.mirrored else ~face.person),
        )


def mirrored(params: FlameParams, codes_in_mirror: Tensor) -> FlameParams:
    """What the mirror image of a head is, but for its global rotation and translation, which stay as they are."""
    sizes = [params.shape.shape[-1], params.expression.shape[-1], 3]
    codes = torch.cat([params.shape, params.expression, params.jaw], -1) @ codes_in_mirror.T
    shape, expression, jaw = codes.split(sizes, -1)
    return FlameParams(
        shape=shape,
        expression=expression,
        global_rot=params.global_rot,
        neck=params.neck * _ROTATION_IN_MIRROR,
        jaw=jaw,
        eyes=params.eyes.flip(-2) * _ROTATION_IN_MIRROR,
        translation=params.translation,
        eyelids=params.eyelids.flip(-1),
    )
