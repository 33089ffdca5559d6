"""What a person's look and grooming make of the chart's channels: one matrix from channels to quantities."""

from __future__ import annotations

import numpy as np

from shared.synthetic.face.charts import CHANNELS
from shared.synthetic.face.look import Grooming, SkinLook
from shared.synthetic.scene.person import Traits

# Melanin and blood in the units of `tones`; slopes along +u and +v; share of hairs; light kept away; make-up and its
# colour times share.
QUANTITIES = (
    "melanin", "blood", "rough", "slope_u", "slope_v", "freckles", "hairs", "dark", "paint", "red", "green", "blue",
)  # fmt: skip
_PAINT = ("paint", "red", "green", "blue")
_PHOTO_SHARE = 0.3  # of lips, redness and so on that is painted over a photographed skin, which has its own
_LASH_ROOTS = 0.4  # darkness of the lids' rims without make-up
_EYELINER_RGB = (0.012, 0.010, 0.010)


def skin_mixing(look: SkinLook, traits: Traits, grooming: Grooming) -> np.ndarray:
    """(17, 12) float32: from the chart's channels, 0 to 255, and 1, to `QUANTITIES`."""
    table = np.zeros((len(CHANNELS) + 1, len(QUANTITIES)))

    def add(channel: str, quantity: str, amount: float) -> None:
        table[CHANNELS.index(channel), QUANTITIES.index(quantity)] += amount

    def always(quantity: str, amount: float) -> None:
        table[-1, QUANTITIES.index(quantity)] += amount

    own = 1.0 if look.photo is None else _PHOTO_SHARE
    even = 1 - grooming.foundation
    add("cheeks", "blood", own * even * look.redness[0] + grooming.blush)
    add("nose", "blood", own * even * look.redness[1])
    add("sockets", "melanin", own * even * look.sockets)
    add("sockets", "blood", own * even * (0.04 + 0.3 * look.sockets))
    add("under_eye", "melanin", own * even * look.under_eye)
    add("under_eye", "blood", own * even * look.under_eye)
    add("lips", "blood", own * look.lips_blood)
    add("lips", "melanin", own * look.lips_melanin)
    add("lower_lip", "melanin", -0.5 * own * look.lips_melanin)
    add("mouth_line", "blood", 0.3)
    add("mouth_line", "melanin", 0.12)
    add("folds", "melanin", 0.08 * look.wrinkles)
    add("folds", "blood", 0.10 * look.wrinkles)
    add("freckles", "freckles", own * even * look.freckle_melanin)
    always("blood", grooming.flush)

    always("rough", 0.56 - 0.12 * look.oil - 0.16 * grooming.wet + 0.05 * grooming.foundation)
    add("shine", "rough", -(0.05 + 0.12 * look.oil) * even)
    add("lips", "rough", -0.08 - 0.14 * grooming.lip_gloss)
    add("mouth_line", "dark", 0.6)
    add("folds", "dark", 0.35 * look.wrinkles)
    slopes = (("fold_x", "slope_u", look.wrinkles), ("fold_y", "slope_v", look.wrinkles), ("lip_x", "slope_u", 0.45))
    for channel, quantity, amount in slopes:
        add(channel, quantity, 2 * amount)
        always(quantity, -2 * amount * 128 / 255)  # the code of a slope of zero

    stubble = 0.62 * traits.beard / 0.35 if traits.beard < 0.35 else 0.5
    add("beard", "hairs", stubble * (1 - 0.55 * float(np.mean(traits.hair_rgb))))
    for channel, strength, colour in (
        ("lips", 0.85 * grooming.lipstick, grooming.lipstick_rgb),
        ("shadow", grooming.shadow, grooming.shadow_rgb),
        ("liner", _LASH_ROOTS + (0.9 - _LASH_ROOTS) * grooming.liner, _EYELINER_RGB),
    ):
        for quantity, value in zip(_PAINT, (1.0, *colour), strict=True):
            add(channel, quantity, strength * value)
    table[:-1] /= 255
    return table.astype(np.float32)
