"""Which hair a person wears: a style, and numbers that vary it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from shared.synthetic.scene.person import Traits

Flow = Literal["forward", "side", "back", "up", "crown"]


@dataclass(frozen=True)
class Tufts:
    """Short hair: single tufts on the whole scalp."""

    flow: Flow
    top_m: float
    sides_m: float
    lift: float  # 0 flat to 1 upright
    mess: float  # how far tufts differ in direction
    curl_m: float = 0.0  # radius of the curls; 0 none
    count: int = 1100


@dataclass(frozen=True)
class Drape:
    """Hair that falls from a parting."""

    below_ear_m: float  # length from the middle of the ear downwards
    front_deg: float = 66.0  # azimuth where the front strands pass the ear: less covers more of the cheek
    fringe: float = 0.0  # 0 none, to 1 down to the brows
    curl_m: float = 0.0  # amplitude of the waves
    inward: float = 0.0  # how far the tips turn in, outwards if negative
    parting_deg: float = 0.0


@dataclass(frozen=True)
class Gather:
    """Hair combed back to one place."""

    elevation_deg: float  # of the place on the back of the head
    tail_m: float = 0.0  # length of the ponytail
    bun_m: float = 0.0  # radius of the bun
    fringe: float = 0.0


@dataclass(frozen=True)
class Style:
    """One kind of hair."""

    name: str
    presentation: tuple[float, float]  # from feminine 0 to masculine 1
    weight: float
    shell_m: float = 0.0  # length of fur on the sides
    top_shell_m: float = 0.0  # and on the top
    body: Tufts | Drape | Gather | None = None
    fluff: float = 0.0  # how far fur clots into curls


STYLES = (
    Style("bald", (0.35, 1.0), 0.0),
    Style("shaved", (0.3, 1.0), 0.6, 0.002, 0.0025),
    Style("buzz cut", (0.4, 1.0), 1.0, 0.004, 0.007),
    Style("crew cut", (0.5, 1.0), 1.0, 0.006, 0.006, Tufts("forward", 0.018, 0.008, 0.7, 0.3, count=1300)),
    Style("side part", (0.5, 1.0), 1.2, 0.008, 0.006, Tufts("side", 0.062, 0.016, 0.3, 0.08)),
    Style("quiff", (0.5, 1.0), 1.0, 0.006, 0.006, Tufts("up", 0.060, 0.010, 0.36, 0.06)),
    Style("messy", (0.35, 1.0), 1.0, 0.008, 0.006, Tufts("forward", 0.046, 0.026, 0.4, 0.45)),
    Style("crop", (0.45, 1.0), 0.8, 0.005, 0.006, Tufts("forward", 0.034, 0.010, 0.2, 0.2)),
    Style("combed back", (0.4, 1.0), 0.8, 0.007, 0.006, Tufts("back", 0.075, 0.026, 0.2, 0.06)),
    Style("short curls", (0.2, 1.0), 0.8, 0.010, 0.012, Tufts("crown", 0.050, 0.028, 0.7, 0.5, 0.006, 700), 0.6),
    Style("afro", (0.0, 1.0), 0.5, 0.016, 0.020, Tufts("crown", 0.052, 0.046, 0.95, 0.3, 0.006, 900), 1.0),
    Style("pixie", (0.0, 0.45), 0.8, 0.008, 0.006, Tufts("side", 0.070, 0.040, 0.2, 0.15)),
    Style("bob", (0.0, 0.5), 1.2, body=Drape(0.055, inward=0.5)),
    Style("bob with fringe", (0.0, 0.45), 0.9, body=Drape(0.05, inward=0.6, fringe=0.9)),
    Style("shoulder length", (0.0, 0.65), 1.2, body=Drape(0.12, inward=0.2, curl_m=0.003)),
    Style("long straight", (0.0, 0.6), 1.1, body=Drape(0.26)),
    Style("long with fringe", (0.0, 0.4), 0.8, body=Drape(0.24, fringe=0.9)),
    Style("long wavy", (0.0, 0.55), 1.2, body=Drape(0.24, curl_m=0.009)),
    Style("long curly", (0.0, 0.6), 0.8, body=Drape(0.18, curl_m=0.014)),
    Style("ponytail", (0.0, 0.55), 0.9, body=Gather(18.0, tail_m=0.22)),
    Style("bun", (0.0, 0.75), 0.7, body=Gather(5.0, bun_m=0.034)),
    Style("top knot", (0.0, 0.9), 0.5, body=Gather(58.0, bun_m=0.03)),
    Style("pulled back with fringe", (0.0, 0.4), 0.5, body=Gather(15.0, tail_m=0.16, fringe=0.8)),
)


@dataclass(frozen=True)
class HairLook:
    """One person's hair."""

    style: str
    shell_m: float
    top_shell_m: float
    body: Tufts | Drape | Gather | None
    fluff: float
    volume: float  # about 1
    side: float  # -1 or 1: where the parting is, to the subject's right or left
    recession: float  # 0 to 1: the corners of the forehead
    thinning: float  # 0 to 1: front and top
    softness: float  # of the hairline, radians
    tint: tuple[float, float, float]  # times the colour of the traits
    contrast: float  # of the strands' brightness, about 1
    seed: int  # of the strands

    @staticmethod
    def draw(rng: np.random.Generator, traits: Traits) -> HairLook:
        """One person's hair; a tenth is bald, mostly older and masculine."""
        p = traits.presentation
        bald = rng.random() < 0.44 * max(0.0, p - 0.3) * (0.35 + 1.3 * traits.age)
        weights = np.array([style.weight * _fits(style, p) for style in STYLES])
        style = STYLES[0] if bald else STYLES[rng.choice(len(STYLES), p=weights / weights.sum())]
        loss = float(np.clip(p * (0.15 + 1.1 * traits.age) * rng.uniform(0, 1.25), 0, 1))
        length = math.exp(rng.normal(0, 0.16))
        bright, warm = math.exp(rng.normal(0, 0.12)), rng.normal(0, 0.05)
        return HairLook(
            style=style.name,
            shell_m=style.shell_m * length,
            top_shell_m=style.top_shell_m * length,
            body=_varied(style.body, length, rng),
            fluff=style.fluff,
            volume=float(rng.uniform(0.7, 1.35)),
            side=1.0 if rng.random() < 0.55 else -1.0,
            recession=loss * float(rng.uniform(0.5, 1.0)),
            thinning=max(0.0, loss - 0.55) if isinstance(style.body, Tufts | None) else 0.0,
            softness=float(rng.uniform(0.03, 0.07)),
            tint=(bright * (1 + warm), bright, bright * (1 - warm)),
            contrast=float(rng.uniform(0.7, 1.3)),
            seed=int(rng.integers(2**31)),
        )

    @staticmethod
    def of_style(name: str, seed: int = 0) -> HairLook:
        """A plain example of a style; ValueError if there is none of the name."""
        for style in STYLES:
            if style.name == name:
                return HairLook(name, style.shell_m, style.top_shell_m, style.body, style.fluff, 1.0, 1.0, 0.0, 0.0,
                                0.03, (1.0, 1.0, 1.0), 1.0, seed)  # fmt: skip
        raise ValueError(f"no hair style {name!r}; there are: {', '.join(style.name for style in STYLES)}")


def _fits(style: Style, presentation: float) -> float:
    low, high = style.presentation
    return math.exp(-max(low - presentation, presentation - high, 0.0) / 0.08)


def _varied(
    body: Tufts | Drape | Gather | None, length: float, rng: np.random.Generator
) -> Tufts | Drape | Gather | None:
    """The same kind, with other numbers."""
    if isinstance(body, Tufts):
        lift, mess = body.lift * rng.uniform(0.7, 1.3), body.mess * rng.uniform(0.7, 1.5)
        return replace(body, top_m=body.top_m * length, sides_m=body.sides_m * length, lift=lift, mess=mess)
    if isinstance(body, Drape):
        return replace(
            body,
            below_ear_m=body.below_ear_m * length,
            front_deg=body.front_deg + rng.uniform(-8, 14),
            curl_m=body.curl_m * rng.uniform(0.6, 1.4) + 0.002 * rng.random(),
            inward=body.inward + rng.normal(0, 0.25),
            parting_deg=0.0 if rng.random() < 0.35 else rng.uniform(8, 26),
            fringe=body.fringe * rng.uniform(0.75, 1.0),
        )
    if isinstance(body, Gather):
        elevation = body.elevation_deg + rng.uniform(-15, 15)
        return replace(body, elevation_deg=elevation, tail_m=body.tail_m * length, bun_m=body.bun_m * length)
    return None
