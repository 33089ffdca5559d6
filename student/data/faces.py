"""A picture of a face with what is known of the head in it: what every source of samples hands over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.landmarker.blendshapes import N_BLENDSHAPES
from student.head.pose import FacePose

NO_PICTURE = np.zeros((1, 1, 3), np.uint8)
NO_BLENDSHAPES = torch.full((N_BLENDSHAPES,), torch.nan)


class FaceError(Exception):
    """A face that cannot be trained on; the message says why, and names the file where there is one."""


@dataclass(frozen=True, eq=False)
class KnownFace:
    """Without leading dimensions; pixels of the picture."""

    image: np.ndarray  # (H, W, 3) uint8 RGB; (1, 1, 3) where no picture is wanted
    camera: Camera  # of the picture
    params: FlameParams
    pose: FacePose
    outline_px: Tensor  # (478, 2) landmarks that the crop is placed around where none were found
    found_px: Tensor | None  # (478, 2) where MediaPipe found its landmarks; None if it found none
    blendshapes: Tensor  # (52,) the landmarker's; NaN where they are not known
    confidence: Tensor  # (R,) of `FACE_PARTS`
    weight: float  # how much the parameters are trusted
    person: int


class Faces(Protocol):
    """One source. Must be picklable."""

    def __len__(self) -> int: ...

    @property
    def persons(self) -> Tensor:
        """(N,) int64, whom each shows."""
        ...

    def face(self, index: int, epoch: int) -> KnownFace:
        """FaceError if this one cannot be used. ``epoch`` may change what is seen of it, not what is true of it."""
        ...

    def name(self, index: int) -> str:
        """What it is called in messages."""
        ...
