"""Several pictures of one person: views of one moment, or a collection of photos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.export.npz import write_params
from shared.geometry.camera import Camera
from shared.images.decode import Frame, InputError
from shared.images.encode import write_png
from shared.images.source import InputRef, find_photos, iter_frames
from shared.runs.errors import UserError
from teacher.config import FitViewsConfig
from teacher.fitting.fitter import ParameterSharing
from teacher.fitting.focal import with_focal_lengths
from teacher.observation.face import ObservedFace, observe
from teacher.pipeline.judge import judged
from teacher.pipeline.observe import evidence_of
from teacher.pipeline.records import FittedFace
from teacher.pipeline.tools import Tools
from teacher.runs.results import describe, draw_overlay, extras, parameters, write_meshes
from teacher.solver.structure import FRAME, VIEW, Structure


@dataclass(frozen=True, eq=False)
class View:
    """A picture with the largest face in it."""

    frame: Frame
    face: ObservedFace


def fit_views(config: FitViewsConfig, tools: Tools) -> list[Path]:
    """Fit all pictures at once and write what people open next. UserError if there are fewer than two faces."""
    refs = find_photos("inputs", config.inputs)
    views = _observe(refs, config, tools)
    if len(views) < 2:
        raise UserError(f"inputs={config.inputs}: {len(views)} of {len(refs)} pictures show a face; needed are two")
    if config.cameras is not None:
        views = with_cameras(views, Path(config.cameras))
    seen = evidence_of([view.face for view in views], tools)
    faces, evidence = with_focal_lengths([view.face for view in views], seen.evidence.to(tools.device), tools.focal)
    sharing = sharing_of(len(views), config.one_moment, config.cameras is not None, tools.device)
    result = tools.fitter.fit_together(evidence, sharing)
    fitted = judged(faces, replace(seen, evidence=evidence), result, tools, config.quality)
    return _write(config, tools, views, fitted)


def sharing_of(count: int, one_moment: bool, known_cameras: bool, device: torch.device) -> ParameterSharing:
    """What the pictures share: the identity always, the expression in one moment, the pose between known cameras."""
    if not one_moment:
        return ParameterSharing(Structure.of_one(torch.arange(count, device=device)))
    structure = Structure.of_one(torch.zeros(count, dtype=torch.int64, device=device))
    return ParameterSharing(structure, pose_level=FRAME if known_cameras else VIEW, camera_known=known_cameras)


def with_cameras(views: Sequence[View], path: Path) -> list[View]:
    """The views with the cameras of a file, docs/views.md. UserError, which names the picture, if one is missing."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cameras={path} cannot be read: {error}") from error
    found = []
    for view in views:
        entry = given.get(view.frame.id) if isinstance(given, dict) else None
        if not isinstance(entry, dict):
            raise UserError(f"cameras={path} says nothing of {view.frame.id}, docs/views.md")
        face = replace(view.face, camera=_camera(entry, view, path), focal_source="given")
        found.append(replace(view, face=face))
    return found


def _camera(entry: dict[str, Any], view: View, path: Path) -> Camera:
    def numbers(key: str, shape: tuple[int, ...]) -> Tensor:
        try:
            array = np.array(entry.get(key), np.float32)
        except (TypeError, ValueError):
            array = np.empty(0)
        if array.shape != shape or not np.isfinite(array).all():
            raise UserError(f"cameras={path}: {key} of {view.frame.id} must be {'x'.join(map(str, shape))} numbers")
        return torch.from_numpy(array)

    focal_px, T_cam_world = numbers("focal_px", (2,)), numbers("T_cam_world", (4, 4))
    if not bool((focal_px > 0).all()):
        raise UserError(f"cameras={path}: focal_px of {view.frame.id} must be positive")
    if not _is_rigid(T_cam_world):
        raise UserError(
            f"cameras={path}: T_cam_world of {view.frame.id} must be a rotation and a translation in metres, with the "
            "last row 0 0 0 1"
        )
    return Camera(focal_px, numbers("center_px", (2,)), T_cam_world, view.frame.size)


def _is_rigid(T: Tensor) -> bool:
    """Whether (4, 4) neither scales nor mirrors."""
    rotation = T[:3, :3]
    upright = torch.allclose(rotation @ rotation.T, torch.eye(3), atol=1e-3)
    right_handed = float(torch.linalg.cross(rotation[0], rotation[1]) @ rotation[2]) > 0
    return upright and right_handed and T[3].tolist() == [0, 0, 0, 1]


def _observe(refs: Sequence[InputRef], config: FitViewsConfig, tools: Tools) -> list[View]:
    detector, views = tools.detector(), []
    for ref in refs:
        try:
            frame = next(iter(iter_frames(ref)))
        except InputError as error:
            print(f"left out: {ref.id}: {error.reason}")
            continue
        faces = observe(frame, detector, config)
        if not faces:
            print(f"left out: {ref.id}: no face was found")
            continue
        views.append(View(frame, faces[0]))
    return views


def _write(config: FitViewsConfig, tools: Tools, views: Sequence[View], fitted: Sequence[FittedFace]) -> list[Path]:
    out, assets, files = Path(config.out), tools.model.assets, []
    for number, (view, one) in enumerate(zip(views, fitted, strict=True)):
        files.append(write_png(out / f"overlay_{number:03d}.png", draw_overlay(view.frame, [one], assets)))
        files += write_meshes(out / f"head_{number:03d}", one, tools.model, config.morph_targets)
        print(describe(one, tools.model))
    params, camera = parameters(fitted)
    names = {"picture": np.array([view.frame.id for view in views])}
    files.append(write_params(out / "params.npz", params, camera, extras(fitted, assets) | names))
    return files
