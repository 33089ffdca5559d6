"""The student from Python: ``Student.from_pretrained().infer(image)``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, overload

import numpy as np
import torch
from torch import Tensor

from shared.config import CameraConfig, QualityConfig
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.heads.result import HeadResult
from shared.images.cameras import camera_of
from shared.images.decode import Frame, frame_of_array, load_image
from shared.images.faces import FaceDetector, select
from shared.records.tensor_record import stack
from shared.runs.device import choose_device
from shared.runs.errors import UserError
from student.deploy.open_network import open_network
from student.head.judge import HeadJudge
from student.head.predictor import Predictor, found_blendshapes


class Student:
    """Predicts the heads of pictures in one pass. Build it once; it is not meant to be shared between threads."""

    def __init__(self, predictor: Predictor, camera: CameraConfig, faces: Literal["largest", "all"]) -> None:
        self.predictor, self.camera = predictor, camera
        self.which: Literal["largest", "all"] = faces

    @staticmethod
    def from_pretrained(
        name: str = "base",
        flame: str | None = None,
        device: str = "auto",
        faces: Literal["largest", "all"] = "largest",
        camera: CameraConfig | None = None,
        landmarks: bool = True,
    ) -> Student:
        """A shipped or trained student.

        Args:
            name: "base" or "nano", a weight file, the folder of a training run, or an .onnx file.
            flame: path of the FLAME model file whose coefficients it predicts; None: the open head.
            device: auto, cpu, cuda, mps.
            faces: which faces of a picture are predicted.
            camera: the focal length, where it is known or pictures do not say it.
            landmarks: show MediaPipe's landmarks to a network that takes them; else they only place the crop.

        Raises:
            UserError: if weights or head cannot be used, or do not belong together.
        """
        network = open_network(name, choose_device(device))
        model = FlameModel(load_flame(flame))
        try:
            return Student(Predictor(network, model, landmarks), camera or CameraConfig(), faces)
        except ValueError as error:
            raise UserError(f"checkpoint={name}: {error}") from error

    @property
    def faces(self) -> Tensor:
        """(F, 3) triangles of every head, counter-clockwise seen from outside."""
        return self.predictor.decoder.model.assets.faces

    @cached_property
    def detector(self) -> FaceDetector:
        """Finds faces."""
        from shared.landmarker.search import FaceLandmarker

        return FaceLandmarker()

    @cached_property
    def _judge(self) -> HeadJudge:
        return HeadJudge(self.predictor.decoder, QualityConfig())

    @overload
    def infer(self, image: np.ndarray | str | Path) -> list[HeadResult]: ...

    @overload
    def infer(self, image: Sequence[np.ndarray | str | Path]) -> list[list[HeadResult]]: ...

    def infer(
        self, image: np.ndarray | str | Path | Sequence[np.ndarray | str | Path]
    ) -> list[HeadResult] | list[list[HeadResult]]:
        """The faces of a picture, the largest first; only that one unless ``faces="all"`` was given. Or of several.

        Records have no leading dimension. An image is a file, whose EXIF focal length is used, or (H, W, 3) uint8 RGB.

        Raises:
            ImageError: if a file cannot be read as a picture.
            ValueError: if an array is not a picture.
        """
        if isinstance(image, np.ndarray | str | Path):
            return self._infer(image)
        return [self._infer(one) for one in image]

    def camera_for(self, image: np.ndarray, id: str = "array") -> Camera:
        """The camera of an array (H, W, 3) as the options have it, without leading dimensions."""
        return camera_of(Frame(image=image, id=id, path=""), self.camera)

    def _infer(self, image: np.ndarray | str | Path) -> list[HeadResult]:
        frame = load_image(Path(image)) if isinstance(image, str | Path) else frame_of_array(image)
        faces = select(self.detector.detect(frame.image), self.which)
        if not faces:
            return []
        landmarks = torch.stack([torch.from_numpy(face.landmarks_px) for face in faces])
        camera = stack([camera_of(frame, self.camera)] * len(faces))
        blendshapes = found_blendshapes(faces)
        heads = self.predictor.predict([frame.image] * len(faces), landmarks, landmarks, camera, blendshapes)
        verdicts = self._judge(heads, landmarks)
        return [
            HeadResult(
                params=heads.params[row],
                camera=heads.camera[row],
                verts_m=heads.verts_m[row],
                detected_landmarks_px=landmarks[row],
                mesh_landmarks_px=heads.mesh_landmarks_px[row],
                detector_score=face.detector_score,
                quality=verdict.quality,
                failures=tuple(failure.reason for failure in verdict.failures),
                blendshapes=None if blendshapes is None else blendshapes[row],
            )
            for row, (face, verdict) in enumerate(zip(faces, verdicts, strict=True))
        ]
