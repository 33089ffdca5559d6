"""Which expressions the people of a set make: some that have a name, and mixes of a few units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# Units at full strength, both sides where there are two; each face makes 0.75 to 1 of it.
NAMED: Mapping[str, Mapping[str, float]] = {
    "smile": {"mouthSmile": 0.85, "cheekSquint": 0.55},
    "grin": {"mouthSmile": 0.75, "mouthUpperUp": 0.55, "mouthLowerDown": 0.55, "jawOpen": 0.13},
    "frown": {"browDown": 1.0, "mouthFrown": 0.8, "noseSneer": 0.45},
    "open": {"jawOpen": 0.6, "browInnerUp": 0.45, "browOuterUp": 0.45},
    "surprise": {"jawOpen": 0.4, "eyeWide": 0.9, "browInnerUp": 1.0, "mouthFunnel": 0.6},
    "squint": {"eyeBlink": 0.8, "eyeSquint": 0.65, "mouthPress": 0.65},
    "pucker": {"mouthPucker": 0.8, "jawOpen": 0.05},
    "asym": {"mouthSmile_L": 1.0, "browOuterUp_R": 0.9, "eyeSquint_L": 0.55, "mouthLeft": 0.45},
}
MIX = "mix"
# Gaze is no expression, mouthClose holds only with an open jaw, and shut lids are in "squint".
_NOT_MIXED = ("eyeLook", "mouthClose", "eyeBlink", "jawForward")
_MIXED, _STRENGTH = (3, 6), (0.25, 0.75)  # units of a mix, and how much of each
_SIDES = ("_L", "_R")
_ONE_SIDED = 0.25  # share of mixed units that only one side makes


def draw_named(rng: np.random.Generator, name: str, units: Sequence[str]) -> dict[str, float]:
    """Coefficients of one face making a named expression; both sides nearly alike."""
    strength, found = rng.uniform(0.75, 1.0), {}
    for unit, full in NAMED[name].items():
        for one in _both(unit, units):
            found[one] = float(full * strength * rng.uniform(0.95, 1.05))
    return found


def draw_mix(rng: np.random.Generator, units: Sequence[str]) -> dict[str, float]:
    """Coefficients of a few units that nobody chose together."""
    stems = sorted({unit.removesuffix("_L").removesuffix("_R") for unit in units if not unit.startswith(_NOT_MIXED)})
    found = {}
    count = min(len(stems), int(rng.integers(*_MIXED, endpoint=True)))
    for stem in rng.choice(stems, count, replace=False):
        both = _both(str(stem), units)
        if len(both) == 2 and rng.random() < _ONE_SIDED:
            both = [both[rng.integers(2)]]
        value = float(rng.uniform(*_STRENGTH))
        found |= dict.fromkeys(both, value)
    return found


def _both(unit: str, units: Sequence[str]) -> list[str]:
    """The unit itself, or its two sides."""
    return [unit] if unit in units else [unit + side for side in _SIDES if unit + side in units]
