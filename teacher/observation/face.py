"""From a picture to the evidence of its faces: detection, the camera, the crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.config import ObserveConfig
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.images.cameras import FocalSource, focal_of
from shared.images.decode import Frame
from shared.images.faces import DetectedFace, FaceDetector, select
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_record import stack
from teacher.evidence.records import FaceEvidence


@dataclass(frozen=True, eq=False)
class ObservedFace:
    """One face of one picture, ready to be fitted."""

    id: str  # the picture's id, '#', and the face's number in it, 0 for the largest
    landmarks_px: Tensor  # (478, 2) full-image pixels
    camera: Camera  # of the full image
    crop: Crop
    crop_image: np.ndarray  # (crop size, crop size, 3) uint8 RGB
    focal_source: FocalSource
    detector_score: float
    blendshapes: Tensor | None = None  # (52) in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`

    def evidence(self) -> FaceEvidence:
        """What the fit sees of it, without leading dimensions."""
        return FaceEvidence(
            landmarks_px=self.crop.apply(self.landmarks_px),
            camera=self.camera.warped(self.crop.affine, self.crop.size),
            blendshapes=torch.full((N_BLENDSHAPES,), torch.nan) if self.blendshapes is None else self.blendshapes,
        )


def observe(frame: Frame, detector: FaceDetector, config: ObserveConfig) -> list[ObservedFace]:
    """The faces of a picture that ``config`` asks for, the largest first; empty if there is none."""
    found = select(detector.detect(frame.image), config.faces)
    return [of_detected(frame, face, config, number) for number, face in enumerate(found)]


def of_detected(frame: Frame, face: DetectedFace, config: ObserveConfig, number: int = 0) -> ObservedFace:
    """A face that the detector found in the picture; ``number`` is its own in it."""
    return replace(
        observed_face(frame, _tensor(face.landmarks_px), config, number, float(face.detector_score)),
        blendshapes=None if face.blendshapes is None else _tensor(face.blendshapes),
    )


def observed_face(
    frame: Frame, landmarks_px: Tensor, config: ObserveConfig, number: int = 0, score: float = 1.0
) -> ObservedFace:
    """One face of a picture, by where its landmarks (478, 2) are."""
    focal_px, source = focal_of(frame, config)
    crop = Crop.around(landmarks_px, config.crop_size, config.crop_margin)
    return ObservedFace(
        id=f"{frame.id}#{number}",
        landmarks_px=landmarks_px,
        camera=Camera.at_origin(torch.tensor(focal_px), frame.size),
        crop=crop,
        crop_image=crop.sample(frame.image),
        focal_source=source,
        detector_score=score,
    )


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32).copy())


def batch_evidence(faces: Sequence[ObservedFace], device: torch.device | str = "cpu") -> FaceEvidence:
    """Evidence of several faces, one a row."""
    return stack([face.evidence() for face in faces]).to(device)
