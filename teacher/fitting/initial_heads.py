"""Heads fitted to landmarks alone, for a prior network that refines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from shared.flame.model import FlameModel
from shared.geometry.crop import Crop
from shared.geometry.face_crop import R_crop_camera
from shared.records.tensor_record import stack
from teacher.config import FitConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.prior.geometry.crops import fitted_input
from teacher.prior.geometry.fitted_head import FittedHead, HeadDrawer
from teacher.prior.records import PriorInput


@dataclass(frozen=True, eq=False)
class StartHeads:
    """Fits of one head model, and how they are drawn for a network."""

    model: FlameModel  # on the CPU, as all of this
    fitter: HeadFitter
    drawer: HeadDrawer
    vertices: torch.Tensor  # (N,) int64, whose pixels the network predicts

    @staticmethod
    def of(model: FlameModel, vertices: torch.Tensor) -> StartHeads:
        """ValueError if the head lacks landmarks or texture coordinates."""
        here = FlameModel(model.assets.to(torch.device("cpu")))
        return StartHeads(here, HeadFitter(here, FitConfig()), HeadDrawer.of(here.assets), vertices.cpu())

    def fit(self, faces: Sequence[FaceEvidence]) -> list[FittedHead]:
        """One head for each face (no leading dimensions): its landmarks, its camera, and its blendshapes if known."""
        if not faces:
            return []
        bare = [FaceEvidence(one.landmarks_px, one.camera, blendshapes=one.blendshapes) for one in faces]
        with torch.no_grad():
            params = self.fitter.fit(stack(bare)).params
        return [FittedHead.of(self.model, params[row], one.camera) for row, one in enumerate(faces)]

    def inputs(self, faces: Sequence[FaceEvidence], crops: Sequence[Crop], images: Sequence) -> list[PriorInput]:
        """What the network is shown of each face.

        Args:
            faces: in pixels of the pictures.
            crops: square, an even number of pixels.
            images: (H, W, 3) uint8 RGB.
        """
        rows = []
        for face, crop, image, head in zip(faces, crops, images, self.fit(faces), strict=True):
            pixel_px = crop.apply(head.pixel_px)
            turn = R_crop_camera(face.camera, crop).double().numpy()
            maps = self.drawer.maps(pixel_px, head, turn, crop.size[1])
            rows.append(fitted_input(crop.sample(image), crop.apply(face.landmarks_px), maps, pixel_px[self.vertices]))
        return rows
