"""The teacher from Python: ``Teacher.from_pretrained().fit(image)``."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from shared.heads.result import HeadResult
from shared.images.decode import frame_of_array, load_image
from shared.images.faces import FaceDetector
from shared.runs.device import choose_device
from teacher.config import FitRunConfig
from teacher.observation.face import observe
from teacher.pipeline.fit import fit_faces
from teacher.pipeline.records import FittedFace
from teacher.pipeline.tools import Tools, build_tools


class Teacher:
    """Fits the faces of pictures. Build it once; it is not meant to be shared between threads."""

    def __init__(self, tools: Tools, config: FitRunConfig) -> None:
        self.tools, self.config = tools, config

    @staticmethod
    def from_pretrained(**options: Any) -> Teacher:
        """The teacher with the shipped prior on the open head.

        Args:
            options: fields of `FitRunConfig`, such as ``flame="FLAME2020"``, ``prior="none"``, ``faces="all"``.

        Raises:
            UserError: if head or prior cannot be used; the message says why and what to do.
        """
        config = FitRunConfig(**options)
        return Teacher(build_tools(config, choose_device(config.device)), config)

    @property
    def faces(self) -> Tensor:
        """(F, 3) triangles of every head, counter-clockwise seen from outside."""
        return self.tools.model.assets.faces

    @cached_property
    def _detector(self) -> FaceDetector:
        return self.tools.detector()

    def fit(self, image: np.ndarray | str | Path) -> list[HeadResult]:
        """The faces of one picture, the largest first; only that one unless ``faces="all"`` was given.

        Args:
            image: a file, whose EXIF focal length is used, or (H, W, 3) uint8 RGB.

        Raises:
            ImageError: if a file cannot be read as a picture.
            ValueError: if an array is not a picture.
        """
        frame = load_image(Path(image)) if isinstance(image, str | Path) else frame_of_array(image)
        fitted = fit_faces(observe(frame, self._detector, self.config), self.tools, self.config.quality)
        return [_result(one) for one in fitted if isinstance(one, FittedFace)]


def _result(one: FittedFace) -> HeadResult:
    return HeadResult(
        params=one.result.params,
        camera=one.camera,
        verts_m=one.verts_m,
        detected_landmarks_px=one.face.landmarks_px,
        mesh_landmarks_px=one.mesh_landmarks_px,
        detector_score=one.face.detector_score,
        quality=one.verdict.quality,
        failures=tuple(failure.reason for failure in one.failures),
        blendshapes=one.face.blendshapes,
    )
