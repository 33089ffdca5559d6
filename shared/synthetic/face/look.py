"""What one face looks like, as plain numbers. `FaceLook` is the person's, `Grooming` that of one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.synthetic.scene.colour import srgb_to_linear
from shared.synthetic.scene.person import Traits

RGB = tuple[float, float, float]

# sRGB of irises: dark brown, brown, hazel, amber green, green, blue grey, blue, grey.
_IRISES = (
    (52, 32, 20), (84, 52, 28), (112, 84, 46), (104, 104, 56), (88, 114, 84), (112, 128, 138), (84, 122, 156),
    (128, 134, 136),
)  # fmt: skip
# sRGB of make-up.
_LIPSTICKS = ((150, 30, 42), (176, 60, 72), (110, 24, 40), (196, 96, 96), (158, 88, 80), (122, 62, 58), (204, 70, 110))
_SHADOWS = ((96, 72, 62), (60, 50, 50), (140, 100, 86), (112, 84, 110), (70, 84, 110), (150, 116, 80), (40, 36, 40))


@dataclass(frozen=True)
class TilePlace:
    """Where and how a person samples a repeating noise."""

    shift: tuple[float, float]  # tiles
    turn_rad: float
    size_m: float  # of the tile on the face

    @staticmethod
    def draw(rng: np.random.Generator, size_m: tuple[float, float]) -> TilePlace:
        """Anywhere, turned anyhow."""
        return TilePlace(_pair(rng.random(2)), float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(*size_m)))


@dataclass(frozen=True)
class SkinLook:
    """Skin without make-up. Amounts of pigment are in the units of `tones`."""

    photo: int | None  # a photographed skin: 0 and 1 are the nearest in tone, and so on up to the number of them
    photo_gain: float
    warmth: float
    blood: float  # of the whole face
    blotches: TilePlace
    mottle_melanin: float
    mottle_blood: float
    redness: RGB  # blood of cheeks, nose and ears
    sockets: float  # melanin around the eyes
    under_eye: float  # melanin and blood of the rings under them
    lips_blood: float
    lips_melanin: float
    freckles: float  # 0 none, 1 many
    freckle_melanin: float
    moles: tuple[tuple[float, float, float, float], ...]  # x, y as shares of the face's chart, radius in m, melanin
    pores: TilePlace
    pore_depth: float
    wrinkles: float  # 0 to 1
    oil: float  # 0 dry, 1 oily


@dataclass(frozen=True)
class BrowLook:
    """Painted brows."""

    strands: int  # seed of where each hair grows
    rgb: RGB  # linear
    density: float  # 0.3 sparse to 1 dense
    thickness: float  # 1 as the head's landmarks say
    arch_m: float  # raised there by this
    lift_m: float
    length: float  # 1 as the landmarks say
    disorder: float  # of the hairs' directions, radians


@dataclass(frozen=True)
class EyeLook:
    """Both eyes."""

    photo: int | None  # a photographed iris: 0 is the brownest
    iris: RGB  # linear, of the outer iris
    inner: RGB  # linear, around the pupil
    fibres: int  # seed
    pupil: float  # radius over that of the iris
    limbal: float  # darkness of the ring around the iris
    veins: float
    yellow: float  # of the sclera


@dataclass(frozen=True)
class MouthLook:
    """Teeth and tongue."""

    teeth: RGB  # linear
    gaps: float
    tongue_blood: float


@dataclass(frozen=True)
class FaceLook:
    """The person's face."""

    skin: SkinLook
    brows: BrowLook | None  # None: none are painted, they come from elsewhere
    eyes: EyeLook
    mouth: MouthLook
    lash_length: float  # 1 is usual

    @staticmethod
    def draw(rng: np.random.Generator, traits: Traits, n_skins: int, n_irises: int) -> FaceLook:
        """One face of a person; photographed skins and irises in about half of them, where there are any."""
        return FaceLook(
            skin=_draw_skin(rng, traits, n_skins),
            brows=_draw_brows(rng, traits),
            eyes=_draw_eyes(rng, traits, n_irises),
            mouth=_draw_mouth(rng, traits),
            lash_length=float(rng.uniform(0.75, 1.15)),
        )


@dataclass(frozen=True)
class Grooming:
    """Make-up and state of the skin in one picture. Strengths 0 to 1, colours linear."""

    lipstick: float
    lipstick_rgb: RGB
    lip_gloss: float
    shadow: float
    shadow_rgb: RGB
    liner: float
    mascara: float
    blush: float  # blood added to the cheeks
    foundation: float  # evens the skin
    wet: float  # sweat: shinier
    flush: float  # blood added everywhere


def draw_grooming(rng: np.random.Generator, traits: Traits) -> Grooming:
    """Make-up of the feminine half, mostly light; seldom otherwise. The same numbers of draws in every case."""
    wears = rng.random() < np.clip(1.05 - 1.7 * traits.presentation, 0.02, 0.8)
    strength = rng.uniform(0.15, 1.0) * wears
    chosen = rng.random(5) < (0.75, 0.55, 0.6, 0.6, 0.6)
    parts = strength * rng.uniform(0.4, 1.0, 5) * chosen
    lipstick = _linear(_LIPSTICKS[rng.integers(len(_LIPSTICKS))]) * rng.uniform(0.75, 1.2)
    shadow = _linear(_SHADOWS[rng.integers(len(_SHADOWS))]) * rng.uniform(0.7, 1.2)
    darker = 1 - 0.55 * traits.melanin
    wet, flush = max(0.0, rng.normal(-0.25, 0.35)), max(0.0, rng.normal(-0.02, 0.06))
    return Grooming(
        lipstick=float(parts[0]),
        lipstick_rgb=_rgb(lipstick * darker),
        lip_gloss=float(rng.random() * wears),
        shadow=float(0.75 * parts[1]),
        shadow_rgb=_rgb(shadow * darker),
        liner=float(parts[2]),
        mascara=float(strength * rng.uniform(0.3, 1.0)),
        blush=float(0.35 * parts[3]),
        foundation=float(0.8 * parts[4]),
        wet=float(min(wet, 1.0)),
        flush=float(flush),
    )


def _draw_skin(rng: np.random.Generator, traits: Traits, n_skins: int) -> SkinLook:
    photographed = bool(rng.random() < 0.5) and n_skins > 0
    photo = int(rng.random() * max(n_skins, 1))
    freckled = rng.random() < 0.35 * (1 - traits.melanin) ** 0.7
    n_moles = int(rng.poisson(1.6 + 2.5 * traits.age))
    moles = [
        (*rng.uniform((0.12, 0.1), (0.88, 0.92)), 0.0004 + 0.0009 * rng.random() ** 2, rng.uniform(0.5, 1.5))
        for _ in range(n_moles)
    ]
    mottle = rng.uniform(0.6, 1.4, 2)
    ageing = 0.35 + 0.9 * traits.age
    return SkinLook(
        photo=photo if photographed else None,
        photo_gain=float(rng.uniform(0.75, 1.05)),
        warmth=float(np.clip(rng.normal(0.1, 0.35), -0.6, 0.9)),
        blood=float(rng.normal(0.0, 0.06)),
        blotches=TilePlace.draw(rng, (0.08, 0.14)),
        mottle_melanin=float(0.018 * mottle[0] * ageing),
        mottle_blood=float(0.036 * mottle[1] * ageing),
        redness=_rgb(rng.uniform((0.03, 0.05, 0.06), (0.20, 0.24, 0.32))),
        sockets=float(rng.uniform(0.01, 0.09)),
        under_eye=float(rng.uniform(0.0, 0.07) + 0.04 * traits.age),
        lips_blood=float(rng.uniform(0.32, 0.72)),
        lips_melanin=float(rng.uniform(0.02, 0.10) + traits.melanin * rng.uniform(0.03, 0.14)),
        freckles=float(rng.uniform(0.25, 1.0) if freckled else 0.12 * rng.random() * traits.age),
        freckle_melanin=float(rng.uniform(0.10, 0.28)),
        moles=tuple((float(x), float(y), float(radius), float(dark)) for x, y, radius, dark in moles),
        pores=TilePlace.draw(rng, (0.026, 0.040)),
        pore_depth=float(rng.uniform(0.4, 1.0) * (0.6 + 0.5 * traits.age)),
        wrinkles=float(np.clip(traits.age * 1.1 + rng.normal(0, 0.1), 0.03, 1.0)),
        oil=float(rng.beta(2, 2.4)),
    )


def _draw_brows(rng: np.random.Generator, traits: Traits) -> BrowLook:
    groomed = 0.95 + 0.4 * traits.presentation
    darker = rng.uniform(0.35, 0.85)
    return BrowLook(
        strands=int(rng.integers(2**31)),
        rgb=_rgb(np.minimum(np.array(traits.hair_rgb) * darker, 0.32)),
        density=float(np.clip(rng.normal(0.72 + 0.1 * traits.presentation - 0.15 * traits.age, 0.16), 0.3, 1.0)),
        thickness=float(np.clip(rng.normal(groomed, 0.2), 0.6, 1.7)),
        arch_m=float(rng.normal(0.0008 * (1 - 2 * traits.presentation), 0.0008)),
        lift_m=float(rng.normal(0, 0.0008)),
        length=float(rng.uniform(0.9, 1.06)),
        disorder=float(rng.uniform(0.08, 0.2 + 0.2 * traits.presentation)),
    )


def _draw_eyes(rng: np.random.Generator, traits: Traits, n_irises: int) -> EyeLook:
    photographed = bool(rng.random() < 0.5) and n_irises > 0
    # Brown everywhere, light irises with light skin.
    lightness = rng.random() ** (0.9 + 9 * traits.melanin)
    kind = int(len(_IRISES) * lightness)
    iris = _linear(_IRISES[kind]) * rng.uniform(0.75, 1.25)
    iris = iris + 0.2 * (iris.mean() - iris)
    inner_kind = max(kind - int(rng.integers(0, 4)), 0)
    inner = 0.5 * iris + 0.45 * _linear(_IRISES[inner_kind])
    return EyeLook(
        photo=int(n_irises * lightness) if photographed else None,
        iris=_rgb(iris),
        inner=_rgb(inner),
        fibres=int(rng.integers(2**31)),
        pupil=float(rng.uniform(0.24, 0.5)),
        limbal=float(rng.uniform(0.35, 0.9)),
        veins=float(rng.uniform(0.1, 0.6) + 0.3 * traits.age),
        yellow=float(rng.uniform(0.0, 0.35) + 0.25 * traits.age + 0.25 * traits.melanin),
    )


def _draw_mouth(rng: np.random.Generator, traits: Traits) -> MouthLook:
    stain = rng.uniform(0.0, 0.6) + 0.4 * traits.age
    teeth = np.array([0.74, 0.70, 0.62]) * np.array([1.0, 0.93, 0.78]) ** stain * rng.uniform(0.88, 1.05)
    return MouthLook(_rgb(teeth), float(rng.uniform(0.3, 1.0)), float(rng.uniform(0.5, 0.9)))


def _linear(srgb: tuple[int, int, int]) -> np.ndarray:
    return srgb_to_linear(np.array(srgb) / 255)


def _rgb(values: np.ndarray) -> RGB:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _pair(values: np.ndarray) -> tuple[float, float]:
    return float(values[0]), float(values[1])
