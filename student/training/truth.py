"""The heads that targets describe, in a camera that sees what the crop shows."""

from __future__ import annotations

from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from student.head.pose import SightPose, unplaced_params
from student.network.records import StudentTarget


def heads_of(target: StudentTarget, camera: Camera, model: FlameModel, anchor_m: Tensor) -> FlameParams:
    """(B) parameters in the world of a camera (B) with the targets' focal lengths."""
    unplaced = unplaced_params(target.shape, target.expression, target)
    pose = SightPose(target.R_sight_face, target.anchor_px, target.log_scale)
    return pose.in_camera(target.focal_px, camera.center_px).placed(unplaced, camera, model, anchor_m)
