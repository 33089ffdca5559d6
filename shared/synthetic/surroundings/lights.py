"""Kinds of light: where the lamps stand, how strong, soft and warm they are, and how much light the place gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from shared.synthetic.surroundings.light_colour import black_body, hue_colour


@dataclass(frozen=True)
class LampPlan:
    """One lamp, before exposure."""

    azimuth_rad: float  # 0 from the viewer, positive from the right of the picture
    elevation_rad: float
    strength: float  # luminance of white that faces it, against the other lights of the plan
    radius_rad: float
    rgb: tuple[float, float, float]  # luminance 1

    @property
    def direction(self) -> np.ndarray:
        """(3,) float32 unit, towards the lamp, world."""
        flat = math.cos(self.elevation_rad)
        x, z = math.sin(self.azimuth_rad) * flat, math.cos(self.azimuth_rad) * flat
        return np.array([x, math.sin(self.elevation_rad), z], np.float32)


@dataclass(frozen=True)
class LightPlan:
    """The light of a picture, before exposure."""

    lamps: tuple[LampPlan, ...]
    ambient: float  # mean luminance of the surround, against the strengths of the lamps
    sky: float = 1.2  # of what is above, against the mean of the surround
    ground: float = 0.8
    background: float = 1.0  # how bright the background is, against a head in the same light
    exposure: float = 1.0  # how bright the picture is meant to be


@dataclass(frozen=True)
class LightKind:
    """One kind of light."""

    draw: Callable[[np.random.Generator, float], LightPlan]  # (rng, side): side is -1 or 1, the bright one
    places: dict[str, float]  # how common it is "indoors", "outdoors", in the "studio", in the "dark"


def _lamp(
    azimuth_deg: float, elevation_deg: float, strength: float, radius_rad: float, kelvin: float | np.ndarray
) -> LampPlan:
    """``kelvin`` is a colour temperature, or the colour itself (3,)."""
    red, green, blue = (kelvin if isinstance(kelvin, np.ndarray) else black_body(kelvin)).tolist()
    return LampPlan(
        math.radians(azimuth_deg), math.radians(elevation_deg), float(strength), radius_rad, (red, green, blue)
    )


def _soft_room(rng: np.random.Generator, side: float) -> LightPlan:
    key = _lamp(side * abs(rng.normal(0, 45)), rng.uniform(20, 60), rng.uniform(0.4, 1), rng.uniform(0.2, 0.4),
                rng.uniform(3000, 6000))  # fmt: skip
    lamps = (key,)
    if rng.random() < 0.4:
        lamps += (_lamp(-side * rng.uniform(10, 80), rng.uniform(10, 50), rng.uniform(0.15, 0.4), 0.15,
                        rng.uniform(2700, 5000)),)  # fmt: skip
    return LightPlan(lamps, rng.uniform(0.45, 0.9), rng.uniform(1.1, 1.6), rng.uniform(0.5, 0.8))


def _window_side(rng: np.random.Generator, side: float) -> LightPlan:
    key = _lamp(side * rng.uniform(30, 95), rng.uniform(8, 35), 1, rng.uniform(0.18, 0.35), rng.uniform(5000, 7500))
    return LightPlan((key,), rng.uniform(0.12, 0.4), rng.uniform(0.9, 1.2), rng.uniform(0.6, 0.9), rng.uniform(0.5, 1))


def _sun_hard(rng: np.random.Generator, side: float) -> LightPlan:
    key = _lamp(side * rng.uniform(0, 80), rng.uniform(18, 62), 1, rng.uniform(0.005, 0.012), rng.uniform(4300, 6000))
    return LightPlan((key,), rng.uniform(0.12, 0.35), rng.uniform(1.3, 1.8), rng.uniform(0.6, 1.1))


def _overcast(rng: np.random.Generator, side: float) -> LightPlan:
    key = _lamp(side * rng.uniform(0, 60), rng.uniform(45, 75), rng.uniform(0.2, 0.6), rng.uniform(0.35, 0.5),
                rng.uniform(5800, 7500))  # fmt: skip
    return LightPlan((key,), rng.uniform(0.7, 1), rng.uniform(1.5, 2.2), rng.uniform(0.35, 0.7), rng.uniform(1, 1.4))


def _three_point(rng: np.random.Generator, side: float) -> LightPlan:
    kelvin = rng.uniform(4500, 6500)
    key = _lamp(side * rng.uniform(20, 60), rng.uniform(15, 45), 1, rng.uniform(0.08, 0.3), kelvin)
    fill = _lamp(-side * rng.uniform(15, 60), rng.uniform(0, 25), rng.uniform(0.1, 0.55), 0.3, kelvin)
    rim = _lamp(-side * rng.uniform(125, 165), rng.uniform(20, 50), rng.uniform(0.4, 1.3), rng.uniform(0.05, 0.2),
                kelvin * rng.uniform(0.85, 1.2))  # fmt: skip
    return LightPlan((key, fill, rim), rng.uniform(0.06, 0.25), background=rng.uniform(0.5, 1.1))


def _backlit(rng: np.random.Generator, side: float) -> LightPlan:
    kelvin = rng.uniform(3500, 6500)
    rim = _lamp(side * rng.uniform(130, 175), rng.uniform(8, 45), rng.uniform(1.5, 4), rng.uniform(0.01, 0.2), kelvin)
    front = _lamp(rng.normal(0, 40), rng.uniform(15, 50), rng.uniform(0.1, 0.5), 0.35, rng.uniform(5000, 7000))
    return LightPlan((rim, front), rng.uniform(0.4, 0.7), 1.2, 0.9, rng.uniform(1.2, 2.6), rng.uniform(0.7, 1))


def _top(rng: np.random.Generator, side: float) -> LightPlan:
    key = _lamp(side * rng.uniform(0, 60), rng.uniform(60, 80), 1, rng.uniform(0.05, 0.3), rng.uniform(2800, 6000))
    return LightPlan((key,), rng.uniform(0.25, 0.5), 1.1, rng.uniform(0.7, 1.1), rng.uniform(0.5, 1))


def _under(rng: np.random.Generator, side: float) -> LightPlan:
    key = _lamp(side * rng.uniform(0, 40), rng.uniform(-45, -15), 1, rng.uniform(0.08, 0.3), rng.uniform(2800, 8500))
    return LightPlan((key,), rng.uniform(0.2, 0.45), 0.9, 1.2, rng.uniform(0.3, 0.8))


def _coloured(rng: np.random.Generator, side: float) -> LightPlan:
    first = rng.random()
    second = first + rng.uniform(0.2, 0.8)
    # The key is often pale, so that most faces keep some colour of their own.
    key = hue_colour(first, rng.uniform(0.05, 0.35) if rng.random() < 0.55 else rng.uniform(0.4, 0.85))
    lamps = [
        _lamp(side * rng.uniform(15, 80), rng.uniform(10, 50), 1, rng.uniform(0.02, 0.12), key),
        _lamp(-side * rng.uniform(40, 110), rng.uniform(0, 40), rng.uniform(0.3, 0.8), rng.uniform(0.03, 0.2),
              hue_colour(second, rng.uniform(0.5, 0.9))),
    ]  # fmt: skip
    if rng.random() < 0.5:
        rim = hue_colour(rng.random(), rng.uniform(0.5, 0.9))
        lamps.append(_lamp(side * rng.uniform(130, 170), rng.uniform(10, 50), rng.uniform(0.4, 1), 0.05, rim))
    return LightPlan(tuple(lamps), rng.uniform(0.06, 0.18), background=rng.uniform(0.5, 1))


def _dim(rng: np.random.Generator, side: float) -> LightPlan:
    key = _lamp(side * rng.uniform(0, 90), rng.uniform(0, 50), 1, rng.uniform(0.05, 0.25), rng.uniform(2500, 4500))
    return LightPlan((key,), rng.uniform(0.15, 0.5), 1, 0.8, rng.uniform(0.4, 1), rng.uniform(0.3, 0.65))


def _flash(rng: np.random.Generator, side: float) -> LightPlan:
    key = _lamp(side * abs(rng.normal(0, 6)), rng.uniform(2, 14), 1, rng.uniform(0.01, 0.03), rng.uniform(5200, 6500))
    return LightPlan((key,), rng.uniform(0.06, 0.25), 1.1, 0.8, rng.uniform(0.2, 0.7), rng.uniform(1, 1.25))


def _mixed(rng: np.random.Generator, side: float) -> LightPlan:
    warm = _lamp(-side * rng.uniform(25, 90), rng.uniform(5, 50), rng.uniform(0.5, 1), rng.uniform(0.05, 0.2),
                 rng.uniform(2500, 3500))  # fmt: skip
    cool = _lamp(side * rng.uniform(25, 90), rng.uniform(5, 40), rng.uniform(0.5, 1), rng.uniform(0.1, 0.3),
                 rng.uniform(6000, 9000))  # fmt: skip
    return LightPlan((cool, warm), rng.uniform(0.2, 0.45), background=rng.uniform(0.6, 1))


LIGHTS = {
    "soft room": LightKind(_soft_room, {"indoors": 0.3, "outdoors": 0.04, "studio": 0.22, "dark": 0.08}),
    "window side": LightKind(_window_side, {"indoors": 0.22, "outdoors": 0.03, "studio": 0.16, "dark": 0.08}),
    "sun hard": LightKind(_sun_hard, {"indoors": 0.05, "outdoors": 0.34, "studio": 0.05, "dark": 0.02}),
    "overcast": LightKind(_overcast, {"indoors": 0.05, "outdoors": 0.36, "studio": 0.08, "dark": 0.02}),
    "studio three-point": LightKind(_three_point, {"indoors": 0.06, "outdoors": 0.03, "studio": 0.27, "dark": 0.1}),
    "backlit": LightKind(_backlit, {"indoors": 0.06, "outdoors": 0.11, "studio": 0.03, "dark": 0.04}),
    "top light": LightKind(_top, {"indoors": 0.08, "outdoors": 0.02, "studio": 0.05, "dark": 0.08}),
    "under light": LightKind(_under, {"indoors": 0.01, "outdoors": 0.01, "studio": 0.02, "dark": 0.06}),
    "coloured stage": LightKind(_coloured, {"indoors": 0.02, "outdoors": 0.005, "studio": 0.04, "dark": 0.22}),
    "dim": LightKind(_dim, {"indoors": 0.04, "outdoors": 0.01, "studio": 0.01, "dark": 0.12}),
    "flash": LightKind(_flash, {"indoors": 0.05, "outdoors": 0.03, "studio": 0.04, "dark": 0.14}),
    "mixed temperature": LightKind(_mixed, {"indoors": 0.08, "outdoors": 0.02, "studio": 0.04, "dark": 0.1}),
}


def draw_light_kind(rng: np.random.Generator, place: str) -> str:
    """The name of one of `LIGHTS` that is common in such a place, in a few draws of any."""
    names = tuple(LIGHTS)
    if rng.random() < 0.06:
        return names[rng.integers(len(names))]
    shares = np.array([kind.places[place] for kind in LIGHTS.values()])
    return names[rng.choice(len(names), p=shares / shares.sum())]


def draw_plan(rng: np.random.Generator, kind: str, side: float) -> LightPlan:
    """A light of one kind; ``side`` is that of the picture, -1 or 1, from which light comes."""
    plan = LIGHTS[kind].draw(rng, side)
    # Like an automatic exposure: right within a third of a stop mostly, now and then far off.
    error = rng.normal(0, 0.2)
    chance = rng.random()
    if chance < 0.04:
        error -= rng.uniform(0.5, 1.1)
    elif chance > 0.96:
        error += rng.uniform(0.3, 0.7)
    return replace(plan, exposure=plan.exposure * math.exp(error))
