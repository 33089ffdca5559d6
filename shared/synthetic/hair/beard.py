"""Moustaches and beards with volume: shells on the skin of the jaw, which move with it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.flame.landmarks import OUTER_LIPS
from shared.flame.schema import FlameAssets
from shared.synthetic.hair.fur import Patch
from shared.synthetic.hair.skull import Chart, skin_faces, toward
from shared.synthetic.hair.textures import flow_streaks
from shared.synthetic.hair.thinning import as_bytes, frayed, shell_cover
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import PosedHead, Surface

_SIDE = 512
_CHART = Chart((0.0, -0.529999, 0.847999), (0.0, 0.847999, 0.529999), 2.1)
_LEAST = 0.4
_LIPS_CLEAR = 0.02  # radians, about 1 mm

# Outlines by MediaPipe's points on the subject's right, from the sideburn or the nose; the left is their mirror image.
_CHEEK = (127, 234, 137, 177, 215, 138, 135, 214, 212, 57)
_JAW = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152)
_MOUSTACHE = (2, 97, 98, 203, 206, 216, 212, 57, 61, 185, 40, 39, 37, 0)
_CHIN = (0, 37, 39, 40, 185, 61, 57, 212, 214, 135, 170, 171, 175)
_UNDER_JAW_M = (0.0, -0.016, -0.028)


@dataclass(frozen=True, eq=False)
class BeardMaker:
    """Static."""

    patch: Patch
    cuts: tuple[np.ndarray, ...]  # (_SIDE, _SIDE) float32: distance inside each cut, radians
    streaks: np.ndarray  # (_SIDE, _SIDE) uint8
    ragged: np.ndarray  # (_SIDE, _SIDE) float32: how edges fray

    @staticmethod
    def of(assets: FlameAssets) -> BeardMaker:
        """KeyError if the head has no "mediapipe" landmarks or no region "lips"."""
        marks = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
        lips = assets.region("lips").to(assets.v_template.device)
        centre = _centre(marks)
        cuts = _cuts(marks.cpu(), centre.cpu())
        faces = skin_faces(assets)
        faces = faces[~lips[faces].any(1)]
        streaks = flow_streaks(_chart_flow(), 81, 0.8, 9)
        return BeardMaker(
            Patch.of(assets, _CHART, centre, faces, cuts[0] + 0.05),
            cuts,
            as_bytes(streaks),
            1.5 * (streaks - 0.5),
        )

    def surfaces(self, head: PosedHead, traits: Traits, seed: int, tint: tuple[float, float, float]) -> list[Surface]:
        """Shells of the beard; none where ``traits.beard`` is below 0.4. The cut follows from ``seed``."""
        if traits.beard <= _LEAST:
            return []
        rng = np.random.default_rng([seed, 82])
        cut = self.cuts[rng.choice(len(self.cuts), p=(0.6, 0.25, 0.15))]
        strength = (traits.beard - _LEAST) / (1 - _LEAST)
        longest = 0.003 + 0.015 * strength * rng.uniform(0.6, 1.1)
        red, green, blue = (min(0.85 * c * t, 0.8) for c, t in zip(traits.hair_rgb, tint, strict=True))
        rgb = (red, green, blue)
        at = (self.patch.vertex_uv * _SIDE).astype(int).clip(0, _SIDE - 1)
        inside = cut[at[:, 1], at[:, 0]]
        length = longest * (inside / 0.22).clip(0.12, 1)
        height = torch.from_numpy(length.astype(np.float32)).to(head.verts_m)
        flow = self.patch.combed(head, downward(self.patch.flow_from))
        edge = frayed(cut, rng.uniform(0.035, 0.07), self.ragged)
        tone = 0.68 + 0.4 / 255 * torch.from_numpy(self.streaks).to(head.verts_m)
        shells = int(np.clip(longest / 0.0017, 3, 8))
        out = []
        for k in range(shells + 1):
            share = k / shells
            cover = shell_cover(edge, self.streaks, 0.8 * share - 0.12, 0.5 * share)
            comb = (0.9 * share * height)[:, None] * flow + 1e-4 * flow
            height_m = 0.0006 + 0.8 * share * height
            light, shadow = 0.5 + 0.5 * share, k == shells // 2
            out.append(self.patch.shell(head, f"beard {k}", height_m, comb, cover, rgb, tone, light, shadow))
        return out


def downward(directions: Tensor) -> Tensor:
    """(U, 3) tangents: how a beard grows, down and outwards from the middle."""
    sideways = directions[:, :1] * directions.new_tensor([[0.9, 0.0, 0.0]])
    down = toward(directions, (0.0, -1.0, 0.0)) + sideways
    return torch.nn.functional.normalize(down - directions * (down * directions).sum(1, keepdim=True), dim=1)


def _centre(marks: Tensor) -> Tensor:
    """(3,) inside the mouth, behind the lips."""
    return torch.stack([0 * marks[13, 0], marks[13, 1] + 0.005, marks[234, 2] - 0.01])


def _cuts(marks: Tensor, centre: Tensor) -> tuple[np.ndarray, ...]:
    """Full beard, goatee, moustache: signed distance inside, the lips left out."""

    def uv(points: Tensor) -> np.ndarray:
        return _CHART.uv(torch.nn.functional.normalize(points - centre, dim=1)).numpy()

    # Nothing below the ear, all of it below the chin.
    share = torch.linspace(0, 1, len(_JAW))[:, None] ** 0.8
    under = uv(marks[list(_JAW)] + share * marks.new_tensor(_UNDER_JAW_M))

    def outline(points: np.ndarray) -> np.ndarray:
        return np.concatenate([points, points[::-1] * [-1, 1] + [1, 0]])

    def filled(*polygons: np.ndarray) -> np.ndarray:
        mask = np.zeros((_SIDE, _SIDE), np.uint8)
        for polygon in polygons:
            cv2.fillPoly(mask, [np.round(polygon * _SIDE * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
        return mask

    cheek = uv(marks[list(_CHEEK)])
    moustache, chin = outline(uv(marks[list(_MOUSTACHE)])), outline(uv(marks[list(_CHIN)]))
    full = outline(np.concatenate([cheek[::-1], under]))
    lips = _distance(filled(uv(marks[list(OUTER_LIPS)])))
    masks = (filled(full, moustache, chin), filled(moustache, chin), filled(moustache))
    return tuple(np.minimum(_distance(mask), -lips - _LIPS_CLEAR).astype(np.float32) for mask in masks)


def _distance(mask: np.ndarray) -> np.ndarray:
    """Signed distance inside, radians."""
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    return cv2.GaussianBlur(distance, (0, 0), 1.5) * (2 * _CHART.reach / _SIDE)


def _chart_flow() -> np.ndarray:
    directions = torch.from_numpy(_CHART.directions(_SIDE)).reshape(-1, 3)
    step = torch.nn.functional.normalize(directions + 0.01 * downward(directions), dim=1)
    flow = (_CHART.uv(step) - _CHART.uv(directions)).numpy().reshape(_SIDE, _SIDE, 2)
    return (flow / np.linalg.norm(flow, axis=-1, keepdims=True).clip(1e-9)).astype(np.float32)
