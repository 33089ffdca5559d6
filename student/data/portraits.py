"""Rendered portraits as training faces: their parameters are exact."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.segmentation import FACE_PARTS
from shared.records.tensor_record import concatenate
from shared.runs.errors import UserError
from shared.synthetic.own_face import is_own_face
from shared.synthetic.simulated_detection import Detections, DetectionSimulator
from shared.synthetic.storage.arrays import PortraitError
from shared.synthetic.storage.detection import Detection
from shared.synthetic.storage.shards import Shard, StoredPortraits
from student.data.faces import NO_BLENDSHAPES, NO_PICTURE, FaceError, KnownFace
from student.head.pose import FacePose

_SIMULATIONS = 6  # detections of each portrait, shown in turn


@dataclass(frozen=True, eq=False)
class PortraitFaces:
    """The portraits of a folder of `python -m shared.synthetic`."""

    folder: Path
    shards: tuple[Shard, ...]
    ends: tuple[int, ...]
    poses: FacePose  # (N)
    persons: Tensor  # (N,)
    found: Tensor  # (N,) bool, where the portrait's own face was found
    pictures: bool  # whether pictures are read
    simulated: tuple[Detections, ...]  # (N) each, by epoch, in the place of what was found; empty: nothing is simulated

    @staticmethod
    def open(
        folder: Path, model: FlameModel, anchor_m: Tensor, pictures: bool, simulator: DetectionSimulator | None = None
    ) -> PortraitFaces:
        """UserError if it holds none, or some of another head.

        ``simulator`` says what was detected, instead of the landmarker that looked at the portraits.
        """
        try:
            stored = StoredPortraits(folder)
        except PortraitError as error:
            raise UserError(str(error)) from error
        if stored.head_id != model.assets.head_id:
            raise UserError(f"{folder} holds portraits of head {stored.head_id}, the run's is {model.assets.head_id}")
        shards = tuple(stored.shards)
        poses = [FacePose.of(shard.params, shard.cameras, model, anchor_m) for shard in shards]
        persons = torch.tensor([fact["person"] for shard in shards for fact in shard.header["facts"]])
        found = torch.cat([_found(shard) for shard in shards])
        simulated: tuple[Detections, ...] = ()
        if simulator is not None:
            heads = concatenate([shard.params for shard in shards]), concatenate([shard.cameras for shard in shards])
            simulated = tuple(simulator.of_many(*heads, seed) for seed in range(_SIMULATIONS))
            found = torch.ones_like(found)
        ends = tuple(accumulate(len(shard) for shard in shards))
        return PortraitFaces(folder, shards, ends, concatenate(poses), persons, found, pictures, simulated)

    def __len__(self) -> int:
        return self.ends[-1]

    def face(self, index: int, epoch: int = 0) -> KnownFace:
        """FaceError if the picture cannot be read."""
        number = bisect.bisect_right(self.ends, index)
        shard = self.shards[number]
        row = index - (self.ends[number] - len(shard))
        try:
            image = shard.picture(row) if self.pictures else NO_PICTURE
        except PortraitError as error:
            raise FaceError(str(error)) from error
        seen = self._detection(index, epoch, shard, row)
        return KnownFace(
            image=image,
            camera=shard.cameras[row],
            params=shard.params[row],
            pose=self.poses[index],
            outline_px=shard.tensors["landmarks_px"][row],
            found_px=None if seen is None else seen.landmarks_px,
            blendshapes=NO_BLENDSHAPES if seen is None else seen.blendshapes,
            confidence=torch.ones(len(FACE_PARTS)),
            weight=1.0,
            person=int(self.persons[index]),
        )

    def _detection(self, index: int, epoch: int, shard: Shard, row: int) -> Detection | Detections | None:
        if self.simulated:
            return self.simulated[epoch % len(self.simulated)][index]
        return shard.detection(row) if self.found[index] else None

    def name(self, index: int) -> str:
        """Folder and number."""
        return f"portrait {index} of {self.folder}"


def _found(shard: Shard) -> Tensor:
    """(N,) bool."""
    truth_px, seen = shard.tensors["landmarks_px"], shard.tensors
    if "detected" not in seen:
        return torch.zeros(len(truth_px), dtype=torch.bool)
    return seen["detected"] & is_own_face(seen["detected_px"], truth_px)
