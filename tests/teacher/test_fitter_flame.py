"""The landmark fit on heads from FLAME's files, which know 105 of MediaPipe's 478 points or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix
from skimage.data import astronaut

from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import INNER_LIPS, LEFT_LIDS, OUTER_EYE_CORNERS, OUTER_LIPS, RIGHT_LIDS
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.geometry.camera import Camera
from shared.images.decode import Frame
from shared.runs.errors import UserError
from teacher.config import FitConfig, FitDatasetConfig, FitRunConfig
from teacher.dataset.previews import draw_preview
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.observation.face import observe
from teacher.pipeline.fit import fit_faces
from teacher.pipeline.tools import build_tools
from tests.flame.conftest import head_arrays, write_pickle

# The 105 of FLAME's file: brows, lids, nose and lips; neither silhouette nor irises.
_RIGHT_BROW = (46, 52, 53, 55, 63, 65, 66, 70, 105, 107)
_LEFT_BROW = (276, 282, 283, 285, 293, 295, 296, 300, 334, 336)
_NOSE = (168, 6, 197, 195, 5, 4, 129, 98, 97, 2, 326, 327, 358)
KNOWN = (*_RIGHT_BROW, *_LEFT_BROW, *RIGHT_LIDS, *LEFT_LIDS, *_NOSE, *INNER_LIPS, *OUTER_LIPS)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXEL3DMM_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def open_head() -> FlameAssets:
    return load_flame()


def known_105(head: FlameAssets) -> LandmarkEmbedding:
    """What FLAME's authors would have written for this head."""
    whole, index = head.landmarks["mediapipe"], torch.tensor(KNOWN)
    return LandmarkEmbedding(whole.face_index[index], whole.barycentric[index], index)


def flame_arrays(head: FlameAssets) -> dict[str, Any]:
    """A head as the dict inside a FLAME pickle."""
    return head_arrays() | {
        "v_template": head.v_template.numpy(),
        "f": head.faces.numpy().astype(np.uint32),
        "shapedirs": torch.cat([head.shapedirs, head.expressiondirs], 2).numpy(),
        "posedirs": head.posedirs.numpy(),
        "J_regressor": csc_matrix(head.joint_regressor.numpy()),
        "weights": head.lbs_weights.numpy(),
    }


def write_embedding(folder: Path, embedding: LandmarkEmbedding) -> None:
    assert embedding.index is not None
    np.savez(
        folder / "mediapipe_landmark_embedding.npz",
        lmk_face_idx=embedding.face_index,
        lmk_b_coords=embedding.barycentric,
        landmark_indices=embedding.index,
    )


def test_105_points_are_met(open_head: FlameAssets) -> None:
    assert len(set(KNOWN)) == 105
    head = replace(open_head, name="flame2020", landmarks={"mediapipe105": known_105(open_head)}, regions={})
    model, whole = FlameModel(head), open_head.landmarks["mediapipe"]
    generator = torch.Generator().manual_seed(0)
    params = replace(
        model.neutral_params(4),
        shape=0.8 * torch.randn(4, model.n_shape, generator=generator),
        global_rot=torch.tensor([[0.1, yaw, 0.0] for yaw in (-0.6, -0.1, 0.2, 0.7)]),
        jaw=torch.tensor([[0.15, 0.0, 0.0]]).expand(4, 3),
        translation=torch.tensor([[0.03, -0.02, -0.6]]).expand(4, 3),
    )
    camera = Camera.at_origin(torch.full((4,), 800.0), (480, 640))
    truth = model(params).verts_m
    marks = camera.project((truth[:, model.faces[whole.face_index]] * whole.barycentric[..., None]).sum(2))
    unknown = torch.ones(478, dtype=torch.bool)
    unknown[list(KNOWN)] = False
    marks[:, unknown] = 0.0  # must not be looked at
    config = FitConfig(landmark_noise=1.0)
    result = HeadFitter(model, config, landmark_noise=LandmarkNoise.independent(105, 0.002)).fit(
        FaceEvidence(marks, camera)
    )
    assert result.converged.all()
    assert result.landmark_error.max() < 0.01
    assert (result.params.jaw[:, 0] > 0.05).all()
    assert (result.params.translation - params.translation).norm(dim=-1).max() < 0.05


@pytest.mark.slow
def test_a_flame_folder_fits_a_photo(open_head: FlameAssets, tmp_path: Path) -> None:
    """From the files to the preview, without masks, lids or texture coordinates."""
    write_pickle(tmp_path / "flame" / "generic_model.pkl", flame_arrays(open_head))
    write_embedding(tmp_path / "flame", known_105(open_head))
    tools = build_tools(FitRunConfig(flame=str(tmp_path / "flame")), CPU)
    config = FitDatasetConfig(inputs="", out="")
    faces = observe(Frame(astronaut(), "a.jpg", "a.jpg"), tools.detector(), config)
    (fitted,) = fit_faces(faces, tools, config.quality)
    assert fitted.failures == ()
    assert fitted.verdict is not None
    assert fitted.verdict.measures.landmark_error < 0.04
    assert draw_preview(fitted, tools.model).std() > 20


def test_without_embedding_the_error_says_what_to_put_where(tmp_path: Path) -> None:
    model_file = write_pickle(tmp_path / "generic_model.pkl", head_arrays())
    with pytest.raises(UserError, match=r"put mediapipe_landmark_embedding\.npz .* beside the model file") as error:
        build_tools(FitRunConfig(flame=str(model_file)), CPU)
    assert str(tmp_path) in str(error.value)
    assert "Landmark Embedding" in str(error.value)


def test_an_embedding_without_eye_corners_is_refused(open_head: FlameAssets) -> None:
    embedding = known_105(open_head)
    assert embedding.index is not None
    keep = embedding.index != OUTER_EYE_CORNERS[0]
    less = LandmarkEmbedding(embedding.face_index[keep], embedding.barycentric[keep], embedding.index[keep])
    head = replace(open_head, landmarks={"mediapipe105": less})
    with pytest.raises(ValueError, match=r"lacks MediaPipe's point 33"):
        HeadFitter(FlameModel(head), FitConfig())
