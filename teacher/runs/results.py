"""What people open after a fit: the overlay, the parameters, the meshes, a few lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from shared.export.gltf import expression_targets, write_glb
from shared.export.mesh_files import write_obj, write_ply
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.images.decode import Frame
from shared.landmarker.blendshapes import stack_blendshapes
from shared.records.tensor_record import stack
from shared.render.overlay import overlay
from teacher.pipeline.records import FittedFace

_FOCAL = {
    "given": "as given",
    "exif": "from EXIF",
    "estimated": "estimated to about a third; give focal_35mm= if you know it",
    "assumed": "assumed; give focal_35mm= if you know it, as distance and size of the head depend on it",
}


def parameters(fitted: Sequence[FittedFace]) -> tuple[FlameParams, Camera]:
    """(N, ...) rows of parameters and full-picture cameras."""
    return stack([one.result.params for one in fitted]), stack([one.camera for one in fitted])


def extras(fitted: Sequence[FittedFace], assets: FlameAssets) -> dict[str, np.ndarray]:
    """What goes into params.npz beside parameters and camera."""
    blendshapes = stack_blendshapes([one.face for one in fitted])
    return {
        **({} if blendshapes is None else {"blendshapes": blendshapes}),
        "head": np.array(assets.name),
        "head_id": np.array(assets.head_id),
        "quality": np.array([one.verdict.quality for one in fitted], np.float32),
        "detector_score": np.array([one.face.detector_score for one in fitted], np.float32),
        "landmark_error": np.array([one.verdict.measures.landmark_error for one in fitted], np.float32),
        "detected_landmarks_px": np.stack([one.face.landmarks_px.numpy() for one in fitted]),
        "mesh_landmarks_px": np.stack([one.mesh_landmarks_px.numpy() for one in fitted]),
    }


def draw_overlay(frame: Frame, fitted: Sequence[FittedFace], assets: FlameAssets) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the heads on the full picture, the farthest first."""
    image = frame.image
    for one in sorted(fitted, key=lambda one: -one.verdict.measures.distance_m):
        image = overlay(image, one.verts_m, assets.faces, one.camera, assets)
    return image


def write_meshes(stem: Path, one: FittedFace, model: FlameModel, morph_targets: bool) -> list[Path]:
    """Write the head as .ply, .obj and .glb; the .glb with the expression basis as morph targets if asked."""
    params = one.result.params.to(model.v_template.device)
    targets = expression_targets(model, params) if morph_targets else None
    return [
        write_ply(stem.with_suffix(".ply"), one.verts_m, model.assets.faces),
        write_obj(stem.with_suffix(".obj"), one.verts_m, model.assets),
        write_glb(stem.with_suffix(".glb"), one.verts_m, model.assets, targets),
    ]


def focal_line(one: FittedFace) -> str:
    """The focal length, and where it comes from."""
    return f"{float(one.camera.focal_px[0]):.0f} px, {_FOCAL[one.face.focal_source]}"


def describe(one: FittedFace, model: FlameModel) -> str:
    """A few lines for the terminal."""
    measures = one.verdict.measures
    neutral = replace(model.neutral_params(), shape=one.result.params.shape.to(model.v_template))
    with torch.no_grad():
        verts = model(neutral).verts_m
    width, _, depth = ((verts.amax(0) - verts.amin(0)) * 1000).tolist()
    eyes = measures.eye_distance_mm
    lines = [
        f"{one.face.id}",
        f"  head            {width:.0f} mm wide with ears, {depth:.0f} mm deep, eyes {eyes:.1f} mm apart",
        f"  place           {measures.distance_m:.2f} m from the camera, yaw {measures.yaw_deg:.0f} degrees",
        f"  landmark error  {measures.landmark_error:.2%} of the eye distance",
        f"  focal length    {focal_line(one)}",
        f"  quality         {one.verdict.quality:.2f}",
    ]
    lines += [f"  doubtful        {failure.reason}" for failure in one.failures]
    return "\n".join(lines)
