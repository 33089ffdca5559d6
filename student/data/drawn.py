"""Heads without pictures as training faces: drawn as portraits are, with simulated detections.

They cost nothing to render, and the landmarker's errors on them are those on real heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.segmentation import FACE_PARTS
from shared.synthetic.drawn_heads import DrawnHeads
from shared.synthetic.simulated_detection import Detections, DetectionSimulator
from student.data.faces import NO_PICTURE, KnownFace
from student.head.pose import FacePose

_FIRST_PERSON = 2**50  # none of those on portraits and labels


@dataclass(frozen=True, eq=False)
class DrawnFaces:
    """N heads, each of another person, seen once."""

    heads: DrawnHeads  # (N)
    poses: FacePose  # (N)
    detections: Detections  # (N)

    @staticmethod
    def of(heads: DrawnHeads, simulator: DetectionSimulator, anchor_m: Tensor, seed: int) -> DrawnFaces:
        """``seed`` is that of the detections' errors."""
        poses = FacePose.of(heads.params, heads.camera, simulator.model, anchor_m)
        return DrawnFaces(heads, poses, simulator.of_many(heads.params, heads.camera, seed))

    def __len__(self) -> int:
        return len(self.poses.anchor_m)

    @property
    def persons(self) -> Tensor:
        """(N,) all different."""
        return _FIRST_PERSON + torch.arange(len(self))

    def face(self, index: int, epoch: int = 0) -> KnownFace:
        """As of `Faces`; never fails."""
        found, head = self.detections[index], self.heads[index]
        return KnownFace(
            image=NO_PICTURE,
            camera=head.camera,
            params=head.params,
            pose=self.poses[index],
            outline_px=found.landmarks_px,
            found_px=found.landmarks_px,
            blendshapes=found.blendshapes,
            confidence=torch.ones(len(FACE_PARTS)),
            weight=1.0,
            person=_FIRST_PERSON + index,
        )

    def name(self, index: int) -> str:
        """Its number."""
        return f"drawn head {index}"
