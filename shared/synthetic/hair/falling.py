"""Hair that falls or is tied: which sheets and locks it is made of, head frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.synthetic.hair.drape import bun_curves, drape_curves, fringe_curves, gather_curves, tail_curves
from shared.synthetic.hair.locks import layer, locks
from shared.synthetic.hair.ribbons import Strands, joined, sheet
from shared.synthetic.hair.skull import Skull
from shared.synthetic.hair.styles import Drape, Gather, HairLook
from shared.synthetic.hair.textures import StrandTexture, sheet_texture, tuft_texture

_TILE_M, _BUN_TILE_M = 0.09, 0.05  # width of the strands' tile on a sheet
_LOCKS, _FRINGE_LOCKS, _GATHERED_LOCKS, _TAIL_LOCKS = 150, 30, 70, 90
_HAT_EDGE_DEG = -12.0  # a hat leaves no room for a bun or a tail above


@dataclass(frozen=True, eq=False)
class StrandTextures:
    """What hair is cut out of. Static."""

    dense: StrandTexture  # for sheets that hide what is below
    sparse: StrandTexture  # for sheets of single strands
    tuft: StrandTexture  # for ribbons

    @staticmethod
    def of(device: torch.device) -> StrandTextures:
        """Draw them."""
        return StrandTextures(
            sheet_texture(74, 1.0, 0.16).to(device),
            sheet_texture(75, 0.45, 0.3).to(device),
            tuft_texture(76).to(device),
        )


@dataclass(frozen=True, eq=False)
class Body:
    """One mesh of hair."""

    name: str
    strands: Strands
    texture: StrandTexture
    casts_shadow: bool


def draped(
    skull: Skull, drape: Drape, look: HairLook, textures: StrandTextures, rng: np.random.Generator
) -> list[Body]:
    """Hair that falls from a parting: two full sheets, single strands above them, and locks."""
    curves = drape_curves(skull, drape, look.side, 0.014 * look.volume, rng)
    inner, outer = (layer(skull, curves, drape.curl_m, lift, 1.0, rng) for lift in (-0.005, 0.0))
    thin = layer(skull, outer, 0.0, 0.0015, 0.3, rng)
    full = [
        sheet(inner, _light(inner, 0.35, 0.5), _TILE_M, 0.0),
        sheet(outer, _light(outer, 0.6, 1.0), _TILE_M, 0.3),
    ]
    ribbons = [locks(skull, outer, _LOCKS, rng)]
    if drape.fringe > 0:
        _add_fringe(full, ribbons, skull, drape.fringe, 0.12 * look.side if drape.parting_deg else 0.0, look, rng)
    return [
        Body("hair", joined(full), textures.dense, True),
        Body("loose hair", sheet(thin, _light(thin, 0.7, 1.0), _TILE_M, 0.6), textures.sparse, False),
        Body("locks", joined(ribbons), textures.tuft, False),
    ]


def gathered(
    skull: Skull, gather: Gather, look: HairLook, textures: StrandTextures, rng: np.random.Generator, under_hat: bool
) -> list[Body]:
    """Hair combed to one place at the back, with its bun or tail."""
    curves = gather_curves(skull, gather, 0.006 * look.volume)
    full = [sheet(curves, _light(curves, 0.85, 0.9), _TILE_M, 0.0)]
    ribbons = [locks(skull, curves, _GATHERED_LOCKS, rng)]
    if not (under_hat and gather.elevation_deg > _HAT_EDGE_DEG):
        if gather.bun_m:
            knot = bun_curves(skull, gather)
            full.append(sheet(knot, _light(knot, 0.8, 0.8), _BUN_TILE_M, 0.2))
        if gather.tail_m:
            ribbons.append(locks(skull, tail_curves(skull, gather, _TAIL_LOCKS, rng), _TAIL_LOCKS, rng))
    if gather.fringe > 0:
        _add_fringe(full, ribbons, skull, gather.fringe, 0.1 * look.side, look, rng)
    return [Body("hair", joined(full), textures.dense, True), Body("locks", joined(ribbons), textures.tuft, False)]


def _add_fringe(
    full: list[Strands],
    ribbons: list[Strands],
    skull: Skull,
    fringe: float,
    sweep: float,
    look: HairLook,
    rng: np.random.Generator,
) -> None:
    front = fringe_curves(skull, fringe, sweep, 0.004 * look.volume, rng)
    full.append(sheet(front, _light(front, 0.6, 1.0), _TILE_M, 0.1))
    ribbons.append(locks(skull, front, _FRINGE_LOCKS, rng))


def _light(curves: Tensor, root: float, tip: float) -> Tensor:
    """(S, T) light that gets to a sheet's curves."""
    return torch.linspace(root, tip, curves.shape[1], device=curves.device).expand(curves.shape[:2])
