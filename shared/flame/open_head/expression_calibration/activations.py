"""What faces do: named expressions, sounds of speech, gazes and mixes, as activations of ARKit's units.

The strengths are judgements from looking at faces, in units that are full at 1; not a measured corpus.
"""

from __future__ import annotations

import numpy as np

from shared.flame.open_head.makehuman import Array

# A name without a side stands for both sides.
MOUTHS: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.9, "cheekSquint": 0.5},
    {"mouthSmile": 0.7, "mouthDimple": 0.3, "mouthPress": 0.3, "cheekSquint": 0.3},
    {"mouthSmile": 0.8, "mouthUpperUp": 0.6, "mouthLowerDown": 0.55, "jawOpen": 0.12, "cheekSquint": 0.4},
    {"mouthSmile": 0.9, "mouthUpperUp": 0.5, "mouthLowerDown": 0.5, "jawOpen": 0.45, "cheekSquint": 0.7},
    {"jawOpen": 0.8},
    {"jawOpen": 1.0, "mouthFunnel": 0.3},
    {"mouthPucker": 0.95, "jawOpen": 0.05},
    {"mouthPucker": 0.9, "mouthFunnel": 0.3},
    {"mouthFrown": 0.85, "mouthShrugLower": 0.4},
    {"mouthFrown": 0.6, "mouthLowerDown": 0.2, "mouthStretch": 0.3},
    {"noseSneer": 0.9, "mouthUpperUp": 0.6, "mouthFrown": 0.3},
    {"noseSneer": 0.8, "mouthUpperUp": 0.4},
    {"mouthPress": 0.9, "mouthRollLower": 0.2, "mouthRollUpper": 0.2},
    {"mouthRollLower": 0.8, "mouthRollUpper": 0.7},
    {"mouthShrugLower": 0.9, "mouthPucker": 0.4, "mouthFrown": 0.3},
    {"mouthShrugLower": 0.8, "mouthShrugUpper": 0.6, "mouthFrown": 0.4},
    {"cheekPuff": 0.9, "mouthPress": 0.3, "mouthPucker": 0.2},
    {"mouthStretch": 0.9, "jawOpen": 0.25, "mouthLowerDown": 0.3},
    {"jawOpen": 0.5, "mouthFunnel": 0.4},
    {"mouthLeft": 0.6},
    {"mouthRight": 0.6},
    {"jawLeft": 0.8, "jawOpen": 0.1},
    {"jawRight": 0.8, "jawOpen": 0.1},
    {"jawForward": 0.8},
    {"mouthDimple": 0.8},
    # Sounds: a, e, o, u, f, m, sh, th, s.
    {"jawOpen": 0.45},
    {"mouthStretch": 0.4, "mouthSmile": 0.35, "jawOpen": 0.12, "mouthLowerDown": 0.35, "mouthUpperUp": 0.2},
    {"jawOpen": 0.35, "mouthFunnel": 0.6},
    {"mouthPucker": 0.7, "jawOpen": 0.12, "mouthFunnel": 0.3},
    {"mouthRollLower": 0.5, "mouthUpperUp": 0.3, "jawOpen": 0.05},
    {"mouthPress": 0.4, "mouthRollLower": 0.25, "mouthRollUpper": 0.2},
    {"mouthFunnel": 0.7, "jawOpen": 0.1},
    {"jawOpen": 0.2, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15},
    {"mouthStretch": 0.3, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15, "jawOpen": 0.03},
)
EYES: tuple[dict[str, float], ...] = (
    {"browInnerUp": 0.8, "browOuterUp": 0.8},
    {"browInnerUp": 0.9, "browOuterUp": 0.8, "eyeWide": 0.8},
    {"browInnerUp": 0.95, "browDown": 0.2},
    {"browDown": 0.9},
    {"browDown": 0.95, "eyeSquint": 0.4, "eyeWide": 0.2},
    {"eyeBlink": 1.0},
    {"eyeBlink": 0.5},
    {"eyeSquint": 0.9, "browDown": 0.3, "cheekSquint": 0.3},
    {"eyeSquint": 0.5, "cheekSquint": 0.7, "eyeBlink": 0.25},
    {"eyeLookDown": 0.9},
    {"eyeLookUp": 0.8, "browInnerUp": 0.2},
    {"eyeWide": 0.9},
    {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8},
    {"eyeLookOutRight": 0.8, "eyeLookInLeft": 0.8},
    {"browOuterUpLeft": 0.9, "browInnerUp": 0.3},
    {"browOuterUpRight": 0.9, "browInnerUp": 0.3},
    {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.5, "mouthSmileLeft": 0.2},
    {"eyeBlinkRight": 1.0, "cheekSquintRight": 0.5, "mouthSmileRight": 0.2},
)
STRENGTH = (0.25, 1.05)
MOUTH_SHARE, SECOND_MOUTH_SHARE, EYES_SHARE, EXTRA_SHARE = 0.8, 0.2, 0.67, 0.33
LOPSIDED_SHARE = 0.28
TOGETHER = ("eyeBlink", "eyeLookDown", "eyeLookUp")  # both eyes do these nearly alike
TREMOR = 0.03
SHUTS_MOUTH = ("mouthPress", "mouthRoll", "mouthShrug", "mouthPucker", "cheekPuff")
OPENS_LIDS = ("eyeLookDown", "eyeSquint", "eyeWide")


def draw_activations(names: tuple[str, ...], rng: np.random.Generator) -> Array:
    """(A,) of one face, in [0, 1.1], for ARKit's units in ``names``."""
    index = {name: i for i, name in enumerate(names)}
    out = np.zeros(len(names))

    def add(spec: dict[str, float], strength: float) -> None:
        lean = rng.uniform(-1, 1) if rng.random() < LOPSIDED_SHARE else 0.0
        for name, full in spec.items():
            amount = full * strength * rng.uniform(0.8, 1.2)
            if name in index:
                out[index[name]] = max(out[index[name]], amount)
                continue
            share = lean * (0.3 if name in TOGETHER else 1.0)
            for side, rest in (("Left", 1 - max(share, 0)), ("Right", 1 + min(share, 0))):
                at = index[name + side]
                out[at] = max(out[at], amount * rest * rng.uniform(0.93, 1.07))

    if rng.random() < MOUTH_SHARE:
        add(MOUTHS[rng.integers(len(MOUTHS))], rng.uniform(*STRENGTH))
    if rng.random() < SECOND_MOUTH_SHARE:
        add(MOUTHS[rng.integers(len(MOUTHS))], 0.6 * rng.uniform(*STRENGTH))
    if rng.random() < EYES_SHARE:
        spec = EYES[rng.integers(len(EYES))]
        add(spec, 1.0 if 1.0 in spec.values() else rng.uniform(*STRENGTH))
    if rng.random() < EXTRA_SHARE:
        for at in rng.choice(len(names), rng.integers(1, 4), replace=False):
            wide = names[at] in ("jawOpen", "mouthLeft", "mouthRight", "eyeBlinkLeft", "eyeBlinkRight")
            out[at] = max(out[at], (0.35 if wide else 0.7) * rng.uniform(*STRENGTH))
    return np.clip(_compatible(names, out + np.abs(rng.normal(0, TREMOR, len(names)))), 0, 1.1)


def _compatible(names: tuple[str, ...], activation: Array) -> Array:
    """An open mouth is not pressed, rolled or puckered, and shut lids neither squint nor look down."""
    index = {name: i for i, name in enumerate(names)}
    out = activation.copy()
    for i, name in enumerate(names):
        if name.startswith(SHUTS_MOUTH):
            out[i] *= max(0.0, 1 - 1.5 * activation[index["jawOpen"]])
        for side in ("Left", "Right"):
            if name.startswith(OPENS_LIDS) and name.endswith(side):
                out[i] *= max(0.0, 1 - activation[index[f"eyeBlink{side}"]])
    return out
