"""What the face does: activations of ARKit's units, without the gaze."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.synthetic.pose.recipes import EMOTIONS, EXTREMES, RESTING, VISEMES, Ranges, Recipe

Activations = dict[str, float]  # by ARKit's names, in [0, 1]

SIDES = ("Left", "Right")
# Above these the open head's cavity shows through the skin, or its teeth through the lips.
LIMITS = {"mouthFunnel": 0.7, "jawForward": 0.4}
_PAIRED = ("brow", "cheekSquint", "eye", "mouth", "noseSneer")
_MIDDLE = ("browInnerUp", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRoll", "mouthShrug")
_UPPER_FACE = ("brow", "eye", "cheekSquint", "noseSneer")
# Drawn faintly on top of anything. The mouth is left to the recipes: its units need each other.
_STRAY = (
    *("browDown", "browInnerUp", "browOuterUp", "cheekSquint", "eyeSquint", "eyeWide", "noseSneer"),
    *("mouthDimple", "mouthFrown", "mouthSmile", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp"),
)
_EMOTION, _SPEECH, _BOTH, _MIXED, _EXTREME = range(5)
_FORMS = (0.44, 0.18, 0.13, 0.13, 0.12)


def draw_posed(rng: np.random.Generator) -> Activations:
    """An expression one sees: an emotion, speech, both at once, two emotions, or an extreme."""
    form = rng.choice(len(_FORMS), p=_FORMS)
    if form == _EMOTION:
        units = _emotion(rng)
    elif form == _SPEECH:
        units = _perform(_pick(VISEMES, rng), rng)
    elif form == _BOTH:
        mood = {name: value for name, value in _emotion(rng).items() if name.startswith(_UPPER_FACE)}
        units = _added(mood, _perform(_pick(VISEMES, rng), rng), 1.0)
    elif form == _MIXED:
        units = _added(_scaled(_emotion(rng), 0.75), _emotion(rng), 0.5)
    else:
        units = _perform(_pick(EXTREMES, rng), rng)
    units = _with_stray(units, rng)
    return plausible(_with_lids(units, rng))


def draw_resting(rng: np.random.Generator) -> Activations:
    """A face at rest: often nothing at all, else a trace of something; lids more or less relaxed."""
    units: Activations = {}
    if rng.random() < 0.6:
        units = _perform(_pick(RESTING, rng), rng)
    if rng.random() < 0.25:
        units = _added(units, _perform(_pick(RESTING, rng), rng), 0.7)
    if rng.random() < 0.5:
        units = _added(units, dict.fromkeys(_both("eyeBlink"), rng.uniform(0, 0.22)), 1.0)
    return plausible(units)


def plausible(units: Activations) -> Activations:
    """Activations that one face can have at once: opposites weaken each other, and limits hold."""
    out = dict(units)
    for stem in ("jaw", "mouth"):
        left, right = (out.get(stem + side, 0.0) for side in SIDES)
        out |= {f"{stem}Left": max(left - right, 0.0), f"{stem}Right": max(right - left, 0.0)}
    opening = out.get("jawOpen", 0.0)
    out["mouthClose"] = min(out.get("mouthClose", 0.0), opening)
    closed = 1 - min(1.0, max(0.0, opening - out["mouthClose"]) / 0.15)  # nobody presses or puffs an open mouth
    out["cheekPuff"] = closed * out.get("cheekPuff", 0.0)
    smile = max(out.get(name, 0.0) for name in _both("mouthSmile"))
    for name in ("mouthPucker", "mouthFunnel"):
        out[name] = out.get(name, 0.0) * (1 - 0.7 * smile)
    out["mouthPucker"] = min(out["mouthPucker"], 1.1 - out["mouthFunnel"])
    for side in SIDES:
        out[f"mouthPress{side}"] = (0.2 + 0.8 * closed) * out.get(f"mouthPress{side}", 0.0)
        out[f"mouthFrown{side}"] = out.get(f"mouthFrown{side}", 0.0) * (1 - 0.6 * out.get(f"mouthSmile{side}", 0.0))
        out[f"eyeWide{side}"] = out.get(f"eyeWide{side}", 0.0) * (1 - min(1.0, out.get(f"eyeBlink{side}", 0.0)))
        out[f"eyeWide{side}"] *= 1 - out.get(f"eyeSquint{side}", 0.0)
    return {name: min(value, LIMITS.get(name, 1.0)) for name, value in out.items() if value > 0}


def _emotion(rng: np.random.Generator) -> Activations:
    return _perform(_pick(EMOTIONS, rng), rng)


def _pick(recipes: Sequence[Recipe], rng: np.random.Generator) -> Recipe:
    weights = np.array([recipe.weight for recipe in recipes])
    return recipes[rng.choice(len(recipes), p=weights / weights.sum())]


def _perform(recipe: Recipe, rng: np.random.Generator) -> Activations:
    """A recipe at some strength; faces are never quite symmetric, some are far from it."""
    strength = rng.beta(2.2, 1.3)
    units: Activations = {}
    weaker = SIDES[rng.integers(2)]
    share = rng.uniform(0.3, 0.9) if rng.random() < 0.35 else rng.uniform(0.9, 1.0)
    for name, value in _values(recipe.units, strength, rng).items():
        for full in _both(name):
            lids = name == "eyeBlink"  # both lids move as one, whatever the face does
            units[full] = value * (share if full.endswith(weaker) and not lids else 1.0)
    side = SIDES[rng.integers(2)]
    one_side = {name + side: value for name, value in _values(recipe.one_side, strength, rng).items()}
    return _added(units, one_side, 1.0)


def _values(ranges: Ranges, strength: float, rng: np.random.Generator) -> Activations:
    jittered = {name: float(np.clip(strength + rng.normal(0, 0.2), 0, 1)) for name in ranges}
    return {name: low + jittered[name] * (high - low) for name, (low, high) in ranges.items()}


def _with_stray(units: Activations, rng: np.random.Generator) -> Activations:
    """A few units at low activation on top, mostly on both sides."""
    for name in rng.choice(_STRAY, rng.integers(0, 4), replace=False):
        names = _both(str(name))
        sides = names if rng.random() < 0.7 else (names[rng.integers(len(names))],)
        units = _added(units, dict.fromkeys(sides, rng.uniform(0, 0.25)), 1.0)
    return units


def _with_lids(units: Activations, rng: np.random.Generator) -> Activations:
    """People blink and lower their lids in any mood; most pictures show lids that are a little relaxed."""
    chance = rng.random()
    closing = 1.0 if chance < 0.08 else rng.uniform(0.3, 0.9) if chance < 0.2 else rng.uniform(0, 0.15)
    return units | {name: max(units.get(name, 0.0), closing) for name in _both("eyeBlink")}


def _both(name: str) -> tuple[str, ...]:
    """Full names of a unit without a side."""
    has_sides = name.startswith(_PAIRED) and not name.startswith(_MIDDLE)
    return tuple(name + side for side in SIDES) if has_sides else (name,)


def _added(first: Activations, second: Activations, weight: float) -> Activations:
    names = dict.fromkeys([*first, *second])  # a set's order is not the same in every process
    return {name: min(1.0, first.get(name, 0.0) + weight * second.get(name, 0.0)) for name in names}


def _scaled(units: Activations, factor: float) -> Activations:
    return {name: factor * value for name, value in units.items()}
