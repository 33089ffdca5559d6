"""The paper's fit: 500 Adam steps on 2D vertices and rendered normals (Pixel3DMM, arXiv 2505.00615, section 3.3).

Here to compare with, not to be used: its energy has no model of the detector or of the networks' noise, and every step
renders the head. Facts about it are those of the paper; where it leaves one open, the release's default is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.face_crop import R_crop_camera
from shared.geometry.rotation import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_rotation_6d,
    rotation_6d_to_matrix,
)
from shared.records.tensor_record import TensorRecord
from shared.render.maps import render_maps
from teacher.config import ReferenceConfig
from teacher.prior.geometry.lookup import nearest_pixels, trust
from teacher.prior.records import PriorMaps

_ROTATIONS = ("global_rot", "neck", "jaw")
_GATE_SIZE = 256  # pixels of the crop for which the paper gives its distances


@dataclass(frozen=True)
class ReferenceEvidence(TensorRecord):
    """Maps of one face a row, in the pixels of the priors' crop."""

    camera: Camera  # of the crop, its intrinsics known
    normal_cam: Tensor  # (B, 3, S, S)
    mask: Tensor  # (B, S, S) bool, skin
    vertices: Tensor  # (..., N) int64 vertices that were looked up
    vertex_px: Tensor  # (B, N, 2)
    vertex_found: Tensor  # (B, N) bool: within the distance gate

    @staticmethod
    def of(
        maps: PriorMaps, vertices: Tensor, wanted: Tensor, crop: Crop, camera: Camera, gate_uv: float
    ) -> ReferenceEvidence:
        """One face, without leading dimensions.

        Args:
            maps: of a prior, with normals in the frame "crop" and UV.
            vertices: (N,) int64 to look up.
            wanted: (N, 2) their UV.
            crop: from the picture to the maps.
            camera: of the picture.
            gate_uv: distance beyond which a vertex has no pixel.
        """
        assert maps.normal is not None
        assert maps.uv is not None
        pixel, distance = nearest_pixels(maps.uv, trust(maps), wanted)
        back = R_crop_camera(camera, crop).T
        return ReferenceEvidence(
            camera=camera.warped(crop.affine, crop.size),
            normal_cam=torch.einsum("ij,jhw->ihw", back, maps.normal),
            mask=trust(maps) > 0,
            vertices=vertices,
            vertex_px=pixel,
            vertex_found=distance < gate_uv,
        )


@dataclass(frozen=True)
class ReferenceResult:
    """Where Adam ended."""

    params: FlameParams
    energy: Tensor  # (B,)


def fit_reference(
    model: FlameModel, evidence: ReferenceEvidence, start: FlameParams, config: ReferenceConfig
) -> ReferenceResult:
    """Run the recipe for every row.

    Args:
        model: of the head.
        evidence: what was predicted.
        start: pose and identity to start from; the identity is also the anchor of the shape.
        config: its weights, learning rates and steps.
    """
    free = {
        "shape": start.shape.clone(),
        "expression": start.expression.clone(),
        "translation": start.translation.clone(),
        **{name: matrix_to_rotation_6d(axis_angle_to_matrix(getattr(start, name))) for name in _ROTATIONS},
        "eyelids": start.eyelids.clone(),
    }
    rates = {
        "shape": config.rate_shape,
        "expression": config.rate_expression,
        "translation": config.rate_translation,
        "global_rot": config.rate_rotation,
        "jaw": config.rate_rotation,
        "neck": config.rate_neck,
        "eyelids": config.rate_eyelids,
    }
    for value in free.values():
        value.requires_grad_()
    optimiser = torch.optim.Adam([{"params": [value], "lr": rates[name]} for name, value in free.items()])
    for _ in range(config.steps):
        optimiser.zero_grad()
        energy(model, evidence, _params(start, free), start.shape, config).sum().backward()
        optimiser.step()
    with torch.no_grad():
        found = _params(start, free)
        return ReferenceResult(found, energy(model, evidence, found, start.shape, config))


def energy(
    model: FlameModel, evidence: ReferenceEvidence, params: FlameParams, anchor: Tensor, config: ReferenceConfig
) -> Tensor:
    """(B,) Equations 6 to 9 of the paper, with the release's normalisation: pixels over the picture's side, means."""
    verts = model(params).verts_m
    size = evidence.camera.size[0]
    looked_up = verts.gather(1, evidence.vertices[..., None].expand(-1, -1, 3))
    off = (evidence.camera.project(looked_up) - evidence.vertex_px) / size
    gate = evidence.vertex_found & (off.detach().abs().sum(-1) < config.gate_px / _GATE_SIZE)
    vertex = 100 * ((off**2) * gate[..., None]).mean((1, 2))

    seen = render_maps(verts, model.faces, evidence.camera)
    apart = (seen.normal - evidence.normal_cam).abs()
    valid = evidence.mask & seen.mask & (apart.detach().mean(1) < config.gate_normal)
    normal = (apart * valid[:, None]).mean((1, 2, 3))
    identity = ((params.shape - anchor) ** 2).sum(1)
    expression = (params.expression**2).sum(1)
    return (
        config.weight_vertex * vertex
        + config.weight_normal * normal
        + config.weight_identity * identity
        + config.weight_expression * expression
    )


def _params(start: FlameParams, free: dict[str, Tensor]) -> FlameParams:
    turned = {name: matrix_to_axis_angle(rotation_6d_to_matrix(free[name])) for name in _ROTATIONS}
    return replace(start, **{**free, **turned})
