"""Which vertices of a head the inverse map covers: over all its skin, densest where it moves, in mirror pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.schema import FlameAssets
from shared.flame.segmentation import FACE_PARTS, face_parts

_INSIDE = ("eyes", "sockets", "mouth_interior", "teeth", "tongue")  # seldom seen, or not fixed to the skin
_FACE_DENSITY = 2.0  # points a length on the face against those elsewhere
_EXPRESSIVE_DENSITY = 4.0  # on lids, brows and lips, where expressions are
_EXPRESSIVE = ("left_eye", "right_eye", "left_brow", "right_brow", "mouth")


def spread_vertices(assets: FlameAssets, count: int) -> Tensor:
    """(count,) int64 vertices in rising order, closed under the head's mirror.

    Farthest-point sampling on one half of the template; each choice brings its mirror partner. ValueError if the head
    knows no mirror, or has fewer vertices of skin than asked for.
    """
    if assets.mirror is None:
        raise ValueError(f"head {assets.name!r} has no mirror, which spread_vertices needs")
    skin = torch.ones(assets.n_vertices, dtype=torch.bool)
    for name in _INSIDE:
        if name in assets.regions:
            skin &= ~assets.regions[name]
    skin &= skin[assets.mirror]
    vertex = torch.arange(assets.n_vertices)
    half = (skin & (vertex <= assets.mirror)).nonzero()[:, 0]  # one of each pair, and the midline
    if int(skin.sum()) < count:
        raise ValueError(f"head {assets.name!r} has {int(skin.sum())} vertices of skin, {count} were asked for")
    density = torch.ones(assets.n_vertices)
    if "face" in assets.regions:
        density[assets.regions["face"]] = _FACE_DENSITY
    if "mediapipe" in assets.landmarks:
        known, embedding = mediapipe_embedding(assets)
        part = face_parts(assets, known, embedding.positions(assets.v_template, assets.faces))
        density[torch.isin(part, torch.tensor([FACE_PARTS.index(name) for name in _EXPRESSIVE]))] = _EXPRESSIVE_DENSITY
    places = assets.v_template[half]
    weight = density[half]
    chosen: list[int] = []
    distance = torch.full((len(half),), torch.inf)
    row = int(places[:, 2].argmax())  # the tip of the nose
    while len(chosen) < count:
        partners = {int(half[row]), int(assets.mirror[half[row]])}
        if len(chosen) + len(partners) <= count:
            chosen.extend(partners)
        distance = torch.minimum(distance, (places - places[row]).norm(dim=1))
        distance[row] = 0
        if len(chosen) == count - 1:  # a place for one is left: only the midline can fill it
            distance = torch.where(assets.mirror[half] == half, distance, 0)
            if not bool((distance > 0).any()):
                raise ValueError(f"{count} vertices cannot be chosen as mirror pairs; ask for {count + 1}")
        row = int((distance * weight).argmax())
    return torch.tensor(sorted(chosen))
