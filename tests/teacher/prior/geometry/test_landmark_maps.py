"""Coarse maps from landmarks, against the head they are landmarks of."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from shared.flame.assets import load_flame
from shared.flame.mediapipe_mesh import mediapipe_mirror, mediapipe_triangles
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.render.maps import RenderedMaps, render_maps
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from tests.tiny_head import tiny_head

SIZE = 128


@pytest.fixture(scope="module")
def mapper() -> LandmarkMapper:
    return LandmarkMapper.of(load_flame())


def seen(yaw: float, pitch: float) -> tuple[np.ndarray, RenderedMaps]:
    """Landmarks (478, 2) in a crop of ``SIZE`` and maps of half of it, from far away, where views are orthographic."""
    assets = load_flame()
    turn = axis_angle_to_matrix(torch.tensor([0.0, yaw, 0.0])) @ axis_angle_to_matrix(torch.tensor([pitch, 0.0, 0.0]))
    camera = Camera.at_origin(torch.tensor(40_000.0), (SIZE, SIZE))
    far = torch.tensor([0.0, 0.0, -100.0])
    verts = assets.v_template @ turn.T + far
    places = assets.landmarks["mediapipe"].positions(verts, assets.faces)
    half = camera.resized((SIZE // 2, SIZE // 2))
    return camera.project(places).numpy(), render_maps(verts, assets.faces, half, assets.uv, assets.uv_faces)


@pytest.mark.parametrize(("yaw", "pitch"), [(0.0, 0.0), (0.6, 0.1), (-1.0, -0.3), (0.0, 0.6)])
def test_maps_are_those_of_the_head(mapper: LandmarkMapper, yaw: float, pitch: float) -> None:
    landmarks, truth = seen(yaw, pitch)
    maps = torch.from_numpy(mapper.maps(landmarks, SIZE))
    cover = maps[5] > 0
    assert truth.uv is not None
    assert cover.sum() > 500
    assert (cover & ~truth.mask).float().sum() < 0.02 * cover.sum()  # landmarks are joined by chords
    both = cover & truth.mask
    uv_error = (maps[:2] - truth.uv).norm(dim=0)[both]
    cosine = (maps[2:5] * truth.normal).sum(0)[both]
    assert uv_error.median() < 0.003
    assert cosine.median() > 0.98
    assert torch.allclose(maps[2:5].norm(dim=0)[cover], torch.tensor(1.0), atol=1e-4)
    assert (maps[:, ~cover] == 0).all()


def test_rotation_is_that_of_the_head_whatever_the_scale(mapper: LandmarkMapper) -> None:
    turn = axis_angle_to_matrix(torch.tensor([0.2, -0.7, 0.3])).double().numpy()
    head_to_crop = np.diag([1.0, -1.0, -1.0]) @ turn
    places = mapper.places_m @ head_to_crop.T
    landmarks = np.zeros((478, 2))
    landmarks[:468] = 431 * places[:, :2] + 70
    assert np.allclose(mapper.rotation(landmarks), head_to_crop, atol=1e-9)


def test_mirrored_landmarks_give_the_mirrored_map(mapper: LandmarkMapper) -> None:
    landmarks, _ = seen(0.5, 0.2)
    mirrored = (landmarks * [-1, 1] + [SIZE, 0])[mediapipe_mirror().numpy()]
    maps, back = mapper.maps(landmarks, SIZE), mapper.maps(mirrored, SIZE)[:, :, ::-1]
    both = (maps[5] > 0) & (back[5] > 0)
    assert (maps[5] != back[5]).mean() < 0.005
    assert np.median(np.abs(1 - back[0] - maps[0])[both]) < 1e-3  # the face's chart is symmetric about u = 0.5
    assert np.median(np.abs(-back[2] - maps[2])[both]) < 5e-3


def test_no_triangle_crosses_a_seam(mapper: LandmarkMapper) -> None:
    corners_uv, corners_m = mapper.uv[mapper.triangles], mapper.places_m[mapper.triangles]
    edge_uv = np.linalg.norm(corners_uv - np.roll(corners_uv, 1, 1), axis=-1)
    edge_m = np.linalg.norm(corners_m - np.roll(corners_m, 1, 1), axis=-1)
    assert (edge_uv < 3 * edge_m + 0.02).all()  # a UV of 1 is 0.66 m on the face; lips and lids are folded


def test_triangles_and_partners_belong_together() -> None:
    mirror, triangles = mediapipe_mirror(), mediapipe_triangles()
    assert torch.equal(mirror[mirror], torch.arange(478))
    assert {tuple(sorted(t)) for t in mirror[triangles].tolist()} == {tuple(sorted(t)) for t in triangles.tolist()}
    assets = load_flame()
    places = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
    assert torch.allclose(places[mirror] * torch.tensor([-1.0, 1.0, 1.0]), places, atol=1e-3)


def test_landmarks_on_a_line_are_no_face(mapper: LandmarkMapper) -> None:
    line = np.repeat(np.linspace(10, 90, 478)[:, None], 2, 1)
    assert (mapper.maps(line, SIZE) == 0).all()
    assert (mapper.maps(np.full((478, 2), 30.0), SIZE) == 0).all()


def test_mapper_goes_to_other_processes_and_refuses_other_heads(mapper: LandmarkMapper) -> None:
    landmarks, _ = seen(0.0, 0.0)
    assert np.array_equal(pickle.loads(pickle.dumps(mapper)).maps(landmarks, SIZE), mapper.maps(landmarks, SIZE))
    head = tiny_head()
    with pytest.raises(ValueError, match="tiny"):
        LandmarkMapper.of(type(head)(**{**vars(head), "landmarks": {}}))
