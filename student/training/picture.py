"""Training crops as the network sees and tells them, for TensorBoard."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.render.overlay import overlay
from student.head import HeadDecoder, StudentSpec
from student.model import StudentNetwork
from student.pose import SightPose
from student.records import StudentSample

_COLUMNS = 6
_GREY = 110


def sample_picture(network: StudentNetwork, sample: StudentSample, model: FlameModel) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the first crops, the heads that are told over them, and the true ones."""
    first = sample[:_COLUMNS].to("cpu")
    device, config = network.view.rest_m.device, network.config
    told = network(sample.input[:_COLUMNS].to(device)).to("cpu")
    basis = type(network.basis)(network.basis.shape.cpu(), network.basis.expression.cpu())
    anchor_m = network.anchor_m.cpu()
    decoder = HeadDecoder(model, StudentSpec(config, basis, anchor_m, model.assets.head_id))
    size = (config.size, config.size)
    camera = Camera.at_origin(first.target.focal_px, size)
    whole = Crop(torch.eye(3)[:2].expand(len(camera.focal_px), 2, 3), size)
    target = first.target
    still = torch.zeros_like(target.jaw)
    unplaced = FlameParams(
        target.shape, target.expression, still, target.neck, target.jaw, target.eyes, still, target.eyelids
    )
    pose = SightPose(target.R_sight_face, target.anchor_px, target.log_scale)
    true = pose.in_camera(target.focal_px, camera.center_px).placed(unplaced, camera, model, anchor_m)
    with torch.inference_mode():
        rows = (decoder.decode(told, whole, camera).verts_m, model(true).verts_m)
    crops = [_as_picture(image, config.size) for image in first.input.image]
    drawn = [
        [overlay(crop, verts, model.assets.faces, camera[row], model.assets) for row, (crop, verts) in enumerate(pair)]
        for pair in (zip(crops, meshes, strict=True) for meshes in rows)
    ]
    return np.vstack([np.hstack(row) for row in (crops, *drawn)])


def _as_picture(image: Tensor, size: int) -> np.ndarray:
    """Of a crop (3, S, S); grey where the network sees none."""
    if image.shape[-1] != size:
        return np.full((size, size, 3), _GREY, np.uint8)
    return (image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
