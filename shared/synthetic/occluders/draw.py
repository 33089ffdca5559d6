"""What one picture's face is hidden by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from shared.synthetic.occluders.face_masks import draw_face_mask
from shared.synthetic.occluders.foreground import draw_other_person, draw_thing
from shared.synthetic.occluders.gestures import draw_gesture
from shared.synthetic.occluders.glasses import draw_glasses
from shared.synthetic.occluders.hats import draw_hat
from shared.synthetic.occluders.held import draw_held
from shared.synthetic.occluders.look import OccluderLook
from shared.synthetic.occluders.loose_hair import draw_loose_hair
from shared.synthetic.occluders.microphones import draw_headset, draw_stand_microphone
from shared.synthetic.scene.person import Traits

_GLASSES, _HAT = 0.20, 0.08  # shares of all pictures but the occluded
_TWO, _GLASSES_OCCLUDED, _HAT_OCCLUDED, _HEADSET = 0.25, 0.22, 0.15, 0.04
# What hides the face in an occluded picture, and how often.
_COVERING: Mapping[str, tuple[float, Callable[[np.random.Generator, Traits], OccluderLook]]] = MappingProxyType(
    {
        "gesture": (0.22, draw_gesture),
        "held": (0.16, draw_held),
        "face mask": (0.17, lambda rng, _: draw_face_mask(rng)),
        "sunglasses": (0.13, lambda rng, _: draw_glasses(rng, sunglasses=True)),
        "microphone": (0.08, lambda rng, _: draw_stand_microphone(rng)),
        "loose hair": (0.12, lambda rng, _: draw_loose_hair(rng)),
        "other person": (0.07, lambda rng, _: draw_other_person(rng)),
        "thing": (0.05, lambda rng, _: draw_thing(rng)),
    }
)
# What cannot be together, since both would be at the mouth or in the same hand.
_EXCLUSIVE = ({"gesture", "held", "microphone"}, {"face mask", "held", "microphone"})


def draw_occluders(
    rng: np.random.Generator, traits: Traits, kind: str, has_hair: bool = True
) -> tuple[OccluderLook, ...]:
    """Draw what is worn, held and in the way.

    Args:
        traits: of the person.
        kind: "occluded" gives one to three things of which at least one covers a part of the face; any other kind
            (see `portrait.PortraitFacts`) now and then clear glasses, now and then a hat.
        has_hair: whether locks can fall over the face.
    """
    if kind != "occluded":
        worn = [draw_glasses(rng, sunglasses=False)] if rng.random() < _GLASSES else []
        return tuple(worn + ([draw_hat(rng)] if rng.random() < _HAT else []))
    names = list(_COVERING)
    shares = np.array([share if has_hair or name != "loose hair" else 0.0 for name, (share, _) in _COVERING.items()])
    order = rng.choice(len(names), 2, replace=False, p=shares / shares.sum())
    first, second = (names[index] for index in order)
    chosen = [first]
    if rng.random() < _TWO and not any({first, second} <= pair for pair in _EXCLUSIVE):
        chosen.append(second)
    looks = [_COVERING[name][1](rng, traits) for name in chosen]
    if "sunglasses" not in chosen and rng.random() < _GLASSES_OCCLUDED:
        looks.append(draw_glasses(rng, sunglasses=False))
    if len(looks) < 3:
        head = rng.random()
        if head < _HAT_OCCLUDED and "loose hair" not in chosen:
            looks.append(draw_hat(rng))
        elif head > 1 - _HEADSET and not set(chosen) & {"held", "microphone", "face mask"}:
            looks.append(draw_headset(rng))
    return tuple(looks)


def is_unoccluded(looks: Sequence[OccluderLook]) -> bool:
    """Whether the face is free: clear glasses and hats are accessories."""
    return not any(look.covers_face for look in looks)
