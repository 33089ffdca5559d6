"""Three lines from a picture to a head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from teacher.api import Teacher


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    return Teacher.from_pretrained(device="cpu")


def test_a_picture_gives_a_head_of_human_size_on_the_face(teacher: Teacher, tmp_path: Path) -> None:
    astronaut = data.astronaut()
    (head,) = teacher.fit(astronaut)
    assert head.failures == ()
    projected = head.camera.project(head.verts_m)
    eyes = [projected[teacher.tools.model.assets.region(f"{side}_eye")].mean(0) for side in ("left", "right")]
    irises, of_mesh = (marks[[473, 468]] for marks in (head.detected_landmarks_px, head.mesh_landmarks_px))
    for eye, iris, on_mesh in zip(eyes, irises, of_mesh, strict=True):
        assert (eye - iris).norm() < 4  # pixels; the eyes are 40 apart
        assert (on_mesh - iris).norm() < 4
    assert 0 < head.quality <= 1
    assert head.detector_score > 0.5
    path = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    (from_file,) = teacher.fit(path)
    np.testing.assert_array_equal(from_file.verts_m.numpy(), head.verts_m.numpy())


def test_every_face_where_asked_for() -> None:
    teacher = Teacher.from_pretrained(device="cpu", faces="all")
    twice = np.concatenate([data.astronaut(), data.astronaut()[:, ::-1]], 1)
    assert len(teacher.fit(twice)) == 2
    assert teacher.fit(np.zeros((200, 300, 3), np.uint8)) == []


def test_what_is_not_a_picture_is_refused(teacher: Teacher) -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W, 3\) uint8 RGB, got \(9, 9\) float64"):
        teacher.fit(np.zeros((9, 9)))
