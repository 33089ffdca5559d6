"""Random heads with known truth, not rendered: parameters, cameras, landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.metrics import vertex_error_mm
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera
from shared.records.tensor_record import stack
from shared.synthetic.heads import HeadRanges, random_scene

NOISE_LENGTH_M = 0.02  # distance over which the noise of two landmarks is alike, as measured for MediaPipe
INDEPENDENT_SHARE = 0.1  # of the noise's variance


@dataclass(frozen=True)
class Scenes:
    """N heads."""

    params: FlameParams
    camera: Camera
    verts_m: Tensor  # (N, V, 3) world frame
    landmarks_px: Tensor  # (N, 478, 2) exact


def random_scenes(model: FlameModel, count: int, seed: int) -> Scenes:
    """Identities of 0.8 standard deviations, expressions, yaw up to 60 degrees, 24 to 100 mm lenses."""
    drawn = [random_scene(model, HeadRanges(), np.random.default_rng([seed, index])) for index in range(count)]
    params, camera = (stack(records) for records in zip(*drawn, strict=True))
    verts = model(params).verts_m
    places = model.assets.landmarks["mediapipe"].positions(verts, model.faces)
    return Scenes(params, camera, verts, camera.project(places))


def correlated_noise_px(model: FlameModel, scenes: Scenes, share: float, seed: int) -> Tensor:
    """(N, 478, 2) noise of which neighbours have most in common; ``share`` of the outer eye corners' distance (rms)."""
    places = FlamePoints.from_embedding(model, model.assets.landmarks["mediapipe"]).rest_positions()
    smooth = torch.exp(-torch.cdist(places, places) / NOISE_LENGTH_M)
    covariance = (1 - INDEPENDENT_SHARE) * smooth + INDEPENDENT_SHARE * torch.eye(len(places))
    white = torch.randn(*scenes.landmarks_px.shape, generator=torch.Generator().manual_seed(seed))
    corners = model.assets.landmarks["mediapipe"].positions(scenes.verts_m, model.faces)[:, OUTER_EYE_CORNERS]
    depth = scenes.camera.world_to_cam(corners)[..., 2].mean(1)
    unit_px = (corners[:, 0] - corners[:, 1]).norm(dim=-1) * scenes.camera.focal_px[:, 0] / depth
    return share / 2**0.5 * unit_px[:, None, None] * (torch.linalg.cholesky(covariance) @ white)


def face_error_mm(model: FlameModel, verts_m: Tensor, truth_m: Tensor) -> Tensor:
    """(N,) mean distance of corresponding vertices of the face after rigid alignment."""
    face = model.assets.region("face")
    return vertex_error_mm(verts_m[:, face], truth_m[:, face])
