"""One picture or clip: fit, then write what people open next (overlay, meshes, parameters)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from shared.config import FitInputConfig
from shared.export.gltf import expression_targets, write_glb
from shared.export.mesh_files import write_obj, write_ply
from shared.export.npz import write_params
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.images.decode import Frame, InputError
from shared.images.encode import write_png
from shared.images.source import InputRef, find_inputs, iter_frames
from shared.records import stack
from shared.render.overlay import overlay
from shared.runtime import UserError
from teacher.evidence import FitResult
from teacher.observe import observe
from teacher.tools import FittedFace, Tools, fit_faces


def find_input(name: str) -> InputRef:
    """The one photo or clip of that name. UserError if it is something else, or not there."""
    try:
        if Path(name).is_dir():
            raise UserError(f"input={name} is a folder: use teacher/fit_dataset.py inputs={name}")
        refs = find_inputs(name)
    except InputError as error:
        raise UserError(f"input={name}: {error.reason}") from error
    if len(refs) != 1:
        raise UserError(f"input={name} names {len(refs)} files: use teacher/fit_dataset.py inputs={name}")
    if refs[0].kind == "camera":
        raise UserError(f"input={name} is a camera: this command takes a picture or a clip")
    return refs[0]


def fit_photo(ref: InputRef, config: FitInputConfig, tools: Tools) -> list[Path]:
    """Fit the faces of a photo and write all files; prints what it found. UserError if there is no usable face."""
    try:
        frame = next(iter(iter_frames(ref)))
    except InputError as error:
        raise UserError(f"input={ref.path}: {error.reason}") from error
    fitted = usable(fit_faces(observe(frame, tools.detector(), config), tools, config.quality), config.input)
    out = Path(config.out)
    files = [write_png(out / "overlay.png", draw_overlay(frame, fitted, tools))]
    for number, one in enumerate(fitted):
        name = "head" if config.faces == "largest" else f"head_{number}"
        files += _write_meshes(out / name, one, config, tools)
    params, camera = parameters(fitted)
    if config.faces == "largest":
        params, camera = params[0], camera[0]
    files.append(write_params(out / "params.npz", params, camera, extras(fitted, tools)))
    for one in fitted:
        print(describe(one, tools))
    return files


def usable(fitted: Sequence[FittedFace], name: str) -> list[FittedFace]:
    """The faces that have a mesh. UserError if there is none."""
    if not fitted:
        raise UserError(f"input={name}: no face was found")
    good = [one for one in fitted if one.verts_m is not None and bool(torch.isfinite(one.verts_m).all())]
    if not good:
        raise UserError(f"input={name}: {fitted[0].failures[0].reason}")
    return good


def full_camera(one: FittedFace) -> Camera:
    """The fitted camera of the full picture, without leading dimensions."""
    return _result(one).camera.warped(one.face.crop.inverse_affine(), one.face.camera.size)


def parameters(fitted: Sequence[FittedFace]) -> tuple[FlameParams, Camera]:
    """(N, ...) rows of parameters and full-picture cameras."""
    return stack([_result(one).params for one in fitted]), stack([full_camera(one) for one in fitted])


def extras(fitted: Sequence[FittedFace], tools: Tools) -> dict[str, np.ndarray]:
    """What goes into params.npz beside parameters and camera."""
    verdicts = [one.verdict for one in fitted if one.verdict]
    return {
        "head": np.array(tools.model.assets.name),
        "head_id": np.array(tools.model.assets.head_id),
        "score": np.array([verdict.score for verdict in verdicts], np.float32),
        "landmark_error": np.array([verdict.measures.landmark_error for verdict in verdicts], np.float32),
        "landmarks_px": np.stack([one.face.landmarks_px.numpy() for one in fitted]),
    }


def draw_overlay(frame: Frame, fitted: Sequence[FittedFace], tools: Tools) -> np.ndarray:
    """(H, W, 3) uint8 RGB: the heads on the full picture, the farthest first."""
    image, assets = frame.image, tools.model.assets
    for one in sorted(fitted, key=lambda one: -one.verdict.measures.distance_m if one.verdict else 0.0):
        if one.verts_m is not None:
            image = overlay(image, one.verts_m, assets.faces, full_camera(one), assets)
    return image


def describe(one: FittedFace, tools: Tools) -> str:
    """A few lines for the terminal."""
    if one.verdict is None:
        return f"{one.face.id}: {one.failures[0].reason}"
    m, params = one.verdict.measures, _result(one).params
    neutral = replace(tools.model.neutral_params(), shape=params.shape.to(tools.model.v_template))
    with torch.no_grad():
        size = tools.model(neutral).verts_m
    width, depth = (float(size[:, axis].max() - size[:, axis].min()) * 1000 for axis in (0, 2))
    focal = float(full_camera(one).focal_px[0])
    lines = [
        f"{one.face.id}",
        f"  head            {width:.0f} mm wide with ears, {depth:.0f} mm deep, eyes {m.eye_distance_mm:.1f} mm apart",
        f"  place           {m.distance_m:.2f} m from the camera, yaw {m.yaw_deg:.0f} degrees",
        f"  landmark error  {m.landmark_error:.2%} of the eye distance",
        f"  focal length    {focal:.0f} px, {_FOCAL[one.face.focal_source]}",
        f"  score           {one.verdict.score:.2f}",
    ]
    lines += [f"  doubtful        {failure.reason}" for failure in one.failures]
    return "\n".join(lines)


_FOCAL = {
    "given": "as given",
    "exif": "from EXIF",
    "assumed": "assumed; give focal_35mm= if you know it, as distance and size of the head depend on it",
}


def _write_meshes(stem: Path, one: FittedFace, config: FitInputConfig, tools: Tools) -> list[Path]:
    model, verts = tools.model, one.verts_m
    if verts is None:
        return []
    params = _result(one).params.to(model.v_template.device)
    targets = expression_targets(model, params) if config.morph_targets else None
    return [
        write_ply(stem.with_suffix(".ply"), verts, model.assets.faces),
        write_obj(stem.with_suffix(".obj"), verts, model.assets),
        write_glb(stem.with_suffix(".glb"), verts, model.assets, targets),
    ]


def _result(one: FittedFace) -> FitResult:
    if one.result is None:
        raise ValueError(f"{one.face.id} has no fit")
    return one.result
