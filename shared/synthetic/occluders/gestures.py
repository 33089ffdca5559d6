"""Hands at and before the face: over the mouth, at the cheek, under the chin, shading the eyes, waving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from shared.geometry.meshes import unit
from shared.synthetic.occluders.hand import HandLook, draw_hand, turned
from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.occluders.look import OccluderLook
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Surface

_Vector = tuple[float, float, float]
_SINK_M = 0.003  # flesh gives way


@dataclass(frozen=True)
class _Gesture:
    """Where a right hand goes; directions in the head frame, mirrored for a left hand."""

    postures: tuple[str, ...]
    anchor: tuple[int, int]  # the landmark for a right and for a left hand
    touch_m: _Vector  # what comes to the anchor, in the hand's frame
    fingers: _Vector
    palm: _Vector  # the way the palm faces
    arm: _Vector  # from wrist to elbow
    away: _Vector  # where the hand is pushed until it clears the face
    distance_m: tuple[float, float] = (0.0, 0.0)  # from contact; if not 0, ``away`` and ``palm`` are to the camera


_GESTURES: Mapping[str, _Gesture] = MappingProxyType(
    {
        "over mouth": _Gesture(
            ("flat", "relaxed", "cupped"), (13, 13), (0.0, 0.085, 0.01), (0.82, 0.55, -0.1), (0.1, 0.05, -1.0),
            (-0.45, -0.88, 0.1), (0.0, -0.1, 1.0),
        ),
        "cheek": _Gesture(
            ("flat", "relaxed", "cupped"), (50, 280), (0.0, 0.075, 0.01), (0.02, 0.95, -0.28), (0.85, 0.1, -0.5),
            (-0.25, -0.95, 0.15), (-0.8, 0.0, 0.6),
        ),
        "fist at cheek": _Gesture(
            ("fist",), (205, 425), (0.0, 0.07, 0.03), (0.25, 0.93, -0.2), (0.75, 0.05, -0.65),
            (-0.25, -0.95, 0.2), (-0.7, -0.25, 0.65),
        ),
        "chin": _Gesture(
            ("fist", "point", "cupped"), (199, 199), (0.0, 0.09, 0.015), (0.35, 0.85, -0.1), (0.2, 0.15, -1.0),
            (-0.3, -0.93, 0.1), (0.0, -0.5, 0.85),
        ),
        "finger to lips": _Gesture(
            ("point",), (13, 13), (0.022, 0.155, 0.015), (0.3, 0.95, 0.0), (0.35, 0.0, -0.95),
            (-0.3, -0.93, 0.15), (0.0, -0.1, 1.0),
        ),
        "shading eyes": _Gesture(
            ("flat",), (66, 296), (0.02, 0.12, 0.0), (0.93, 0.12, 0.25), (0.0, -0.85, -0.45),
            (-0.75, -0.65, 0.1), (0.0, 0.25, 0.95),
        ),
        "over eye": _Gesture(
            ("flat", "relaxed"), (159, 386), (0.0, 0.085, 0.01), (0.25, 0.96, -0.1), (0.2, 0.0, -1.0),
            (-0.25, -0.95, 0.15), (-0.1, 0.0, 1.0),
        ),
        "face in hand": _Gesture(
            ("gap", "relaxed", "spread"), (6, 6), (0.0, 0.10, 0.01), (0.3, 0.93, -0.15), (0.1, 0.1, -1.0),
            (-0.25, -0.95, 0.15), (0.0, 0.0, 1.0),
        ),
        "forehead": _Gesture(
            ("relaxed", "cupped", "flat"), (151, 151), (0.0, 0.12, 0.01), (0.75, 0.62, -0.2), (0.2, -0.15, -0.95),
            (-0.45, -0.85, 0.2), (-0.1, 0.3, 0.95),
        ),
        "waving": _Gesture(
            ("spread", "flat", "relaxed", "gap"), (205, 425), (0.0, 0.09, 0.0), (0.05, 1.0, 0.0), (0.1, -0.05, 1.0),
            (-0.15, -0.98, -0.1), (0.0, 0.0, 1.0), (0.06, 0.16),
        ),
    }
)  # fmt: skip


@dataclass(frozen=True)
class GestureLook(OccluderLook):
    """One hand at the face."""

    gesture: str
    hand: HandLook
    offset_m: _Vector  # of the touching place along the head's axes
    turn_deg: _Vector
    share: float  # within the range of distances

    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """Hand and arm."""
        gesture, hand = _GESTURES[self.gesture], self.hand.seen(fit)
        fingers, palm, arm, away = (
            hand.mirrored(unit(fit.new(vector)))
            for vector in (gesture.fingers, gesture.palm, gesture.arm, gesture.away)
        )
        target = fit.marks_m[gesture.anchor[hand.left]] + fit.new(self.offset_m)
        low, high = gesture.distance_m
        if high:  # between face and camera, wherever that is
            palm = away = unit(fit.camera_m - target)
        rotation = turned(fingers, palm, self.turn_deg)
        touch = hand.mirrored(fit.new(gesture.touch_m)) * hand.scale
        wrist = target - rotation @ touch
        verts = hand.local_verts(fit)
        verts = verts[verts[:, 1] > 0.01][::4] @ rotation.T + wrist
        gap = low + (high - low) * self.share if high else -_SINK_M
        wrist = wrist + away * (fit.clearance_m(verts, away) + gap)
        return hand.surfaces(fit, rotation, wrist, arm)


def draw_gesture(rng: np.random.Generator, traits: Traits) -> GestureLook:
    """Draw a hand at the face of a person."""
    name = list(_GESTURES)[rng.integers(len(_GESTURES))]
    postures = _GESTURES[name].postures
    posture = postures[rng.integers(len(postures))]
    offset, turn = rng.normal(0, 0.007, 3), np.clip(rng.normal(0, 7, 3), -16, 16)
    return GestureLook(
        name="hand",
        gesture=name,
        hand=draw_hand(rng, posture, bool(rng.random() < 0.5), traits.presentation),
        offset_m=(float(offset[0]), float(offset[1]), 0.0),
        turn_deg=(float(turn[0]), float(turn[1]), float(turn[2])),
        share=float(rng.random()),
    )
