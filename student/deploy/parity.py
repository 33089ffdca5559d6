"""Whether an exported file predicts what the network predicts: the same posed head, vertex by vertex."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.runs.errors import UserError
from student.deploy.crops import Crops
from student.head.predictor import Predictor

LIMIT_MM = 0.05
Exported = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]  # named inputs -> named outputs


def reference(predictor: Predictor, crops: Crops) -> Tensor:
    """(B, V, 3) metres in the camera's frame, by the network and the decoder, with all codes of the head."""
    size = predictor.spec.config.size
    camera = Camera.at_origin(crops.input.focal_px, (size, size), crops.center_px)
    whole = Crop.whole((size, size), crops.center_px)
    with torch.inference_mode():
        heads = predictor.decoder.decode(predictor.network(crops.input), whole, camera)
        return camera.world_to_cam(heads.verts_m)


def views(predictor: Predictor, crops: Crops) -> dict[str, Crops]:
    """The crops as the network may be given them: with landmarks where it takes them, without where it can."""
    config = predictor.spec.config
    forms = {}
    if config.landmarks:
        forms["with landmarks"] = crops
    if config.blendshapes:
        forms["without blendshapes"] = crops.without_blendshapes()
    if config.backbone != "none":
        forms["without landmarks"] = crops.without_landmarks()
    return forms


def largest_distance_mm(exported: Exported, predictor: Predictor, crops: Crops) -> dict[str, float]:
    """The largest distance of a vertex over the crops, by what the network is given."""
    distances = {}
    for name, given in views(predictor, crops).items():
        verts = exported(given.named(predictor.spec))["verts_cam_m"]
        distances[name] = float(1e3 * (verts - reference(predictor, given)).norm(dim=-1).max())
    return distances


def require_parity(file: str, distances_mm: Mapping[str, float]) -> None:
    """UserError if a vertex is further away than it may be."""
    for name, distance in distances_mm.items():
        if not distance < LIMIT_MM:  # nor NaN
            raise UserError(
                f"{file}: {name}, a vertex is {distance:.3f} mm from where the network puts it, and {LIMIT_MM} mm is "
                "allowed; nothing was written. Is the checkpoint trained, and do its weights fit 16 bits?"
            )
