"""Everything about a person that stays from picture to picture."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from shared.flame.model import FlameModel
from shared.synthetic.face.look import FaceLook
from shared.synthetic.hair.styles import HairLook
from shared.synthetic.makehuman.library import MakeHumanLibrary
from shared.synthetic.pose.identity import draw_identity
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.streams import stream

_MODELLED_HAIR = 0.5  # share of people with MakeHuman's hair, and with its brows, where there is a library
_MODELLED_BROWS = 0.35


@dataclass(frozen=True, eq=False)
class Person:
    """One person of a series."""

    shape: Tensor  # (S,) identity codes
    traits: Traits
    face: FaceLook
    hair: HairLook  # procedural; also what is seen under a hat
    modelled_hair: str | None  # MakeHuman's in its place
    modelled_brows: str | None
    modelled_lashes: str | None

    @staticmethod
    def draw(seed: int, number: int, model: FlameModel, library: MakeHumanLibrary | None) -> Person:
        """The person ``number`` of the series ``seed``, the same with every call."""
        traits = Traits.draw(stream(seed, number, "traits"))
        skins, irises = (len(library.skins), len(library.irises)) if library else (0, 0)
        return Person(
            shape=draw_identity(model, stream(seed, number, "identity")),
            traits=traits,
            face=FaceLook.draw(stream(seed, number, "face"), traits, skins, irises),
            hair=HairLook.draw(stream(seed, number, "hair"), traits),
            modelled_hair=_pick(seed, number, "modelled hair", library.hair if library else (), _MODELLED_HAIR),
            modelled_brows=_pick(seed, number, "modelled brows", library.brows if library else (), _MODELLED_BROWS),
            modelled_lashes=_pick(seed, number, "modelled lashes", library.lashes if library else (), _MODELLED_BROWS),
        )


def _pick(seed: int, number: int, aspect: str, names: tuple[str, ...], share: float) -> str | None:
    """One of ``names`` in that share of all cases."""
    rng = stream(seed, number, aspect)
    return names[rng.integers(len(names))] if names and rng.random() < share else None
