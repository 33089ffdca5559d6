"""Measures what `VertexNoise` holds, on portraits with truth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints, stack_rotations
from shared.flame.tangents import surface_tangents
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.records.tensor_record import TensorRecord, stack
from shared.synthetic.storage.shards import StoredPortraits
from teacher.evidence.records import DenseEvidence, FaceEvidence
from teacher.evidence.triangulation import triangulate_offsets
from teacher.evidence.vertex_noise import VertexNoise
from teacher.pipeline.dense_prior import DensePrior

OUTLIER_RAD = 0.3  # normals farther off than this lose weight
PRIOR_VIEWS = 4.0  # the pull to zero, as so many views


@dataclass(frozen=True)
class VertexErrors(TensorRecord):
    """What was predicted on B portraits, against the truth; 0 where a vertex is not seen."""

    pixel_m: Tensor  # (B, N, 2) predicted less true, at the vertex's depth, camera axes
    tangent: Tensor  # (B, N, 2) products of the predicted normal and the true tangents
    seen: Tensor  # (B, N) bool
    R_cam_head: Tensor  # (B, 3, 3)


def measure_noise(prior: DensePrior, model: FlameModel, portraits: StoredPortraits) -> tuple[VertexNoise, VertexErrors]:
    """Look at all portraits whose landmarks were found, and take the means."""
    points = FlamePoints.from_vertices(model, prior.vertices)
    tangents = surface_tangents(model, prior.vertices)
    rows = []
    for index in tqdm(range(len(portraits)), desc="looking", unit="portrait", dynamic_ncols=True):
        detection = portraits.detection(index)
        if detection is None:
            continue
        portrait = portraits[index]
        params, camera = portrait.truth.params, portrait.truth.camera
        face = FaceEvidence(detection.landmarks_px, camera, blendshapes=detection.blendshapes)
        dense, _ = prior.evidence([portrait.image], stack([face]))
        rows.append(compare(dense[0], posed(points, params), posed(tangents, params), params, camera))
    errors = stack(rows)
    offset_m = triangulate_offsets(errors.pixel_m, errors.seen, errors.R_cam_head, PRIOR_VIEWS)
    return VertexNoise(offset_m, _tilt(errors)), errors


def summary(noise: VertexNoise, errors: VertexErrors) -> dict[str, float]:
    """What is taken away, and what is left."""
    off = errors.pixel_m - torch.einsum("nij,pj->npi", errors.R_cam_head[:, :2], noise.offset_m)
    left = (errors.tangent - noise.tilt)[errors.seen]
    return {
        "offset_mm": 1e3 * float(noise.offset_m.norm(dim=1).mean()),
        "tilt_rms_rad": float(noise.tilt.square().mean().sqrt()),
        "pixel_median_mm": 1e3 * float(errors.pixel_m[errors.seen].norm(dim=1).median()),
        "pixel_median_left_mm": 1e3 * float(off[errors.seen].norm(dim=1).median()),
        "tangent_rms_rad": float(errors.tangent[errors.seen].square().mean().sqrt()),
        "tangent_rms_left_rad": float(left.square().mean().sqrt()),
    }


def compare(
    dense: DenseEvidence, place_m: Tensor, tangents: Tensor, params: FlameParams, camera: Camera
) -> VertexErrors:
    """One portrait: evidence of N vertices, their true places (N, 3) and tangents (2 N, 3) in the world frame."""
    seen = torch.isfinite(dense.pixel_std_px)
    depth = camera.world_to_cam(place_m)[:, 2:]
    off = (dense.pixel_px - camera.project(place_m)) / camera.focal_px * depth
    directions = torch.nn.functional.normalize(tangents, dim=-1)
    product = (directions.unflatten(0, (2, -1)) * dense.normal).sum(-1).T
    head = axis_angle_to_matrix(params.global_rot) @ axis_angle_to_matrix(params.neck)
    nothing = torch.zeros_like(off)
    return VertexErrors(
        pixel_m=torch.where(seen[:, None], off, nothing),
        tangent=torch.where(seen[:, None], product, nothing),
        seen=seen,
        R_cam_head=camera.T_cam_world[:3, :3] @ head,
    )


def posed(points: FlamePoints, params: FlameParams) -> Tensor:
    """(P, 3) points, or differences of points, of one head."""
    one = params[None]
    codes = torch.cat([one.shape, one.expression, one.eyelids], -1)
    rotations = stack_rotations(one.global_rot, one.neck, one.jaw, *one.eyes.unbind(1))
    return points.pose(codes, rotations, one.translation).position[0]


def _tilt(errors: VertexErrors) -> Tensor:
    """(N, 2) robust mean."""
    tilt = torch.zeros(errors.tangent.shape[1:])
    for _ in range(10):
        left = (errors.tangent - tilt).norm(dim=-1)
        weight = (errors.seen / (1 + (left / OUTLIER_RAD) ** 2))[..., None]
        tilt = (errors.tangent * weight).sum(0) / (weight.sum(0) + PRIOR_VIEWS)
    return tilt
