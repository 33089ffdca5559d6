"""The light of a scene: a surround that comes from everywhere, and lamps that cast shadows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Lamp:
    """A distant source."""

    direction: np.ndarray  # (3,) unit, towards the lamp, world
    rgb: np.ndarray  # (3,) linear radiance of a white surface that faces it (irradiance / pi)
    radius_rad: float  # half the angle under which it is seen: the blur of its shadows. The sun 0.005, a window 0.2


@dataclass(frozen=True, eq=False)
class Lighting:
    """All light of a scene. World frame: the viewer is towards +z of the scene, y is up."""

    surround: np.ndarray  # (9, 3) float32: radiance as in `shared.render.shading`, without the lamps
    lamps: tuple[Lamp, ...]  # none to three
