"""The frame of the trunk: people tilt and turn their heads more than their trunks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.geometry.rotation import axis_angle_to_matrix
from shared.synthetic.scene.scene import PosedHead

# Origin of the trunk's frame, between the seventh vertebra and the pit of the throat: below the chin, and behind the
# landmarks in front of the ears. Metres, head frame.
_BELOW_CHIN_M, _BEHIND_EARS_M = 0.035, 0.065
_CHIN, _EAR_FRONTS = 152, (234, 454)
# How far head and trunk may differ: yaw, pitch, roll.
_REACH_RAD = (0.8, 0.45, 0.45)


@dataclass(frozen=True)
class Posture:
    """How much of the head's rotation the trunk shares, 0 to 1, and how it is turned besides, radians."""

    yaw_share: float
    pitch_share: float
    roll_share: float
    extra_yaw: float
    extra_roll: float


def trunk_to_world(head: PosedHead, posture: Posture) -> Tensor:
    """T_world_trunk (4, 4): x the subject's left, y up along the trunk, z to the front."""
    root = head.T_world_root[:3, :3]
    yaw, pitch, roll = yaw_pitch_roll(root)
    angles = (
        _kept_near(posture.yaw_share * yaw + posture.extra_yaw, yaw, _REACH_RAD[0]),
        _kept_near(posture.pitch_share * pitch, pitch, _REACH_RAD[1]),
        _kept_near(posture.roll_share * roll + posture.extra_roll, roll, _REACH_RAD[2]),
    )
    marks = head.neutral_landmarks_m
    ears = marks[list(_EAR_FRONTS)].mean(0)
    origin = torch.stack([0 * ears[0], marks[_CHIN, 1] - _BELOW_CHIN_M, ears[2] - _BEHIND_EARS_M])
    out = torch.eye(4, dtype=root.dtype, device=root.device)
    out[:3, :3] = rotation_of(*angles).to(root)
    out[:3, 3] = root @ origin + head.T_world_root[:3, 3]
    return out


def yaw_pitch_roll(rotation: Tensor) -> tuple[float, float, float]:
    """Angles of R = Ry(yaw) Rx(pitch) Rz(roll), (3, 3), radians."""
    r = rotation.tolist()
    pitch = math.asin(max(-1.0, min(1.0, -r[1][2])))
    return math.atan2(r[0][2], r[2][2]), pitch, math.atan2(r[1][0], r[1][1])


def rotation_of(yaw: float, pitch: float, roll: float) -> Tensor:
    """(3, 3) inverse of `yaw_pitch_roll`."""
    turns = axis_angle_to_matrix(torch.tensor([[0.0, yaw, 0.0], [pitch, 0.0, 0.0], [0.0, 0.0, roll]]))
    return turns[0] @ turns[1] @ turns[2]


def _kept_near(angle: float, head_angle: float, reach: float) -> float:
    return max(head_angle - reach, min(head_angle + reach, angle))
