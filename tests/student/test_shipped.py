"""The trained students that are part of the repository."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from shared.evaluate.metrics import vertex_error_mm
from shared.flame.assets import load_flame
from shared.flame.landmark_error import LandmarkError
from shared.flame.model import FlameModel
from shared.synthetic.drawn_heads import draw_heads
from shared.synthetic.simulated_detection import DetectionSimulator
from student.api import Student
from student.network.weights import SHIPPED, load_student

NAMES = ["base", "nano"]


@pytest.mark.parametrize("name", NAMES)
def test_it_belongs_to_the_open_head_and_is_small(name: str) -> None:
    student = load_student(name)
    assert student.head_id == load_flame().head_id
    assert SHIPPED[name].stat().st_size < 12e6
    assert student.header["data"], "what it was trained on is in the file"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_nearer_to_the_truth_than_the_mean_head(name: str) -> None:
    """Of people whom no training saw, by landmarks with the errors that they have on real heads."""
    model = FlameModel(load_flame())
    heads = draw_heads(model, 48, seed=91_000_000)
    found = DetectionSimulator.of(model).of_many(heads.params, heads.camera, seed=1)
    student, face = Student.from_pretrained(name), model.assets.region("face")
    marks, nothing = found.landmarks_px, [np.full((512, 512, 3), 127, np.uint8)] * 48
    predicted = student.predictor.predict(nothing, marks, marks, heads.camera, found.blendshapes)
    with torch.inference_mode():
        truth = model(heads.params).verts_m[:, face].double()
    errors = [float(vertex_error_mm(*pair)) for pair in zip(predicted.verts_m[:, face].double(), truth, strict=True)]
    means = [float(vertex_error_mm(model.v_template[face].double(), one)) for one in truth]
    assert sum(errors) < (0.75 if name == "nano" else 0.85) * sum(means)


@pytest.mark.parametrize("name", NAMES)
def test_a_photo(name: str, tmp_path: Path) -> None:
    student, photo = Student.from_pretrained(name), data.astronaut()
    (head,) = student.infer(photo)
    (face,) = student.detector.detect(photo)
    assert head.failures == ()
    assert 0 < head.quality <= 1
    assert torch.equal(head.detected_landmarks_px, torch.from_numpy(face.landmarks_px))
    error = LandmarkError(student.predictor.decoder.known.tolist())
    assert error(head.mesh_landmarks_px.numpy(), face.landmarks_px) < 0.05
    joints = student.predictor.decoder.model.rest_joints(student.predictor.decoder.model.coefficients(head.params))
    assert 0.058 < float((joints[3] - joints[4]).norm()) < 0.069
