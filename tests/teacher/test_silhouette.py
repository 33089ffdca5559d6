"""The silhouette of a rendered head: its points lie on the outline, and pull the rim of the mean head there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.face_crop import face_crop
from shared.render.maps import render_maps
from teacher.evidence.mean_head_view import FirstView, MeanHead
from teacher.evidence.records import ContourEvidence
from teacher.evidence.silhouette import silhouette
from teacher.prior.networks.vertices import spread_vertices
from teacher.prior.records import PriorMaps

SIZE = 192  # of crop and maps; the picture is three times as large


@dataclass(frozen=True)
class Scene:
    """A head that is not the mean one, half turned away."""

    view: FirstView  # of the mean head, at the first pose
    true_px: Tensor  # (N, 2) of the true head's vertices
    crop: Crop
    head: np.ndarray  # (S, S) bool in the crop


@pytest.fixture(scope="module")
def scene() -> Scene:
    model = FlameModel(load_flame())
    vertices = spread_vertices(model.assets, 1024)
    shape = 2 * torch.randn(1, model.n_shape, generator=torch.Generator().manual_seed(10))
    turn, place = torch.tensor([[0.1, 0.6, 0.05]]), torch.tensor([[0.01, 0.0, -0.7]])
    params = replace(model.neutral_params(1), shape=shape, global_rot=turn, translation=place)
    camera = Camera.at_origin(torch.tensor(1100.0), (3 * SIZE, 3 * SIZE))
    verts = model(params).verts_m[0]
    landmarks = camera.project(model.assets.landmarks["mediapipe"].positions(verts, model.faces))
    crop = face_crop(landmarks, SIZE)
    head = render_maps(verts, model.faces, camera.warped(crop.affine, crop.size)).mask.numpy()
    view = MeanHead.of(model, vertices).view(landmarks, camera, crop)
    return Scene(view, camera.project(verts[vertices]), crop, head)


def maps_of(inside: np.ndarray, part: Part = Part.SKIN, beside: Part | np.ndarray = Part.BACKGROUND) -> PriorMaps:
    """Parts as a network that is sure: one in the head, one beside it."""
    index = torch.from_numpy(np.where(inside, int(part), beside))
    shares = torch.nn.functional.one_hot(index.long(), len(Part)).movedim(-1, 0)
    return PriorMaps("crop", part_logits=8 * shares.float())


def found_by(scene: Scene, maps: PriorMaps) -> ContourEvidence:
    found = silhouette(maps, scene.view, scene.crop)
    assert found is not None
    return found


def test_points_lie_on_the_true_outline_and_point_away_from_the_head(scene: Scene) -> None:
    contour = found_by(scene, maps_of(scene.head))
    assert contour.found.sum() > 20
    line = scene.crop.apply(contour.line_px)[contour.found]  # in the crop, where one pixel is one of the maps
    outside = cv2.distanceTransform((~scene.head).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = cv2.distanceTransform(scene.head.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)

    def depth(places: Tensor) -> np.ndarray:
        """Pixels inside the head, negative outside."""
        column, row = places.floor().long().clamp(0, SIZE - 1).unbind(-1)
        return (inside - outside)[row.numpy(), column.numpy()]

    assert np.abs(depth(line)).max() < 2.5
    direction = contour.direction[contour.found]
    torch.testing.assert_close(direction.norm(dim=1), torch.ones(len(direction)), atol=1e-4, rtol=0)
    assert (depth(line + 4 * direction) < -1.5).all()
    assert (depth(line - 4 * direction) > 1.5).all()


def test_the_true_head_fits_it_and_the_mean_head_does_not(scene: Scene) -> None:
    contour = found_by(scene, maps_of(scene.head))

    def outside_px(places: Tensor) -> Tensor:
        """In pixels of the crop, negative inside."""
        return ((places - contour.line_px) * contour.direction).sum(-1)[contour.found] * scene.crop.affine[0, 0]

    true, mean = outside_px(scene.true_px), outside_px(scene.view.pixel_px)
    assert true.max() < 1 < mean.max(), "nothing of a head lies beyond its outline"
    assert true.abs().mean() < 0.6 * mean.abs().mean()


def test_only_vertices_on_the_rim_that_can_be_seen_count(scene: Scene) -> None:
    found = found_by(scene, maps_of(scene.head)).found
    assert (scene.view.towards[found].abs() < 0.15).all()
    assert scene.view.visible[found].all()
    hidden = replace(scene.view, visible=torch.zeros_like(scene.view.visible))
    assert not found_by(replace(scene, view=hidden), maps_of(scene.head)).found.any()


def test_what_is_not_bare_skin_before_background_tells_nothing(scene: Scene) -> None:
    assert not found_by(scene, maps_of(scene.head, beside=Part.HAIR)).found.any()
    assert not found_by(scene, maps_of(scene.head, part=Part.HAIR)).found.any()
    left = np.full_like(scene.head, Part.BACKGROUND, dtype=np.int64)
    left[:, SIZE // 2 :] = Part.HAIR
    half = found_by(scene, maps_of(scene.head, beside=left))
    whole = found_by(scene, maps_of(scene.head))
    column = scene.crop.apply(whole.line_px)[:, 0]
    assert torch.equal(half.found[column < SIZE / 2 - 8], whole.found[column < SIZE / 2 - 8])
    assert not half.found[scene.crop.apply(half.line_px)[:, 0] > SIZE / 2 + 4].any()


@pytest.mark.parametrize("unsure", [Part.SKIN, Part.BACKGROUND])
def test_an_unsure_network_tells_nothing(scene: Scene, unsure: Part) -> None:
    """On one side of the outline, where it leans to what is there by no more than 0.6."""
    shown = maps_of(scene.head).part_logits
    assert shown is not None
    there = torch.from_numpy(scene.head) == (unsure == Part.SKIN)
    doubt = torch.log(torch.tensor([0.05] * len(Part)))[:, None, None].expand_as(shown).clone()
    doubt[unsure] = torch.log(torch.tensor(0.6))
    assert not found_by(scene, PriorMaps("crop", part_logits=torch.where(there, doubt, shown))).found.any()


def test_a_silhouette_elsewhere_is_not_the_heads(scene: Scene) -> None:
    """A bare head beside the one whose landmarks are known: its outline runs the same way, too far off."""
    away = np.roll(scene.head, 24, 1)
    away[:, :24] = False
    sideways = scene.view.outward[:, 0].abs() > 0.9
    assert found_by(scene, maps_of(scene.head)).found[sideways].sum() > 5
    assert not found_by(scene, maps_of(away)).found[sideways].any()


def test_maps_without_parts_or_without_a_head(scene: Scene) -> None:
    assert silhouette(PriorMaps("crop"), scene.view, scene.crop) is None
    nothing = found_by(scene, maps_of(np.zeros_like(scene.head)))
    assert not nothing.found.any()
    assert nothing.line_px.isfinite().all()
    assert nothing.direction.isfinite().all()
