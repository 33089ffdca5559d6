"""From what a prior says of a crop to the evidence of a fit: where vertices are seen, and the normals there.

Three ways: the points that a network predicts; a UV map looked up to a fraction of a pixel; and, to compare with, the
paper's nearest neighbour among its whole pixels (equation 6). What a UV map says is checked against the mean head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.face_crop import R_crop_camera
from teacher.config import LookupConfig
from teacher.evidence.mean_head_view import FirstView
from teacher.evidence.records import DenseEvidence
from teacher.prior.geometry.charts import Charts
from teacher.prior.geometry.lookup import Expected, trust
from teacher.prior.records import PriorMaps, PriorPrediction

SEEN = 0.0  # logit of a point's visibility from which it counts as seen


def at_points(prediction: PriorPrediction, rows: Tensor, crop: Crop, camera: Camera) -> DenseEvidence:
    """Evidence from predicted points, and the predicted normals where these are.

    Args:
        prediction: of a compact network, without leading dimensions, on the CPU.
        rows: (N,) int64, which of its points.
        crop: from the picture to what the network saw.
        camera: of the picture.
    """
    points, maps = prediction.points, prediction.maps
    assert points is not None
    pixel = points.pixel_px[rows]
    seen = (points.visible_logit[rows] > SEEN) & ((pixel > 0) & (pixel < crop.size[0])).all(-1)
    return _evidence(maps, pixel, torch.exp(points.log_var[rows] / 2), seen, crop, camera, LookupConfig())


def in_uv_map(
    maps: PriorMaps, charts: Charts, crop: Crop, camera: Camera, config: LookupConfig, view: FirstView
) -> DenseEvidence:
    """Evidence from a UV map alone: for each vertex where in the picture it is, to a fraction of a pixel.

    Args:
        maps: without leading dimensions, on the CPU.
        charts: of the vertices.
        crop: from the picture to the map.
        camera: of the picture.
        config: of the lookup.
        view: what the mean head shows in the picture; only there, and near by, a vertex is looked for.
    """
    assert maps.uv is not None
    place = torch.where(view.visible[:, None], crop.apply(view.pixel_px), torch.inf)
    expected = Expected(place, config.reach * crop.size[0])
    found = charts.look_up(maps.uv, trust(maps, config.uv_std), config.gate, config.radius, expected)
    std_px = found.px_per_uv * (found.uv_distance**2 + 1 / found.weight.clamp_min(1e-12)).sqrt()
    return _evidence(maps, found.pixel_px, std_px, found.valid, crop, camera, config)


def nearest_in_uv_map(
    maps: PriorMaps, charts: Charts, crop: Crop, camera: Camera, config: LookupConfig, view: FirstView
) -> DenseEvidence:
    """The paper's lookup, arguments as in `in_uv_map`: the whole pixel of nearest UV, if it is within the gate.

    As there, a vertex that the mean head hides, or has elsewhere, is let go.
    """
    assert maps.uv is not None
    pixel, distance = charts.nearest_pixels(maps.uv, trust(maps))
    near = (pixel - crop.apply(view.pixel_px)).norm(dim=1) < config.reach * crop.size[0]
    std_px = torch.full_like(distance, config.nearest_std * crop.size[0])
    seen = view.visible & near & (distance < config.nearest_gate)
    return _evidence(maps, pixel, std_px, seen, crop, camera, config)


def _evidence(
    maps: PriorMaps, pixel: Tensor, std_px: Tensor, seen: Tensor, crop: Crop, camera: Camera, config: LookupConfig
) -> DenseEvidence:
    """For pixels (N, 2) of the crop with deviations (N,), where they are seen (N,)."""
    normal, normal_std = _normals_at(maps, pixel, config.normal_std)
    if maps.frame != "head":
        to_world = camera.T_cam_world[:3, :3]
        if maps.frame == "crop":
            to_world = R_crop_camera(camera, crop) @ to_world  # n_crop = R_crop_camera R_camera_world n_world
        normal = normal @ to_world
    return DenseEvidence(
        pixel_px=crop.invert(pixel),
        pixel_std_px=torch.where(seen, std_px / crop.affine[0, 0], torch.inf),
        normal=normal,
        normal_std=torch.where(seen, normal_std, torch.inf),
        normal_frame="head" if maps.frame == "head" else "world",
    )


def _normals_at(maps: PriorMaps, pixel: Tensor, std: float) -> tuple[Tensor, Tensor]:
    """Normals (N, 3) in the frame of the maps and the deviation of their angle (N,), at pixels (N, 2) of the crop.

    Without a map of them, their deviation is infinite; without deviations in it, it is ``std``.
    """
    if maps.normal is None:
        ahead = pixel.new_tensor([0.0, 0.0, 1.0]).expand(len(pixel), 3)
        return ahead, torch.full_like(pixel[:, 0], torch.inf)
    layers = maps.normal if maps.normal_log_var is None else torch.cat([maps.normal, maps.normal_log_var[None]])
    grid = (pixel / pixel.new_tensor(maps.normal.shape[-1:]) * 2 - 1)[None, None]
    sampled = torch.nn.functional.grid_sample(layers[None], grid, align_corners=False)[0, :, 0].T
    deviation = torch.full_like(pixel[:, 0], std) if sampled.shape[1] == 3 else torch.exp(sampled[:, 3] / 2)
    return torch.nn.functional.normalize(sampled[:, :3], dim=-1), deviation
