"""From a prior's prediction to the evidence of a fit: where vertices are seen, and the normals there."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from teacher.evidence import DenseEvidence
from teacher.prior.geometry.crops import R_crop_camera
from teacher.prior.records import PriorPrediction

SEEN = 0.0  # logit of a point's visibility from which it counts as seen


def dense_evidence(prediction: PriorPrediction, rows: Tensor, crop: Crop, camera: Camera, fit_crop: Crop) -> DenseEvidence:
    """Evidence from the points of a compact network, and its normals where they are.

    Args:
        prediction: without leading dimensions, normals in the frame "crop".
        rows: (N,) int64, which of the predicted points.
        crop: the prior's, of the picture.
        camera: of the picture.
        fit_crop: whose pixels the fit counts in.
    """
    points, maps = prediction.points, prediction.maps
    assert points is not None
    assert maps.normal is not None
    assert maps.normal_log_var is not None
    pixel, log_var = points.pixel_px[rows], points.log_var[rows]
    seen = points.visible_logit[rows] > SEEN
    size = crop.size[0]
    inside = ((pixel > 0) & (pixel < size)).all(-1)
    layers = torch.cat([maps.normal, maps.normal_log_var[None]])
    grid = (pixel * (2 / size) - 1)[None, None]
    sampled = torch.nn.functional.grid_sample(layers[None], grid, align_corners=False)[0, :, 0].T
    normal_crop = torch.nn.functional.normalize(sampled[:, :3], dim=-1)
    R_world_crop = (R_crop_camera(camera, crop) @ camera.T_cam_world[:3, :3]).T
    scale = fit_crop.affine[0, 0] / crop.affine[0, 0]
    unseen = torch.inf
    return DenseEvidence(
        pixel_px=fit_crop.apply(crop.invert(pixel)),
        pixel_std_px=torch.where(seen & inside, scale * torch.exp(log_var / 2), unseen),
        normal_world=normal_crop @ R_world_crop.T,
        normal_std=torch.where(seen & inside, torch.exp(sampled[:, 3] / 2), unseen),
    )
