"""Pictures whose geometry is known, and that geometry as the metrics take it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.faces import TrueFace
from shared.evaluate.groups import Dimension
from shared.flame.landmarks import FACE_OVAL, N_MEDIAPIPE, OUTER_EYE_CORNERS
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.geometry.camera import Camera
from shared.synthetic.scene.portrait import Portrait

# The oval's points slide along the contour as the head turns: no two detectors mean the same by them.
INNER = tuple(sorted(set(range(N_MEDIAPIPE)) - set(FACE_OVAL)))


@dataclass(frozen=True, eq=False)
class TrueLandmarks:
    """Where some of MediaPipe's landmarks truly are in the picture."""

    rows: tuple[int, ...]  # of the 478
    points_px: Tensor  # (L, 2)
    eye_distance_px: float  # of the outer eye corners, as long as it would be if the face looked at the camera


@dataclass(frozen=True, eq=False)
class TrueHead:
    """The geometry behind one picture: points of skin, whatever they were measured with."""

    posed: TrueFace  # in the frame of the camera's world
    neutral: TrueFace | None  # the same person at rest, in any frame
    landmarks: TrueLandmarks | None

    @staticmethod
    def of_portrait(portrait: Portrait, model: FlameModel, samples: LandmarkEmbedding) -> TrueHead:
        """``samples`` as of `skin_samples` of the model's head."""
        truth = portrait.truth
        with torch.no_grad():
            verts = model(truth.params).verts_m
            neutral = model(replace(model.neutral_params(), shape=truth.params.shape)).verts_m
        assets = model.assets
        corners = assets.landmarks["mediapipe"].positions(verts, assets.faces)[list(OUTER_EYE_CORNERS)]
        return TrueHead(
            TrueFace.of_head(verts, assets, samples),
            TrueFace.of_head(neutral, assets, samples),
            TrueLandmarks(INNER, truth.landmarks_px[list(INNER)], eye_distance_px(corners, truth.camera)),
        )


@dataclass(frozen=True, eq=False)
class BenchmarkItem:
    """One picture and what is true of it."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    camera: Camera | None  # None: not known
    truth: TrueHead
    facts: Mapping[str, Any]  # JSON values: "person", whom it shows, and what the set's dimensions group by
    placed: bool = True  # whether the posed truth is where the camera sees it

    @staticmethod
    def of(portrait: Portrait, model: FlameModel, samples: LandmarkEmbedding) -> BenchmarkItem:
        """Leaves out the maps, which no metric here needs. Arguments as of `TrueHead.of_portrait`."""
        truth = TrueHead.of_portrait(portrait, model, samples)
        return BenchmarkItem(portrait.image, portrait.truth.camera, truth, asdict(portrait.facts))


@dataclass(frozen=True, eq=False)
class TruthSet:
    """A list of pictures with truth; each is made or read when it is asked for."""

    id: str  # equal for equal pictures
    ids: tuple[str, ...]  # of the pictures
    item: Callable[[int], BenchmarkItem]  # by place in ``ids``
    dimensions: tuple[Dimension, ...]  # by what its results are split
    head: FlameAssets  # on which mean errors are painted
    # Whether each true face is `skin_samples` of ``head``; of other points, the nearest sample is painted.
    of_samples: bool


def eye_distance_px(corners_m: Tensor, camera: Camera) -> float:
    """Distance of the outer eye corners (2, 3), world, as long in pixels as if they were at one depth."""
    depth_m = camera.world_to_cam(corners_m)[:, 2].mean()
    return float((corners_m[0] - corners_m[1]).norm() / depth_m * camera.focal_px.mean())
