"""Smooth displacement fields of few numbers: control vectors at vertices, which fade over a few centimetres."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from shared.flame.open_head.makehuman import Array

# What a control vector moves: everything soft, or one lip, or the upper lids alone.
SIDES = ("both", "lower_lip", "upper_lip", "upper_lids")
LID_MOTION_M = 0.006  # what a blink moves this far or farther is upper lid


@dataclass(frozen=True, eq=False)
class UnitSculpts:
    """A head's own face units before they are mended; head frame, metres."""

    template: Array  # (V, 3)
    offsets: dict[str, Array]  # name -> (V, 3); all additive units
    jaw_weight: Array  # (V,) of the jaw's joint
    soft: Array  # (V,) bool: neither teeth, tongue nor eyeballs
    mirror: Array  # (V,)
    # What is done to a mended unit (V, 3) on this head at last, by its name: blinks are made to shut.
    finish: Mapping[str, Callable[[Array], Array]] = field(default_factory=dict)

    def finished(self, name: str, offset: Array) -> Array:
        """(V, 3)."""
        return self.finish[name](offset) if name in self.finish else offset

    def side(self, name: str) -> Array:
        """(V,) share of each vertex in one of SIDES. ValueError for another name."""
        if name == "both":
            return np.ones(len(self.template))
        if name == "lower_lip":
            return self.jaw_weight
        if name == "upper_lip":
            return 1 - self.jaw_weight
        if name == "upper_lids":
            shut = self.offsets["eyeBlinkLeft"], self.offsets["eyeBlinkRight"]
            return np.clip(sum(np.linalg.norm(one, axis=1) for one in shut) / LID_MOTION_M, 0, 1)
        raise ValueError(f"unknown side {name!r}; there are {', '.join(SIDES)}")


@dataclass(frozen=True, eq=False)
class Controls:
    """Where control vectors sit. A mirrored control is (mirrored vertex, same radius, same side)."""

    vertex: Array  # (K,) int
    radius_m: Array  # (K,) where the influence ends
    side: Array  # (K,) index in SIDES

    def influence(self, sculpts: UnitSculpts) -> Array:
        """(K, V) share of each control vector that a vertex moves by (Wendland's C2 function of the distance)."""
        sides = np.stack([sculpts.side(name) for name in SIDES])
        out = np.empty((len(self.vertex), len(sculpts.template)))
        for row, (vertex, radius, side) in enumerate(zip(self.vertex, self.radius_m, self.side, strict=True)):
            away = np.linalg.norm(sculpts.template - sculpts.template[vertex], axis=1) / radius
            out[row] = np.maximum(1 - away, 0) ** 4 * (4 * away + 1) * sides[side] * sculpts.soft
        return out
