"""Lashes: ribbons along the rims of the lids, see-through between the hairs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.flame.landmarks import RIGHT_LIDS
from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.flame.segmentation import Part
from shared.geometry.meshes import unit, vertex_normals
from shared.synthetic.face.noise import strand_tile
from shared.synthetic.face.pen import Pen, smooth_curve
from shared.synthetic.face.window import locate
from shared.synthetic.scene.scene import Hits, PosedHead, Shading, Surface

_ALONG = 17  # vertices along a lid
_RINGS = (0.0, 0.4, 0.75, 1.0)  # from root to tip
_UPPER_M, _LOWER_M = 0.0054, 0.0018
_STEPS = 40  # in which the lid's edge is looked for
_FORWARD = 0.35  # cosine between the lid's surface and the way out of the eye, from which on it faces forward
# Right eye: the landmarks beyond those of ``RIGHT_LIDS[:9]``, and beyond the lower lid's.
_UPPER_BEYOND = (33, 247, 30, 29, 27, 28, 56, 190, 133)
_LOWER_BEYOND = (133, 112, 26, 22, 23, 24, 110, 25, 33)
_REPEATS = 2.0
_TEXEL_M = 0.00012  # what a texel spans along the lid
_BLURS = (1.2, 3.0)  # texels a sub-pixel, from which on the cover is blurred by as many


@dataclass(frozen=True, eq=False)
class LashCards:
    """Texture and triangles, the same for everyone."""

    covers: tuple[Tensor, ...]  # (h, w) uint8 each: hair by hair, and blurred for smaller pictures
    faces: Tensor  # (F, 3) of four ribbons
    uv: Tensor  # (F, 3, 2)
    roots: LandmarkEmbedding  # (36) the right eye's upper and lower lid, then the left's

    @staticmethod
    def of(assets: FlameAssets, pen: Pen) -> LashCards:
        """Build them on the device of a head. ``pen`` knows its landmarks."""
        rows = len(_RINGS)
        column, ring = np.meshgrid(np.arange(_ALONG - 1), np.arange(rows - 1), indexing="ij")
        first = (column * rows + ring).reshape(-1)
        quads = np.stack([first, first + rows, first + rows + 1, first, first + rows + 1, first + 1], 1).reshape(-1, 3)
        faces = np.concatenate([quads + ribbon * _ALONG * rows for ribbon in range(4)])
        u = np.repeat(np.linspace(0, _REPEATS, _ALONG), rows)
        v = np.tile(0.99 - 0.98 * np.array(_RINGS), _ALONG)
        uv = np.tile(np.stack([u, v], 1), (4, 1)).astype(np.float32)
        sharp = strand_tile(seed=301, count=52, size=(48, 128), lean=0.0)
        covers = [sharp, *(_blurred(sharp, scale) for scale in _BLURS)]
        device = assets.v_template.device
        roots = _lid_edges(assets, pen)
        return LashCards(
            covers=tuple(torch.from_numpy(cover).to(device) for cover in covers),
            faces=torch.from_numpy(faces).to(device),
            uv=torch.from_numpy(uv[faces]).to(device),
            roots=LandmarkEmbedding(roots.face_index.to(device), roots.barycentric.to(device)),
        )


@dataclass(frozen=True, eq=False)
class LashMaterial:
    """One colour."""

    rgb: Tensor  # (3,)

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places."""
        return Shading(self.rgb.expand(len(hits.pixel_m), 3), specular=0.02, roughness=0.6, occlusion=0.7)


def lashes(cards: LashCards, head: PosedHead, length: float, mascara: float, hair_rgb: tuple[float, ...]) -> Surface:
    """The four rows of lashes of a posed head; ``length`` 1 is usual."""
    edges = cards.roots.positions(head.verts_m, head.assets.faces).reshape(4, -1, 3)
    up = head.T_world_skull[:3, 1]
    reach_m = length * (1 + 0.25 * mascara)
    ribbons = [
        _ribbon(edge, head.joints_m[eye], lift, reach_m * usual_m)
        for edge, eye, lift, usual_m in zip(
            edges, (4, 4, 3, 3), (up, -up, up, -up), (_UPPER_M, _LOWER_M, _UPPER_M, _LOWER_M), strict=True
        )
    ]
    pixel_m = float(head.joints_m[3:5].norm(dim=1).mean() / head.camera.focal_px[0]) / 2  # of sub-pixels
    texels = pixel_m / _TEXEL_M
    colour = np.minimum(np.array(hair_rgb) * 0.35, 0.05) * (1 - 0.8 * mascara) + 0.006
    return Surface(
        name="lashes",
        verts_m=torch.cat(ribbons),
        faces=cards.faces,
        part=Part.HAIR,
        material=LashMaterial(head.verts_m.new_tensor(colour)),
        uv=cards.uv,
        cover=cards.covers[sum(texels > blur for blur in _BLURS)],
        casts_shadow=False,
    )


def _blurred(cover: np.ndarray, texels: float) -> np.ndarray:
    """Averaged along the lid: single hairs would be specks where they are finer than the pixels."""
    width = cover.shape[1]
    return cv2.GaussianBlur(np.tile(cover, (1, 3)), (0, 0), texels, sigmaY=1.0)[:, width : 2 * width].copy()


def _ribbon(edge: Tensor, centre: Tensor, lift: Tensor, length_m: float) -> Tensor:
    """(17 * 4, 3) from the lid's edge (9, 3) forward, curling along ``lift``; shorter at the ends of the lid."""
    curve = smooth_curve(edge.cpu().numpy(), 8)[:: 64 // (_ALONG - 1)]
    root = torch.from_numpy(curve).to(edge)
    outward = unit(root - centre)
    along = torch.linspace(-1, 1, len(root), device=edge.device)[:, None]
    fan = unit(edge[-1] - edge[0]) * along  # away from the middle of the lid
    reach = length_m * (0.4 + 0.6 * torch.cos(0.45 * torch.pi * along))
    rings = [
        root + reach * (ring * unit(outward + 0.4 * fan) + (0.05 * ring + 0.35 * ring**2) * lift) for ring in _RINGS
    ]
    return torch.stack(rings, 1).reshape(-1, 3)


def _lid_edges(assets: FlameAssets, pen: Pen) -> LandmarkEmbedding:
    """Roots of the lashes: 9 on each lid, in the order of the ribbons.

    The landmarks of a lid are where it touches the eye. From there the surface runs over the lid's rim to its front;
    lashes grow where it turns forward.
    """
    lids = ((RIGHT_LIDS[:9], _UPPER_BEYOND), ((*RIGHT_LIDS[8:], RIGHT_LIDS[0]), _LOWER_BEYOND))
    rims = np.concatenate([[side(lid[0]) for lid in lids] for side in pen.sides]).reshape(-1)
    beyond = np.concatenate([[side(lid[1]) for lid in lids] for side in pen.sides]).reshape(-1)
    share = np.linspace(0, 2, _STEPS)[:, None, None]
    path = pen.window.uv(pen.points[rims] * (1 - share) + pen.points[beyond] * share)  # (steps, 36, 2)
    face, weights = locate(torch.from_numpy(path.reshape(-1, 2)), assets.uv[assets.uv_faces].cpu())
    places = LandmarkEmbedding(face, weights).positions(assets.v_template.cpu(), assets.faces.cpu())
    normals = vertex_normals(assets.v_template, assets.faces).cpu()[assets.faces.cpu()[face]]
    normals = unit((normals * weights[..., None]).sum(1)).reshape(_STEPS, -1, 3)
    centres = (assets.joint_regressor[[4, 3]] @ assets.v_template).cpu().repeat_interleave(len(rims) // 2, 0)
    forward = (normals * unit(places.reshape(_STEPS, -1, 3) - centres)).sum(2)
    first = torch.minimum(forward, forward.new_tensor(_FORWARD)).argmax(0).reshape(4, -1)
    first = first.median(1, keepdim=True).values.expand_as(first).reshape(-1)  # one for each lid: a calm line
    chosen = first * len(rims) + torch.arange(len(rims))
    return LandmarkEmbedding(face[chosen], weights[chosen])
