"""Facial expressions as combinations of ARKit's units.

A unit without a side stands for both its sides. Each has a range: its activation at the weakest and at the strongest
form of the expression. ``eyeBlink`` is the share of the open lids that is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Recipe:
    """One expression. ``one_side`` is made by one half of the face alone, left or right."""

    name: str
    units: Ranges
    one_side: Ranges = field(default_factory=lambda: MappingProxyType({}))
    weight: float = 1.0


EMOTIONS = (
    Recipe("smile", {"mouthSmile": (0.25, 0.95), "cheekSquint": (0.05, 0.5), "eyeSquint": (0.0, 0.35)}, weight=4),
    Recipe(
        "smile with teeth",
        {
            "mouthSmile": (0.45, 0.9),
            "mouthUpperUp": (0.3, 0.6),
            "mouthLowerDown": (0.1, 0.4),
            "jawOpen": (0.02, 0.12),
            "cheekSquint": (0.15, 0.65),
            "eyeSquint": (0.05, 0.4),
        },
        weight=6,
    ),
    Recipe(
        "laugh",
        {
            "mouthSmile": (0.6, 0.95),
            "jawOpen": (0.2, 0.6),
            "mouthUpperUp": (0.25, 0.55),
            "mouthLowerDown": (0.05, 0.35),
            "cheekSquint": (0.4, 0.9),
            "eyeSquint": (0.2, 0.7),
            "eyeBlink": (0.05, 0.4),
        },
        weight=4,
    ),
    Recipe(
        "sadness",
        {
            "mouthFrown": (0.3, 0.9),
            "browInnerUp": (0.4, 1.0),
            "browDown": (0.0, 0.3),
            "mouthShrugLower": (0.05, 0.4),
            "eyeBlink": (0.05, 0.3),
        },
    ),
    Recipe(
        "anger",
        {
            "browDown": (0.5, 1.0),
            "eyeSquint": (0.2, 0.6),
            "noseSneer": (0.1, 0.5),
            "mouthPress": (0.1, 0.6),
            "mouthFrown": (0.1, 0.4),
        },
    ),
    Recipe(
        "rage",
        {
            "browDown": (0.6, 1.0),
            "noseSneer": (0.4, 0.9),
            "mouthUpperUp": (0.3, 0.8),
            "mouthLowerDown": (0.4, 0.9),
            "mouthStretch": (0.2, 0.6),
            "jawOpen": (0.1, 0.55),
            "eyeSquint": (0.2, 0.5),
            "jawForward": (0.0, 0.25),
        },
        weight=0.6,
    ),
    Recipe(
        "disgust",
        {
            "noseSneer": (0.4, 1.0),
            "mouthUpperUp": (0.2, 0.7),
            "browDown": (0.2, 0.7),
            "cheekSquint": (0.1, 0.5),
            "eyeSquint": (0.1, 0.5),
            "mouthFrown": (0.0, 0.4),
            "mouthShrugLower": (0.0, 0.25),
        },
    ),
    Recipe(
        "fear",
        {
            "eyeWide": (0.3, 0.9),
            "browInnerUp": (0.4, 1.0),
            "browOuterUp": (0.1, 0.5),
            "mouthStretch": (0.3, 0.9),
            "jawOpen": (0.05, 0.35),
        },
    ),
    Recipe(
        "surprise",
        {
            "eyeWide": (0.3, 0.9),
            "browInnerUp": (0.4, 0.9),
            "browOuterUp": (0.4, 1.0),
            "jawOpen": (0.1, 0.6),
            "mouthFunnel": (0.0, 0.25),
        },
    ),
    Recipe("contempt", {"eyeSquint": (0.0, 0.25)}, {"mouthSmile": (0.3, 0.7), "mouthDimple": (0.2, 0.6)}),
    Recipe("smirk", {"mouthSmile": (0.0, 0.2)}, {"mouthSmile": (0.3, 0.8), "cheekSquint": (0.1, 0.4)}),
    Recipe("squint", {"eyeSquint": (0.5, 1.0), "cheekSquint": (0.2, 0.7), "browDown": (0.1, 0.6)}),
    Recipe("raised brows", {"browInnerUp": (0.3, 1.0), "browOuterUp": (0.3, 1.0), "eyeWide": (0.0, 0.3)}),
    Recipe("frown", {"browDown": (0.4, 1.0), "eyeSquint": (0.0, 0.3)}),
    Recipe("doubt", {"mouthPress": (0.0, 0.3)}, {"browOuterUp": (0.5, 1.0)}),
    Recipe("pucker", {"mouthPucker": (0.4, 0.95)}, weight=0.7),
    Recipe("kiss", {"mouthPucker": (0.5, 0.9), "mouthFunnel": (0.05, 0.25), "eyeBlink": (0.0, 1.0)}, weight=0.5),
    Recipe("funnel", {"mouthFunnel": (0.25, 0.65), "jawOpen": (0.05, 0.3)}, weight=0.6),
    Recipe("pressed lips", {"mouthPress": (0.4, 1.0), "mouthRollLower": (0.1, 0.4), "mouthRollUpper": (0.1, 0.4)}),
    Recipe("rolled lips", {"mouthRollLower": (0.4, 0.9), "mouthRollUpper": (0.4, 0.9)}, weight=0.6),
    Recipe(
        "bitten lip", {"mouthRollLower": (0.4, 0.8), "mouthUpperUp": (0.1, 0.35), "jawOpen": (0.03, 0.1)}, weight=0.6
    ),
    Recipe(
        "puffed cheeks", {"cheekPuff": (0.4, 0.95), "mouthPress": (0.1, 0.3), "mouthPucker": (0.0, 0.3)}, weight=0.6
    ),
    Recipe(
        "shrug", {"mouthShrugLower": (0.3, 0.6), "mouthShrugUpper": (0.2, 0.6), "mouthFrown": (0.2, 0.6)}, weight=0.6
    ),
    Recipe("sneer", {"browDown": (0.0, 0.4)}, {"noseSneer": (0.4, 0.9), "mouthUpperUp": (0.3, 0.8)}, weight=0.6),
    Recipe("mouth aside", {}, {"mouth": (0.3, 0.9), "mouthDimple": (0.0, 0.3)}, weight=0.5),
    Recipe(
        "wink",
        {"mouthSmile": (0.1, 0.5)},
        {"eyeBlink": (0.9, 1.0), "cheekSquint": (0.3, 0.8), "mouthSmile": (0.1, 0.3), "browDown": (0.0, 0.3)},
        weight=0.6,
    ),
    Recipe("sleepy", {"eyeBlink": (0.3, 0.75), "browInnerUp": (0.0, 0.4)}, weight=0.7),
    Recipe("shut eyes", {"eyeBlink": (1.0, 1.0), "mouthSmile": (0.0, 0.3)}, weight=0.7),
)

# Mouth shapes of speech: what the sounds of many languages have in common.
VISEMES = (
    Recipe("aa", {"jawOpen": (0.2, 0.55), "mouthLowerDown": (0.1, 0.4), "mouthUpperUp": (0.05, 0.25)}),
    Recipe("eh", {"jawOpen": (0.12, 0.3), "mouthStretch": (0.1, 0.4), "mouthLowerDown": (0.2, 0.5)}),
    Recipe(
        "ee",
        {"jawOpen": (0.03, 0.12), "mouthStretch": (0.1, 0.4), "mouthSmile": (0.1, 0.4), "mouthLowerDown": (0.2, 0.5)},
    ),
    Recipe("oh", {"jawOpen": (0.12, 0.35), "mouthFunnel": (0.25, 0.6), "mouthPucker": (0.1, 0.3)}),
    Recipe("oo", {"jawOpen": (0.03, 0.12), "mouthPucker": (0.5, 0.9), "mouthFunnel": (0.1, 0.3)}),
    Recipe("m b p", {"mouthPress": (0.1, 0.5), "mouthRollLower": (0.1, 0.45), "mouthRollUpper": (0.1, 0.35)}),
    Recipe("f v", {"jawOpen": (0.02, 0.08), "mouthRollLower": (0.3, 0.6), "mouthUpperUp": (0.15, 0.4)}),
    Recipe("th", {"jawOpen": (0.06, 0.16), "mouthLowerDown": (0.2, 0.5), "mouthUpperUp": (0.05, 0.25)}),
    Recipe(
        "s t d",
        {
            "jawOpen": (0.02, 0.08),
            "mouthStretch": (0.05, 0.3),
            "mouthLowerDown": (0.15, 0.5),
            "mouthUpperUp": (0.0, 0.2),
        },
    ),
    Recipe("sh ch", {"jawOpen": (0.03, 0.1), "mouthFunnel": (0.3, 0.6), "mouthPucker": (0.1, 0.3)}),
    Recipe("r", {"jawOpen": (0.04, 0.14), "mouthPucker": (0.2, 0.5), "mouthFunnel": (0.1, 0.3)}),
    Recipe("chewing", {"jawOpen": (0.12, 0.3), "mouthClose": (0.11, 0.28)}, {"jaw": (0.0, 0.4)}),
)

EXTREMES = (
    Recipe(
        "scream", {"jawOpen": (0.7, 1.0), "mouthStretch": (0.0, 0.5), "eyeSquint": (0.0, 0.7), "browDown": (0.0, 0.6)}
    ),
    Recipe(
        "astonished",
        {"jawOpen": (0.6, 1.0), "eyeWide": (0.4, 1.0), "browInnerUp": (0.5, 1.0), "browOuterUp": (0.5, 1.0)},
    ),
    Recipe(
        "yawn", {"jawOpen": (0.6, 1.0), "eyeBlink": (0.5, 1.0), "browInnerUp": (0.1, 0.6), "cheekSquint": (0.1, 0.6)}
    ),
    Recipe("jaw aside", {"jawOpen": (0.0, 0.3)}, {"jaw": (0.5, 1.0), "mouth": (0.0, 0.4)}),
    Recipe("open jaw aside", {"jawOpen": (0.3, 0.6)}, {"jaw": (0.4, 0.9)}),
    Recipe(
        "wide grin",
        {"mouthSmile": (0.8, 1.0), "mouthUpperUp": (0.4, 0.8), "mouthLowerDown": (0.3, 0.7), "cheekSquint": (0.4, 1.0)},
    ),
    Recipe(
        "screwed up",
        {
            "eyeBlink": (0.9, 1.0),
            "eyeSquint": (0.5, 1.0),
            "cheekSquint": (0.5, 1.0),
            "browDown": (0.5, 1.0),
            "noseSneer": (0.4, 1.0),
            "mouthUpperUp": (0.1, 0.5),
        },
    ),
    Recipe(
        "bared teeth",
        {"mouthUpperUp": (0.6, 1.0), "mouthLowerDown": (0.6, 1.0), "mouthStretch": (0.3, 0.8), "jawOpen": (0.0, 0.05)},
    ),
    Recipe("jaw forward", {"jawForward": (0.2, 0.4), "mouthShrugLower": (0.0, 0.3), "browDown": (0.0, 0.6)}),
)

# What a face at rest does, each on its own and faintly.
RESTING = (
    Recipe("faint smile", {"mouthSmile": (0.02, 0.16), "cheekSquint": (0.0, 0.08)}),
    Recipe("firm", {"mouthPress": (0.02, 0.15), "browDown": (0.0, 0.1)}),
    Recipe("faint frown", {"mouthFrown": (0.02, 0.15), "browDown": (0.0, 0.15)}),
    Recipe("parted", {"jawOpen": (0.02, 0.07)}),
    Recipe("parted teeth", {"jawOpen": (0.08, 0.15), "mouthClose": (0.07, 0.14)}),
    Recipe("raised", {"browInnerUp": (0.02, 0.15), "browOuterUp": (0.0, 0.12)}),
    Recipe("bright", {"eyeSquint": (0.02, 0.2)}),
)
