"""From a real photo to its label: the camera is the full picture's, and the gate separates good landmarks from bad."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut
from torch import Tensor

from shared.config.loading import load_config
from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.geometry.crop import Crop
from shared.images.decode import Frame
from shared.labels.shard import read_labels
from shared.runs.ranks import Ranks
from teacher.config import FitDatasetConfig, FitRunConfig, FocalConfig
from teacher.dataset.run import run_dataset
from teacher.observation.face import ObservedFace, observe
from teacher.pipeline.fit import fit_faces
from teacher.pipeline.tools import Tools, build_tools

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tools() -> Tools:
    return build_tools(FitRunConfig(prior="none", focal=FocalConfig(estimate=False)), torch.device("cpu"))


@pytest.fixture(scope="module")
def config() -> FitDatasetConfig:
    return load_config(FitDatasetConfig, [str(ROOT / "configs" / "teacher" / "fit_dataset.yaml"), "inputs=a", "out=b"])


@pytest.fixture(scope="module")
def face(tools: Tools, config: FitDatasetConfig) -> ObservedFace:
    (found,) = observe(Frame(astronaut(), "a.jpg", "a.jpg"), tools.detector(), config)
    return found


def seen_at(face: ObservedFace, landmarks_px: Tensor, config: FitDatasetConfig) -> ObservedFace:
    """The same face with other landmarks."""
    crop = Crop.around(landmarks_px, config.crop_size, config.crop_margin)
    return replace(face, landmarks_px=landmarks_px, crop=crop)


@pytest.mark.parametrize(("size", "corner"), [((700, 1000), (460, 180)), ((1100, 600), (0, 5))])
def test_the_camera_of_a_label_is_the_full_pictures(
    tools: Tools, config: FitDatasetConfig, tmp_path: Path, size: tuple[int, int], corner: tuple[int, int]
) -> None:
    """The labelled head, seen by the labelled camera, lies on the labelled landmarks of the picture."""
    picture, (x, y) = np.full((*size, 3), 120, np.uint8), corner
    picture[y : y + 512, x : x + 512] = astronaut()
    (tmp_path / "in").mkdir()
    Image.fromarray(picture).save(tmp_path / "in" / "off_centre.png")
    changed = replace(config, inputs=str(tmp_path / "in"), out=str(tmp_path / "out"), previews=False)
    assert run_dataset(changed, Ranks(), tools, quiet=True).finished
    labels = read_labels(tmp_path / "out")
    camera, model = labels.cameras.camera(0), tools.model
    assert camera.size == size
    focal = max(size) / 2 / np.tan(np.deg2rad(config.fov_deg / 2))
    # The principal point is an unknown with a narrow prior.
    narrow = float(config.fit.principal_std * focal)
    torch.testing.assert_close(camera.center_px, torch.tensor([size[1] / 2, size[0] / 2]), atol=narrow, rtol=0)
    torch.testing.assert_close(camera.focal_px, torch.full((2,), float(focal)), rtol=1e-5, atol=0)
    embedding = model.assets.landmarks["mediapipe"]
    corners = model(labels.params[0]).verts_m[model.faces[embedding.face_index]]
    seen = camera.project((corners * embedding.barycentric[..., None]).sum(1))
    marks = labels.detected_landmarks_px[0]
    assert (marks.amin(0) > torch.tensor([x + 150, y + 50])).all()  # they are those of the pasted photo
    assert (marks.amax(0) < torch.tensor([x + 300, y + 200])).all()
    unit = (marks[OUTER_EYE_CORNERS[0]] - marks[OUTER_EYE_CORNERS[1]]).norm()
    assert (seen - marks).norm(dim=-1).mean() < 0.05 * unit
    assert (seen - marks).mean(0).norm() < 0.03 * unit


def test_good_landmarks_pass_and_bad_ones_do_not(tools: Tools, config: FitDatasetConfig, face: ObservedFace) -> None:
    generator = torch.Generator().manual_seed(0)
    points = face.landmarks_px
    unit = (points[OUTER_EYE_CORNERS[0]] - points[OUTER_EYE_CORNERS[1]]).norm()
    drift = (points - points.mean(0)) / unit
    # Noise that neighbours share, as where the landmark network has lost half of the face.
    wave = torch.stack([torch.sin(4 * drift[:, 1] + 1), torch.cos(5 * drift[:, 0])], 1)
    cases = {
        "as detected": (points, None),
        "a little noise": (points + 0.01 * unit * torch.randn(478, 2, generator=generator), None),
        "shuffled": (points[torch.randperm(478, generator=generator)], "landmark error"),
        "much noise": (points + 0.1 * unit * torch.randn(478, 2, generator=generator), "landmark error"),
        "bent": (points + 0.2 * unit * wave, "landmark error"),
        "mirrored": (torch.stack([512 - points[:, 0], points[:, 1]], 1), "flipped face"),
    }
    faces = [seen_at(face, landmarks, config) for landmarks, _ in cases.values()]
    fitted = fit_faces(faces, tools, config.quality)
    for one, (name, (_, reason)) in zip(fitted, cases.items(), strict=True):
        names = {failure.name for failure in one.failures}
        assert names == set() if reason is None else reason in names, (name, one.verdict)
