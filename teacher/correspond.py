"""From what a prior says of crops to the evidence of a fit: where vertices are seen, and the normals there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.config import FitRunConfig, LookupConfig
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.records import stack
from shared.runtime import UserError
from teacher.evidence import DenseEvidence, MapCheck
from teacher.prior.geometry.crops import R_crop_camera, face_crop, prior_input
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.geometry.lookup import look_up, trust
from teacher.prior.networks.weights import load_prior
from teacher.prior.prediction.predictor import Predictor
from teacher.prior.records import PriorMaps, PriorPrediction

logger = logging.getLogger(__name__)

_EXACT = -30.0  # log-variance of maps that don't say how sure they are
SEEN = 0.0  # logit of a point's visibility from which it counts as seen


@dataclass(frozen=True)
class DensePrior:
    """A prior network at work for a fit."""

    predictor: Predictor
    mapper: LandmarkMapper
    rows: Tensor  # (N,) int64, which of the network's points the fit compares

    @staticmethod
    def load(config: FitRunConfig, model: FlameModel, device: torch.device) -> DensePrior | None:
        """The network that ``config.prior`` names. UserError if it does not suit the head, or tells too little.

        None for "none", and, said in the log, for "auto" where the shipped one is of another head.
        """
        if config.prior == "none":
            return None
        prior, assets = load_prior("default" if config.prior == "auto" else config.prior, device), model.assets
        if prior.head_id != assets.head_id:
            if config.prior == "auto":
                logger.warning("the shipped prior is not of the head %s: the fit rests on landmarks alone", assets.name)
                return None
            raise UserError(
                f"prior={config.prior} speaks of head {prior.head_id}, the fit's head is {assets.name!r} "
                f"({assets.head_id}): give a prior that was trained on it, or prior=none for landmarks alone"
            )
        network = prior.network
        if network.vertices is None or not network.sees_landmarks:
            raise UserError(f"prior={config.prior} predicts no points; the fit takes networks of family compact")
        predictor = Predictor(prior, config.batch_size, False, device, assets)
        rows = torch.arange(len(network.vertices))
        return DensePrior(predictor, LandmarkMapper.of(assets), rows)

    @property
    def vertices(self) -> Tensor:
        """(N,) int64 vertices of the head that the evidence is of."""
        vertices = self.predictor.network.vertices
        assert vertices is not None
        return vertices.cpu()[self.rows]

    def look(self, image: np.ndarray, landmarks_px: Tensor) -> tuple[Crop, PriorPrediction]:
        """The prediction for one face of a picture (H, W, 3), and where its crop is."""
        crop = face_crop(landmarks_px, self.predictor.network.size)
        inputs = prior_input(image, crop, landmarks_px, self.mapper)
        return crop, next(iter(self.predictor.predict([inputs])))

    def evidence(
        self, pictures: Sequence[tuple[np.ndarray, Tensor, Camera]]
    ) -> tuple[DenseEvidence, tuple[MapCheck, ...]]:
        """What it sees of faces, one a row, in the pixels of the pictures, and how far that can be believed.

        Args:
            pictures: image (H, W, 3) uint8 RGB, MediaPipe's landmarks (478, 2) in its pixels, its camera.
        """
        crops = [face_crop(landmarks, self.predictor.network.size) for _, landmarks, _ in pictures]
        inputs = [
            prior_input(image, crop, landmarks, self.mapper)
            for (image, landmarks, _), crop in zip(pictures, crops, strict=True)
        ]
        rows, checks = [], []
        for prediction, given, crop, (*_, camera) in zip(
            self.predictor.predict(inputs), inputs, crops, pictures, strict=True
        ):
            rows.append(at_points(prediction, self.rows, crop, camera))
            found = float(torch.isfinite(rows[-1].pixel_std_px).float().mean())
            checks.append(MapCheck(self.predictor.warnings(prediction, given), found, ()))
        return stack(rows), tuple(checks)


def at_points(prediction: PriorPrediction, rows: Tensor, crop: Crop, camera: Camera) -> DenseEvidence:
    """Evidence from predicted points, and the predicted normals where these are.

    Args:
        prediction: of a compact network, without leading dimensions, on the CPU.
        rows: (N,) int64, which of its points.
        crop: from the picture to what the network saw.
        camera: of the picture.
    """
    points = prediction.points
    assert points is not None
    pixel = points.pixel_px[rows]
    seen = (points.visible_logit[rows] > SEEN) & ((pixel > 0) & (pixel < crop.size[0])).all(-1)
    normal_world, normal_std = normals_at(prediction.maps, pixel, crop, camera)
    std_px = torch.exp(points.log_var[rows] / 2) / crop.affine[0, 0]
    return DenseEvidence(
        pixel_px=crop.invert(pixel),
        pixel_std_px=torch.where(seen, std_px, torch.inf),
        normal_world=normal_world,
        normal_std=torch.where(seen, normal_std, torch.inf),
    )


def in_uv_map(maps: PriorMaps, wanted: Tensor, crop: Crop, camera: Camera, config: LookupConfig) -> DenseEvidence:
    """Evidence from a UV map alone: for each vertex where in the picture it is, to a fraction of a pixel.

    Args:
        maps: without leading dimensions, on the CPU.
        wanted: (N, 2) UV of the vertices.
        crop: from the picture to the map.
        camera: of the picture.
        config: of the lookup.
    """
    assert maps.uv is not None
    found = look_up(maps.uv, trust(maps), wanted, config.gate, config.radius)
    std_px = found.px_per_uv * (found.uv_distance**2 + 1 / found.weight.clamp_min(1e-12)).sqrt()
    normal_world, normal_std = normals_at(maps, found.pixel_px, crop, camera)
    return DenseEvidence(
        pixel_px=crop.invert(found.pixel_px),
        pixel_std_px=torch.where(found.valid, std_px / crop.affine[0, 0], torch.inf),
        normal_world=normal_world,
        normal_std=torch.where(found.valid, normal_std, torch.inf),
    )


def nearest_in_uv_map(maps: PriorMaps, wanted: Tensor, crop: Crop, gate: float) -> tuple[Tensor, Tensor]:
    """The paper's lookup (equation 6): for each vertex (N, 2) the whole pixel of nearest UV among those of the head.

    Returns:
        Pixels (N, 2) of the picture, and (N,) bool whether the UV is nearer than ``gate``.
    """
    assert maps.uv is not None
    distance, index = (
        torch.cdist(wanted[None], maps.uv.flatten(1).T[None])[0]
        .masked_fill(trust(maps).flatten() <= 0, torch.inf)
        .min(1)
    )
    width = maps.uv.shape[-1]
    pixel = torch.stack([index % width, index // width], -1) + 0.5
    return crop.invert(pixel), distance < gate


def normals_at(maps: PriorMaps, pixel: Tensor, crop: Crop, camera: Camera) -> tuple[Tensor, Tensor]:
    """Normals (N, 3) in the world and the deviation of their angle (N,), at pixels (N, 2) of the crop."""
    assert maps.normal is not None
    log_var = torch.full_like(maps.normal[0], _EXACT) if maps.normal_log_var is None else maps.normal_log_var
    layers = torch.cat([maps.normal, log_var[None]])
    grid = (pixel * (2 / crop.size[0]) - 1)[None, None]
    sampled = torch.nn.functional.grid_sample(layers[None], grid, align_corners=False)[0, :, 0].T
    # n_crop = R_crop_camera R_camera_world n_world
    R_crop_world = R_crop_camera(camera, crop) @ camera.T_cam_world[:3, :3]
    return torch.nn.functional.normalize(sampled[:, :3], dim=-1) @ R_crop_world, torch.exp(sampled[:, 3] / 2)
