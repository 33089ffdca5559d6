"""A set with truth whose pictures nobody looks at, and methods that know the answer; all made in no time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.faces import FaceMesh, TrueFace, skin_samples
from shared.evaluate.groups import PORTRAIT_DIMENSIONS
from shared.evaluate.protocol import Method, Picture, Reconstruction
from shared.evaluate.truth_set import INNER, BenchmarkItem, TrueHead, TrueLandmarks, TruthSet
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.synthetic.scene.portrait import PortraitFacts

SIDE = 96


@cache
def model() -> FlameModel:
    """The open head."""
    return FlameModel(load_flame())


def facts(index: int = 0, **changes: object) -> PortraitFacts:
    """Plain ones; two pictures a person."""
    plain = PortraitFacts(
        seed=5, index=index, person=index // 2, kind="posed", yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0,
        expression_mm=1.0, occluded=0.0, skin_tone_deg=30.0, focal_35mm=50.0, hair="cap", occluders=("hat",),
        light="key", background="room",
    )  # fmt: skip
    return replace(plain, **changes)


def params(index: int) -> FlameParams:
    """A head of its own, half a metre away, its mouth open."""
    rng = np.random.default_rng([9, index])
    shape = torch.tensor(0.8 * rng.normal(size=model().n_shape), dtype=torch.float32)
    return replace(
        model().neutral_params(),
        shape=shape,
        jaw=torch.tensor([0.2, 0.0, 0.0]),
        global_rot=torch.tensor([0.0, 0.1 * index, 0.0]),
        translation=torch.tensor([0.0, 0.0, -0.5]),
    )


def item(index: int) -> BenchmarkItem:
    """Its red value is its number."""
    image = np.full((SIDE, SIDE, 3), (index, 90, 120), np.uint8)
    camera = Camera.at_origin(torch.tensor(160.0), (SIDE, SIDE))
    posed, neutral = meshes(index)
    inner = camera.project(mediapipe_points(posed))[list(INNER)]
    truth = TrueHead(true_face(posed), true_face(neutral), TrueLandmarks(INNER, inner, 30.0))
    return BenchmarkItem(image, camera, truth, asdict(facts(index, yaw_deg=25.0 * index)))


@cache
def meshes(index: int) -> tuple[Tensor, Tensor]:
    """Posed and neutral vertices of that head."""
    with torch.no_grad():
        neutral = replace(model().neutral_params(), shape=params(index).shape)
        return model()(params(index)).verts_m, model()(neutral).verts_m


def mediapipe_points(verts_m: Tensor) -> Tensor:
    """(478, 3)."""
    return model().assets.landmarks["mediapipe"].positions(verts_m, model().faces)


def true_face(verts_m: Tensor) -> TrueFace:
    """The skin of a head."""
    return TrueFace.of_head(verts_m, model().assets, skin_samples(model().assets))


def plain(count: int = 3) -> TruthSet:
    """Three pictures."""
    ids = tuple(f"{index}/x" for index in range(count))
    return TruthSet(f"plain-{count}", ids, item, PORTRAIT_DIMENSIONS, model().assets, of_samples=True)


def reconstruct(picture: Picture) -> Reconstruction:
    """The truth itself, in a frame of its own: turned, and somewhere else."""
    index = int(picture.image[0, 0, 0])
    posed, neutral = meshes(index)
    camera = Camera.at_origin(torch.tensor(160.0), (SIDE, SIDE))
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    elsewhere = posed @ turn.T + torch.tensor([1.0, 2.0, 3.0])
    return Reconstruction(
        FaceMesh.of_head(elsewhere, model().assets),
        FaceMesh.of_head(neutral, model().assets),
        camera.project(mediapipe_points(posed)),
    )


def perfect() -> Method:
    """Knows the answer."""
    return reconstruct


def moody() -> Method:
    """Right on the first picture, finds nothing on the second, breaks on the third, then gives nonsense."""

    def no_face(picture: Picture) -> None:
        return None

    def breaks(picture: Picture) -> Reconstruction:
        raise RuntimeError("out of\nluck")

    def nonsense(picture: Picture) -> Reconstruction:
        good = reconstruct(picture)
        return replace(good, posed=replace(good.posed, verts_m=good.posed.verts_m * torch.nan))

    moods: list[Callable[[Picture], Reconstruction | None]] = [reconstruct, no_face, breaks, nonsense]
    return lambda picture: moods[int(picture.image[0, 0, 0])](picture)


def of_red() -> Method:
    """A head for photos that are not black, as far red as they are."""

    def method(picture: Picture) -> Reconstruction | None:
        return None if picture.image.max() < 20 else reconstruct(Picture("", np.zeros((1, 1, 3), np.uint8), None))

    return method
