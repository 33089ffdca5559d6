"""What the gate looks at, read from a head in its picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.params import FlameParams
from shared.flame.schema import JOINTS
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.quality.metrics import HeadMetrics

_EYES = [JOINTS.index("left_eye"), JOINTS.index("right_eye")]  # rows of the posed joints


@dataclass(frozen=True, eq=False)
class PosedHead:
    """The mesh of one head, in the world frame, on the CPU."""

    verts_m: Tensor  # (V, 3)
    joints_m: Tensor  # (5, 3)


@dataclass(frozen=True)
class HeadMeasures:
    """Plain numbers of one head; NaN where it went astray."""

    landmark_error: float  # share of the distance of the outer eye corners, as it would be seen from the front
    shape_rms: float  # standard deviations
    expression_rms: float
    largest_code: float  # of shape and expression, standard deviations
    drift: float  # `IdentityLeakage.reach`
    stretched: float  # `MeshStretch.stretched`
    eye_distance_mm: float
    eye_distance_px: float  # outer eye corners in the full picture
    inside: float  # share of the landmarks inside the picture
    distance_m: float  # of the eyes along the view; negative behind the camera
    jaw_deg: float
    neck_deg: float
    yaw_deg: float  # of the head against the camera; positive looks to the subject's left

    @staticmethod
    def of(
        params: FlameParams,
        camera: Camera,
        head: PosedHead,
        detected_landmarks_px: Tensor,
        picture_size: tuple[int, int],
        landmark_error: float,
        eye_distance_m: float,
        metrics: HeadMetrics,
    ) -> HeadMeasures:
        """Read the numbers of one head, without leading dimensions and on the CPU.

        Args:
            params: of the head.
            camera: of the picture or of a crop of it, with the extrinsics of the head's world.
            head: its mesh.
            detected_landmarks_px: (478, 2) MediaPipe's, pixels of the full picture.
            picture_size: (height, width) of the full picture.
            landmark_error: mean distance to the inner landmarks / distance of the outer eye corners in the picture.
            eye_distance_m: distance of the eyeball centres of the unposed head.
            metrics: of the head model.
        """
        points, (height, width) = detected_landmarks_px, picture_size
        corners = points[list(OUTER_EYE_CORNERS)]
        inside = ((points >= 0) & (points <= points.new_tensor([width, height]))).all(-1)
        eyes_cam = camera.world_to_cam(head.joints_m[_EYES])
        # In profile the eye corners meet in the picture, and any error would be a large share of their distance.
        across = torch.nn.functional.normalize(eyes_cam[0] - eyes_cam[1], dim=0)[:2].norm()
        coefficients = torch.cat([params.shape, params.expression])
        return HeadMeasures(
            landmark_error=landmark_error * float(across),
            shape_rms=_rms(params.shape),
            expression_rms=_rms(params.expression),
            largest_code=float(coefficients.abs().max()),
            drift=metrics.leakage.reach(params),
            stretched=metrics.mesh.stretched(head.verts_m),
            eye_distance_mm=eye_distance_m * 1000,
            eye_distance_px=float((corners[0] - corners[1]).norm()),
            inside=float(inside.float().mean()),
            distance_m=float(eyes_cam[:, 2].mean()),
            jaw_deg=_degrees(params.jaw),
            neck_deg=_degrees(params.neck),
            yaw_deg=yaw_deg(params, camera),
        )


def yaw_deg(params: FlameParams, camera: Camera) -> float:
    """How far the head is rotated away from the camera's axis; positive towards the subject's left."""
    rotation = axis_angle_to_matrix(params.global_rot) @ axis_angle_to_matrix(params.neck)
    forward = camera.T_cam_world[:3, :3] @ rotation[:, 2]  # the head's z in the camera frame
    return math.degrees(math.atan2(float(forward[0]), -float(forward[2])))


def _rms(coefficients: Tensor) -> float:
    return float((coefficients**2).mean().sqrt())


def _degrees(axis_angle: Tensor) -> float:
    return math.degrees(float(axis_angle.norm()))
