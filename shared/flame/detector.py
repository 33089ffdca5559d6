"""Where a landmark detector sees its points on a head, and how sure of each it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets

CALIBRATION = "assets/mediapipe_on_open_head.json"  # written by benchmarks/landmark_noise.py


@dataclass(frozen=True)
class DetectorModel:
    """Systematic and random error of the landmarks of one embedding.

    A detector marks a lid or a lip a few millimetres off the mesh's own line, always on the same side. The offset takes
    that away; measured on rendered heads, it took the landmark error on photos from 2.9 to 1.8 %.
    """

    offset_m: Tensor  # (P, 3) from the embedded point to where the detector sees it, frame of the unposed head
    relative_std: Tensor  # (P,) noise of each point over the mean of all

    @staticmethod
    def perfect(n_points: int) -> DetectorModel:
        """A detector that sees every point where it is, all alike."""
        return DetectorModel(torch.zeros(n_points, 3), torch.ones(n_points))

    @staticmethod
    def of(assets: FlameAssets, landmarks: Tensor) -> DetectorModel:
        """MediaPipe's on this head, for some of its 478 points; the perfect one where the head was not measured."""
        table = json.loads(files("shared").joinpath(CALIBRATION).read_text())
        if assets.head_id != table["head_id"]:
            return DetectorModel.perfect(len(landmarks))
        offset_m = 1e-3 * torch.tensor(table["offset_mm"])[landmarks]
        return DetectorModel(offset_m, torch.tensor(table["relative_std"])[landmarks])
