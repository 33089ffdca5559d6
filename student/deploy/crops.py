"""Real faces to check and calibrate an exported file with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.config import CameraConfig
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.images.cameras import camera_of
from shared.images.decode import ImageError, load_image
from shared.images.source import find_photos
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_record import TensorRecord, concatenate, stack
from shared.runs.errors import UserError
from student.deploy.signature import input_ports
from student.head.decoder import StudentSpec
from student.head.predictor import Predictor
from student.network.records import StudentInput

_SEED = 6_000_001  # of portraits that nothing was trained on


@dataclass(frozen=True)
class SeenFace:
    """A face in a picture."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    landmarks_px: Tensor  # (478, 2)
    blendshapes: Tensor | None  # (52,)
    camera: Camera


@dataclass(frozen=True)
class Crops(TensorRecord):
    """What an exported file takes."""

    input: StudentInput  # (B)
    center_px: Tensor  # (B, 2) principal points, pixels of the crops

    def without_blendshapes(self) -> Crops:
        """The same crops with landmarks alone."""
        unknown = torch.full_like(self.input.blendshapes, torch.nan)
        return Crops(replace(self.input, blendshapes=unknown), self.center_px)

    def without_landmarks(self) -> Crops:
        """The same crops of faces whose landmarks nobody has found, and so no blendshapes either."""
        marks = self.without_blendshapes().input
        blind = replace(
            marks,
            landmarks_px=torch.zeros_like(marks.landmarks_px),
            has_landmarks=torch.zeros_like(marks.has_landmarks),
        )
        return Crops(blind, self.center_px)

    def named(self, spec: StudentSpec) -> dict[str, Tensor]:
        """By the names of the file's inputs, those that it has."""
        names = [port.name for port in input_ports(spec.config)]
        return {name: getattr(self if name == "center_px" else self.input, name) for name in names}


def crops_of(faces: Sequence[SeenFace], predictor: Predictor) -> Crops:
    """(B) crops as the student takes them."""
    rows = []
    for face in faces:
        camera, marks = stack([face.camera]), face.landmarks_px[None]
        crop = predictor.crop(marks)
        units = None if face.blendshapes is None else face.blendshapes[None]
        inputs = predictor.inputs([face.image], crop, marks, camera, units)
        rows.append(Crops(inputs, camera.warped(crop.affine, crop.size).center_px))
    return concatenate(rows)


def drawn_faces(count: int) -> Iterator[SeenFace]:
    """Synthetic portraits of the open head with exact landmarks, whatever head the student predicts."""
    from shared.landmarker.networks import BlendshapeNetwork  # both take seconds to import
    from shared.synthetic.studio import Order, PortraitStudio

    studio, blendshapes_of = PortraitStudio(FlameModel(load_flame())), BlendshapeNetwork()
    for index in range(count):
        portrait = studio.portrait(Order.draw(_SEED, index))
        marks = portrait.truth.landmarks_px
        blendshapes = torch.from_numpy(blendshapes_of(marks[None].numpy())[0])
        tongue_in = torch.zeros(N_BLENDSHAPES - len(blendshapes))
        yield SeenFace(portrait.image, marks, torch.cat([blendshapes, tongue_in]), portrait.truth.camera)


def photographed_faces(folder: str, count: int) -> Iterator[SeenFace]:
    """The largest face of each picture of a folder, with MediaPipe's landmarks. UserError if it shows none."""
    from shared.landmarker.search import FaceLandmarker

    found = 0
    with FaceLandmarker() as detector:
        for ref in find_photos("calibration", folder):
            try:
                frame = load_image(ref.path)
            except ImageError:
                continue
            faces = detector.detect(frame.image)
            if faces:
                found += 1
                landmarks, units = torch.from_numpy(faces[0].landmarks_px), faces[0].blendshapes
                units = None if units is None else torch.from_numpy(units)
                yield SeenFace(frame.image, landmarks, units, camera_of(frame, CameraConfig()))
            if found == count:
                return
    if not found:
        raise UserError(f"calibration={folder}: no face was found in its pictures")
