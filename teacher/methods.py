"""The teacher as `shared.evaluate` takes methods, and with landmarks alone: the floor that dense evidence must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from shared.config import ObserveConfig
from shared.config.loading import ConfigError, load_config
from shared.evaluate.faces import FaceMesh
from shared.evaluate.protocol import Method, Picture, Reconstruction
from shared.geometry.camera import Camera
from shared.images.decode import Frame
from shared.records.tensor_record import stack
from shared.runs.device import choose_device
from shared.runs.errors import UserError
from teacher.config import FitRunConfig, ReferenceConfig
from teacher.fitting.reference import ReferenceEvidence, fit_reference
from teacher.observation.face import ObservedFace, observe
from teacher.pipeline.fit import fit_faces
from teacher.pipeline.records import FittedFace
from teacher.pipeline.tools import build_tools


class BrokenFitError(Exception):
    """The solver could not work with a face."""


def landmarks(flame: str | None = None, options: Sequence[str] = ()) -> Method:
    """The fit to landmarks alone; arguments as of `fit_options`."""
    return method(fit_options("prior=none", flame, options))


def teacher(flame: str | None = None, options: Sequence[str] = ()) -> Method:
    """The fit to what the shipped prior sees, and landmarks; arguments as of `fit_options`."""
    return method(fit_options("prior=auto", flame, options))


def fit_options(evidence: str, flame: str | None, options: Sequence[str]) -> FitRunConfig:
    """The options of a fit.

    Args:
        evidence: an assignment of the method itself.
        flame: the head, as `load_flame` takes it.
        options: further assignments, ``key=value`` as on the command line of `teacher/fit.py`; the last one holds.

    Raises:
        UserError: one of them is not an option, or cannot have that value.
    """
    head = () if flame is None else (f"flame={flame}",)
    try:
        return load_config(FitRunConfig, [evidence, *head, *options])
    except ConfigError as error:
        raise UserError(f"method_options: {error}") from error


def reference() -> Method:
    """The paper's recipe: 500 Adam steps on 2D vertices and rendered normals, with the shipped prior."""
    tools, recipe = build_tools(FitRunConfig(), choose_device("cpu")), ReferenceConfig()
    assert tools.prior is not None
    prior, fitter, detector = tools.prior, tools.fitter, tools.detector()
    model, assets = tools.model, tools.model.assets
    uv = assets.vertex_uv()[prior.vertices]

    def reconstruct(picture: Picture) -> Reconstruction | None:
        faces = observe(Frame(picture.image, picture.id, path=""), detector, ObserveConfig())
        if not faces:
            return None
        face = _with_camera(faces[0], picture.camera)
        seen = face.evidence()
        crop, prediction = prior.look(face.crop_image, seen)
        evidence = ReferenceEvidence.of(prediction.maps, prior.vertices, uv, crop, seen.camera, recipe.gate_uv)
        found = fit_reference(model, stack([evidence]), fitter.initial_params(stack([seen])), recipe)
        with torch.no_grad():
            verts = model(found.params).verts_m[0]
            neutral = model(replace(model.neutral_params(), shape=found.params.shape[0])).verts_m
        return Reconstruction(posed=FaceMesh.of_head(verts, assets), neutral=FaceMesh.of_head(neutral, assets))

    return reconstruct


def method(config: FitRunConfig) -> Method:
    """A fit as it is configured. Without a camera it takes the focal length that `ObserveConfig` assumes."""
    tools = build_tools(config, choose_device(config.device))
    detector, model, assets = tools.detector(), tools.model, tools.model.assets

    def reconstruct(picture: Picture) -> Reconstruction | None:
        faces = observe(Frame(picture.image, picture.id, path=""), detector, config)
        if not faces:
            return None
        (fitted,) = fit_faces([_with_camera(faces[0], picture.camera)], tools, config.quality)
        if not isinstance(fitted, FittedFace):
            raise BrokenFitError(fitted.failures[0].reason)
        with torch.no_grad():
            neutral = model(replace(model.neutral_params(), shape=fitted.result.params.shape)).verts_m
        points = assets.landmarks["mediapipe"].positions(fitted.verts_m, assets.faces)
        return Reconstruction(
            posed=FaceMesh.of_head(fitted.verts_m, assets),
            neutral=FaceMesh.of_head(neutral, assets),
            landmarks_px=fitted.camera.project(points),
        )

    return reconstruct


def _with_camera(face: ObservedFace, camera: Camera | None) -> ObservedFace:
    """The face under known intrinsics; the fit's world stays that of `Camera.at_origin`."""
    if camera is None:
        return face
    at_origin = Camera.at_origin(camera.focal_px[0], camera.size)
    known = replace(at_origin, focal_px=camera.focal_px, center_px=camera.center_px)
    return replace(face, camera=known, focal_source="given")
