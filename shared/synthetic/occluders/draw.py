"""What one picture's face is hidden by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.synthetic.occluders.face_masks import draw_face_mask
from shared.synthetic.occluders.glasses import draw_glasses
from shared.synthetic.occluders.hats import draw_hat
from shared.synthetic.occluders.look import OccluderLook
from shared.synthetic.person import Traits

_GLASSES, _HAT = 0.20, 0.08  # shares of all pictures but the occluded
_GLASSES_OCCLUDED, _HAT_OCCLUDED = 0.25, 0.15
# What hides the face in an occluded picture, and how often.
_COVERING = {"sunglasses": 0.16, "face mask": 0.22}


def draw_occluders(rng: np.random.Generator, traits: Traits, kind: str) -> tuple[OccluderLook, ...]:
    """Draw what is worn, held and in the way.

    Args:
        traits: of the person.
        kind: "occluded" gives one to three things of which at least one covers a part of the face; any other kind
            (see `portrait.PortraitFacts`) now and then clear glasses, now and then a hat.
    """
    if kind != "occluded":
        worn = [draw_glasses(rng, sunglasses=False)] if rng.random() < _GLASSES else []
        return tuple(worn + ([draw_hat(rng)] if rng.random() < _HAT else []))
    looks: list[OccluderLook] = []
    names, shares = list(_COVERING), np.array(list(_COVERING.values()))
    chosen = rng.choice(len(names), 2 if rng.random() < 0.2 else 1, replace=False, p=shares / shares.sum())
    looks += [_covering(rng, names[index]) for index in chosen]
    if not any(look.name == "sunglasses" for look in looks) and rng.random() < _GLASSES_OCCLUDED:
        looks.append(draw_glasses(rng, sunglasses=False))
    if len(looks) < 3 and rng.random() < _HAT_OCCLUDED:
        looks.append(draw_hat(rng))
    return tuple(looks)


def _covering(rng: np.random.Generator, name: str) -> OccluderLook:
    if name == "sunglasses":
        return draw_glasses(rng, sunglasses=True)
    return draw_face_mask(rng)


def is_unoccluded(looks: Sequence[OccluderLook]) -> bool:
    """Whether the face is free: clear glasses and hats are accessories."""
    return not any(look.covers_face for look in looks)
