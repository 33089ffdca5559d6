"""Demo heads: reproducible, true, and faces to a face detector."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from shared.flame.model import FlameModel
from shared.records.tensor_record import TensorRecord
from shared.render.rasterizer import rasterize
from shared.synthetic.heads import HeadPainter, HeadRanges, RenderedHead


@pytest.fixture(scope="module")
def painter(head_model: FlameModel) -> HeadPainter:
    return HeadPainter(head_model, HeadRanges(size=(160, 144)))


@pytest.fixture(scope="module")
def drawn(painter: HeadPainter) -> list[RenderedHead]:
    return [painter(3, index) for index in range(4)]


def assert_same(one: object, other: object) -> None:
    assert dataclasses.is_dataclass(one)
    assert not isinstance(one, type)
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, TensorRecord):
            assert_same(a, b)
        elif isinstance(a, torch.Tensor | np.ndarray):
            assert (a == b).all(), field.name
        else:
            assert a == b


def test_a_head_depends_on_seed_and_index_alone(painter: HeadPainter, drawn: list[RenderedHead]) -> None:
    torch.manual_seed(99)
    assert_same(painter(3, 2), drawn[2])
    assert (painter(4, 2).image != drawn[2].image).any()
    assert len({picture.image.tobytes() for picture in drawn}) == len(drawn)


def test_truth_is_consistent(head_model: FlameModel, drawn: list[RenderedHead]) -> None:
    for picture in drawn:
        assert picture.image.shape == (160, 144, 3)
        verts = head_model(picture.params).verts_m
        assert torch.allclose(verts, picture.verts_m, atol=1e-6)
        for name, marks in (("mediapipe", picture.landmarks_px), ("ibug68", picture.landmarks68_px)):
            points = head_model.assets.landmarks[name].positions(verts, head_model.faces)
            assert torch.allclose(picture.camera.project(points), marks, atol=1e-3)
        seen = rasterize(picture.camera.world_to_cam(verts), head_model.faces, picture.camera)
        assert torch.equal(seen.depth_m, picture.depth_m)
        inside = (picture.landmarks_px > 0).all(-1) & (picture.landmarks_px < torch.tensor([144, 160])).all(-1)
        assert inside.float().mean() > 0.95


def test_picture_shows_the_head_where_the_truth_says(drawn: list[RenderedHead]) -> None:
    """Pupils are the darkest of the eye: the painted iris must sit on its landmark."""
    contrasts = []
    for picture in drawn:
        grey = picture.image.astype(float).mean(-1)
        for iris in (468, 473):
            column, row = picture.landmarks_px[iris].round().int().tolist()
            patch = grey[max(row - 5, 0) : row + 6, max(column - 5, 0) : column + 6]
            core = grey[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            contrasts.append(core.mean() < np.percentile(patch, 40))
    assert np.mean(contrasts) > 0.6  # an eye may be shut or hidden


def test_ranges_are_kept(head_model: FlameModel) -> None:
    ranges = HeadRanges(
        size=(40, 60), yaw=0.3, pitch=0.0, roll=0.0, focal_35mm=(50.0, 50.0), max_units=0, supersample=1
    )
    painter = HeadPainter(head_model, ranges)
    yaws = []
    for index in range(6):
        picture = painter(0, index)
        assert torch.allclose(picture.camera.focal_px, torch.tensor(50.0 / 36 * 60))
        assert not picture.params.expression.any()
        assert not picture.params.global_rot[[0, 2]].any()
        yaws.append(float(picture.params.global_rot[1]))
    assert max(map(abs, yaws)) <= 0.3
    assert np.std(yaws) > 0.02


@pytest.mark.slow
def test_mediapipe_finds_nearly_all_faces(head_model: FlameModel) -> None:
    face_mesh = pytest.importorskip("mediapipe").solutions.face_mesh
    painter = HeadPainter(head_model, HeadRanges(size=(256, 256)))
    found, errors = 0, []
    with face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True, max_num_faces=1) as detector:
        for index in range(12):
            picture = painter(7, index)
            faces = detector.process(picture.image).multi_face_landmarks
            if faces:
                found += 1
                marks = np.array([(mark.x, mark.y) for mark in faces[0].landmark]) * 256
                scale = float((picture.landmarks_px[10] - picture.landmarks_px[152]).norm())
                errors.append(np.median(np.linalg.norm(marks - picture.landmarks_px.numpy(), axis=1)) / scale)
    assert found >= 11
    assert np.median(errors) < 0.05  # of the face's height
