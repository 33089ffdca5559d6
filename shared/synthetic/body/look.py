"""How one person is built, stands and is dressed in one picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from shared.synthetic.body.anatomy import Build
from shared.synthetic.body.trunk import Posture
from shared.synthetic.scene.colour import srgb_to_linear
from shared.synthetic.scene.person import Traits

Form = Literal["sheet", "collar", "roll", "hood", "lapels", "scarf"]
Pattern = Literal["plain", "stripes", "checks", "knit", "print", "melange"]
Colour = tuple[float, float, float]  # linear RGB

_KINDS = {
    "t-shirt": 0.24,
    "v-neck": 0.10,
    "scoop": 0.09,
    "shirt": 0.15,
    "hoodie": 0.10,
    "turtleneck": 0.07,
    "jumper": 0.08,
    "jacket": 0.11,
    "off-shoulder": 0.03,
    "bare": 0.03,
}
_FEMININE = ("scoop", "off-shoulder", "v-neck")
# sRGB of common clothes: two in three are black, white, grey or blue, the others any dye.
_COMMON = (
    *((20, 20, 22), (34, 34, 38), (58, 60, 64), (96, 98, 102), (150, 150, 152), (196, 196, 194), (228, 226, 222)),
    *((24, 30, 50), (34, 48, 82), (62, 84, 116), (118, 142, 174), (214, 206, 190)),
)
_DYES = (
    *((110, 30, 38), (150, 58, 50), (58, 78, 58), (104, 108, 78), (186, 168, 136), (112, 84, 60), (190, 148, 66)),
    *((186, 132, 138), (88, 64, 98), (64, 108, 112), (150, 170, 150)),
)
_SHARE_COMMON = 0.66


@dataclass(frozen=True)
class Fabric:
    """What a cloth looks like."""

    colour: Colour
    second: Colour  # of the pattern
    pattern: Pattern
    tile_m: float  # size of the pattern's tile
    shift_m: tuple[float, float]  # of pattern and folds
    folds: float  # root mean square slope of its creases
    roughness: float
    specular: float


@dataclass(frozen=True)
class Neckline:
    """Way along the body from the root of the neck to the edge of the cloth, metres, positive downwards."""

    front_m: float
    side_m: float
    back_m: float
    pointed: bool = False


@dataclass(frozen=True)
class Piece:
    """One piece of a garment."""

    form: Form
    neckline: Neckline
    lift_m: float  # how far it lies off the skin
    size: float  # of its form: height of a collar, thickness of a scarf, 1 the mean
    fabric: Fabric


@dataclass(frozen=True)
class BodyLook:
    """All that is drawn of a body."""

    build: Build
    posture: Posture
    kind: str
    pieces: tuple[Piece, ...]  # innermost first; none: bare

    @staticmethod
    def draw(rng: np.random.Generator, traits: Traits) -> BodyLook:
        """One picture's."""
        weights = {k: w * (0.1 + 1.9 * (1 - traits.presentation) if k in _FEMININE else 1) for k, w in _KINDS.items()}
        total = sum(weights.values())
        kind = str(rng.choice(list(weights), p=[w / total for w in weights.values()]))
        build, posture = draw_build(rng, traits), draw_posture(rng)
        pieces = draw_pieces(rng, kind)
        if kind in ("t-shirt", "jumper", "jacket") and rng.random() < 0.12:
            fabric = replace(draw_fabric(rng, ("plain", "knit", "checks", "melange")), folds=0.4)
            pieces += (Piece("scarf", Neckline(-0.008, -0.034, -0.026), 0.008, float(rng.uniform(0.8, 1.25)), fabric),)
        return BodyLook(build, posture, kind, pieces)


def draw_build(rng: np.random.Generator, traits: Traits) -> Build:
    """Broader and stronger with masculine presentation."""
    male = traits.presentation
    return Build(
        shoulder_m=float(np.clip(0.142 + 0.026 * male + rng.normal(0, 0.008), 0.125, 0.182)),
        slope_m=float(np.clip(rng.normal(0.07, 0.012), 0.045, 0.095)),
        depth=float(np.clip(rng.normal(0.97 + 0.06 * male, 0.06), 0.85, 1.2)),
        muscle=float(np.clip(rng.normal(0.25 + 0.45 * male, 0.2), 0, 1)),
        bust=float(np.clip(rng.normal(0.8 - 0.7 * male, 0.2), 0, 1)),
    )


def draw_posture(rng: np.random.Generator) -> Posture:
    """From a trunk that faces where the head does to one that hardly follows."""
    return Posture(
        yaw_share=float(rng.uniform(0.35, 1.0)),
        pitch_share=float(rng.uniform(0.1, 0.5)),
        roll_share=float(rng.uniform(0.1, 0.5)),
        extra_yaw=float(rng.normal(0, 0.12)),
        extra_roll=float(rng.normal(0, 0.03)),
    )


def draw_pieces(rng: np.random.Generator, kind: str) -> tuple[Piece, ...]:
    """The clothes of a kind. KeyError for an unknown one."""
    low = float(rng.uniform(-0.006, 0.012))
    crew = Neckline(-0.006 + low, -0.022 + 0.6 * low, -0.020 + 0.5 * low)
    if kind == "bare":
        return ()
    if kind == "t-shirt":
        return (Piece("sheet", crew, 0.004, 1.0, draw_fabric(rng)),)
    if kind == "v-neck":
        deep = Neckline(float(rng.uniform(0.05, 0.12)), -0.012, -0.018, pointed=True)
        return (Piece("sheet", deep, 0.004, 1.0, draw_fabric(rng)),)
    if kind == "scoop":
        wide = float(rng.uniform(-0.005, 0.035))
        scoop = Neckline(float(rng.uniform(0.03, 0.085)), wide, float(rng.uniform(-0.01, 0.05)))
        return (Piece("sheet", scoop, 0.003, 1.0, draw_fabric(rng)),)
    if kind == "off-shoulder":
        return (Piece("sheet", Neckline(0.13, 0.125, 0.13), 0.004, 1.0, draw_fabric(rng)),)
    if kind == "jumper":
        return (Piece("sheet", crew, 0.009, 1.0, draw_fabric(rng, ("knit", "melange", "plain", "stripes"))),)
    if kind == "turtleneck":
        fabric = draw_fabric(rng, ("knit", "plain", "melange"))
        high = Neckline(-0.020, -0.034, -0.034)
        return (Piece("sheet", high, 0.005, 1.0, fabric), Piece("roll", high, 0.005, _size(rng), fabric))
    if kind == "hoodie":
        fabric = draw_fabric(rng, ("plain", "melange", "plain", "print"))
        return (Piece("sheet", crew, 0.008, 1.0, fabric), Piece("hood", crew, 0.010, _size(rng), fabric))
    if kind == "shirt":
        return _shirt(rng)
    if kind == "jacket":
        inner = _shirt(rng) if rng.random() < 0.6 else draw_pieces(rng, "t-shirt")
        outer = draw_fabric(rng, ("plain", "plain", "melange", "checks"))
        if rng.random() < 0.2:
            outer = replace(outer, pattern="plain", roughness=0.42, specular=0.045)  # leather
        opening = Neckline(float(rng.uniform(0.16, 0.26)), -0.012, -0.014, pointed=True)
        return (*inner, Piece("sheet", opening, 0.014, 1.0, outer), Piece("lapels", opening, 0.017, _size(rng), outer))
    raise KeyError(f"no clothes of the kind {kind!r}; there are: {', '.join(_KINDS)}")


def _shirt(rng: np.random.Generator) -> tuple[Piece, ...]:
    fabric = draw_fabric(rng, ("plain", "plain", "checks", "stripes", "print"))
    line = Neckline(float(rng.uniform(-0.005, 0.06)), -0.022, -0.022, pointed=True)
    return (Piece("sheet", line, 0.004, 1.0, fabric), Piece("collar", line, 0.006, _size(rng), fabric))


def _size(rng: np.random.Generator) -> float:
    return float(np.clip(rng.normal(1, 0.15), 0.7, 1.35))


def draw_fabric(
    rng: np.random.Generator,
    patterns: tuple[Pattern, ...] = ("plain", "plain", "plain", "stripes", "print", "melange", "checks"),
) -> Fabric:
    """Colours, pattern and finish."""
    pattern: Pattern = patterns[rng.integers(len(patterns))]
    colour, second = _dye(rng), _dye(rng)
    if pattern in ("knit", "melange"):  # two shades of one dye
        shade = rng.uniform(0.45, 0.8)
        second = (colour[0] * shade, colour[1] * shade, colour[2] * shade)
    satin = rng.random() < 0.08
    tile = {"stripes": (0.05, 0.16), "checks": (0.03, 0.12), "knit": (0.05, 0.11), "print": (0.08, 0.25)}
    return Fabric(
        colour=colour,
        second=second,
        pattern=pattern,
        tile_m=float(rng.uniform(*tile.get(pattern, (0.08, 0.16)))),
        shift_m=(float(rng.random()), float(rng.random())),
        folds=float(rng.uniform(0.06, 0.14) if satin else rng.uniform(0.12, 0.34)),
        roughness=float(rng.uniform(0.35, 0.5) if satin else rng.uniform(0.72, 0.95)),
        specular=0.04 if satin else 0.022,
    )


def _dye(rng: np.random.Generator) -> Colour:
    dyes = _COMMON if rng.random() < _SHARE_COMMON else _DYES
    srgb = np.array(dyes[rng.integers(len(dyes))]) / 255
    red, green, blue = np.clip(
        srgb_to_linear(srgb) * rng.uniform(0.75, 1.2) * rng.uniform(0.94, 1.06, 3), 0.004, 0.8
    ).tolist()
    return red, green, blue
