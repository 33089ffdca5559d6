"""Pictures whose geometry is known, and that geometry as the metrics take it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.faces import TrueFace
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.geometry.camera import Camera
from shared.synthetic.portrait import Portrait, PortraitFacts


@dataclass(frozen=True, eq=False)
class BenchmarkItem:
    """One picture and what is true of it."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    params: FlameParams  # without leading dimensions
    camera: Camera
    landmarks_px: Tensor  # (478, 2)
    facts: PortraitFacts

    @staticmethod
    def of(portrait: Portrait) -> BenchmarkItem:
        """Leaves out the maps, which no metric here needs."""
        truth = portrait.truth
        return BenchmarkItem(portrait.image, truth.params, truth.camera, truth.landmarks_px, portrait.facts)


@dataclass(frozen=True, eq=False)
class TruthSet:
    """A list of pictures with truth; each is made or read when it is asked for."""

    id: str  # equal for equal pictures
    model: FlameModel  # whose codes the truth is in
    ids: tuple[str, ...]  # of the pictures
    item: Callable[[int], BenchmarkItem]  # by place in ``ids``


@dataclass(frozen=True, eq=False)
class TrueHead:
    """The geometry behind one picture."""

    verts_m: Tensor  # (V, 3) world, posed
    posed: TrueFace  # world
    neutral: TrueFace  # head frame, the identity alone
    eye_distance_px: float  # of the outer eye corners, were they seen from straight ahead

    @staticmethod
    def of(item: BenchmarkItem, model: FlameModel, samples: LandmarkEmbedding) -> TrueHead:
        """``samples`` as of `skin_samples` of the model's head."""
        with torch.no_grad():
            verts = model(item.params).verts_m
            neutral = model(replace(model.neutral_params(), shape=item.params.shape)).verts_m
        assets = model.assets
        return TrueHead(
            verts,
            TrueFace.of_head(verts, assets, samples),
            TrueFace.of_head(neutral, assets, samples),
            _eye_distance_px(verts, assets, item.camera),
        )


def _eye_distance_px(verts_m: Tensor, assets: FlameAssets, camera: Camera) -> float:
    corners = assets.landmarks["mediapipe"].positions(verts_m, assets.faces)[list(OUTER_EYE_CORNERS)]
    depth_m = camera.world_to_cam(corners)[:, 2].mean()
    return float((corners[0] - corners[1]).norm() / depth_m * camera.focal_px.mean())
