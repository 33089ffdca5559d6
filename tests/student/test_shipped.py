"""The trained students that are part of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from skimage import data

from shared.config import SyntheticConfig
from shared.evaluate.metrics import vertex_error_mm
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.records import stack
from shared.synthetic.generate import generate
from shared.synthetic.shards import StoredPortraits
from student.api import Student
from student.live.landmark_error import LandmarkError
from student.weights import SHIPPED, load_student

NAMES = ["base", "nano"]


@pytest.mark.parametrize("name", NAMES)
def test_it_belongs_to_the_open_head_and_is_small(name: str) -> None:
    student = load_student(name)
    assert student.head_id == load_flame().head_id
    assert SHIPPED[name].stat().st_size < 12e6
    assert student.header["data"], "what it was trained on is in the file"


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> StoredPortraits:
    """Of people whom no training saw."""
    folder = tmp_path_factory.mktemp("portraits") / "set"
    generate(SyntheticConfig(out=str(folder), count=16, size=192, seed=91_000_000, landmarks=True), quiet=True)
    return StoredPortraits(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_is_nearer_to_the_truth_than_the_mean_head(name: str, portraits: StoredPortraits) -> None:
    student, model = Student.from_pretrained(name), FlameModel(load_flame())
    face, errors, means = model.assets.region("face"), [], []
    for index in range(len(portraits)):
        portrait, detection = portraits[index], portraits.detection(index)
        if detection is None:
            continue
        found = detection.landmarks_px
        camera: Camera = stack([portrait.truth.camera])
        heads = student.predictor.predict([portrait.image], found[None], found[None], camera)
        with torch.inference_mode():
            truth = model(portrait.truth.params).verts_m[face].double()
        errors.append(float(vertex_error_mm(heads.verts_m[0][face].double(), truth)))
        means.append(float(vertex_error_mm(model.v_template[face].double(), truth)))
    assert len(errors) >= 10
    assert sum(errors) < 0.97 * sum(means)


@pytest.mark.parametrize("name", NAMES)
def test_a_photo(name: str, tmp_path: Path) -> None:
    student, photo = Student.from_pretrained(name), data.astronaut()
    (head,) = student.infer(photo)
    (face,) = student.detector.detect(photo)
    error = LandmarkError(student.predictor.decoder.known.tolist())
    assert error(head.landmarks_px.numpy(), face.landmarks_px) < 0.05
    joints = student.predictor.decoder.model.rest_joints(student.predictor.decoder.model.coefficients(head.params))
    assert 0.058 < float((joints[3] - joints[4]).norm()) < 0.069
