"""Training crops as the network sees and predicts them, for TensorBoard."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.render.overlay import overlay
from student.head.decoder import HeadDecoder
from student.head.predictor import TorchNetwork
from student.network.model import StudentNetwork
from student.network.records import StudentSample
from student.network.weights import TrainedStudent
from student.training.truth import heads_of

_COLUMNS = 6
_GREY = 110


def sample_picture(network: StudentNetwork, sample: StudentSample, model: FlameModel) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the first crops, the predicted heads over them, and the true ones."""
    first = sample[:_COLUMNS].to("cpu")
    run = TorchNetwork(TrainedStudent(network, model.assets.head_id, {}))
    output, config = run(sample.input[:_COLUMNS]), network.config
    decoder = HeadDecoder(model, run.spec)
    size = (config.size, config.size)
    camera = Camera.at_origin(first.target.focal_px, size)
    whole = Crop.whole(size, camera.focal_px)
    true = heads_of(first.target, camera, model, run.spec.anchor_m)
    with torch.inference_mode():
        rows = (decoder.decode(output, whole, camera).verts_m, model(true).verts_m)
    crops = [_as_picture(image, config.size) for image in first.input.image]
    drawn = [
        [overlay(crop, verts, model.assets.faces, camera[row], model.assets) for row, (crop, verts) in enumerate(pair)]
        for pair in (zip(crops, meshes, strict=True) for meshes in rows)
    ]
    return np.vstack([np.hstack(row) for row in (crops, *drawn)])


def _as_picture(image: Tensor, size: int) -> np.ndarray:
    """Of a crop (3, S, S) uint8; grey where the network sees none."""
    if image.shape[-1] != size:
        return np.full((size, size, 3), _GREY, np.uint8)
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())
