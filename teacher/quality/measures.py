"""What the gate looks at, read from a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.schema import JOINTS
from shared.geometry.rotation import axis_angle_to_matrix
from teacher.evidence.records import FitResult, MapCheck
from teacher.observation.face import ObservedFace
from teacher.quality.gauges import HeadGauges

_EYES = [JOINTS.index("left_eye"), JOINTS.index("right_eye")]  # rows of the posed joints


@dataclass(frozen=True, eq=False)
class PosedHead:
    """The mesh of one fit, in the world frame, on the CPU."""

    verts_m: Tensor  # (V, 3)
    joints_m: Tensor  # (5, 3)


@dataclass(frozen=True)
class Measures:
    """Plain numbers of one fit; NaN where it went astray."""

    landmark_error: float  # share of the distance of the outer eye corners, as it would be seen from the front
    shape_rms: float  # standard deviations
    expression_rms: float
    largest_code: float  # of shape and expression, standard deviations
    drift: float  # `DriftGauge.reach`
    stretched: float  # `MeshGauge.stretched`
    eye_distance_mm: float
    eye_distance_px: float  # outer eye corners in the full picture
    inside: float  # share of the landmarks inside the picture
    distance_m: float  # of the eyes along the view; negative behind the camera
    jaw_deg: float
    neck_deg: float
    yaw_deg: float  # of the head against the camera; positive looks to the subject's left
    converged: bool
    map_found: float | None  # share of the vertices that the network's maps show; None without a network
    map_uv_distance: float | None  # median from these vertices to the map, in UV; None without a UV map

    @staticmethod
    def of(
        face: ObservedFace, result: FitResult, head: PosedHead, gauges: HeadGauges, check: MapCheck | None
    ) -> Measures:
        """Read the numbers of one fit, without leading dimensions and on the CPU."""
        points, (height, width) = face.landmarks_px, face.camera.size
        corners = points[list(OUTER_EYE_CORNERS)]
        inside = ((points >= 0) & (points <= points.new_tensor([width, height]))).all(-1)
        eyes_cam = result.camera.world_to_cam(head.joints_m[_EYES])
        # In profile the eye corners meet in the picture, and any error would be a large share of their distance.
        across = torch.nn.functional.normalize(eyes_cam[0] - eyes_cam[1], dim=0)[:2].norm()
        codes = torch.cat([result.params.shape, result.params.expression])
        distances = () if check is None else check.uv_distance
        return Measures(
            landmark_error=float(result.landmark_error * across),
            shape_rms=float(result.code_rms[0]),
            expression_rms=float(result.code_rms[1]),
            largest_code=float(codes.abs().max()),
            drift=gauges.drift.reach(result.params),
            stretched=gauges.mesh.stretched(head.verts_m),
            eye_distance_mm=float(result.eye_distance_m) * 1000,
            eye_distance_px=float((corners[0] - corners[1]).norm()),
            inside=float(inside.float().mean()),
            distance_m=float(eyes_cam[:, 2].mean()),
            jaw_deg=_degrees(result.params.jaw),
            neck_deg=_degrees(result.params.neck),
            yaw_deg=yaw_deg(result),
            converged=bool(result.converged),
            map_found=None if check is None else check.found,
            map_uv_distance=distances[len(distances) // 2] if distances else None,
        )


def yaw_deg(result: FitResult) -> float:
    """How far the head is turned away from the camera's axis; positive towards the subject's left."""
    params = result.params
    rotation = axis_angle_to_matrix(params.global_rot) @ axis_angle_to_matrix(params.neck)
    forward = result.camera.T_cam_world[:3, :3] @ rotation[:, 2]  # the head's z in the camera frame
    return math.degrees(math.atan2(float(forward[0]), -float(forward[2])))


def _degrees(axis_angle: Tensor) -> float:
    return math.degrees(float(axis_angle.norm()))
