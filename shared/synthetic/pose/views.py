"""From where the face is seen, and how body and neck share the turn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

MAX_PITCH, MAX_ROLL = math.radians(40), math.radians(40)
MAX_NECK = math.radians(40)
_NEAR_FRONTAL_SHARE = 0.45
_NEAR_FRONTAL_SD, _NEAR_FRONTAL_MAX = math.radians(9), math.radians(20)
_MAX_YAW = math.radians(60)
_PROFILE_YAW = (math.radians(60), math.radians(90))
_CALM = 0.4
_PITCH_SD, _ROLL_SD = math.radians(12), math.radians(10)


@dataclass(frozen=True)
class View:
    """Turn of the skull against the line of sight, and of the base of the neck against the camera; radians.

    Yaw is positive where the face turns to the subject's left, pitch where it looks up, roll where it tilts to the
    subject's right shoulder. A turn is roll after yaw after pitch.
    """

    yaw: float
    pitch: float
    roll: float
    root_yaw: float
    root_pitch: float
    root_roll: float

    @staticmethod
    def draw(profile: bool, rng: np.random.Generator) -> View:
        """Profiles are more than 60 degrees away; other views crowd around the front."""
        if profile:
            yaw = rng.uniform(*_PROFILE_YAW) * rng.choice((-1, 1))
        elif rng.random() < _NEAR_FRONTAL_SHARE:
            yaw = np.clip(rng.normal(0, _NEAR_FRONTAL_SD), -_NEAR_FRONTAL_MAX, _NEAR_FRONTAL_MAX)
        else:
            yaw = rng.uniform(-_MAX_YAW, _MAX_YAW)
        # Few people look far aside and far up at once.
        calm = 1 - _CALM * min(1.0, abs(yaw) / _MAX_YAW) ** 2
        pitch = np.clip(rng.normal(0, _PITCH_SD * calm), -MAX_PITCH * calm, MAX_PITCH * calm)
        roll = np.clip(rng.normal(0, _ROLL_SD * calm), -MAX_ROLL * calm, MAX_ROLL * calm)
        # The trunk follows a turn to the side, but stays upright.
        return View(
            yaw=float(yaw),
            pitch=float(pitch),
            roll=float(roll),
            root_yaw=float(yaw * rng.uniform(0.45, 0.9) + rng.normal(0, 0.14)),
            root_pitch=float(pitch * rng.uniform(0.0, 0.35) + rng.normal(0, 0.06)),
            root_roll=float(roll * rng.uniform(0.0, 0.3) + rng.normal(0, 0.03)),
        )

    def rotations(self, sight: Rotation) -> tuple[Rotation, Rotation, Rotation]:
        """Root, neck and the skull = root * neck. A neck that would bend too far takes the trunk along.

        ``sight`` as of `towards_camera`, for where the face will be.
        """
        skull = sight * turn(self.yaw, self.pitch, self.roll)
        neck = turn(self.root_yaw, self.root_pitch, self.root_roll).inv() * skull
        neck = Rotation.from_rotvec(neck.as_rotvec() * min(1.0, MAX_NECK / max(neck.magnitude(), 1e-6)))
        return skull * neck.inv(), neck, skull


def towards_camera(place_m: np.ndarray) -> Rotation:
    """The turn of a head at a place (3,) of the world that looks straight into the camera, at the world's origin."""
    x, y, z = -place_m / np.linalg.norm(place_m)
    return turn(math.atan2(x, z), math.asin(y), 0.0)


def angles(skull: Rotation, place_m: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a skull at a place (3,), world, against the line of sight to it."""
    roll, yaw, down = (towards_camera(place_m).inv() * skull).as_euler("ZYX")
    return float(yaw), float(-down), float(roll)


def turn(yaw: float, pitch: float, roll: float) -> Rotation:
    """Head to world, angles in radians as `View` has them."""
    return Rotation.from_euler("ZYX", (roll, yaw, -pitch))
